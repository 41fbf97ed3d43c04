//! Both shapes of a cluster's credentials lead to one connection, or to an error that helps.

use openchoreo_types::common::{AuthSource, BasicCredentials, ClusterConnection, KubernetesCluster, MaterialSource};
use openchoreo_types::{crd_manifest, crds};
use serde_json::{Value, json};

const INLINE: fn(&'static str) -> MaterialSource<'static> = |text| MaterialSource::Inline(text);
const SECRET: fn(&'static str, &'static str) -> MaterialSource<'static> =
    |name, key| MaterialSource::Secret { name, key };

fn cluster(value: &Value) -> KubernetesCluster {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

#[test]
fn every_way_to_write_credentials_leads_to_a_connection() {
    let mtls = |cert, key| AuthSource::Mtls { cert, key };
    let cases = [
        (
            json!({"server": "https://a", "tls": {"ca": {"value": "CA"}},
                   "auth": {"mtls": {"clientCert": {"value": "C"}, "clientKey": {"value": "K"}}}}),
            (Some(INLINE("CA")), mtls(INLINE("C"), INLINE("K"))),
        ),
        (
            json!({"server": "https://a", "tls": {"ca": {}}, "auth": {"bearerToken": {"secretRef": "login"}}}),
            (None, AuthSource::Token(SECRET("login", "token"))),
        ),
        (
            json!({"server": "https://a", "auth": {
                "mtls": {"clientCert": {"secretRef": "s"}, "clientKey": {"secretRef": {"name": "s", "key": "k"}}},
                "bearerToken": {"value": "ignored beside a certificate"}}}),
            (None, mtls(SECRET("s", "tls.crt"), SECRET("s", "k"))),
        ),
        (
            json!({"name": "kind", "credentials":
                {"apiServerURL": "https://a", "caCert": "CA", "clientCert": "C", "clientKey": "K"}}),
            (Some(INLINE("CA")), mtls(INLINE("C"), INLINE("K"))),
        ),
        (
            json!({"credentials": {"apiServerURL": "https://a", "caCert": {"secretRef": "s"},
                "token": {"secretRef": {"name": "s"}}}}),
            (Some(SECRET("s", "ca.crt")), AuthSource::Token(SECRET("s", "token"))),
        ),
        (
            json!({"credentials": {"apiServerURL": "https://a", "token": {"value": "T"}, "clientCert": ""}}),
            (None, AuthSource::Token(INLINE("T"))),
        ),
    ];
    for (value, (ca, auth)) in cases {
        let cluster = cluster(&value);
        assert_eq!(cluster.connection(), Ok(ClusterConnection { server: "https://a", ca, auth }), "{value}");
        assert_eq!(
            serde_json::from_value::<KubernetesCluster>(serde_json::to_value(&cluster).unwrap()).unwrap(),
            cluster
        );
    }
}

#[test]
fn an_error_names_the_field_and_the_remedy() {
    let credentials = |rest: Value| {
        let mut fields = json!({"apiServerURL": "https://a"});
        fields.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        json!({"credentials": fields})
    };
    let cases = [
        (json!({}), "`spec.kubernetesCluster` names no cluster: set `server` with `auth`, or `credentials`"),
        (json!({"server": "https://a"}), "`spec.kubernetesCluster.auth` has no credentials: set `mtls.clientCert`"),
        (
            json!({"server": "https://a", "credentials": {"apiServerURL": "https://b"}}),
            "`spec.kubernetesCluster` has two shapes at once",
        ),
        (
            json!({"server": "https://a", "auth": {"mtls": {"clientCert": {"value": "C"}, "clientKey": {}}}}),
            "`spec.kubernetesCluster.auth.mtls.clientKey` is empty",
        ),
        (credentials(json!({})), "`spec.kubernetesCluster.credentials` has no credentials: set `clientCert`"),
        (
            credentials(json!({"clientCert": "C", "token": "T"})),
            "`spec.kubernetesCluster.credentials.clientKey` is empty: write the value, or name a Secret",
        ),
        (credentials(json!({"token": 5})), "`spec.kubernetesCluster.credentials.token` cannot be read"),
        (credentials(json!({"token": {"secret": "s"}})), "`spec.kubernetesCluster.credentials.token` cannot be read"),
        (
            credentials(json!({"token": {"secretRef": {"name": 5}}})),
            "`spec.kubernetesCluster.credentials.token` cannot be read",
        ),
    ];
    for (value, message) in cases {
        let error = cluster(&value).connection().expect_err(&value.to_string()).to_string();
        assert!(error.starts_with(message), "{value}\n  expected {message}\n  found    {error}");
    }
}

#[test]
fn credentials_never_show_in_debug_output() {
    let ways = [
        json!({"server": "https://a", "auth": {"bearerToken": {"value": "hunter2"}}}),
        json!({"server": "https://a",
            "auth": {"mtls": {"clientCert": {"value": "C"}, "clientKey": {"value": "hunter2"}}}}),
        json!({"credentials": {"apiServerURL": "https://a", "token": "hunter2"}}),
        json!({"credentials": {"apiServerURL": "https://a", "token": {"value": "hunter2"}}}),
        json!({"credentials": {"apiServerURL": "https://a", "token": ["hunter2"]}}),
    ];
    for way in ways {
        let cluster = cluster(&way);
        let shown = format!("{:?} {cluster:?}", cluster.connection());
        assert!(shown.contains("https://a") && !shown.contains("hunter2"), "{way}: {shown}");
    }
    let login = BasicCredentials { username: "reader".to_owned(), password: "hunter2".to_owned() };
    let shown = format!("{login:?}");
    assert!(shown.contains("reader") && !shown.contains("hunter2"), "{shown}");
}

/// The schema of `spec.kubernetesCluster` as an API server gets it.
fn schema() -> Value {
    let crd = crds().into_iter().find(|crd| crd.spec.names.kind == "DataPlane").unwrap();
    let pointer = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/kubernetesCluster";
    crd_manifest(&crd).pointer(pointer).cloned().unwrap()
}

#[test]
fn admission_takes_exactly_one_shape() {
    let login = json!({"bearerToken": {"value": "T"}});
    let mtls = json!({"mtls": {"clientCert": {"value": "C"}, "clientKey": {"value": "K"}}});
    let credentials = json!({"apiServerURL": "https://a", "token": "T"});
    let cases = [
        (json!({"server": "https://a", "auth": login}), None),
        (json!({"server": "https://a", "auth": mtls, "tls": {"ca": {"value": "CA"}}}), None),
        (json!({"credentials": credentials, "name": "kind"}), None),
        (json!({}), Some("exactly one of the two")),
        (json!({"server": "https://a", "auth": login, "credentials": credentials}), Some("exactly one of the two")),
        (json!({"credentials": credentials, "auth": login}), Some("belong to `server`")),
        (json!({"server": "https://a"}), Some("set `auth.mtls` or `auth.bearerToken`")),
        (json!({"server": "https://a", "auth": {}}), Some("set `auth.mtls` or `auth.bearerToken`")),
    ];
    let compiled = kube_cel::compile_schema(&schema());
    for (value, refused) in cases {
        let errors = kube_cel::validate_compiled(&compiled, &value, None).err();
        let messages: Vec<String> =
            errors.into_iter().flat_map(|errors| errors.into_vec()).map(|error| error.message).collect();
        match refused {
            None => assert_eq!(messages, Vec::<String>::new(), "{value}"),
            Some(part) => assert!(messages.iter().any(|message| message.contains(part)), "{value}: {messages:?}"),
        }
    }
}
