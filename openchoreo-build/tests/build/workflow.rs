//! The Workflow of a build, and what is refused before there is one.

use std::collections::BTreeSet;
use std::sync::Arc;

use openchoreo_build::{ArgoSettings, builtin_engines, planners};
use openchoreo_core::naming::ImageReference;
use openchoreo_core::platform::Platform;
use serde_json::{Value, json};

use crate::laptop::{Laptop, build_spec, builds, platform};

fn arguments(workflow: &Value) -> Vec<(String, String)> {
    let parameters = workflow.pointer("/spec/arguments/parameters").and_then(Value::as_array).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    parameters.iter().map(|parameter| (text(&parameter["name"]), text(&parameter["value"]))).collect()
}

#[test]
fn a_build_becomes_a_workflow_in_the_namespace_of_its_organization() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    let mut objects: Vec<Value> =
        laptop.offline.world().all(&builds()).into_iter().map(|(_, stored)| stored.json()).collect();
    for object in &mut objects {
        // The digest stands for the rest, and the uid is the World's.
        object["metadata"].as_object_mut().unwrap().remove("uid");
        object["metadata"]["annotations"].as_object_mut().unwrap().remove("openchoreo.dev/wanted-digest");
    }
    insta::assert_yaml_snapshot!(objects);
}

#[test]
fn what_an_installation_chooses_is_passed_and_the_rest_is_left_to_the_template() {
    let settings = ArgoSettings {
        clone_image: Some("clone:1".into()),
        registry: Some("registry.example.com".into()),
        registry_insecure: Some(true),
        ..ArgoSettings::default()
    };
    let platform = Platform::builder()
        .build_engines(builtin_engines(settings))
        .planners(planners())
        .build()
        .map(Arc::new)
        .unwrap();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    let passed = arguments(&laptop.workflows(&builds())[0]);
    let after_the_fixed: Vec<_> = passed.iter().skip(8).map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        after_the_fixed,
        [
            ("registry", "registry.example.com"),
            ("registry-insecure", "true"),
            ("clone-image", "clone:1"),
            ("docker-context", "."),
        ]
    );
}

#[test]
fn the_commit_wins_over_the_branch_and_the_tag_begins_with_the_track() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    let mut spec = build_spec();
    spec["repository"]["revision"] = json!({ "branch": "main", "commit": "0a1b2c3d" });
    laptop.track("acme", "cart", "v1.x");
    laptop.apply(json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Build",
        "metadata": { "name": "one", "namespace": "acme", "labels": { "openchoreo.dev/deployment-track": "v1.x" } },
        "spec": spec,
    }));
    laptop.settle();
    let passed = arguments(&laptop.workflows(&builds())[0]);
    let of = |name: &str| passed.iter().find(|(known, _)| known == name).unwrap().1.clone();
    assert_eq!((of("commit").as_str(), of("branch").as_str()), ("0a1b2c3d", ""));
    assert!(of("image-tag").starts_with("v1.x-"), "{}", of("image-tag"));
}

#[test]
fn builds_of_one_commit_push_to_tags_of_their_own() {
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    let mut spec = build_spec();
    spec["repository"]["revision"] = json!({ "commit": "0a1b2c3d" });
    let tags = |laptop: &Laptop| -> BTreeSet<String> {
        let tag = |workflow: &Value| arguments(workflow).into_iter().find(|(name, _)| name == "image-tag").unwrap().1;
        laptop.workflows(&builds()).iter().map(tag).collect()
    };
    for name in ["one", "two"] {
        laptop.build_with("acme", name, json!({}), spec.clone());
    }
    laptop.settle();
    let first = tags(&laptop);
    assert_eq!(first.len(), 2, "{first:?}");
    assert!(first.iter().all(|tag| format!("registry.example.com/x:{tag}-0a1b2c3d").parse::<ImageReference>().is_ok()));
    // One that is made anew under its name builds anew.
    laptop.delete_build("one");
    laptop.settle();
    laptop.build_with("acme", "one", json!({}), spec);
    laptop.settle();
    assert_eq!(tags(&laptop).intersection(&first).count(), 1);
}

#[test]
fn what_cannot_be_run_is_said_and_nothing_is_started() {
    let cases: [(&str, Value, &str); 9] = [
        (
            "/templateRef/parameters",
            json!([{ "name": "image-name", "value": "globex/shop/cart" }]),
            "decided by the platform",
        ),
        (
            "/templateRef/parameters",
            json!([{ "name": "registry", "value": "evil.example.com" }]),
            "decided by the platform",
        ),
        (
            "/templateRef/parameters",
            json!([{ "name": "a", "value": "1" }, { "name": "a", "value": "2" }]),
            "given twice",
        ),
        ("/templateRef/name", json!(""), "ClusterWorkflowTemplate"),
        ("/repository/url", json!(""), "URL of a Git repository"),
        ("/repository/url", json!("--upload-pack=touch /tmp/x"), "must not start with `-`"),
        ("/repository/revision/branch", json!("main\nx"), "control characters"),
        ("/repository/appPath", json!("../../etc"), "`..`"),
        ("/templateRef/engine", json!("jenkins"), "this platform has argo"),
    ];
    for (pointer, value, answer) in cases {
        let platform = platform();
        let mut laptop = Laptop::with_plane(&platform);
        let mut spec = build_spec();
        *spec.pointer_mut(pointer).unwrap() = value;
        laptop.build_with("acme", "one", json!({}), spec);
        laptop.settle();
        let message = laptop.message("one", "Ready");
        assert!(laptop.condition("one", "Ready").starts_with("False/"), "{pointer}");
        assert!(message.contains(answer), "`{answer}` is missing in: {message}");
        assert!(laptop.offline.world().all(&builds()).is_empty(), "{pointer}");
    }
}
