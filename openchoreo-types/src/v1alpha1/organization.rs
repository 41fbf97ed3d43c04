//! Organization: the tenant at the top of everything, and the namespace that it lives in.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::condition;
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// A tenant of the platform. The platform creates a namespace of the same name for it.
    pub Organization(organizations, organization, Cluster) {
        spec: OrganizationSpec,
        status: OrganizationStatus,
        short_names: ["org", "orgs"],
        columns: [
            ("Namespace", "string", ".status.namespace"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What an organization should be. It has no settings.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationSpec {}

/// What the platform knows about an organization.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The namespace that was created for the organization.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

platform_status!(OrganizationStatus);
