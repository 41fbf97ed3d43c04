//! CustomResourceDefinitions: a definition serves its kind as soon as it is stored, and takes its objects along when it
//! goes.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::lifecycle::delete::{self, Propagation};
use crate::registry::custom;
use crate::state::{Change, State};
use crate::store::{ObjectKey, ObjectRef};
use crate::value;

const RESOURCE: &str = "customresourcedefinitions.apiextensions.k8s.io";
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Whether a kind's definition is being deleted.
pub(crate) fn is_terminating(state: &State, resource: &str) -> bool {
    state.store.get(RESOURCE, &ObjectKey::new("", resource)).is_some_and(|definition| value::is_deleting(definition))
}

/// Says in the status of a definition that its deletion has begun.
pub(crate) fn mark_terminating(definition: &mut Value) {
    let time = value::meta(definition, "deletionTimestamp").unwrap_or_default().to_owned();
    let message = "CustomResource deletion is in progress";
    set_condition(definition, "Terminating", ("True", "InstanceDeletionInProgress", message), &time);
}

pub(super) fn react(state: &mut State, change: &Change) {
    if &*change.target.resource == RESOURCE {
        match &change.after {
            Some(after) if value::is_deleting(after) => empty(state, &change.target),
            Some(after) => {
                let before = change.before.as_ref().and_then(|before| before.get("spec"));
                if before != after.get("spec") {
                    establish(state, &change.target);
                }
            }
            None => {
                if let Some(before) = &change.before {
                    withdraw(state, before);
                }
            }
        }
    } else if change.after.is_none() && is_terminating(state, &change.target.resource) {
        empty(state, &ObjectRef::new(RESOURCE.into(), "", &*change.target.resource));
    }
}

/// Serves the kinds of a definition, and says so in its status.
fn establish(state: &mut State, target: &ObjectRef) {
    let Some(live) = state.get(target).map(Arc::clone) else { return };
    let time = state.clock.stamp();
    let mut next = Value::clone(&live);
    let finalizers = value::strings(&live, &["metadata", "finalizers"]);
    if !finalizers.into_iter().any(|finalizer| finalizer == CLEANUP) {
        let mut finalizers = value::list(&live, &["metadata", "finalizers"]).to_vec();
        finalizers.push(CLEANUP.into());
        value::set(&mut next, &["metadata", "finalizers"], finalizers);
    }
    if let Some(rival) = rival(state, &live) {
        let message = format!("the names are already in use by {rival}");
        set_condition(&mut next, "NamesAccepted", ("False", "NameConflict", &message), &time);
        set_condition(&mut next, "Established", ("False", "NotAccepted", "not all names are accepted"), &time);
        state.put(target, next);
        return;
    }
    set_condition(&mut next, "NamesAccepted", ("True", "NoConflicts", "no conflicts found"), &time);
    let message = "the initial names have been accepted";
    set_condition(&mut next, "Established", ("True", "InitialNamesAccepted", message), &time);
    value::set(&mut next, &["status", "acceptedNames"], value::at(&live, &["spec", "names"]).cloned());
    let mut stored: Vec<Value> = value::list(&next, &["status", "storedVersions"]).to_vec();
    for version in value::list(&live, &["spec", "versions"]) {
        let name = version.get("name").cloned().unwrap_or_default();
        if version.get("storage").and_then(Value::as_bool) == Some(true) && !stored.contains(&name) {
            stored.push(name);
        }
    }
    value::set(&mut next, &["status", "storedVersions"], stored);

    withdraw(state, &live);
    state.store.add_table(&target.key.name.as_str().into());
    for kind in custom::kinds(&live) {
        state.registry.insert(kind);
    }
    if next != **live {
        state.put(target, next);
    }
}

/// Another definition, or the server itself, that has the group and one of the names.
fn rival(state: &State, definition: &Value) -> Option<String> {
    let text = |path: &[&str]| value::text(definition, path).unwrap_or_default();
    let (group, kind) = (text(&["spec", "group"]), text(&["spec", "names", "kind"]));
    let own = value::name(definition);
    let clash = state.registry.iter().find(|other| other.group == group && other.resource != own && other.kind == kind);
    clash.map(|other| other.resource.clone())
}

/// Stops serving the kinds of a definition.
fn withdraw(state: &mut State, definition: &Value) {
    let text = |path: &[&str]| value::text(definition, path).unwrap_or_default();
    state.registry.remove(text(&["spec", "group"]), text(&["spec", "names", "plural"]));
    state.store.wake(value::name(definition));
}

/// Deletes all objects of a definition that is being deleted, and lets it go when none is left.
fn empty(state: &mut State, definition: &ObjectRef) {
    let resource: Arc<str> = definition.key.name.as_str().into();
    let objects: Vec<ObjectRef> = state
        .store
        .list(&resource, None, None)
        .filter(|(_, object)| !value::is_deleting(object))
        .map(|(key, _)| ObjectRef { resource: Arc::clone(&resource), key: key.clone() })
        .collect();
    for object in objects {
        delete::begin(state, &object, Some(Propagation::Background));
    }
    let waits = state
        .get(definition)
        .is_some_and(|live| value::strings(live, &["metadata", "finalizers"]).any(|finalizer| finalizer == CLEANUP));
    if waits && state.store.is_empty(&resource) {
        delete::release(state, definition, CLEANUP);
    }
}

fn set_condition(object: &mut Value, kind: &str, (status, reason, message): (&str, &str, &str), time: &str) {
    let mut conditions = value::list(object, &["status", "conditions"]).to_vec();
    let condition = json!({
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": time,
    });
    match conditions.iter_mut().find(|known| value::text(known, &["type"]) == Some(kind)) {
        Some(known) if value::text(known, &["status"]) == Some(status) => {
            value::set(known, &["reason"], reason);
            value::set(known, &["message"], message);
        }
        Some(known) => *known = condition,
        None => conditions.push(condition),
    }
    value::set(object, &["status", "conditions"], conditions);
}
