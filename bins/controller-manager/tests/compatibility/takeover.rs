//! Taking over a plane: what the compatible system made there, without a mark of ours, is adopted in place. Nothing is
//! made a second time under another name, and neither a selector nor a pod template changes.
//!
//! The objects here are written after the source of that system, not made by the renderers that they are held against.

use std::collections::BTreeMap;
use std::sync::Arc;

use openchoreo_core::k8s_openapi::api::apps::v1 as apps;
use openchoreo_core::k8s_openapi::api::batch::v1::CronJob;
use openchoreo_core::k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels::OWNER;
use openchoreo_core::naming::generate::compat_generate;
use openchoreo_types::foreign::cilium::CiliumNetworkPolicy;
use openchoreo_types::foreign::gateway_api::HTTPRoute;
use openchoreo_types::foreign::secrets_store::SecretProviderClass;
use serde_json::{Value, json};

use crate::stage::{Names, Stage};
use crate::{Start, text};

const NAMES: Names<'static> = Names {
    organization: "acme",
    project: "shop",
    environment: "development",
    component: "cart",
    track: "main",
    deployment: "cart-deployment",
};
const IMAGE: &str = "registry.example.com/cart:1";

/// What the compatible system calls an object.
fn named(parts: &[&str], limit: usize) -> String {
    compat_generate("an object", parts, limit).expect("a name")
}

fn namespace() -> String {
    named(&["dp", "acme", "shop", "development"], 63)
}

/// The labels of a workload, which are those of its pods and its selectors too.
fn labels(component_type: &str) -> Value {
    json!({
        "organization-name": "acme", "project-name": "shop", "environment-name": "development",
        "component-name": "cart", "component-type": component_type, "deployment-track-name": "main",
        "deployment-name": "cart-deployment", "managed-by": "choreo-deployment-controller",
        "belong-to": "user-workloads",
    })
}

fn object(api_version: &str, kind: &str, name: &str, component_type: &str, members: Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": {"name": name, "namespace": namespace(), "labels": labels(component_type)},
    });
    let Value::Object(members) = members else { panic!("members") };
    object.as_object_mut().expect("an object").extend(members);
    object
}

/// What the cell shares.
fn cell() -> Vec<(Kind, Value)> {
    let labels = json!({
        "organization-name": "acme", "project-name": "shop", "environment-name": "development",
        "managed-by": "choreo-deployment-controller", "belong-to": "user-workloads",
    });
    let namespace_object = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(), "labels": labels},
    });
    let policy = json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "default-policy", "namespace": namespace(), "labels": labels},
        "spec": {
            "endpointSelector": {},
            "ingress": [{"fromEndpoints": [{}]}],
            "egress": [{"toEndpoints": [{}]}],
        },
    });
    vec![(Kind::of::<Namespace>(), namespace_object), (Kind::of::<CiliumNetworkPolicy>(), policy)]
}

fn template(component_type: &str, spec: &Value) -> Value {
    json!({"metadata": {"labels": labels(component_type)}, "spec": spec})
}

/// A service that reads settings and files in all the ways that there are, behind a route.
fn service() -> Vec<(Kind, Value)> {
    let workload = named(&["cart", "cart-main"], 253);
    let group = named(&["cart", "cart-main", "redis"], 253);
    let file = format!("filemount-{}", &digest("/etc/zone"));
    let file_config_map = named(&["cart", "cart-main", &file], 253);
    let (plain, secret, sync) =
        (named(&["redis", "cm"], 63), named(&["redis", "csi"], 63), named(&["redis", "csi-env"], 63));
    let csi = |name: &str| {
        let attributes = json!({"secretProviderClass": group});
        let csi = json!({"driver": "secrets-store.csi.k8s.io", "readOnly": true, "volumeAttributes": attributes});
        json!({"name": name, "csi": csi})
    };
    let pod = json!({
        "restartPolicy": "Always",
        "containers": [{
            "name": "main", "image": IMAGE,
            "env": [
                {"name": "ZONE", "value": "a"},
                {"name": "ALPHA", "value": "b"},
                {"name": "REDIS_HOST", "valueFrom": {"configMapKeyRef": {"name": group, "key": "host"}}},
                {"name": "REDIS_PASSWORD", "valueFrom": {"secretKeyRef": {"name": group, "key": "password"}}},
            ],
            "ports": [{"name": "ep-8080-tcp", "containerPort": 8080, "protocol": "TCP"}],
            "volumeMounts": [
                {"name": file, "mountPath": "/etc/zone", "subPath": "content"},
                {"name": plain, "mountPath": "/etc/host", "subPath": "host"},
                {"name": secret, "mountPath": "/etc/password", "subPath": "password"},
                {"name": sync, "mountPath": "/mnt/secrets-store/redis"},
            ],
        }],
        "volumes": [
            {"name": file, "configMap": {"name": file_config_map}},
            {"name": plain, "configMap": {"name": group}},
            csi(&secret),
            csi(&sync),
        ],
    });
    let of = "Service";
    let deployment = json!({"selector": {"matchLabels": labels(of)}, "template": template(of, &pod)});
    let ports = json!([{"name": "ep-8080-tcp", "port": 8080, "protocol": "TCP"}]);
    let service = json!({"type": "ClusterIP", "selector": labels(of), "ports": ports});
    let provider = json!({
        "provider": "vault",
        "parameters": {
            "vaultAddress": "http://choreo-dataplane-vault:8200", "roleName": "choreo-secret-reader-role",
            "objects": "- objectName: password\n  secretPath: secret/redis\n  secretKey: value\n",
        },
        "secretObjects": [{
            "secretName": group, "type": "Opaque", "labels": labels(of),
            "data": [{"objectName": "password", "key": "password"}],
        }],
    });
    let endpoint = named(&["cart-development", "web"], 253);
    let rewrite = json!({"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/api"}});
    let route = json!({
        "parentRefs": [{"name": "gateway-external", "namespace": "choreo-system"}],
        "hostnames": ["dev.choreoapis.localhost"],
        "rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/shop/cart/api"}}],
            "filters": [{"type": "URLRewrite", "urlRewrite": rewrite}],
            "backendRefs": [{"name": workload, "port": 8080}],
        }],
    });
    let spec = |spec: Value| json!({"spec": spec});
    vec![
        (Kind::of::<ConfigMap>(), object("v1", "ConfigMap", &group, of, json!({"data": {"host": "redis.local"}}))),
        (Kind::of::<ConfigMap>(), object("v1", "ConfigMap", &file_config_map, of, json!({"data": {"content": "UTC"}}))),
        (
            Kind::of::<SecretProviderClass>(),
            object("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass", &group, of, spec(provider)),
        ),
        (Kind::of::<apps::Deployment>(), object("apps/v1", "Deployment", &workload, of, spec(deployment))),
        (Kind::of::<Service>(), object("v1", "Service", &named(&["cart", "cart-main"], 63), of, spec(service))),
        (
            Kind::of::<HTTPRoute>(),
            object(
                "gateway.networking.k8s.io/v1",
                "HTTPRoute",
                &named(&["gateway-external", &endpoint], 253),
                of,
                spec(route),
            ),
        ),
    ]
}

fn task() -> Vec<(Kind, Value)> {
    let of = "ScheduledTask";
    let env = json!([{"name": "ZONE", "value": "a"}]);
    let pod = json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": IMAGE, "env": env}]});
    let spec = json!({
        "schedule": "5 4 * * *", "timeZone": "Etc/UTC", "suspend": false, "concurrencyPolicy": "Forbid",
        "jobTemplate": {
            "metadata": {"labels": labels(of)},
            "spec": {
                "activeDeadlineSeconds": 300, "backoffLimit": 4, "ttlSecondsAfterFinished": 360,
                "template": template(of, &pod),
            },
        },
    });
    let name = named(&["cart", "cart-main"], 52);
    vec![(Kind::of::<CronJob>(), object("batch/v1", "CronJob", &name, of, json!({"spec": spec})))]
}

/// The first eight digits of the digest that volumes of written files are named after.
fn digest(text: &str) -> String {
    // Of one part, a generated name ends in the digest of that part.
    named(&[text], 253).rsplit('-').next().expect("a digest").to_owned()
}

/// The artifact of the service, with what the compatible system knows and does not read.
fn configuration() -> Value {
    let group = |key: &str| json!({"configurationGroupRef": {"name": "redis", "key": key}});
    let backend = json!({"type": "componentRef", "basePath": "/api", "componentRef": {"port": 8080}});
    json!({
        "endpointTemplates": [{
            "metadata": {"name": "web"},
            "spec": {"type": "HTTP", "backendRef": backend, "networkVisibilities": {"public": {"enable": true}}},
        }],
        "application": {
            "args": ["--verbose"],
            "resourceLimits": {"cpu": "1"},
            "env": [
                {"key": "REDIS_PASSWORD", "valueFrom": group("password")},
                {"key": "ZONE", "value": "a"},
                {"key": "REDIS_HOST", "valueFrom": group("host")},
                {"key": "EMPTY", "value": ""},
                {"key": "ALPHA", "value": "b"},
            ],
            "fileMounts": [
                {"mountPath": "/etc/password", "valueFrom": group("password")},
                {"mountPath": "/etc/host", "valueFrom": group("host")},
                {"mountPath": "/etc/zone", "value": "UTC"},
            ],
        },
    })
}

/// A plane that the compatible system has filled, and a platform that knows of it.
fn filled(start: Start, objects: &[(Kind, Value)]) -> Stage<'static> {
    let mut stage = Stage::new(&Arc::new(start.platform().build().expect("a platform")), NAMES);
    stage.gateways(&["gateway-external", "gateway-internal", "choreo-external-gateway", "choreo-internal-gateway"]);
    stage.group(
        "redis",
        &json!({"configurations": [
            {"key": "host", "values": [{"environment": "development", "value": "redis.local"}]},
            {"key": "password", "values": [{"environment": "development", "vaultKey": "secret/redis"}]},
        ]}),
    );
    for (kind, object) in objects {
        stage.offline.put(&stage.plane.clone(), *kind, object.clone()).expect("a name");
    }
    stage
}

/// What is in the plane, by kind and name.
fn inside(stage: &Stage<'_>) -> BTreeMap<String, Value> {
    let all = stage.offline.world().all(&stage.plane);
    let of_cell =
        all.into_iter().filter(|(key, _)| key.kind != Kind::of::<openchoreo_types::foreign::gateway_api::Gateway>());
    of_cell.map(|(key, live)| (format!("{} {}", key.kind.kind, key.name), live.json())).collect()
}

/// Holds every object of before against what it is now: ours, and with the same content.
fn assert_adopted(before: &[(Kind, Value)], now: &BTreeMap<String, Value>, more: &[&str]) {
    let name = |object: &Value| format!("{} {}", text(object, "/kind"), text(object, "/metadata/name"));
    let mut expected: Vec<String> = before.iter().map(|(_, object)| name(object)).collect();
    expected.extend(more.iter().map(|name| (*name).to_owned()));
    expected.sort();
    assert_eq!(now.keys().cloned().collect::<Vec<_>>(), expected, "what is in the plane");
    for (_, object) in before {
        let adopted = &now[&name(object)];
        assert!(adopted["metadata"]["labels"][OWNER].is_string(), "{} is not ours", name(object));
        let mut adopted_spec = adopted["spec"].clone();
        if let Some(ports) = adopted_spec.get_mut("ports").and_then(Value::as_array_mut) {
            // The one thing that is said more explicitly; a server fills in the same.
            for port in ports {
                assert_eq!(port["targetPort"], port["port"]);
                port.as_object_mut().expect("a port").remove("targetPort");
            }
        }
        assert_eq!(adopted_spec, object["spec"], "the spec of {}", name(object));
        assert_eq!(adopted["data"], object["data"], "the data of {}", name(object));
    }
}

#[test]
fn a_service_is_taken_over_in_place() {
    let before = [cell(), service()].concat();
    let mut stage = filled(Start::Compatible, &before);
    stage.deploy("Service", IMAGE, &configuration());
    let policies = ["CiliumNetworkPolicy platform-access", "NetworkPolicy default-policy"];
    assert_adopted(&before, &inside(&stage), &policies);

    let deployments = stage.of_kind(&PlaneKey::Control, "Deployment");
    let message = deployments[0].1["status"]["conditions"].to_string();
    assert!(message.contains("`args`, `env`, `resourceLimits` is left out"), "{message}");
}

#[test]
fn a_task_is_taken_over_in_place() {
    let before = [cell(), task()].concat();
    let mut stage = filled(Start::Compatible, &before);
    let application = json!({
        "env": [{"key": "ZONE", "value": "a"}],
        "task": {"schedule": {"cron": "5 4 * * *"}},
    });
    stage.deploy("ScheduledTask", IMAGE, &json!({"application": application}));
    assert_adopted(&before, &inside(&stage), &["CiliumNetworkPolicy platform-access", "NetworkPolicy default-policy"]);
}

#[test]
fn what_pods_lack_comes_back_where_their_component_asks_for_it() {
    let before = [cell(), service()].concat();
    let mut stage = filled(Start::Compatible, &before);
    stage.component_annotations = json!({"openchoreo.dev/pod-template": "full"});
    stage.deploy("Service", IMAGE, &configuration());
    let now = stage.of_kind(&stage.plane.clone(), "Deployment").remove(0).1;
    let pod = &now["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(pod["containers"][0]["args"], json!(["--verbose"]));
    assert!(text(&now, "/spec/template/metadata/annotations/openchoreo.dev~1configuration-digest").len() > 8);
    let selected = &before.iter().find(|(_, object)| object["kind"] == "Deployment").expect("it").1["spec"]["selector"];
    assert_eq!(&now["spec"]["selector"], selected, "a selector cannot be changed");
}

#[test]
fn without_the_setting_nothing_of_another_system_is_touched() {
    let before = [cell(), service()].concat();
    let mut stage = filled(Start::Plain, &before);
    let there = |stage: &Stage<'_>| -> BTreeMap<ObjectKey, Value> {
        stage.offline.world().all(&stage.plane).into_iter().map(|(key, live)| (key, live.json())).collect()
    };
    let untouched = there(&stage);
    stage.deploy("Service", IMAGE, &configuration());
    let now = there(&stage);
    assert!(now.len() > untouched.len(), "the component is deployed beside what is there");
    for (key, object) in &untouched {
        assert_eq!(now.get(key), Some(object), "{key}");
    }
}
