//! How much traffic backends get.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::foreign::envoy_gateway::{PolicyStatus, PolicyTarget};
use crate::kind::foreign_kind;
use crate::wire;

foreign_kind! {
    /// How much traffic backends get, and what happens when they fail.
    pub BackendTrafficPolicy(
        "gateway.envoyproxy.io", "v1alpha1", backendtrafficpolicies, backendtrafficpolicy, Namespaced
    ) {
        spec: BackendTrafficPolicySpec,
        status: PolicyStatus,
        short_names: ["btp"],
        categories: ["envoy-gateway"],
        columns: [("Age", "date", ".metadata.creationTimestamp")],
        status_subresource: true,
    }
}

/// How much traffic backends get.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackendTrafficPolicySpec {
    /// What the policy applies to.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub target_refs: Vec<PolicyTarget>,
    /// How many requests pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// How many requests and connections may be open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreaker>,
}

/// How many requests pass. Fill in the member that `type` names.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// `Local` or `Global`.
    pub type_: String,
    /// Limits of each proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<RateLimitRules>,
    /// Limits of all proxies together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<RateLimitRules>,
}

/// Limits on requests.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitRules {
    /// The limits.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RateLimitRule>,
}

/// One limit on requests.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitRule {
    /// Requests that the limit is for: any of these, or all when empty.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub client_selectors: Vec<ClientSelector>,
    /// The limit.
    pub limit: RateLimitValue,
}

/// Requests that a limit is for. All members that are filled in must fit.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClientSelector {
    /// Headers that requests must have.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<ClientHeaderMatch>,
    /// Address range of the callers.
    #[serde(rename = "sourceCIDR", default, skip_serializing_if = "Option::is_none")]
    pub source_cidr: Option<SourceRange>,
}

/// What a header must be like.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClientHeaderMatch {
    /// `Exact`, `RegularExpression` or `Distinct`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Name of the header.
    pub name: String,
    /// What to compare with.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// An address range.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SourceRange {
    /// `Exact` or `Distinct`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// The range.
    pub value: String,
}

/// How many requests pass in a unit of time.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitValue {
    /// The number of requests.
    pub requests: i64,
    /// `Second`, `Minute`, `Hour` or `Day`.
    pub unit: String,
}

/// How many requests and connections to a backend may be open.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CircuitBreaker {
    /// Connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<i64>,
    /// Requests that wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_pending_requests: Option<i64>,
    /// Requests that are being answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel_requests: Option<i64>,
    /// Requests that are being retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel_retries: Option<i64>,
}
