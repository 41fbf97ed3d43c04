//! The answers of the simulated gateway: what a request meets, told in words.
//!
//! Every answer carries the header `x-openchoreo-simulated: true`. Filters of Gateway API's core are applied; filters
//! and policies that are kinds of a gateway's own (authentication, rate limits) are not evaluated, and the text of
//! every answer says so.

use std::fmt::Write;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use k8s_openapi::api::core::v1::Pod;

use super::super::nodes::is_ready;
use super::model::{HeaderChanges, PathChange, Redirect};
use super::routing::{Backend, Entry, RequestView, RoutingTable};

/// The header that marks every answer.
const SIMULATED_HEADER: &str = "x-openchoreo-simulated";

/// An answer before it becomes an HTTP response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    fn new(status: StatusCode, body: String) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(HeaderName::from_static(SIMULATED_HEADER), HeaderValue::from_static("true"));
        Self { status, headers, body }
    }
}

/// No rule serves the request.
pub(super) fn no_route(table: &RoutingTable, request: &RequestView<'_>) -> Answer {
    let hosts: Vec<&str> = table.hosts().take(20).collect();
    let known = if hosts.is_empty() { "none yet".to_owned() } else { hosts.join(", ") };
    let body = format!(
        "simulated gateway: no route serves {} {}{}\nhostnames with routes: {known}\n",
        request.method, request.host, request.path
    );
    Answer::new(StatusCode::NOT_FOUND, body)
}

/// The rule redirects instead of forwarding.
pub(super) fn redirect(entry: &Entry, request: &RequestView<'_>, scheme: &str) -> Option<Answer> {
    let redirect = entry.target.filters.iter().find_map(|filter| filter.request_redirect.as_ref())?;
    let location = redirect_location(redirect, entry, request, scheme);
    let status = redirect.status_code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::FOUND);
    let mut answer = Answer::new(status, format!("simulated gateway: redirected to {location}\n"));
    if let Ok(value) = HeaderValue::from_str(&location) {
        answer.headers.insert(LOCATION, value);
    }
    Some(answer)
}

fn redirect_location(redirect: &Redirect, entry: &Entry, request: &RequestView<'_>, scheme: &str) -> String {
    let scheme = redirect.scheme.as_deref().unwrap_or(scheme);
    let host = redirect.hostname.as_deref().unwrap_or(request.host);
    let port = redirect.port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = redirect
        .path
        .as_ref()
        .map_or_else(|| request.path.to_owned(), |change| changed_path(change, entry, request.path));
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    format!("{scheme}://{host}{port}{path}{query}")
}

/// The rule has no backend that could answer.
pub(super) fn no_backend(entry: &Entry, reason: &str) -> Answer {
    let body = format!("simulated gateway: route {} has no usable backend: {reason}\n", entry.target.route);
    Answer::new(StatusCode::INTERNAL_SERVER_ERROR, body)
}

/// The answer in the place of the workload, from the pods that its Service selects.
pub(super) fn from_workload(entry: &Entry, backend: &Backend, request: &RequestView<'_>, pods: &[Pod]) -> Answer {
    let ready: Vec<&Pod> = pods.iter().filter(|pod| is_ready(pod)).collect();
    if ready.is_empty() {
        let body = format!("simulated gateway: service {} has no ready pods ({} selected)\n", backend.key, pods.len());
        return Answer::new(StatusCode::SERVICE_UNAVAILABLE, body);
    }
    let mut images: Vec<&str> = ready
        .iter()
        .filter_map(|pod| pod.spec.as_ref())
        .filter_map(|spec| spec.containers.first())
        .filter_map(|container| container.image.as_deref())
        .collect();
    images.sort_unstable();
    images.dedup();
    let names: Vec<&str> = ready.iter().filter_map(|pod| pod.metadata.name.as_deref()).collect();
    let rewrite = entry.target.filters.iter().find_map(|filter| filter.url_rewrite.as_ref()?.path.as_ref());
    let path = rewrite.map_or_else(|| request.path.to_owned(), |change| changed_path(change, entry, request.path));

    let mut body = String::from("This answer is simulated: no container runs behind this gateway.\n\n");
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(body, "{name:<12}{value}");
    };
    line("service:", &backend.key.name);
    line("namespace:", &backend.key.namespace);
    line("port:", &backend.port.to_string());
    line("route:", &format!("{} (rule {})", entry.target.route, entry.target.rule));
    line("request:", &format!("{} {}{} reaches the workload as {path}", request.method, request.host, request.path));
    line("ready pods:", &format!("{} ({})", ready.len(), names.join(", ")));
    line("image:", &images.join(", "));
    for changes in entry.target.filters.iter().filter_map(|filter| filter.request_header_modifier.as_ref()) {
        line("headers:", &told(changes));
    }
    let extensions = entry.target.filters.iter().any(|filter| filter.kind == "ExtensionRef");
    let unevaluated = if extensions { "extension filters of the route and policies" } else { "policies" };
    body.push_str(&format!("\nNot evaluated: {unevaluated} of the gateway's own kinds.\n"));

    let mut answer = Answer::new(StatusCode::OK, body);
    for changes in entry.target.filters.iter().filter_map(|filter| filter.response_header_modifier.as_ref()) {
        change_headers(&mut answer.headers, changes);
    }
    answer
}

fn changed_path(change: &PathChange, entry: &Entry, path: &str) -> String {
    if let Some(full) = &change.replace_full_path {
        return full.clone();
    }
    let Some(replacement) = &change.replace_prefix_match else {
        return path.to_owned();
    };
    let rest = path.strip_prefix(entry.matched_prefix()).unwrap_or(path);
    let joined = format!("{}/{}", replacement.trim_end_matches('/'), rest.trim_start_matches('/'));
    // Replacing the whole path by `/a` gives `/a`, not `/a/`.
    if rest.is_empty() && !replacement.is_empty() { replacement.clone() } else { joined }
}

fn change_headers(headers: &mut HeaderMap, changes: &HeaderChanges) {
    let parse = |name: &str, value: &str| Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?));
    for (name, value) in changes.set.iter().filter_map(|one| parse(&one.name, &one.value)) {
        headers.insert(name, value);
    }
    for (name, value) in changes.add.iter().filter_map(|one| parse(&one.name, &one.value)) {
        headers.append(name, value);
    }
    for name in changes.remove.iter().filter(|name| !name.eq_ignore_ascii_case(SIMULATED_HEADER)) {
        headers.remove(name.as_str());
    }
}

/// The header changes that a workload would see, in words. Values are left out: they may be credentials.
fn told(changes: &HeaderChanges) -> String {
    let set = changes.set.iter().map(|one| format!("{} set", one.name));
    let add = changes.add.iter().map(|one| format!("{} added", one.name));
    let remove = changes.remove.iter().map(|name| format!("{name} removed"));
    set.chain(add).chain(remove).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::{Value, json};

    use super::super::attachment::tests::{route, snapshot};
    use super::super::model::Key;
    use super::*;

    fn table(rule: Value) -> RoutingTable {
        let mut snapshot = snapshot();
        snapshot.routes.insert(Key::new("shop", "web"), route(json!({ "rules": [rule] })));
        RoutingTable::build(&snapshot, &Key::new("system", "public"), "HTTPS")
    }

    fn ask(table: &RoutingTable, path: &str, pods: &[Pod]) -> Answer {
        let headers = HeaderMap::new();
        let request =
            RequestView { host: "web.example.test", path, query: "q=1", method: &Method::GET, headers: &headers };
        let Some(entry) = table.find(&request) else {
            return no_route(table, &request);
        };
        if let Some(answer) = redirect(entry, &request, "https") {
            return answer;
        }
        match &entry.target.backend {
            Ok(backend) => from_workload(entry, backend, &request, pods),
            Err(reason) => no_backend(entry, reason),
        }
    }

    fn pod(ready: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": "web-1", "namespace": "shop" },
            "spec": { "containers": [{ "name": "main", "image": "registry/web:7" }] },
            "status": { "conditions": [{ "type": "Ready", "status": ready }] },
        }))
        .unwrap()
    }

    fn backend() -> Value {
        json!([{ "name": "web", "port": 80 }])
    }

    #[test]
    fn an_answer_names_what_would_have_answered() {
        let answer = ask(&table(json!({ "backendRefs": backend() })), "/", &[pod("True")]);
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers[SIMULATED_HEADER], "true");
        for part in ["simulated", "web", "shop", "web-1", "registry/web:7"] {
            assert!(answer.body.contains(part), "{part} in {}", answer.body);
        }
    }

    #[test]
    fn what_cannot_be_answered_says_why() {
        let cases = [
            (table(json!({ "backendRefs": backend() })), vec![pod("False")], StatusCode::SERVICE_UNAVAILABLE),
            (
                table(json!({ "backendRefs": [{ "name": "gone", "port": 80 }] })),
                vec![],
                StatusCode::INTERNAL_SERVER_ERROR,
            ),
            (
                table(json!({ "matches": [{ "path": { "type": "Exact", "value": "/x" } }], "backendRefs": backend() })),
                vec![],
                StatusCode::NOT_FOUND,
            ),
        ];
        for (table, pods, status) in cases {
            let answer = ask(&table, "/", &pods);
            assert_eq!(answer.status, status);
            assert_eq!(answer.headers[SIMULATED_HEADER], "true");
            assert!(answer.body.starts_with("simulated gateway: "));
        }
    }

    #[test]
    fn rewrites_and_header_changes_are_applied() {
        let rule = json!({
            "matches": [{ "path": { "type": "PathPrefix", "value": "/shop" } }],
            "filters": [
                { "type": "URLRewrite", "urlRewrite": { "path": { "type": "ReplacePrefixMatch", "replacePrefixMatch": "/api" } } },
                { "type": "ResponseHeaderModifier", "responseHeaderModifier": { "set": [{ "name": "X-A", "value": "1" }], "remove": ["content-type"] } },
                { "type": "RequestHeaderModifier", "requestHeaderModifier": { "add": [{ "name": "X-B", "value": "hidden" }] } },
            ],
            "backendRefs": backend(),
        });
        let table = table(rule);
        let answer = ask(&table, "/shop/cart", &[pod("True")]);
        assert!(answer.body.contains("reaches the workload as /api/cart"), "{}", answer.body);
        assert!(answer.body.contains("X-B added") && !answer.body.contains("hidden"));
        assert_eq!(answer.headers["x-a"], "1");
        assert!(!answer.headers.contains_key(CONTENT_TYPE));
        assert!(ask(&table, "/shop", &[pod("True")]).body.contains("as /api\n"));
    }

    #[test]
    fn a_redirect_keeps_what_it_does_not_change() {
        let rule = json!({
            "filters": [{ "type": "RequestRedirect", "requestRedirect": { "hostname": "new.test", "statusCode": 301 } }],
        });
        let answer = ask(&table(rule), "/a", &[]);
        assert_eq!(answer.status, StatusCode::MOVED_PERMANENTLY);
        assert_eq!(answer.headers[LOCATION], "https://new.test/a?q=1");
    }
}
