//! Rules in the Common Expression Language (`x-kubernetes-validations`), evaluated by `kube-cel`.
//!
//! The tree walk is this crate's: it knows the schema type to print and correlates items of keyed lists with their old
//! selves, and one node's rules see one conversion of one value. Rules compile when an object first reaches them, so
//! that installing a large definition is quick; a rule that does not compile or cannot be evaluated refuses the object
//! and says why.
//!
//! Deliberately absent: cost limits, and ratcheting (an unchanged invalid value is refused again on update, where
//! Kubernetes lets it pass).

use std::fmt;
use std::sync::{Arc, OnceLock};

use kube_cel::{CompiledSchema, ErrorKind};
use serde_json::{Map, Value};

use super::error::{FieldError, FieldErrorKind};

/// The rules of one node.
#[derive(Clone)]
pub(crate) struct Rules {
    /// The node's schema without the rules of its descendants.
    source: Arc<Value>,
    compiled: Arc<OnceLock<CompiledSchema>>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("rules", &self.source.get("x-kubernetes-validations")).finish()
    }
}

impl Rules {
    /// The rules of a schema node, `None` when it has none.
    pub(crate) fn of(schema: &Map<String, Value>) -> Option<Self> {
        let rules = schema.get("x-kubernetes-validations")?.as_array().filter(|rules| !rules.is_empty())?;
        let mut source = skeleton(schema);
        source.insert("x-kubernetes-validations".to_owned(), Value::Array(rules.clone()));
        Some(Self { source: Arc::new(Value::Object(source)), compiled: Arc::default() })
    }

    /// Evaluates the rules over one value. `type_name` is what Kubernetes prints in place of the value.
    pub(crate) fn evaluate(
        &self,
        value: &Value,
        old: Option<&Value>,
        path: &str,
        type_name: &str,
        findings: &mut Vec<FieldError>,
    ) {
        let compiled = self.compiled.get_or_init(|| kube_cel::compile_schema(&self.source));
        let Err(errors) = kube_cel::validate_compiled(compiled, value, old) else { return };
        for error in errors {
            let relative = error.field_path.trim_start_matches('.');
            let path = match (path, relative) {
                ("", "") => "<nil>".to_owned(),
                (path, "") => path.to_owned(),
                ("", relative) => relative.to_owned(),
                (path, relative) => format!("{path}.{relative}"),
            };
            let message = if error.kind == ErrorKind::ValidationFailure {
                error.message.trim().to_owned()
            } else {
                format!("rule `{}`: {}", error.rule, error.message)
            };
            findings.push(match error.reason.as_deref() {
                Some("FieldValueRequired") => FieldError::new(FieldErrorKind::Required, &path, message),
                Some("FieldValueForbidden") => FieldError::new(FieldErrorKind::Forbidden, &path, message),
                Some("FieldValueDuplicate") => {
                    FieldError::new(FieldErrorKind::Duplicate, &path, format!("{type_name:?}"))
                }
                _ => FieldError::new(FieldErrorKind::Invalid, &path, format!("{type_name:?}: {message}")),
            });
        }
    }
}

/// What a rule's evaluation needs of a schema: its shape and formats, not its texts nor the rules below it.
fn skeleton(schema: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = Map::new();
    for (keyword, value) in schema {
        let value = match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => Value::Object(
                properties.iter().map(|(name, property)| (name.clone(), skeleton_of_value(property))).collect(),
            ),
            ("items" | "additionalProperties", value) => skeleton_of_value(value),
            (
                "type"
                | "format"
                | "x-kubernetes-int-or-string"
                | "x-kubernetes-embedded-resource"
                | "x-kubernetes-preserve-unknown-fields",
                value,
            ) => value.clone(),
            _ => continue,
        };
        kept.insert(keyword.clone(), value);
    }
    kept
}

fn skeleton_of_value(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => Value::Object(skeleton(members)),
        other => other.clone(),
    }
}
