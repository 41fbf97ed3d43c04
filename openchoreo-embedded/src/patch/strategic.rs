//! Strategic merge patch.
//!
//! The merged list keeps the order of the live list for items the patch does not name, and the order of the patch (or
//! of its `$setElementOrder`) for those it does.

use serde_json::{Map, Value};

use super::PatchError;
use crate::schema::node::Node;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";

/// What `$patch` says about the object it stands in.
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// Merges a whole object.
pub(super) fn merge(root: &Node, object: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Value::Object(patch) = patch else {
        return Err(PatchError::Malformed("a strategic merge patch must be an object".to_owned()));
    };
    let object = object.as_object().cloned().unwrap_or_default();
    merge_objects(Some(root), &object, patch).map(Value::Object)
}

fn merge_objects(
    node: Option<&Node>,
    object: &Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<Map<String, Value>, PatchError> {
    match directive(patch)? {
        Directive::Delete => return Ok(Map::new()),
        Directive::Replace => return merge_objects(node, &Map::new(), &without_directive(patch)),
        Directive::Merge => {}
    }
    let mut merged = object.clone();
    if let Some(retained) = patch.get(RETAIN_KEYS) {
        let retained = list(retained, RETAIN_KEYS)?;
        merged.retain(|name, _| retained.iter().any(|kept| kept.as_str() == Some(name)));
    }
    for (name, value) in patch {
        if let Some(name) = name.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
            let gone = list(value, DELETE_FROM_PRIMITIVE_LIST)?;
            if let Some(Value::Array(items)) = merged.get_mut(name) {
                items.retain(|item| !gone.contains(item));
            }
        }
    }
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        if value.is_null() {
            merged.remove(name);
            continue;
        }
        let below = node.and_then(|node| node.member(name));
        let value = merge_values(below, merged.get(name), value)?;
        merged.insert(name.clone(), value);
    }
    for (name, value) in patch {
        let Some(name) = name.strip_prefix(SET_ELEMENT_ORDER) else { continue };
        let wanted = list(value, SET_ELEMENT_ORDER)?;
        let below = node.and_then(|node| node.member(name));
        let key = below.and_then(|below| below.patch.merge_key.as_deref());
        let live = object.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if let Some(Value::Array(items)) = merged.get_mut(name) {
            *items = ordered(std::mem::take(items), wanted, live, key);
        }
    }
    Ok(merged)
}

fn merge_values(node: Option<&Node>, value: Option<&Value>, patch: &Value) -> Result<Value, PatchError> {
    match patch {
        Value::Object(patch) => {
            let nothing = Map::new();
            let object = value.and_then(Value::as_object).unwrap_or(&nothing);
            merge_objects(node, object, patch).map(Value::Object)
        }
        Value::Array(patch) => {
            let strategy = node.map(|node| &node.patch).filter(|strategy| strategy.merge);
            let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            match strategy {
                None => Ok(Value::Array(patch.clone())),
                Some(strategy) => match strategy.merge_key.as_deref() {
                    Some(key) => merge_keyed(node.and_then(Node::item), items, patch, key).map(Value::Array),
                    None => {
                        let new = patch.iter().filter(|item| !items.contains(item));
                        let merged = items.iter().chain(new).cloned().collect();
                        Ok(Value::Array(ordered(merged, patch, items, None)))
                    }
                },
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(patch.clone()),
    }
}

/// Merges a list of objects told apart by the member `key`.
fn merge_keyed(node: Option<&Node>, items: &[Value], patch: &[Value], key: &str) -> Result<Vec<Value>, PatchError> {
    let mut merged = items.to_vec();
    let mut named = Vec::with_capacity(patch.len());
    let mut replaces = false;
    for item in patch {
        let Value::Object(members) = item else {
            return Err(PatchError::Malformed(format!("items of a list merged by `{key}` must be objects")));
        };
        match directive(members)? {
            Directive::Merge => named.push(item),
            Directive::Delete => {
                let identity = identity(members, key)?;
                merged.retain(|item| item.get(key) != Some(identity));
            }
            Directive::Replace => {
                replaces = true;
                // The directive may stand in an item of its own or in one that has content.
                if members.len() > 1 {
                    named.push(item);
                }
            }
        }
    }
    if replaces {
        merged.clear();
    }
    for item in &named {
        let Value::Object(members) = item else { continue };
        let identity = identity(members, key)?;
        let content = without_directive(members);
        match merged.iter_mut().find(|item| item.get(key) == Some(identity)) {
            Some(existing) => *existing = merge_values(node, Some(existing), &Value::Object(content))?,
            None => merged.push(merge_values(node, None, &Value::Object(content))?),
        }
    }
    let order: Vec<_> = named.into_iter().cloned().collect();
    Ok(ordered(merged, &order, items, Some(key)))
}

/// Puts items that `wanted` names into its order, and the others where the live order has them among those.
fn ordered(items: Vec<Value>, wanted: &[Value], live: &[Value], key: Option<&str>) -> Vec<Value> {
    let same = |a: &Value, b: &Value| match key {
        Some(key) => a.get(key).is_some() && a.get(key) == b.get(key),
        None => a == b,
    };
    let position = |list: &[Value], item: &Value| list.iter().position(|candidate| same(candidate, item));
    let (mut named, mut others): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| position(wanted, item).is_some());
    named.sort_by_key(|item| position(wanted, item));
    others.sort_by_key(|item| position(live, item).unwrap_or(usize::MAX));

    let mut result = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for item in named {
        if let Some(place) = position(live, &item) {
            while let Some(other) = others.next_if(|other| position(live, other).is_some_and(|other| other < place)) {
                result.push(other);
            }
        }
        result.push(item);
    }
    result.extend(others);
    result
}

fn directive(patch: &Map<String, Value>) -> Result<Directive, PatchError> {
    match patch.get(DIRECTIVE).map(Value::as_str) {
        None => Ok(Directive::Merge),
        Some(Some("merge")) => Ok(Directive::Merge),
        Some(Some("replace")) => Ok(Directive::Replace),
        Some(Some("delete")) => Ok(Directive::Delete),
        Some(other) => Err(PatchError::Malformed(format!("unknown patch type: {}", other.unwrap_or("not a string")))),
    }
}

fn without_directive(patch: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = patch.clone();
    patch.remove(DIRECTIVE);
    patch
}

fn identity<'a>(item: &'a Map<String, Value>, key: &str) -> Result<&'a Value, PatchError> {
    item.get(key).ok_or_else(|| {
        PatchError::Malformed(format!(
            "map: {} does not contain declared merge key: {key}",
            Value::Object(item.clone())
        ))
    })
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], PatchError> {
    let name = name.trim_end_matches('/');
    value.as_array().map(Vec::as_slice).ok_or_else(|| PatchError::Malformed(format!("`{name}` must be a list")))
}
