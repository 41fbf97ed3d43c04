//! What registrations and their Secrets say, and which Secrets may be used.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use openchoreo_core::client::{ClientError, Credentials, PullCredentials};
use openchoreo_core::kind::{Kind, PlaneKey};
use openchoreo_core::labels::{PLANE_CREDENTIALS, annotations::PLANE_SERVER};
use openchoreo_core::planner::PlanContext;
use openchoreo_core::platform::Platform;
use openchoreo_types::common::{KubernetesCluster, PlaneKind, PlaneRef};
use openchoreo_types::v1alpha1::DataPlane;
use serde_json::{Value, json};

/// A registration with the token in the Secret `login`.
fn cluster(server: &str) -> KubernetesCluster {
    let cluster = json!({ "server": server, "auth": { "bearerToken": { "secretRef": "login" } } });
    serde_json::from_value(cluster).expect("a cluster")
}

fn secret(label: Option<&str>, servers: Option<&str>, token: &str) -> Secret {
    let one = |key: &str, value: Option<&str>| value.map(|value| BTreeMap::from([(key.to_owned(), value.to_owned())]));
    let mut secret = Secret::default();
    secret.metadata.name = Some("login".to_owned());
    secret.metadata.labels = one(PLANE_CREDENTIALS, label);
    secret.metadata.annotations = one(PLANE_SERVER, servers);
    secret.data = Some(BTreeMap::from([("token".to_owned(), ByteString(token.as_bytes().to_vec()))]));
    secret
}

fn resolved(server: &str, secret: Option<Secret>) -> Result<Credentials, ClientError> {
    let secret = secret.map(Arc::new);
    Credentials::of_cluster(&cluster(server), "acme", &|name| secret.clone().filter(|_| name == "login"))
}

#[test]
fn a_secret_is_used_only_for_the_servers_that_it_names() {
    let cases = [
        ("https://a.example:6443", "a.example:6443", true),
        ("https://a.example:6443", "a.example", true),
        ("https://A.Example.", "a.example:443", true),
        ("https://a.example:6443", " b.example , a.example:6443 ", true),
        ("https://a.example:6443", "a.example:443", false),
        ("https://a.example:6443", "example", false),
        ("https://a.example:6443", "https://a.example:6443", false),
        ("https://a.example:6443", "*", false),
        ("https://a.example:6443", "", false),
        ("https://10.0.0.1:6443", "10.0.0.1", true),
        ("https://[2001:db8::1]:6443", "[2001:db8::1]:6443", true),
        ("https://[2001:db8::1]:6443", "2001:DB8:0::1", true),
        ("https://[2001:db8::1]:6443", "[2001:db8::2]:6443", false),
    ];
    for (server, servers, is_used) in cases {
        let outcome = resolved(server, Some(secret(Some("true"), Some(servers), "the-token")));
        match outcome {
            Ok(credentials) => assert!(is_used && credentials.token() == Some("the-token"), "{server}, {servers}"),
            Err(ClientError::SecretForOthers { .. }) => assert!(!is_used, "{server}, {servers}"),
            Err(other) => panic!("{other:?}"),
        }
    }
    let unnamed = resolved("https://a.example", Some(secret(Some("true"), None, "the-token")));
    let error = unnamed.expect_err("a Secret that names no server").to_string();
    assert_eq!(
        error,
        "Secret `acme/login` may not be sent to `a.example:443`: its annotation `openchoreo.dev/plane-server` does not \
         name that server; if the server is right, run `kubectl annotate --overwrite secret login --namespace acme \
         openchoreo.dev/plane-server=a.example:443`"
    );
}

#[test]
fn a_secret_that_is_not_for_planes_is_not_told_from_one_that_does_not_exist() {
    let missing = resolved("https://a.example:6443", None).expect_err("no Secret").to_string();
    assert_eq!(
        missing,
        "Secret `acme/login`, which should hold `token`, does not exist or is not for planes; if it is meant for the \
         server `a.example:6443`, run `kubectl label secret login --namespace acme \
         openchoreo.dev/plane-credentials=true` and `kubectl annotate secret login --namespace acme \
         openchoreo.dev/plane-server=a.example:6443`"
    );
    for label in [None, Some("false"), Some("")] {
        let unmarked = resolved("https://a.example:6443", Some(secret(label, Some("a.example"), "the-token")));
        assert_eq!(unmarked.expect_err("a Secret that is not for planes").to_string(), missing);
    }
}

#[test]
fn no_name_of_a_secret_or_server_smuggles_commands_into_what_people_copy() {
    let mut cluster = cluster("https://a.example");
    cluster.auth = serde_json::from_value(json!({ "bearerToken": { "secretRef": "a; reboot" } })).expect("auth");
    let error = Credentials::of_cluster(&cluster, "acme", &|_| None).expect_err("no name of a Secret");
    assert!(matches!(error, ClientError::Malformed { what: "the name of a Secret", .. }), "{error:?}");
    let error = resolved("https://a.example&reboot", None).expect_err("no host");
    assert!(matches!(error, ClientError::Malformed { what: "the server URL", .. }), "{error:?}");
}

#[test]
fn credentials_that_stand_in_the_registration_need_no_secret() {
    let inline = json!({ "credentials": { "apiServerURL": "https://a.example", "token": " the-token\n" } });
    let cluster: KubernetesCluster = serde_json::from_value(inline).expect("a cluster");
    let credentials = Credentials::of_cluster(&cluster, "acme", &|_| None).expect("credentials");
    assert_eq!((credentials.server(), credentials.token()), ("https://a.example", Some("the-token")));
}

#[test]
fn a_fingerprint_changes_with_the_material_and_with_nothing_else() {
    let of = |server: &str, token: &str| {
        resolved(server, Some(secret(Some("true"), Some("a.example,b.example"), token))).expect("credentials")
    };
    let first = of("https://a.example", "one");
    assert_eq!(first.fingerprint(), of("https://a.example", "one").fingerprint());
    assert_ne!(first.fingerprint(), of("https://a.example", "two").fingerprint());
    assert_ne!(first.fingerprint(), of("https://b.example", "one").fingerprint());
    let exchanged = first.clone().with_token("two").expect("a token");
    assert_eq!(exchanged, of("https://a.example", "two"));
}

#[test]
fn credentials_do_not_show_in_debug_output() {
    let credentials = resolved("https://a.example", Some(secret(Some("true"), Some("a.example"), "the-token")));
    let shown = format!("{credentials:?}");
    assert!(shown.contains("a.example") && shown.contains("***") && !shown.contains("the-token"), "{shown}");
}

#[test]
fn what_pods_pull_with_does_not_show_in_debug_output() {
    let platform = Platform::builder().build().expect("the core alone is a platform");
    let mut world = platform.new_world();
    let mut stored = serde_json::to_value(secret(Some("true"), Some("a.example"), "")).expect("JSON");
    stored["metadata"]["namespace"] = "acme".into();
    stored["type"] = PullCredentials::TYPE.into();
    // `{"auths":{}}`, in base64.
    stored["data"] = json!({ PullCredentials::KEY: "eyJhdXRocyI6e319" });
    world.put(&PlaneKey::Control, Kind::of::<Secret>(), stored);
    let registration = json!({
        "metadata": { "name": "plane", "namespace": "acme" },
        "spec": { "kubernetesCluster": cluster("https://a.example"), "registry": { "secretRef": "login" } },
    });
    let cx = PlanContext::in_words(&world, &platform, Timestamp::UNIX_EPOCH);
    let plane: DataPlane = serde_json::from_value(registration).expect("a DataPlane");
    let credentials = PullCredentials::resolve(&cx, &plane).expect("usable").expect("named");
    let shown = format!("{credentials:?}");
    assert!(shown.contains("login") && shown.contains("***") && !shown.contains("auths"), "{shown}");
    let made = credentials.to_secret(openchoreo_core::kube::core::ObjectMeta::default());
    let data = made.data.unwrap_or_default();
    assert_eq!(data.values().map(|value| value.0.as_slice()).collect::<Vec<_>>(), [br#"{"auths":{}}"#]);
    assert!(format!("{:?}", cx.into_reads().words()).contains("login"), "a Secret that rotates is noticed");
    assert_eq!(
        PullCredentials::resolve(&PlanContext::new(&world, &platform, Timestamp::UNIX_EPOCH), &DataPlane::default())
            .expect("none named"),
        None
    );
}

#[test]
fn credentials_are_resolved_through_reads_that_are_recorded() {
    let platform = Platform::builder().build().expect("the core alone is a platform");
    let mut world = platform.new_world();
    let mut put = |kind: Kind, object: Value| world.put(&PlaneKey::Control, kind, object);
    let plane = PlaneRef { kind: PlaneKind::DataPlane, namespace: "acme".to_owned(), name: "plane".to_owned() };
    put(
        Kind::of::<DataPlane>(),
        json!({
            "metadata": { "name": "plane", "namespace": "acme", "uid": "1", "resourceVersion": "1" },
            "spec": { "kubernetesCluster": cluster("https://a.example") },
        }),
    );
    let mut stored = serde_json::to_value(secret(Some("true"), Some("a.example"), "the-token")).expect("JSON");
    stored["metadata"]["namespace"] = "acme".into();
    put(Kind::of::<Secret>(), stored);
    let cx = PlanContext::in_words(&world, &platform, Timestamp::UNIX_EPOCH);
    let credentials = Credentials::resolve(&cx, &plane).expect("usable").expect("registered");
    assert_eq!(credentials.token(), Some("the-token"));
    let gone = PlaneRef { name: "other".to_owned(), ..plane };
    assert_eq!(Credentials::resolve(&cx, &gone).expect("usable"), None);
    let reads = format!("{:?}", cx.into_reads().words());
    assert!(reads.contains("login") && reads.contains("plane") && reads.contains("other"), "{reads}");
}
