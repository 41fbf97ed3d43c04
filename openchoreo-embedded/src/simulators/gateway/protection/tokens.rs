//! Signed tokens, as Envoy's `jwt_authn` filter checks them: found, read, held to issuer, times and audience, verified.
//!
//! Stricter than Envoy in one thing: of several different tokens in one request none counts, where Envoy would verify
//! each. An audience is compared as it is written.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::keys::{KeySource, SignatureError, TokenVerifier, decoded};
use super::{Call, References, Refused};

/// How far clocks may differ, in seconds.
const CLOCK_SKEW: i64 = 60;
/// The most of a path that the realm of a challenge shows.
const REALM_PATH: usize = 256;

/// The field of a SecurityPolicy, in full.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct JwtSpec {
    optional: Option<bool>,
    fail_open: Option<bool>,
    providers: Vec<ProviderSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProviderSpec {
    name: String,
    issuer: Option<String>,
    audiences: Option<Vec<String>>,
    #[serde(rename = "remoteJWKS")]
    remote: Option<RemoteSpec>,
    #[serde(rename = "localJWKS")]
    local: Option<LocalSpec>,
    claim_to_headers: Option<Vec<ClaimToHeader>>,
    recompute_route: Option<bool>,
    extract_from: Option<PlacesSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RemoteSpec {
    uri: String,
    // How a proxy gets at the keys; whoever evaluates has them or not.
    #[serde(rename = "cacheDuration")]
    _cache_duration: Option<IgnoredAny>,
    #[serde(rename = "failedRefetchDuration")]
    _failed_refetch_duration: Option<IgnoredAny>,
    #[serde(rename = "backendRef")]
    _backend_ref: Option<IgnoredAny>,
    #[serde(rename = "backendRefs")]
    _backend_refs: Option<IgnoredAny>,
    #[serde(rename = "backendSettings")]
    _backend_settings: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LocalSpec {
    #[serde(rename = "type")]
    kind: Option<String>,
    inline: Option<String>,
    value_ref: Option<ValueRef>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ValueRef {
    group: Option<String>,
    kind: String,
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimToHeader {
    claim: String,
    header: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacesSpec {
    headers: Option<Vec<HeaderPlace>>,
    cookies: Option<Vec<String>>,
    params: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HeaderPlace {
    name: String,
    value_prefix: Option<String>,
}

/// Who issues the tokens that are asked for.
#[derive(Debug)]
pub(super) struct Tokens {
    missing_is_fine: bool,
    wrong_is_fine: bool,
    providers: Vec<Provider>,
}

#[derive(Debug)]
struct Provider {
    name: String,
    issuer: Option<String>,
    audiences: Vec<String>,
    keys: Keys,
    places: Places,
}

#[derive(Debug)]
enum Keys {
    Remote(String),
    Local(String),
}

/// Where a request may carry a token.
#[derive(Debug)]
struct Places {
    /// Names, and what stands before the token.
    headers: Vec<(HeaderName, String)>,
    cookies: Vec<String>,
    params: Vec<String>,
}

/// The claims of the tokens that were verified, by provider.
pub(super) type Claims = BTreeMap<String, Map<String, Value>>;

/// What is wrong with a token, in Envoy's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("Jwt is missing")]
    Missing,
    #[error("Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections")]
    Form,
    #[error("Jwt payload is an invalid JSON")]
    Payload,
    #[error("Jwt issuer is not configured")]
    Issuer,
    #[error("Jwt not yet valid")]
    Early,
    #[error("Jwt is expired")]
    Expired,
    #[error("Audiences in Jwt are not allowed")]
    Audience,
    #[error("Jwks remote fetch is failed")]
    NoKeys,
    #[error("Jwt verification fails")]
    Signature,
    #[error("several different tokens in one request are not evaluated")]
    Several,
}

impl JwtSpec {
    /// The names of headers that tokens decide about on the way to the backend.
    pub(super) fn written_headers(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().flat_map(|provider| &provider.claim_to_headers).flatten().map(|one| one.header.as_str())
    }

    pub(super) fn read(self, references: &References<'_>) -> Result<Tokens, String> {
        if self.providers.is_empty() {
            return Err("jwt: names no provider".to_owned());
        }
        let mut names = BTreeSet::new();
        let mut providers = Vec::with_capacity(self.providers.len());
        for provider in self.providers {
            if provider.name.is_empty() || !names.insert(provider.name.clone()) {
                return Err(format!("jwt: the name of provider `{}` is empty or taken", provider.name));
            }
            providers.push(provider.read(references)?);
        }
        let fail_open = self.fail_open.unwrap_or(false);
        Ok(Tokens { missing_is_fine: self.optional.unwrap_or(false) || fail_open, wrong_is_fine: fail_open, providers })
    }
}

impl ProviderSpec {
    fn read(self, references: &References<'_>) -> Result<Provider, String> {
        let name = self.name;
        if self.recompute_route == Some(true) {
            return Err(format!("jwt: `recomputeRoute` of provider `{name}` is not evaluated"));
        }
        if self.claim_to_headers.iter().flatten().any(|one| one.claim.is_empty() || one.header.is_empty()) {
            return Err(format!("jwt: `claimToHeaders` of provider `{name}` names no claim or no header"));
        }
        let keys = match (self.remote, self.local) {
            (Some(remote), None) if !remote.uri.is_empty() => Keys::Remote(remote.uri),
            (None, Some(local)) => Keys::Local(local.read(references).map_err(|problem| format!("jwt: {problem}"))?),
            (Some(_), _) | (None, None) => {
                return Err(format!("jwt: provider `{name}` needs either `remoteJWKS` with a URI or `localJWKS`"));
            }
        };
        let places = self.extract_from.map_or_else(|| Ok(Places::usual()), PlacesSpec::read)?;
        Ok(Provider {
            name,
            issuer: self.issuer.filter(|issuer| !issuer.is_empty()),
            audiences: self.audiences.unwrap_or_default(),
            keys,
            places,
        })
    }
}

impl LocalSpec {
    fn read(self, references: &References<'_>) -> Result<String, String> {
        match (self.kind.as_deref(), self.inline, self.value_ref) {
            (None | Some("Inline"), Some(inline), None) => Ok(inline),
            (Some("ValueRef"), None, Some(reference)) => {
                if reference.kind != "ConfigMap" || !reference.group.unwrap_or_default().is_empty() {
                    return Err(format!("`localJWKS` names a {}, not a ConfigMap", reference.kind));
                }
                references.key_set(&reference.name)
            }
            _ => Err("`localJWKS` needs exactly one of `inline` and `valueRef`, as its type says".to_owned()),
        }
    }
}

impl PlacesSpec {
    fn read(self) -> Result<Places, String> {
        let read = |place: HeaderPlace| {
            let name = place.name.parse().map_err(|_| format!("jwt: `{}` is no name of a header", place.name))?;
            Ok((name, place.value_prefix.unwrap_or_default()))
        };
        let headers = self.headers.into_iter().flatten().map(read).collect::<Result<Vec<_>, String>>()?;
        let (cookies, params) = (self.cookies.unwrap_or_default(), self.params.unwrap_or_default());
        if headers.is_empty() && cookies.is_empty() && params.is_empty() {
            return Ok(Places::usual());
        }
        Ok(Places { headers, cookies, params })
    }
}

impl Places {
    /// Where tokens are by default: in the header `Authorization` and the query parameter `access_token`.
    fn usual() -> Self {
        let headers = vec![(http::header::AUTHORIZATION, "Bearer ".to_owned())];
        Self { headers, cookies: Vec::new(), params: vec!["access_token".to_owned()] }
    }

    fn find(&self, call: &Call<'_>) -> BTreeSet<String> {
        let of_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let in_headers = self.headers.iter().flat_map(|(name, prefix)| {
            let values = call.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            values.filter_map(move |value| {
                let (_, behind) = if prefix.is_empty() { ("", &*value) } else { value.split_once(prefix.as_str())? };
                // What is no token at all stays as it is, to be told as malformed.
                let token: String = behind.chars().skip_while(|c| !of_token(*c)).take_while(|c| of_token(*c)).collect();
                Some(if token.is_empty() { behind.to_owned() } else { token })
            })
        });
        let in_params = self.params.iter().filter_map(|name| call.param(name));
        let in_cookies = self.cookies.iter().filter_map(|name| call.cookie(name));
        in_headers.chain(in_params).chain(in_cookies).collect()
    }
}

impl Tokens {
    /// Whether a provider has a name.
    pub(super) fn knows(&self, provider: &str) -> bool {
        self.providers.iter().any(|known| known.name == provider)
    }

    /// The URLs of the keys that are published elsewhere.
    pub(super) fn remote_keys(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().filter_map(|provider| match &provider.keys {
            Keys::Remote(url) => Some(url.as_str()),
            Keys::Local(_) => None,
        })
    }

    /// The claims of the request's token. One provider that takes it is enough.
    pub(super) fn check(
        &self,
        call: &Call<'_>,
        verifier: &dyn TokenVerifier,
        now: Timestamp,
    ) -> Result<Claims, Refused> {
        let mut fault = Fault::Missing;
        for provider in &self.providers {
            match provider.check(call, verifier, now) {
                Ok(claims) => return Ok(Claims::from([(provider.name.clone(), claims)])),
                // A token of a provider says more than that there is none of another.
                Err(Fault::Missing) => {}
                Err(Fault::Issuer) if fault != Fault::Missing => {}
                Err(found) => fault = found,
            }
        }
        let is_fine = if fault == Fault::Missing { self.missing_is_fine } else { self.wrong_is_fine };
        if is_fine { Ok(Claims::new()) } else { Err(fault.refusal(call)) }
    }
}

impl Provider {
    fn check(
        &self,
        call: &Call<'_>,
        verifier: &dyn TokenVerifier,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Fault> {
        let found = self.places.find(call);
        let token = match found.len() {
            0 => return Err(Fault::Missing),
            1 => found.first().ok_or(Fault::Missing)?,
            _ => return Err(Fault::Several),
        };
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else {
            return Err(Fault::Form);
        };
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(Fault::Form);
        }
        let claims = decoded(payload).and_then(|payload| serde_json::from_slice::<Map<String, Value>>(&payload).ok());
        let claims = claims.ok_or(Fault::Payload)?;
        let issuer = optional(&claims, "iss", Value::as_str)?.unwrap_or_default();
        if self.issuer.as_ref().is_some_and(|known| known != issuer) {
            return Err(Fault::Issuer);
        }
        self.check_times(&claims, now)?;
        self.check_audience(&claims)?;
        let keys = match &self.keys {
            Keys::Remote(url) => KeySource::Remote(url),
            Keys::Local(set) => KeySource::Local(set),
        };
        verifier.verify(token, keys).map_err(|error| match error {
            SignatureError::NoKeys => Fault::NoKeys,
            SignatureError::Mismatch => Fault::Signature,
        })?;
        Ok(claims)
    }

    fn check_times(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Fault> {
        let now = now.as_second();
        let time = |name| optional(claims, name, Value::as_i64);
        if time("nbf")?.is_some_and(|from| now < from.saturating_sub(CLOCK_SKEW)) {
            return Err(Fault::Early);
        }
        // A token without an end does not end.
        match time("exp")? {
            Some(until) if now > until.saturating_add(CLOCK_SKEW) => Err(Fault::Expired),
            Some(_) | None => Ok(()),
        }
    }

    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), Fault> {
        let audiences: Vec<&str> = match claims.get("aud") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => {
                several.iter().map(Value::as_str).collect::<Option<_>>().ok_or(Fault::Payload)?
            }
            Some(_) => return Err(Fault::Payload),
        };
        let allowed = |audience: &&str| self.audiences.iter().any(|known| known == audience);
        if self.audiences.is_empty() || audiences.iter().any(allowed) { Ok(()) } else { Err(Fault::Audience) }
    }
}

/// A claim that may be absent, and otherwise has to be of its type.
fn optional<'c, T>(
    claims: &'c Map<String, Value>,
    name: &str,
    of_type: impl Fn(&'c Value) -> Option<T>,
) -> Result<Option<T>, Fault> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => of_type(value).map(Some).ok_or(Fault::Payload),
    }
}

impl Fault {
    fn refusal(self, call: &Call<'_>) -> Refused {
        // As Envoy has it, the wrong audience alone is forbidden rather than unauthenticated.
        let status = if self == Self::Audience { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
        let path = call.path_and_query();
        let shown: String = path.chars().take(REALM_PATH).collect();
        let suffix = if self == Self::Missing { "" } else { ", error=\"invalid_token\"" };
        let challenge = format!("Bearer realm=\"{}://{}{shown}\"{suffix}", call.scheme, call.authority);
        Refused { challenge: HeaderValue::from_str(&challenge).ok(), ..Refused::new(status, self.to_string()) }
    }
}
