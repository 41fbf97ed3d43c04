//! Deletion converges, in any order of parents, children and planes.

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::jiff::{Timestamp, ToSpan};
use openchoreo_core::kind::{ObjectKey, PlaneKey};
use openchoreo_core::world::{Disconnect, PlaneState};
use openchoreo_types::v1alpha1 as oc;
use serde_json::json;

use crate::lab::{Lab, component, isolating, plane, verdict};

#[test]
fn the_last_deployment_of_a_cell_takes_the_namespace_with_it_and_no_other_does() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    lab.apply(&component("acme", "pay"));
    assert_eq!(lab.in_plane("acme").len(), 6);
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(lab.in_plane("acme").len(), 4);
    lab.delete::<oc::Deployment>("acme", "pay-development");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
    assert_eq!(lab.control::<oc::Deployment>("acme", "pay-development"), None);
}

#[test]
fn deleting_any_parent_empties_the_plane() {
    type Act = fn(&mut Lab);
    let acts: [(&str, Act); 5] = [
        ("organization", |lab| lab.delete::<oc::Organization>("", "acme")),
        ("project", |lab| lab.delete::<oc::Project>("acme", "shop")),
        ("component", |lab| lab.delete::<oc::Component>("acme", "cart")),
        ("environment", |lab| lab.delete::<oc::Environment>("acme", "development")),
        ("data plane", |lab| lab.delete::<oc::DataPlane>("acme", "plane")),
    ];
    for (what, act) in acts {
        let platform = isolating(false);
        let mut lab = Lab::with_organization(&platform, "acme");
        lab.apply(&component("acme", "cart"));
        act(&mut lab);
        assert_eq!(lab.in_plane("acme"), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn a_data_plane_goes_only_when_it_is_empty_and_the_deployment_says_why_it_stopped() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    lab.apply(&component("acme", "pay"));
    lab.delete::<oc::DataPlane>("acme", "plane");
    assert_eq!(lab.control::<oc::DataPlane>("acme", "plane"), None);
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "ParentNotFound"));
}

#[test]
fn a_missing_parent_keeps_what_runs_and_is_waited_for() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let before = lab.in_plane("acme");
    lab.delete::<oc::DeployableArtifact>("acme", "cart-v1");
    assert_eq!(lab.condition("acme", "cart-development", "ArtifactResolved"), verdict("False", "ArtifactNotFound"));
    assert_eq!(lab.in_plane("acme"), before);
    // Without its artifact it can still be deleted.
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn deletion_waits_for_a_plane_that_does_not_answer() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let dead = PlaneState::Unreachable {
        since: k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
        cause: Disconnect::NoAnswer,
        error: "no route".to_owned(),
    };
    lab.offline.set_plane_state(&plane("acme"), dead);
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "PlaneUnreachable"));
    lab.connect("acme");
    lab.apply("");
    assert_eq!(lab.control::<oc::Deployment>("acme", "cart-development"), None);
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn an_environment_that_moves_to_another_plane_leaves_nothing_behind() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let other = openchoreo_core::kind::PlaneKey::data_plane("acme", "other");
    lab.offline.connect(&other);
    lab.apply(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: DataPlane
metadata: {name: other, namespace: acme}
spec:
  kubernetesCluster: {server: 'https://other.example.com', tls: {ca: {value: Y2E=}}, auth: {bearerToken: {value: token}}}
---
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata: {name: development, namespace: acme}
spec: {dataPlaneRef: other}
",
    );
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
    assert_eq!(lab.offline.world().all(&other).len(), 4);
    assert!(lab.is_at_rest());
}

#[test]
fn an_edited_environment_label_moves_the_workload_and_its_namespace() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let before = lab.in_plane("acme");
    lab.apply(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata: {name: staging, namespace: acme}
spec: {dataPlaneRef: plane}
",
    );
    let moved = crate::lab::deployment("acme", "cart", "cart-development", "cart-v1")
        .replace("environment: development", "environment: staging");
    lab.apply(&moved);
    let after = lab.in_plane("acme");
    assert_eq!(after.len(), before.len());
    assert_ne!(after[0], before[0]);
    assert!(lab.is_at_rest());
}

/// Holds the workload of `cart` in the plane, as a cluster does that takes its time, or lets it go.
fn hold(lab: &mut Lab, is_held: bool) {
    let mut live = lab.of_kind("acme", "Deployment").pop().expect("a workload");
    live["metadata"]["finalizers"] = if is_held { json!(["example.com/held"]) } else { json!([]) };
    let key = ObjectKey::of::<apps::Deployment>(
        live["metadata"]["namespace"].as_str().expect("a namespace"),
        live["metadata"]["name"].as_str().expect("a name"),
    );
    lab.offline.put(&plane("acme"), key.kind, live).expect("it has a name");
    if !is_held {
        lab.offline.delete(&plane("acme"), &key);
    }
    lab.apply("");
}

fn dead(since: Timestamp) -> PlaneState {
    PlaneState::Unreachable { since, cause: Disconnect::NoAnswer, error: "no route".to_owned() }
}

fn start() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("a time")
}

const SECRET: &str = "
apiVersion: v1
kind: Secret
metadata: {name: credentials, namespace: acme}
";

fn message(lab: &Lab, key: &ObjectKey) -> String {
    let live = lab.offline.world().get(&PlaneKey::Control, key).expect("it is there");
    live.json()["status"]["conditions"][0]["message"].as_str().unwrap_or_default().to_owned()
}

fn everything(lab: &Lab) -> Vec<String> {
    lab.offline.world().all(&PlaneKey::Control).into_iter().map(|(key, _)| key.to_string()).collect()
}

#[test]
fn an_organization_keeps_planes_and_secrets_until_its_planes_are_clean() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(SECRET);
    lab.apply(&component("acme", "cart"));
    hold(&mut lab, true);
    lab.delete::<oc::Organization>("", "acme");
    let organization = ObjectKey::of::<oc::Organization>("", "acme");
    assert!(message(&lab, &organization).contains("Project acme/shop"), "it says what it waits for");
    let namespace = lab.control::<Namespace>("", "acme").expect("the namespace stays");
    assert_eq!(namespace["metadata"].get("deletionTimestamp"), None);
    assert!(lab.control::<Secret>("acme", "credentials").is_some());
    let registration = lab.control::<oc::DataPlane>("acme", "plane").expect("the plane stays");
    assert_eq!(registration["metadata"].get("deletionTimestamp"), None);
    hold(&mut lab, false);
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
    assert_eq!(everything(&lab), Vec::<String>::new());
}

#[test]
fn an_organization_with_a_dead_plane_goes_when_the_plane_is_given_up() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(SECRET);
    lab.apply(&component("acme", "cart"));
    lab.offline.set_plane_state(&plane("acme"), dead(start()));
    lab.delete::<oc::Organization>("", "acme");
    let organization = ObjectKey::of::<oc::Organization>("", "acme");
    assert!(message(&lab, &organization).contains("DataPlane acme/plane"), "it says what it waits for");
    assert!(lab.control::<Secret>("acme", "credentials").is_some());
    // It answers again before it is given up: it is cleaned, not forgotten.
    lab.offline.set_now(start() + 4.minutes());
    lab.connect("acme");
    lab.apply("");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
    assert_eq!(everything(&lab), Vec::<String>::new());

    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    lab.offline.set_plane_state(&plane("acme"), dead(start()));
    lab.delete::<oc::Organization>("", "acme");
    lab.offline.set_now(start() + 5.minutes());
    lab.apply("");
    assert_eq!(everything(&lab), Vec::<String>::new());
}

#[test]
fn a_plane_that_drains_is_given_up_by_the_loss_of_contact_and_not_by_its_deletion() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    hold(&mut lab, true);
    lab.delete::<oc::DataPlane>("acme", "plane");
    let registration = ObjectKey::of::<oc::DataPlane>("acme", "plane");
    let exists = |lab: &Lab| lab.control::<oc::DataPlane>("acme", "plane").is_some();
    // A hiccup after a long drain, and a restart in the middle of it.
    let lost = start() + 1.hour();
    lab.offline.set_now(lost);
    for state in [dead(lost), PlaneState::Unknown] {
        lab.offline.set_plane_state(&plane("acme"), state);
        lab.apply("");
        assert!(exists(&lab));
    }
    lab.offline.set_plane_state(&plane("acme"), dead(lost));
    lab.offline.set_now(lost + 299.seconds());
    lab.apply("");
    assert!(exists(&lab));
    assert!(
        message(&lab, &registration).contains("given up at 2023-11-14T23:18:20Z"),
        "{}",
        message(&lab, &registration)
    );
    lab.offline.set_now(lost + 300.seconds());
    lab.apply("");
    assert!(!exists(&lab));
}

#[test]
fn a_plane_that_cannot_be_used_is_given_up_by_its_deletion_and_says_so() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let state = PlaneState::Misconfigured { error: "Secret `credentials` does not exist".to_owned() };
    lab.offline.set_plane_state(&plane("acme"), state);
    lab.delete::<oc::DataPlane>("acme", "plane");
    let said = message(&lab, &ObjectKey::of::<oc::DataPlane>("acme", "plane"));
    assert!(said.contains("counts from its deletion") && said.contains("Secret `credentials`"), "{said}");
    lab.offline.set_now(start() + 5.minutes());
    lab.apply("");
    assert_eq!(lab.control::<oc::DataPlane>("acme", "plane"), None);
}
