//! Who may send requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::foreign::envoy_gateway::{PolicyStatus, PolicyTarget};
use crate::foreign::gateway_api::SecretObjectRef;
use crate::kind::foreign_kind;
use crate::wire;

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
    pub credential_refs: Vec<SecretObjectRef>,
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
    pub users: SecretObjectRef,
}
