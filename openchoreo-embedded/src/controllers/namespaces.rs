//! The life of a namespace: what it is born with, and how it goes.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::lifecycle::delete::{self, Propagation};
use crate::state::{Change, State};
use crate::store::{ObjectKey, ObjectRef};
use crate::value;

/// The namespaces that a server begins with.
pub(crate) const PERMANENT: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

const RESOURCE: &str = "namespaces";
const PODS: &str = "pods";

/// Whether a namespace may never be deleted.
pub(crate) fn is_protected(name: &str) -> bool {
    matches!(name, "default" | "kube-system" | "kube-public")
}

pub(super) fn react(state: &mut State, change: &Change) {
    if &*change.target.resource == RESOURCE {
        if let Some(after) = &change.after {
            if value::is_deleting(after) {
                empty(state, &change.target.key.name);
            } else if change.before.is_none() {
                furnish(state, &change.target.key.name);
            }
        }
        return;
    }
    if change.after.is_some() || change.target.key.namespace.is_empty() {
        return;
    }
    let namespace = change.target.key.namespace.as_str();
    let Some(object) = state.store.get(RESOURCE, &ObjectKey::new("", namespace)) else { return };
    if value::is_deleting(object) {
        let is_pod = &*change.target.resource == PODS;
        if is_pod { empty(state, namespace) } else { finish_if_empty(state, namespace) }
    } else if matches!(
        (&*change.target.resource, change.target.key.name.as_str()),
        ("serviceaccounts", "default") | ("configmaps", "kube-root-ca.crt")
    ) {
        furnish(state, namespace);
    }
}

/// Makes what each namespace has.
fn furnish(state: &mut State, namespace: &str) {
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": namespace},
    });
    let authority = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kube-root-ca.crt", "namespace": namespace},
        "data": {"ca.crt": state.authority},
    });
    for (resource, object) in [("serviceaccounts", account), ("configmaps", authority)] {
        if state.store.get(resource, &ObjectKey::of(&object)).is_none() {
            state.seed(resource, object);
        }
    }
}

/// Writes the certificate authority into what each namespace has.
pub(super) fn publish_authority(state: &mut State) {
    let known = state.store.list("configmaps", None, None).filter(|(key, _)| key.name == "kube-root-ca.crt");
    let outdated: Vec<(ObjectKey, Value)> = known.map(|(key, object)| (key.clone(), Value::clone(object))).collect();
    for (key, mut object) in outdated {
        value::set(&mut object, &["data", "ca.crt"], state.authority.as_str());
        state.put(&ObjectRef { resource: "configmaps".into(), key }, object);
    }
}

/// Deletes all that is in a namespace: its pods first, and the rest when the last of them is gone, so that no pod outlives
/// the policies that isolate it (ordered namespace deletion, KEP-5080).
fn empty(state: &mut State, namespace: &str) {
    let all = state.store.in_namespace(namespace);
    let pods: Vec<ObjectRef> = all.iter().filter(|target| &*target.resource == PODS).cloned().collect();
    for target in if pods.is_empty() { all } else { pods } {
        let deleting = state.get(&target).is_some_and(|object| value::is_deleting(object));
        if !deleting {
            delete::begin(state, &target, Some(Propagation::Background));
        }
    }
    finish_if_empty(state, namespace);
}

/// Takes the server's own finalizer from a namespace that holds nothing anymore.
fn finish_if_empty(state: &mut State, namespace: &str) {
    if !state.store.namespace_is_empty(namespace) {
        return;
    }
    let target = ObjectRef::new(RESOURCE.into(), "", namespace);
    let Some(live) = state.get(&target).map(Arc::clone) else { return };
    let known = value::list(&live, &["spec", "finalizers"]);
    let kept: Vec<Value> = known.iter().filter(|finalizer| finalizer.as_str() != Some("kubernetes")).cloned().collect();
    if kept.len() == known.len() && !delete::is_unheld(&live) {
        return;
    }
    let mut next = Value::clone(&live);
    value::set(&mut next, &["spec", "finalizers"], kept);
    delete::finish(state, &target, next);
}
