//! What protects an endpoint at one visibility: its policies, read strictly.
//!
//! A policy that is not understood in full is an error, never a weaker policy. How a protection is written down for a
//! gateway is elsewhere.

use std::collections::BTreeSet;

use openchoreo_core::extension::{EndpointContext, RenderError};
use openchoreo_core::naming::Visibility;
use openchoreo_types::common::{
    ApiType, CorsPolicy, HttpMethod, OAuth2Policy, Policy, RateLimitPolicy, RequestLimit, Visibility as Exposure,
    policy_type,
};
use openchoreo_types::foreign::envoy_gateway::{ClaimToHeader, Cors, JwtClaim, RateLimitValue};

use super::Capabilities;
use super::path::check_target;

/// The claim of a token that says whom it is for, which gateways check by itself.
const AUDIENCE: &str = "aud";

/// What protects an endpoint at one visibility.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Protection {
    /// Tokens, where they are asked for.
    pub tokens: Option<TokenRules>,
    /// Rules for browsers of other origins.
    pub cors: Option<Cors>,
    /// The limit on requests.
    pub rate_limit: Option<RateLimitValue>,
}

/// Which tokens are let in, and to what.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TokenRules {
    /// URL of the keys that tokens are checked with.
    pub keys: String,
    /// Whom a token must be for, one of them.
    pub audiences: Vec<String>,
    /// Claims that a token must hold.
    pub claims: Vec<JwtClaim>,
    /// Claims that are passed on as headers.
    pub headers: Vec<ClaimToHeader>,
    /// The operations that there are; all else is denied.
    pub operations: Vec<Operation>,
}

/// One operation of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// Method of the request.
    pub method: &'static str,
    /// Path below the base path.
    pub target: String,
    /// Scopes that the token must hold, all of them.
    pub scopes: Vec<String>,
}

/// The exposure of the endpoint at the visibility of a context, where it has one.
fn exposure<'a>(cx: &EndpointContext<'a>) -> (&'static str, Option<&'a Exposure>) {
    let visibilities = cx.endpoint.spec.network_visibilities.as_ref();
    match cx.visibility {
        Visibility::Public => ("public", visibilities.and_then(|v| v.public.as_ref())),
        Visibility::Organization => ("organization", visibilities.and_then(|v| v.organization.as_ref())),
    }
}

/// Reads what protects the endpoint of a context.
pub(super) fn protection_of(cx: &EndpointContext<'_>, by: Capabilities) -> Result<Protection, RenderError> {
    let (level, exposure) = exposure(cx);
    let mut protection = Protection::default();
    let mut seen = BTreeSet::new();
    for (index, policy) in exposure.map(|exposure| exposure.policies.as_slice()).unwrap_or_default().iter().enumerate()
    {
        let reader = Reader { cx, by, policy, path: format!("spec.networkVisibilities.{level}.policies[{index}]") };
        if !seen.insert(policy.type_.as_str()) {
            return Err(reader.field("type", format!("`{}` is the type of two policies; join them", policy.type_)));
        }
        match policy.type_.as_str() {
            policy_type::OAUTH2 if by.oauth2 => protection.tokens = Some(reader.tokens()?),
            policy_type::CORS if by.cors => protection.cors = Some(reader.cors()?),
            policy_type::RATE_LIMIT if by.rate_limit => protection.rate_limit = Some(reader.rate_limit()?),
            other => return Err(reader.unsupported(format!("policy type `{other}`"))),
        }
    }
    if protection.tokens.is_some() && protection.rate_limit.is_some() {
        // Each operation has a route, and so a counter, of its own: the limit would hold for none of them together.
        let what = format!("a `rate-limit` policy beside an `oauth2` policy at visibility `{level}`");
        return Err(RenderError::Unsupported { what, by: by.name.to_owned() });
    }
    Ok(protection)
}

/// Reads one policy.
struct Reader<'a, 'c> {
    cx: &'a EndpointContext<'c>,
    by: Capabilities,
    policy: &'a Policy,
    path: String,
}

impl Reader<'_, '_> {
    fn field(&self, field: &str, problem: impl Into<String>) -> RenderError {
        let object = format!("Endpoint `{}`", self.cx.id.endpoint);
        RenderError::field(object, format!("{}.{field}", self.path), problem)
    }

    fn unsupported(&self, what: impl Into<String>) -> RenderError {
        let what = format!("{} of policy `{}`", what.into(), self.policy.name);
        RenderError::Unsupported { what, by: self.by.name.to_owned() }
    }

    fn settings<'s, T>(&self, settings: Option<&'s T>, name: &str) -> Result<&'s T, RenderError> {
        settings.ok_or_else(|| self.field(&format!("policySpec.{name}"), "is missing; the type of the policy needs it"))
    }

    fn tokens(&self) -> Result<TokenRules, RenderError> {
        let policy: &OAuth2Policy = self.settings(self.policy.policy_spec.oauth2.as_ref(), "oauth2")?;
        let gateway = self.cx.environment.spec.gateway.as_ref();
        let keys = gateway.and_then(|gateway| gateway.security.as_ref()?.remote_jwks.as_ref());
        let keys = keys.map(|keys| keys.uri.trim()).filter(|uri| !uri.is_empty()).ok_or_else(|| {
            RenderError::field(
                format!("Environment `{}`", self.cx.id.environment),
                "spec.gateway.security.remoteJwks.uri",
                "is missing; `oauth2` policies check tokens with the keys published there",
            )
        })?;
        let authorization = &policy.jwt.authorization;
        let rest = match (authorization.api_type, &authorization.rest) {
            (ApiType::Rest, Some(rest)) => rest,
            (ApiType::Rest, None) => {
                return Err(self.field("policySpec.oauth2.jwt.authorization.rest", "is missing; `apiType` is `REST`"));
            }
            (ApiType::Grpc, _) => return Err(self.unsupported("`apiType` `GRPC`")),
            (ApiType::GraphQl, _) => return Err(self.unsupported("`apiType` `GraphQL`")),
        };
        let mut rules = TokenRules {
            keys: keys.to_owned(),
            audiences: Vec::new(),
            claims: Vec::new(),
            headers: Vec::new(),
            operations: Vec::new(),
        };
        for claim in &policy.jwt.claims {
            if claim.key.is_empty() || claim.values.is_empty() {
                return Err(self.field("policySpec.oauth2.jwt.claims", "needs a `key` and at least one value"));
            }
            if claim.key == AUDIENCE {
                rules.audiences.extend(claim.values.iter().cloned());
            } else {
                rules.claims.push(JwtClaim {
                    name: claim.key.clone(),
                    value_type: Some("String".to_owned()),
                    values: claim.values.clone(),
                });
            }
        }
        let header = |claim: &openchoreo_types::common::ClaimToHeader| ClaimToHeader {
            claim: claim.name.clone(),
            header: claim.header.clone(),
        };
        rules.headers = rest.claims_to_headers.iter().map(header).collect();
        let list = "policySpec.oauth2.jwt.authorization.rest.operations";
        let mut seen = BTreeSet::new();
        for (index, operation) in rest.operations.iter().enumerate() {
            let target = operation.target.as_str();
            check_target(target).map_err(|problem| self.field(&format!("{list}[{index}].target"), problem))?;
            let method = method_name(operation.method);
            if !seen.insert((method, target)) {
                return Err(self.field(&format!("{list}[{index}]"), format!("`{method} {target}` is listed twice")));
            }
            let scopes = operation.scopes.clone();
            rules.operations.push(Operation { method, target: target.to_owned(), scopes });
        }
        if rules.operations.is_empty() {
            return Err(self.field(list, "names no operation, so that nobody could reach the endpoint"));
        }
        Ok(rules)
    }

    fn cors(&self) -> Result<Cors, RenderError> {
        let policy: &CorsPolicy = self.settings(self.policy.policy_spec.cors.as_ref(), "cors")?;
        if policy.allow_origins.is_empty() {
            return Err(self.field("policySpec.cors.allowOrigins", "names no origin"));
        }
        if policy.allow_credentials && policy.allow_origins.iter().any(|origin| origin == "*") {
            let problem = "allows every origin together with credentials; name the origins";
            return Err(self.field("policySpec.cors.allowOrigins", problem));
        }
        if policy.max_age < 0 {
            return Err(self.field("policySpec.cors.maxAge", "is less than nothing"));
        }
        Ok(Cors {
            allow_origins: policy.allow_origins.clone(),
            allow_methods: policy.allow_methods.clone(),
            allow_headers: policy.allow_headers.clone(),
            expose_headers: policy.expose_headers.clone(),
            max_age: (policy.max_age > 0).then(|| format!("{}s", policy.max_age)),
            allow_credentials: policy.allow_credentials,
        })
    }

    fn rate_limit(&self) -> Result<RateLimitValue, RenderError> {
        let policy: &RateLimitPolicy = self.settings(self.policy.policy_spec.rate_limit.as_ref(), "rateLimit")?;
        if !policy.operation_level.rest.is_empty() {
            return Err(self.unsupported("`operationLevel`"));
        }
        let RequestLimit { request_limit, time_unit } = &policy.api_level;
        let units = ["Second", "Minute", "Hour", "Day"];
        let unit = units.into_iter().find(|unit| unit.eq_ignore_ascii_case(time_unit)).ok_or_else(|| {
            let problem = format!("is `{time_unit}`; it may be {}", units.join(", "));
            self.field("policySpec.rateLimit.apiLevel.timeUnit", problem)
        })?;
        if !(1..=i64::from(u32::MAX)).contains(request_limit) {
            let problem = format!("is {request_limit}; it must be between 1 and {}", u32::MAX);
            return Err(self.field("policySpec.rateLimit.apiLevel.requestLimit", problem));
        }
        Ok(RateLimitValue { requests: *request_limit, unit: unit.to_owned() })
    }
}

fn method_name(method: HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Head => "HEAD",
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Connect => "CONNECT",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Trace => "TRACE",
        HttpMethod::Patch => "PATCH",
    }
}
