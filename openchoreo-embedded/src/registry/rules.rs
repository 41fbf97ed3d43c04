//! What schemas cannot say about built-in kinds, as far as people run into it.
//!
//! A real API server validates far more by hand; here are the rules whose breach makes an object useless.

use serde_json::Value;

use super::custom;
use crate::schema::{FieldError, FieldErrorKind};
use crate::value;

/// What is wrong with an object of a built-in kind.
pub(crate) fn check(api_version: &str, kind: &str, object: &Value) -> Vec<FieldError> {
    match (api_version, kind) {
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition") => custom::check(object),
        ("apps/v1", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => selector_matches_template(object),
        _ => Vec::new(),
    }
}

/// A workload that does not select its own pods would make them without end.
fn selector_matches_template(object: &Value) -> Vec<FieldError> {
    let labels = value::at(object, &["spec", "template", "metadata", "labels"]);
    let selected = value::at(object, &["spec", "selector", "matchLabels"]).and_then(Value::as_object);
    let matches = selected.is_none_or(|selected| {
        selected.iter().all(|(key, wanted)| labels.and_then(|labels| labels.get(key)) == Some(wanted))
    });
    if matches {
        return Vec::new();
    }
    let given = labels.cloned().unwrap_or_default();
    vec![FieldError {
        kind: FieldErrorKind::Invalid,
        path: "spec.template.metadata.labels".into(),
        detail: format!("{given}: `selector` does not match template `labels`"),
    }]
}
