//! The grammar of request paths and queries.
//!
//! Queries are read leniently: kube-rs ends paths with `?` and begins parameters with `&`.

use std::collections::BTreeMap;

use http::Method;

use crate::error::ApiError;

/// What a request asks for, as an [`Authorizer`](crate::Authorizer) sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestInfo {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The path of the URL.
    pub path: String,
    /// The API group; empty for the core group and where there is no resource.
    pub group: String,
    /// The version of the group.
    pub version: String,
    /// The plural name of the resource; empty for discovery and health.
    pub resource: String,
    /// The subresource, or empty.
    pub subresource: String,
    /// The namespace, or empty.
    pub namespace: String,
    /// The object's name, or empty.
    pub name: String,
}

impl RequestInfo {
    pub(super) fn new(method: &Method, path: &str, target: &Target<'_>, query: &Query) -> Self {
        let single = target.name.is_some();
        let verb = match method.as_str() {
            "GET" | "HEAD" if query.flag("watch") && target.resource.is_some() => "watch",
            "GET" | "HEAD" if target.resource.is_some() && !single => "list",
            "GET" | "HEAD" => "get",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" if single => "delete",
            "DELETE" => "deletecollection",
            other => other,
        };
        Self {
            verb: verb.to_owned(),
            path: path.to_owned(),
            group: target.group.to_owned(),
            version: target.version.to_owned(),
            resource: target.resource.unwrap_or_default().to_owned(),
            subresource: target.subresource.unwrap_or_default().to_owned(),
            namespace: target.namespace.unwrap_or_default().to_owned(),
            name: target.name.unwrap_or_default().to_owned(),
        }
    }
}

/// The parts of a resource path. Other paths have no resource.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) resource: Option<&'a str>,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) subresource: Option<&'a str>,
}

impl<'a> Target<'a> {
    pub(super) fn parse(path: &'a str) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Self::default(),
        };
        let of = |namespace, resource, name, subresource| Self {
            group,
            version,
            resource: Some(resource),
            namespace,
            name,
            subresource,
        };
        match *rest {
            [] => Self { group, version, ..Self::default() },
            ["namespaces", name, subresource @ ("status" | "finalize")] => {
                of(None, "namespaces", Some(name), Some(subresource))
            }
            ["namespaces", namespace, resource] => of(Some(namespace), resource, None, None),
            ["namespaces", namespace, resource, name] => of(Some(namespace), resource, Some(name), None),
            ["namespaces", namespace, resource, name, subresource] => {
                of(Some(namespace), resource, Some(name), Some(subresource))
            }
            [resource] => of(None, resource, None, None),
            [resource, name] => of(None, resource, Some(name), None),
            [resource, name, subresource] => of(None, resource, Some(name), Some(subresource)),
            // Too deep for any resource: name one that does not exist.
            [..] => of(None, "", None, None),
        }
    }
}

/// The parameters of a request.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// A parameter, empty ones counting as absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| matches!(value.as_str(), "true" | "1" | ""))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                ApiError::bad_request(format!("invalid value \"{text}\" of parameter {name}: must be a number"))
            })
        };
        self.get(name).map(parse).transpose()
    }
}

/// Undoes the encoding of a query's text.
fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high * 16 + low);
                    rest = after;
                }
                _ => decoded.push(b'%'),
            },
            (other, _) => decoded.push(*other),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let show = |path| {
            let target = Target::parse(path);
            let text = |part: Option<&str>| part.unwrap_or("-").to_owned();
            [
                target.group.to_owned(),
                target.version.to_owned(),
                text(target.namespace),
                text(target.resource),
                text(target.name),
                text(target.subresource),
            ]
            .join(" ")
        };
        let cases = [
            ("/api/v1/pods", " v1 - pods - -"),
            ("/api/v1/namespaces", " v1 - namespaces - -"),
            ("/api/v1/namespaces/x", " v1 - namespaces x -"),
            ("/api/v1/namespaces/x/status", " v1 - namespaces x status"),
            ("/api/v1/namespaces/x/pods", " v1 x pods - -"),
            ("/apis/apps/v1/namespaces/x/deployments/y/scale", "apps v1 x deployments y scale"),
            ("/apis/a.b/v2/things/y/status", "a.b v2 - things y status"),
            ("/apis/apps/v1", "apps v1 - - - -"),
            ("/version", "  - - - -"),
        ];
        for (path, expected) in cases {
            assert_eq!(show(path), expected, "{path}");
        }
    }

    #[test]
    fn queries_are_read_leniently() {
        let query = Query::parse("&limit=500&labelSelector=a%3Db%2Cc+in+%28d%29&watch=true&bad=%zz&empty=");
        assert_eq!(query.number("limit").unwrap(), Some(500));
        assert_eq!(query.get("labelSelector"), Some("a=b,c in (d)"));
        assert_eq!(query.get("bad"), Some("%zz"));
        assert_eq!(query.get("empty"), None);
        assert!(query.flag("watch"));
        assert!(query.number("labelSelector").is_err());
    }
}
