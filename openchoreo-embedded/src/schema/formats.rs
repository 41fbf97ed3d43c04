//! String and number formats. Unknown formats accept everything, as in Kubernetes; values are never normalized.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use serde_json::Value;

/// Whether a value has the named format. Formats of strings accept other types, whose check is the type's.
pub(crate) fn accepts(format: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => accepts_text(format, text),
        Value::Number(_) => match format {
            "int32" => {
                value.as_f64().is_none_or(|number| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number))
            }
            "int64" => value.as_u64().is_none_or(|number| i64::try_from(number).is_ok()),
            _ => true,
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => true,
    }
}

fn accepts_text(format: &str, text: &str) -> bool {
    match format {
        // RFC 3339 asks for a separator `T` and a zone, which jiff's lenient reader does not.
        "date-time" | "datetime" => {
            text.as_bytes().get(10).is_some_and(|byte| matches!(byte, b'T' | b't'))
                && text.parse::<jiff::Timestamp>().is_ok()
        }
        "date" => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        "duration" => matches(&DURATION, DURATION_PATTERN, text),
        "byte" => STANDARD.decode(text).is_ok(),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "hostname" => text.len() <= 255 && matches(&HOSTNAME, HOSTNAME_PATTERN, text),
        "email" => text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()),
        "uri" => matches(&URI, URI_PATTERN, text),
        "uuid" => uuid::Uuid::try_parse(text).is_ok(),
        "mac" => matches(&MAC, MAC_PATTERN, text),
        "quantity" => matches(&QUANTITY, QUANTITY_PATTERN, text),
        _ => true,
    }
}

static DURATION: OnceLock<Option<Regex>> = OnceLock::new();
static HOSTNAME: OnceLock<Option<Regex>> = OnceLock::new();
static URI: OnceLock<Option<Regex>> = OnceLock::new();
static MAC: OnceLock<Option<Regex>> = OnceLock::new();
static QUANTITY: OnceLock<Option<Regex>> = OnceLock::new();

/// Go's duration notation.
const DURATION_PATTERN: &str = r"^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w))+)$";
const HOSTNAME_PATTERN: &str =
    r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$";
const URI_PATTERN: &str = r"^([A-Za-z][A-Za-z0-9+.-]*:|/)\S*$";
const MAC_PATTERN: &str = r"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$";
const QUANTITY_PATTERN: &str =
    r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]+)?$";

fn matches(cell: &OnceLock<Option<Regex>>, pattern: &str, text: &str) -> bool {
    cell.get_or_init(|| Regex::new(pattern).ok()).as_ref().is_some_and(|regex| regex.is_match(text))
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let Ok(length) = length.parse::<u8>() else { return false };
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => length <= 32,
        Ok(IpAddr::V6(_)) => length <= 128,
        Err(_) => false,
    }
}
