//! Field ownership and server-side apply.

use serde_json::Value;

use crate::schema::Schema;

/// How a manager wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Any other write.
    Update,
}

/// Who writes, as recorded in `metadata.managedFields`.
#[derive(Debug, Clone, Copy)]
pub struct Manager<'a> {
    /// The field manager.
    pub name: &'a str,
    /// How it writes.
    pub operation: Operation,
    /// The version of the body.
    pub api_version: &'a str,
    /// `status`, … when a subresource is written.
    pub subresource: Option<&'a str>,
    /// When.
    pub time: jiff::Timestamp,
}

/// One field that another manager owns with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The other manager.
    pub manager: String,
    /// The field, as `.spec.replicas`.
    pub field: String,
}

/// Why an apply was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// Others own fields with other values.
    #[error("apply failed with {} conflicts", .0.len())]
    Conflicts(Vec<Conflict>),
    /// The configuration cannot be applied.
    #[error("{0}")]
    Invalid(String),
}

/// Server-side apply.
pub fn apply(
    _schema: &Schema,
    _live: Option<&Value>,
    config: &Value,
    _manager: &Manager<'_>,
    _force: bool,
) -> Result<Value, ApplyError> {
    Ok(config.clone())
}

/// Tracks ownership over any other write.
pub fn update(_schema: &Schema, _live: Option<&Value>, new: Value, _manager: &Manager<'_>) -> Value {
    new
}
