//! Validation: types, conditions on values, distinct list items; then rules.
//!
//! Rules run only over objects whose structure is valid, so that they need not guard against wrong types.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::error::{FieldError, FieldErrorKind, printed};
use super::node::{Checks, Kind, ListType, Node};
use super::{formats, join};

/// The path printed for findings that Kubernetes attributes to no field.
const NO_FIELD: &str = "<nil>";

/// Checks everything but rules.
pub(crate) fn structure(node: &Node, value: &Value, path: &str, findings: &mut Vec<FieldError>) {
    if value.is_null() && (node.nullable || (node.kind.is_none() && !node.int_or_string)) {
        return;
    }
    if !has_type(node, value) {
        let expected = if node.int_or_string { "integer,string" } else { node.kind.map_or("", Kind::name) };
        let found = type_name(value);
        findings.push(FieldError::new(
            FieldErrorKind::TypeInvalid,
            shown(path),
            format!("{found:?}: {path} in body must be of type {expected}: {found:?}"),
        ));
        return;
    }
    conditions(node, value, path, findings);
    match value {
        Value::Object(members) => object(node, members, path, findings),
        Value::Array(items) => array(node, items, path, findings),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Evaluates the rules of every node that the value reaches.
pub(crate) fn rules(node: &Node, value: &Value, old: Option<&Value>, path: &str, findings: &mut Vec<FieldError>) {
    if value.is_null() {
        return;
    }
    if let Some(rules) = &node.rules {
        rules.evaluate(value, old, path, node.kind.map_or("", Kind::name), findings);
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let Some(below) = node.member(name) else { continue };
                let path =
                    if node.properties.contains_key(name) { join(path, name) } else { format!("{path}[{name}]") };
                rules(below, member, old.and_then(|old| old.get(name)), &path, findings);
            }
        }
        Value::Array(items) => {
            let Some(below) = node.item() else { return };
            let old_items = old.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                // Only keyed lists say which old item an item was; elsewhere transition rules do not apply.
                let old_item = match &node.list_type {
                    ListType::Map(keys) => node.item_key(keys, item).and_then(|key| {
                        old_items.iter().find(|old_item| node.item_key(keys, old_item).as_ref() == Some(&key))
                    }),
                    ListType::Atomic | ListType::Set => None,
                };
                rules(below, item, old_item, &format!("{path}[{index}]"), findings);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Null => {}
    }
}

fn has_type(node: &Node, value: &Value) -> bool {
    if node.int_or_string {
        return value.is_string() || is_integer(value);
    }
    match node.kind {
        None => true,
        Some(Kind::Object) => value.is_object(),
        Some(Kind::Array) => value.is_array(),
        Some(Kind::String) => value.is_string(),
        Some(Kind::Integer) => is_integer(value),
        Some(Kind::Number) => value.is_number(),
        Some(Kind::Boolean) => value.is_boolean(),
    }
}

/// Whether a number is whole; `1.0` is.
fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// The type of a value, in the words of findings.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) if is_integer(value) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn shown(path: &str) -> &str {
    if path.is_empty() { NO_FIELD } else { path }
}

/// The conditions that hold for a value by itself, and the junctors over it.
fn conditions(node: &Node, value: &Value, path: &str, findings: &mut Vec<FieldError>) {
    let checks = node.checks.as_ref();
    if let Some(supported) = &checks.one_of_values
        && !supported.contains(value)
    {
        let supported: Vec<_> = supported
            .iter()
            .map(|value| value.as_str().map_or_else(|| format!("{:?}", value.to_string()), |text| format!("{text:?}")))
            .collect();
        let detail = format!("{}: supported values: {}", printed(value), supported.join(", "));
        findings.push(FieldError::new(FieldErrorKind::NotSupported, shown(path), detail));
    }
    match value {
        Value::String(text) => text_conditions(checks, text, path, findings),
        Value::Number(_) => number_conditions(checks, value, path, findings),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {}
    }
    if let Some(format) = &checks.format
        && !formats::accepts(format, value)
    {
        let printed_value = printed(value);
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        findings.push(FieldError::new(
            FieldErrorKind::TypeInvalid,
            shown(path),
            format!("{printed_value}: {path} in body must be of type {format}: {text:?}"),
        ));
    }
    junctors(checks, value, path, findings);
}

fn text_conditions(checks: &Checks, text: &str, path: &str, findings: &mut Vec<FieldError>) {
    // Lengths count code points, as they do in the JSON Schema of Kubernetes.
    let length = text.chars().count() as u64;
    let value = Value::String(text.to_owned());
    if let Some(limit) = checks.min_length.filter(|limit| length < *limit) {
        let explanation = format!("{path} in body should be at least {limit} chars long");
        findings.push(FieldError::invalid(shown(path), &value, explanation));
    }
    if let Some(limit) = checks.max_length.filter(|limit| length > *limit) {
        let detail = format!("may not be more than {limit} bytes");
        findings.push(FieldError::new(FieldErrorKind::TooLong, shown(path), detail));
    }
    if let Some(pattern) = checks.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
        let explanation = format!("{path} in body should match '{pattern}'");
        findings.push(FieldError::invalid(shown(path), &value, explanation));
    }
}

fn number_conditions(checks: &Checks, value: &Value, path: &str, findings: &mut Vec<FieldError>) {
    let Some(number) = value.as_f64() else { return };
    let mut refuse = |explanation: String| findings.push(FieldError::invalid(shown(path), value, explanation));
    if let Some(limit) = checks.minimum {
        if checks.exclusive_minimum && number <= limit {
            refuse(format!("{path} in body should be greater than {limit}"));
        } else if number < limit {
            refuse(format!("{path} in body should be greater than or equal to {limit}"));
        }
    }
    if let Some(limit) = checks.maximum {
        if checks.exclusive_maximum && number >= limit {
            refuse(format!("{path} in body should be less than {limit}"));
        } else if number > limit {
            refuse(format!("{path} in body should be less than or equal to {limit}"));
        }
    }
    if let Some(factor) = checks.multiple_of.filter(|factor| *factor > 0.0) {
        let quotient = number / factor;
        // Decimal factors such as 0.1 have no exact binary form.
        if (quotient - quotient.round()).abs() > 1e-9 * quotient.abs().max(1.0) {
            refuse(format!("{path} in body should be a multiple of {factor}"));
        }
    }
}

fn junctors(checks: &Checks, value: &Value, path: &str, findings: &mut Vec<FieldError>) {
    let failures = |branch: &Node| {
        let mut findings = Vec::new();
        structure(branch, value, path, &mut findings);
        findings
    };
    let refuse = |findings: &mut Vec<FieldError>, explanation: String| {
        findings.push(FieldError::new(FieldErrorKind::Invalid, NO_FIELD, format!("\"\": {path:?} {explanation}")));
    };
    let all: Vec<_> = checks.all_of.iter().flat_map(failures).collect();
    if !all.is_empty() {
        findings.extend(all);
        refuse(findings, "must validate all the schemas (allOf)".to_owned());
    }
    if !checks.any_of.is_empty() {
        let outcomes: Vec<_> = checks.any_of.iter().map(failures).collect();
        if outcomes.iter().all(|outcome| !outcome.is_empty()) {
            refuse(findings, "must validate at least one schema (anyOf)".to_owned());
            findings.extend(outcomes.into_iter().min_by_key(Vec::len).unwrap_or_default());
        }
    }
    if !checks.one_of.is_empty() {
        let outcomes: Vec<_> = checks.one_of.iter().map(failures).collect();
        match outcomes.iter().filter(|outcome| outcome.is_empty()).count() {
            0 => {
                refuse(findings, "must validate one and only one schema (oneOf). Found none valid".to_owned());
                findings.extend(outcomes.into_iter().min_by_key(Vec::len).unwrap_or_default());
            }
            1 => {}
            valid => refuse(
                findings,
                format!("must validate one and only one schema (oneOf). Found {valid} valid alternatives"),
            ),
        }
    }
    if checks.not.as_deref().is_some_and(|branch| failures(branch).is_empty()) {
        refuse(findings, "must not validate the schema (not)".to_owned());
    }
}

fn object(node: &Node, members: &Map<String, Value>, path: &str, findings: &mut Vec<FieldError>) {
    let checks = node.checks.as_ref();
    let count = members.len() as u64;
    if let Some(limit) = checks.min_properties.filter(|limit| count < *limit) {
        let explanation = format!("{path} in body should have at least {limit} properties");
        findings.push(FieldError::new(FieldErrorKind::Invalid, shown(path), format!("{count}: {explanation}")));
    }
    if let Some(limit) = checks.max_properties.filter(|limit| count > *limit) {
        let detail = format!("{count}: must have at most {limit} items");
        findings.push(FieldError::new(FieldErrorKind::TooMany, shown(path), detail));
    }
    for name in checks.required.iter().filter(|name| !members.contains_key(*name)) {
        findings.push(FieldError::new(FieldErrorKind::Required, &join(path, name), ""));
    }
    for (name, member) in members {
        if let Some(below) = node.member(name) {
            structure(below, member, &join(path, name), findings);
        }
    }
}

fn array(node: &Node, items: &[Value], path: &str, findings: &mut Vec<FieldError>) {
    let checks = node.checks.as_ref();
    let count = items.len() as u64;
    if let Some(limit) = checks.min_items.filter(|limit| count < *limit) {
        let explanation = format!("{path} in body should have at least {limit} items");
        findings.push(FieldError::new(FieldErrorKind::Invalid, shown(path), format!("{count}: {explanation}")));
    }
    if let Some(limit) = checks.max_items.filter(|limit| count > *limit) {
        let detail = format!("{count}: must have at most {limit} items");
        findings.push(FieldError::new(FieldErrorKind::TooMany, shown(path), detail));
    }
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let identity = match &node.list_type {
            ListType::Atomic if checks.unique_items => item.clone(),
            ListType::Atomic => continue,
            ListType::Set => item.clone(),
            ListType::Map(keys) => node.item_key(keys, item).map_or_else(|| item.clone(), Value::Object),
        };
        if !seen.insert(identity.to_string()) {
            let path = format!("{path}[{index}]");
            findings.push(FieldError::new(FieldErrorKind::Duplicate, &path, printed(&identity)));
        }
    }
    if let Some(below) = node.item() {
        for (index, item) in items.iter().enumerate() {
            structure(below, item, &format!("{path}[{index}]"), findings);
        }
    }
}
