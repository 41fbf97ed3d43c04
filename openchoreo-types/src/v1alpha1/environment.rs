//! Environment: a stage such as development or production, and the data plane that runs it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::condition;
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// A stage that components are deployed to, such as development or production.
    pub Environment(environments, environment, Namespaced) {
        spec: EnvironmentSpec,
        status: EnvironmentStatus,
        short_names: ["env", "envs"],
        columns: [
            ("DataPlane", "string", ".spec.dataPlaneRef"),
            ("Production", "boolean", ".spec.isProduction"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What an environment should be.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentSpec {
    /// Name of the DataPlane that runs the environment.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub data_plane_ref: Option<String>,
    /// Whether the environment serves real users.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "wire::is_false")]
    pub is_production: bool,
    /// How the gateways of the environment behave.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub gateway: Option<EnvironmentGateway>,
}

/// How the gateways of an environment behave.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentGateway {
    /// Prefix of the host names of the environment.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub dns_prefix: Option<String>,
    /// How callers are recognized.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub security: Option<GatewaySecurity>,
}

/// How callers of an environment are recognized.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GatewaySecurity {
    /// The keys that tokens are checked with.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub remote_jwks: Option<RemoteJwks>,
}

/// A published set of keys.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RemoteJwks {
    /// URL of the key set.
    pub uri: String,
}

/// What the platform knows about an environment.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

platform_status!(EnvironmentStatus);
