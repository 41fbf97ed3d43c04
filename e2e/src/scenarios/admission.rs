//! Whether the checks before rendering are those of a real API server: what passes them is taken, what does not is refused.
//!
//! Nothing is stored: objects are applied as a dry run, in a namespace that is made for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use controller_manager::core::client::apply;
use controller_manager::core::kind::Kind;
use controller_manager::core::platform::Platform;
use controller_manager::default_platform;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use openchoreo_build::ArgoSettings;
use openchoreo_dataplane::testing::{Sample, Served, any_sample, edges};
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::tenant::absent;

/// How many samples are tried, at most.
const SAMPLES: u64 = 150;
/// How long samples are tried, at most.
const TIME: Duration = Duration::from_secs(40);
/// How many requests are under way at a time.
const AT_A_TIME: usize = 8;

/// Every object of every sample that the planners render is taken.
pub(super) async fn taken(ground: &Ground) -> anyhow::Result<()> {
    let namespace = "e2e-admission-taken";
    make(ground, namespace).await?;
    let platform = platform()?;
    let started = Instant::now();
    let (mut rendered, mut tried) = (0_u64, 0_u64);
    for number in (0..SAMPLES).take_while(|_| started.elapsed() < TIME) {
        tried += 1;
        let sample = any_sample(number);
        let Ok(objects) = sample.render(&platform)? else { continue };
        rendered += 1;
        futures::stream::iter(objects)
            .map(|(kind, object)| async move {
                let answer = dry_run(ground, namespace, kind, object.clone()).await;
                let answer = answer.map_err(|error| anyhow::anyhow!("sample {number}: {error}: {object}"))?;
                let same = object.get("data") == answer.data.get("data");
                ensure!(same, "sample {number}: other data came of it: {:?}: {object}", answer.data);
                Ok(())
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<Vec<()>>()
            .await?;
    }
    tracing::info!(tried, rendered, "samples were applied as a dry run");
    ensure!(rendered * 2 > tried, "only {rendered} of {tried} samples were rendered, so little was tried");
    leave(ground, namespace).await
}

/// What each check refuses is refused by the server for the same reason, so that no check is stricter than it must be.
pub(super) async fn refused(ground: &Ground) -> anyhow::Result<()> {
    let namespace = "e2e-admission-refused";
    make(ground, namespace).await?;
    let platform = platform()?;
    let mut problems = Vec::new();
    for edge in edges() {
        let Some(served) = edge.served else { continue };
        let objects = Sample::good(edge.sample.component_type).render(&platform)?;
        let objects = objects.map_err(|problem| anyhow::anyhow!("the good sample is refused: {problem}"))?;
        let good = objects.into_iter().find(|(kind, _)| kind.kind == served.kind);
        let (kind, mut object) = good.with_context(|| format!("the good sample has no {}", served.kind))?;
        let what = short(&served);
        ensure!(served.put_into(&mut object), "{} has no place for it: {what}", served.kind);
        match dry_run(ground, namespace, kind, object).await {
            Ok(_) => problems.push(format!("{what} is taken, and refused beforehand as {}", edge.field)),
            Err(kube::Error::Api(status)) if status.message.contains(served.says) => {}
            Err(error) => problems.push(format!("{what} is refused without `{}`: {error}", served.says)),
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    leave(ground, namespace).await
}

fn short(served: &Served) -> String {
    format!("{} {}: {}", served.kind, served.pointer, served.value).chars().take(200).collect()
}

fn platform() -> anyhow::Result<Arc<Platform>> {
    Ok(Arc::new(default_platform(ArgoSettings::default()).build().context("cannot build the platform")?))
}

async fn make(ground: &Ground, name: &str) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(ground.data.clone());
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    namespaces.patch(name, &PatchParams::apply("openchoreo-e2e"), &Patch::Apply(namespace)).await?;
    Ok(())
}

async fn leave(ground: &Ground, name: &str) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(ground.data.clone());
    absent(namespaces.delete(name, &DeleteParams::default()).await.map(drop))
}

/// Applies an object without storing it.
async fn dry_run(
    ground: &Ground,
    namespace: &str,
    kind: Kind,
    mut object: Value,
) -> Result<DynamicObject, kube::Error> {
    let namespace = if kind.namespaced { namespace } else { "" };
    if let Some(metadata) = object["metadata"].as_object_mut() {
        // What a server gives.
        metadata.retain(|member, _| matches!(member.as_str(), "name" | "labels" | "annotations"));
        if kind.namespaced {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
    }
    let api: Api<DynamicObject> = ground.data_api(kind, namespace);
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let parameters = PatchParams { dry_run: true, ..PatchParams::apply("openchoreo-e2e").force() };
    apply(&api, &name, &parameters, &object, false).await
}
