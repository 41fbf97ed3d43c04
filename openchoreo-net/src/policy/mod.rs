//! Network policies: the isolation of a cell, in each dialect.
//!
//! Whatever the dialect, a cell means the same: its workloads reach each other, names, the gateways and the world
//! outside; only they and the gateways reach them. Another cell is reached through a gateway or not at all. Which
//! dialects a plane gets is decided by the kinds that it serves; where it serves both, both say the same.

mod cilium;
mod kubernetes;

use std::sync::Arc;

use openchoreo_core::extension::NetworkPolicyDialect;

pub use cilium::CiliumNetworkPolicies;
pub use kubernetes::KubernetesNetworkPolicies;

/// Name of the policy that isolates a cell.
pub const DEFAULT_POLICY: &str = "default-policy";
/// Label that Envoy Gateway puts on the pods of its proxies: the name of the Gateway that they serve.
pub const GATEWAY_PODS_LABEL: &str = "gateway.envoyproxy.io/owning-gateway-name";
/// Namespace of the cluster's name service.
pub const NAME_SERVICE_NAMESPACE: &str = "kube-system";

/// The dialects that a platform has unless it chooses others.
pub fn builtin_dialects() -> Vec<Arc<dyn NetworkPolicyDialect>> {
    vec![Arc::new(KubernetesNetworkPolicies::default()), Arc::new(CiliumNetworkPolicies::default())]
}
