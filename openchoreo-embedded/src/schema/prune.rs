//! Pruning: members the schema does not know are dropped.
//!
//! Values of the wrong type are left for validation to report.

use serde_json::Value;

use super::node::Node;

/// The members that a whole object has whether its schema lists them or not.
const OBJECT_MEMBERS: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Drops unknown members below `value` and appends their paths.
pub(crate) fn prune(node: &Node, value: &mut Value, path: &str, dropped: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.retain(|name, member| {
                let path = super::join(path, name);
                if let Some(node) = node.member(name) {
                    prune(node, member, &path, dropped);
                    return true;
                }
                let kept = node.preserve_unknown
                    || (node.embedded_resource && OBJECT_MEMBERS.contains(&name.as_str()))
                    || node.is_scalar();
                if !kept {
                    dropped.push(path);
                }
                kept
            });
        }
        Value::Array(items) => {
            if let Some(node) = node.item() {
                for (index, item) in items.iter_mut().enumerate() {
                    prune(node, item, &format!("{path}[{index}]"), dropped);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
