//! What belongs to another component or track is not run, whoever names it.

use openchoreo_core::kind::PlaneKey;
use openchoreo_core::world::Select;
use openchoreo_types::v1alpha1 as oc;
use serde_json::Value;

use crate::lab::{Lab, artifact, build, component, deployment, platform, verdict};

const FROM_IMAGE: &str = "fromImageRef: {tag: 'registry.example.com/cart-v1:1'}";

/// A component `cart` that runs, beside a component `pay`.
fn neighbors() -> Lab {
    let mut lab = Lab::with_organization(&platform(), "acme");
    lab.apply(&component("acme", "cart"));
    lab.apply(&component("acme", "pay"));
    lab
}

/// The images that the pods of the plane run.
fn images(lab: &Lab) -> Vec<Value> {
    let image = |live: Value| live.pointer("/spec/template/spec/containers/0/image").cloned().unwrap_or_default();
    lab.of_kind("acme", "Deployment").into_iter().map(image).collect()
}

fn resolved(lab: &Lab) -> (String, String) {
    lab.condition("acme", "cart-development", "ArtifactResolved")
}

#[test]
fn no_component_runs_what_another_has_built() {
    let owner = "{projectName: shop, componentName: cart}";
    for foreign in ["{projectName: shop, componentName: pay}", "{projectName: bank, componentName: cart}"] {
        for selector in ["name: one", "gitRevision: abc"] {
            let mut lab = neighbors();
            let before = images(&lab);
            lab.apply(&build("registry.example.com/foreign:1").replace(owner, foreign));
            let written = artifact("acme", "cart", "cart-v1", "");
            lab.apply(&written.replace(FROM_IMAGE, &format!("fromBuildRef: {{{selector}}}")));
            assert_eq!(resolved(&lab), verdict("False", "ArtifactBuildNotFound"), "{foreign} by {selector}");
            assert_eq!(images(&lab), before, "{foreign} by {selector}");
        }
    }
}

#[test]
fn a_revision_means_its_newest_build_and_no_build_of_another_revision() {
    let mut lab = neighbors();
    let of = |name: &str, commit: &str, day: u8| {
        build(&format!("registry.example.com/cart:{name}"))
            .replace("metadata: {", &format!("metadata: {{creationTimestamp: '2026-01-{day:02}T00:00:00Z', "))
            .replace("name: one", &format!("name: {name}"))
            .replace("commit: abc", &format!("commit: {commit}"))
    };
    // The newest of the revision is neither the first nor the last by name, and not the newest of all.
    for written in [of("a", "abc", 1), of("b", "abc", 3), of("c", "abc", 2), of("d", "def", 4)] {
        lab.apply(&written);
    }
    lab.apply(&artifact("acme", "cart", "cart-v1", "").replace(FROM_IMAGE, "fromBuildRef: {gitRevision: abc}"));
    assert!(images(&lab).contains(&"registry.example.com/cart:b".into()), "{:?}", images(&lab));
}

#[test]
fn no_deployment_runs_the_artifact_of_another_component_or_track() {
    let mut lab = neighbors();
    let next = "
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentTrack
metadata: {name: cart-next, namespace: acme, labels: {openchoreo.dev/component: cart, openchoreo.dev/name: next}}
spec: {autoDeploy: false}
";
    lab.apply(next);
    let of_next = artifact("acme", "cart", "cart-v2", "").replace("deployment-track: main", "deployment-track: next");
    lab.apply(&of_next);
    let before = images(&lab);
    for foreign in ["pay-v1", "cart-v2"] {
        lab.apply(&deployment("acme", "cart", "cart-development", foreign));
        assert_eq!(resolved(&lab), verdict("False", "ArtifactNotFound"), "{foreign}");
        assert_eq!(images(&lab), before, "{foreign}");
    }
    // One that says no track is of every track of its component.
    lab.apply(
        &of_next.replace(", openchoreo.dev/deployment-track: next", "").replace("name: cart-v2", "name: cart-v3"),
    );
    lab.apply(&deployment("acme", "cart", "cart-development", "cart-v3"));
    assert_eq!(resolved(&lab), verdict("True", "ArtifactResolvedSuccessfully"));
}

#[test]
fn a_template_places_its_endpoint_nowhere_else() {
    let mut lab = neighbors();
    let elsewhere = "metadata: {name: web, labels: {team: blue, openchoreo.dev/component: pay, \
                     openchoreo.dev/environment: production, openchoreo.dev/deployment: pay-development}}";
    lab.apply(&artifact("acme", "cart", "cart-v1", "").replace("metadata: {name: web}", elsewhere));
    let of_cart = Select::of::<oc::Endpoint>().namespace("acme").label("openchoreo.dev/component", "cart");
    let endpoints = lab.offline.world().list(&PlaneKey::Control, &of_cart);
    assert_eq!(endpoints.len(), 1);
    let labels = endpoints[0].1.json()["metadata"]["labels"].clone();
    assert_eq!(labels["team"], "blue", "what people select by is kept");
    for (label, own) in [("environment", "development"), ("deployment", "cart-development"), ("project", "shop")] {
        assert_eq!(labels[format!("openchoreo.dev/{label}")], own, "{label}");
    }
}
