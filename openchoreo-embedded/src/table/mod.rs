//! `meta.k8s.io/v1` tables.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// A column declared by a custom resource definition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PrinterColumn {
    /// Heading.
    pub name: String,
    /// JSON type of the cells.
    #[serde(rename = "type")]
    pub r#type: String,
    /// OpenAPI format.
    #[serde(default)]
    pub format: String,
    /// Help text.
    #[serde(default)]
    pub description: String,
    /// Columns above zero show in wide output only.
    #[serde(default)]
    pub priority: i32,
    /// Where the value is.
    #[serde(rename = "jsonPath")]
    pub json_path: String,
}

/// What each row carries of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Metadata only.
    #[default]
    Metadata,
    /// All of it.
    Object,
}

/// What a table depends on beside its objects.
#[derive(Debug, Clone, Copy)]
pub struct TableContext<'a> {
    /// The instant ages are counted to.
    pub now: Timestamp,
    /// Declared columns of a custom resource.
    pub columns: Option<&'a [PrinterColumn]>,
    /// What each row carries of its object.
    pub include_object: IncludeObject,
}

/// Renders objects as a table.
pub fn table(_api_version: &str, _kind: &str, _objects: &[&Value], list_meta: Value, _cx: &TableContext<'_>) -> Value {
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": list_meta, "columnDefinitions": [], "rows": []})
}
