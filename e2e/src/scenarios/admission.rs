//! Whether the checks before rendering are those of a real API server: what passes them is taken, what does not is refused.
//!
//! Nothing is stored: objects are applied as a dry run, in a namespace that is made for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use controller_manager::core::client::apply;
use controller_manager::core::kind::Kind;
use controller_manager::core::platform::{Platform, PlatformSettings};
use controller_manager::core::pod_security::PodSecurity;
use controller_manager::core::resources::{ContainerLimits, Quota};
use controller_manager::default_platform;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{LimitRange, Namespace, Pod, ResourceQuota};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use openchoreo_build::ArgoSettings;
use openchoreo_dataplane::testing::{Sample, Served, any_sample, edges};
use openchoreo_types::v1alpha1::component_type;
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

/// What is rendered for a level is admitted where the level is enforced, and hardened pods are asked for only there.
pub(super) async fn levels(ground: &Ground) -> anyhow::Result<()> {
    let ranks = [PodSecurity::Privileged, PodSecurity::Baseline, PodSecurity::Restricted];
    for enforced in ranks {
        let namespace = format!("e2e-admission-{enforced}");
        make_with(ground, &namespace, json!(enforced.labels())).await?;
        for level in ranks {
            let settings = PlatformSettings { pod_security: level, ..PlatformSettings::default() };
            let platform = default_platform(ArgoSettings::default()).settings(settings).build()?;
            let objects = Sample::good(component_type::SERVICE).render(&Arc::new(platform))?;
            let objects = objects.map_err(|problem| anyhow::anyhow!("the good sample is refused: {problem}"))?;
            let made = objects.into_iter().find(|(kind, _)| kind.kind == "Deployment").context("no Deployment")?.1;
            let mut pod = made["spec"]["template"].clone();
            pod["metadata"]["name"] = "sample".into();
            pod["apiVersion"] = "v1".into();
            pod["kind"] = "Pod".into();
            let is_wanted = enforced != PodSecurity::Restricted || level == PodSecurity::Restricted;
            // A new namespace gets its service account in a moment.
            let what = format!("a verdict over a pod for `{level}` where `{enforced}` is enforced");
            ground
                .eventually(&what, async || {
                    match dry_run(ground, &namespace, Kind::of::<Pod>(), pod.clone()).await {
                        Ok(_) => ensure!(is_wanted, "it is admitted"),
                        Err(error) => {
                            let is_refused = error.to_string().contains("violates PodSecurity");
                            ensure!(is_refused && !is_wanted, "it is answered by {error}");
                        }
                    }
                    Ok(())
                })
                .await?;
        }
        leave(ground, &namespace).await?;
    }
    Ok(())
}

/// What an environment says for containers comes to what a server concludes from it, and what contradicts itself is refused
/// by both.
pub(super) async fn bounds(ground: &Ground) -> anyhow::Result<()> {
    let namespace = "e2e-admission-bounds";
    make(ground, namespace).await?;
    let written = [
        "max.cpu=2",
        "min.cpu=1",
        "default.cpu=2, min.cpu=1",
        "max.cpu=2, defaultRequest.cpu=1",
        "max.memory=2Gi, default.memory=1Gi, defaultRequest.memory=1Mi, min.memory=1Ki, max.ephemeral-storage=1G",
        "max.cpu=1, min.cpu=2",
        "max.cpu=1, default.cpu=2",
        "max.cpu=1, defaultRequest.cpu=2",
        "default.cpu=1, defaultRequest.cpu=2",
        "default.cpu=1, min.cpu=2",
        "defaultRequest.cpu=1, min.cpu=2",
    ];
    for text in written {
        let mut item = json!({ "type": "Container" });
        for entry in text.split(", ") {
            let (name, quantity) = entry.split_once('=').context("no quantity")?;
            let (limit, resource) = name.split_once('.').context("no resource")?;
            item[limit][resource] = quantity.into();
        }
        let answer = of_server(ground, namespace, Kind::of::<LimitRange>(), json!({ "limits": [item] })).await;
        match (text.parse::<ContainerLimits>(), answer) {
            (Err(_), Err(kube::Error::Api(status))) if status.is_invalid() => {}
            (Ok(limits), Ok(answer)) => {
                let mut item = json!({ "type": "Container" });
                for ((resource, limit), amount) in limits.amounts() {
                    item[limit.as_str()][resource.as_str()] = amount.as_str().into();
                }
                let concluded = answer.data.pointer("/spec/limits/0");
                ensure!(concluded == Some(&item), "`{text}`: the server says {concluded:?}, we say {item}");
            }
            (ours, server) => anyhow::bail!("`{text}`: we say {ours:?}, the server says {server:?}"),
        }
    }
    let everything = "requests.cpu=4, limits.cpu=4, requests.memory=4Gi, limits.memory=4Gi, requests.ephemeral-storage=1G, limits.ephemeral-storage=1G, pods=5";
    for (text, is_good) in [(everything, true), ("pods=500m", false)] {
        let hard: BTreeMap<&str, &str> = text.split(", ").filter_map(|entry| entry.split_once('=')).collect();
        let answer = of_server(ground, namespace, Kind::of::<ResourceQuota>(), json!({ "hard": hard })).await;
        let ours = text.parse::<Quota>();
        ensure!((ours.is_ok(), answer.is_ok()) == (is_good, is_good), "`{text}`: {ours:?}, {answer:?}");
    }
    leave(ground, namespace).await
}

/// Applies an object with a specification without storing it.
async fn of_server(ground: &Ground, namespace: &str, kind: Kind, spec: Value) -> Result<DynamicObject, kube::Error> {
    let object = json!({
        "apiVersion": kind.api_version(), "kind": kind.kind, "metadata": { "name": "sample" }, "spec": spec,
    });
    dry_run(ground, namespace, kind, object).await
}

fn short(served: &Served) -> String {
    format!("{} {}: {}", served.kind, served.pointer, served.value).chars().take(200).collect()
}

fn platform() -> anyhow::Result<Arc<Platform>> {
    Ok(Arc::new(default_platform(ArgoSettings::default()).build().context("cannot build the platform")?))
}

async fn make(ground: &Ground, name: &str) -> anyhow::Result<()> {
    make_with(ground, name, json!({})).await
}

async fn make_with(ground: &Ground, name: &str, labels: Value) -> anyhow::Result<()> {
    let namespaces: Api<Namespace> = Api::all(ground.data.clone());
    let metadata = json!({ "name": name, "labels": labels });
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
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
