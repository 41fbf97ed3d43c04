//! Reading and writing the few well-known members of an untyped Kubernetes object.
//!
//! Every reader answers "absent" for members of the wrong type: whether a type is wrong is decided by the schema, once.

use serde_json::{Map, Value};

/// The member at a path of names.
pub(crate) fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// The string at a path of names.
pub(crate) fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    at(value, path).and_then(Value::as_str)
}

/// A metadata string, empty strings counting as absent.
pub(crate) fn meta<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    text(object, &["metadata", name]).filter(|text| !text.is_empty())
}

/// The object's name, or the empty string.
pub(crate) fn name(object: &Value) -> &str {
    meta(object, "name").unwrap_or_default()
}

/// The object's namespace, or the empty string.
pub(crate) fn namespace(object: &Value) -> &str {
    meta(object, "namespace").unwrap_or_default()
}

/// The revision that last changed the object; zero when it has none.
pub(crate) fn revision(object: &Value) -> u64 {
    meta(object, "resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0)
}

/// The strings of a list, such as `metadata.finalizers`.
pub(crate) fn strings<'v>(value: &'v Value, path: &[&str]) -> impl Iterator<Item = &'v str> {
    list(value, path).iter().filter_map(Value::as_str)
}

/// The elements of a list; none when the member is absent.
pub(crate) fn list<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    at(value, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Makes `value` a mapping if it is not one, and returns it.
pub(crate) fn mapping(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// Writes a member at a path, making the mappings on the way.
pub(crate) fn set(value: &mut Value, path: &[&str], new: impl Into<Value>) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents
        .iter()
        .try_fold(value, |value, name| mapping(value).map(|members| members.entry(*name).or_insert(Value::Null)));
    if let Some(members) = parent.and_then(mapping) {
        members.insert((*last).to_owned(), new.into());
    }
}

/// Writes a member at a path unless there is one already that is not null.
pub(crate) fn set_default(value: &mut Value, path: &[&str], new: impl Into<Value>) {
    if at(value, path).is_none_or(Value::is_null) {
        set(value, path, new);
    }
}

/// Removes the member at a path and returns it.
pub(crate) fn remove(value: &mut Value, path: &[&str]) -> Option<Value> {
    let (last, parents) = path.split_last()?;
    let parent = parents.iter().try_fold(value, |value, name| value.get_mut(name))?;
    parent.as_object_mut()?.remove(*last)
}

/// Copies the member at a path from `from`, or removes it where `from` has none.
pub(crate) fn copy_member(from: &Value, into: &mut Value, path: &[&str]) {
    match at(from, path) {
        Some(member) => set(into, path, member.clone()),
        None => {
            remove(into, path);
        }
    }
}

/// Whether deletion of the object has begun.
pub(crate) fn is_deleting(object: &Value) -> bool {
    meta(object, "deletionTimestamp").is_some()
}
