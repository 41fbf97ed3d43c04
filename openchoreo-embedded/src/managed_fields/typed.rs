//! Walks over a value and its schema: which paths it has, how it differs from another, how two merge.
//!
//! Objects and maps are granular unless declared atomic; lists are atomic unless declared keyed or sets; everything
//! else is a leaf. Where the schema says nothing, objects are granular and lists atomic. A `null` counts as absent
//! unless the schema allows it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set::{Element, FieldSet};
use crate::schema::node::{ListType, Node};

/// How a value is owned.
enum Shape<'a> {
    Leaf,
    Members(&'a Map<String, Value>),
    Items(&'a [Value]),
}

fn shape<'a>(node: Option<&Node>, value: &'a Value) -> Shape<'a> {
    match value {
        Value::Object(members) if !node.is_some_and(|node| node.atomic_map) => Shape::Members(members),
        Value::Array(items) if node.is_some_and(|node| node.list_type != ListType::Atomic) => Shape::Items(items),
        _ => Shape::Leaf,
    }
}

fn member<'a>(node: Option<&'a Node>, name: &str) -> Option<&'a Node> {
    node.and_then(|node| node.member(name))
}

fn item(node: Option<&Node>) -> Option<&Node> {
    node.and_then(Node::item)
}

/// Whether a `null` here says nothing.
pub(crate) fn is_absent(node: Option<&Node>, value: &Value) -> bool {
    value.is_null() && !node.is_some_and(|node| node.nullable)
}

/// The path element of a list item. An item of a keyed list without any key has none.
fn item_element(node: Option<&Node>, value: &Value) -> Option<Element> {
    match node.map(|node| (&node.list_type, node))? {
        (ListType::Map(keys), node) => {
            node.item_key(keys, value).map(|key| Element::Key(Value::Object(key).to_string()))
        }
        (ListType::Set, _) => Some(Element::Value(value.to_string())),
        (ListType::Atomic, _) => None,
    }
}

/// Finds what cannot be applied in a configuration: list items without keys, and two items with one key.
pub(crate) fn check(node: Option<&Node>, value: &Value, path: &str) -> Result<(), String> {
    match shape(node, value) {
        Shape::Leaf => Ok(()),
        Shape::Members(members) => {
            members.iter().try_for_each(|(name, value)| check(member(node, name), value, &format!("{path}.{name}")))
        }
        Shape::Items(items) => {
            let mut seen = FieldSet::default();
            for (index, value) in items.iter().enumerate() {
                let Some(element) = item_element(node, value) else {
                    return Err(format!(
                        "{path}: element {index}: associative list with keys has an element that omits all key fields"
                    ));
                };
                if seen.has(&element) {
                    let mut only = FieldSet::default();
                    only.insert(element);
                    return Err(format!("{path}: duplicate entries for key {}", only.printed().concat()));
                }
                check(item(node), value, &format!("{path}[{index}]"))?;
                seen.insert(element);
            }
            Ok(())
        }
    }
}

/// The paths that a configuration owns: its leaves, its list items, its map entries, and what is empty.
pub(crate) fn fields(node: Option<&Node>, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    match shape(node, value) {
        Shape::Leaf => {}
        Shape::Members(members) => {
            for (name, value) in members {
                let below = member(node, name);
                if is_absent(below, value) {
                    continue;
                }
                let declared = node.is_some_and(|node| node.properties.contains_key(name));
                add(&mut set, Element::field(name), below, value, !declared);
            }
        }
        Shape::Items(items) => {
            for value in items {
                if let Some(element) = item_element(node, value) {
                    add(&mut set, element, item(node), value, true);
                }
            }
        }
    }
    set
}

fn add(set: &mut FieldSet, element: Element, node: Option<&Node>, value: &Value, own_container: bool) {
    let is_member = match shape(node, value) {
        Shape::Leaf => true,
        Shape::Members(members) => members.is_empty() || own_container,
        Shape::Items(items) => items.is_empty() || own_container,
    };
    let below = fields(node, value);
    if is_member {
        set.insert(element.clone());
    }
    set.insert_below(element, below);
}

/// Every path of a value, containers included.
fn all_fields(set: &mut FieldSet, element: Element, node: Option<&Node>, value: &Value) {
    let mut below = FieldSet::default();
    match shape(node, value) {
        Shape::Leaf => {}
        Shape::Members(members) => {
            for (name, value) in members {
                all_fields(&mut below, Element::field(name), member(node, name), value);
            }
        }
        Shape::Items(items) => {
            for value in items {
                if let Some(element) = item_element(node, value) {
                    all_fields(&mut below, element, item(node), value);
                }
            }
        }
    }
    set.insert(element.clone());
    set.insert_below(element, below);
}

/// How one value came from another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparison {
    /// Paths only the new value has.
    pub(crate) added: FieldSet,
    /// Paths both have, with different values.
    pub(crate) modified: FieldSet,
    /// Paths only the old value has.
    pub(crate) removed: FieldSet,
}

impl Comparison {
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    fn add_below(&mut self, element: &Element, below: Self) {
        self.added.insert_below(element.clone(), below.added);
        self.modified.insert_below(element.clone(), below.modified);
        self.removed.insert_below(element.clone(), below.removed);
    }

    fn compare(&mut self, element: Element, node: Option<&Node>, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (None, None) => {}
            (None, Some(new)) => all_fields(&mut self.added, element, node, new),
            (Some(old), None) => all_fields(&mut self.removed, element, node, old),
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new)) => match (shape(node, old), shape(node, new)) {
                (Shape::Members(_), Shape::Members(_)) | (Shape::Items(_), Shape::Items(_)) => {
                    let below = compare(node, old, new);
                    self.add_below(&element, below);
                }
                _ => self.modified.insert(element),
            },
        }
    }
}

/// Compares two values of the same shape.
pub(crate) fn compare(node: Option<&Node>, old: &Value, new: &Value) -> Comparison {
    let mut comparison = Comparison::default();
    match (shape(node, old), shape(node, new)) {
        (Shape::Members(old), Shape::Members(new)) => {
            for (name, old_value) in old {
                comparison.compare(Element::field(name), member(node, name), Some(old_value), new.get(name));
            }
            for (name, new_value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                comparison.compare(Element::field(name), member(node, name), None, Some(new_value));
            }
        }
        (Shape::Items(old), Shape::Items(new)) => {
            let old = keyed(node, old);
            let new = keyed(node, new);
            for (element, old_value) in &old {
                comparison.compare(element.clone(), item(node), Some(old_value), new.get(element).copied());
            }
            for (element, new_value) in new.iter().filter(|(element, _)| !old.contains_key(*element)) {
                comparison.compare(element.clone(), item(node), None, Some(new_value));
            }
        }
        _ => {}
    }
    comparison
}

/// The items of a keyed list by their elements; of two with one key the first.
fn keyed<'a>(node: Option<&Node>, items: &'a [Value]) -> BTreeMap<Element, &'a Value> {
    let mut keyed = BTreeMap::new();
    for value in items {
        if let Some(element) = item_element(node, value) {
            keyed.entry(element).or_insert(value);
        }
    }
    keyed
}

/// `over` laid over `base`: its leaves win, its list items keep their order among each other.
pub(crate) fn merge(node: Option<&Node>, base: &Value, over: &Value) -> Value {
    match (shape(node, base), shape(node, over)) {
        (Shape::Members(base), Shape::Members(over)) => {
            let mut merged = base.clone();
            for (name, value) in over {
                let below = member(node, name);
                if is_absent(below, value) {
                    continue;
                }
                let value = match base.get(name) {
                    Some(base) => merge(below, base, value),
                    None => without_absent(below, value),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Shape::Items(base), Shape::Items(over)) => Value::Array(merge_items(node, base, over)),
        _ => without_absent(node, over),
    }
}

fn merge_items(node: Option<&Node>, base: &[Value], over: &[Value]) -> Vec<Value> {
    let base: Vec<_> = base.iter().map(|value| (item_element(node, value), value)).collect();
    let over: Vec<_> = over.iter().map(|value| (item_element(node, value), value)).collect();
    let finds = |items: &[(Option<Element>, &Value)], element: &Option<Element>| {
        element.is_some() && items.iter().any(|(candidate, _)| candidate == element)
    };
    let mut merged = Vec::with_capacity(base.len().max(over.len()));
    let mut rest = base.iter().peekable();
    for (index, (element, value)) in over.iter().enumerate() {
        let ahead = over.get(index..).unwrap_or_default();
        let next_shared = ahead.iter().map(|(element, _)| element).find(|element| finds(&base, element));
        // What only the base has comes first, up to the item that both have next.
        while let Some((base_element, base_value)) =
            rest.next_if(|(base_element, _)| !finds(&over, base_element) || next_shared != Some(base_element))
        {
            if !finds(&over, base_element) {
                merged.push((*base_value).clone());
            }
        }
        let counterpart = base.iter().find(|(candidate, _)| element.is_some() && candidate == element);
        merged.push(match counterpart {
            Some((_, base_value)) => merge(item(node), base_value, value),
            None => without_absent(item(node), value),
        });
        let _passed = rest.next_if(|(base_element, _)| base_element == element);
    }
    merged.extend(rest.filter(|(element, _)| !finds(&over, element)).map(|(_, value)| (*value).clone()));
    merged
}

/// A copy without the members that are absent because they are `null`.
fn without_absent(node: Option<&Node>, value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(name, value)| !is_absent(member(node, name), value))
                .map(|(name, value)| (name.clone(), without_absent(member(node, name), value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|value| without_absent(item(node), value)).collect()),
        _ => value.clone(),
    }
}

/// Removes from `value` each path of `gone` that no path of `owned` begins with or equals, and the containers this
/// empties. What is inside a removed container goes with it.
pub(crate) fn remove(node: Option<&Node>, value: &mut Value, gone: &FieldSet, owned: &FieldSet) {
    let none = FieldSet::default();
    match value {
        Value::Object(members) if !node.is_some_and(|node| node.atomic_map) => {
            members.retain(|name, value| {
                let element = Element::field(name);
                keep(&element, member(node, name), value, gone, owned, &none)
            });
        }
        Value::Array(items) if node.is_some_and(|node| node.list_type != ListType::Atomic) => {
            items.retain_mut(|value| match item_element(node, value) {
                Some(element) => keep(&element, item(node), value, gone, owned, &none),
                None => true,
            });
        }
        _ => {}
    }
}

fn keep(
    element: &Element,
    node: Option<&Node>,
    value: &mut Value,
    gone: &FieldSet,
    owned: &FieldSet,
    none: &FieldSet,
) -> bool {
    let Some(gone_below) = gone.below(element) else { return true };
    let is_owned = owned.has_prefix(element);
    if gone.has(element) && !is_owned {
        return false;
    }
    let was_empty = is_empty_container(value);
    remove(node, value, gone_below, owned.below(element).unwrap_or(none));
    is_owned || was_empty || !is_empty_container(value)
}

fn is_empty_container(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}
