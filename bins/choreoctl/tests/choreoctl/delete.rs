//! Objects to nothing.

use kube::api::{Api, Patch, PatchParams};
use openchoreo_types::v1alpha1::Project;
use serde_json::json;

use crate::harness::{COMPONENT, PROJECT, Plane, eventually};

async fn shop() -> Plane {
    let plane = Plane::with_namespaces(&["acme"]).await;
    let all = [PROJECT, COMPONENT].join("---\n");
    plane.run_with_input(&["apply", "-f", "-"], &all).await.success();
    plane
}

#[tokio::test]
async fn objects_are_deleted_by_name() {
    let plane = shop().await;
    let out = plane.run(&["delete", "component", "web", "-n", "acme"]).await.success();
    assert_eq!(out, "component.openchoreo.dev \"web\" deleted\n");
    let err = plane.run(&["delete", "component/web", "-n", "acme"]).await.failure();
    assert!(err.starts_with("error: component `web` not found in namespace `acme`\n"), "{err}");
    plane.run(&["delete", "component/web", "-n", "acme", "--ignore-not-found"]).await.success();
}

#[tokio::test]
async fn manifests_are_deleted_in_the_opposite_of_their_order_of_creation() {
    let plane = shop().await;
    let all = [PROJECT, COMPONENT].join("---\n");
    let out = plane.run_with_input(&["delete", "-f", "-"], &all).await.success();
    assert_eq!(out, "component.openchoreo.dev \"web\" deleted\nproject.openchoreo.dev \"shop\" deleted\n");
}

#[tokio::test]
async fn deletion_waits_until_the_object_is_gone() {
    let plane = shop().await;
    let projects: Api<Project> = Api::namespaced(plane.client(), "acme");
    let finalizers = |names: serde_json::Value| Patch::Merge(json!({"metadata": {"finalizers": names}}));
    projects.patch("shop", &PatchParams::default(), &finalizers(json!(["example.com/hold"]))).await.unwrap();

    let hurried = plane.run(&["delete", "project", "shop", "-n", "acme", "--timeout", "1"]).await;
    assert!(hurried.err.contains("hint: finalizers `example.com/hold`"), "{hurried:?}");
    hurried.failure();

    let (task, out) = plane.start_command(&["delete", "project", "shop", "-n", "acme"]);
    eventually("the request", || out.text().contains("deleted")).await;
    assert!(!task.is_finished());
    projects.patch("shop", &PatchParams::default(), &finalizers(json!(null))).await.unwrap();
    task.await.unwrap();
    assert!(projects.get_opt("shop").await.unwrap().is_none());
}
