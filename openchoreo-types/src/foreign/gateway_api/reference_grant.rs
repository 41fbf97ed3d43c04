//! Who may refer to objects of another namespace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::foreign_kind;
use crate::wire;

foreign_kind! {
    /// Lets objects of other namespaces refer to objects of this one.
    pub ReferenceGrant("gateway.networking.k8s.io", "v1beta1", referencegrants, referencegrant, Namespaced) {
        spec: ReferenceGrantSpec,
        short_names: ["refgrant"],
        categories: ["gateway-api"],
        columns: [("Age", "date", ".metadata.creationTimestamp")],
        status_subresource: false,
    }
}

/// Who may refer to what.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrantSpec {
    /// Who may refer.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub from: Vec<ReferenceGrantFrom>,
    /// To what.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub to: Vec<ReferenceGrantTo>,
}

/// Objects that may refer.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrantFrom {
    /// Their group.
    pub group: String,
    /// Their kind.
    pub kind: String,
    /// Their namespace.
    pub namespace: String,
}

/// Objects that may be referred to.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ReferenceGrantTo {
    /// Their group; empty for the core group.
    pub group: String,
    /// Their kind.
    pub kind: String,
    /// Name of the object; all when absent.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
