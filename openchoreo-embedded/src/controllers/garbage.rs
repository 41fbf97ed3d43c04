//! Garbage collection by owner references: in the background, in the foreground, and orphaning.
//!
//! An owner that is absent when its dependent is made counts as deleted, and so does one in another namespace.

use std::sync::Arc;

use serde_json::Value;

use crate::lifecycle::delete::{self, FOREGROUND, ORPHAN, Propagation};
use crate::state::{Change, State};
use crate::store::ObjectRef;
use crate::value;

const OWNERS: [&str; 2] = ["metadata", "ownerReferences"];

pub(super) fn react(state: &mut State, change: &Change) {
    let owners_before = change.before.as_ref().map(|before| value::list(before, &OWNERS)).unwrap_or_default();
    let owners_after = change.after.as_ref().map(|after| value::list(after, &OWNERS)).unwrap_or_default();
    if owners_before != owners_after {
        if change.after.is_some() {
            collect(state, &change.target);
        }
        for uid in owners_before.iter().filter_map(|owner| value::text(owner, &["uid"])) {
            release_owner(state, uid);
        }
    }
    match (&change.before, &change.after) {
        (Some(before), None) => {
            if let Some(uid) = value::meta(before, "uid") {
                for dependent in state.store.dependents(uid) {
                    collect(state, &dependent);
                }
            }
        }
        (_, Some(after)) if value::is_deleting(after) => {
            let waits_for = |wanted| value::strings(after, &["metadata", "finalizers"]).any(|held| held == wanted);
            let uid = value::meta(after, "uid").unwrap_or_default();
            if waits_for(ORPHAN) {
                for dependent in state.store.dependents(uid) {
                    drop_owners(state, &dependent, |owner| owner != uid);
                }
                delete::release(state, &change.target, ORPHAN);
            } else if waits_for(FOREGROUND) {
                for dependent in state.store.dependents(uid) {
                    collect(state, &dependent);
                }
                release_owner(state, uid);
            }
        }
        _ => {}
    }
}

/// How an owner bears on its dependent.
#[derive(PartialEq, Eq)]
enum Owner {
    /// Keeps the dependent alive.
    Solid,
    /// Does not exist, at least not as the reference says.
    Absent,
    /// Is being deleted and waits for its dependents.
    Waiting,
    /// A cluster-scoped dependent cannot have it; such references are left alone.
    Unresolvable,
}

fn resolve(state: &State, dependent: &ObjectRef, reference: &Value) -> Owner {
    let text = |member| value::text(reference, &[member]).unwrap_or_default();
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    let namespaced = state.registry.by_kind(group, text("kind")).is_some_and(|kind| kind.namespaced);
    if namespaced && dependent.key.namespace.is_empty() {
        return Owner::Unresolvable;
    }
    let Some(owner) = state.store.find_uid(text("uid")) else { return Owner::Absent };
    let in_reach = owner.key.namespace.is_empty() || owner.key.namespace == dependent.key.namespace;
    let Some(object) = state.get(owner) else { return Owner::Absent };
    if !in_reach || owner.key.name != text("name") || value::text(object, &["kind"]) != Some(text("kind")) {
        return Owner::Absent;
    }
    let waits = value::is_deleting(object)
        && value::strings(object, &["metadata", "finalizers"]).any(|finalizer| finalizer == FOREGROUND);
    if waits { Owner::Waiting } else { Owner::Solid }
}

/// Deletes an object that no owner keeps alive, or strikes the owners off that no longer do.
fn collect(state: &mut State, target: &ObjectRef) {
    let Some(object) = state.get(target).map(Arc::clone) else { return };
    let references = value::list(&object, &OWNERS);
    if references.is_empty() {
        return;
    }
    let owners: Vec<(Owner, &str)> = references
        .iter()
        .map(|reference| (resolve(state, target, reference), value::text(reference, &["uid"]).unwrap_or_default()))
        .collect();
    let has = |wanted: Owner| owners.iter().any(|(owner, _)| *owner == wanted);
    if has(Owner::Solid) || has(Owner::Unresolvable) {
        if has(Owner::Absent) || has(Owner::Waiting) {
            let kept = |uid: &str| {
                owners
                    .iter()
                    .any(|(owner, owner_uid)| *owner_uid == uid && matches!(owner, Owner::Solid | Owner::Unresolvable))
            };
            drop_owners(state, target, kept);
        }
        return;
    }
    if value::is_deleting(&object) {
        return;
    }
    let own_uid = value::meta(&object, "uid").unwrap_or_default();
    let in_foreground = has(Owner::Waiting) && !state.store.dependents(own_uid).is_empty();
    // A finalizer that a user put on the object beforehand decides over the policy of the owner.
    let chosen = value::strings(&object, &["metadata", "finalizers"]).find_map(|finalizer| match finalizer {
        FOREGROUND => Some(Propagation::Foreground),
        ORPHAN => Some(Propagation::Orphan),
        _ => None,
    });
    let own = if in_foreground { Propagation::Foreground } else { Propagation::Background };
    delete::begin(state, target, Some(chosen.unwrap_or(own)));
}

/// Strikes off the owners whose uid `keep` refuses.
fn drop_owners(state: &mut State, target: &ObjectRef, keep: impl Fn(&str) -> bool) {
    let Some(object) = state.get(target).map(Arc::clone) else { return };
    let kept: Vec<Value> = value::list(&object, &OWNERS)
        .iter()
        .filter(|owner| value::text(owner, &["uid"]).is_some_and(&keep))
        .cloned()
        .collect();
    let mut next = Value::clone(&object);
    if kept.is_empty() {
        value::remove(&mut next, &OWNERS);
    } else {
        value::set(&mut next, &OWNERS, kept);
    }
    state.put(target, next);
}

/// Lets an owner go that waits for its dependents, if none is left that blocks.
fn release_owner(state: &mut State, uid: &str) {
    let Some(owner) = state.store.find_uid(uid).cloned() else { return };
    let Some(object) = state.get(&owner) else { return };
    let waits = value::is_deleting(object)
        && value::strings(object, &["metadata", "finalizers"]).any(|finalizer| finalizer == FOREGROUND);
    let blocks = |dependent: &ObjectRef| {
        state.get(dependent).is_some_and(|dependent| {
            value::list(dependent, &OWNERS).iter().any(|reference| {
                value::text(reference, &["uid"]) == Some(uid)
                    && reference.get("blockOwnerDeletion").and_then(Value::as_bool) == Some(true)
            })
        })
    };
    if waits && !state.store.dependents(uid).iter().any(blocks) {
        delete::release(state, &owner, FOREGROUND);
    }
}
