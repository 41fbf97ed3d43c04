//! Who an object belongs to, as written in its spec.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The component, and through it the project, that an object belongs to.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OwnerRef {
    /// `metadata.name` of the owning Project.
    #[schemars(length(min = 1))]
    pub project_name: String,
    /// `metadata.name` of the owning Component.
    #[schemars(length(min = 1))]
    pub component_name: String,
}

/// The project that a component belongs to.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ProjectOwner {
    /// `metadata.name` of the owning Project.
    #[schemars(length(min = 1))]
    pub project_name: String,
}
