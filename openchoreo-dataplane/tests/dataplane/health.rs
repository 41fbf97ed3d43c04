//! How observed objects are doing.

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::ConfigMap;
use openchoreo_core::extension::Health;
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::world::World;
use openchoreo_dataplane::health::health;
use serde_json::{Value, json};

fn of(kind: Kind, rest: Value) -> &'static str {
    let mut object = json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": {"name": "x", "namespace": "n", "generation": 2}});
    for (name, value) in rest.as_object().expect("an object") {
        object[name] = value.clone();
    }
    let mut world = World::new();
    world.put(&PlaneKey::Control, kind, object);
    let key = ObjectKey { kind, namespace: "n".to_owned(), name: "x".to_owned() };
    match health(kind, world.get(&PlaneKey::Control, &key).expect("it was put")) {
        Health::Degraded(_) => "degraded",
        Health::Progressing(_) => "progressing",
        Health::Suspended(_) => "suspended",
        Health::Healthy => "healthy",
    }
}

#[test]
fn the_health_of_a_deployment_follows_its_status() {
    let selector = json!({"selector": {}, "template": {}});
    let spec = |replicas: i32, paused: bool| {
        let mut spec = selector.clone();
        spec["replicas"] = replicas.into();
        spec["paused"] = paused.into();
        spec
    };
    let condition = |type_: &str, status: &str, reason: &str| json!([{"type": type_, "status": status, "reason": reason, "message": "why"}]);
    let running = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2});
    let with = |changes: Value| {
        let mut status = running.clone();
        for (name, value) in changes.as_object().expect("an object") {
            status[name] = value.clone();
        }
        status
    };
    let cases = [
        (spec(2, false), running.clone(), "healthy"),
        (spec(2, true), running.clone(), "suspended"),
        (spec(0, false), running.clone(), "suspended"),
        (spec(2, false), json!({}), "progressing"),
        (spec(2, false), with(json!({"observedGeneration": 1})), "progressing"),
        (spec(2, false), with(json!({"updatedReplicas": 1})), "progressing"),
        (
            spec(2, false),
            with(json!({"conditions": condition("Progressing", "False", "ProgressDeadlineExceeded")})),
            "degraded",
        ),
        (spec(2, false), with(json!({"conditions": condition("ReplicaFailure", "True", "FailedCreate")})), "degraded"),
        (
            spec(2, false),
            with(json!({"conditions": [{
                "type": "ReplicaFailure", "status": "True", "message": "status unknown for quota: openchoreo",
            }]})),
            "progressing",
        ),
        (
            spec(2, false),
            with(json!({"availableReplicas": 0, "conditions": condition("Progressing", "True", "x")})),
            "progressing",
        ),
        (
            spec(2, false),
            with(json!({"availableReplicas": 0, "conditions": condition("Progressing", "False", "x")})),
            "degraded",
        ),
        (
            spec(2, false),
            with(
                json!({"availableReplicas": 1, "unavailableReplicas": 1, "conditions": condition("Available", "False", "x")}),
            ),
            "degraded",
        ),
        (
            spec(2, false),
            with(
                json!({"updatedReplicas": 1, "unavailableReplicas": 1, "conditions": condition("Available", "True", "x")}),
            ),
            "progressing",
        ),
        (
            spec(2, false),
            with(json!({"updatedReplicas": 1, "conditions": condition("Available", "False", "x")})),
            "progressing",
        ),
    ];
    for (spec, status, wanted) in cases {
        let told = format!("{spec} {status}");
        assert_eq!(of(Kind::of::<apps::Deployment>(), json!({"spec": spec, "status": status})), wanted, "{told}");
    }
}

#[test]
fn other_kinds_have_their_own_rules_and_what_has_none_is_healthy() {
    let cron = |suspend: bool| json!({"spec": {"schedule": "@daily", "suspend": suspend, "jobTemplate": {}}});
    let cases = [
        (Kind::of::<ConfigMap>(), json!({}), "healthy"),
        (Kind::of::<CronJob>(), cron(false), "healthy"),
        (Kind::of::<CronJob>(), cron(true), "suspended"),
    ];
    for (kind, rest, wanted) in cases {
        let told = format!("{kind} {rest}");
        assert_eq!(of(kind, rest), wanted, "{told}");
    }
}
