//! Sets of requests, as routes describe them, and how two of them lie to each other.
//!
//! The answers are careful: two sets *overlap* unless it is certain that they do not, and one *covers* the other or is
//! *served before* it only where that is certain.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

/// Requests of a listener, a host, a path and a method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Requests {
    /// The listener of the gateway that they come to, by its name; nothing for every listener.
    pub listener: Option<String>,
    /// The host, in lower case. It may begin with `*.`; empty for every host.
    pub host: String,
    /// Where on the host.
    pub path: Path,
    /// The method; nothing for every method.
    pub method: Option<String>,
    /// What else a request must have, such as a header: all of this.
    pub conditions: BTreeSet<String>,
}

/// Paths of requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Path {
    /// This one.
    Exact(String),
    /// Those that match a regular expression from begin to end.
    Expression(String),
    /// This one and all below it.
    Prefix(String),
}

impl Requests {
    /// Every request.
    pub fn all() -> Self {
        Self {
            listener: None,
            host: String::new(),
            path: Path::Prefix("/".to_owned()),
            method: None,
            conditions: BTreeSet::new(),
        }
    }

    /// Whether all of the other are certainly among these.
    pub fn covers(&self, other: &Self) -> bool {
        host_covers(&self.host, &other.host)
            && self.path.covers(&other.path)
            && self.listener.as_ref().is_none_or(|listener| other.listener.as_ref() == Some(listener))
            && self.method.as_ref().is_none_or(|method| other.method.as_ref() == Some(method))
            && self.conditions.is_subset(&other.conditions)
    }

    /// Whether a request may be in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let may_be_same =
            |one: &Option<String>, other: &Option<String>| one.is_none() || other.is_none() || one == other;
        (host_covers(&self.host, &other.host) || host_covers(&other.host, &self.host))
            && may_be_same(&self.listener, &other.listener)
            && may_be_same(&self.method, &other.method)
            && self.path.overlaps(&other.path)
    }

    /// Whether a request that is in both is certainly served as one of these: by Gateway API the narrower host comes
    /// first, then an exact path, an expression, the longer path, and a method.
    pub fn are_served_before(&self, other: &Self) -> bool {
        self.precedence() > other.precedence()
    }

    /// The first segment of all their paths, where they certainly share one: what has another does not overlap.
    pub fn first_segment(&self) -> Option<String> {
        let Known { start, is_whole, is_prefix } = self.path.known();
        let (first, is_followed) = match start.strip_prefix('/')?.split_once('/') {
            Some((first, _)) => (first, true),
            None => (start.strip_prefix('/')?, false),
        };
        (!first.is_empty() && (is_followed || is_whole || is_prefix)).then(|| first.to_owned())
    }

    fn precedence(&self) -> impl Ord + use<> {
        let is_whole_host = !self.host.is_empty() && !self.host.starts_with("*.");
        let (rank, length) = match &self.path {
            Path::Prefix(path) => (0, path.len()),
            Path::Expression(path) => (1, path.len()),
            Path::Exact(path) => (2, path.len()),
        };
        (is_whole_host, self.host.len(), rank, length, self.method.is_some())
    }
}

impl Path {
    fn covers(&self, other: &Self) -> bool {
        match (self, other.known()) {
            (Self::Prefix(prefix), Known { start, is_whole: false, is_prefix: false }) => {
                start.starts_with(&format!("{}/", prefix.trim_end_matches('/')))
            }
            (Self::Prefix(prefix), known) => is_within(&known.start, prefix),
            (Self::Exact(path), Known { start, is_whole: true, .. }) => start == *path,
            _ => self == other,
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        let (one, other) = (self.known(), other.known());
        match (one.is_whole, other.is_whole) {
            (true, true) => one.start == other.start,
            (true, false) => other.may_hold(&one.start),
            (false, true) => one.may_hold(&other.start),
            (false, false) if one.is_prefix && other.is_prefix => {
                is_within(&one.start, &other.start) || is_within(&other.start, &one.start)
            }
            (false, false) => {
                let (one, other) = (one.start.trim_end_matches('/'), other.start.trim_end_matches('/'));
                one.starts_with(other) || other.starts_with(one)
            }
        }
    }

    /// What is certain of the paths.
    fn known(&self) -> Known {
        match self {
            Self::Exact(path) => Known { start: path.clone(), is_whole: true, is_prefix: false },
            Self::Prefix(path) => Known { start: path.clone(), is_whole: false, is_prefix: true },
            Self::Expression(expression) => literal_start(expression),
        }
    }
}

/// What is certain of some paths: how they begin.
struct Known {
    start: String,
    /// There is nothing behind it.
    is_whole: bool,
    /// It is followed by nothing, or by a slash.
    is_prefix: bool,
}

impl Known {
    fn may_hold(&self, path: &str) -> bool {
        if self.is_prefix { is_within(path, &self.start) } else { path.starts_with(&self.start) }
    }
}

/// The text that everything an expression matches begins with.
fn literal_start(expression: &str) -> Known {
    let mut known = Known { start: String::new(), is_whole: false, is_prefix: false };
    let bare = expression.strip_prefix('^').unwrap_or(expression);
    let bare = bare.strip_suffix('$').filter(|rest| !rest.ends_with('\\')).unwrap_or(bare);
    // A group that reaches to the end, as in the expressions of operations, changes nothing.
    let grouped = bare.split_once('(').zip(bare.strip_suffix(')')).filter(|((before, inner), _)| {
        let is_plain = !before.ends_with('\\') && !inner.starts_with('?') && !inner.ends_with("\\)");
        is_plain && inner.matches(['(', ')']).count() == 1
    });
    let bare = match grouped {
        Some(((before, inner), _)) => format!("{before}{}", inner.strip_suffix(')').unwrap_or(inner)),
        None => bare.to_owned(),
    };
    if bare.contains('|') {
        return known;
    }
    let mut characters = bare.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped) if !escaped.is_alphanumeric() => known.start.push(escaped),
                _ => return known,
            },
            // What came just before may be absent.
            '*' | '?' | '{' => {
                known.start.pop();
                return known;
            }
            '.' | '+' | '[' | ']' | '(' | ')' | '}' | '^' | '$' => return known,
            plain => known.start.push(plain),
        }
    }
    known.is_whole = true;
    known
}

/// Whether a path is a prefix or below it, by whole segments.
fn is_within(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn host_covers(pattern: &str, host: &str) -> bool {
    let suffix = pattern.strip_prefix('*');
    pattern.is_empty()
        || pattern == host
        || suffix.is_some_and(|suffix| host.len() > suffix.len() && host.ends_with(suffix))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(path) if path.trim_end_matches('/').is_empty() => f.write_str("/…"),
            Self::Prefix(path) => write!(f, "{path}/…"),
            Self::Exact(path) => f.write_str(path),
            Self::Expression(path) => f.write_str(path),
        }
    }
}

impl fmt::Display for Requests {
    /// Method, path and listener; a path that ends with `/…` stands for everything there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{} {}`", self.method.as_deref().unwrap_or("*"), self.path)?;
        if let Some(listener) = &self.listener {
            write!(f, ", at listener `{listener}`")?;
        }
        for condition in &self.conditions {
            write!(f, ", with {condition}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(path: &str) -> Path {
        Path::Prefix(path.to_owned())
    }

    fn exact(path: &str) -> Path {
        Path::Exact(path.to_owned())
    }

    fn expression(path: &str) -> Path {
        Path::Expression(path.to_owned())
    }

    #[test]
    fn a_prefix_covers_what_is_certainly_below_it() {
        let api = prefix("/api");
        for covered in [
            prefix("/api/"),
            prefix("/api/v1"),
            exact("/api"),
            expression("^/api$"),
            expression("^/api/[^/]+$"),
            expression("^/api(/v1/[^/]+)$"),
            expression(r"/api/a\.b"),
        ] {
            assert!(api.covers(&covered) && api.overlaps(&covered), "{covered}");
            assert!(prefix("/").covers(&covered), "{covered}");
        }
        for other in [
            prefix("/"),
            exact("/apix"),
            expression("/api.*"),
            expression("/api/a|/b"),
            expression("(?i)/api/a"),
            expression("/api/?a"),
            expression("(/api/a)*"),
            expression(r"/api\d/x"),
        ] {
            assert!(!api.covers(&other), "{other}");
        }
    }

    #[test]
    fn paths_that_may_meet_overlap() {
        let apart = [
            (prefix("/a"), prefix("/ab")),
            (exact("/a"), exact("/a/b")),
            (expression("^/a/[^/]+$"), exact("/a")),
            (expression("^/a/[^/]+$"), prefix("/b")),
            (expression("^/a$"), expression("^/a/[^/]+$")),
        ];
        for (one, other) in apart {
            assert!(!one.overlaps(&other) && !other.overlaps(&one), "{one} {other}");
        }
        let together = [
            (expression("/a.*"), prefix("/ab")),
            (expression("/a|/b"), exact("/b")),
            (expression("/a/[^/]+"), expression("/a/b[0-9]")),
            (expression("/a/?"), exact("/a")),
            (prefix("/a/"), expression("/a")),
        ];
        for (one, other) in together {
            assert!(one.overlaps(&other) && other.overlaps(&one), "{one} {other}");
        }
    }

    #[test]
    fn what_comes_to_different_listeners_does_not_overlap() {
        let at = |listener: Option<&str>| Requests { listener: listener.map(str::to_owned), ..Requests::all() };
        let (every, http, https) = (at(None), at(Some("http")), at(Some("https")));
        assert!(every.covers(&http) && !http.covers(&every) && !http.covers(&https));
        assert!(every.overlaps(&http) && http.overlaps(&every) && !http.overlaps(&https));
    }

    #[test]
    fn what_differs_in_its_first_segment_does_not_overlap() {
        let of = |path: Path| Requests { path, ..Requests::all() };
        let first = |path: Path| of(path).first_segment();
        assert_eq!(first(expression("^/a/b(/c/[^/]+)$")).as_deref(), Some("a"));
        assert_eq!([first(prefix("/a")), first(exact("/a"))], [Some("a".to_owned()), Some("a".to_owned())]);
        for broad in [prefix("/"), exact("/"), expression("/a.*"), expression("/a|/b"), expression("x")] {
            assert_eq!(first(broad.clone()), None, "{broad}");
        }
    }

    #[test]
    fn the_narrower_host_and_path_come_first() {
        let of = |host: &str, path: Path| Requests { host: host.to_owned(), path, ..Requests::all() };
        let order = [
            of("a.example", exact("/")),
            of("a.example", expression("/a/b/c")),
            of("a.example", prefix("/a/b")),
            of("a.example", prefix("/a")),
            of("*.example", exact("/a/b/c")),
            of("", exact("/a/b/c/d")),
        ];
        for pair in order.windows(2) {
            let [first, second] = pair else { continue };
            assert!(first.are_served_before(second) && !second.are_served_before(first), "{first} {second}");
        }
        assert!(of("*.example", prefix("/")).covers(&of("x.example", prefix("/a"))));
        assert!(!of("*.example", prefix("/")).covers(&of("example", prefix("/"))));
    }
}
