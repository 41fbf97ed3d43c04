//! Deployment: an artifact placed into an environment. Not to be confused with the Deployment of `apps/v1`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{Application, PlaneRef, condition};
use crate::kind::{platform_kind, platform_status};
use crate::v1alpha1::Dependencies;
use crate::wire;

platform_kind! {
    /// An artifact placed into an environment.
    pub Deployment(deployments, deployment, Namespaced) {
        spec: DeploymentSpec,
        status: DeploymentStatus,
        short_names: [],
        columns: [
            ("Artifact", "string", ".spec.deploymentArtifactRef"),
            ("Environment", "string", ".metadata.labels.openchoreo\\.dev/environment"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What runs in an environment.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSpec {
    /// Name of the DeployableArtifact that runs.
    #[schemars(length(min = 1))]
    pub deployment_artifact_ref: String,
    /// What is different in this environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_overrides: Option<ConfigurationOverrides>,
    /// How many old revisions to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_history_limit: Option<i32>,
}

/// What is different in one environment.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationOverrides {
    /// What is different in the endpoints. Entries have no settings.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub endpoint_templates: Vec<EndpointOverride>,
    /// What is different in the dependencies. It has no settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Dependencies>,
    /// What is different in how the main container runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Application>,
}

/// What is different in an endpoint. It has no settings.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EndpointOverride {}

/// What the platform knows about a deployment.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Planes that hold objects of this one: what deletion must clean.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub planes: Vec<PlaneRef>,
    /// Cells that this one may have parts in, as `<organization>/<project>/<environment>`: whose namespaces deletion removes
    /// where nobody else is in them.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<String>,
}

platform_status!(DeploymentStatus);
