//! The isolation of a cell as NetworkPolicy of Kubernetes.
//!
//! One object says all of it, so that a cell never stands with half of its rules.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use openchoreo_core::extension::{CellContext, NetworkPolicyDialect, RenderError};
use openchoreo_core::kind::Kind;
use openchoreo_core::plan::Rendered;

use super::{DEFAULT_POLICY, GATEWAY_PODS_LABEL, NAME_SERVICE_NAMESPACE};

const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Isolates cells by NetworkPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesNetworkPolicies {
    /// Ranges that are not the world outside: pods, Services and machines of clusters, and the addresses at which
    /// machines learn of their own credentials. Workloads cannot reach them by address.
    pub inside: Vec<String>,
    /// Label that the pods of gateways carry, with any value; nothing where the namespace of the gateways holds
    /// nothing else, and all of its pods may enter.
    pub gateway_pods: Option<String>,
}

impl Default for KubernetesNetworkPolicies {
    fn default() -> Self {
        // Private use (RFC 1918, RFC 4193), shared address space (RFC 6598) and link-local (RFC 3927, RFC 4291).
        let inside = [
            "10.0.0.0/8",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ];
        Self { inside: inside.map(str::to_owned).to_vec(), gateway_pods: Some(GATEWAY_PODS_LABEL.to_owned()) }
    }
}

impl NetworkPolicyDialect for KubernetesNetworkPolicies {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<NetworkPolicy>()]
    }

    fn policies(&self, cx: &CellContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        let everyone_here =
            NetworkPolicyPeer { pod_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() };
        let gateways = NetworkPolicyPeer {
            namespace_selector: Some(namespace(cx.gateway_namespace)),
            pod_selector: self.gateway_pods.as_deref().map(has_label),
            ..NetworkPolicyPeer::default()
        };
        let names = NetworkPolicyPeer {
            namespace_selector: Some(namespace(NAME_SERVICE_NAMESPACE)),
            ..NetworkPolicyPeer::default()
        };
        let policy = NetworkPolicy {
            metadata: ObjectMeta {
                name: Some(DEFAULT_POLICY.to_owned()),
                namespace: Some(cx.namespace.to_string()),
                labels: Some(cx.labels.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(NetworkPolicySpec {
                pod_selector: Some(LabelSelector::default()),
                policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
                ingress: Some(vec![NetworkPolicyIngressRule {
                    from: Some(vec![everyone_here.clone(), gateways.clone()]),
                    ports: None,
                }]),
                egress: Some(vec![
                    NetworkPolicyEgressRule { to: Some(vec![everyone_here, gateways]), ports: None },
                    NetworkPolicyEgressRule { to: Some(vec![names]), ports: Some(vec![port("UDP"), port("TCP")]) },
                    NetworkPolicyEgressRule { to: Some(self.world()), ports: None },
                ]),
            }),
        };
        Ok(vec![Rendered::new(&policy)])
    }
}

impl KubernetesNetworkPolicies {
    /// Everything but the ranges inside, for each family of addresses.
    fn world(&self) -> Vec<NetworkPolicyPeer> {
        let family = |all: &str, is_six: bool| {
            let except: Vec<String> =
                self.inside.iter().filter(|range| range.contains(':') == is_six).cloned().collect();
            let block = IPBlock { cidr: all.to_owned(), except: (!except.is_empty()).then_some(except) };
            NetworkPolicyPeer { ip_block: Some(block), ..NetworkPolicyPeer::default() }
        };
        vec![family("0.0.0.0/0", false), family("::/0", true)]
    }
}

fn namespace(name: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some(BTreeMap::from([(NAMESPACE_NAME.to_owned(), name.to_owned())])),
        ..LabelSelector::default()
    }
}

fn has_label(key: &str) -> LabelSelector {
    let exists = LabelSelectorRequirement { key: key.to_owned(), operator: "Exists".to_owned(), values: None };
    LabelSelector { match_expressions: Some(vec![exists]), ..LabelSelector::default() }
}

/// The port of the name service.
fn port(protocol: &str) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(53)),
        protocol: Some(protocol.to_owned()),
        ..NetworkPolicyPort::default()
    }
}
