//! Checking a manifest without a cluster: what an API server would refuse, and what it would silently drop.
//!
//! The check reads the same schema that the definitions carry. It leaves out patterns and rules in CEL; the one rule that
//! people meet, the shape of a cluster's credentials, is checked by [`KubernetesCluster::connection`] instead. A status
//! is not looked at: it is the platform's own, and API servers ignore what a manifest says there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::API_VERSION;
use crate::common::KubernetesCluster;
use crate::spelling::nearest;

/// The fields of an object's metadata, whose schema is the API server's own.
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

/// The schemas of the platform's kinds. Making them is too slow to do it for every manifest.
static SCHEMAS: LazyLock<BTreeMap<String, JSONSchemaProps>> = LazyLock::new(|| {
    crate::crds()
        .into_iter()
        .filter_map(|crd| {
            let schema = crd.spec.versions.into_iter().next()?.schema?.open_api_v3_schema?;
            Some((crd.spec.names.kind, schema))
        })
        .collect()
});

/// Something wrong with a field of a manifest.
///
/// Printed, it is one sentence: the path, what is wrong with it, and what was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Where it is, such as `spec.owner.projectName` or `spec.promotionPaths[0].sourceEnvironmentRef`.
    pub path: String,
    /// What is wrong, as a predicate of the path: `is missing`.
    pub message: String,
    /// What was probably meant, where that can be guessed.
    pub suggestion: Option<String>,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` {}", self.path, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(formatter, ": did you mean `{suggestion}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FieldProblem {}

/// Checks one object of a platform kind.
///
/// # Errors
///
/// All problems that were found, those of the metadata first: unknown fields, missing fields, and values of the wrong
/// type or outside the allowed ones. An unknown version or kind is the only problem then, as nothing else can be said.
///
/// ```
/// use openchoreo_types::{validate::validate_manifest, yaml};
///
/// let project = yaml::from_str(
///     "{apiVersion: openchoreo.dev/v1alpha1, kind: Project, metadata: {name: shop}, spec: {deploymentPipeline: main}}",
/// )?;
/// let problems = validate_manifest(&project).unwrap_err();
/// let messages: Vec<String> = problems.iter().map(ToString::to_string).collect();
/// assert_eq!(messages, [
///     "`spec.deploymentPipeline` is an unknown field: did you mean `deploymentPipelineRef`?",
///     "`spec.deploymentPipelineRef` is missing",
/// ]);
/// # Ok::<(), yaml::YamlError>(())
/// ```
pub fn validate_manifest(document: &Value) -> Result<(), Vec<FieldProblem>> {
    let mut problems = Problems::default();
    problems.check_document(document);
    if problems.0.is_empty() { Ok(()) } else { Err(problems.0) }
}

#[derive(Default)]
struct Problems(Vec<FieldProblem>);

impl Problems {
    fn add(&mut self, path: &str, message: impl Into<String>, suggestion: Option<&str>) {
        let suggestion = suggestion.map(str::to_owned);
        self.0.push(FieldProblem { path: path.to_owned(), message: message.into(), suggestion });
    }

    fn check_document(&mut self, document: &Value) {
        let Some(_) = self.header(document, "apiVersion", &[API_VERSION]) else { return };
        let kinds: Vec<&str> = SCHEMAS.keys().map(String::as_str).collect();
        let Some(kind) = self.header(document, "kind", &kinds) else { return };
        self.check_metadata(document.get("metadata"));
        if let (Some(schema), Value::Object(fields)) = (SCHEMAS.get(kind), document) {
            let is_checked_here = |name: &str| !matches!(name, "metadata" | "status");
            let fields: Map<String, Value> = fields
                .iter()
                .filter(|(name, _)| is_checked_here(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            self.check_object("", &fields, schema);
        }
        if self.0.is_empty() {
            self.check_cluster(document);
        }
    }

    /// A field that says what the document is, if it is one of the known values.
    fn header<'a>(&mut self, document: &'a Value, name: &str, known: &[&str]) -> Option<&'a str> {
        match document.get(name) {
            None | Some(Value::Null) => self.add(name, "is missing", None),
            Some(Value::String(text)) if known.contains(&text.as_str()) => return Some(text),
            Some(Value::String(text)) => self.refuse_choice(name, text, known),
            Some(other) => self.refuse_type(name, other, "string"),
        }
        None
    }

    fn check_metadata(&mut self, metadata: Option<&Value>) {
        let metadata = match metadata.filter(|metadata| !metadata.is_null()) {
            None => return self.add("metadata.name", "is missing", None),
            Some(Value::Object(metadata)) => metadata,
            Some(other) => return self.refuse_type("metadata", other, "object"),
        };
        for (name, value) in metadata {
            let path = join("metadata", name);
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("name" | "generateName" | "namespace", value) if !value.is_string() => {
                    self.refuse_type(&path, value, "string");
                }
                ("labels" | "annotations", Value::Object(entries)) => {
                    // The keys have dots of their own, so they stand in brackets.
                    for (key, value) in entries.iter().filter(|(_, value)| !value.is_string() && !value.is_null()) {
                        self.refuse_type(&format!("{path}[{key}]"), value, "string");
                    }
                }
                ("labels" | "annotations", value) => self.refuse_type(&path, value, "object"),
                (known, _) if METADATA_FIELDS.contains(&known) => {}
                _ => self.refuse_field(&path, name, METADATA_FIELDS, metadata),
            }
        }
        if is_empty(metadata.get("name")) && is_empty(metadata.get("generateName")) {
            self.add("metadata.name", "is missing", None);
        }
    }

    fn check(&mut self, path: &str, value: &Value, schema: &JSONSchemaProps) {
        // API servers drop a null where the schema allows none.
        if value.is_null() {
            return;
        }
        if schema.x_kubernetes_int_or_string == Some(true) {
            match value {
                Value::String(text) => self.check_text(path, text, schema),
                _ if is_of_type(value, "integer") => {}
                _ => self.add(path, format!("must be a whole number or text, not {}", shown(value)), None),
            }
            return;
        }
        if let Some(expected) = schema.type_.as_deref()
            && !is_of_type(value, expected)
        {
            self.refuse_type(path, value, expected);
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
        if let Some(most) = schema.max_properties.filter(|most| is_more(fields.len(), *most)) {
            return self.add(path, format!("must have {most} entries or fewer, not {}", fields.len()), None);
        }
        let none = BTreeMap::new();
        let properties = schema.properties.as_ref().unwrap_or(&none);
        let is_open = schema.x_kubernetes_preserve_unknown_fields == Some(true);
        for (name, value) in fields {
            let field = join(path, name);
            match (properties.get(name), &schema.additional_properties) {
                (Some(property), _) => self.check(&field, value, property),
                (None, Some(JSONSchemaPropsOrBool::Schema(values))) => self.check(&field, value, values),
                (None, Some(JSONSchemaPropsOrBool::Bool(true))) => {}
                (None, _) if is_open => {}
                (None, _) => self.refuse_field(&field, name, properties.keys().map(String::as_str), fields),
            }
        }
        let is_given = |name: &String| fields.get(name).is_some_and(|value| !value.is_null());
        let has_default = |name: &String| properties.get(name).is_some_and(|property| property.default.is_some());
        for name in schema.required.iter().flatten().filter(|name| !is_given(name) && !has_default(name)) {
            self.add(&join(path, name), "is missing", None);
        }
        if let Some(alternatives) = &schema.any_of {
            let fits = |one: &JSONSchemaProps| one.required.iter().flatten().all(is_given);
            if !alternatives.iter().any(fits) {
                let sets: Vec<String> =
                    alternatives.iter().map(|one| one.required.clone().unwrap_or_default().join("` with `")).collect();
                self.add(path, format!("needs `{}`", sets.join("`, or `")), None);
            }
        }
    }

    fn check_array(&mut self, path: &str, items: &[Value], schema: &JSONSchemaProps) {
        if let Some(most) = schema.max_items.filter(|most| is_more(items.len(), *most)) {
            // What is wrong with each of so many is not worth reading.
            return self.add(path, format!("must have {most} entries or fewer, not {}", items.len()), None);
        }
        if let Some(JSONSchemaPropsOrArray::Schema(item_schema)) = &schema.items {
            for (index, item) in items.iter().enumerate() {
                self.check(&format!("{path}[{index}]"), item, item_schema);
            }
        }
    }

    fn check_text(&mut self, path: &str, text: &str, schema: &JSONSchemaProps) {
        let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
        if let Some(least) = schema.min_length.filter(|least| length < *least) {
            let message = if length == 0 {
                "must not be empty".to_owned()
            } else {
                format!("must have {least} characters or more")
            };
            self.add(path, message, None);
            return;
        }
        if let Some(most) = schema.max_length.filter(|most| length > *most) {
            self.add(path, format!("must have {most} characters or fewer"), None);
        }
        if let Some(allowed) = &schema.enum_ {
            let names: Vec<&str> = allowed.iter().filter_map(|one| one.0.as_str()).collect();
            if !names.contains(&text) {
                self.refuse_choice(path, text, &names);
            }
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
            self.add("spec.kubernetesCluster", format!("cannot be used: {error}"), None);
        }
    }

    fn refuse_type(&mut self, path: &str, value: &Value, expected: &str) {
        let message = format!("must be {}, not {}", with_article(expected), shown(value));
        // What looks like a number or a truth value to YAML becomes text in quotes.
        let is_unquoted = expected == "string" && (value.is_number() || value.is_boolean());
        self.add(path, if is_unquoted { format!("{message}: write \"{value}\"") } else { message }, None);
    }

    fn refuse_choice(&mut self, path: &str, text: &str, known: &[&str]) {
        match nearest(text, known.iter().copied()) {
            Some(near) => self.add(path, format!("cannot be `{text}`"), Some(near)),
            None => self.add(path, format!("cannot be `{text}`: it is one of `{}`", known.join("`, `")), None),
        }
    }

    fn refuse_field<'a>(
        &mut self,
        path: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
        fields: &Map<String, Value>,
    ) {
        // A field that is there already is not the one that was meant.
        let unused = known.into_iter().filter(|known| !fields.contains_key(*known));
        self.add(path, "is an unknown field", nearest(name, unused));
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn is_more(length: usize, most: i64) -> bool {
    i64::try_from(length).unwrap_or(i64::MAX) > most
}

fn is_empty(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.is_null() || value.as_str() == Some(""))
}

fn is_of_type(value: &Value, expected: &str) -> bool {
    match expected {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        // To an API server, `1.0` is a whole number.
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        _ => true,
    }
}

/// A value where another type was expected: itself where it is short, else what it is.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(_) => "text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
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
