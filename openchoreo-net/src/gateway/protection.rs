//! What protects an endpoint at one visibility: its policies, read strictly.
//!
//! A policy that is not understood in full is an error, never a weaker policy. How a protection is written down for a
//! gateway is elsewhere.

use std::collections::BTreeSet;

use openchoreo_core::extension::{EndpointContext, RenderError};
use openchoreo_core::naming::Visibility;
use openchoreo_types::common::{
    ApiType, CorsPolicy, HttpMethod, OAuth2Policy, Policy, RateLimitPolicy, RequestLimit, RequiredClaim, RestOperation,
    Visibility as Exposure, policy_type,
};
use openchoreo_types::foreign::envoy_gateway::{ClaimToHeader, Cors, JwtClaim, RateLimitValue};

use super::path::{check_target, object_of, shape};
use super::{Capabilities, limits};

/// The claim of a token that says whom it is for, which gateways check by itself.
const AUDIENCE: &str = "aud";
/// The claim of a token that says who issued it. Gateways check one issuer by itself; several are a claim like others.
const ISSUER: &str = "iss";

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
    /// Who must have issued a token, where one issuer is named.
    pub issuer: Option<String>,
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
    /// Where its target is written.
    pub field: String,
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
        let path = format!("spec.networkVisibilities.{level}.policies");
        let what = format!("a `rate-limit` policy beside an `oauth2` policy (`{path}` of {})", object_of(cx));
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
        RenderError::field(object_of(self.cx), format!("{}.{field}", self.path), problem)
    }

    fn unsupported(&self, what: impl Into<String>) -> RenderError {
        let Self { cx, by, policy, path } = self;
        let what = format!("{} of policy `{}` (`{path}` of {})", what.into(), policy.name, object_of(cx));
        RenderError::Unsupported { what, by: by.name.to_owned() }
    }

    fn settings<'s, T>(&self, settings: Option<&'s T>, name: &str) -> Result<&'s T, RenderError> {
        settings.ok_or_else(|| self.field(&format!("policySpec.{name}"), "is missing; the type of the policy needs it"))
    }

    /// For `map_err`: what a check has against a field.
    fn at(&self, field: &str) -> impl Fn(String) -> RenderError {
        move |problem| self.field(field, problem)
    }

    fn tokens(&self) -> Result<TokenRules, RenderError> {
        let policy: &OAuth2Policy = self.settings(self.policy.policy_spec.oauth2.as_ref(), "oauth2")?;
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
            keys: self.keys()?,
            issuer: None,
            audiences: Vec::new(),
            claims: Vec::new(),
            headers: self.headers(&rest.claims_to_headers)?,
            operations: self.operations(&rest.operations)?,
        };
        self.read_claims(&policy.jwt.claims, &mut rules)?;
        Ok(rules)
    }

    /// The URL of the environment's keys.
    fn keys(&self) -> Result<String, RenderError> {
        let error = |problem: String| {
            let environment = format!("Environment `{}`", self.cx.id.environment);
            RenderError::field(environment, "spec.gateway.security.remoteJwks.uri", problem)
        };
        let gateway = self.cx.environment.spec.gateway.as_ref();
        let keys = gateway.and_then(|gateway| gateway.security.as_ref()?.remote_jwks.as_ref());
        let keys = keys.map(|keys| keys.uri.trim()).filter(|uri| !uri.is_empty()).ok_or_else(|| {
            error("is missing; `oauth2` policies check tokens with the keys published there".to_owned())
        })?;
        limits::keys_url(keys).map_err(error)?;
        Ok(keys.to_owned())
    }

    /// Sorts the claims by who checks them: issuer and audience are parts of a valid token, the others of a rule.
    fn read_claims(&self, claims: &[RequiredClaim], rules: &mut TokenRules) -> Result<(), RenderError> {
        let list = "policySpec.oauth2.jwt.claims";
        let mut seen = BTreeSet::new();
        for (index, RequiredClaim { key, values }) in claims.iter().enumerate() {
            let at = format!("{list}[{index}]");
            limits::text(key, "name of a claim").map_err(self.at(&format!("{at}.key")))?;
            if !seen.insert(key.as_str()) {
                // A token would have to satisfy both, and a gateway knows one list of values for a claim.
                return Err(self.field(&at, format!("`{key}` is asked for twice; join the values that may be there")));
            }
            let field = format!("{at}.values");
            if values.is_empty() {
                return Err(self.field(&field, format!("names no value; name those that `{key}` may have")));
            }
            let most = if key == AUDIENCE { limits::AUDIENCES } else { limits::CLAIM_VALUES };
            limits::count(values.len(), most, "values").map_err(self.at(&field))?;
            values.iter().try_for_each(|value| limits::text(value, "value")).map_err(self.at(&field))?;
            match (key.as_str(), values.as_slice()) {
                (AUDIENCE, _) => rules.audiences.clone_from(values),
                (ISSUER, [issuer]) => rules.issuer = Some(issuer.clone()),
                _ => rules.claims.push(JwtClaim {
                    name: key.clone(),
                    value_type: Some("String".to_owned()),
                    values: values.clone(),
                }),
            }
        }
        limits::count(rules.claims.len(), limits::CLAIMS, "claims").map_err(self.at(list))
    }

    fn headers(&self, headers: &[openchoreo_types::common::ClaimToHeader]) -> Result<Vec<ClaimToHeader>, RenderError> {
        let list = "policySpec.oauth2.jwt.authorization.rest.claimsToHeaders";
        limits::count(headers.len(), limits::ENTRIES, "headers").map_err(self.at(list))?;
        let read = |(index, header): (usize, &openchoreo_types::common::ClaimToHeader)| {
            limits::text(&header.name, "name of a claim").map_err(self.at(&format!("{list}[{index}].name")))?;
            limits::token(&header.header, "name of a header").map_err(self.at(&format!("{list}[{index}].header")))?;
            Ok(ClaimToHeader { claim: header.name.clone(), header: header.header.clone() })
        };
        headers.iter().enumerate().map(read).collect()
    }

    fn operations(&self, operations: &[RestOperation]) -> Result<Vec<Operation>, RenderError> {
        let list = "policySpec.oauth2.jwt.authorization.rest.operations";
        if operations.is_empty() {
            return Err(self.field(list, "names no operation, so that nobody could reach the endpoint"));
        }
        let mut seen = BTreeSet::new();
        let mut read = Vec::with_capacity(operations.len());
        for (index, RestOperation { method, target, scopes }) in operations.iter().enumerate() {
            let at = format!("{list}[{index}]");
            check_target(target).map_err(self.at(&format!("{at}.target")))?;
            let method = method_name(*method);
            if !seen.insert((method, shape(target))) {
                let problem = format!("`{method} {target}` is listed before, perhaps with another name of a parameter");
                return Err(self.field(&at, format!("{problem}; join both")));
            }
            let field = format!("{at}.scopes");
            limits::count(scopes.len(), limits::SCOPES, "scopes").map_err(self.at(&field))?;
            scopes.iter().try_for_each(|scope| limits::text(scope, "scope")).map_err(self.at(&field))?;
            let field = format!("{}.{at}.target", self.path);
            read.push(Operation { method, target: target.clone(), scopes: scopes.clone(), field });
        }
        Ok(read)
    }

    fn cors(&self) -> Result<Cors, RenderError> {
        let policy: &CorsPolicy = self.settings(self.policy.policy_spec.cors.as_ref(), "cors")?;
        let origins = "policySpec.cors.allowOrigins";
        if policy.allow_origins.is_empty() {
            return Err(self.field(origins, "names no origin"));
        }
        limits::count(policy.allow_origins.len(), limits::ENTRIES, "origins").map_err(self.at(origins))?;
        policy.allow_origins.iter().try_for_each(|origin| limits::origin(origin)).map_err(self.at(origins))?;
        if policy.allow_credentials && policy.allow_origins.iter().any(|origin| limits::is_every_origin(origin)) {
            let problem = "allows every origin together with credentials; name the origins";
            return Err(self.field(origins, problem));
        }
        let names = [
            ("policySpec.cors.allowMethods", &policy.allow_methods, "method"),
            ("policySpec.cors.allowHeaders", &policy.allow_headers, "name of a header"),
            ("policySpec.cors.exposeHeaders", &policy.expose_headers, "name of a header"),
        ];
        for (field, list, what) in names {
            limits::count(list.len(), limits::ENTRIES, "entries").map_err(self.at(field))?;
            list.iter().try_for_each(|name| limits::token(name, what)).map_err(self.at(field))?;
        }
        let max_age = limits::duration(policy.max_age).map_err(self.at("policySpec.cors.maxAge"))?;
        Ok(Cors {
            allow_origins: policy.allow_origins.clone(),
            allow_methods: policy.allow_methods.clone(),
            allow_headers: policy.allow_headers.clone(),
            expose_headers: policy.expose_headers.clone(),
            max_age: (policy.max_age > 0).then_some(max_age),
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
