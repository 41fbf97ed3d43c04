//! What callers may do, as Envoy's `rbac` filter decides it: the first rule that fits, or else the default, which is to
//! deny.

use http::StatusCode;
use http::header::HeaderName;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::addresses::AddressRange;
use super::tokens::{Claims, Tokens};
use super::{Call, Refused};
use crate::simulators::gateway::matching::PathMatch;

/// The field of a SecurityPolicy, in full.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AuthorizationSpec {
    default_action: Option<Action>,
    rules: Option<Vec<RuleSpec>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Action {
    Allow,
    Deny,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuleSpec {
    #[serde(rename = "name")]
    _name: Option<String>,
    action: Action,
    operation: Option<OperationSpec>,
    principal: PrincipalSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationSpec {
    methods: Option<Vec<String>>,
    path: Option<PathSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PathSpec {
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Option<String>,
    invert: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalSpec {
    #[serde(rename = "clientCIDRs")]
    ranges: Option<Vec<String>>,
    jwt: Option<JwtPrincipal>,
    headers: Option<Vec<HeaderSpec>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JwtPrincipal {
    provider: String,
    scopes: Option<Vec<String>>,
    claims: Option<Vec<ClaimSpec>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClaimSpec {
    name: String,
    #[serde(default)]
    value_type: ValueType,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum ValueType {
    #[default]
    String,
    StringArray,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderSpec {
    name: String,
    values: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Authorization {
    otherwise: Action,
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    action: Action,
    methods: Vec<String>,
    path: Option<PathRule>,
    ranges: Vec<AddressRange>,
    jwt: Option<JwtPrincipal>,
    headers: Vec<(HeaderName, Vec<String>)>,
}

/// A path that fits, or all that do not.
#[derive(Debug)]
pub(super) struct PathRule {
    path: PathMatch,
    invert: bool,
}

impl PathSpec {
    pub(super) fn read(self) -> Result<PathRule, String> {
        let path = PathMatch::new(self.kind.as_deref(), self.value.as_deref())?;
        Ok(PathRule { path, invert: self.invert.unwrap_or(false) })
    }
}

impl PathRule {
    pub(super) fn fits(&self, call: &Call<'_>) -> bool {
        self.path.matches_with_query(call.path, call.query) != self.invert
    }
}

impl AuthorizationSpec {
    /// The headers that rules look at.
    pub(super) fn headers(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().flatten().flat_map(|rule| &rule.principal.headers).flatten().map(|one| one.name.as_str())
    }

    pub(super) fn read(self, tokens: Option<&Tokens>) -> Result<Authorization, String> {
        let read = |(index, rule): (usize, RuleSpec)| {
            rule.read(tokens).map_err(|problem| format!("authorization: rule {index}: {problem}"))
        };
        let rules = self.rules.into_iter().flatten().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Authorization { otherwise: self.default_action.unwrap_or(Action::Deny), rules })
    }
}

impl RuleSpec {
    fn read(self, tokens: Option<&Tokens>) -> Result<Rule, String> {
        let PrincipalSpec { ranges, jwt, headers } = self.principal;
        let (ranges, headers) = (ranges.unwrap_or_default(), headers.unwrap_or_default());
        if ranges.is_empty() && headers.is_empty() && jwt.is_none() {
            return Err("its principal asks for nothing".to_owned());
        }
        if let Some(jwt) = &jwt {
            jwt.check(tokens)?;
        }
        let (methods, path) = self.operation.map_or((None, None), |operation| (operation.methods, operation.path));
        let header = |HeaderSpec { name, values }: HeaderSpec| {
            let parsed = name.parse().map_err(|_| format!("`{name}` is no name of a header"))?;
            if values.is_empty() { Err(format!("header `{name}` has no value")) } else { Ok((parsed, values)) }
        };
        Ok(Rule {
            action: self.action,
            methods: methods.unwrap_or_default(),
            path: path.map(PathSpec::read).transpose()?,
            ranges: ranges.iter().map(|range| range.parse()).collect::<Result<_, _>>()?,
            jwt,
            headers: headers.into_iter().map(header).collect::<Result<_, String>>()?,
        })
    }
}

impl JwtPrincipal {
    fn check(&self, tokens: Option<&Tokens>) -> Result<(), String> {
        if !tokens.is_some_and(|tokens| tokens.knows(&self.provider)) {
            return Err(format!("`{}` is no provider of tokens", self.provider));
        }
        let (scopes, claims) = (self.scopes.as_deref().unwrap_or_default(), self.claims.as_deref().unwrap_or_default());
        if scopes.is_empty() && claims.is_empty() {
            return Err("its token holds neither scopes nor claims".to_owned());
        }
        match claims.iter().find(|claim| claim.values.is_empty()) {
            Some(claim) => Err(format!("claim `{}` has no value", claim.name)),
            None => Ok(()),
        }
    }

    fn fits(&self, claims: &Claims) -> bool {
        claims.get(&self.provider).is_some_and(|held| {
            self.scopes.iter().flatten().all(|scope| has_scope(held, scope))
                && self.claims.iter().flatten().all(|claim| claim.fits(held))
        })
    }
}

/// Scopes are a text with spaces between them, or a list, under either of two names.
fn has_scope(claims: &Map<String, Value>, wanted: &str) -> bool {
    ["scope", "scp"].into_iter().filter_map(|name| claims.get(name)).any(|held| match held {
        Value::String(text) => text.split(' ').any(|scope| scope == wanted),
        Value::Array(list) => list.iter().any(|scope| scope == wanted),
        _ => false,
    })
}

impl ClaimSpec {
    fn fits(&self, claims: &Map<String, Value>) -> bool {
        // Dots lead into claims of claims.
        let mut steps = self.name.split('.');
        let first = steps.next().and_then(|step| claims.get(step));
        let Some(held) = steps.try_fold(first, |held, step| held.map(|held| held.get(step))).flatten() else {
            return false;
        };
        let accepted = |held: &Value| held.as_str().is_some_and(|held| self.values.iter().any(|value| value == held));
        match self.value_type {
            ValueType::String => accepted(held),
            ValueType::StringArray => held.as_array().is_some_and(|list| list.iter().any(accepted)),
        }
    }
}

impl Rule {
    fn fits(&self, call: &Call<'_>, claims: &Claims) -> bool {
        let method = |wanted: &String| wanted.eq_ignore_ascii_case(call.method.as_str());
        let header =
            |(name, values): &(HeaderName, Vec<String>)| call.header(name).is_some_and(|held| values.contains(&held));
        (self.methods.is_empty() || self.methods.iter().any(method))
            && self.path.as_ref().is_none_or(|path| path.fits(call))
            && (self.ranges.is_empty() || self.ranges.iter().any(|range| range.contains(call.client)))
            && self.jwt.as_ref().is_none_or(|jwt| jwt.fits(claims))
            && self.headers.iter().all(header)
    }
}

impl Authorization {
    pub(super) fn check(&self, call: &Call<'_>, claims: &Claims) -> Result<(), Refused> {
        let action = self.rules.iter().find(|rule| rule.fits(call, claims)).map_or(self.otherwise, |rule| rule.action);
        match action {
            Action::Allow => Ok(()),
            Action::Deny => Err(Refused::new(StatusCode::FORBIDDEN, "RBAC: access denied")),
        }
    }
}
