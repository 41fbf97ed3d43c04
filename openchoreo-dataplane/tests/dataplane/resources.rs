//! What the pods of a cell may use, by platform and environment.

use k8s_openapi::api::apps::v1 as apps;
use openchoreo_core::kind::Kind;
use openchoreo_core::platform::PlatformSettings;
use openchoreo_core::resources::ResourceBounds;
use openchoreo_dataplane::WorkloadSettings;
use openchoreo_types::v1alpha1 as oc;
use serde_json::{Value, json};

use crate::lab::{Lab, artifact, component, isolating, plane, platform, platform_with, reason, verdict};

const QUOTA: &str = "limits.cpu=4, limits.memory=8Gi, pods=5";
const LIMITS: &str = "max.cpu=2, max.memory=2Gi, default.memory=256Mi, min.memory=16Mi";

fn environment(quota: &str, limits: &str) -> String {
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata:
  name: development
  namespace: acme
  annotations: {{openchoreo.dev/quota: '{quota}', openchoreo.dev/container-limits: '{limits}'}}
spec: {{dataPlaneRef: plane}}
"
    )
}

fn unbounded() -> String {
    environment("", "")
}

/// What all pods may use, and what each container may.
fn bounds(lab: &Lab) -> [Value; 2] {
    let only = |kind: &str, pointer: &str| {
        let mut found = lab.of_kind("acme", kind);
        assert!(found.len() < 2, "{found:?}");
        found.pop().map(|object| object.pointer(pointer).cloned().expect("a field")).unwrap_or_default()
    };
    [only("ResourceQuota", "/spec/hard"), only("LimitRange", "/spec/limits")]
}

fn environment_ready(lab: &Lab) -> (String, String) {
    reason(&lab.control::<oc::Environment>("acme", "development").expect("it exists"), "Ready")
}

fn told(lab: &Lab) -> String {
    lab.message("acme", "cart-development", "Ready")
}

/// A platform with bounds of its own.
fn bounded(quota: &str, limits: &str) -> Lab {
    let resources = ResourceBounds {
        quota: quota.parse().expect("a quota"),
        containers: limits.parse().expect("limits of containers"),
    };
    let settings = PlatformSettings { resources, ..PlatformSettings::default() };
    let mut lab = Lab::with_organization(&platform_with(settings, &WorkloadSettings::default()), "acme");
    lab.apply(&component("acme", "cart"));
    lab
}

#[test]
fn the_bounds_of_an_environment_stand_before_its_first_workload_and_go_when_they_are_not_said() {
    let mut lab = Lab::with_organization(&isolating(false), "acme");
    lab.apply(&environment(QUOTA, LIMITS));
    let unguarded = |world: &openchoreo_core::world::World| {
        let of = |kind: &str| world.all(&plane("acme")).into_iter().filter(|(key, _)| key.kind.kind == kind).count();
        of("Deployment") > 0 && (of("ResourceQuota"), of("LimitRange")) != (1, 1)
    };
    for document in component("acme", "cart").split("\n---\n") {
        lab.offline.apply(openchoreo_types::yaml::from_str(document).expect("YAML")).expect("a known kind");
    }
    lab.offline.settle_watching(|world| assert!(!unguarded(world))).expect("rest");
    let made = bounds(&lab);
    assert_eq!(made[0], json!({"limits.cpu": "4", "limits.memory": "8Gi", "pods": "5"}));
    // What Kubernetes would conclude is written out.
    let container = json!([{
        "type": "Container",
        "min": {"memory": "16Mi"},
        "default": {"cpu": "2", "memory": "256Mi"},
        "defaultRequest": {"cpu": "2", "memory": "256Mi"},
        "max": {"cpu": "2", "memory": "2Gi"},
    }]);
    assert_eq!(made[1], container);
    for kind in ["ResourceQuota", "LimitRange"] {
        let metadata = lab.of_kind("acme", kind).remove(0)["metadata"].clone();
        let namespace = lab.of_kind("acme", "Namespace").remove(0)["metadata"].clone();
        assert_eq!(metadata["namespace"], namespace["name"]);
        assert_eq!(
            metadata["annotations"]["openchoreo.dev/owned-by"],
            namespace["annotations"]["openchoreo.dev/owned-by"]
        );
        assert_eq!(metadata["labels"]["environment-name"], "development");
    }
    assert!(lab.is_at_rest());
    let pods = lab.of_kind("acme", "Deployment");
    lab.apply(&environment("pods=3", ""));
    assert_eq!(bounds(&lab), [json!({"pods": "3"}), Value::Null]);
    lab.apply(&unbounded());
    assert_eq!((bounds(&lab), lab.of_kind("acme", "Deployment")), ([Value::Null, Value::Null], pods));
    lab.apply(&environment(QUOTA, LIMITS));
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new(), "they go with the cell");
}

#[test]
fn an_environment_narrows_the_bounds_of_the_platform_and_adds_to_them() {
    let mut lab = bounded("pods=5", "max.memory=2Gi");
    let platforms = bounds(&lab);
    assert_eq!(platforms[0], json!({"pods": "5"}));
    lab.apply(&environment("limits.memory=8Gi,pods=2", "max.memory=1Gi,min.memory=1Mi,default.memory=64Mi"));
    let made = bounds(&lab);
    assert_eq!(made[0], json!({"limits.memory": "8Gi", "pods": "2"}));
    assert_eq!((&made[1][0]["max"], &made[1][0]["default"]), (&json!({"memory": "1Gi"}), &json!({"memory": "64Mi"})));
    lab.apply(&unbounded());
    assert_eq!(bounds(&lab), platforms);
}

#[test]
fn bounds_that_cannot_be_are_named_and_what_runs_stays() {
    let mut lab = bounded("pods=5", "max.memory=2Gi, min.memory=16Mi");
    let before = (bounds(&lab), lab.of_kind("acme", "Deployment"));
    const QUOTA: &str = "openchoreo.dev/quota";
    const LIMITS: &str = "openchoreo.dev/container-limits";
    let cases = [
        ("pods=6", "", QUOTA, "use `pods=5` or narrower"),
        ("pods=500m", "", QUOTA, "give `1` or more"),
        ("pods=0", "", QUOTA, "give `1` or more"),
        ("pods", "", QUOTA, "write it like `pods=2`"),
        ("pods=two", "", QUOTA, "write it like `500m`"),
        ("pods=2,pods=3", "", QUOTA, "keep one"),
        ("limit.cpu=2", "", QUOTA, "was `limits.cpu` meant?"),
        ("services=2", "", QUOTA, "known are `limits.cpu`"),
        ("", "max.memory=3Gi", LIMITS, "use `max.memory=2Gi` or narrower"),
        ("", "min.memory=1Mi", LIMITS, "use `min.memory=16Mi` or narrower"),
        ("", "default.memory=3Gi", LIMITS, "more than `max.memory=2Gi`"),
        ("", "defaultRequest.memory=2Gi,default.memory=1Gi", LIMITS, "more than `default.memory=1Gi`"),
        ("", "default.memory=1Mi", LIMITS, "`min.memory=16Mi`, which is more than"),
        ("", "largest.gpu=1", LIMITS, "known are `default.cpu`"),
    ];
    for (quota, limits, field, right) in cases {
        lab.apply(&environment(quota, limits));
        assert_eq!(environment_ready(&lab), verdict("False", "ResourceBoundsInvalid"), "{quota} {limits}");
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"), "{quota} {limits}");
        for part in ["Environment `development`", field, right] {
            assert!(told(&lab).contains(part), "{part}: {}", told(&lab));
        }
        assert_eq!((bounds(&lab), lab.of_kind("acme", "Deployment")), before, "{quota} {limits}");
    }
    lab.apply(&unbounded());
    assert_eq!(environment_ready(&lab).0, "True");
}

#[test]
fn pods_that_no_cluster_would_admit_are_refused_by_their_field_and_what_runs_stays() {
    let mut lab = Lab::with_organization(&platform(), "acme");
    lab.apply(&component("acme", "cart"));
    let limits =
        |cpu: &str, more: &str| artifact("acme", "cart", "cart-v1", &format!("resourceLimits: {{cpu: '{cpu}'}}{more}"));
    let scaled = ", scaling: {hpa: {minReplicas: 3, maxReplicas: 4, cpuThreshold: 70}}";
    let silent = || artifact("acme", "cart", "cart-v1", "");
    let (cpu, replicas) = ("application.resourceLimits.cpu`", "application.scaling.hpa.minReplicas`");
    let cases = [
        ("", "max.cpu=2", limits("2500m", ""), cpu, "give at most `2`"),
        ("", "min.cpu=100m", limits("0.05", ""), cpu, "give at least `100m`"),
        ("limits.cpu=2", "", limits("3", ""), cpu, "more than the quota `limits.cpu=2`"),
        ("requests.cpu=2", "", limits("3", ""), cpu, "more than the quota `requests.cpu=2`"),
        ("limits.cpu=2", "", limits("1", scaled), replicas, "is 3, with `1` each more than the quota `limits.cpu=2`"),
        ("pods=2", "", limits("1", scaled), replicas, "is 3, more than the quota `pods=2`"),
        ("limits.cpu=2", "min.cpu=1", silent(), cpu, "give it, or `default.cpu` in annotation"),
        ("requests.cpu=2", "", silent(), cpu, "give it, or `defaultRequest.cpu` in annotation"),
        ("limits.cpu=2", "max.cpu=3", silent(), cpu, "is missing, which comes to `3`, more than"),
    ];
    for (quota, container, written, field, right) in cases {
        // What fits runs before.
        lab.apply(&unbounded());
        lab.apply(&artifact("acme", "cart", "cart-v1", "resourceLimits: {cpu: '1'}"));
        lab.apply(&environment(quota, container));
        assert_eq!(
            lab.ready("acme", "cart-development"),
            verdict("False", "DeploymentProgressing"),
            "{quota} {container}"
        );
        let before = lab.of_kind("acme", "Deployment");
        lab.apply(&written);
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"), "{quota} {container}");
        for part in ["`cart-v1`", "Environment `development`", field, right] {
            assert!(told(&lab).contains(part), "{part}: {}", told(&lab));
        }
        assert_eq!(lab.of_kind("acme", "Deployment"), before);
    }
    // At the bounds everything fits.
    lab.apply(&environment("limits.cpu=3, requests.cpu=3, pods=3", "max.cpu=1, min.cpu=1"));
    for written in [limits("1000m", scaled), silent()] {
        lab.apply(&written);
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "DeploymentProgressing"), "{}", told(&lab));
    }
}

#[test]
fn a_deployment_whose_pods_find_no_room_says_what_to_do() {
    let mut lab = Lab::with_organization(&platform(), "acme");
    lab.apply(&environment("pods=1", ""));
    lab.apply(&component("acme", "cart"));
    let fail = |lab: &mut Lab, why: &str| {
        let mut live = lab.of_kind("acme", "Deployment").remove(0);
        live["status"] = json!({
            "observedGeneration": live["metadata"]["generation"], "unavailableReplicas": 1,
            "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"},
                {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": why},
            ],
        });
        lab.offline.put(&plane("acme"), Kind::of::<apps::Deployment>(), live);
        lab.settle();
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "WorkloadDegraded"));
        told(lab)
    };
    let exceeded = |quota: &str| format!("pods is forbidden: exceeded quota: {quota}, requested: pods=1, used: pods=1");
    let ours = fail(&mut lab, &exceeded("openchoreo"));
    for part in ["exceeded quota", "openchoreo.dev/quota", "--quota"] {
        assert!(ours.contains(part), "{part}: {ours}");
    }
    let somebodys = fail(&mut lab, &exceeded("by-hand"));
    assert!(somebodys.contains("by-hand") && !somebodys.contains("openchoreo.dev/quota"), "{somebodys}");
}
