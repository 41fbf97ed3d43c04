//! What pods pull images with: from the Secret that a DataPlane names to the pods of its cells.

use k8s_openapi::jiff::Timestamp;
use openchoreo_core::planner::{PlanContext, Planner as _};
use openchoreo_core::platform::PlatformSettings;
use openchoreo_dataplane::WorkloadSettings;
use openchoreo_dataplane::planners::DeploymentPlanner;
use openchoreo_types::v1alpha1 as oc;
use serde_json::{Value, json};

use crate::lab::{Lab, administration, component, platform, platform_with, verdict};

const TYPE: &str = "kubernetes.io/dockerconfigjson";
/// `{"auths":{}}` and another object, in base64.
const CONFIG: &str = "eyJhdXRocyI6e319";
const ROTATED: &str = "eyJhdXRocyI6eyJhIjp7fX19";

fn lab() -> Lab {
    let settings = PlatformSettings { pull_secrets: true, ..PlatformSettings::default() };
    with_registry(Lab::new(&platform_with(settings, &WorkloadSettings::default())))
}

/// An organization whose data plane names a pull Secret.
fn with_registry(mut lab: Lab) -> Lab {
    lab.connect("acme");
    let registry = "spec:\n  registry: {prefix: registry.example.com, secretRef: registry}\n  kubernetesCluster";
    lab.apply(&administration("acme").replace("spec:\n  kubernetesCluster", registry));
    lab
}

/// The Secret `registry`, of a type, for a server.
fn secret(type_: &str, server: &str, key: &str, config: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Secret
type: {type_}
metadata:
  name: registry
  namespace: acme
  labels: {{openchoreo.dev/plane-credentials: 'true'}}
  annotations: {{openchoreo.dev/plane-server: {server}}}
data: {{{key}: {config}}}
"
    )
}

fn usable(config: &str) -> String {
    secret(TYPE, "plane.example.com", ".dockerconfigjson", config)
}

/// The Secrets that the pods of all workloads pull with.
fn pulled_with(lab: &Lab) -> Vec<Value> {
    let pods = lab.of_kind("acme", "Deployment").into_iter();
    pods.map(|pod| pod.pointer("/spec/template/spec/imagePullSecrets").cloned().unwrap_or_default()).collect()
}

#[test]
fn pods_pull_with_the_secret_of_the_data_plane_as_long_as_there_are_any() {
    let mut lab = lab();
    lab.apply(&usable(CONFIG));
    lab.apply(&component("acme", "cart"));
    lab.apply(&component("acme", "pay"));
    let made = lab.of_kind("acme", "Secret");
    assert_eq!(made.len(), 1, "one for the cell");
    assert_eq!((&made[0]["type"], &made[0]["data"]), (&json!(TYPE), &json!({ ".dockerconfigjson": CONFIG })));
    let namespace = lab.of_kind("acme", "Namespace")[0]["metadata"]["name"].clone();
    assert_eq!(made[0]["metadata"]["namespace"], namespace);
    let name = json!([{ "name": made[0]["metadata"]["name"] }]);
    assert_eq!(pulled_with(&lab), [name.clone(), name.clone()]);
    assert!(lab.is_at_rest());

    lab.apply(&usable(ROTATED));
    assert_eq!(lab.of_kind("acme", "Secret")[0]["data"], json!({ ".dockerconfigjson": ROTATED }), "it rotates");
    assert_eq!(pulled_with(&lab), [name.clone(), name], "which restarts no pod");

    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(lab.of_kind("acme", "Secret").len(), 1, "somebody pulls with it");
    lab.delete::<oc::Deployment>("acme", "pay-development");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn a_registry_that_names_no_secret_any_more_takes_it_away() {
    let mut lab = lab();
    lab.apply(&usable(CONFIG));
    lab.apply(&component("acme", "cart"));
    assert_eq!(lab.of_kind("acme", "Secret").len(), 1);
    lab.apply(&administration("acme"));
    assert_eq!(lab.of_kind("acme", "Secret").len(), 0);
    assert_eq!(pulled_with(&lab), [Value::Null]);
}

#[test]
fn a_secret_that_cannot_be_given_to_pods_is_refused_by_name_and_what_runs_stays() {
    let mut lab = lab();
    lab.apply(&component("acme", "cart"));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "PullSecretNotUsable"), "it is missing");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
    lab.apply(&usable(CONFIG));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "DeploymentProgressing"));
    let before = (lab.of_kind("acme", "Secret"), lab.of_kind("acme", "Deployment"));
    let cases = [
        (secret("Opaque", "plane.example.com", ".dockerconfigjson", CONFIG), "kubernetes.io/dockerconfigjson"),
        (secret(TYPE, "elsewhere.example.com", ".dockerconfigjson", CONFIG), "openchoreo.dev/plane-server"),
        (secret(TYPE, "plane.example.com", "config", CONFIG), ".dockerconfigjson"),
        (usable("c2VjcmV0"), "JSON"),
        (usable(CONFIG).replace("'true'", "'false'"), "openchoreo.dev/plane-credentials"),
    ];
    for (written, part) in cases {
        lab.apply(&written);
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "PullSecretNotUsable"), "{written}");
        let message = lab.message("acme", "cart-development", "Ready");
        for part in ["DataPlane `plane`", "`spec.registry.secretRef`", "acme/registry", part] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(!message.contains("secret`") && !message.contains(CONFIG), "{message}");
        assert_eq!((lab.of_kind("acme", "Secret"), lab.of_kind("acme", "Deployment")), before, "{written}");
    }
    lab.apply(&usable(ROTATED));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "DeploymentProgressing"));
    assert!(lab.is_at_rest());
}

#[test]
fn a_platform_that_may_not_write_secrets_says_what_to_do() {
    let mut lab = with_registry(Lab::new(&platform()));
    lab.apply(&usable(CONFIG));
    lab.apply(&component("acme", "cart"));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "PullSecretNotUsable"));
    let message = lab.message("acme", "cart-development", "Ready");
    assert!(message.contains("--pull-secrets") && message.contains("pull-secrets.yaml"), "{message}");
}

#[test]
fn a_plan_never_prints_what_pods_pull_with() {
    let settings = PlatformSettings { pull_secrets: true, ..PlatformSettings::default() };
    let platform = platform_with(settings, &WorkloadSettings::default());
    let mut lab = with_registry(Lab::new(&platform));
    lab.apply(&usable(CONFIG));
    lab.apply(&component("acme", "cart"));
    let deployment = lab.control::<oc::Deployment>("acme", "cart-development").expect("it exists");
    let cx = PlanContext::new(lab.offline.world(), &platform, Timestamp::UNIX_EPOCH);
    let plan = DeploymentPlanner::default().plan(&cx, &serde_json::from_value(deployment).expect("a Deployment"));
    let is_secret = |wanted: &&openchoreo_core::plan::Wanted| wanted.key().kind.kind == "Secret";
    assert_eq!(plan.wanted.iter().filter(is_secret).count(), 1);
    for shown in [format!("{plan:?}"), format!("{plan:#?}"), serde_json::to_string(&plan).expect("JSON")] {
        assert!(shown.contains("***") && !shown.contains(CONFIG), "{shown}");
    }
}

#[test]
fn no_container_reads_what_pods_pull_with() {
    let mut lab = lab();
    lab.apply(&usable(CONFIG));
    lab.apply(&component("acme", "cart"));
    let name = lab.of_kind("acme", "Secret")[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    let reads = format!("envFrom: [{{secretRef: {{name: {name}}}}}]");
    lab.apply(&crate::lab::artifact("acme", "cart", "cart-v1", &reads));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"));
}
