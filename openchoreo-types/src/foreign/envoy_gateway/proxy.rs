//! How the proxies of a gateway run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::foreign_kind;
use crate::wire;

foreign_kind! {
    /// How the proxies of a gateway run.
    pub EnvoyProxy("gateway.envoyproxy.io", "v1alpha1", envoyproxies, envoyproxy, Namespaced) {
        spec: EnvoyProxySpec,
        short_names: ["eproxy"],
        categories: ["envoy-gateway"],
        columns: [("Age", "date", ".metadata.creationTimestamp")],
        status_subresource: true,
    }
}

/// How proxies run.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvoyProxySpec {
    /// Where they run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<EnvoyProxyProvider>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// Where proxies run.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvoyProxyProvider {
    /// `Kubernetes`.
    pub type_: String,
    /// How they run there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<EnvoyProxyKubernetes>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// How proxies run in Kubernetes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvoyProxyKubernetes {
    /// Their Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envoy_service: Option<EnvoyService>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// The Service of proxies.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvoyService {
    /// Its name.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its type: `ClusterIP`, `LoadBalancer` or `NodePort`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// Its labels.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}
