//! Filters of a rule: those that are understood, or why the rule cannot be served.
//!
//! Gateway API has it that a filter is never skipped: a request that a filter would have processed gets an error when
//! the filter cannot be resolved or is not supported.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use regex::Regex;
use serde::Deserialize;

use super::matching::PathMatch;
use super::model::{ENVOY_GROUP, Filter, HeaderChanges, HttpRouteFilter, Key, PathChange, Redirect, Rule};

/// What the filters of a rule do.
#[derive(Debug, Clone, Default)]
pub(super) struct Filters {
    pub(super) request_headers: Vec<HeaderChanges>,
    pub(super) response_headers: Vec<HeaderChanges>,
    pub(super) redirect: Option<Redirect>,
    pub(super) answer: Option<DirectAnswer>,
    path: Option<PathChange>,
    expression: Option<(Regex, String)>,
}

/// An answer that no backend gives.
#[derive(Debug, Clone)]
pub(super) struct DirectAnswer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExtensionSpec {
    url_rewrite: Option<RewriteSpec>,
    direct_response: Option<AnswerSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RewriteSpec {
    path: Option<PathSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PathSpec {
    #[serde(rename = "type")]
    kind: String,
    replace_regex_match: ReplacementSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplacementSpec {
    pattern: String,
    substitution: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnswerSpec {
    #[serde(rename = "contentType")]
    _content_type: Option<String>,
    status_code: Option<u16>,
    body: Option<BodySpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BodySpec {
    #[serde(rename = "type")]
    kind: Option<String>,
    inline: String,
}

impl Filters {
    /// Reads the filters of a rule and of its backends.
    pub(super) fn read(
        rule: &Rule,
        namespace: &str,
        extensions: &BTreeMap<Key, Arc<HttpRouteFilter>>,
    ) -> Result<Self, String> {
        let mut filters = Self::default();
        for filter in rule.filters.iter().chain(rule.backend_refs.iter().flat_map(|backend| &backend.filters)) {
            filters.add(filter, namespace, extensions)?;
        }
        Ok(filters)
    }

    fn add(
        &mut self,
        filter: &Filter,
        namespace: &str,
        extensions: &BTreeMap<Key, Arc<HttpRouteFilter>>,
    ) -> Result<(), String> {
        let missing = || format!("filter `{}` says nothing", filter.kind);
        match filter.kind.as_str() {
            "RequestHeaderModifier" => {
                self.request_headers.push(filter.request_header_modifier.clone().ok_or_else(missing)?);
            }
            "ResponseHeaderModifier" => {
                self.response_headers.push(filter.response_header_modifier.clone().ok_or_else(missing)?);
            }
            "RequestRedirect" => self.redirect = Some(filter.request_redirect.clone().ok_or_else(missing)?),
            "URLRewrite" => self.path = filter.url_rewrite.clone().ok_or_else(missing)?.path,
            // A copy of the request goes elsewhere; the answer to it is thrown away.
            "RequestMirror" => {}
            "ExtensionRef" => {
                let reference = filter.extension_ref.as_ref().ok_or_else(missing)?;
                if reference.group != ENVOY_GROUP || reference.kind != "HTTPRouteFilter" {
                    return Err(format!("filters of kind `{}` are not evaluated", reference.kind));
                }
                let key = Key::new(namespace, &reference.name);
                let extension = extensions.get(&key).ok_or_else(|| format!("HTTPRouteFilter {key} not found"))?;
                self.extend(extension).map_err(|problem| format!("HTTPRouteFilter {key} is invalid: {problem}"))?;
            }
            other => return Err(format!("filter `{other}` is not evaluated")),
        }
        Ok(())
    }

    fn extend(&mut self, extension: &HttpRouteFilter) -> Result<(), String> {
        let spec = ExtensionSpec::deserialize(&extension.spec.0).map_err(|error| error.to_string())?;
        if let Some(path) = spec.url_rewrite.and_then(|rewrite| rewrite.path) {
            if path.kind != "ReplaceRegexMatch" {
                return Err(format!("a change of type `{}` is not evaluated", path.kind));
            }
            let ReplacementSpec { pattern, substitution } = path.replace_regex_match;
            let pattern = Regex::new(&pattern).map_err(|_| format!("`{pattern}` is not a regular expression"))?;
            self.expression = Some((pattern, groups(&substitution)));
        }
        if let Some(AnswerSpec { status_code, body, .. }) = spec.direct_response {
            let status = StatusCode::from_u16(status_code.unwrap_or(200)).map_err(|error| error.to_string())?;
            let body = match body {
                None => String::new(),
                Some(BodySpec { kind, inline }) if kind.as_deref().unwrap_or("Inline") == "Inline" => inline,
                Some(_) => return Err("a body that is elsewhere is not evaluated".to_owned()),
            };
            self.answer = Some(DirectAnswer { status, body });
        }
        Ok(())
    }

    /// The path that the backend sees.
    pub(super) fn rewritten(&self, matched: &PathMatch, path: &str) -> String {
        if let Some((pattern, substitution)) = &self.expression {
            return pattern.replace_all(path, substitution.as_str()).into_owned();
        }
        self.path.as_ref().map_or_else(|| path.to_owned(), |change| changed(change, matched, path))
    }
}

/// A substitution with `\1` for a group (RE2), as this crate's expressions have it.
fn groups(substitution: &str) -> String {
    let mut text = String::with_capacity(substitution.len());
    let mut characters = substitution.chars();
    while let Some(character) = characters.next() {
        match character {
            '$' => text.push_str("$$"),
            '\\' => match characters.next() {
                Some(digit) if digit.is_ascii_digit() => text.extend(["${", &digit.to_string(), "}"]),
                Some(other) => text.push(other),
                None => {}
            },
            other => text.push(other),
        }
    }
    text
}

/// A path after a change of Gateway API's.
pub(super) fn changed(change: &PathChange, matched: &PathMatch, path: &str) -> String {
    if let Some(full) = &change.replace_full_path {
        return full.clone();
    }
    let Some(replacement) = &change.replace_prefix_match else {
        return path.to_owned();
    };
    let rest = path.strip_prefix(matched.covered()).unwrap_or(path);
    let joined = format!("{}/{}", replacement.trim_end_matches('/'), rest.trim_start_matches('/'));
    // Replacing the whole path by `/a` gives `/a`, not `/a/`.
    if rest.is_empty() && !replacement.is_empty() { replacement.clone() } else { joined }
}
