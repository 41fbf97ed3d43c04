//! Auto-deployment into the first environment.

use openchoreo_core::kind::PlaneKey;
use openchoreo_types::v1alpha1 as oc;
use serde_json::Value;

use crate::lab::{Lab, artifact, build, component, deployment, platform, reason, verdict};

/// A component whose track deploys by itself, with nobody's Deployment.
fn automatic() -> String {
    let written = component("acme", "cart").replace("autoDeploy: false", "autoDeploy: true");
    let (kept, _) = written.rsplit_once("\n---\n").expect("the Deployment is the last document");
    kept.to_owned()
}

fn deployments(lab: &Lab) -> Vec<(String, Value)> {
    let all = lab.offline.world().all(&PlaneKey::Control).into_iter();
    let deployments = all.filter(|(key, _)| key.kind.kind == "Deployment");
    deployments.map(|(key, live)| (key.name, live.json()["spec"]["deploymentArtifactRef"].clone())).collect()
}

fn auto_deployed(lab: &Lab) -> (String, String) {
    reason(&lab.control::<oc::DeploymentTrack>("acme", "cart-main").expect("the track exists"), "AutoDeployed")
}

#[test]
fn the_newest_ready_artifact_is_deployed_to_the_first_environment() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&automatic());
    assert_eq!(auto_deployed(&lab), verdict("True", "ArtifactDeployed"));
    let first = deployments(&lab);
    assert_eq!(first[0].1, "cart-v1");
    lab.apply(&artifact("acme", "cart", "cart-v2", ""));
    assert_eq!(deployments(&lab), [(first[0].0.clone(), Value::from("cart-v2"))]);
    let broken = artifact("acme", "cart", "cart-v3", "").replace("registry.example.com/cart-v3:1", "v3");
    lab.apply(&broken);
    assert_eq!(deployments(&lab)[0].1, "cart-v2");
    assert_eq!(lab.of_kind("acme", "Deployment").len(), 1);
    assert!(lab.is_at_rest());
}

#[test]
fn without_artifacts_nothing_is_deployed_anew_and_switching_off_leaves_what_runs() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&automatic());
    let track = "
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentTrack
metadata: {name: cart-main, namespace: acme, labels: {openchoreo.dev/component: cart, openchoreo.dev/name: main}}
spec: {autoDeploy: SWITCH}
";
    lab.apply(&track.replace("SWITCH", "false"));
    assert_eq!(deployments(&lab).len(), 1);
    lab.apply(&track.replace("SWITCH", "true"));
    lab.delete::<oc::DeployableArtifact>("acme", "cart-v1");
    assert_eq!(deployments(&lab).len(), 1);
    assert_eq!(auto_deployed(&lab), verdict("Unknown", "NothingToDeploy"));
    let deployed = deployments(&lab)[0].0.clone();
    lab.delete::<oc::Deployment>("acme", &deployed);
    assert_eq!(deployments(&lab), []);
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
    assert_eq!(auto_deployed(&lab), verdict("Unknown", "NothingToDeploy"));
}

#[test]
fn a_deployment_that_a_person_made_is_not_overwritten() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    let manual = deployment("acme", "cart", "by-hand", "cart-v1");
    lab.apply(&format!("{}\n---\n{manual}", automatic()));
    lab.apply(&artifact("acme", "cart", "cart-v2", ""));
    assert_eq!(deployments(&lab), [("by-hand".to_owned(), Value::from("cart-v1"))]);
    assert_eq!(auto_deployed(&lab), verdict("False", "DeployedByPerson"));
    lab.delete::<oc::Deployment>("acme", "by-hand");
    assert_eq!(deployments(&lab)[0].1, "cart-v2");
}

#[test]
fn a_pipeline_that_leads_in_a_circle_deploys_nothing_new_and_takes_nothing_away() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&automatic());
    lab.apply(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentPipeline
metadata: {name: pipeline, namespace: acme}
spec: {promotionPaths: [{sourceEnvironmentRef: development, targetEnvironmentRefs: [{name: development}]}]}
",
    );
    lab.apply(&artifact("acme", "cart", "cart-v2", ""));
    assert_eq!(auto_deployed(&lab), verdict("False", "PipelineNotUsable"));
    assert_eq!(deployments(&lab)[0].1, "cart-v1");
}

#[test]
fn a_deleted_environment_takes_the_automatic_deployment_with_it() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&automatic());
    lab.delete::<oc::Environment>("acme", "development");
    assert_eq!(lab.control::<oc::Environment>("acme", "development"), None);
    assert_eq!(deployments(&lab), []);
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
    assert_eq!(auto_deployed(&lab), verdict("False", "FirstEnvironmentNotFound"));
}

#[test]
fn a_deleted_track_takes_all_that_is_of_it() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&automatic());
    lab.delete::<oc::DeploymentTrack>("acme", "cart-main");
    assert_eq!(lab.control::<oc::DeploymentTrack>("acme", "cart-main"), None);
    assert_eq!(deployments(&lab), []);
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn a_deleted_track_takes_builds_and_artifacts_that_nothing_runs() {
    let mut lab = Lab::with_organization(&platform(), "acme");
    lab.apply(&automatic().replace("autoDeploy: true", "autoDeploy: false"));
    let of_track = "labels: {openchoreo.dev/component: cart, openchoreo.dev/deployment-track: main}";
    lab.apply(&build("").replace("metadata: {", &format!("metadata: {{{of_track}, ")));
    lab.delete::<oc::DeploymentTrack>("acme", "cart-main");
    assert_eq!(lab.control::<oc::Build>("acme", "one"), None);
    assert_eq!(lab.control::<oc::DeployableArtifact>("acme", "cart-v1"), None);
    assert_eq!(lab.control::<oc::DeploymentTrack>("acme", "cart-main"), None);
}

#[test]
fn a_deleted_track_leaves_what_another_track_of_its_name_has() {
    let mut lab = Lab::with_organization(&platform(), "acme");
    lab.apply(&automatic());
    let before = (deployments(&lab), lab.in_plane("acme"));
    lab.apply(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentTrack
metadata: {name: cart-twin, namespace: acme, labels: {openchoreo.dev/component: cart, openchoreo.dev/name: main}}
spec: {autoDeploy: false}
",
    );
    lab.delete::<oc::DeploymentTrack>("acme", "cart-twin");
    assert_eq!(lab.control::<oc::DeploymentTrack>("acme", "cart-twin"), None);
    assert_eq!((deployments(&lab), lab.in_plane("acme")), before);
}
