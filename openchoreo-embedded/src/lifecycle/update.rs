//! From a live object and its wanted successor to the object that is stored.

use serde_json::Value;

use super::{Intent, Part};
use crate::error::ApiError;
use crate::managed_fields::{self, Operation};
use crate::schema::FieldErrorKind;
use crate::value;

/// Members of the metadata that an update cannot change.
const IMMUTABLE: [&str; 8] = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "generateName",
];

/// How the changed fields come to have an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// The writer owns what it changed.
    Writer,
    /// An apply has settled it.
    Settled,
}

/// Makes the object to store. One that equals the live object means that there is nothing to do.
pub(super) fn prepare(
    intent: &Intent<'_>,
    live: &Value,
    mut new: Value,
    ownership: Ownership,
    warnings: &mut Vec<String>,
) -> Result<Value, ApiError> {
    let kind = intent.kind;
    let name = value::name(live);
    intent.check_type(&mut new)?;
    check_identity(intent, live, &new)?;
    for member in IMMUTABLE {
        value::copy_member(live, &mut new, &["metadata", member]);
    }
    value::remove(&mut new, &["metadata", "selfLink"]);
    value::copy_member(live, &mut new, &["metadata", "resourceVersion"]);
    let given_managed_fields = value::remove(&mut new, &["metadata", "managedFields"]);
    separate_parts(intent, live, &mut new);
    intent.prune(&mut new, warnings)?;
    if !kind.custom {
        keep_assigned(&kind.api_version, &kind.kind, live, &mut new);
    }
    intent.apply_defaults(&mut new);
    check_finalizers(intent, live, &new)?;

    match ownership {
        Ownership::Settled => {
            if let Some(managed_fields) = given_managed_fields {
                value::set(&mut new, &["metadata", "managedFields"], managed_fields);
            }
        }
        Ownership::Writer => {
            // An explicitly emptied list resets the tracking; anything else leaves it to the server.
            let reset = given_managed_fields.as_ref().is_some_and(is_reset);
            if !reset {
                value::copy_member(live, &mut new, &["metadata", "managedFields"]);
            }
            if new == *live {
                return Ok(new);
            }
            if !reset {
                new = managed_fields::update(&kind.schema, Some(live), new, &intent.manager(Operation::Update));
            }
        }
    }
    if new == *live {
        return Ok(new);
    }
    if kind.generation && specification_differs(kind.status, live, &new) {
        let generation = value::at(live, &["metadata", "generation"]).and_then(Value::as_i64).unwrap_or(0);
        value::set(&mut new, &["metadata", "generation"], generation + 1);
    }
    intent.validate(&new, Some(live)).and_then(|()| check_immutable(intent, name, live, &new))?;
    Ok(new)
}

fn check_identity(intent: &Intent<'_>, live: &Value, new: &Value) -> Result<(), ApiError> {
    let kind = intent.kind;
    let name = value::name(live);
    if let Some(given) = value::meta(new, "name")
        && given != name
    {
        let message = format!("the name of the object ({given}) does not match the name on the URL ({name})");
        return Err(ApiError::bad_request(message));
    }
    if let (Some(given), Some(uid)) = (value::meta(new, "uid"), value::meta(live, "uid"))
        && given != uid
    {
        let why = format!("Precondition failed: UID in precondition: {given}, UID in object meta: {uid}");
        return Err(ApiError::conflict(kind, name, &why));
    }
    match value::meta(new, "resourceVersion") {
        Some(given) if Some(given) != value::meta(live, "resourceVersion") => Err(ApiError::modified(kind, name)),
        _ => Ok(()),
    }
}

/// Takes from the live object what the addressed part does not contain.
fn separate_parts(intent: &Intent<'_>, live: &Value, new: &mut Value) {
    match intent.part {
        Part::Main | Part::Scale => {
            if intent.kind.status {
                value::copy_member(live, new, &["status"]);
            }
        }
        Part::Status => {
            let status = value::remove(new, &["status"]);
            *new = live.clone();
            value::remove(new, &["metadata", "managedFields"]);
            match status {
                Some(status) => value::set(new, &["status"], status),
                None => {
                    value::remove(new, &["status"]);
                }
            }
        }
        Part::Finalize => {
            let spec = value::remove(new, &["spec"]);
            *new = live.clone();
            value::remove(new, &["metadata", "managedFields"]);
            value::set(new, &["spec"], spec.unwrap_or(Value::Null));
        }
    }
    if intent.kind.resource == "namespaces" && intent.part != Part::Finalize {
        value::copy_member(live, new, &["spec"]);
    }
}

/// Values that the server assigned stay when a writer leaves them out.
fn keep_assigned(api_version: &str, kind: &str, live: &Value, new: &mut Value) {
    if (api_version, kind) == ("v1", "Service")
        && value::text(new, &["spec", "type"]).unwrap_or("ClusterIP") != "ExternalName"
        && value::text(new, &["spec", "clusterIP"]).is_none_or(str::is_empty)
    {
        value::copy_member(live, new, &["spec", "clusterIP"]);
        value::copy_member(live, new, &["spec", "clusterIPs"]);
    }
    if (api_version, kind) == ("apiextensions.k8s.io/v1", "CustomResourceDefinition") {
        for member in ["singular", "listKind"] {
            if value::text(new, &["spec", "names", member]).is_none() {
                value::copy_member(live, new, &["spec", "names", member]);
            }
        }
    }
}

fn check_finalizers(intent: &Intent<'_>, live: &Value, new: &Value) -> Result<(), ApiError> {
    if !value::is_deleting(live) {
        return Ok(());
    }
    let path = ["metadata", "finalizers"];
    let added: Vec<&str> = value::strings(new, &path)
        .filter(|finalizer| value::strings(live, &path).all(|known| known != *finalizer))
        .collect();
    if added.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
        added.iter().map(|finalizer| format!("{finalizer:?}")).collect::<Vec<_>>().join(", ")
    );
    let name = value::name(live);
    Err(ApiError::invalid_field(intent.kind, name, FieldErrorKind::Forbidden, "metadata.finalizers", detail))
}

/// The few fields of built-in kinds that never change and that people do try to change.
fn check_immutable(intent: &Intent<'_>, name: &str, live: &Value, new: &Value) -> Result<(), ApiError> {
    let kind = intent.kind;
    let paths: &[&[&str]] = match (kind.api_version.as_str(), kind.kind.as_str()) {
        ("apps/v1", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet") => &[&["spec", "selector"]],
        ("batch/v1", "Job") => &[&["spec", "selector"], &["spec", "completionMode"]],
        ("v1", "Secret") => &[&["type"]],
        ("rbac.authorization.k8s.io/v1", "RoleBinding" | "ClusterRoleBinding") => &[&["roleRef"]],
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition") => {
            &[&["spec", "group"], &["spec", "scope"], &["spec", "names", "kind"]]
        }
        ("v1", "ConfigMap") => &[],
        _ => return Ok(()),
    };
    for path in paths {
        let (before, after) = (value::at(live, path), value::at(new, path));
        if before.is_some() && before != after {
            let detail = format!("{}: field is immutable", after.unwrap_or(&Value::Null));
            return Err(ApiError::invalid_field(kind, name, FieldErrorKind::Invalid, &path.join("."), detail));
        }
    }
    if matches!(kind.resource.as_str(), "configmaps" | "secrets")
        && live.get("immutable").and_then(Value::as_bool) == Some(true)
    {
        for member in ["data", "binaryData", "immutable"] {
            if live.get(member) != new.get(member) {
                let detail = "field is immutable when `immutable` is set";
                return Err(ApiError::invalid_field(kind, name, FieldErrorKind::Forbidden, member, detail));
            }
        }
    }
    Ok(())
}

/// Whether anything but metadata and status differs.
fn specification_differs(has_status: bool, live: &Value, new: &Value) -> bool {
    let (Some(live), Some(new)) = (live.as_object(), new.as_object()) else { return true };
    let counts = |name: &&String| name.as_str() != "metadata" && !(has_status && name.as_str() == "status");
    live.keys().filter(counts).any(|name| live.get(name) != new.get(name))
        || new.keys().filter(counts).any(|name| !live.contains_key(name))
}

/// `[]` and `[{}]` in place of the managed fields.
fn is_reset(managed_fields: &Value) -> bool {
    match managed_fields.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([only]) => only.as_object().is_some_and(serde_json::Map::is_empty),
        _ => false,
    }
}
