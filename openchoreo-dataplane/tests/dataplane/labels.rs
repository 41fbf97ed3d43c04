//! Labels: no name, however long or in whatever script, makes an object that an API server refuses.

use openchoreo_core::kind::PlaneKey;
use openchoreo_core::naming::{LabelKey, LabelValue};
use openchoreo_types::v1alpha1 as oc;
use serde_json::Value;

use crate::lab::{Lab, administration, artifact, component, plane, platform, reason, verdict};

/// The labels in the control plane and in the plane of `acme` that no API server takes.
fn refused(lab: &Lab) -> Vec<String> {
    let world = lab.offline.world();
    let all = [PlaneKey::Control, plane("acme")].into_iter().flat_map(|plane| world.all(&plane));
    let mut refused = Vec::new();
    for (key, live) in all {
        let json = live.json();
        let pointers = ["/metadata/labels", "/spec/template/metadata/labels", "/spec/selector/matchLabels"];
        for labels in pointers.iter().filter_map(|pointer| json.pointer(pointer).and_then(Value::as_object)) {
            for (name, value) in labels {
                let value = value.as_str().unwrap_or("?");
                if LabelKey::try_from(name.as_str()).is_err() || LabelValue::try_from(value).is_err() {
                    refused.push(format!("{key}: {name}={value}"));
                }
            }
        }
    }
    refused
}

#[test]
fn names_of_any_length_and_script_make_labels_that_are_taken() {
    let platform = platform();
    let mut lab = Lab::new(&platform);
    lab.connect("acme");
    let project = format!("{}x", "p.".repeat(126));
    let environment = "e".repeat(63);
    let adapt = |text: &str| text.replace("shop", &project).replace("development", &environment);
    lab.apply(&adapt(&administration("acme")));
    lab.apply(&adapt(&component("acme", "cart")).replace("autoDeploy: false", "autoDeploy: true"));
    for name in ["Überblick", &"endpoint".repeat(30), "日本", "a b"] {
        lab.apply(&artifact("acme", "cart", "cart-v1", "").replace("name: web", &format!("name: '{name}'")));
        let deployment = lab.control::<oc::Deployment>("acme", "cart-development");
        assert!(deployment.is_none(), "the name is another");
        assert_eq!(lab.in_plane("acme").len(), 3, "{name}");
        assert_eq!(refused(&lab), Vec::<String>::new(), "{name}");
        assert!(lab.is_at_rest(), "{name}");
    }
    let track = lab.control::<oc::DeploymentTrack>("acme", "cart-main").expect("it exists");
    assert_eq!(reason(&track, "Ready").0, "True");
}

#[test]
fn a_template_whose_labels_no_server_takes_is_refused_before_anything_is_applied() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let before = lab.in_plane("acme");
    let long = format!("{{team: {}}}", "x".repeat(64));
    for (metadata, key) in [
        ("labels: {team: 'a b'}", "labels[team]"),
        (&*format!("labels: {long}"), "labels[team]"),
        ("labels: {'-team': a}", "labels[-team]"),
        ("labels: {'Example.com/team': a}", "labels[Example.com/team]"),
        ("annotations: {'a b': c}", "annotations[a b]"),
    ] {
        let written =
            artifact("acme", "cart", "cart-v1", "").replace("{name: web}", &format!("{{name: web, {metadata}}}"));
        lab.apply(&written);
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"), "{metadata}");
        let message = lab.message("acme", "cart-development", "Ready");
        let field = format!("spec.configuration.endpointTemplates[0].metadata.{key}");
        assert!(message.contains(&field) && message.contains("`cart-v1`"), "{message}");
        assert_eq!(lab.in_plane("acme"), before, "{metadata}");
    }
    let good = "labels: {team: a, example.com/Team_1: ''}, annotations: {Example.com/note: 'free text'}";
    lab.apply(&artifact("acme", "cart", "cart-v1", "").replace("{name: web}", &format!("{{name: web, {good}}}")));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "DeploymentProgressing"));
}

#[test]
fn what_is_named_by_label_and_cannot_be_says_so_where_it_is_written() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    let long = "e".repeat(64);
    lab.apply(&format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata: {{name: {long}, namespace: acme}}
spec: {{dataPlaneRef: plane}}
---
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentTrack
metadata: {{name: {long}, namespace: acme, labels: {{openchoreo.dev/component: cart}}}}
spec: {{autoDeploy: true}}
"
    ));
    lab.apply(&component("acme", "cart"));
    let environment = lab.control::<oc::Environment>("acme", &long).expect("it exists");
    assert_eq!(reason(&environment, "Ready"), verdict("False", "InvalidName"));
    let track = lab.control::<oc::DeploymentTrack>("acme", &long).expect("it exists");
    assert_eq!(reason(&track, "Ready"), verdict("False", "InvalidName"));
    lab.apply(
        &administration("acme").replace("sourceEnvironmentRef: development", &format!("sourceEnvironmentRef: {long}")),
    );
    lab.apply(&component("acme", "cart").replace("autoDeploy: false", "autoDeploy: true"));
    let track = lab.control::<oc::DeploymentTrack>("acme", "cart-main").expect("it exists");
    assert_eq!(reason(&track, "AutoDeployed"), verdict("False", "DeploymentNotNameable"));
    assert_eq!(refused(&lab), Vec::<String>::new());
}
