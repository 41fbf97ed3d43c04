//! Plays the Argo Workflows controller: steps run one after another, for a set time, and succeed.
//!
//! What a Workflow becomes is decided by the pure function in `progress`; this module watches Workflows, fetches the
//! template that one refers to, and writes the result. Templates are fetched, not watched: a Workflow takes its
//! template once, when it starts.
//!
//! Not simulated: pods of steps, artifacts, conditions (`when`), loops, retries, suspension, clean-up after a time.

mod progress;
mod template;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::observe::established;
use super::{FIELD_MANAGER, SIMULATED_ANNOTATION};
use progress::{Progress, Template};

/// How simulated builds behave.
#[derive(Debug, Clone)]
pub struct ArgoSettings {
    /// How long each step takes.
    pub step_duration: Duration,
    /// The registry in simulated image references, used when a Workflow has no parameter `registry`.
    pub registry: String,
}

impl Default for ArgoSettings {
    fn default() -> Self {
        Self { step_duration: Duration::from_millis(500), registry: "registry.simulated".to_owned() }
    }
}

const GROUP: &str = "argoproj.io";
const VERSION: &str = "v1alpha1";

/// The API resource of one of Argo's kinds.
fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural)
}

struct Context {
    client: Client,
    settings: ArgoSettings,
    /// Argo's own definition has no status subresource, others do; a write must go where it is heeded.
    has_status_subresource: bool,
}

/// Runs until dropped.
pub(super) async fn run(client: Client, settings: ArgoSettings) {
    let definition = established(client.clone(), format!("workflows.{GROUP}")).await;
    let has_status_subresource = definition
        .spec
        .versions
        .iter()
        .filter(|version| version.name == VERSION)
        .any(|version| version.subresources.as_ref().is_some_and(|subresources| subresources.status.is_some()));
    let workflow = resource("Workflow", "workflows");
    let workflows: Api<DynamicObject> = Api::all_with(client.clone(), &workflow);
    Controller::new_with(workflows, watcher::Config::default(), workflow)
        .with_config(Config::default().concurrency(8))
        .run(
            reconcile,
            |_, _, _| Action::requeue(Duration::from_secs(2)),
            Arc::new(Context { client, settings, has_status_subresource }),
        )
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(%error, "simulated Argo Workflows will retry");
            }
            std::future::ready(())
        })
        .await;
}

async fn reconcile(workflow: Arc<DynamicObject>, cx: Arc<Context>) -> Result<Action, kube::Error> {
    if workflow.metadata.deletion_timestamp.is_some() || progress::is_finished(&workflow.data) {
        return Ok(Action::await_change());
    }
    let namespace = workflow.namespace().unwrap_or_default();
    let name = workflow.name_any();
    let template = template_of(&workflow, &namespace, &cx.client).await?;
    let Progress { status, look_again } =
        progress::advance(&name, &workflow.data, &template, &cx.settings, Timestamp::now());
    if let Some(status) = status {
        match write(&workflow, &namespace, status, &cx).await {
            Ok(()) => {}
            // Written or deleted since it was read: the next change brings the newer state.
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {
                return Ok(Action::await_change());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(look_again.map_or_else(Action::await_change, Action::requeue))
}

/// The specification that the Workflow runs: its own, or that of the template it refers to.
async fn template_of(workflow: &DynamicObject, namespace: &str, client: &Client) -> Result<Template, kube::Error> {
    let Some(reference) = workflow.data.pointer("/spec/workflowTemplateRef") else {
        return Ok(Template::Found(workflow.data.get("spec").cloned().unwrap_or_default()));
    };
    let name = reference.get("name").and_then(Value::as_str).unwrap_or_default();
    let found = if reference.get("clusterScope") == Some(&Value::Bool(true)) {
        let templates: Api<DynamicObject> =
            Api::all_with(client.clone(), &resource("ClusterWorkflowTemplate", "clusterworkflowtemplates"));
        templates.get_opt(name).await?.ok_or_else(|| format!("clusterworkflowtemplates.{GROUP} \"{name}\" not found"))
    } else {
        let templates: Api<DynamicObject> =
            Api::namespaced_with(client.clone(), namespace, &resource("WorkflowTemplate", "workflowtemplates"));
        templates.get_opt(name).await?.ok_or_else(|| format!("workflowtemplates.{GROUP} \"{name}\" not found"))
    };
    Ok(match found {
        Ok(template) => Template::Found(template.data.get("spec").cloned().unwrap_or_default()),
        Err(message) => Template::Missing(message),
    })
}

/// Writes the status, and beside it the labels that Argo keeps for selectors. The resource version goes along, so
/// that a decision made from an old state is refused.
async fn write(workflow: &DynamicObject, namespace: &str, status: Value, cx: &Context) -> Result<(), kube::Error> {
    let workflows: Api<DynamicObject> =
        Api::namespaced_with(cx.client.clone(), namespace, &resource("Workflow", "workflows"));
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let name = workflow.name_any();
    let mut labels = json!({ "workflows.argoproj.io/phase": status.get("phase") });
    if progress::is_final_phase(status.get("phase").and_then(Value::as_str)) {
        labels["workflows.argoproj.io/completed"] = json!("true");
    }
    let mut metadata = json!({ "labels": labels, "annotations": { SIMULATED_ANNOTATION: "true" } });
    let version = json!(workflow.resource_version());
    if cx.has_status_subresource {
        let body = json!({ "metadata": { "resourceVersion": version }, "status": status });
        workflows.patch_status(&name, &params, &Patch::Merge(body)).await?;
        workflows.patch(&name, &params, &Patch::Merge(json!({ "metadata": metadata }))).await?;
    } else {
        metadata["resourceVersion"] = version;
        let body = json!({ "metadata": metadata, "status": status });
        workflows.patch(&name, &params, &Patch::Merge(body)).await?;
    }
    Ok(())
}
