//! Deletion converges, in any order of parents, children and planes.

use openchoreo_core::world::{Disconnect, PlaneState};
use openchoreo_types::v1alpha1 as oc;

use crate::lab::{Lab, component, plane, platform, verdict};

#[test]
fn the_last_deployment_of_a_cell_takes_the_namespace_with_it_and_no_other_does() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    lab.apply(&component("acme", "pay"));
    assert_eq!(lab.in_plane("acme").len(), 5);
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(lab.in_plane("acme").len(), 3);
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
        let platform = platform();
        let mut lab = Lab::with_organization(&platform, "acme");
        lab.apply(&component("acme", "cart"));
        act(&mut lab);
        assert_eq!(lab.in_plane("acme"), Vec::<String>::new(), "{what}");
    }
}

#[test]
fn a_data_plane_goes_only_when_it_is_empty_and_the_deployment_says_why_it_stopped() {
    let platform = platform();
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
    let platform = platform();
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
    let platform = platform();
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
    let platform = platform();
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
    assert_eq!(lab.offline.world().all(&other).len(), 3);
    assert!(lab.is_at_rest());
}

#[test]
fn an_edited_environment_label_moves_the_workload_and_its_namespace() {
    let platform = platform();
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
