//! Comparisons of paths and texts, as routes and policies write them.

use regex::Regex;

/// How a path is compared.
#[derive(Debug)]
pub(super) enum PathMatch {
    Exact(String),
    Expression(Regex),
    Prefix(String),
}

/// How a header, a query parameter or another text is compared.
#[derive(Debug)]
pub(super) enum TextMatch {
    Exact(String),
    Expression(Regex),
}

/// A regular expression that must match the whole text, as Envoy has it.
fn whole_expression(expression: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{expression})$")).map_err(|_| format!("`{expression}` is not a regular expression"))
}

fn unknown(kind: &str) -> String {
    format!("a match of type `{kind}` is not evaluated")
}

impl PathMatch {
    /// A comparison of a type, which is `PathPrefix` when absent.
    pub(super) fn new(kind: Option<&str>, value: Option<&str>) -> Result<Self, String> {
        let value = value.unwrap_or("/");
        match kind {
            Some("Exact") => Ok(Self::Exact(value.to_owned())),
            Some("RegularExpression") => whole_expression(value).map(Self::Expression),
            None | Some("PathPrefix") => Ok(Self::Prefix(value.to_owned())),
            Some(other) => Err(unknown(other)),
        }
    }

    /// Whether a path, without its query, fits.
    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(wanted) => path == wanted,
            Self::Expression(expression) => expression.is_match(path),
            Self::Prefix(prefix) => {
                // Whole path elements only: `/a` covers `/a/b` and not `/ab`.
                let prefix = prefix.trim_end_matches('/');
                path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }

    /// Whether the path of a request fits where policies compare it: there an expression sees the query as well.
    pub(super) fn matches_with_query(&self, path: &str, query: &str) -> bool {
        match self {
            Self::Expression(expression) if !query.is_empty() => expression.is_match(&format!("{path}?{query}")),
            Self::Exact(_) | Self::Expression(_) | Self::Prefix(_) => self.matches(path),
        }
    }

    /// The part of a path that is covered, for rewrites of the prefix.
    pub(super) fn covered(&self) -> &str {
        match self {
            Self::Prefix(prefix) => prefix.trim_end_matches('/'),
            Self::Exact(path) => path,
            Self::Expression(_) => "",
        }
    }
}

impl TextMatch {
    /// A comparison of a type, which is `Exact` when absent.
    pub(super) fn new(kind: Option<&str>, value: &str) -> Result<Self, String> {
        match kind {
            None | Some("Exact") => Ok(Self::Exact(value.to_owned())),
            Some("RegularExpression") => whole_expression(value).map(Self::Expression),
            Some(other) => Err(unknown(other)),
        }
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        match self {
            Self::Exact(wanted) => value == wanted,
            Self::Expression(expression) => expression.is_match(value),
        }
    }
}
