//! DeploymentTrack: a line of development of a component, such as a major version.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{BuildConfiguration, condition};
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// A line of development of a component, with its own builds and deployments.
    pub DeploymentTrack(deploymenttracks, deploymenttrack, Namespaced) {
        spec: DeploymentTrackSpec,
        status: DeploymentTrackStatus,
        short_names: ["deptrack", "deptracks"],
        columns: [
            ("Component", "string", ".metadata.labels.openchoreo\\.dev/component"),
            ("AutoDeploy", "boolean", ".spec.autoDeploy"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What a deployment track should be.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentTrackSpec {
    /// What builds of the track have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_template_spec: Option<BuildTemplateSpec>,
    /// Whether a finished build is deployed to the first environment at once.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "wire::is_false")]
    pub auto_deploy: bool,
}

/// What builds of a track have in common.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuildTemplateSpec {
    /// The branch to build.
    pub branch: String,
    /// Path of the component in the repository.
    pub path: String,
    /// How an image is made of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_configuration: Option<BuildConfiguration>,
}

/// What the platform knows about a deployment track.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentTrackStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

platform_status!(DeploymentTrackStatus);
