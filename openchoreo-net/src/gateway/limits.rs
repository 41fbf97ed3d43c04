//! What the definitions of a gateway's kinds take: sizes and forms, checked before anything is rendered.
//!
//! An object that the API server refuses protects nothing, and whoever wrote the policy would look for the reason in the
//! wrong place. The figures are those of Envoy Gateway 1.3 to 1.9 and Gateway API 1.2 to 1.6; where versions differ, the
//! narrower one, so that what is accepted does not depend on the version that a plane has. Where a definition sets no
//! bound but a proxy needs one, the bound is ours, and said to be.
//!
//! Every check says what is wrong and what would be right, in words that continue "`field` of object:".

/// The longest path that a match of Gateway API takes, in bytes (`HTTPPathMatch.value`).
pub(super) const PATH: usize = openchoreo_types::check::PATH_LIMIT;
/// The longest single text of a policy, in characters: an origin, a scope, the name of a claim, an issuer, a URL of keys.
pub(super) const TEXT: usize = 253;
/// The most scopes that one rule asks for (`JWTPrincipal.scopes`).
pub(super) const SCOPES: usize = 16;
/// The most claims that one rule asks for (`JWTPrincipal.claims`).
pub(super) const CLAIMS: usize = 16;
/// The most values that a claim may have (`JWTClaim.values`; 128 since Envoy Gateway 1.6).
pub(super) const CLAIM_VALUES: usize = 16;
/// The most audiences of a provider of tokens (`JWTProvider.audiences`).
pub(super) const AUDIENCES: usize = 8;
/// The most entries of a list that the definitions leave open: ours, so that no endpoint fills a proxy's memory.
pub(super) const ENTRIES: usize = 128;
/// The longest name of a header or method, in bytes: ours, for the same reason.
const NAME: usize = 256;
/// The largest number in a duration: five digits before each unit.
const DURATION_DIGITS: i64 = 99_999;

const SECONDS_A_MINUTE: i64 = 60;
const SECONDS_AN_HOUR: i64 = 3600;

/// At most so many of something.
pub(super) fn count(entries: usize, most: usize, what: &str) -> Result<(), String> {
    if entries <= most {
        return Ok(());
    }
    Err(format!("holds {entries} {what}; a gateway takes at most {most}, so leave {} out", entries - most))
}

/// A text that is there, and no longer than a gateway takes.
pub(super) fn text(text: &str, what: &str) -> Result<(), String> {
    match text.chars().count() {
        0 => Err(format!("holds an empty {what}; write it out or leave it out")),
        length if length > TEXT => Err(format!(
            "holds a {what} of {length} characters; a gateway takes at most {TEXT}, so choose a shorter one"
        )),
        _ if text.chars().any(char::is_control) => {
            Err(format!("holds a {what} with a control character, `{}`; leave that out", text.escape_debug()))
        }
        _ => Ok(()),
    }
}

/// The name of a header or a method, as HTTP has them (RFC 9110, token). A proxy refuses its whole configuration for
/// one that is none.
pub(super) fn token(name: &str, what: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !name.is_empty() && name.len() <= NAME && name.chars().all(fits) {
        return Ok(());
    }
    let shown: String = name.chars().take(NAME).collect();
    Err(format!(
        "holds `{}`, which is no {what}; write 1 to {NAME} letters, digits or `-`, `_`, `.`",
        shown.escape_debug()
    ))
}

/// An origin: `*`, or `http(s)://host[:port]` where the host may be `*` or begin with `*.`.
pub(super) fn origin(origin: &str) -> Result<(), String> {
    text(origin, "origin")?;
    if origin == "*" {
        return Ok(());
    }
    let Some(authority) = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")) else {
        let remedy = "begin it with `https://` or `http://`, or write `*` for every origin";
        return Err(format!("holds the origin `{origin}`; {remedy}"));
    };
    if let Some((before, _)) = authority.split_once('/') {
        let scheme = &origin[..origin.len() - authority.len()];
        return Err(format!(
            "holds the origin `{origin}`, but browsers send none with a path; write `{scheme}{before}`"
        ));
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with('+') || port.len() > 5) {
        return Err(format!("holds the origin `{origin}`, whose port is none; write a number from 0 to 65535"));
    }
    let labels = host.strip_prefix("*.").unwrap_or(host);
    let fits = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if host == "*" || labels.split('.').all(fits) {
        return Ok(());
    }
    let remedy = "write a host name of letters, digits, `-` and `.`, in ASCII; `*` may only be its first part";
    Err(format!("holds the origin `{origin}`, whose host is not one that a gateway takes; {remedy}"))
}

/// Whether an origin stands for every host.
pub(super) fn is_every_origin(origin: &str) -> bool {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    authority.split(':').next() == Some("*")
}

/// Seconds as a duration that a gateway takes: numbers of at most five digits, each with its unit.
pub(super) fn duration(seconds: i64) -> Result<String, String> {
    let most = DURATION_DIGITS * SECONDS_AN_HOUR;
    if !(0..=most).contains(&seconds) {
        return Err(format!("is {seconds}; write seconds from 0 to {most}"));
    }
    if seconds <= DURATION_DIGITS {
        return Ok(format!("{seconds}s"));
    }
    let parts = [
        (seconds / SECONDS_AN_HOUR, "h"),
        (seconds % SECONDS_AN_HOUR / SECONDS_A_MINUTE, "m"),
        (seconds % SECONDS_A_MINUTE, "s"),
    ];
    Ok(parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect())
}

/// A URL of published keys.
pub(super) fn keys_url(url: &str) -> Result<(), String> {
    text(url, "URL")?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.is_empty() || !url.chars().all(|c| c.is_ascii_graphic()) {
        return Err(format!("is `{url}`; write a URL that begins with `https://` and a host, in ASCII without spaces"));
    }
    Ok(())
}

/// A path of a match.
pub(super) fn path(path: &str, what: &str) -> Result<(), String> {
    if path.len() <= PATH {
        return Ok(());
    }
    Err(format!("makes {what} of {} bytes; a gateway takes at most {PATH}, so shorten the path", path.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_few_digits() {
        let cases = [(0, "0s"), (600, "600s"), (99_999, "99999s"), (100_000, "27h46m40s"), (604_800, "168h")];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds).as_deref(), Ok(expected));
        }
        assert!(duration(-1).is_err() && duration(i64::MAX).is_err());
    }

    #[test]
    fn a_name_is_what_http_has_for_one() {
        for fits in ["x-token", "GET", "*", "x_1.2~", &"n".repeat(NAME)] {
            assert_eq!(token(fits, "name"), Ok(()), "{fits}");
        }
        for wrong in ["", "x token", "x:y", "é", "a\r\nb", &"n".repeat(NAME + 1)] {
            assert!(token(wrong, "name").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_text_is_there_and_has_no_control_characters() {
        for fits in ["a", "a b", &"é".repeat(TEXT)] {
            assert_eq!(text(fits, "text"), Ok(()), "{fits}");
        }
        for wrong in ["", "a\nb", "\u{7f}", &"a".repeat(TEXT + 1)] {
            assert!(text(wrong, "text").is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        let fitting = ["*", "https://*", "http://localhost:3000", "https://*.shop.example", "https://a_b.example"];
        for fits in fitting.into_iter().chain(["https://a:1", "https://a:65535"]) {
            assert_eq!(origin(fits), Ok(()), "{fits}");
        }
        for wrong in ["", "https://a/", "https://", "a.example", "ftp://a", "https://a..b", "https://a:b", "https://*a"]
        {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
        for port in ["", "65536", "000080", "+80", "-1", "80:80"] {
            assert!(origin(&format!("https://a:{port}")).is_err(), "{port}");
        }
        let remedy = origin("https://shop.example/").unwrap_err();
        assert!(remedy.ends_with("write `https://shop.example`"), "{remedy}");
    }

    #[test]
    fn a_star_for_a_host_is_every_origin() {
        for every in ["*", "https://*", "http://*", "https://*:8443"] {
            assert!(is_every_origin(every), "{every}");
        }
        assert!(!is_every_origin("https://*.shop.example"));
    }
}
