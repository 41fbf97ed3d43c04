//! Look-ups in objects, and how cells word what is absent.

use serde_json::{Value, json};

/// What is printed for nothing.
pub(super) const NONE: &str = "<none>";

/// What is printed for a value that nobody gave.
pub(super) const UNSET: &str = "<unset>";

pub(super) fn string(object: &Value, pointer: &str) -> Option<String> {
    object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

pub(super) fn string_or(object: &Value, pointer: &str, otherwise: &str) -> Value {
    Value::String(string(object, pointer).unwrap_or_else(|| otherwise.to_owned()))
}

pub(super) fn integer(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn size(object: &Value, member: &str) -> usize {
    match object.get(member) {
        Some(Value::Object(members)) => members.len(),
        Some(Value::Array(items)) => items.len(),
        _ => 0,
    }
}

/// A scalar as text.
pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Texts with commas between them, or what is printed when there are none.
pub(super) fn joined(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<_> = texts.collect();
    if texts.is_empty() { NONE.to_owned() } else { texts.join(",") }
}

/// One text member of each item.
pub(super) fn each(object: &Value, pointer: &str, member: &str) -> String {
    joined(items(object, pointer).iter().filter_map(|item| item.get(member)).map(shown))
}

/// A label selector, or the plain map that older kinds have.
pub(super) fn selector(object: &Value, pointer: &str) -> String {
    let Some(selector) = object.pointer(pointer).and_then(Value::as_object) else { return NONE.to_owned() };
    let is_label_selector = selector.keys().all(|name| name == "matchLabels" || name == "matchExpressions");
    let labels =
        if is_label_selector { selector.get("matchLabels").and_then(Value::as_object) } else { Some(selector) };
    let equalities =
        labels.into_iter().flatten().map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).filter(|_| is_label_selector);
    let expressions = expressions.into_iter().flatten().map(|expression| {
        let key = expression.get("key").and_then(Value::as_str).unwrap_or_default();
        let values: Vec<_> = items(expression, "/values").iter().map(shown).collect();
        match expression.get("operator").and_then(Value::as_str) {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        }
    });
    joined(equalities.into_iter().chain(expressions))
}

/// Containers, images and selector: the wide columns of everything that runs pods.
pub(super) fn workload(object: &Value, pod_spec: &str) -> [Value; 2] {
    let containers = format!("{pod_spec}/containers");
    [json!(each(object, &containers, "name")), json!(each(object, &containers, "image"))]
}
