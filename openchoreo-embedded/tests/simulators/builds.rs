//! Workflows run their steps and end.

use std::time::Duration;

use kube::api::{ApiResource, DynamicObject};
use openchoreo_embedded::simulators::{ArgoSettings, SIMULATED_ANNOTATION};
use serde_json::{Value, json};

use super::stage::{Stage, resource, wait};

fn workflows() -> ApiResource {
    resource("argoproj.io", "v1alpha1", "Workflow", "workflows")
}

fn templates() -> ApiResource {
    resource("argoproj.io", "v1alpha1", "ClusterWorkflowTemplate", "clusterworkflowtemplates")
}

/// A server with Argo's kinds; Argo's own definition of a Workflow has no status subresource, others have one.
async fn stage(status_subresource: bool) -> Stage {
    let stage = Stage::new().await;
    stage.install(&workflows(), "Namespaced", status_subresource).await;
    stage.install(&templates(), "Cluster", false).await;
    stage.simulate(|settings| {
        settings.argo = Some(ArgoSettings { step_duration: Duration::ZERO, registry: "registry.test".to_owned() });
    });
    stage
}

fn workflow(name: &str, template: &str, repository: &str) -> Value {
    let parameter = |name: &str, value: &str| json!({ "name": name, "value": value });
    json!({
        "metadata": { "name": name },
        "spec": {
            "workflowTemplateRef": { "name": template, "clusterScope": true },
            "arguments": { "parameters": [
                parameter("git-repo", repository),
                parameter("commit", "0123456789"),
                parameter("image-name", "shop-web"),
                parameter("image-tag", "default"),
            ] },
        },
    })
}

async fn end_of(stage: &Stage, name: &str) -> DynamicObject {
    let ended = |found: &DynamicObject| found.data.pointer("/status/finishedAt").is_some();
    wait(stage.dynamic(&workflows()), name, ended).await
}

async fn builds_end_as_they_should(status_subresource: bool) {
    let stage = stage(status_subresource).await;
    stage
        .apply_dynamic(
            &templates(),
            false,
            json!({
                "metadata": { "name": "docker" },
                "spec": {
                    "entrypoint": "main",
                    "templates": [
                        { "name": "main", "steps": [
                            [{ "name": "clone-step", "template": "clone-step" }],
                            [{ "name": "push-step", "template": "push-step" }],
                        ] },
                        { "name": "clone-step", "container": { "image": "git" } },
                        { "name": "push-step", "outputs": { "parameters": [{ "name": "image", "valueFrom": { "path": "/i" } }] } },
                    ],
                },
            }),
        )
        .await;
    for (name, template, repository) in [
        ("good", "docker", "https://git.test/web"),
        ("bad", "docker", "https://git.test/simulate-failure"),
        ("lost", "missing", "https://git.test/web"),
    ] {
        stage.apply_dynamic(&workflows(), true, workflow(name, template, repository)).await;
    }

    let good = end_of(&stage, "good").await;
    assert_eq!(good.data["status"]["phase"], "Succeeded");
    let nodes = good.data["status"]["nodes"].as_object().unwrap();
    let push = nodes.values().find(|node| node["templateName"] == "push-step").unwrap();
    assert_eq!(
        push["outputs"]["parameters"],
        json!([{ "name": "image", "value": "registry.test/shop-web:default-01234567" }])
    );

    let bad = end_of(&stage, "bad").await;
    assert_eq!(bad.data["status"]["phase"], "Failed");

    let lost = end_of(&stage, "lost").await;
    assert_eq!(lost.data["status"]["phase"], "Error");
    assert!(lost.data["status"]["message"].as_str().unwrap().contains("\"missing\" not found"));

    let marked = |found: &DynamicObject| {
        found.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(SIMULATED_ANNOTATION))
    };
    wait(stage.dynamic(&workflows()), "good", marked).await;
}

#[tokio::test]
async fn builds_end_as_they_should_without_a_status_subresource() {
    builds_end_as_they_should(false).await;
}

#[tokio::test]
async fn builds_end_as_they_should_with_a_status_subresource() {
    if std::env::var_os("OPENCHOREO_PLANE_KUBECONFIG").is_some() {
        // One server cannot define the same kind in two ways at once.
        eprintln!("SKIPPED: a shared plane has Argo's own definition");
        return;
    }
    builds_end_as_they_should(true).await;
}
