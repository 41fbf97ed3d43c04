//! Checking a manifest without a cluster: what an API server would refuse, and what it would silently drop.
//!
//! The check reads the same schema that the definitions carry. It leaves out patterns and rules in CEL; the one rule that
//! people meet, the shape of a cluster's credentials, is checked by [`KubernetesCluster::connection`] instead.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::API_VERSION;
use crate::common::KubernetesCluster;

/// Something wrong with a field of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Where it is, such as `spec.owner.projectName` or `spec.promotionPaths[0].sourceEnvironmentRef`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What was probably meant, where that can be guessed.
    pub suggestion: Option<String>,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}`: {}", self.path, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(formatter, "; did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FieldProblem {}

/// Checks one object of a platform kind.
///
/// # Errors
///
/// All problems that were found, in the order of the schema: an unknown kind, unknown fields, missing fields, and values
/// of the wrong type or outside the allowed ones.
///
/// ```
/// use openchoreo_types::{validate::validate_manifest, yaml};
///
/// let project = yaml::from_str(
///     "{apiVersion: openchoreo.dev/v1alpha1, kind: Project, spec: {deploymentPipeline: main}}",
/// )?;
/// let problems = validate_manifest(&project).unwrap_err();
/// let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
/// assert_eq!(messages, [
///     "`spec.deploymentPipelineRef`: is required",
///     "`spec.deploymentPipeline`: unknown field; did you mean `deploymentPipelineRef`?",
/// ]);
/// # Ok::<(), yaml::YamlError>(())
/// ```
pub fn validate_manifest(document: &Value) -> Result<(), Vec<FieldProblem>> {
    let mut problems = Problems::default();
    let api_version = document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    if api_version != API_VERSION {
        problems.add("apiVersion", format!("expected `{API_VERSION}`, found `{api_version}`"), None);
        return Err(problems.0);
    }
    let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default();
    let crds = crate::crds();
    let Some(crd) = crds.iter().find(|crd| crd.spec.names.kind == kind) else {
        let known = crds.iter().map(|crd| crd.spec.names.kind.as_str());
        problems.add("kind", format!("no such kind: `{kind}`"), nearest(kind, known));
        return Err(problems.0);
    };
    let schema = crd.spec.versions.first().and_then(|version| version.schema.as_ref());
    if let Some(schema) = schema.and_then(|schema| schema.open_api_v3_schema.as_ref()) {
        problems.check("", document, schema);
    }
    if problems.0.is_empty() {
        problems.check_cluster(document);
    }
    if problems.0.is_empty() { Ok(()) } else { Err(problems.0) }
}

#[derive(Default)]
struct Problems(Vec<FieldProblem>);

impl Problems {
    fn add(&mut self, path: &str, message: impl Into<String>, suggestion: Option<String>) {
        self.0.push(FieldProblem { path: path.to_owned(), message: message.into(), suggestion });
    }

    fn check(&mut self, path: &str, value: &Value, schema: &JSONSchemaProps) {
        // API servers drop a null where the schema allows none.
        if value.is_null() {
            return;
        }
        if schema.x_kubernetes_int_or_string == Some(true) {
            if !value.is_i64() && !value.is_string() {
                self.add(path, format!("expected a whole number or text, found {}", type_of(value)), None);
            }
            return;
        }
        if let Some(expected) = schema.type_.as_deref()
            && !is_of_type(value, expected)
        {
            self.add(path, format!("expected {}, found {}", with_article(expected), type_of(value)), None);
            return;
        }
        match value {
            Value::Object(fields) => self.check_object(path, fields, schema),
            Value::Array(items) => self.check_array(path, items, schema),
            Value::String(text) => self.check_text(path, text, schema),
            Value::Number(number) => self.check_number(path, number.as_f64(), schema),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn check_object(&mut self, path: &str, fields: &Map<String, Value>, schema: &JSONSchemaProps) {
        let empty = BTreeMap::new();
        let properties = schema.properties.as_ref().unwrap_or(&empty);
        for name in schema.required.iter().flatten() {
            if fields.get(name).is_none_or(Value::is_null) {
                self.add(&join(path, name), "is required", None);
            }
        }
        for (name, value) in fields {
            let field = join(path, name);
            match (properties.get(name), &schema.additional_properties) {
                (Some(property), _) => self.check(&field, value, property),
                (None, Some(JSONSchemaPropsOrBool::Schema(values))) => self.check(&field, value, values),
                (None, _) if is_open(path, schema) => {}
                (None, _) => {
                    let unused = properties.keys().filter(|known| !fields.contains_key(*known)).map(String::as_str);
                    self.add(&field, "unknown field", nearest(name, unused));
                }
            }
        }
        if let Some(alternatives) = &schema.any_of {
            let fits = |one: &JSONSchemaProps| one.required.iter().flatten().all(|name| fields.contains_key(name));
            if !alternatives.iter().any(fits) {
                let sets: Vec<String> =
                    alternatives.iter().map(|one| one.required.clone().unwrap_or_default().join("` with `")).collect();
                self.add(path, format!("needs `{}`", sets.join("`, or `")), None);
            }
        }
    }

    fn check_array(&mut self, path: &str, items: &[Value], schema: &JSONSchemaProps) {
        if let Some(JSONSchemaPropsOrArray::Schema(item_schema)) = &schema.items {
            for (index, item) in items.iter().enumerate() {
                self.check(&format!("{path}[{index}]"), item, item_schema);
            }
        }
    }

    fn check_text(&mut self, path: &str, text: &str, schema: &JSONSchemaProps) {
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if schema.min_length.is_some_and(|least| length < least) {
            let message = if length == 0 { "must not be empty" } else { "is too short" };
            self.add(path, message, None);
        }
        if schema.max_length.is_some_and(|most| length > most) {
            self.add(path, "is too long", None);
        }
        if let Some(allowed) = &schema.enum_
            && !allowed.iter().any(|one| one.0.as_str() == Some(text))
        {
            let names: Vec<&str> = allowed.iter().filter_map(|one| one.0.as_str()).collect();
            let message = format!("`{text}` is none of `{}`", names.join("`, `"));
            self.add(path, message, nearest(text, names.iter().copied()));
        }
    }

    fn check_number(&mut self, path: &str, number: Option<f64>, schema: &JSONSchemaProps) {
        let Some(number) = number else { return };
        if let Some(least) = schema.minimum.filter(|least| number < *least) {
            self.add(path, format!("must be at least {least}"), None);
        }
        if let Some(most) = schema.maximum.filter(|most| number > *most) {
            self.add(path, format!("must be at most {most}"), None);
        }
    }

    /// The rule that the definitions of planes write in CEL.
    fn check_cluster(&mut self, document: &Value) {
        let Some(cluster) = document.pointer("/spec/kubernetesCluster") else { return };
        if let Ok(cluster) = KubernetesCluster::deserialize(cluster)
            && let Err(error) = cluster.connection()
        {
            self.add("spec.kubernetesCluster", error.to_string(), None);
        }
    }
}

/// Whether fields that the schema does not name are fine here.
fn is_open(path: &str, schema: &JSONSchemaProps) -> bool {
    // The schema of an object's metadata is the API server's own, so definitions leave it empty.
    path == "metadata" || schema.x_kubernetes_preserve_unknown_fields == Some(true)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn is_of_type(value: &Value, expected: &str) -> bool {
    match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => true,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn with_article(expected: &str) -> &str {
    match expected {
        "object" => "an object",
        "array" => "a list",
        "string" => "text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        other => other,
    }
}

/// The known word that somebody who wrote `word` probably meant.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase();
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        // Leaving out an ending such as `Ref` is the commonest slip, and a long way in single letters.
        let is_prefix = lower.len() > 3 && (candidate.starts_with(&lower) || lower.starts_with(&candidate));
        if is_prefix { 1 } else { edit_distance(&lower, &candidate) }
    };
    known
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().min(word.len()) / 3 + 1)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// How many letters must be changed, added or left out to turn one word into the other.
fn edit_distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut next = vec![index + 1];
        for (other, (above, diagonal)) in to.iter().zip(row.iter().skip(1).zip(&row)) {
            let left = next.last().copied().unwrap_or_default();
            let change = diagonal + usize::from(letter != *other);
            next.push(change.min(left + 1).min(above + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
