//! What all policies have in common: what they apply to, and what gateways say about them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::condition;
use crate::foreign::gateway_api::ParentRef;
use crate::wire;

/// What a policy applies to.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PolicyTarget {
    /// Group of the object.
    pub group: String,
    /// Kind of the object.
    pub kind: String,
    /// Name of the object, in the policy's own namespace.
    pub name: String,
    /// Name of a listener or rule in the object.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
}

/// What gateways say about a policy.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// One entry for each gateway.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<PolicyAncestorStatus>,
}

/// What one gateway says about a policy.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAncestorStatus {
    /// The gateway.
    pub ancestor_ref: ParentRef,
    /// The controller that says it.
    pub controller_name: String,
    /// What is known about the policy there.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
}
