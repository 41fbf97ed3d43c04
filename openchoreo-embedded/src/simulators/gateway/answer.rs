//! The answers of the simulated gateway: what a request meets, told in words.
//!
//! Every answer carries the header `x-openchoreo-simulated: true`. What was decided about a request is decided elsewhere;
//! here it gets a status, headers and a text.

use std::fmt::Write;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, StatusCode};
use k8s_openapi::api::core::v1::Pod;

use super::super::nodes::is_ready;
use super::evaluation::{Decision, Destination, Outcome};
use super::model::HeaderChanges;
use super::protection::Call;
use super::routing::{Entry, RoutingTable};

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

/// The answer to a request that no backend gets.
pub(super) fn without_backend(decision: &Decision, table: &RoutingTable, call: &Call<'_>) -> Answer {
    let status = decision.status().unwrap_or(StatusCode::OK);
    let rule = decision.rule.as_ref().map(|rule| format!("route {}/{}", rule.namespace, rule.name)).unwrap_or_default();
    let body = match &decision.outcome {
        Outcome::NoRoute => {
            let hosts: Vec<&str> = table.hosts().take(20).collect();
            let known = if hosts.is_empty() { "none yet".to_owned() } else { hosts.join(", ") };
            let Call { method, host, path, .. } = call;
            format!("simulated gateway: no route serves {method} {host}{path}\nhostnames with routes: {known}\n")
        }
        Outcome::Refused { text, .. } => format!("{text}\n\nsimulated gateway: refused by what protects {rule}\n"),
        Outcome::Redirected { location, .. } => format!("simulated gateway: redirected to {location}\n"),
        Outcome::Answered { body, .. } => body.clone(),
        Outcome::Broken { problem } => format!("simulated gateway: {rule} cannot be served: {problem}\n"),
        Outcome::Preflight | Outcome::Forwarded(_) => String::new(),
    };
    let mut answer = Answer::new(status, body);
    if let Outcome::Redirected { location, .. } = &decision.outcome
        && let Ok(value) = HeaderValue::from_str(location)
    {
        answer.headers.insert(LOCATION, value);
    }
    answer.headers.extend(decision.headers.clone());
    answer
}

/// What protects the routes is not known yet.
pub(super) fn not_ready() -> Answer {
    let body = "simulated gateway: has not seen the policies yet\n".to_owned();
    Answer::new(StatusCode::SERVICE_UNAVAILABLE, body)
}

/// The pods cannot be found out.
pub(super) fn unknown_pods() -> Answer {
    Answer::new(StatusCode::BAD_GATEWAY, "simulated gateway: the pods of the service cannot be listed\n".to_owned())
}

/// The answer in the place of the workload, from the pods that its Service selects.
pub(super) fn from_workload(
    entry: &Entry,
    to: &Destination,
    decided: &HeaderMap,
    call: &Call<'_>,
    pods: &[Pod],
) -> Answer {
    let mut answer = of_pods(entry, to, call, pods);
    // Cross-origin rules hold for every answer.
    answer.headers.extend(decided.clone());
    answer
}

fn of_pods(entry: &Entry, to: &Destination, call: &Call<'_>, pods: &[Pod]) -> Answer {
    let ready: Vec<&Pod> = pods.iter().filter(|pod| is_ready(pod)).collect();
    if ready.is_empty() {
        let service = format!("{}/{}", to.namespace, to.name);
        let body = format!("simulated gateway: service {service} has no ready pods ({} selected)\n", pods.len());
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
    let mut body = String::from("This answer is simulated: no container runs behind this gateway.\n\n");
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(body, "{name:<12}{value}");
    };
    line("service:", &to.name);
    line("namespace:", &to.namespace);
    line("port:", &to.port.to_string());
    line("route:", &format!("{} (rule {})", entry.target.route, entry.target.rule));
    line("request:", &format!("{} {}{} reaches the workload as {}", call.method, call.host, call.path, to.path));
    line("ready pods:", &format!("{} ({})", ready.len(), names.join(", ")));
    line("image:", &images.join(", "));
    let filters = entry.target.filters.as_ref().ok();
    for changes in filters.iter().flat_map(|filters| &filters.request_headers) {
        line("headers:", &told(changes));
    }
    for (kind, policy) in entry.guard.policies() {
        line("protection:", &format!("{kind} {policy} lets the request in"));
    }
    let mut answer = Answer::new(StatusCode::OK, body);
    for changes in filters.iter().flat_map(|filters| &filters.response_headers) {
        change_headers(&mut answer.headers, changes);
    }
    answer
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
    use http::Request;
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::super::attachment::tests::{route, snapshot};
    use super::super::evaluation::Rules;
    use super::super::listener::GatewayProtocol;
    use super::super::model::Key;
    use super::super::protection::{Circumstances, KeySets, RequestCounts};
    use super::*;

    fn rules(rule: Value) -> Rules {
        let mut snapshot = snapshot();
        snapshot.routes.insert(Key::new("shop", "web"), route(json!({ "rules": [rule] })));
        Rules::build(&snapshot, &Key::new("system", "public"), GatewayProtocol::Https)
    }

    fn ask(rules: &Rules, path: &str, pods: &[Pod]) -> Answer {
        let request = Request::get(format!("https://web.example.test{path}?q=1")).body(()).unwrap();
        let mut circumstances = Circumstances {
            client: [127, 0, 0, 1].into(),
            now: Timestamp::UNIX_EPOCH,
            verifier: &KeySets::default(),
            counts: &mut RequestCounts::default(),
        };
        let call = rules.call(&request, path, circumstances.client);
        let entry = rules.table.find(&call);
        let decision = rules.decide_call(&call, entry, &mut circumstances);
        match (entry, decision.destination()) {
            (Some(entry), Some(to)) => from_workload(entry, to, &decision.headers, &call, pods),
            _ => without_backend(&decision, &rules.table, &call),
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
        let answer = ask(&rules(json!({ "backendRefs": backend() })), "/", &[pod("True")]);
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers[SIMULATED_HEADER], "true");
        for part in ["simulated", "web", "shop", "web-1", "registry/web:7"] {
            assert!(answer.body.contains(part), "{part} in {}", answer.body);
        }
    }

    #[test]
    fn what_cannot_be_answered_says_why() {
        let cases = [
            (rules(json!({ "backendRefs": backend() })), vec![pod("False")], StatusCode::SERVICE_UNAVAILABLE),
            (
                rules(json!({ "backendRefs": [{ "name": "gone", "port": 80 }] })),
                vec![],
                StatusCode::INTERNAL_SERVER_ERROR,
            ),
            (
                rules(json!({ "matches": [{ "path": { "type": "Exact", "value": "/x" } }], "backendRefs": backend() })),
                vec![],
                StatusCode::NOT_FOUND,
            ),
        ];
        for (rules, pods, status) in cases {
            let answer = ask(&rules, "/", &pods);
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
        let rules = rules(rule);
        let answer = ask(&rules, "/shop/cart", &[pod("True")]);
        assert!(answer.body.contains("reaches the workload as /api/cart"), "{}", answer.body);
        assert!(answer.body.contains("X-B added") && !answer.body.contains("hidden"));
        assert_eq!(answer.headers["x-a"], "1");
        assert!(!answer.headers.contains_key(CONTENT_TYPE));
        assert!(ask(&rules, "/shop", &[pod("True")]).body.contains("as /api\n"));
    }

    #[test]
    fn a_redirect_keeps_what_it_does_not_change() {
        let rule = json!({
            "filters": [{ "type": "RequestRedirect", "requestRedirect": { "hostname": "new.test", "statusCode": 301 } }],
        });
        let answer = ask(&rules(rule), "/a", &[]);
        assert_eq!(answer.status, StatusCode::MOVED_PERMANENTLY);
        assert_eq!(answer.headers[LOCATION], "https://new.test/a?q=1");
    }
}
