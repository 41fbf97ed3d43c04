//! The list in `metadata.managedFields`: reading, writing, order, and its bounded length.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::set::FieldSet;
use super::{Manager, Operation};

/// More `Update` entries than this are folded into one.
const MAX_UPDATE_ENTRIES: usize = 10;

/// The manager that folded entries belong to.
const ANCIENT_CHANGES: &str = "ancient-changes";

/// What one manager owns by one way of writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) manager: String,
    pub(super) operation: Operation,
    pub(super) api_version: String,
    pub(super) subresource: String,
    pub(super) time: Option<String>,
    pub(super) fields: FieldSet,
}

impl Entry {
    pub(super) fn new(manager: &Manager<'_>, fields: FieldSet) -> Self {
        Self {
            manager: manager.name.to_owned(),
            operation: manager.operation,
            api_version: manager.api_version.to_owned(),
            subresource: manager.subresource.unwrap_or_default().to_owned(),
            time: Some(printed_time(manager.time)),
            fields,
        }
    }

    /// Whether the entry is the manager's. Who applies is the same over versions; who updates is not.
    pub(super) fn is_of(&self, manager: &Manager<'_>) -> bool {
        self.manager == manager.name
            && self.operation == manager.operation
            && self.subresource == manager.subresource.unwrap_or_default()
            && (self.operation == Operation::Apply || self.api_version == manager.api_version)
    }

    fn decode(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let operation = match value.get("operation").and_then(Value::as_str)? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        Some(Self {
            manager: text("manager"),
            operation,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: value.get("time").and_then(Value::as_str).map(str::to_owned),
            fields: FieldSet::decode(value.get("fieldsV1")?),
        })
    }

    fn encode(&self) -> Value {
        let mut value = json!({
            "manager": self.manager,
            "operation": self.operation.name(),
            "apiVersion": self.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.encode(),
        });
        if let Value::Object(members) = &mut value {
            members.extend(self.time.clone().map(|time| ("time".to_owned(), Value::String(time))));
            if !self.subresource.is_empty() {
                members.insert("subresource".to_owned(), Value::String(self.subresource.clone()));
            }
        }
        value
    }
}

/// The entries of an object; malformed ones are dropped, as Kubernetes drops them.
pub(super) fn of(object: &Value) -> Vec<Entry> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).map(Vec::as_slice);
    entries.unwrap_or_default().iter().filter_map(Entry::decode).collect()
}

/// Writes entries into an object, replacing what is there.
pub(super) fn write(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.is_empty());
    fold_oldest(&mut entries);
    sort(&mut entries);
    let Value::Object(members) = object else { return };
    let metadata = members.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(metadata) = metadata else { return };
    if entries.is_empty() {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), entries.iter().map(Entry::encode).collect());
    }
}

fn sort(entries: &mut [Entry]) {
    entries.sort_by(|a, b| {
        (a.operation, &a.time, &a.manager, &a.api_version, &a.subresource).cmp(&(
            b.operation,
            &b.time,
            &b.manager,
            &b.api_version,
            &b.subresource,
        ))
    });
}

/// Keeps the list bounded: the oldest updates become one entry per version.
fn fold_oldest(entries: &mut Vec<Entry>) {
    let updates = entries.iter().filter(|entry| entry.operation == Operation::Update).count();
    if updates <= MAX_UPDATE_ENTRIES {
        return;
    }
    sort(entries);
    let mut excess = updates + 1 - MAX_UPDATE_ENTRIES;
    let mut folded: Vec<Entry> = Vec::new();
    entries.retain_mut(|entry| {
        if entry.operation == Operation::Apply || excess == 0 {
            return true;
        }
        excess -= 1;
        let fields = std::mem::take(&mut entry.fields);
        match folded.iter_mut().find(|old| old.api_version == entry.api_version) {
            Some(old) => {
                old.fields = std::mem::take(&mut old.fields).union(fields);
                old.time.clone_from(&entry.time);
            }
            None => folded.push(Entry {
                manager: ANCIENT_CHANGES.to_owned(),
                subresource: String::new(),
                fields,
                ..entry.clone()
            }),
        }
        false
    });
    entries.append(&mut folded);
}

/// A time as Kubernetes writes it: whole seconds, UTC.
fn printed_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
