//! Endpoint: an address that a deployment serves.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{EndpointSpec, PlaneRef, condition};
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// An address that a deployment serves, and who may reach it.
    pub Endpoint(endpoints, endpoint, Namespaced) {
        spec: EndpointSpec,
        status: EndpointStatus,
        short_names: [],
        columns: [
            ("Age", "date", ".metadata.creationTimestamp"),
            ("Address", "string", ".status.address"),
            ("Type", "string", ".spec.type"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
        ],
    }
}

/// What the platform knows about an endpoint.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EndpointStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// URL that the endpoint is reached at, the public one first.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Planes that hold objects of this one: what deletion must clean.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub planes: Vec<PlaneRef>,
}

platform_status!(EndpointStatus);
