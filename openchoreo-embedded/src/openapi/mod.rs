//! OpenAPI v3 documents.

use serde_json::{Value, json};

/// One kind of a group version.
#[derive(Debug, Clone, Copy)]
pub struct OpenApiKind<'a> {
    /// The kind.
    pub kind: &'a str,
    /// Its plural.
    pub plural: &'a str,
    /// Whether it lives in namespaces.
    pub namespaced: bool,
    /// Whether it has a status subresource.
    pub status: bool,
    /// Its schema.
    pub schema: &'a Value,
}

/// The index of documents.
pub fn index(_groups: &[(String, String)]) -> Value {
    json!({"paths": {}})
}

/// The document of one group version.
pub fn group_document(_group: &str, _version: &str, _kinds: &[OpenApiKind<'_>]) -> Value {
    json!({"openapi": "3.0.0"})
}
