//! Turns Deployments and Jobs into pods, for a server that has no controllers of its own.
//!
//! The decisions are pure functions in `deployment` and `job`; this module watches, lists the pods of one owner,
//! and carries a decision out. Pod names are derived from owner, template and ordinal, and written with server-side
//! apply, so a decision carried out twice, or half, does no harm.
//!
//! Deliberately simpler than Kubernetes: there is no ReplicaSet in between, no rollout history, no surge settings and
//! no progress deadline. Old pods go when all new ones are ready, so a rollout never lowers the number of ready pods.

mod deployment;
mod job;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{FIELD_MANAGER, SIMULATED_ANNOTATION};

/// What should happen to the pods and the status of one owner.
#[derive(Debug, Default, PartialEq)]
struct Decision {
    /// Pods to apply.
    apply: Vec<Pod>,
    /// Names of pods to delete.
    delete: Vec<String>,
    /// The status to write, when it differs from the one that is there.
    status: Option<Value>,
}

/// Runs until dropped.
pub(super) async fn run_deployments(client: Client) {
    run::<Deployment>(client, deployment::pods_of, deployment::decide).await;
}

/// Runs until dropped.
pub(super) async fn run_jobs(client: Client) {
    run::<Job>(client, job::pods_of, job::decide).await;
}

type Decide<K> = fn(&K, &[Pod], Timestamp) -> Decision;

struct Context<K> {
    client: Client,
    /// How to ask for the pods of an owner without listing its whole namespace.
    pods_of: fn(&K) -> ListParams,
    decide: Decide<K>,
}

async fn run<K>(client: Client, pods_of: fn(&K) -> ListParams, decide: Decide<K>)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let owners: Api<K> = Api::all(client.clone());
    let pods: Api<Pod> = Api::all(client.clone());
    Controller::new(owners, watcher::Config::default())
        .owns(pods, watcher::Config::default())
        .with_config(Config::default().concurrency(8))
        .run(
            reconcile,
            |_, _, _| Action::requeue(Duration::from_secs(2)),
            Arc::new(Context { client, pods_of, decide }),
        )
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(%error, kind = %K::kind(&()), "simulated workload controller will retry");
            }
            std::future::ready(())
        })
        .await;
}

async fn reconcile<K>(owner: Arc<K>, cx: Arc<Context<K>>) -> Result<Action, kube::Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    if owner.meta().deletion_timestamp.is_some() {
        // The garbage collector of the server takes the pods.
        return Ok(Action::await_change());
    }
    let namespace = owner.namespace().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(cx.client.clone(), &namespace);
    let uid = owner.uid().unwrap_or_default();
    let mut owned = pods.list(&(cx.pods_of)(&owner)).await?.items;
    owned.retain(|pod| pod.owner_references().iter().any(|reference| reference.uid == uid));

    let decision = (cx.decide)(&owner, &owned, Timestamp::now());
    let apply = PatchParams::apply(FIELD_MANAGER).force();
    for pod in &decision.apply {
        pods.patch(&pod.name_any(), &apply, &Patch::Apply(pod)).await?;
    }
    for name in &decision.delete {
        match pods.delete(name, &DeleteParams::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(status) = decision.status {
        let owners: Api<K> = Api::namespaced(cx.client.clone(), &namespace);
        let body = serde_json::json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": { "name": owner.name_any() },
            "status": status,
        });
        match owners.patch_status(&owner.name_any(), &apply, &Patch::Apply(body)).await {
            Ok(_) => {}
            // Deleted since it was read.
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Action::await_change())
}

/// A pod made from a template: its metadata, the owner, and the mark that it is simulated.
fn pod_from_template(
    name: String,
    namespace: Option<String>,
    template: &PodTemplateSpec,
    owner: OwnerReference,
) -> Pod {
    let metadata = template.metadata.clone().unwrap_or_default();
    let mut annotations = metadata.annotations.unwrap_or_default();
    annotations.insert(SIMULATED_ANNOTATION.to_owned(), "true".to_owned());
    Pod {
        metadata: ObjectMeta {
            name: Some(name),
            namespace,
            labels: metadata.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![owner]),
            finalizers: metadata.finalizers,
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

/// The first `limit` bytes of a name that leave a valid name when a suffix follows.
fn name_stem(name: &str, limit: usize) -> &str {
    // Kubernetes names are ASCII, so every byte is a character boundary; anything else is kept whole.
    name.get(..limit).unwrap_or(name).trim_end_matches(['-', '.'])
}
