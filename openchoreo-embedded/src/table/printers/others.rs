//! Cells of networking, access control and coordination.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{age, created, name};
use super::fields::{NONE, UNSET, each, items, joined, selector, shown, string, string_or};

pub(super) fn network_policy(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), json!(selector(object, "/spec/podSelector")), created(object, now)]
}

pub(super) fn ingress(object: &Value, now: Timestamp) -> Vec<Value> {
    let hosts: Vec<_> = items(object, "/spec/rules").iter().filter_map(|rule| string(rule, "/host")).collect();
    let address: Vec<_> = items(object, "/status/loadBalancer/ingress")
        .iter()
        .filter_map(|entry| string(entry, "/ip").or_else(|| string(entry, "/hostname")))
        .collect();
    let ports = if items(object, "/spec/tls").is_empty() { "80" } else { "80, 443" };
    vec![
        name(object),
        string_or(object, "/spec/ingressClassName", NONE),
        json!(if hosts.is_empty() { "*".to_owned() } else { hosts.join(",") }),
        json!(address.join(",")),
        json!(ports),
        created(object, now),
    ]
}

pub(super) fn endpoint_slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let addresses = items(object, "/endpoints").iter().flat_map(|endpoint| items(endpoint, "/addresses")).map(shown);
    vec![
        name(object),
        string_or(object, "/addressType", ""),
        json!(each(object, "/ports", "port").replace(NONE, UNSET)),
        json!(joined(addresses).replace(NONE, UNSET)),
        created(object, now),
    ]
}

/// Kinds that print when they were created instead of how long ago.
pub(super) fn dated(object: &Value, _now: Timestamp) -> Vec<Value> {
    vec![name(object), string_or(object, "/metadata/creationTimestamp", age::UNKNOWN)]
}

pub(super) fn role_binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let kind = string(object, "/roleRef/kind").unwrap_or_default();
    let role = string(object, "/roleRef/name").unwrap_or_default();
    let subjects = |kind: &str| {
        let names: Vec<_> = items(object, "/subjects")
            .iter()
            .filter(|subject| subject.get("kind").and_then(Value::as_str) == Some(kind))
            .map(|subject| {
                let name = string(subject, "/name").unwrap_or_default();
                string(subject, "/namespace").map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"))
            })
            .collect();
        json!(names.join(", "))
    };
    vec![
        name(object),
        json!(format!("{kind}/{role}")),
        created(object, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

pub(super) fn lease(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), string_or(object, "/spec/holderIdentity", ""), created(object, now)]
}
