//! Policies that protect an endpoint: authentication, authorization, limits and cross-origin rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire;

/// One policy of an endpoint. Fill in the member of `policySpec` that `type` names.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Name of the policy, unique among the policies of the endpoint.
    pub name: String,
    /// What kind of policy it is; see `policy_type` for the known ones.
    pub type_: String,
    /// The settings of the policy.
    pub policy_spec: PolicySpec,
}

/// Known values of [`Policy::type_`]. The schema leaves the type open.
pub mod policy_type {
    /// OAuth2 access tokens, with scopes.
    pub const OAUTH2: &str = "oauth2";
    /// API keys.
    pub const API_KEY: &str = "api-key";
    /// User name and password.
    pub const BASIC_AUTH: &str = "basic-auth";
    /// A limit on the number of requests.
    pub const RATE_LIMIT: &str = "rate-limit";
    /// Rules for browsers of other origins.
    pub const CORS: &str = "cors";
    /// Changes of requests and responses on the way.
    pub const MEDIATION: &str = "mediation";
}

/// The settings of a policy: the member that belongs to its type.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PolicySpec {
    /// Settings of the type `oauth2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2Policy>,
    /// Settings of the type `api-key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_auth: Option<ApiKeyPolicy>,
    /// Settings of the type `basic-auth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuthPolicy>,
    /// Settings of the type `rate-limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitPolicy>,
    /// Settings of the type `cors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<CorsPolicy>,
}

/// Access by OAuth2 tokens.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OAuth2Policy {
    /// What the token must hold.
    pub jwt: JwtRules,
}

/// What a token must hold.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JwtRules {
    /// Claims that must be present.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<RequiredClaim>,
    /// The scopes that each operation needs.
    pub authorization: OperationAuthorization,
}

/// A claim that must be present in a token.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RequiredClaim {
    /// Name of the claim.
    pub key: String,
    /// Accepted values.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub values: Vec<String>,
}

/// The scopes that each operation of an API needs. Fill in the member that `apiType` names.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OperationAuthorization {
    /// Which of the other members applies.
    pub api_type: ApiType,
    /// Rules of a REST API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<RestAuthorization>,
    /// Rules of a gRPC API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcAuthorization>,
    /// Rules of a GraphQL API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graphql: Option<GraphQlAuthorization>,
}

/// The style of an API.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiType {
    /// A REST API.
    #[default]
    #[serde(rename = "REST")]
    Rest,
    /// A gRPC API.
    #[serde(rename = "GRPC")]
    Grpc,
    /// A GraphQL API.
    #[serde(rename = "GraphQL")]
    GraphQl,
}

/// A claim that is passed on to the backend as a header.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClaimToHeader {
    /// Name of the claim.
    pub name: String,
    /// Name of the header.
    pub header: String,
}

/// The scopes that the operations of a REST API need.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RestAuthorization {
    /// Claims that are passed on as headers.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub claims_to_headers: Vec<ClaimToHeader>,
    /// The operations and their scopes.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub operations: Vec<RestOperation>,
}

/// One operation of a REST API.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RestOperation {
    /// Method of the request.
    pub method: HttpMethod,
    /// Path of the request.
    pub target: String,
    /// Scopes that the token must hold.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub scopes: Vec<String>,
}

/// The method of a request.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HttpMethod {
    /// Read.
    #[default]
    #[serde(rename = "GET")]
    Get,
    /// Read the headers alone.
    #[serde(rename = "HEAD")]
    Head,
    /// Create or act.
    #[serde(rename = "POST")]
    Post,
    /// Replace.
    #[serde(rename = "PUT")]
    Put,
    /// Delete.
    #[serde(rename = "DELETE")]
    Delete,
    /// Open a tunnel.
    #[serde(rename = "CONNECT")]
    Connect,
    /// Ask what is possible.
    #[serde(rename = "OPTIONS")]
    Options,
    /// Echo the request.
    #[serde(rename = "TRACE")]
    Trace,
    /// Change in part.
    #[serde(rename = "PATCH")]
    Patch,
}

/// The scopes that the methods of a gRPC API need.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GrpcAuthorization {
    /// Claims that are passed on as headers.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub claims_to_headers: Vec<ClaimToHeader>,
    /// The services and their methods.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub operations: Vec<GrpcService>,
}

/// One service of a gRPC API.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GrpcService {
    /// Name of the service.
    pub name: String,
    /// Its methods.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub methods: Vec<GrpcMethod>,
}

/// One method of a gRPC service.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GrpcMethod {
    /// Name of the method.
    pub name: String,
    /// Scopes that the token must hold.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub scopes: Vec<String>,
}

/// The scopes that the operations of a GraphQL API need.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GraphQlAuthorization {
    /// Claims that are passed on as headers.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub claims_to_headers: Vec<ClaimToHeader>,
    /// The operations and their scopes.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub operations: Vec<GraphQlOperation>,
}

/// One operation of a GraphQL API.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GraphQlOperation {
    /// `query`, `mutation` or `subscription`.
    pub type_: String,
    /// Name of the operation.
    pub name: String,
    /// Scopes that the token must hold.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub scopes: Vec<String>,
}

/// Access by API keys.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyPolicy {
    /// Where the request carries the key.
    pub key_source: ApiKeySource,
    /// Names of the Secrets with the valid keys.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub secret_refs: Vec<String>,
}

/// Where a request carries its API key.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeySource {
    /// Name of the header.
    pub header: String,
    /// Word before the key in the header.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub header_auth_scheme: Option<String>,
}

/// Access by user name and password.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuthPolicy {
    /// Header that carries the credentials.
    pub header: String,
    /// Word before the credentials in the header.
    pub header_auth_scheme: String,
    /// The users who may enter.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub users: Vec<BasicAuthUser>,
}

/// A user who may enter.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuthUser {
    /// Name of the user.
    pub username: String,
    /// Name of the Secret that holds the password.
    pub password_from_secret: String,
}

/// A limit on the number of requests.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitPolicy {
    /// The limit for the API as a whole.
    pub api_level: RequestLimit,
    /// Limits for single operations.
    pub operation_level: OperationLimits,
}

/// How many requests are let through in a unit of time.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RequestLimit {
    /// The number of requests.
    #[schemars(extend("format"=null))]
    pub request_limit: i64,
    /// The unit of time.
    pub time_unit: String,
}

/// Limits for single operations.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OperationLimits {
    /// Limits for operations of a REST API.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub rest: Vec<RestOperationLimit>,
}

/// The limit for one operation of a REST API.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RestOperationLimit {
    /// Method of the request.
    pub method: String,
    /// Path of the request.
    pub target: String,
    /// The number of requests.
    #[schemars(extend("format"=null))]
    pub request_limit: i64,
    /// The unit of time.
    pub time_unit: String,
}

/// What browsers of other origins may do.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CorsPolicy {
    /// Whether requests may carry credentials.
    pub allow_credentials: bool,
    /// Request headers that are allowed.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub allow_headers: Vec<String>,
    /// Methods that are allowed.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub allow_methods: Vec<String>,
    /// Origins that are allowed.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub allow_origins: Vec<String>,
    /// Response headers that scripts may read.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub expose_headers: Vec<String>,
    /// For how many seconds a browser may keep the answer.
    #[schemars(extend("format"=null))]
    pub max_age: i64,
}
