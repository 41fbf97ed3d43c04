//! Manifests to objects.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::runtime::wait::await_condition;
use openchoreo_types::v1alpha1::{Organization, Project};
use serde_json::json;

use crate::harness::{COMPONENT, PROJECT, Plane, choreoctl};

#[tokio::test]
async fn a_whole_installation_can_be_sent_at_once_in_any_order() {
    let plane = Plane::start().await;
    // Stands in for the controller that gives an organization its namespace.
    let client = plane.client();
    let controller = tokio::spawn(async move {
        let organizations: Api<Organization> = Api::all(client.clone());
        await_condition(organizations, "acme", |found: Option<&Organization>| found.is_some()).await.unwrap();
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": "acme"}})).unwrap();
        Api::<Namespace>::all(client).create(&Default::default(), &namespace).await.unwrap();
    });
    let organization = "apiVersion: openchoreo.dev/v1alpha1\nkind: Organization\nmetadata: {name: acme}\n";
    let all = [COMPONENT, PROJECT, organization].join("---\n");
    let out = plane.run_with_input(&["apply", "-f", "-"], &all).await.success();
    assert_eq!(
        out,
        "organization.openchoreo.dev/acme created\n\
         project.openchoreo.dev/shop created\n\
         component.openchoreo.dev/web created\n"
    );
    controller.await.unwrap();
}

#[tokio::test]
async fn applying_again_says_what_changed() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    let file = plane.file("project.yaml", PROJECT);
    let words = async |text: &str| {
        std::fs::write(&file, text).unwrap();
        plane.run(&["apply", "-f", &file]).await.success()
    };
    assert_eq!(words(PROJECT).await, "project.openchoreo.dev/shop created\n");
    assert_eq!(words(PROJECT).await, "project.openchoreo.dev/shop unchanged\n");
    let changed = PROJECT.replace("default-pipeline", "other");
    assert_eq!(words(&changed).await, "project.openchoreo.dev/shop configured\n");
}

#[tokio::test]
async fn every_problem_of_every_file_is_told_and_nothing_is_sent() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    plane.file("all/good.yaml", PROJECT);
    plane.file("all/two.yaml", &format!("{COMPONENT}---\n{}", COMPONENT.replace("owner", "ownr")));
    plane.file(
        "all/kind.json",
        r#"{"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Projekt", "metadata": {"name": "a"}}"#,
    );
    plane.file("all/notes.txt", "not a manifest");
    let folder = plane.folder().join("all");
    let err = plane.run(&["apply", "-f", folder.to_str().unwrap()]).await.failure();
    for expected in [
        "error: 3 problems in the manifests, nothing was sent",
        "kind.json, document 1 (Projekt `a`): `kind` cannot be `Projekt`: did you mean `Project`?",
        "two.yaml, document 2 (Component `web`): `spec.ownr` is an unknown field: did you mean `owner`?",
        "two.yaml, document 2 (Component `web`): `spec.owner` is missing",
    ] {
        assert!(err.contains(expected), "{expected} not in {err}");
    }
    let projects: Api<Project> = Api::all(plane.client());
    assert!(projects.list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn text_that_is_no_yaml_is_told_with_its_line() {
    let outcome = choreoctl(&["apply", "--dry-run", "-f", "-"], "kind: A\n  b: [\n").await;
    let err = outcome.failure();
    assert!(err.contains("standard input: line "), "{err}");
}

#[tokio::test]
async fn subfolders_are_read_on_demand_only() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    plane.file("all/deeper/project.yaml", PROJECT);
    let folder = plane.folder().join("all");
    let folder = folder.to_str().unwrap();
    let err = plane.run(&["apply", "-f", folder]).await.failure();
    assert!(err.contains("hint: read subfolders too with `--recursive`"), "{err}");
    plane.run(&["apply", "-R", "-f", folder]).await.success();
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    let out = plane.run_with_input(&["apply", "-f", "-", "--dry-run=server"], PROJECT).await.success();
    assert_eq!(out, "project.openchoreo.dev/shop created (server dry run)\n");
    let projects: Api<Project> = Api::namespaced(plane.client(), "acme");
    assert!(projects.get_opt("shop").await.unwrap().is_none());
    // On the client it needs no server at all.
    let out = choreoctl(&["apply", "-f", "-", "--dry-run=client"], PROJECT).await.success();
    assert_eq!(out, "project.openchoreo.dev/shop valid (dry run)\n");
}

#[tokio::test]
async fn a_new_kind_and_an_object_of_it_can_come_together() {
    let plane = Plane::start().await;
    let manifests = "
apiVersion: example.com/v1
kind: Widget
metadata: {name: first, namespace: default}
spec: {size: 1}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";
    let out = plane.run_with_input(&["apply", "-f", "-"], manifests).await.success();
    assert_eq!(
        out,
        "customresourcedefinition.apiextensions.k8s.io/widgets.example.com created\nwidget.example.com/first created\n"
    );
}

#[tokio::test]
async fn a_namespace_that_nobody_brings_is_told_with_a_hint() {
    let plane = Plane::start().await;
    let err = plane.run_with_input(&["apply", "-f", "-"], PROJECT).await.failure();
    assert_eq!(
        err,
        "error: cannot apply project `shop`: namespace `acme` not found\n\n\
         hint: `choreoctl create organization --name acme` makes an organization's namespace\n"
    );
}

#[tokio::test]
async fn a_refused_object_does_not_stop_the_others() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    let lost = PROJECT.replace("acme", "nowhere");
    let outcome = plane.run_with_input(&["apply", "-f", "-"], &format!("{lost}---\n{PROJECT}")).await;
    assert_eq!(outcome.out, "project.openchoreo.dev/shop created\n");
    assert!(outcome.failure().contains("namespace `nowhere` not found"));
}

#[tokio::test]
async fn fields_of_others_are_taken_over_on_demand_only() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    let projects: Api<Project> = Api::namespaced(plane.client(), "acme");
    let theirs = json!({
        "apiVersion": "openchoreo.dev/v1alpha1",
        "kind": "Project",
        "metadata": {"name": "shop"},
        "spec": {"deploymentPipelineRef": "theirs"},
    });
    projects.patch("shop", &PatchParams::apply("somebody"), &Patch::Apply(&theirs)).await.unwrap();
    let err = plane.run_with_input(&["apply", "-f", "-"], PROJECT).await.failure();
    assert!(err.contains("hint: take the fields over with `--force-conflicts`"), "{err}");
    let out = plane.run_with_input(&["apply", "-f", "-", "--force-conflicts"], PROJECT).await.success();
    assert_eq!(out, "project.openchoreo.dev/shop configured\n");
}

#[tokio::test]
async fn a_namespace_on_the_command_line_must_fit_the_manifests() {
    let plane = Plane::with_namespaces(&["acme", "other"]).await;
    let err = plane.run_with_input(&["apply", "-n", "other", "-f", "-"], PROJECT).await.failure();
    assert!(err.contains("it is for namespace `acme`, but the command line says `other`"), "{err}");
    let without = PROJECT.replace(", namespace: acme", "");
    plane.run_with_input(&["apply", "-n", "other", "-f", "-"], &without).await.success();
    let projects: Api<Project> = Api::namespaced(plane.client(), "other");
    projects.get("shop").await.unwrap();
}
