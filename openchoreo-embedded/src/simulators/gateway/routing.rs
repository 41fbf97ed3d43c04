//! Finds the rule that serves a request, with Gateway API's precedence.
//!
//! The most specific hostname decides first; only its rules are considered. Among them the order is: exact path, then
//! expression, then the longest prefix; then a method; then more headers; then more query parameters; then the older
//! route; then the route's name; then the order within the route.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use k8s_openapi::api::core::v1::Service;

use super::attachment::Snapshot;
use super::filters::{Filters, changed};
use super::matching::{PathMatch, TextMatch};
use super::model::{HttpRoute, Key, Redirect, RouteMatch, Rule, ValueMatch};
use super::policies::Policies;
use super::protection::{Call, Guard};

/// The rules of one socket, by hostname (`""` for every host), each list in order of precedence.
#[derive(Debug, Default)]
pub(super) struct RoutingTable {
    by_host: BTreeMap<String, Vec<Entry>>,
}

/// One match of one rule.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: PathMatch,
    method: Option<Method>,
    headers: Vec<(String, TextMatch)>,
    query: Vec<(String, TextMatch)>,
    age: Option<jiff::Timestamp>,
    position: (usize, usize),
    /// The rule that the match belongs to.
    pub(super) target: Arc<Target>,
    /// What protects it.
    pub(super) guard: Guard,
    /// Where its requests are counted; a proxy has a route, and so a counter, for each match on each host.
    pub(super) counter: String,
}

/// What a rule does with a request.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) route: Key,
    pub(super) rule: usize,
    /// Its filters, or why they cannot be applied.
    pub(super) filters: Result<Filters, String>,
    /// The Service that answers and its port, or why there is none.
    pub(super) backend: Result<Backend, String>,
}

/// The first backend with a weight; weights beyond that are not simulated.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) key: Key,
    pub(super) port: i32,
    pub(super) service: Arc<Service>,
}

impl RoutingTable {
    /// The rules of all routes that attach to listeners of one Gateway with one protocol.
    pub(super) fn build(snapshot: &Snapshot, gateway: &Key, protocol: &str) -> Self {
        let mut table = Self::default();
        let mut policies = Policies::of(snapshot);
        let listeners: Vec<&str> = snapshot
            .gateways
            .get(gateway)
            .into_iter()
            .flat_map(|found| &found.spec.listeners)
            .filter(|listener| listener.protocol == protocol)
            .map(|listener| listener.name.as_str())
            .collect();
        for (key, route) in &snapshot.routes {
            let attachments = snapshot.attachments(route);
            // The hosts of the route, each with the listeners that take it there.
            let mut hosts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for attachment in attachments.iter().filter(|attachment| attachment.gateway == *gateway) {
                for (name, names) in attachment.listeners.iter().filter(|(name, _)| listeners.contains(&name.as_str()))
                {
                    let every = [String::new()];
                    for host in if names.is_empty() { every.as_slice() } else { names } {
                        hosts.entry(host.to_ascii_lowercase()).or_default().push(name);
                    }
                }
            }
            if !hosts.is_empty() {
                table.add(snapshot, &mut policies, (key, route), gateway, &hosts);
            }
        }
        for entries in table.by_host.values_mut() {
            entries.sort_by(|one, other| one.precedence().cmp(&other.precedence()));
        }
        table
    }

    fn add(
        &mut self,
        snapshot: &Snapshot,
        policies: &mut Policies<'_>,
        (key, route): (&Key, &HttpRoute),
        gateway: &Key,
        hosts: &BTreeMap<String, Vec<&str>>,
    ) {
        for (rule_index, rule) in route.spec.rules.iter().enumerate() {
            let target = Arc::new(Target {
                route: key.clone(),
                rule: rule_index,
                filters: Filters::read(rule, &key.namespace, &snapshot.filters),
                backend: backend(snapshot, route, rule),
            });
            let everything = [RouteMatch::default()];
            let matches = if rule.matches.is_empty() { &everything[..] } else { &rule.matches };
            for (host, listeners) in hosts {
                let guard = policies.guard(key, rule.name.as_deref(), gateway, listeners);
                for (match_index, one) in matches.iter().enumerate() {
                    // A match that cannot be compiled made the route unaccepted before it came here.
                    let place = format!("{gateway} {host}");
                    if let Ok(entry) = Entry::compile(one, route, (rule_index, match_index), &target, &guard, &place) {
                        self.by_host.entry(host.clone()).or_default().push(entry);
                    }
                }
            }
        }
    }

    /// The entry that serves the request.
    pub(super) fn find(&self, request: &Call<'_>) -> Option<&Entry> {
        let entries = self.entries_for(&request.host.to_ascii_lowercase())?;
        entries.iter().find(|entry| entry.matches(request))
    }

    /// The rules of the most specific hostname that covers the host.
    fn entries_for(&self, host: &str) -> Option<&Vec<Entry>> {
        let mut rest = host;
        let wildcards = std::iter::from_fn(|| {
            let (_, shorter) = rest.split_once('.')?;
            rest = shorter;
            Some(format!("*.{shorter}"))
        });
        std::iter::once(host.to_owned())
            .chain(wildcards)
            .chain(std::iter::once(String::new()))
            .find_map(|name| self.by_host.get(&name))
    }

    /// The hostnames that have rules, for people whose request found none.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.by_host.keys().map(|host| if host.is_empty() { "*" } else { host })
    }
}

fn backend(snapshot: &Snapshot, route: &HttpRoute, rule: &Rule) -> Result<Backend, String> {
    let chosen = rule
        .backend_refs
        .iter()
        .find(|backend| backend.weight != Some(0))
        .ok_or_else(|| "the rule names no backend".to_owned())?;
    let (key, service) = snapshot.backend(route, chosen).map_err(|(_, message)| message)?;
    Ok(Backend { key, port: chosen.port.unwrap_or_default(), service })
}

impl Entry {
    fn compile(
        one: &RouteMatch,
        route: &HttpRoute,
        position: (usize, usize),
        target: &Arc<Target>,
        guard: &Guard,
        place: &str,
    ) -> Result<Self, String> {
        let path = one.path.as_ref();
        let method = one.method.as_deref().map(str::parse).transpose();
        Ok(Self {
            path: PathMatch::new(
                path.and_then(|path| path.kind.as_deref()),
                path.and_then(|path| path.value.as_deref()),
            )?,
            method: method.map_err(|_| "a method that is none".to_owned())?,
            headers: text_matches(&one.headers)?,
            query: text_matches(&one.query_params)?,
            age: route.metadata.creation_timestamp.as_ref().map(|time| time.0),
            position,
            target: Arc::clone(target),
            guard: guard.clone(),
            counter: format!("{place} {} {} {}", target.route, position.0, position.1),
        })
    }

    /// Where a redirect sends a request.
    pub(super) fn redirected(&self, redirect: &Redirect, call: &Call<'_>) -> String {
        let scheme = redirect.scheme.as_deref().unwrap_or(call.scheme);
        let host = redirect.hostname.as_deref().unwrap_or(call.host);
        let port = redirect.port.map(|port| format!(":{port}")).unwrap_or_default();
        let change = redirect.path.as_ref();
        let path = change.map_or_else(|| call.path.to_owned(), |change| changed(change, &self.path, call.path));
        let query = if call.query.is_empty() { String::new() } else { format!("?{}", call.query) };
        format!("{scheme}://{host}{port}{path}{query}")
    }

    fn precedence(&self) -> impl Ord + '_ {
        let more = std::cmp::Reverse::<usize>;
        let (rank, length) = match &self.path {
            PathMatch::Exact(path) => (0, path.len()),
            PathMatch::Expression(expression) => (1, expression.as_str().len()),
            PathMatch::Prefix(path) => (2, path.len()),
        };
        (
            rank,
            more(length),
            more(usize::from(self.method.is_some())),
            more(self.headers.len()),
            more(self.query.len()),
            self.age,
            &self.target.route,
            self.position,
        )
    }

    fn matches(&self, request: &Call<'_>) -> bool {
        self.path.matches(request.path)
            && self.method.as_ref().is_none_or(|method| method == request.method)
            && self.headers.iter().all(|(name, wanted)| {
                let value = request.headers.get(name.as_str()).and_then(|value| value.to_str().ok());
                value.is_some_and(|value| wanted.matches(value))
            })
            && self.query.iter().all(|(name, wanted)| {
                let pairs = request.query.split('&').filter_map(|pair| pair.split_once('='));
                // The first of several equal names counts, as in Envoy.
                pairs.into_iter().find(|(known, _)| known == name).is_some_and(|(_, value)| wanted.matches(value))
            })
    }
}

fn text_matches(matches: &[ValueMatch]) -> Result<Vec<(String, TextMatch)>, String> {
    let read = |one: &ValueMatch| {
        let value = one.value.as_deref().unwrap_or_default();
        Ok((one.name.clone(), TextMatch::new(one.kind.as_deref(), value)?))
    };
    matches.iter().map(read).collect()
}

/// A value in a match that cannot be evaluated, such as a malformed expression.
pub(super) fn unsupported(one: &RouteMatch) -> Option<String> {
    let path = one.path.as_ref();
    let path = PathMatch::new(path.and_then(|p| p.kind.as_deref()), path.and_then(|p| p.value.as_deref()));
    path.err().or_else(|| text_matches(&one.headers).err()).or_else(|| text_matches(&one.query_params).err())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::attachment::tests::{object, snapshot};
    use super::*;

    /// A table for routes given as (name, creation second, hostnames, matches).
    fn table(routes: &[(&str, u8, Value, Value)]) -> RoutingTable {
        let mut snapshot = snapshot();
        for (name, second, hostnames, matches) in routes {
            snapshot.routes.insert(
                Key::new("shop", *name),
                object(json!({
                    "metadata": { "name": name, "namespace": "shop", "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z") },
                    "spec": {
                        "parentRefs": [{ "name": "public", "namespace": "system" }],
                        "hostnames": hostnames,
                        "rules": [{ "matches": matches, "backendRefs": [{ "name": "web", "port": 80 }] }],
                    },
                })),
            );
        }
        RoutingTable::build(&snapshot, &Key::new("system", "public"), "HTTPS")
    }

    fn serves(table: &RoutingTable, method: &str, url: &str, headers: &[(&str, &str)]) -> Option<String> {
        let (host, rest) = url.split_once('/').unwrap();
        let path = format!("/{rest}");
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let headers: http::HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        let (method, client) = (method.parse().unwrap(), [127, 0, 0, 1].into());
        let (scheme, authority, method, headers) = ("https", host, &method, &headers);
        let entry = table.find(&Call { scheme, authority, host, path, query, method, headers, client })?;
        Some(entry.target.route.name.clone())
    }

    fn path(kind: &str, value: &str) -> Value {
        json!([{ "path": { "type": kind, "value": value } }])
    }

    #[test]
    fn the_most_specific_hostname_decides() {
        let any = json!([]);
        let table = table(&[
            ("exact", 3, json!(["a.example.test"]), any.clone()),
            ("deep", 2, json!(["*.b.example.test"]), any.clone()),
            ("wild", 1, json!(["*.example.test"]), any),
        ]);
        assert_eq!(serves(&table, "GET", "a.example.test/", &[]).as_deref(), Some("exact"));
        assert_eq!(serves(&table, "GET", "A.Example.test/", &[]).as_deref(), Some("exact"));
        assert_eq!(serves(&table, "GET", "x.b.example.test/", &[]).as_deref(), Some("deep"));
        assert_eq!(serves(&table, "GET", "x.y.example.test/", &[]).as_deref(), Some("wild"));
        assert_eq!(serves(&table, "GET", "example.test/", &[]), None);
    }

    #[test]
    fn paths_follow_exact_expression_and_longest_prefix() {
        let host = json!(["a.example.test"]);
        let table = table(&[
            ("root", 1, host.clone(), path("PathPrefix", "/")),
            ("books", 1, host.clone(), path("PathPrefix", "/books")),
            ("deep", 1, host.clone(), path("PathPrefix", "/books/new/")),
            ("number", 1, host.clone(), path("RegularExpression", "/books/[0-9]+")),
            ("one", 1, host, path("Exact", "/books/1")),
        ]);
        let cases = [
            ("/", "root"),
            ("/bookshelf", "root"),
            ("/books", "books"),
            ("/books/x", "books"),
            ("/books/new", "deep"),
            ("/books/new/x", "deep"),
            ("/books/22", "number"),
            ("/books/22/x", "books"),
            ("/books/1", "one"),
        ];
        for (path, expected) in cases {
            assert_eq!(
                serves(&table, "GET", &format!("a.example.test{path}"), &[]).as_deref(),
                Some(expected),
                "{path}"
            );
        }
    }

    #[test]
    fn method_headers_and_query_narrow_and_win() {
        let host = json!(["a.example.test"]);
        let table = table(&[
            ("plain", 1, host.clone(), json!([{}])),
            ("post", 2, host.clone(), json!([{ "method": "POST" }])),
            ("beta", 2, host.clone(), json!([{ "headers": [{ "name": "X-Beta", "value": "yes" }] }])),
            ("query", 2, host, json!([{ "queryParams": [{ "name": "v", "value": "2" }] }])),
        ]);
        assert_eq!(serves(&table, "GET", "a.example.test/", &[]).as_deref(), Some("plain"));
        assert_eq!(serves(&table, "POST", "a.example.test/", &[("x-beta", "yes")]).as_deref(), Some("post"));
        assert_eq!(serves(&table, "GET", "a.example.test/", &[("x-beta", "yes")]).as_deref(), Some("beta"));
        assert_eq!(serves(&table, "GET", "a.example.test/?u=1&v=2", &[]).as_deref(), Some("query"));
    }

    #[test]
    fn of_equal_routes_the_older_one_serves() {
        let host = json!(["a.example.test"]);
        let table = table(&[("a-new", 9, host.clone(), json!([])), ("z-old", 1, host, json!([]))]);
        assert_eq!(serves(&table, "GET", "a.example.test/", &[]).as_deref(), Some("z-old"));
    }

    #[test]
    fn only_listeners_of_the_sockets_protocol_count() {
        let mut snapshot = snapshot();
        snapshot.routes.insert(Key::new("shop", "web"), super::super::attachment::tests::route(json!({})));
        let gateway = Key::new("system", "public");
        assert_eq!(RoutingTable::build(&snapshot, &gateway, "HTTPS").hosts().count(), 1);
        assert_eq!(RoutingTable::build(&snapshot, &gateway, "HTTP").hosts().count(), 0);
    }
}
