//! Deletion: at once, or begun and finished when the last finalizer is gone.
//!
//! Works on the state, under its lock, because namespaces, owners and definitions delete on the server's behalf. Pods
//! are deleted at once: there is no kubelet to wait for.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::controllers::{definitions, namespaces};
use crate::error::ApiError;
use crate::registry::Kind;
use crate::state::State;
use crate::store::{Object, ObjectRef};
use crate::value;

/// Waits until the dependents that block are gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// Waits until the dependents no longer name their owner.
pub(crate) const ORPHAN: &str = "orphan";

/// What happens to the dependents of a deleted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// What a request says about a deletion.
#[derive(Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    pub(crate) dry_run: bool,
}

impl DeleteOptions {
    /// Reads `DeleteOptions` as they come in a body.
    pub(crate) fn parse(options: &Value) -> Result<Self, ApiError> {
        let text = |path: &[&str]| value::text(options, path);
        let propagation = match text(&["propagationPolicy"]) {
            None | Some("") => match options.get("orphanDependents").and_then(Value::as_bool) {
                Some(true) => Some(Propagation::Orphan),
                Some(false) => Some(Propagation::Background),
                None => None,
            },
            Some(policy) => Some(Propagation::parse(policy)?),
        };
        Ok(Self {
            propagation,
            uid: text(&["preconditions", "uid"]).map(str::to_owned),
            resource_version: text(&["preconditions", "resourceVersion"]).map(str::to_owned),
            dry_run: !value::list(options, &["dryRun"]).is_empty(),
        })
    }
}

impl Propagation {
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        match text {
            "Background" => Ok(Self::Background),
            "Foreground" => Ok(Self::Foreground),
            "Orphan" => Ok(Self::Orphan),
            other => Err(ApiError::bad_request(format!(
                "invalid propagationPolicy {other:?}: must be one of Background, Foreground, Orphan"
            ))),
        }
    }
}

/// How far a deletion has come.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// Finalizers hold the object.
    Pending(Object),
    /// It is gone; this was its last version.
    Gone(Object),
}

/// Deletes an object as a request asks.
pub(crate) fn delete(
    state: &mut State,
    kind: &Kind,
    target: &ObjectRef,
    options: &DeleteOptions,
) -> Result<Deleted, ApiError> {
    let name = &target.key.name;
    let live = state.get(target).map(Arc::clone).ok_or_else(|| ApiError::not_found(kind, name))?;
    let uid = value::meta(&live, "uid").unwrap_or_default();
    if let Some(wanted) = options.uid.as_deref().filter(|wanted| *wanted != uid) {
        let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}");
        return Err(ApiError::conflict(kind, name, &why));
    }
    let version = value::meta(&live, "resourceVersion").unwrap_or_default();
    if let Some(wanted) = options.resource_version.as_deref().filter(|wanted| *wanted != version) {
        let why = format!(
            "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {version}"
        );
        return Err(ApiError::conflict(kind, name, &why));
    }
    if &*target.resource == "namespaces" && namespaces::is_protected(name) {
        return Err(ApiError::forbidden(kind, name, "this namespace may not be deleted"));
    }
    if options.dry_run {
        return Ok(Deleted::Gone(live));
    }
    let begun = begin(state, target, options.propagation).ok_or_else(|| ApiError::not_found(kind, name));
    state.settle();
    begun
}

/// Begins the deletion of an object, and ends it where nothing holds the object.
pub(crate) fn begin(state: &mut State, target: &ObjectRef, propagation: Option<Propagation>) -> Option<Deleted> {
    let live = state.get(target).map(Arc::clone)?;
    let finalizers = value::strings(&live, &["metadata", "finalizers"]).map(str::to_owned);
    let mut finalizers: Vec<String> = match propagation {
        None => finalizers.collect(),
        Some(_) => finalizers.filter(|finalizer| finalizer != FOREGROUND && finalizer != ORPHAN).collect(),
    };
    match propagation {
        Some(Propagation::Foreground) => finalizers.push(FOREGROUND.to_owned()),
        Some(Propagation::Orphan) => finalizers.push(ORPHAN.to_owned()),
        Some(Propagation::Background) | None => {}
    }
    let mut next = Value::clone(&live);
    write_finalizers(&mut next, finalizers);
    if is_unheld(&next) {
        return state.remove(target).map(Deleted::Gone);
    }
    if !value::is_deleting(&live) {
        value::set(&mut next, &["metadata", "deletionTimestamp"], state.clock.stamp());
        value::set(&mut next, &["metadata", "deletionGracePeriodSeconds"], 0);
        if let Some(generation) = value::at(&live, &["metadata", "generation"]).and_then(Value::as_i64) {
            value::set(&mut next, &["metadata", "generation"], generation + 1);
        }
        match &*target.resource {
            "namespaces" => value::set(&mut next, &["status", "phase"], "Terminating"),
            "customresourcedefinitions.apiextensions.k8s.io" => definitions::mark_terminating(&mut next),
            _ => {}
        }
    }
    if next == **live {
        return Some(Deleted::Pending(live));
    }
    state.put(target, next).map(Deleted::Pending)
}

/// Whether no finalizer keeps a deleted object.
pub(crate) fn is_unheld(object: &Value) -> bool {
    let is_namespace =
        value::text(object, &["kind"]) == Some("Namespace") && value::text(object, &["apiVersion"]) == Some("v1");
    value::list(object, &["metadata", "finalizers"]).is_empty()
        && (!is_namespace || value::list(object, &["spec", "finalizers"]).is_empty())
}

/// Takes one finalizer from an object, which ends its deletion if that was the last.
pub(crate) fn release(state: &mut State, target: &ObjectRef, finalizer: &str) {
    let Some(live) = state.get(target).map(Arc::clone) else { return };
    let known = value::strings(&live, &["metadata", "finalizers"]);
    let rest: Vec<String> = known.filter(|known| *known != finalizer).map(str::to_owned).collect();
    let mut next = Value::clone(&live);
    write_finalizers(&mut next, rest);
    finish(state, target, next);
}

/// Stores the next version of an object that is being deleted, or removes it if nothing holds that version.
pub(crate) fn finish(state: &mut State, target: &ObjectRef, next: Value) {
    if value::is_deleting(&next) && is_unheld(&next) {
        state.remove(target);
    } else {
        state.put(target, next);
    }
}

fn write_finalizers(object: &mut Value, finalizers: Vec<String>) {
    if finalizers.is_empty() {
        value::remove(object, &["metadata", "finalizers"]);
    } else {
        value::set(object, &["metadata", "finalizers"], json!(finalizers));
    }
}
