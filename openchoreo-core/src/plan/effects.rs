//! What a plan still needs: the requests that would make the World as the plan wants it.
//!
//! Pure: the same comparison serves the engine, `plan` and `diff`. A plan whose effects are all in the World has none.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Deletion, Finalizer, Plan, Wanted};
use crate::kind::{ObjectKey, PlaneKey};
use crate::labels;
use crate::world::{Stored, World};

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Effect {
    /// Merge-patches the finalizers of the planned object, at the revision that was seen.
    Finalizers {
        /// The planned object.
        key: ObjectKey,
        /// The patch, with the resource version.
        patch: Value,
    },
    /// Applies the status of the planned object.
    Status {
        /// The planned object.
        key: ObjectKey,
        /// The object with its identity and status only.
        object: Value,
    },
    /// Applies a wanted object.
    Apply(Wanted),
    /// Deletes an object.
    Delete(Deletion),
}

impl Effect {
    /// The plane that the request goes to.
    pub fn plane(&self) -> &PlaneKey {
        match self {
            Self::Finalizers { .. } | Self::Status { .. } => &PlaneKey::Control,
            Self::Apply(wanted) => &wanted.plane,
            Self::Delete(deletion) => &deletion.plane,
        }
    }
}

/// What the engine remembers of an apply whose result does not literally contain what was applied, since the server
/// normalized it: `(wanted digest, live object)` pairs known to be one.
pub trait Applied {
    /// Whether a live object is known to be the result of applying a wanted one.
    fn is_result_of(&self, wanted: &Wanted, live: &Stored) -> bool;
}

/// Remembers nothing: offline, and in tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingApplied;

impl Applied for NothingApplied {
    fn is_result_of(&self, _: &Wanted, _: &Stored) -> bool {
        false
    }
}

/// The requests a plan needs, in order: hold the finalizer, record the status (and with it which planes are about to
/// be written), apply, delete, and last let the object go.
pub fn effects(plan: &Plan, world: &World, object: &ObjectKey, applied: &dyn Applied) -> Vec<Effect> {
    let mut effects = Vec::new();
    let Some(live) = world.get(&PlaneKey::Control, object) else { return effects };
    if let Finalizer::Hold(name) = plan.finalizer
        && !live.is_deleting()
        && !live.finalizers().contains(&name)
    {
        let held = live.finalizers().into_iter().chain([name]).collect();
        effects.push(finalizers(object, live, held));
    }
    if let Some(status) = &plan.status
        && live.json().get("status") != Some(status)
    {
        effects.push(Effect::Status { key: object.clone(), object: status_patch(object, live, status) });
    }
    for wanted in &plan.wanted {
        let present = world.get(&wanted.plane, &wanted.key);
        if !present.is_some_and(|present| is_applied(wanted, present) || applied.is_result_of(wanted, present)) {
            effects.push(Effect::Apply(wanted.clone()));
        }
    }
    effects.extend(plan.deletions.iter().cloned().map(Effect::Delete));
    if let Finalizer::Release(name) = plan.finalizer
        && live.finalizers().contains(&name)
    {
        let held = live.finalizers().into_iter().filter(|held| *held != name).collect();
        effects.push(finalizers(object, live, held));
    }
    effects
}

fn finalizers(key: &ObjectKey, live: &Stored, finalizers: Vec<&str>) -> Effect {
    let mut metadata = json!({ "finalizers": finalizers });
    if !live.resource_version().is_empty() {
        metadata["resourceVersion"] = live.resource_version().into();
    }
    Effect::Finalizers { key: key.clone(), patch: json!({ "metadata": metadata }) }
}

fn status_patch(key: &ObjectKey, live: &Stored, status: &Value) -> Value {
    let mut metadata = json!({ "name": key.name });
    if !key.namespace.is_empty() {
        metadata["namespace"] = key.namespace.as_str().into();
    }
    if !live.uid().is_empty() {
        // An object of the same name that was made anew is another object.
        metadata["uid"] = live.uid().into();
    }
    json!({ "apiVersion": key.kind.api_version(), "kind": key.kind.kind, "metadata": metadata, "status": status })
}

/// Whether a live object has what is wanted: it carries the digest of exactly this wanted object, and nobody has
/// changed a field of it since. Fields that the server added do not matter.
fn is_applied(wanted: &Wanted, live: &Stored) -> bool {
    let digest = wanted.object.pointer("/metadata/annotations").and_then(|a| a.get(labels::WANTED_DIGEST));
    live.annotation(labels::WANTED_DIGEST) == digest.and_then(Value::as_str) && contains(live.json(), &wanted.object)
}

/// Whether `live` has every field of `wanted`: maps may hold more; lists have the same length and order.
/// An empty map that is wanted may be absent, since servers drop it.
pub(crate) fn contains(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().all(|(name, value)| match live.get(name) {
            Some(present) => contains(present, value),
            None => is_empty(value),
        }),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| contains(live, wanted))
        }
        _ => live == wanted,
    }
}

/// Operations of a JSON patch that put wanted lists in the place of live ones. A server-side apply leaves items alone
/// that others have added, so a port or a host added by hand would stay for ever; and a key of an item that is changed
/// by hand makes another item of it. Lists that differ only because something else is wanted now are left to the apply.
pub(crate) fn list_repairs(live: &Stored, wanted: &Value) -> Vec<Value> {
    let digest = wanted.pointer("/metadata/annotations").and_then(|a| a.get(labels::WANTED_DIGEST));
    let by_hand = live.annotation(labels::WANTED_DIGEST) == digest.and_then(Value::as_str);
    let mut operations = Vec::new();
    let fields = live.json().as_object().into_iter().flatten();
    // Others may add their labels, finalizers and owners.
    for (name, live) in fields.filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status")) {
        if let Some(wanted) = wanted.get(name) {
            collect_repairs(live, wanted, by_hand, &format!("/{name}"), &mut operations);
        }
    }
    operations
}

fn collect_repairs(live: &Value, wanted: &Value, by_hand: bool, pointer: &str, operations: &mut Vec<Value>) {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            for (name, wanted) in wanted {
                if let Some(live) = live.get(name) {
                    let name = name.replace('~', "~0").replace('/', "~1");
                    collect_repairs(live, wanted, by_hand, &format!("{pointer}/{name}"), operations);
                }
            }
        }
        (Value::Array(items), Value::Array(wanted_items)) => {
            if items.len() > wanted_items.len() || (by_hand && !contains(live, wanted)) {
                operations.push(json!({ "op": "replace", "path": pointer, "value": wanted }));
                return;
            }
            for (index, (live, wanted)) in items.iter().zip(wanted_items).enumerate() {
                collect_repairs(live, wanted, by_hand, &format!("{pointer}/{index}"), operations);
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Stored, list_repairs};

    #[test]
    fn lists_are_repaired_where_items_were_added_or_changed_by_hand() {
        let digest = |digest: &str| json!({ "annotations": { "openchoreo.dev/wanted-digest": digest } });
        let wanted = json!({
            "metadata": digest("now"),
            "spec": { "ports": [{ "port": 80 }], "pods": [{ "env": [] }], "hosts": ["a"] },
        });
        let live = |by: &str| {
            let mut metadata = digest(by);
            metadata["ownerReferences"] = json!([{ "name": "other" }]);
            let pods = json!([{ "env": [{ "name": "X" }], "defaulted": true }]);
            let ports = json!([{ "port": 9999 }, { "port": 80 }]);
            Stored::new(json!({ "metadata": metadata, "spec": { "ports": ports, "pods": pods, "hosts": ["b"] } }))
        };
        let replace = |path: &str, value| json!({ "op": "replace", "path": path, "value": value });
        let ports = replace("/spec/ports", json!([{ "port": 80 }]));
        let added = [replace("/spec/pods/0/env", json!([])), ports.clone()];
        let changed = [replace("/spec/hosts", json!(["a"])), replace("/spec/pods", json!([{ "env": [] }])), ports];
        let sorted = |mut operations: Vec<serde_json::Value>| {
            operations.sort_by_key(|operation| operation["path"].to_string());
            operations
        };
        assert_eq!(sorted(list_repairs(&live("before"), &wanted)), added);
        assert_eq!(sorted(list_repairs(&live("now"), &wanted)), changed);
        assert!(list_repairs(&Stored::new(wanted.clone()), &wanted).is_empty());
    }
}
