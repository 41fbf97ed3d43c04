//! What a status says about remote planes: which ones hold objects, and whether they answer.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of a plane.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlaneKind {
    /// A cluster that runs components.
    #[default]
    DataPlane,
    /// A cluster that runs builds.
    BuildPlane,
}

impl PlaneKind {
    /// As written in an object.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataPlane => "DataPlane",
            Self::BuildPlane => "BuildPlane",
        }
    }
}

/// A plane that holds objects of this one: what deletion must clean. Recorded before the first write to the plane.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "camelCase")]
pub struct PlaneRef {
    /// Kind of the plane.
    pub kind: PlaneKind,
    /// Namespace of the DataPlane or BuildPlane object.
    pub namespace: String,
    /// Name of the DataPlane or BuildPlane object.
    pub name: String,
}

/// The result of the latest successful connection to the cluster of a plane.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PlaneConnection {
    /// URL that answered.
    pub server: String,
    /// Version that the API server reported.
    pub version: String,
    /// Identity of the cluster behind the URL: the uid of its namespace `kube-system`, where that may be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// When the connection was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_at: Option<Time>,
}
