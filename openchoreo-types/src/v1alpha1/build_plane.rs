//! BuildPlane: a cluster that runs builds.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{KubernetesCluster, ObserverApi, PlaneConnection, condition};
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// A Kubernetes cluster that runs builds.
    pub BuildPlane(buildplanes, buildplane, Namespaced) {
        spec: BuildPlaneSpec,
        status: BuildPlaneStatus,
        short_names: [],
        columns: [
            ("Version", "string", ".status.connection.version"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What a build plane should be.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuildPlaneSpec {
    /// The cluster, and how to log in to it.
    pub kubernetes_cluster: KubernetesCluster,
    /// Where logs of the plane are read.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub observer: Option<ObserverApi>,
}

/// What the platform knows about a build plane.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuildPlaneStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The latest successful connection to the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<PlaneConnection>,
}

platform_status!(BuildPlaneStatus);
