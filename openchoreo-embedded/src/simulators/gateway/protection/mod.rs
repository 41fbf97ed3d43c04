//! What protects a route: Envoy Gateway's SecurityPolicy and BackendTrafficPolicy, read strictly and held against a
//! request.
//!
//! Policies are read in full or not at all. A field that is not understood, a Secret that is absent, a value that means
//! nothing: each makes the policy invalid, and a route with an invalid policy answers 500 to everybody, as Envoy Gateway
//! has it for a SecurityPolicy that it cannot translate (envoyproxy/gateway#3869). What a policy applies to is decided
//! elsewhere.
//!
//! The order of the checks is that of Envoy Gateway's filters: cross-origin rules, API keys, tokens, authorization,
//! limits. Not evaluated, and so refused: `oidc`, `extAuth`, `basicAuth`, `csrf`, `mergeType`, CEL and places of the
//! world in `authorization`, costs, faults on purpose; and what other kinds of policies have that may decide about
//! requests.

mod addresses;
mod api_keys;
mod authorization;
mod cors;
mod keys;
mod limits;
mod tokens;

pub use keys::{KeySets, KeySource, SignatureError, TokenVerifier};
pub(super) use limits::Limits;
pub use limits::RequestCounts;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{COOKIE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::model::Key;
use api_keys::{ApiKeySpec, ApiKeys};
use authorization::{Authorization, AuthorizationSpec};
use cors::{Cors, CorsSpec};
use limits::Scopes;
use tokens::{Claims, JwtSpec, Tokens};

/// A request, as the checks read it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) scheme: &'a str,
    /// Host and port as the client wrote them.
    pub(super) authority: &'a str,
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) client: IpAddr,
}

impl Call<'_> {
    fn path_and_query(&self) -> String {
        if self.query.is_empty() { self.path.to_owned() } else { format!("{}?{}", self.path, self.query) }
    }

    /// All values of a header, joined as HTTP joins them.
    fn header(&self, name: &HeaderName) -> Option<String> {
        let values: Vec<_> =
            self.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    /// The first query parameter of a name.
    fn param(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(known, value)| (unescaped(known), value))
            .find(|(known, _)| known == name)
            .map(|(_, v)| unescaped(v))
    }

    fn cookie(&self, name: &str) -> Option<String> {
        let lists = self.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = lists.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let value = pairs.into_iter().find(|(known, _)| *known == name)?.1;
        Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value).to_owned())
    }
}

/// A part of a query without its percent-encoding. What is no encoding stays.
fn unescaped(text: &str) -> String {
    let hexadecimal = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let encoded = match (first, after) {
            (b'%', [high, low, ..]) => hexadecimal(*high).zip(hexadecimal(*low)),
            _ => None,
        };
        bytes.push(encoded.map_or(*first, |(high, low)| high * 16 + low));
        rest = after.get(if encoded.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Why a request is not let in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    /// The body, in Envoy's words.
    pub(super) text: String,
    /// How to authenticate, for `WWW-Authenticate`.
    pub(super) challenge: Option<HeaderValue>,
}

impl Refused {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), challenge: None }
    }
}

/// What the policies of a namespace may refer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct References<'a> {
    pub(super) namespace: &'a str,
    pub(super) secrets: &'a BTreeMap<Key, Arc<Secret>>,
    pub(super) config_maps: &'a BTreeMap<Key, Arc<ConfigMap>>,
}

impl References<'_> {
    /// The values of a Secret.
    fn secret(&self, namespace: Option<&str>, name: &str) -> Result<Vec<String>, String> {
        if namespace.is_some_and(|namespace| namespace != self.namespace) {
            return Err(format!("Secret `{name}` is not in the policy's own namespace"));
        }
        let secret = self.secrets.get(&Key::new(self.namespace, name)).ok_or_else(|| format!("no Secret `{name}`"))?;
        let values = secret.data.iter().flatten().map(|(_, value)| String::from_utf8(value.0.clone()));
        values.collect::<Result<_, _>>().map_err(|_| format!("Secret `{name}` holds what is no text"))
    }

    /// The key set in a ConfigMap: what is under `jwks`, or else the first that is there.
    fn key_set(&self, name: &str) -> Result<String, String> {
        let map = self.config_maps.get(&Key::new(self.namespace, name));
        let data = map.ok_or_else(|| format!("no ConfigMap `{name}`"))?.data.as_ref();
        let set = data.and_then(|data| data.get("jwks").or_else(|| data.values().next()));
        set.cloned().ok_or_else(|| format!("ConfigMap `{name}` is empty"))
    }
}

/// Fields of a ClientTrafficPolicy that change how a request is served, and neither whether nor whose it is.
const INDIFFERENT_TO_CLIENTS: [&str; 7] =
    ["connection", "healthCheck", "http1", "http2", "http3", "tcpKeepalive", "timeout"];

/// Why a ClientTrafficPolicy is not understood: only what makes no difference to who is let in is.
pub(super) fn client_problem(spec: &Value) -> Option<String> {
    indifferent_but_for(spec, &INDIFFERENT_TO_CLIENTS).err()
}

/// Why an EnvoyExtensionPolicy is not understood: whatever it has may answer in the place of the backend.
pub(super) fn extension_problem(spec: &Value) -> Option<String> {
    indifferent_but_for(spec, &[]).err()
}

/// Refuses a specification with other fields than its targets and those that are known.
fn indifferent_but_for(spec: &Value, known: &[&str]) -> Result<(), String> {
    let fields = spec.as_object().ok_or("its specification is no object")?;
    let is_known = |name: &str| ["targetRef", "targetRefs", "targetSelectors"].contains(&name) || known.contains(&name);
    match fields.iter().find(|(name, value)| !value.is_null() && !is_known(name)) {
        Some((name, _)) => Err(format!("`{name}` is not evaluated")),
        None => Ok(()),
    }
}

/// The specification of a SecurityPolicy, in full.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecuritySpec {
    #[serde(rename = "targetRef")]
    _target_ref: Option<IgnoredAny>,
    #[serde(rename = "targetRefs")]
    _target_refs: Option<IgnoredAny>,
    #[serde(rename = "targetSelectors")]
    _target_selectors: Option<IgnoredAny>,
    cors: Option<CorsSpec>,
    api_key_auth: Option<ApiKeySpec>,
    jwt: Option<JwtSpec>,
    authorization: Option<AuthorizationSpec>,
}

/// What a SecurityPolicy asks for.
#[derive(Debug, Default)]
pub(super) struct Security {
    cors: Option<Cors>,
    api_keys: Option<ApiKeys>,
    tokens: Option<Tokens>,
    authorization: Option<Authorization>,
}

impl Security {
    /// What a policy's specification asks for, or why that cannot be told.
    pub(super) fn read(spec: &Value, references: &References<'_>) -> Result<Self, String> {
        let spec = SecuritySpec::deserialize(spec).map_err(|error| error.to_string())?;
        let jwt_headers = spec.jwt.iter().flat_map(JwtSpec::written_headers);
        let key_header = spec.api_key_auth.iter().filter_map(|keys| keys.written_header.as_deref());
        let written: Vec<String> = jwt_headers.chain(key_header).map(str::to_ascii_lowercase).collect();
        let compared = spec.authorization.iter().flat_map(AuthorizationSpec::headers);
        if let Some(header) = compared.map(str::to_ascii_lowercase).find(|header| written.contains(header)) {
            let what = format!("a rule about header `{header}`, which the policy itself writes");
            return Err(format!("authorization: {what}, is not evaluated"));
        }
        let tokens = spec.jwt.map(|jwt| jwt.read(references)).transpose()?;
        let authorization = spec.authorization.map(|rules| rules.read(tokens.as_ref())).transpose()?;
        Ok(Self {
            cors: spec.cors.map(CorsSpec::read).transpose().map_err(|problem| format!("cors: {problem}"))?,
            api_keys: spec.api_key_auth.map(|keys| keys.read(references)).transpose()?,
            tokens,
            authorization,
        })
    }

    /// The URLs of the keys that are published elsewhere.
    pub(super) fn remote_keys(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().flat_map(Tokens::remote_keys)
    }

    /// Whether a request may pass.
    fn check(&self, call: &Call<'_>, verifier: &dyn TokenVerifier, now: Timestamp) -> Result<(), Refused> {
        if let Some(keys) = &self.api_keys {
            keys.check(call)?;
        }
        let claims = match &self.tokens {
            Some(tokens) => tokens.check(call, verifier, now)?,
            None => Claims::new(),
        };
        self.authorization.as_ref().map_or(Ok(()), |rules| rules.check(call, &claims))
    }
}

/// A policy as it is in force: read, or invalid for a reason.
pub(super) type InForce<P> = Arc<Result<P, String>>;

/// All that protects one match of a route.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    pub(super) security: Option<(Key, InForce<Security>)>,
    pub(super) limits: Option<(Key, InForce<Limits>)>,
    /// A policy of another kind that is not understood, and why.
    pub(super) other: Option<(&'static str, Key, String)>,
}

/// What a guard says to a request.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) passes: Result<Passing, Refused>,
    /// Headers that every answer carries.
    pub(super) headers: HeaderMap,
}

/// How a request passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passing {
    /// It goes on.
    On,
    /// It asked what another origin may do, and that is the answer.
    Preflight,
}

/// How a request that passes would be served, as far as the checks differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// By a backend.
    Forwarded,
    /// By the gateway itself, which neither counts such requests nor knows other origins.
    Directly,
}

/// What a decision depends on besides the objects and the request.
pub struct Circumstances<'a> {
    /// Where the request comes from.
    pub client: IpAddr,
    /// What time it is.
    pub now: Timestamp,
    /// Who checks signatures of tokens.
    pub verifier: &'a dyn TokenVerifier,
    /// The requests that were counted before; this one is added.
    pub counts: &'a mut RequestCounts,
}

impl std::fmt::Debug for Circumstances<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Circumstances")
            .field("client", &self.client)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// The policies, each with its kind.
    pub(super) fn policies(&self) -> impl Iterator<Item = (&'static str, &Key)> {
        let security = self.security.iter().map(|(key, _)| ("SecurityPolicy", key));
        security.chain(self.limits.iter().map(|(key, _)| ("BackendTrafficPolicy", key)))
    }

    /// Says whether a request is let in. Requests to one place of `counter` are counted together.
    pub(super) fn judge(
        &self,
        call: &Call<'_>,
        served: Served,
        counter: &str,
        circumstances: &mut Circumstances<'_>,
    ) -> Verdict {
        let mut headers = HeaderMap::new();
        let passes = self.check(call, served, counter, circumstances, &mut headers);
        Verdict { passes, headers }
    }

    fn check(
        &self,
        call: &Call<'_>,
        served: Served,
        counter: &str,
        circumstances: &mut Circumstances<'_>,
        headers: &mut HeaderMap,
    ) -> Result<Passing, Refused> {
        if let Some((kind, key, problem)) = &self.other {
            return Err(invalid(kind, key, problem));
        }
        if let Some((key, security)) = &self.security {
            let security = security.as_ref().as_ref().map_err(|problem| invalid("SecurityPolicy", key, problem))?;
            if let Some(cors) = security.cors.as_ref().filter(|_| served == Served::Forwarded) {
                if let Some(answer) = cors.preflight(call.method, call.headers) {
                    *headers = answer;
                    return Ok(Passing::Preflight);
                }
                *headers = cors.headers_for(call.headers);
            }
            security.check(call, circumstances.verifier, circumstances.now)?;
        }
        if let Some((key, limits)) = &self.limits {
            let limits = limits.as_ref().as_ref().map_err(|problem| invalid("BackendTrafficPolicy", key, problem))?;
            if served == Served::Forwarded {
                let scopes = Scopes { route: counter, policy: &key.to_string() };
                limits.check(call, scopes, circumstances.counts, circumstances.now)?;
            }
        }
        Ok(Passing::On)
    }
}

fn invalid(kind: &str, key: &Key, problem: &str) -> Refused {
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{kind} {key} is invalid: {problem}"))
}
