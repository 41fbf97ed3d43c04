//! What can be said about a manifest without a server: its header, and its fields against the schema of its kind.
//!
//! The schema checks here are those that catch slips of the pen, with a proposal: unknown and missing fields, wrong
//! types, unknown values. Formats, patterns and rules between fields are the API server's.

use std::collections::BTreeMap;

use openchoreo_types::{all_kinds, crd_manifest, crds};
use serde_json::Value;

use super::{Manifest, Problem};
use crate::cluster::similar;

const METADATA_FIELDS: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Checks that a manifest says what it is. Without that nothing else can be checked.
pub(crate) fn check_headers(manifests: &[Manifest]) -> Vec<Problem> {
    manifests.iter().filter_map(|manifest| header_message(manifest).map(|message| manifest.problem(message))).collect()
}

fn header_message(manifest: &Manifest) -> Option<String> {
    let missing = |field: &str| Some(format!("`{field}` is missing"));
    if !manifest.object.is_object() {
        return Some("this is not an object".to_owned());
    }
    if manifest.api_version().is_empty() {
        return missing("apiVersion");
    }
    if manifest.kind().is_empty() {
        return missing("kind");
    }
    if manifest.is_ours() && all_kinds().iter().all(|info| info.kind != manifest.kind()) {
        let known = all_kinds().iter().map(|info| info.kind.to_owned());
        return Some(with_proposal(format!("unknown kind `{}`", manifest.kind()), manifest.kind(), known));
    }
    if manifest.name().is_empty() {
        return missing("metadata.name");
    }
    let group = manifest.api_version().split_once('/').map(|(group, _)| group);
    if group == Some(openchoreo_types::GROUP) && !manifest.is_ours() {
        let versions = openchoreo_types::API_VERSION;
        return Some(format!("unknown version `{}`: did you mean `{versions}`?", manifest.api_version()));
    }
    None
}

/// Checks the fields of those manifests that are of the platform's kinds.
pub(crate) fn check_schema(manifests: &[Manifest]) -> Vec<Problem> {
    if !manifests.iter().any(Manifest::is_ours) {
        return Vec::new();
    }
    let schemas: BTreeMap<String, Value> = crds()
        .iter()
        .map(|crd| {
            let mut manifest = crd_manifest(crd);
            let schema = manifest.pointer_mut("/spec/versions/0/schema/openAPIV3Schema").map(Value::take);
            (crd.spec.names.kind.clone(), schema.unwrap_or_default())
        })
        .collect();
    let mut problems = Vec::new();
    for manifest in manifests.iter().filter(|manifest| manifest.is_ours()) {
        let mut messages = Vec::new();
        check_metadata(&manifest.object, &mut messages);
        if let Some(schema) = schemas.get(manifest.kind()) {
            // The status is the platform's own; the server ignores what a manifest says there.
            let mut object = manifest.object.clone();
            if let Some(fields) = object.as_object_mut() {
                fields.remove("status");
                fields.remove("metadata");
            }
            check(&object, schema, "", &mut messages);
        }
        problems.extend(messages.into_iter().map(|message| manifest.problem(message)));
    }
    problems
}

fn check_metadata(object: &Value, messages: &mut Vec<String>) {
    let Some(Value::Object(metadata)) = object.get("metadata") else { return };
    for key in metadata.keys().filter(|key| !METADATA_FIELDS.contains(&key.as_str())) {
        let known = METADATA_FIELDS.iter().map(|field| (*field).to_owned());
        messages.push(with_proposal(format!("unknown field `metadata.{key}`"), key, known));
    }
    for field in ["labels", "annotations"] {
        let Some(Value::Object(entries)) = metadata.get(field) else { continue };
        for (key, value) in entries.iter().filter(|(_, value)| !value.is_string()) {
            messages.push(format!("`metadata.{field}` `{key}` must be text: write \"{value}\""));
        }
    }
}

fn check(value: &Value, schema: &Value, path: &str, messages: &mut Vec<String>) {
    // The server drops nulls before it looks.
    if value.is_null() || schema.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
        return;
    }
    if let Some(wanted) = schema.get("type").and_then(Value::as_str)
        && !has_type(value, wanted)
    {
        messages.push(format!("`{path}` must be {}, not {}", describe(wanted), describe(type_of(value))));
        return;
    }
    if let Some(Value::Array(allowed)) = schema.get("enum")
        && !allowed.contains(value)
    {
        let names: Vec<String> = allowed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let wrong = value.as_str().unwrap_or_default();
        let text = format!("`{path}` cannot be `{wrong}`");
        messages.push(match similar(wrong, names.clone()) {
            Some(_) => with_proposal(text, wrong, names),
            None => format!("{text}: it is one of {}", crate::error::quoted(&names)),
        });
    }
    let is_too_short = value.as_str().is_some_and(str::is_empty)
        && schema.get("minLength").and_then(Value::as_u64).is_some_and(|minimum| minimum > 0);
    if is_too_short {
        messages.push(format!("`{path}` must not be empty"));
    }
    match value {
        Value::Object(fields) => check_fields(fields, schema, path, messages),
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    check(item, schema, &format!("{path}[{index}]"), messages);
                }
            }
        }
        _ => {}
    }
}

fn check_fields(fields: &serde_json::Map<String, Value>, schema: &Value, path: &str, messages: &mut Vec<String>) {
    let none = serde_json::Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let others = schema.get("additionalProperties");
    let keeps_unknown = schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    for (key, value) in fields {
        let path = join(path, key);
        match (known.get(key), others) {
            (Some(schema), _) => check(value, schema, &path, messages),
            (None, Some(schema @ Value::Object(_))) => check(value, schema, &path, messages),
            (None, Some(Value::Bool(true))) => {}
            _ if keeps_unknown => {}
            _ => messages.push(with_proposal(format!("unknown field `{path}`"), key, known.keys().cloned())),
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for key in required {
        let has_default = known.get(key).is_some_and(|schema| schema.get("default").is_some());
        if !has_default && fields.get(key).is_none_or(Value::is_null) {
            messages.push(format!("`{}` is missing", join(path, key)));
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn with_proposal(text: String, wrong: &str, known: impl IntoIterator<Item = String>) -> String {
    match similar(wrong, known) {
        Some(name) => format!("{text}: did you mean `{name}`?"),
        None => text,
    }
}

fn has_type(value: &Value, wanted: &str) -> bool {
    match wanted {
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        wanted => type_of(value) == wanted,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn describe(type_: &str) -> &str {
    match type_ {
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        "string" => "text",
        "array" => "a list",
        "object" => "an object",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn messages(object: Value) -> Vec<String> {
        let manifests = [Manifest { source: "test.yaml".to_owned(), document: 1, object }];
        let mut problems = check_headers(&manifests);
        problems.extend(check_schema(&manifests));
        problems.into_iter().map(|problem| problem.message).collect()
    }

    fn component(spec: Value) -> Value {
        json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Component", "metadata": {"name": "web"}, "spec": spec})
    }

    #[test]
    fn a_manifest_says_what_it_is() {
        assert_eq!(messages(json!([])), ["this is not an object"]);
        assert_eq!(messages(json!({"kind": "Pod"})), ["`apiVersion` is missing"]);
        assert_eq!(messages(json!({"apiVersion": "v1"})), ["`kind` is missing"]);
        assert_eq!(messages(json!({"apiVersion": "v1", "kind": "Pod"})), ["`metadata.name` is missing"]);
        assert_eq!(
            messages(json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Compnent", "metadata": {"name": "a"}})),
            ["unknown kind `Compnent`: did you mean `Component`?"]
        );
        assert_eq!(
            messages(json!({"apiVersion": "openchoreo.dev/v1", "kind": "Component", "metadata": {"name": "a"}})),
            ["unknown version `openchoreo.dev/v1`: did you mean `openchoreo.dev/v1alpha1`?"]
        );
    }

    #[test]
    fn slips_of_the_pen_get_a_proposal() {
        let owner = json!({"projectName": "shop"});
        assert_eq!(messages(component(json!({"owner": owner, "type": "Service"}))), [""; 0]);
        assert_eq!(
            messages(component(json!({"owner": owner, "type": "Service", "biuld": {}}))),
            ["unknown field `spec.biuld`: did you mean `build`?"]
        );
        assert_eq!(
            messages(component(json!({"owner": {"project": "shop"}, "type": "Service"}))),
            ["unknown field `spec.owner.project`", "`spec.owner.projectName` is missing"]
        );
        assert_eq!(
            messages(component(json!({"owner": owner, "type": ["Service"]}))),
            ["`spec.type` must be text, not a list"]
        );
        assert_eq!(messages(component(json!({"owner": owner, "type": ""}))), ["`spec.type` must not be empty"]);
    }

    #[test]
    fn labels_are_text() {
        let mut object = component(json!({"owner": {"projectName": "shop"}, "type": "Service"}));
        object["metadata"]["labels"] = json!({"tier": 1});
        object["metadata"]["label"] = json!({});
        assert_eq!(
            messages(object),
            [
                "unknown field `metadata.label`: did you mean `labels`?",
                "`metadata.labels` `tier` must be text: write \"1\""
            ]
        );
    }

    #[test]
    fn a_status_is_not_looked_at() {
        let mut object = component(json!({"owner": {"projectName": "shop"}, "type": "Service"}));
        object["status"] = json!({"anything": true});
        assert_eq!(messages(object), [""; 0]);
    }
}
