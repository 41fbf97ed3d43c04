//! DeploymentPipeline: the order in which environments follow each other.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::condition;
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// The environments of a project in the order of promotion.
    pub DeploymentPipeline(deploymentpipelines, deploymentpipeline, Namespaced) {
        spec: DeploymentPipelineSpec,
        status: DeploymentPipelineStatus,
        short_names: ["deppipe", "deppipes"],
        columns: [
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What a deployment pipeline should be.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentPipelineSpec {
    /// From which environment a deployment may be promoted to which others.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub promotion_paths: Vec<PromotionPath>,
}

/// The environments that follow one environment.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PromotionPath {
    /// Name of the Environment that a deployment comes from.
    #[schemars(length(min = 1))]
    pub source_environment_ref: String,
    /// The environments that it may go to.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub target_environment_refs: Vec<TargetEnvironment>,
}

/// An environment that a deployment may be promoted to.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TargetEnvironment {
    /// Name of the Environment.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Whether a promotion needs somebody's approval.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "wire::is_false")]
    pub requires_approval: bool,
    /// Whether that approval must be given by hand.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "wire::is_false")]
    pub is_manual_approval_required: bool,
}

/// What the platform knows about a deployment pipeline.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentPipelineStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

platform_status!(DeploymentPipelineStatus);
