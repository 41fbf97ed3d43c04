//! Defaulting: declared defaults stand in for absent members of objects that are present.
//!
//! A `null` where none is allowed counts as absent: it gives way to the default, or is dropped when there is none.

use serde_json::Value;

use super::node::Node;

/// Fills in defaults below `value`.
pub(crate) fn apply_defaults(node: &Node, value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, member| {
                !member.is_null() || node.member(name).is_none_or(|node| node.nullable || node.default.is_some())
            });
            for (name, property) in &node.properties {
                if let Some(default) = &property.default
                    && members.get(name).is_none_or(|member| member.is_null() && !property.nullable)
                {
                    members.insert(name.clone(), default.clone());
                }
            }
            for (name, member) in members.iter_mut() {
                let Some(node) = node.member(name) else { continue };
                if let Some(default) = node.default.as_ref().filter(|_| member.is_null() && !node.nullable) {
                    *member = default.clone();
                }
                apply_defaults(node, member);
            }
        }
        Value::Array(items) => {
            let Some(node) = node.item() else { return };
            for item in items {
                if let Some(default) = node.default.as_ref().filter(|_| item.is_null() && !node.nullable) {
                    *item = default.clone();
                }
                apply_defaults(node, item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
