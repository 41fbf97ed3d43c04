//! The patch formats that carry no ownership: JSON Patch, JSON Merge Patch, and strategic merge patch.
//!
//! Server-side apply, the fourth format, is in [`crate::managed_fields`]. Each function returns a new value and leaves
//! its input alone; what a patch may change is the caller's affair.

mod strategic;

use json_patch::{Patch, PatchOperation};
use serde_json::{Map, Value};

use crate::schema::Schema;

/// Why a patch was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The document is not a patch of its format.
    #[error("the patch is malformed: {0}")]
    Malformed(String),
    /// The patch does not fit the object: a `test` fails, or a place it names does not exist.
    #[error("the patch does not apply: {0}")]
    DoesNotApply(String),
}

/// Applies a JSON Patch (RFC 6902), all of it or nothing.
///
/// As in Kubernetes, a `test` for `null` passes where the member is absent; clients guard the first finalizer so.
///
/// ```
/// use openchoreo_embedded::patch::json_patch;
/// use serde_json::json;
///
/// let patch = json!([
///     {"op": "test", "path": "/metadata/finalizers", "value": null},
///     {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/guard"]},
/// ]);
/// let patched = json_patch(&json!({"metadata": {}}), &patch)?;
/// assert_eq!(patched, json!({"metadata": {"finalizers": ["example.com/guard"]}}));
/// # Ok::<(), openchoreo_embedded::patch::PatchError>(())
/// ```
///
/// # Errors
///
/// When the document is not a JSON Patch or an operation fails.
pub fn json_patch(object: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Patch(operations) =
        serde_json::from_value(patch.clone()).map_err(|cause| PatchError::Malformed(cause.to_string()))?;
    let mut patched = object.clone();
    for (index, operation) in operations.iter().enumerate() {
        if let PatchOperation::Test(test) = operation
            && test.value.is_null()
            && patched.pointer(test.path.as_str()).is_none()
        {
            continue;
        }
        json_patch::patch(&mut patched, std::slice::from_ref(operation)).map_err(|cause| {
            PatchError::DoesNotApply(format!("operation {index} on `{}`: {}", operation.path(), cause.kind))
        })?;
    }
    Ok(patched)
}

/// Applies a JSON Merge Patch (RFC 7396): objects merge, `null` removes, everything else replaces.
///
/// ```
/// use openchoreo_embedded::patch::merge_patch;
/// use serde_json::json;
///
/// assert_eq!(merge_patch(&json!({"a": 1, "b": 2}), &json!({"a": null, "c": 3})), json!({"b": 2, "c": 3}));
/// ```
pub fn merge_patch(object: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut patched = object.as_object().cloned().unwrap_or_else(Map::new);
    for (name, value) in patch {
        if value.is_null() {
            patched.remove(name);
        } else {
            let merged = merge_patch(patched.get(name).unwrap_or(&Value::Null), value);
            patched.insert(name.clone(), merged);
        }
    }
    Value::Object(patched)
}

/// Applies a strategic merge patch: a merge patch in which the schema's lists merge item by item, with the directives
/// `$patch`, `$retainKeys`, `$deleteFromPrimitiveList/…` and `$setElementOrder/…`.
///
/// Which lists merge and by which member comes from the schema; only built-in kinds have such lists.
///
/// # Errors
///
/// When a directive is unknown or misplaced, or a list item lacks the member that tells items apart.
pub fn strategic_merge_patch(schema: &Schema, object: &Value, patch: &Value) -> Result<Value, PatchError> {
    strategic::merge(&schema.root, object, patch)
}
