//! Parents that go wait for their children, whatever state these are in.

use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use openchoreo_types::v1alpha1::{Build, Component, Environment, Organization, Project};
use serde_json::{Value, json};

use crate::platform::{MANIFESTS, documents, platform, ready, settled};

const HELD: &str = "example.com/held";

fn child(kind: &str, name: &str) -> Value {
    let labels = json!({
        "openchoreo.dev/component": "cart", "openchoreo.dev/deployment-track": "main",
        "openchoreo.dev/environment": "development",
    });
    json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": kind,
        "metadata": { "name": name, "namespace": "shop", "labels": labels, "finalizers": [HELD] },
        "spec": { "owner": { "projectName": "shop" } },
    })
}

/// Makes an object such that its type cannot be read from it, while it is found by all that it is found by.
fn spoil(object: &mut Value) {
    object["spec"]["owner"] = json!({ "projectName": "shop", "componentName": ["no text"] });
    object["spec"]["type"] = json!(["no text"]);
    object["spec"]["deploymentArtifactRef"] = json!(["no text"]);
    object["spec"]["autoDeploy"] = json!("no flag");
    object["spec"]["targetArtifact"] = json!("no object");
    object["spec"]["backendRef"] = json!("no object");
}

fn exists(offline: &Offline, key: &ObjectKey) -> bool {
    offline.world().get(&PlaneKey::Control, key).is_some()
}

#[test]
fn a_child_that_cannot_be_read_is_deleted_and_waited_for() {
    let component = || ObjectKey::of::<Component>("shop", "cart");
    let project = || ObjectKey::of::<Project>("acme", "shop");
    let environment = || ObjectKey::of::<Environment>("acme", "development");
    let organization = || ObjectKey::of::<Organization>("", "acme");
    type Case = (&'static str, &'static str, Vec<ObjectKey>);
    let cases: [Case; 6] = [
        ("DeploymentTrack", "main", vec![component(), project(), organization()]),
        ("Build", "one", vec![component(), project(), organization()]),
        ("DeployableArtifact", "one", vec![component(), project(), organization()]),
        ("Deployment", "one", vec![component(), environment(), project(), organization()]),
        ("Endpoint", "one", vec![component(), project(), organization()]),
        ("Component", "pay", vec![project(), organization()]),
    ];
    for (kind, name, parents) in cases {
        for parent in parents {
            let platform = platform();
            let mut all = documents(MANIFESTS);
            let mut written = child(kind, name);
            spoil(&mut written);
            all.push(written.clone());
            let mut offline = settled(&platform, all);
            offline.delete(&PlaneKey::Control, &parent);
            offline.settle().expect("plans come to rest");
            let kind_of = |name: &str| {
                platform.control_kinds().into_iter().find(|kind| kind.kind == name && kind.namespaced).expect("a kind")
            };
            let key = ObjectKey { kind: kind_of(kind), namespace: "shop".to_owned(), name: name.to_owned() };
            let child = offline.world().get(&PlaneKey::Control, &key).expect("its finalizer holds it");
            assert!(child.is_deleting(), "{parent} takes {key} with it");
            assert!(exists(&offline, &parent), "{parent} waits for {key}");
            written["metadata"]["finalizers"] = json!([]);
            offline.apply(written).expect("a kind of the platform");
            offline.delete(&PlaneKey::Control, &key);
            offline.settle().expect("plans come to rest");
            assert!(!exists(&offline, &key) && !exists(&offline, &parent), "{parent} goes after {key}");
        }
    }
}

#[test]
fn an_organization_says_what_it_waits_for_and_keeps_its_namespace_until_then() {
    let platform = platform();
    let mut all = documents(MANIFESTS);
    all.extend((0..50).map(|number| {
        let mut orphan = child("Build", &format!("build-{number:02}"));
        orphan["metadata"]["labels"]["openchoreo.dev/component"] = "gone".into();
        orphan
    }));
    let mut offline = settled(&platform, all);
    let organization = ObjectKey::of::<Organization>("", "acme");
    offline.delete(&PlaneKey::Control, &organization);
    offline.settle().expect("plans come to rest");
    let (_, reason, message) = ready(&offline, &organization);
    assert_eq!(reason, "Deleting");
    assert!(message.contains("Build shop/build-00, "), "{message}");
    assert!(message.ends_with(" … and 31 more"), "{message}");
    let namespace = |name: &str| ObjectKey::of::<k8s_openapi::api::core::v1::Namespace>("", name);
    let live = offline.world().get(&PlaneKey::Control, &namespace("acme")).expect("it stays");
    assert!(!live.is_deleting(), "what cleaning needs is in it");
    assert!(exists(&offline, &ObjectKey::of::<Environment>("acme", "development")));
    let builds = Kind::of::<Build>();
    for key in offline.world().keys(&PlaneKey::Control, builds) {
        let mut live = offline.world().get(&PlaneKey::Control, &key).expect("it is held").json();
        live["metadata"]["finalizers"] = json!([]);
        offline.put(&PlaneKey::Control, builds, live).expect("it has a name");
        offline.delete(&PlaneKey::Control, &key);
    }
    offline.settle().expect("plans come to rest");
    let left: Vec<_> = offline.world().all(&PlaneKey::Control).into_iter().map(|(key, _)| key).collect();
    assert_eq!(left, [namespace("shop")], "only what an administrator has labelled stays");
}
