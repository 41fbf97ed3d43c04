//! A platform without a cluster, in which tests say what the build plane does.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use openchoreo_build::{ArgoSettings, builtin_engines, planners};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use openchoreo_core::platform::Platform;
use openchoreo_types::foreign::argo::Workflow;
use openchoreo_types::v1alpha1::{Build, DeployableArtifact};
use serde_json::{Value, json};

pub(crate) fn platform() -> Arc<Platform> {
    Platform::builder()
        .build_engines(builtin_engines(ArgoSettings::default()))
        .planners(planners())
        .build()
        .map(Arc::new)
        .expect("a platform that fits together")
}

pub(crate) fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

pub(crate) struct Laptop {
    pub(crate) offline: Offline,
}

impl Laptop {
    /// Organization `acme` with project `shop` and its component `cart`, and a connected build plane `builds`.
    pub(crate) fn with_plane(platform: &Arc<Platform>) -> Self {
        let mut laptop = Self::with_component(platform, "WebApplication", json!({}));
        laptop.build_plane("acme", "builds");
        laptop.settle();
        laptop
    }

    pub(crate) fn with_component(platform: &Arc<Platform>, type_: &str, annotations: Value) -> Self {
        let mut laptop = Self { offline: Offline::new(platform, start()) };
        laptop.organization("acme");
        laptop.component("acme", type_, annotations);
        laptop
    }

    pub(crate) fn organization(&mut self, name: &str) {
        self.apply(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name, "labels": { "openchoreo.dev/organization": name } },
        }));
        self.platform_object("Organization", "", name, json!({}));
        self.platform_object("DeploymentPipeline", name, "line", json!({ "promotionPaths": [] }));
        self.platform_object("Project", name, "shop", json!({ "deploymentPipelineRef": "line" }));
    }

    pub(crate) fn component(&mut self, organization: &str, type_: &str, annotations: Value) {
        self.apply(json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Component",
            "metadata": { "name": "cart", "namespace": organization, "annotations": annotations },
            "spec": { "owner": { "projectName": "shop" }, "type": type_ },
        }));
        self.track(organization, "cart", "default");
    }

    pub(crate) fn track(&mut self, namespace: &str, component: &str, name: &str) {
        self.apply(json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "DeploymentTrack",
            "metadata": {
                "name": format!("{component}-{name}"), "namespace": namespace,
                "labels": { "openchoreo.dev/component": component, "openchoreo.dev/name": name },
            },
            "spec": {},
        }));
    }

    pub(crate) fn build_plane(&mut self, organization: &str, name: &str) {
        self.platform_object("BuildPlane", organization, name, json!({ "kubernetesCluster": cluster() }));
        self.offline.connect(&PlaneKey::build_plane(organization, name));
    }

    pub(crate) fn build(&mut self, organization: &str, name: &str) {
        self.build_with(organization, name, json!({}), build_spec());
    }

    pub(crate) fn build_with(&mut self, organization: &str, name: &str, annotations: Value, spec: Value) {
        self.apply(json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Build",
            "metadata": { "name": name, "namespace": organization, "annotations": annotations },
            "spec": spec,
        }));
    }

    fn platform_object(&mut self, kind: &str, namespace: &str, name: &str, spec: Value) {
        let mut metadata = json!({ "name": name });
        if !namespace.is_empty() {
            metadata["namespace"] = namespace.into();
        }
        self.apply(
            json!({ "apiVersion": "openchoreo.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec }),
        );
    }

    pub(crate) fn apply(&mut self, document: Value) {
        self.offline.apply(document).expect("a document that the platform reads");
    }

    /// Plans to rest, and then once more: what is at rest takes no request.
    pub(crate) fn settle(&mut self) {
        self.offline.settle().expect("plans that come to rest");
        let requests = self.offline.requests();
        self.offline.replan_all();
        self.offline.settle().expect("plans that come to rest");
        assert_eq!(self.offline.requests(), requests, "planning again at rest sends requests");
    }

    pub(crate) fn get(&self, plane: &PlaneKey, key: &ObjectKey) -> Option<Value> {
        self.offline.world().get(plane, key).map(|stored| stored.json())
    }

    pub(crate) fn build_object(&self, name: &str) -> Value {
        self.get(&PlaneKey::Control, &ObjectKey::of::<Build>("acme", name)).expect("the Build")
    }

    /// `<status>/<reason>` of a condition of a Build.
    pub(crate) fn condition(&self, name: &str, type_: &str) -> String {
        let build = self.build_object(name);
        let condition = conditions(&build).into_iter().find(|condition| condition["type"] == type_);
        condition.map_or_else(String::new, |c| {
            format!("{}/{}", c["status"].as_str().unwrap(), c["reason"].as_str().unwrap())
        })
    }

    pub(crate) fn message(&self, name: &str, type_: &str) -> String {
        let build = self.build_object(name);
        let condition = conditions(&build).into_iter().find(|condition| condition["type"] == type_);
        condition.map(|c| c["message"].as_str().unwrap().to_owned()).unwrap_or_default()
    }

    pub(crate) fn artifact(&self, name: &str) -> Option<Value> {
        self.get(&PlaneKey::Control, &ObjectKey::of::<DeployableArtifact>("acme", name))
    }

    pub(crate) fn workflows(&self, plane: &PlaneKey) -> Vec<Value> {
        self.of_kind(plane, Kind::of::<Workflow>())
    }

    pub(crate) fn namespaces(&self, plane: &PlaneKey) -> Vec<Value> {
        self.of_kind(plane, Kind::of::<Namespace>())
    }

    fn of_kind(&self, plane: &PlaneKey, kind: Kind) -> Vec<Value> {
        let all = self.offline.world().all(plane).into_iter();
        all.filter(|(key, _)| key.kind == kind).map(|(_, stored)| stored.json()).collect()
    }

    /// Gives the only Workflow of a plane a status.
    pub(crate) fn report(&mut self, plane: &PlaneKey, status: Value) {
        let mut workflow = self.workflows(plane).pop().expect("a Workflow");
        workflow["status"] = status;
        self.offline.put(plane, Kind::of::<Workflow>(), workflow).expect("a Workflow with a name");
        self.settle();
    }

    /// The only Workflow goes, as it does when its time is over.
    pub(crate) fn expire(&mut self, plane: &PlaneKey) {
        let workflow = self.workflows(plane).pop().expect("a Workflow");
        self.delete_object(plane, Kind::of::<Workflow>(), &workflow);
        self.settle();
    }

    pub(crate) fn delete_object(&mut self, plane: &PlaneKey, kind: Kind, object: &Value) {
        let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        self.offline.delete(plane, &ObjectKey { kind, namespace: text("namespace"), name: text("name") });
    }

    pub(crate) fn delete_build(&mut self, name: &str) {
        self.offline.delete(&PlaneKey::Control, &ObjectKey::of::<Build>("acme", name));
    }

    pub(crate) fn build_exists(&self, name: &str) -> bool {
        self.get(&PlaneKey::Control, &ObjectKey::of::<Build>("acme", name)).is_some()
    }
}

fn conditions(build: &Value) -> Vec<Value> {
    build.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default()
}

pub(crate) fn builds() -> PlaneKey {
    PlaneKey::build_plane("acme", "builds")
}

pub(crate) fn cluster() -> Value {
    json!({ "server": "https://builds.example.com", "tls": { "ca": { "value": "Q0E=" } }, "auth": { "bearerToken": { "value": "dG9rZW4=" } } })
}

pub(crate) fn build_spec() -> Value {
    json!({
        "owner": { "projectName": "shop", "componentName": "cart" },
        "repository": { "url": "https://git.example.com/shop.git", "revision": { "branch": "main" }, "appPath": "/cart" },
        "templateRef": { "engine": "argo", "name": "docker", "parameters": [{ "name": "docker-context", "value": "." }] },
    })
}

/// A run whose steps are in these phases.
pub(crate) fn run_status(phase: &str, steps: [&str; 3], descriptor: Option<&str>) -> Value {
    let mut nodes = json!({});
    for (index, (template, phase)) in ["clone-step", "build-step", "push-step"].iter().zip(steps).enumerate() {
        if phase.is_empty() {
            continue;
        }
        let mut node = json!({
            "templateName": template, "type": "Pod", "phase": phase,
            "startedAt": format!("2026-01-01T00:00:0{index}Z"),
        });
        if phase == "Failed" {
            node["message"] = "Error (exit code 128)".into();
        }
        if phase == "Succeeded" && *template == "push-step" {
            node["outputs"] = json!({ "parameters": [{ "name": "image", "value": IMAGE }] });
        }
        if phase == "Succeeded" && *template == "clone-step" {
            let mut parameters = vec![json!({ "name": "git-revision", "value": "0a1b2c3d" })];
            parameters.extend(descriptor.map(|text| json!({ "name": "workload", "value": text })));
            node["outputs"] = json!({ "parameters": parameters });
        }
        nodes[format!("run-{index}")] = node;
    }
    json!({ "phase": phase, "nodes": nodes })
}

pub(crate) const IMAGE: &str = "registry.example.com/acme/shop/cart:default-0a1b2c3d";

pub(crate) fn succeeded(descriptor: Option<&str>) -> Value {
    run_status("Succeeded", ["Succeeded"; 3], descriptor)
}
