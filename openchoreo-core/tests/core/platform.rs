//! The platform kinds, planned offline.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use openchoreo_core::platform::Platform;
use openchoreo_core::types::yaml;
use openchoreo_core::world::{Disconnect, PlaneState};
use openchoreo_types::v1alpha1::{Component, DataPlane, DeploymentPipeline, DeploymentTrack, Organization, Project};
use proptest::prelude::*;
use serde_json::{Value, json};

pub(crate) const MANIFESTS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: acme, labels: {openchoreo.dev/organization: acme}}
---
apiVersion: openchoreo.dev/v1alpha1
kind: Organization
metadata: {name: acme}
---
apiVersion: openchoreo.dev/v1alpha1
kind: DataPlane
metadata: {name: plane, namespace: acme}
spec:
  kubernetesCluster: {credentials: {apiServerURL: "https://plane.example:6443", token: secret}}
---
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata: {name: development, namespace: acme}
spec: {dataPlaneRef: plane}
---
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata: {name: production, namespace: acme}
spec: {dataPlaneRef: plane, isProduction: true}
---
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentPipeline
metadata: {name: pipeline, namespace: acme}
spec:
  promotionPaths:
  - sourceEnvironmentRef: development
    targetEnvironmentRefs: [{name: production, requiresApproval: true}]
---
apiVersion: openchoreo.dev/v1alpha1
kind: Project
metadata: {name: shop, namespace: acme}
spec: {deploymentPipelineRef: pipeline}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {openchoreo.dev/organization: acme, openchoreo.dev/project: shop}}
---
apiVersion: openchoreo.dev/v1alpha1
kind: Component
metadata: {name: cart, namespace: shop}
spec:
  owner: {projectName: shop}
  type: Service
  build:
    repository: {url: "https://git.example/cart", revision: {branch: main}, appPath: /}
    templateRef: {name: docker}
"#;

pub(crate) fn platform() -> Arc<Platform> {
    Platform::builder().build().map(Arc::new).expect("the core alone is a platform")
}

pub(crate) fn noon() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("a timestamp")
}

pub(crate) fn documents(text: &str) -> Vec<Value> {
    yaml::documents(text).expect("valid YAML")
}

fn plane() -> PlaneKey {
    PlaneKey::data_plane("acme", "plane")
}

/// A World in which the manifests have settled.
pub(crate) fn settled(platform: &Arc<Platform>, documents: impl IntoIterator<Item = Value>) -> Offline {
    let mut offline = Offline::new(platform, noon());
    for document in documents {
        offline.apply(document).expect("a kind of the platform");
        offline.settle().expect("plans come to rest");
    }
    offline.connect(&plane());
    offline.settle().expect("plans come to rest");
    offline
}

pub(crate) fn ready(offline: &Offline, key: &ObjectKey) -> (String, String, String) {
    let object = offline.world().get(&PlaneKey::Control, key).unwrap_or_else(|| panic!("{key} exists"));
    let conditions = object.json().pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let ready =
        conditions.iter().find(|condition| condition["type"] == "Ready").unwrap_or_else(|| panic!("{key} shows Ready"));
    let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"), text("message"))
}

pub(crate) fn assert_ready(offline: &Offline, key: &ObjectKey, status: &str, reason: &str) -> String {
    let (actual_status, actual_reason, message) = ready(offline, key);
    assert_eq!((actual_status.as_str(), actual_reason.as_str()), (status, reason), "{key}: {message}");
    message
}

fn everything(offline: &Offline) -> String {
    let objects = offline.world().all(&PlaneKey::Control);
    objects.iter().map(|(key, object)| format!("{key} {}\n", object.json())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_of_applying_gives_the_same_end(order in Just((0..9).collect::<Vec<usize>>()).prop_shuffle()) {
        let platform = platform();
        let in_order = settled(&platform, documents(MANIFESTS));
        let all = documents(MANIFESTS);
        let shuffled = settled(&platform, order.iter().map(|index| all[*index].clone()));
        prop_assert_eq!(everything(&shuffled), everything(&in_order));
    }

    #[test]
    fn any_order_of_deletion_ends_with_nothing(order in Just((0..9).collect::<Vec<usize>>()).prop_shuffle()) {
        let platform = platform();
        let mut offline = settled(&platform, documents(MANIFESTS));
        let all = documents(MANIFESTS);
        for index in order {
            let document = &all[index];
            let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let kind = platform.control_kinds().into_iter().find(|kind| kind.kind == text("/kind")).expect("known");
            let key = ObjectKey { kind, namespace: text("/metadata/namespace").to_owned(), name: text("/metadata/name").to_owned() };
            offline.delete(&PlaneKey::Control, &key);
            offline.settle().expect("plans come to rest");
        }
        prop_assert_eq!(everything(&offline), "");
    }
}

#[test]
fn every_object_shows_ready_with_its_generation_after_the_first_pass() {
    let platform = platform();
    let mut offline = Offline::new(&platform, noon());
    for document in documents(MANIFESTS) {
        offline.apply(document).expect("a kind of the platform");
    }
    offline.settle().expect("plans come to rest");
    let planned = platform.planners().iter().map(|planner| planner.kind()).collect::<Vec<_>>();
    for (key, object) in offline.world().all(&PlaneKey::Control) {
        if planned.contains(&key.kind) {
            ready(&offline, &key);
            assert_eq!(
                object.json().pointer("/status/observedGeneration"),
                object.json().pointer("/metadata/generation"),
                "{key}"
            );
        }
    }
}

#[test]
fn a_thousand_idle_passes_send_no_request() {
    let platform = platform();
    let mut offline = settled(&platform, documents(MANIFESTS));
    let before = offline.requests();
    for _ in 0..1000 {
        offline.replan_all();
        offline.settle().expect("plans come to rest");
    }
    assert_eq!(offline.requests(), before);
}

#[test]
fn a_component_with_a_build_gets_the_default_track_until_somebody_writes_one() {
    let platform = platform();
    let mut offline = settled(&platform, documents(MANIFESTS));
    let tracks = |offline: &Offline| {
        let keys = offline.world().keys(&PlaneKey::Control, Kind::of::<DeploymentTrack>());
        keys.into_iter().map(|key| key.name).collect::<Vec<_>>()
    };
    let default = tracks(&offline);
    assert_eq!(default.len(), 1);
    let own = documents(
        r#"
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentTrack
metadata: {name: cart-main, namespace: shop, labels: {openchoreo.dev/component: cart, openchoreo.dev/name: main}}
spec: {}
"#,
    );
    offline.apply(own[0].clone()).expect("a kind of the platform");
    offline.settle().expect("plans come to rest");
    assert_eq!(tracks(&offline), ["cart-main"]);
    offline.delete(&PlaneKey::Control, &ObjectKey::of::<DeploymentTrack>("shop", "cart-main"));
    offline.settle().expect("plans come to rest");
    assert_eq!(tracks(&offline), default);
}

#[test]
fn a_name_that_its_namespace_or_a_label_cannot_have_is_reported_before_anything_is_made() {
    let platform = platform();
    let long = "x".repeat(64);
    for name in ["acme.example", long.as_str()] {
        let mut offline = Offline::new(&platform, Timestamp::UNIX_EPOCH);
        let organization = json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Organization", "metadata": { "name": name },
        });
        offline.apply(organization).expect("a known kind");
        offline.settle().expect("the platform comes to rest");
        let key = ObjectKey::of::<Organization>("", name);
        let shown = offline.world().get(&PlaneKey::Control, &key).expect("it exists").json();
        assert!(shown["status"].to_string().contains("InvalidName"), "{shown}");
        assert!(offline.world().get(&PlaneKey::Control, &ObjectKey::of::<Namespace>("", name)).is_none(), "{name}");
        offline.delete(&PlaneKey::Control, &key);
        offline.settle().expect("the platform comes to rest");
        assert!(offline.world().get(&PlaneKey::Control, &key).is_none(), "it can be deleted");
    }
}

#[test]
fn bad_input_is_reported_where_the_person_looks() {
    // (what is changed in the manifests, the object that shows it, reason, words of the message)
    type Case = (&'static str, &'static str, fn() -> ObjectKey, &'static str, &'static [&'static str]);
    let cases: [Case; 7] = [
        (
            "{name: production, requiresApproval: true}",
            "{name: development}",
            || ObjectKey::of::<DeploymentPipeline>("acme", "pipeline"),
            "PromotionCycle",
            &["development → development"],
        ),
        (
            "{name: production, requiresApproval: true}",
            "{name: prod}",
            || ObjectKey::of::<DeploymentPipeline>("acme", "pipeline"),
            "EnvironmentNotFound",
            &["`prod`", "acme"],
        ),
        (
            "deploymentPipelineRef: pipeline",
            "deploymentPipelineRef: pipline",
            || ObjectKey::of::<Project>("acme", "shop"),
            "PipelineNotFound",
            &["`pipline`"],
        ),
        (
            "owner: {projectName: shop}",
            "owner: {projectName: shoe}",
            || ObjectKey::of::<Component>("shop", "cart"),
            "ParentNotFound",
            &["shoe", "projectName"],
        ),
        (
            "name: cart, namespace: shop",
            "name: cart, namespace: shop, labels: {openchoreo.dev/organization: evil}",
            || ObjectKey::of::<Component>("shop", "cart"),
            "LabelContradiction",
            &["evil", "acme"],
        ),
        (
            "name: cart, namespace: shop",
            "name: cart, namespace: nowhere",
            || ObjectKey::of::<Component>("nowhere", "cart"),
            "NamespaceNotInOrganization",
            &["nowhere"],
        ),
        (
            "token: secret",
            "caCert: x",
            || ObjectKey::of::<DataPlane>("acme", "plane"),
            "CredentialsInvalid",
            &["spec.kubernetesCluster.credentials", "token"],
        ),
    ];
    for (before, after, key, reason, words) in cases {
        assert!(MANIFESTS.contains(before), "the manifests say {before}");
        let platform = platform();
        let offline = settled(&platform, documents(&MANIFESTS.replace(before, after)));
        let message = assert_ready(&offline, &key(), "False", reason);
        for word in words {
            assert!(message.contains(word), "{message:?} says {word}");
        }
    }
}

#[test]
fn an_organization_does_not_take_a_namespace_that_is_not_its_own() {
    let platform = platform();
    let mut offline = Offline::new(&platform, noon());
    let manifests = "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n---\napiVersion: openchoreo.dev/v1alpha1\nkind: Organization\nmetadata: {name: kube-system}\n";
    for document in documents(manifests) {
        offline.apply(document).expect("a kind of the platform");
    }
    offline.settle().expect("plans come to rest");
    let key = ObjectKey::of::<Organization>("", "kube-system");
    assert_ready(&offline, &key, "False", "NamespaceTaken");
    offline.delete(&PlaneKey::Control, &key);
    offline.settle().expect("plans come to rest");
    assert_eq!(offline.world().all(&PlaneKey::Control).len(), 1, "the namespace stays, the organization goes");
}

#[test]
fn two_components_of_one_identity_never_meet() {
    let platform = platform();
    let mut all = documents(MANIFESTS);
    all.extend(documents(
        r#"
apiVersion: openchoreo.dev/v1alpha1
kind: Component
metadata: {name: cart, namespace: acme, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {owner: {projectName: shop}, type: Service}
"#,
    ));
    let offline = settled(&platform, all);
    let message = assert_ready(&offline, &ObjectKey::of::<Component>("acme", "cart"), "False", "DuplicateIdentity");
    assert!(message.contains("`shop`"), "{message}");
}

#[test]
fn what_a_plane_says_reaches_everyone_who_waits_for_it() {
    let platform = platform();
    let mut offline = settled(&platform, documents(MANIFESTS));
    let data_plane = ObjectKey::of::<DataPlane>("acme", "plane");
    let environment = ObjectKey::of::<openchoreo_types::v1alpha1::Environment>("acme", "development");
    assert_ready(&offline, &data_plane, "True", "Connected");
    assert_ready(&offline, &environment, "True", "EnvironmentReady");
    for (cause, reason) in [
        (Disconnect::NoAnswer, "ServerUnreachable"),
        (Disconnect::CredentialsRefused, "CredentialsRefused"),
        (Disconnect::TlsRefused, "CertificateRefused"),
        (Disconnect::Forbidden, "AccessDenied"),
    ] {
        offline.set_plane_state(&plane(), PlaneState::Unreachable { since: noon(), cause, error: "why".to_owned() });
        offline.settle().expect("plans come to rest");
        let message = assert_ready(&offline, &data_plane, "False", reason);
        assert!(message.starts_with("why; "), "{message} names a remedy");
        assert_ready(&offline, &environment, "False", "PlaneUnreachable");
    }
    offline.connect(&plane());
    offline.settle().expect("plans come to rest");
    assert_ready(&offline, &environment, "True", "EnvironmentReady");
    let boastful = PlaneState::Connected { server: "https://plane.example".to_owned(), version: "v".repeat(1_000_000) };
    offline.set_plane_state(&plane(), boastful);
    offline.settle().expect("plans come to rest");
    assert!(assert_ready(&offline, &data_plane, "True", "Connected").len() < 1_000);
}
