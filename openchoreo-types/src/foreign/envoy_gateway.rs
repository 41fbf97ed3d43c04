//! Envoy Gateway: how its proxies run, and the policies that it adds to Gateway API.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::common::condition;
use crate::foreign::gateway_api::LocalObjectRef;
use crate::kind::foreign_kind;
use crate::wire;

foreign_kind! {
    /// How the proxies of a gateway run.
    pub EnvoyProxy("gateway.envoyproxy.io", "v1alpha1", envoyproxies, envoyproxy, Namespaced) {
        spec: EnvoyProxySpec,
        short_names: ["eproxy"],
        categories: ["envoy-gateway"],
        columns: [("Age", "date", ".metadata.creationTimestamp")],
        status_subresource: true,
    }
}

/// How proxies run.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvoyProxySpec {
    /// Where they run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<EnvoyProxyProvider>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// Where proxies run.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvoyProxyProvider {
    /// `Kubernetes`.
    pub type_: String,
    /// How they run there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<EnvoyProxyKubernetes>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// How proxies run in Kubernetes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvoyProxyKubernetes {
    /// Their Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy_service: Option<EnvoyService>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// The Service of proxies.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvoyService {
    /// Its name.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type: `ClusterIP`, `LoadBalancer` or `NodePort`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Its labels.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

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
    pub ancestor_ref: crate::foreign::gateway_api::ParentRef,
    /// The controller that says it.
    pub controller_name: String,
    /// What is known about the policy there.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
}

foreign_kind! {
    /// Who may send requests to a route or gateway.
    pub SecurityPolicy("gateway.envoyproxy.io", "v1alpha1", securitypolicies, securitypolicy, Namespaced) {
        spec: SecurityPolicySpec,
        status: PolicyStatus,
        short_names: ["sp"],
        categories: ["envoy-gateway"],
        columns: [("Age", "date", ".metadata.creationTimestamp")],
        status_subresource: true,
    }
}

/// Who may send requests.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecurityPolicySpec {
    /// What the policy applies to.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub target_refs: Vec<PolicyTarget>,
    /// Access by signed tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<Jwt>,
    /// What callers may do once they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// What browsers of other origins may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Access by API keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_auth: Option<ApiKeyAuth>,
    /// Access by user name and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
}

/// Access by signed tokens.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Jwt {
    /// Whether requests without a token may pass.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "wire::is_false")]
    pub optional: bool,
    /// Who issues tokens.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub providers: Vec<JwtProvider>,
}

/// Who issues tokens, and how they are checked.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JwtProvider {
    /// Name of the provider, unique within the policy.
    pub name: String,
    /// The `iss` claim that tokens must have.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Accepted `aud` claims.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Where the keys are.
    #[serde(rename = "remoteJWKS")]
    pub remote_jwks: RemoteKeySet,
    /// Claims that are passed on as headers.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub claim_to_headers: Vec<ClaimToHeader>,
}

/// A published set of keys.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RemoteKeySet {
    /// URL of the key set.
    pub uri: String,
}

/// A claim that is passed on as a header.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClaimToHeader {
    /// Name of the claim.
    pub claim: String,
    /// Name of the header.
    pub header: String,
}

/// What callers may do. The first rule that fits decides.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    /// `Allow` or `Deny` when no rule fits; denied when absent.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub default_action: Option<String>,
    /// The rules.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<AuthorizationRule>,
}

/// One rule about callers.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationRule {
    /// Name of the rule.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `Allow` or `Deny`.
    pub action: String,
    /// Callers that the rule is for.
    pub principal: Principal,
}

/// Callers. All members that are filled in must fit.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    /// Address ranges of the callers.
    #[serde(
        rename = "clientCIDRs",
        default,
        deserialize_with = "wire::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub client_cidrs: Vec<String>,
    /// What their token must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt: Option<JwtPrincipal>,
}

/// What a token must hold.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JwtPrincipal {
    /// Name of the provider of the token.
    pub provider: String,
    /// Scopes: all of them.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Claims: all of them.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<JwtClaim>,
}

/// A claim that a token must hold.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JwtClaim {
    /// Name of the claim.
    pub name: String,
    /// `String` or `StringArray`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub value_type: Option<String>,
    /// Accepted values: any of them.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub values: Vec<String>,
}

/// What browsers of other origins may do.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    /// Origins that are allowed.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<String>,
    /// Methods that are allowed.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub allow_methods: Vec<String>,
    /// Request headers that are allowed.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub allow_headers: Vec<String>,
    /// Response headers that scripts may read.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<String>,
    /// How long a browser may keep the answer, as a duration such as `10m`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// Whether requests may carry credentials.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "wire::is_false")]
    pub allow_credentials: bool,
}

/// Access by API keys.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyAuth {
    /// Secrets with the valid keys: client names and their keys.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub credential_refs: Vec<crate::foreign::gateway_api::SecretObjectRef>,
    /// Where requests carry the key.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub extract_from: Vec<KeyLocation>,
}

/// Where a request may carry a key.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KeyLocation {
    /// Names of headers.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Names of query parameters.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<String>,
    /// Names of cookies.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<String>,
}

/// Access by user name and password.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuth {
    /// Secret with the users, in htpasswd format under `.htpasswd`.
    pub users: crate::foreign::gateway_api::SecretObjectRef,
}

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

foreign_kind! {
    /// A filter that routes refer to.
    pub HTTPRouteFilter("gateway.envoyproxy.io", "v1alpha1", httproutefilters, httproutefilter, Namespaced) {
        spec: HttpRouteFilterSpec,
        short_names: ["hrf"],
        categories: ["envoy-gateway"],
        columns: [("Age", "date", ".metadata.creationTimestamp")],
        status_subresource: false,
    }
}

impl HTTPRouteFilter {
    /// How a route in the same namespace refers to the filter of a name.
    pub fn reference(name: impl Into<String>) -> LocalObjectRef {
        LocalObjectRef { group: "gateway.envoyproxy.io".into(), kind: "HTTPRouteFilter".into(), name: name.into() }
    }
}

/// What the filter does.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HttpRouteFilterSpec {
    /// Change the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_rewrite: Option<UrlRewrite>,
    /// Answer at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_response: Option<DirectResponse>,
}

/// A change of the URL.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct UrlRewrite {
    /// The change of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathModifier>,
}

/// A change of the path.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PathModifier {
    /// `ReplaceRegexMatch`.
    pub type_: String,
    /// What to replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_regex_match: Option<RegexReplacement>,
}

/// Parts of a path to replace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RegexReplacement {
    /// Regular expression for the parts.
    pub pattern: String,
    /// What stands in their place; `\1` and so on are the groups of the expression.
    pub substitution: String,
}

/// An answer that no backend gives.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DirectResponse {
    /// Media type of the body.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Status of the response; 200 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<i32>,
    /// Its body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<DirectResponseBody>,
}

/// The body of an answer that no backend gives.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DirectResponseBody {
    /// `Inline` or `ValueRef`.
    pub type_: String,
    /// The text.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
}
