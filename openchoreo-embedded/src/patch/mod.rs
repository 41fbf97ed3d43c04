//! The three patch formats that carry no ownership.

use serde_json::Value;

use crate::schema::Schema;

/// Why a patch was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The document is not a patch.
    #[error("the patch is malformed: {0}")]
    Malformed(String),
    /// The patch does not fit the object.
    #[error("the patch does not apply: {0}")]
    DoesNotApply(String),
}

/// RFC 6902.
pub fn json_patch(object: &Value, _patch: &Value) -> Result<Value, PatchError> {
    Ok(object.clone())
}
/// RFC 7396.
pub fn merge_patch(object: &Value, _patch: &Value) -> Value {
    object.clone()
}
/// Strategic merge.
pub fn strategic_merge_patch(_schema: &Schema, object: &Value, _patch: &Value) -> Result<Value, PatchError> {
    Ok(object.clone())
}
