//! What is missing for a moment takes nothing away: a label that a sync strips, a parent that a restore brings last, an
//! object that cannot be read.

use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_types::v1alpha1 as oc;
use serde_json::{Value, json};

use crate::lab::{Lab, component, isolating, verdict};

/// A namespace that an administrator labelled for project `shop` of `acme`, or has not.
fn namespace(labels: &str) -> String {
    format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{labels}}}}}\n")
}

const LABELLED: &str = "openchoreo.dev/organization: acme, openchoreo.dev/project: shop";

/// `cart` in the labelled namespace and `pay` in the organization's own share a cell.
fn two_in_a_cell(platform: &std::sync::Arc<openchoreo_core::platform::Platform>) -> Lab {
    let mut lab = Lab::with_organization(platform, "acme");
    lab.apply(&namespace(LABELLED));
    lab.apply(&component("shop", "cart"));
    lab.apply(&component("acme", "pay"));
    assert_eq!(lab.in_plane("acme").len(), 6);
    lab
}

fn is_of(lab: &Lab, name: &str) -> bool {
    lab.in_plane("acme").iter().any(|object| object.contains(name))
}

/// Takes an object out of the World as nothing but a lost backup does: without its finalizers being asked.
fn lose(lab: &mut Lab, key: &ObjectKey) -> Value {
    let live = lab.offline.world().get(&PlaneKey::Control, key).expect("it is there").json();
    let mut bare = live.clone();
    bare["metadata"]["finalizers"] = json!([]);
    lab.offline.put(&PlaneKey::Control, key.kind, bare).expect("it has a name");
    lab.offline.delete(&PlaneKey::Control, key);
    live
}

#[test]
fn whatever_parent_is_missing_for_a_moment_nothing_is_taken_away() {
    let parents = [
        ObjectKey::of::<oc::Organization>("", "acme"),
        ObjectKey::of::<oc::Project>("acme", "shop"),
        ObjectKey::of::<oc::DeploymentPipeline>("acme", "pipeline"),
        ObjectKey::of::<oc::Environment>("acme", "development"),
        ObjectKey::of::<oc::DataPlane>("acme", "plane"),
        ObjectKey::of::<oc::Component>("shop", "cart"),
        ObjectKey::of::<oc::DeploymentTrack>("shop", "cart-main"),
        ObjectKey::of::<oc::DeployableArtifact>("shop", "cart-v1"),
    ];
    let platform = isolating(false);
    for parent in &parents {
        let mut lab = two_in_a_cell(&platform);
        let before = lab.in_plane("acme");
        let lost = lose(&mut lab, parent);
        lab.apply("");
        assert_eq!(lab.in_plane("acme"), before, "{parent} is missing");
        lab.offline.put(&PlaneKey::Control, parent.kind, lost).expect("it has a name");
        lab.apply("");
        assert_eq!(lab.in_plane("acme"), before, "{parent} is back");
        assert!(lab.is_at_rest(), "{parent}");
        assert_eq!(lab.ready("shop", "cart-development"), verdict("False", "DeploymentProgressing"), "{parent}");
    }
    let mut lab = two_in_a_cell(&platform);
    let before = lab.in_plane("acme");
    for parent in &parents {
        lose(&mut lab, parent);
    }
    lab.apply("");
    assert_eq!(lab.in_plane("acme"), before, "all are missing");
}

#[test]
fn a_namespace_whose_label_is_stripped_keeps_what_runs() {
    let platform = isolating(false);
    let mut lab = two_in_a_cell(&platform);
    let before = lab.in_plane("acme");
    lab.apply(&namespace(""));
    assert_eq!(lab.in_plane("acme"), before);
    assert_eq!(lab.ready("shop", "cart-development"), verdict("False", "NamespaceNotInOrganization"));
    // Nor does anybody else take it away who goes meanwhile.
    lab.delete::<oc::Deployment>("acme", "pay-development");
    assert_eq!(lab.in_plane("acme").len(), 4);
    assert!(is_of(&lab, "cart"));
    lab.apply(&namespace(LABELLED));
    assert_eq!(lab.ready("shop", "cart-development"), verdict("False", "DeploymentProgressing"));
    lab.delete::<oc::Deployment>("shop", "cart-development");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn no_cell_is_emptied_while_its_organization_is_missing() {
    let platform = isolating(false);
    let mut lab = two_in_a_cell(&platform);
    lose(&mut lab, &ObjectKey::of::<oc::Organization>("", "acme"));
    lab.delete::<oc::Deployment>("acme", "pay-development");
    assert_eq!(lab.in_plane("acme").len(), 4);
    assert!(is_of(&lab, "cart"));
    lab.delete::<oc::Deployment>("shop", "cart-development");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn a_deployment_that_cannot_be_read_keeps_its_cell_and_its_plane() {
    let platform = isolating(false);
    let mut lab = two_in_a_cell(&platform);
    let key = ObjectKey::of::<oc::Deployment>("shop", "cart-development");
    let mut spoiled = lab.control::<oc::Deployment>("shop", "cart-development").expect("it is there");
    spoiled["spec"] = json!({ "deploymentArtifactRef": ["no text"] });
    lab.offline.put(&PlaneKey::Control, key.kind, spoiled).expect("it has a name");
    lab.delete::<oc::Deployment>("acme", "pay-development");
    assert_eq!(lab.in_plane("acme").len(), 4);
    assert!(is_of(&lab, "cart"));
    lab.delete::<oc::DataPlane>("acme", "plane");
    assert!(lab.control::<oc::DataPlane>("acme", "plane").is_some(), "it holds what can still be cleaned");
}

#[test]
fn artifacts_that_cannot_be_read_leave_the_automatic_deployment() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    let written = component("acme", "cart").replace("autoDeploy: false", "autoDeploy: true");
    let (automatic, _) = written.rsplit_once("\n---\n").expect("the Deployment is the last document");
    lab.apply(automatic);
    let before = lab.in_plane("acme");
    assert_eq!(before.len(), 4);
    let mut spoiled = lab.control::<oc::DeployableArtifact>("acme", "cart-v1").expect("it is there");
    spoiled["spec"] = json!({ "targetArtifact": "no object" });
    let kind = Kind::of::<oc::DeployableArtifact>();
    lab.offline.put(&PlaneKey::Control, kind, spoiled).expect("it has a name");
    lab.apply("");
    assert_eq!(lab.in_plane("acme"), before);
}
