//! Argo Workflows: workflows, the templates they are made from, and how they went.
//!
//! Steps, containers and scripts of templates are kept as they are: the platform passes them on and never looks inside.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::foreign_kind;
use crate::wire;

foreign_kind! {
    /// A run of steps.
    pub Workflow("argoproj.io", "v1alpha1", workflows, workflow, Namespaced) {
        spec: WorkflowSpec,
        status: WorkflowStatus,
        short_names: ["wf"],
        categories: [],
        columns: [
            ("Status", "string", ".status.phase"),
            ("Age", "date", ".status.startedAt"),
            ("Message", "string", ".status.message"),
        ],
        status_subresource: false,
    }
}

foreign_kind! {
    /// A template for workflows of its own namespace.
    pub WorkflowTemplate("argoproj.io", "v1alpha1", workflowtemplates, workflowtemplate, Namespaced) {
        spec: WorkflowSpec,
        short_names: ["wftmpl"],
        categories: [],
        columns: [],
        status_subresource: false,
    }
}

foreign_kind! {
    /// A template for workflows of every namespace.
    pub ClusterWorkflowTemplate(
        "argoproj.io", "v1alpha1", clusterworkflowtemplates, clusterworkflowtemplate, Cluster
    ) {
        spec: WorkflowSpec,
        short_names: ["clusterwftmpl", "cwft"],
        categories: [],
        columns: [],
        status_subresource: false,
    }
}

/// What a workflow does.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowSpec {
    /// Name of the template that it starts with.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
    /// Arguments for the entrypoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Arguments>,
    /// Name of the ServiceAccount that its pods run as.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// The template that it is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_template_ref: Option<WorkflowTemplateRef>,
    /// Its templates.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<Template>,
    /// How long it stays after its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_strategy: Option<TtlStrategy>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// Arguments of a workflow.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Arguments {
    /// The parameters.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// A parameter, as argument, input or output.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value.
    #[serde(default, deserialize_with = "wire::any_text", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "wire::any_schema")]
    pub value: Option<String>,
    /// Its value when none is given.
    #[serde(default, deserialize_with = "wire::any_text", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "wire::any_schema")]
    pub default: Option<String>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// The template that a workflow is made from.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowTemplateRef {
    /// Name of the template.
    pub name: String,
    /// Whether it is a ClusterWorkflowTemplate.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "wire::is_false")]
    pub cluster_scope: bool,
}

/// How many seconds a workflow stays after its end.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TtlStrategy {
    /// However it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_after_completion: Option<i32>,
    /// When it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_after_success: Option<i32>,
    /// When it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_after_failure: Option<i32>,
}

/// One template: a step, or an order of steps.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Its name.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<TemplateInputs>,
    /// What it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<TemplateOutputs>,
    /// What it does, kept as it is.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// What a template takes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TemplateInputs {
    /// The parameters.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// What a template gives.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TemplateOutputs {
    /// The parameters.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// How a workflow goes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowStatus {
    /// See `phase`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Why it is so.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// How many steps are done, such as `1/3`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// How its steps go, by node identifier.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<String, NodeStatus>,
    /// What it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<NodeOutputs>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// How one step goes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Its identifier.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its full name.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its name within its parent.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Name of the template that it runs.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub template_name: Option<String>,
    /// `Pod`, `Steps`, `StepGroup`, `DAG` and so on.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// See `phase`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Why it is so.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// What it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<NodeOutputs>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// What a step gave.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NodeOutputs {
    /// The parameters.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// The artifacts, kept as they are.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Value>,
    /// Exit code of its container, as text.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<String>,
}

/// Values of [`WorkflowStatus::phase`] and [`NodeStatus::phase`].
pub mod phase {
    /// Not started.
    pub const PENDING: &str = "Pending";
    /// Under way.
    pub const RUNNING: &str = "Running";
    /// Ended well.
    pub const SUCCEEDED: &str = "Succeeded";
    /// Left out.
    pub const SKIPPED: &str = "Skipped";
    /// Ended because what it ran failed.
    pub const FAILED: &str = "Failed";
    /// Ended because it could not be run.
    pub const ERROR: &str = "Error";
    /// Left out because an earlier step failed.
    pub const OMITTED: &str = "Omitted";
}
