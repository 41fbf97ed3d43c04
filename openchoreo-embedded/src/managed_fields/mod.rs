//! Who owns which field: server-side apply, and tracking of every other write.
//!
//! Each manager has the set of field paths it has set, recorded in `metadata.managedFields`. [`apply`] merges a
//! configuration into the live object, refuses to change values that others own unless forced, and removes what the
//! manager applied before and no longer does, if nobody else owns it. [`update`] records what a plain write changed:
//! changed fields move to the writer, removed ones leave every owner.
//!
//! The rules are those of Kubernetes. Deliberately absent: conversion between versions (sets are compared as if all
//! versions had the same fields), and stripping what an endpoint does not write — the caller passes a configuration
//! without `status` for the main endpoint and with nothing but `status` for its subresource.

mod entries;
mod set;
mod typed;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::schema::Schema;
use entries::Entry;
use set::{Element, FieldSet};

/// Metadata that belongs to the server or identifies the object, and so to no manager.
const UNOWNED_METADATA: [&str; 9] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "managedFields",
    "selfLink",
];

/// Owner of what an object had before its fields were tracked.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// How a manager wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Any other write.
    Update,
}

impl Operation {
    /// The name in `managedFields`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// Who writes, how and when, as recorded in `metadata.managedFields`.
#[derive(Debug, Clone, Copy)]
pub struct Manager<'a> {
    /// The field manager.
    pub name: &'a str,
    /// How it writes.
    pub operation: Operation,
    /// The version the body is written in.
    pub api_version: &'a str,
    /// The subresource written, as `status`; `None` for the object itself.
    pub subresource: Option<&'a str>,
    /// The instant of the write, recorded only when something changes.
    pub time: jiff::Timestamp,
}

/// A field that another manager owns with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The other manager.
    pub manager: String,
    /// How the other manager came to own the field: ` using apps/v1 at 2026-01-01T00:00:00Z`, ` with subresource …`.
    pub provenance: String,
    /// The field, as `.spec.containers[name="web"].image`.
    pub field: String,
}

/// The message of the cause in a `Status`: which manager the conflict is with.
impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conflict with {:?}{}", self.manager, self.provenance)
    }
}

/// Why an apply was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Others own fields with other values, and force was not asked for.
    #[error("{}", describe(.0))]
    Conflicts(Vec<Conflict>),
    /// The configuration cannot be applied by anyone.
    #[error("{0}")]
    Invalid(String),
}

/// The text of a refusal, in the words of Kubernetes.
fn describe(conflicts: &[Conflict]) -> String {
    if let [conflict] = conflicts {
        return format!("Apply failed with 1 conflict: {conflict}: {}", conflict.field);
    }
    let mut by_manager: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for conflict in conflicts {
        by_manager.entry((&conflict.manager, &conflict.provenance)).or_default().push(&conflict.field);
    }
    let mut lines = Vec::new();
    for ((manager, provenance), fields) in by_manager {
        lines.push(format!("conflicts with {manager:?}{provenance}:"));
        lines.extend(fields.iter().map(|field| format!("- {field}")));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// Applies a configuration: the live object (`None` when there is none yet) with the configuration merged in, what the
/// manager no longer applies removed, and `metadata.managedFields` updated.
///
/// ```
/// use openchoreo_embedded::managed_fields::{Manager, Operation, apply};
/// use openchoreo_embedded::schema::Schema;
/// use serde_json::json;
///
/// let manager = |name| Manager {
///     name,
///     operation: Operation::Apply,
///     api_version: "v1",
///     subresource: None,
///     time: jiff::Timestamp::UNIX_EPOCH,
/// };
/// let schema = Schema::untyped();
/// let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}});
/// let live = apply(&schema, None, &config, &manager("one"), false)?;
/// let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "2"}});
/// assert!(apply(&schema, Some(&live), &other, &manager("two"), false).is_err());
/// # Ok::<(), openchoreo_embedded::managed_fields::ApplyError>(())
/// ```
///
/// # Errors
///
/// [`ApplyError::Conflicts`] when another manager owns a field with another value and `force` is false;
/// [`ApplyError::Invalid`] when the configuration sets `metadata.managedFields` or has list items that cannot be told
/// apart.
pub fn apply(
    schema: &Schema,
    live: Option<&Value>,
    config: &Value,
    manager: &Manager<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    if config.pointer("/metadata/managedFields").is_some_and(|fields| !is_nothing(fields)) {
        return Err(ApplyError::Invalid("metadata.managedFields must be nil".to_owned()));
    }
    let root = Some(&schema.root);
    typed::check(root, config, "").map_err(ApplyError::Invalid)?;

    let empty = Value::Object(serde_json::Map::new());
    let mut entries = live.map(entries::of).unwrap_or_default();
    let live = live.map_or_else(|| empty.clone(), without_managed_fields);
    let config = without_managed_fields(config);
    if entries.is_empty() && live != empty {
        entries.extend(untracked(schema, &live, manager));
    }

    let own_fields = owned_fields(schema, &config);
    let before = take_own(&mut entries, manager);
    let mut merged = typed::merge(root, &live, &config);
    if let Some(before) = &before {
        let owned = entries.iter().fold(own_fields.clone(), |owned, entry| owned.union(entry.fields.clone()));
        typed::remove(root, &mut merged, &before.fields, &owned);
    }

    let comparison = typed::compare(root, &live, &merged);
    let changed = comparison.added.clone().union(comparison.modified.clone());
    let conflicts = entries
        .iter()
        .flat_map(|entry| {
            entry.fields.intersection(&changed).printed().into_iter().map(|field| Conflict {
                manager: entry.manager.clone(),
                provenance: provenance(entry),
                field,
            })
        })
        .collect::<Vec<_>>();
    if !conflicts.is_empty() && !force {
        return Err(ApplyError::Conflicts(conflicts));
    }
    for entry in &mut entries {
        entry.fields = entry.fields.difference(&changed).difference(&comparison.removed);
    }

    let mut own = Entry::new(manager, own_fields);
    if let Some(before) = before
        .filter(|before| before.fields == own.fields && before.api_version == own.api_version && comparison.is_empty())
    {
        own.time = before.time;
    }
    entries.push(own);
    entries::write(&mut merged, entries);
    Ok(merged)
}

/// Tracks a write other than apply: `new` with its `metadata.managedFields` replaced by those of the live object
/// (`None` on creation), with changed and added fields owned by the manager alone and removed ones by nobody. Nothing
/// changes, times included, when the write changes nothing.
pub fn update(schema: &Schema, live: Option<&Value>, new: Value, manager: &Manager<'_>) -> Value {
    let root = Some(&schema.root);
    let empty = Value::Object(serde_json::Map::new());
    let mut entries = live.map(entries::of).unwrap_or_default();
    let live = live.map_or(empty, without_managed_fields);
    let mut new = without_managed_fields(&new);

    let comparison = typed::compare(root, &live, &new);
    let changed = owned_part(comparison.added.union(comparison.modified));
    for entry in entries.iter_mut().filter(|entry| !entry.is_of(manager)) {
        entry.fields = entry.fields.difference(&changed);
    }
    for entry in &mut entries {
        entry.fields = entry.fields.difference(&comparison.removed);
    }
    let before = take_own(&mut entries, manager);
    let mut own = Entry::new(manager, changed);
    if let Some(before) = before {
        let fields = before.fields.clone().union(own.fields);
        if fields == before.fields && is_unchanged(&live, &new) {
            own.time = before.time;
        }
        own.fields = fields;
    }
    entries.push(own);
    entries::write(&mut new, entries);
    new
}

/// Whether two objects are the same but for what the server stamps on every write.
fn is_unchanged(live: &Value, new: &Value) -> bool {
    let stamp = |object: &Value| {
        let mut object = object.clone();
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            metadata.remove("resourceVersion");
            metadata.remove("generation");
        }
        object
    };
    live == new || stamp(live) == stamp(new)
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn without_managed_fields(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    object
}

/// The paths of a configuration that can have owners.
fn owned_fields(schema: &Schema, config: &Value) -> FieldSet {
    owned_part(typed::fields(Some(&schema.root), config))
}

/// Leaves out what identifies the object or belongs to the server.
fn owned_part(mut fields: FieldSet) -> FieldSet {
    fields.remove_subtree(&Element::field("apiVersion"));
    fields.remove_subtree(&Element::field("kind"));
    let metadata = Element::field("metadata");
    fields.remove_member(&metadata);
    fields.change_below(&metadata, |below| {
        for name in UNOWNED_METADATA {
            below.remove_subtree(&Element::field(name));
        }
    });
    fields
}

/// Takes the manager's own entry out of the list; several of one applier (over versions) become one.
fn take_own(entries: &mut Vec<Entry>, manager: &Manager<'_>) -> Option<Entry> {
    let mut own: Option<Entry> = None;
    entries.retain_mut(|entry| {
        if !entry.is_of(manager) {
            return true;
        }
        match &mut own {
            Some(own) => own.fields = std::mem::take(&mut own.fields).union(std::mem::take(&mut entry.fields)),
            None => own = Some(entry.clone()),
        }
        false
    });
    own
}

/// An owner for the fields of an object that was stored without tracking.
fn untracked(schema: &Schema, live: &Value, manager: &Manager<'_>) -> Option<Entry> {
    let fields = owned_fields(schema, live);
    let api_version = live.get("apiVersion").and_then(Value::as_str).unwrap_or(manager.api_version);
    (!fields.is_empty()).then(|| {
        let owner = Manager {
            name: BEFORE_FIRST_APPLY,
            operation: Operation::Update,
            api_version,
            subresource: None,
            time: manager.time,
        };
        Entry::new(&owner, fields)
    })
}

fn provenance(entry: &Entry) -> String {
    let mut text = String::new();
    if !entry.subresource.is_empty() {
        text.push_str(&format!(" with subresource {:?}", entry.subresource));
    }
    if entry.operation == Operation::Update {
        text.push_str(&format!(" using {}", entry.api_version));
        if let Some(time) = &entry.time {
            text.push_str(&format!(" at {time}"));
        }
    }
    text
}
