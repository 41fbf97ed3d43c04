//! A platform of one's own in a `main` of one's own: house names and house hosts.
//!
//! Run it with `cargo run -p openchoreo-examples --bin embed_controller`. It needs no cluster: the two planes are
//! embedded API servers, and pods, build steps and the gateway are simulated. It applies `samples/hello-world`, asks
//! for a build, and prints the URL of the endpoint and what the gateway answers there. Against real planes,
//! `controller_manager::run` takes the place of the stage; the README has that `main`.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::time::Duration;

use anyhow::Context;
use choreoctl::stage::{Stage, StageSettings};
use choreoctl::{install, request};
use futures::TryStreamExt;
use kube::ResourceExt;
use kube::runtime::{WatchStreamExt, watcher};
use openchoreo_build::ArgoSettings;
use openchoreo_examples::{HouseHostnames, HouseNames};
use openchoreo_types::v1alpha1::{Component, Endpoint};
use openchoreo_types::yaml;
use serde_json::json;

const SAMPLE: [&str; 3] = [
    include_str!("../../../samples/hello-world/organization.yaml"),
    include_str!("../../../samples/hello-world/project.yaml"),
    include_str!("../../../samples/hello-world/component.yaml"),
];
/// How long the whole walk may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let platform = controller_manager::default_platform(ArgoSettings::default())
        .naming(HouseNames)
        .hostnames(HouseHostnames)
        .build()?;
    let folder = tempfile::tempdir()?;
    let stage = Stage::set(StageSettings::in_folder(folder.path()), platform).await?;
    stage.register_data_plane("default-org").await?;

    for manifest in SAMPLE {
        install::apply(&stage.control, yaml::documents(manifest)?).await?;
    }
    let component =
        kube::Api::<Component>::namespaced(stage.control.clone(), "default-project").get("hello-world").await?;
    let source = component.spec.build.context("the sample says how it is built")?;
    let build = json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Build",
        "metadata": {
            "name": "first", "namespace": "default-project",
            "labels": { "openchoreo.dev/component": "hello-world", "openchoreo.dev/deployment-track": "default" },
        },
        "spec": {
            "owner": { "projectName": "default-project", "componentName": "hello-world" },
            "repository": source.repository, "templateRef": source.template_ref,
        },
    });
    install::apply(&stage.control, vec![build]).await?;

    let url =
        tokio::time::timeout(PATIENCE, address(&stage)).await.context("the endpoint got no address in time")??;
    let answer = request::get(stage.gateway, &stage.gateway_authority, &url, None).await?;
    println!("{url}\nanswered {}:\n{}", answer.status, answer.body.trim_end());

    let namespaces = kube::Api::<k8s_openapi::api::core::v1::Namespace>::all(stage.data.clone());
    for namespace in namespaces.list(&kube::api::ListParams::default()).await? {
        if namespace.name_any().starts_with("house") {
            println!("namespace {}", namespace.name_any());
        }
    }
    stage.strike().await;
    Ok(())
}

/// The address of the first endpoint that has one and is ready.
async fn address(stage: &Stage) -> anyhow::Result<String> {
    let endpoints = kube::Api::<Endpoint>::namespaced(stage.control.clone(), "default-project");
    let mut seen = std::pin::pin!(watcher(endpoints, watcher::Config::default()).applied_objects());
    while let Some(endpoint) = seen.try_next().await? {
        let status = endpoint.status.unwrap_or_default();
        let ready = status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        if let (true, Some(address)) = (ready, status.address) {
            return Ok(address);
        }
    }
    anyhow::bail!("the watch of the endpoints ended")
}
