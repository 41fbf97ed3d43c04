//! DeployableArtifact: an image together with how it runs, ready for any environment.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{Application, EndpointSpec, condition};
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// An image together with how it runs: the same for every environment that it is deployed to.
    pub DeployableArtifact(deployableartifacts, deployableartifact, Namespaced) {
        spec: DeployableArtifactSpec,
        status: DeployableArtifactStatus,
        short_names: [],
        columns: [
            ("Component", "string", ".metadata.labels.openchoreo\\.dev/component"),
            ("Build", "string", ".spec.targetArtifact.fromBuildRef.name"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What can be deployed, and how it runs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeployableArtifactSpec {
    /// The image.
    pub target_artifact: TargetArtifact,
    /// How it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ArtifactConfiguration>,
}

/// The image of an artifact. Fill in one of the members.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TargetArtifact {
    /// The result of a Build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_build_ref: Option<BuildSelector>,
    /// A finished image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_image_ref: Option<ImageSelector>,
}

/// The Build that an artifact comes from. Fill in one of the members.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuildSelector {
    /// Name of the Build.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Revision that the Build was made of.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub git_revision: Option<String>,
}

/// The finished image that an artifact consists of.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ImageSelector {
    /// Tag of the image.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether the tag may be something else than a semantic version.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "wire::is_false")]
    pub skip_version_validation: bool,
}

/// How an artifact runs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactConfiguration {
    /// Endpoints to create with each Deployment.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub endpoint_templates: Vec<EndpointTemplate>,
    /// Other components that the artifact needs. It has no settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Dependencies>,
    /// How the main container runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Application>,
}

/// An Endpoint to create with each Deployment.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EndpointTemplate {
    /// Name, labels and annotations of the Endpoint.
    pub metadata: EmbeddedMetadata,
    /// Spec of the Endpoint.
    pub spec: EndpointSpec,
}

/// Metadata of an object that is created from a template.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EmbeddedMetadata {
    /// Name of the object within its component.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Accepted and ignored: the object is created beside its Deployment.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels of the object.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the object.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Accepted and ignored.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

/// Other components that an artifact needs. It has no settings.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Dependencies {}

/// What the platform knows about a deployable artifact.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeployableArtifactStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

platform_status!(DeployableArtifactStatus);
