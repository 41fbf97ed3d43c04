//! Network policies: the isolation of a namespace, in each dialect.
//!
//! Who may reach whom is one table (`openchoreo_core::isolation`), and a dialect only writes it down. Which dialects a
//! plane gets is decided by the kinds that it serves; where it serves both, both say the same.

mod cilium;
mod kubernetes;
mod reading;

use std::sync::Arc;

use openchoreo_core::extension::NetworkPolicyDialect;

pub use cilium::CiliumNetworkPolicies;
pub use kubernetes::KubernetesNetworkPolicies;

/// Name of the policy that isolates a namespace.
pub const DEFAULT_POLICY: &str = "default-policy";

/// The dialects that a platform has unless it chooses others.
pub fn builtin_dialects() -> Vec<Arc<dyn NetworkPolicyDialect>> {
    vec![Arc::new(KubernetesNetworkPolicies), Arc::new(CiliumNetworkPolicies)]
}
