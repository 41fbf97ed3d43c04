//! API keys, as Envoy's `api_key_auth` filter checks them against the Secrets that a policy names.

use std::collections::BTreeSet;

use http::StatusCode;
use http::header::HeaderName;
use serde::Deserialize;

use super::{Call, References, Refused};

/// The field of a SecurityPolicy, in full.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ApiKeySpec {
    credential_refs: Vec<SecretRef>,
    extract_from: Vec<PlaceSpec>,
    #[serde(rename = "forwardClientIDHeader")]
    pub(super) written_header: Option<String>,
    /// Whether the backend sees the key; nothing that decides who is let in.
    #[serde(rename = "sanitize")]
    _sanitize: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretRef {
    group: Option<String>,
    kind: Option<String>,
    name: String,
    namespace: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceSpec {
    headers: Option<Vec<String>>,
    params: Option<Vec<String>>,
    cookies: Option<Vec<String>>,
}

/// The valid keys, and where requests carry them.
pub(super) struct ApiKeys {
    keys: BTreeSet<String>,
    places: Vec<Place>,
}

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ApiKeys").field("keys", &"***").field("places", &self.places).finish()
    }
}

#[derive(Debug)]
enum Place {
    Header(HeaderName),
    Param(String),
    Cookie(String),
}

impl ApiKeySpec {
    pub(super) fn read(self, references: &References<'_>) -> Result<ApiKeys, String> {
        let mut keys = BTreeSet::new();
        for reference in &self.credential_refs {
            let group = reference.group.as_deref().unwrap_or_default();
            let kind = reference.kind.as_deref().unwrap_or("Secret");
            if !group.is_empty() || kind != "Secret" {
                return Err(format!("apiKeyAuth: credentials of kind `{kind}` are not evaluated"));
            }
            let data = references.secret(reference.namespace.as_deref(), &reference.name);
            for key in data.map_err(|problem| format!("apiKeyAuth: {problem}"))? {
                if !keys.insert(key) {
                    return Err(format!("apiKeyAuth: a key of Secret `{}` is there twice", reference.name));
                }
            }
        }
        // Nobody can have a key that is not there.
        keys.remove("");
        let mut places = Vec::new();
        for PlaceSpec { headers, params, cookies } in self.extract_from {
            let lists = [headers.as_ref(), params.as_ref(), cookies.as_ref()];
            if lists.into_iter().flatten().filter(|list| !list.is_empty()).count() != 1 {
                return Err(
                    "apiKeyAuth: an entry of `extractFrom` needs exactly one of headers, params, cookies".to_owned()
                );
            }
            for name in headers.unwrap_or_default() {
                let header = name.parse().map_err(|_| format!("apiKeyAuth: `{name}` is no name of a header"))?;
                places.push(Place::Header(header));
            }
            places.extend(params.unwrap_or_default().into_iter().map(Place::Param));
            places.extend(cookies.unwrap_or_default().into_iter().map(Place::Cookie));
        }
        if places.is_empty() {
            return Err("apiKeyAuth: names no place for the key".to_owned());
        }
        Ok(ApiKeys { keys, places })
    }
}

impl ApiKeys {
    pub(super) fn check(&self, call: &Call<'_>) -> Result<(), Refused> {
        // The first place that holds something decides.
        let key = self.places.iter().filter_map(|place| place.find(call)).find(|key| !key.is_empty());
        if key.is_some_and(|key| self.keys.contains(&key)) {
            return Ok(());
        }
        Err(Refused::new(StatusCode::UNAUTHORIZED, "Client authentication failed."))
    }
}

impl Place {
    fn find(&self, call: &Call<'_>) -> Option<String> {
        match self {
            Self::Header(name) => {
                let value = call.headers.get(name)?.to_str().ok()?;
                Some(value.strip_prefix("Bearer ").unwrap_or(value).to_owned())
            }
            Self::Param(name) => call.param(name),
            Self::Cookie(name) => call.cookie(name),
        }
    }
}
