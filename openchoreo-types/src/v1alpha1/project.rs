//! Project: a set of components that are promoted together.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::condition;
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// A set of components that share a deployment pipeline and reach each other freely.
    pub Project(projects, project, Namespaced) {
        spec: ProjectSpec,
        status: ProjectStatus,
        short_names: ["proj", "projs"],
        columns: [
            ("Pipeline", "string", ".spec.deploymentPipelineRef"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What a project should be.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSpec {
    /// Name of the DeploymentPipeline that its components are promoted along.
    #[schemars(length(min = 1))]
    pub deployment_pipeline_ref: String,
}

/// What the platform knows about a project.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProjectStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

platform_status!(ProjectStatus);
