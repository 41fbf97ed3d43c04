//! The view of an object as a number of replicas.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::registry::{Kind, ScalePaths};
use crate::schema::FieldErrorKind;
use crate::value;

fn segments(path: &str) -> Vec<&str> {
    path.split('.').collect()
}

/// The `Scale` of an object.
pub(super) fn read(paths: &ScalePaths, object: &Value) -> Value {
    let number = |path: &str| value::at(object, &segments(path)).and_then(Value::as_i64).unwrap_or(0);
    let mut metadata = json!({});
    for member in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        value::copy_member(object.get("metadata").unwrap_or(&Value::Null), &mut metadata, &[member]);
    }
    let mut status = json!({"replicas": number(&paths.status_replicas)});
    match paths.selector.as_deref().and_then(|path| value::at(object, &segments(path))) {
        Some(Value::String(selector)) => value::set(&mut status, &["selector"], selector.as_str()),
        Some(selector) => {
            let labels = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
            let pairs: Vec<String> =
                labels.map(|(key, label)| format!("{key}={}", label.as_str().unwrap_or_default())).collect();
            value::set(&mut status, &["selector"], pairs.join(","));
        }
        None => {}
    }
    json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": metadata,
        "spec": {"replicas": number(&paths.replicas)},
        "status": status,
    })
}

/// The object with the number of replicas that a `Scale` wants.
pub(super) fn write(paths: &ScalePaths, kind: &Kind, live: &Value, scale: &Value) -> Result<Value, ApiError> {
    let name = value::name(live);
    let replicas = value::at(scale, &["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(0);
    if replicas < 0 {
        let detail = format!("{replicas}: must be greater than or equal to 0");
        return Err(ApiError::invalid_field(kind, name, FieldErrorKind::Invalid, "spec.replicas", detail));
    }
    let mut next = live.clone();
    if let Some(version) = value::meta(scale, "resourceVersion") {
        value::set(&mut next, &["metadata", "resourceVersion"], version);
    }
    value::set(&mut next, &segments(&paths.replicas), replicas);
    Ok(next)
}
