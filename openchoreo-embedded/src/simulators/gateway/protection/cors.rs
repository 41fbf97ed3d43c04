//! What browsers of other origins may do, as Envoy's `cors` filter has it: preflights of known origins are answered,
//! and answers to known origins say so. Requests of unknown origins pass; it is their browser that withholds the answer.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN,
};
use http::{HeaderMap, Method};
use regex::Regex;
use serde::Deserialize;

/// The field of a SecurityPolicy, in full.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CorsSpec {
    allow_origins: Option<Vec<String>>,
    allow_methods: Option<Vec<String>>,
    allow_headers: Option<Vec<String>>,
    expose_headers: Option<Vec<String>>,
    max_age: Option<String>,
    allow_credentials: Option<bool>,
}

#[derive(Debug)]
pub(super) struct Cors {
    origins: Vec<Regex>,
    methods: String,
    headers: String,
    exposed: String,
    max_age: Option<u64>,
    credentials: bool,
}

impl CorsSpec {
    pub(super) fn read(self) -> Result<Cors, String> {
        // `*` stands for any characters; all else stands for itself.
        let pattern = |origin: &String| format!("^{}$", regex::escape(origin).replace(r"\*", ".*"));
        let read = |origin: &String| Regex::new(&pattern(origin)).map_err(|_| format!("origin `{origin}` is too long"));
        let origins = self.allow_origins.iter().flatten().map(read).collect::<Result<_, _>>()?;
        let joined = |names: Option<Vec<String>>| names.unwrap_or_default().join(", ");
        Ok(Cors {
            origins,
            methods: joined(self.allow_methods),
            headers: joined(self.allow_headers),
            exposed: joined(self.expose_headers),
            max_age: self.max_age.as_deref().map(seconds).transpose()?,
            credentials: self.allow_credentials.unwrap_or(false),
        })
    }
}

impl Cors {
    fn allows(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.origins.iter().any(|known| known.is_match(origin)))
    }

    /// The headers that every answer to the request carries.
    pub(super) fn headers_for(&self, request: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(origin) = request.get(ORIGIN).filter(|origin| self.allows(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            if self.credentials {
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            insert(&mut headers, ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed);
        }
        headers
    }

    /// The headers of the answer to a preflight of a known origin. Those of other origins are requests like any other.
    pub(super) fn preflight(&self, method: &Method, request: &HeaderMap) -> Option<HeaderMap> {
        let origin = request.get(ORIGIN).filter(|origin| self.allows(origin))?;
        let asked = request.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|asked| !asked.is_empty())?;
        if method != Method::OPTIONS {
            return None;
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        let lists = [
            (ACCESS_CONTROL_ALLOW_METHODS, &self.methods, Some(asked)),
            (ACCESS_CONTROL_ALLOW_HEADERS, &self.headers, request.get(ACCESS_CONTROL_REQUEST_HEADERS)),
        ];
        for (name, list, asked) in lists {
            match asked {
                // Browsers do not take a star together with credentials, so what was asked for is told.
                Some(asked) if list == "*" => drop(headers.insert(name, asked.clone())),
                Some(_) | None if list != "*" => insert(&mut headers, name, list),
                Some(_) | None => {}
            }
        }
        if let Some(seconds) = self.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
        }
        Some(headers)
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Some(value) =
        Some(value).filter(|value| !value.is_empty()).and_then(|value| HeaderValue::from_str(value).ok())
    {
        headers.insert(name, value);
    }
}

/// The whole seconds of a duration such as `1h30m` (Gateway API's `Duration`).
fn seconds(duration: &str) -> Result<u64, String> {
    let wrong = || format!("`{duration}` is not a duration such as `10m`");
    let mut rest = duration;
    let mut milliseconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| (1..=5).contains(digits));
        let (number, after) = rest.split_at_checked(digits.ok_or_else(wrong)?).ok_or_else(wrong)?;
        let units = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
        let found = units.into_iter().find_map(|(unit, size)| Some((after.strip_prefix(unit)?, size)));
        let (after, size) = found.ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        milliseconds = milliseconds.saturating_add(number.saturating_mul(size));
        rest = after;
    }
    if duration.is_empty() { Err(wrong()) } else { Ok(milliseconds / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_in_whole_seconds() {
        let cases = [("10m", Ok(600)), ("1h30m", Ok(5400)), ("1500ms", Ok(1)), ("600s", Ok(600))];
        for (text, expected) in cases {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for wrong in ["", "10", "m", "1d", "-1s", "123456s", "1sé"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
