//! Writes against the shared state.
//!
//! A write is computed from a version read without holding others up, and committed if that version is still the live
//! one; otherwise it is computed anew. A writer that names a `resourceVersion` is told of the conflict by the
//! computation itself.

use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::Value;

use super::{Intent, Part, create, delete, update};
use crate::error::ApiError;
use crate::managed_fields::{self, ApplyError, Operation};
use crate::schema::FieldErrorKind;
use crate::state::State;
use crate::store::{Object, ObjectKey, ObjectRef, Stored};
use crate::value;

/// Generated names that are taken are made anew this many times, as in Kubernetes.
const GENERATED_NAME_ATTEMPTS: usize = 8;

/// What a write came to.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) object: Object,
    pub(crate) created: bool,
    pub(crate) warnings: Vec<String>,
}

/// Creates an object.
pub(crate) fn create(state: &RwLock<State>, intent: &Intent<'_>, object: Value) -> Result<Written, ApiError> {
    let generated = value::meta(&object, "name").is_none() && value::meta(&object, "generateName").is_some();
    let attempts = if generated { GENERATED_NAME_ATTEMPTS } else { 1 };
    let mut refused = None;
    for _ in 0..attempts {
        check_namespace(&state.read(), intent, value::name(&object))?;
        let mut warnings = Vec::new();
        let prepared = create::prepare(intent, object.clone(), create::Ownership::Creator, &mut warnings)?;
        match commit_new(state, intent, prepared) {
            Ok(object) => return Ok(Written { object, created: true, warnings }),
            Err(error) if error.reason == "AlreadyExists" => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| ApiError::internal("no attempt to create the object was made")))
}

/// Replaces an object by what `change` makes of the live version, as readers of the kind's version see it.
pub(crate) fn update(
    state: &RwLock<State>,
    intent: &Intent<'_>,
    name: &str,
    change: impl Fn(&Value) -> Result<Value, ApiError>,
) -> Result<Written, ApiError> {
    let target = target(intent, name);
    loop {
        let stored = read(state, &target).ok_or_else(|| ApiError::not_found(intent.kind, name))?;
        let live = intent.kind.present(&stored);
        let mut warnings = Vec::new();
        let new = update::prepare(intent, &live, change(&live)?, update::Ownership::Writer, &mut warnings)?;
        if let Some(object) = commit_next(state, intent, &target, (&stored, &live), new) {
            return Ok(Written { object, created: false, warnings });
        }
    }
}

/// Applies a configuration: creates the object, or merges into the live one.
pub(crate) fn apply(
    state: &RwLock<State>,
    intent: &Intent<'_>,
    name: &str,
    mut configuration: Value,
    force: bool,
) -> Result<Written, ApiError> {
    let kind = intent.kind;
    let mut warnings = Vec::new();
    check_configuration(intent, name, &mut configuration)?;
    intent.prune(&mut configuration, &mut warnings)?;
    let target = target(intent, name);
    let manager = intent.manager(Operation::Apply);
    loop {
        let Some(stored) = read(state, &target) else {
            if intent.part != Part::Main {
                return Err(ApiError::not_found(kind, name));
            }
            if value::meta(&configuration, "uid").is_some() {
                let why = "uid mismatch: the provided object specified uid, and no existing object was found";
                return Err(ApiError::conflict(kind, name, why));
            }
            check_namespace(&state.read(), intent, name)?;
            let applied = managed_fields::apply(&kind.schema, None, &configuration, &manager, force)
                .map_err(|error| apply_error(kind, name, error))?;
            let mut ignored = Vec::new();
            let prepared = create::prepare(intent, applied, create::Ownership::Settled, &mut ignored)?;
            match commit_new(state, intent, prepared) {
                // Another writer was faster: what is wanted now is an update.
                Err(error) if error.reason == "AlreadyExists" => continue,
                outcome => return outcome.map(|object| Written { object, created: true, warnings }),
            }
        };
        let live = kind.present(&stored);
        if let Some(given) = value::meta(&configuration, "resourceVersion")
            && Some(given) != value::meta(&live, "resourceVersion")
        {
            return Err(ApiError::modified(kind, name));
        }
        let applied = managed_fields::apply(&kind.schema, Some(&live), &configuration, &manager, force)
            .map_err(|error| apply_error(kind, name, error))?;
        let mut ignored = Vec::new();
        let new = update::prepare(intent, &live, applied, update::Ownership::Settled, &mut ignored)?;
        if let Some(object) = commit_next(state, intent, &target, (&stored, &live), new) {
            return Ok(Written { object, created: false, warnings });
        }
    }
}

/// Checks the body of an apply, and leaves in it what the addressed part contains.
fn check_configuration(intent: &Intent<'_>, name: &str, configuration: &mut Value) -> Result<(), ApiError> {
    for member in ["apiVersion", "kind"] {
        if value::text(configuration, &[member]).is_none_or(str::is_empty) {
            return Err(ApiError::bad_request(format!(
                "invalid object type: {member} must be set in an applied object"
            )));
        }
    }
    intent.check_type(configuration)?;
    match value::meta(configuration, "name") {
        None => value::set(configuration, &["metadata", "name"], name),
        Some(given) if given == name => {}
        Some(given) => {
            let message = format!("the name of the object ({given}) does not match the name on the URL ({name})");
            return Err(ApiError::bad_request(message));
        }
    }
    if let Some(tracked) = value::at(configuration, &["metadata", "managedFields"])
        && !tracked.is_null()
        && tracked.as_array().is_none_or(|entries| !entries.is_empty())
    {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    value::remove(configuration, &["metadata", "managedFields"]);
    match intent.part {
        Part::Main if intent.kind.status => {
            value::remove(configuration, &["status"]);
        }
        Part::Status => {
            if let Some(members) = configuration.as_object_mut() {
                members.retain(|member, _| matches!(member.as_str(), "apiVersion" | "kind" | "metadata" | "status"));
                if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
                    let kept = ["name", "namespace", "resourceVersion", "uid"];
                    metadata.retain(|member, _| kept.contains(&member.as_str()));
                }
            }
        }
        Part::Main | Part::Scale | Part::Finalize => {}
    }
    Ok(())
}

fn apply_error(kind: &crate::registry::Kind, name: &str, error: ApplyError) -> ApiError {
    match error {
        ApplyError::Conflicts(conflicts) => ApiError::apply_conflict(
            conflicts.iter().map(|conflict| (conflict.manager.as_str(), conflict.field.as_str())),
        ),
        ApplyError::Invalid(why) => {
            ApiError::bad_request(format!("failed to create typed patch object ({name}; {}): {why}", kind.api_version))
        }
    }
}

fn target(intent: &Intent<'_>, name: &str) -> ObjectRef {
    ObjectRef::new(Arc::clone(&intent.kind.storage), intent.namespace, name)
}

fn read(state: &RwLock<State>, target: &ObjectRef) -> Option<Object> {
    state.read().get(target).map(Arc::clone)
}

/// A namespace must exist before anything is made in it, and not be about to go.
fn check_namespace(state: &State, intent: &Intent<'_>, name: &str) -> Result<(), ApiError> {
    let kind = intent.kind;
    if !kind.namespaced {
        return Ok(());
    }
    let namespace = state.store.get("namespaces", &ObjectKey::new("", intent.namespace));
    match namespace {
        Some(namespace) if value::is_deleting(namespace) => {
            Err(ApiError::namespace_terminating(kind, name, intent.namespace))
        }
        Some(_) => Ok(()),
        None => match state.registry.find("", "v1", "namespaces") {
            Some(namespaces) => Err(ApiError::not_found(namespaces, intent.namespace)),
            None => Ok(()),
        },
    }
}

fn commit_new(state: &RwLock<State>, intent: &Intent<'_>, object: Value) -> Result<Object, ApiError> {
    let kind = intent.kind;
    let name = value::name(&object).to_owned();
    let target = target(intent, &name);
    let mut object = kind.to_stored(object);
    let mut state = state.write();
    check_namespace(&state, intent, &name)?;
    if state.get(&target).is_some() {
        return Err(ApiError::already_exists(kind, &name));
    }
    if kind.custom && crate::controllers::definitions::is_terminating(&state, &kind.storage) {
        return Err(ApiError::method_not_allowed("create not allowed while custom resource definition is terminating"));
    }
    if intent.dry_run {
        return Ok(Stored::new(kind.convert(object)));
    }
    if &*target.resource == "services" {
        state.assign_address(&mut object).map_err(|why| {
            let detail = crate::lifecycle::names::invalid(
                value::text(&object, &["spec", "clusterIP"]).unwrap_or_default(),
                &why,
            );
            ApiError::invalid_field(kind, &name, FieldErrorKind::Invalid, "spec.clusterIP", detail)
        })?;
    }
    let stored = state.put(&target, object).ok_or_else(ApiError::no_such_resource)?;
    state.settle();
    // A reaction may have completed the object at once; its maker sees that.
    let latest = state.get(&target).filter(|latest| value::meta(latest, "uid") == value::meta(&stored, "uid"));
    Ok(kind.present(latest.unwrap_or(&stored)))
}

/// Commits a version made from `seen`; nothing when `seen` is no longer the live version.
fn commit_next(
    state: &RwLock<State>,
    intent: &Intent<'_>,
    target: &ObjectRef,
    (seen, live): (&Object, &Object),
    new: Value,
) -> Option<Object> {
    if new == ***live {
        return Some(Arc::clone(live));
    }
    if intent.dry_run {
        return Some(Stored::new(new));
    }
    let next = intent.kind.to_stored(new);
    let mut state = state.write();
    if !state.get(target).is_some_and(|current| Arc::ptr_eq(current, seen)) {
        return None;
    }
    let ends = value::is_deleting(&next) && delete::is_unheld(&next);
    let stored = if ends {
        state.remove(target);
        Stored::new(next)
    } else {
        state.put(target, next)?
    };
    state.settle();
    Some(intent.kind.present(&stored))
}
