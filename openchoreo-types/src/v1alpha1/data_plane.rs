//! DataPlane: a cluster that runs components, the registry that it pulls from and its gateway domains.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{KubernetesCluster, ObserverApi, PlaneConnection, condition};
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// A Kubernetes cluster that runs components.
    pub DataPlane(dataplanes, dataplane, Namespaced) {
        spec: DataPlaneSpec,
        status: DataPlaneStatus,
        short_names: ["dp", "dps"],
        columns: [
            ("Version", "string", ".status.connection.version"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What a data plane should be.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DataPlaneSpec {
    /// The cluster, and how to log in to it.
    pub kubernetes_cluster: KubernetesCluster,
    /// Where images are pulled from.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub registry: Option<ContainerRegistry>,
    /// The domains that the gateways of the plane serve.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub gateway: Option<DataPlaneGateway>,
    /// Where logs of the plane are read.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub observer: Option<ObserverApi>,
}

/// Where images of a data plane are pulled from. Fill in `prefix`, or `unauthenticated`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ContainerRegistry {
    /// Host, port and path that come before the name of an image.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Name of the Secret with the credentials to pull, beside the DataPlane.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<String>,
    /// Registries that need no credentials; an older way to write `prefix`, of which the first entry counts.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub unauthenticated: Vec<String>,
}

impl ContainerRegistry {
    /// What comes before the name of an image, whichever way it was written; nothing where that is empty.
    pub fn image_prefix(&self) -> Option<&str> {
        let prefix = self.prefix.as_deref().or_else(|| self.unauthenticated.first().map(String::as_str));
        prefix.filter(|prefix| !prefix.is_empty())
    }

    /// Name of the Secret with the credentials to pull, where one is named.
    pub fn pull_secret(&self) -> Option<&str> {
        self.secret_ref.as_deref().filter(|name| !name.is_empty())
    }
}

/// The domains that the gateways of a data plane serve. The platform's own domain is used where one is absent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DataPlaneGateway {
    /// Domain of endpoints that are reachable from outside.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub public_virtual_host: Option<String>,
    /// Domain of endpoints that are reachable within the organization.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub organization_virtual_host: Option<String>,
}

/// What the platform knows about a data plane.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DataPlaneStatus {
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

platform_status!(DataPlaneStatus);
