//! The isolation of a cell as CiliumNetworkPolicy.
//!
//! The first policy is upstream's `default-policy`, field for field; what upstream leaves to policies of the whole
//! cluster, which its charts install, is here a second policy of each cell.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use openchoreo_core::extension::{CellContext, NetworkPolicyDialect, RenderError};
use openchoreo_core::kind::Kind;
use openchoreo_core::plan::Rendered;
use openchoreo_types::foreign::cilium::{
    CiliumNetworkPolicy, CiliumNetworkPolicySpec, EgressRule, IngressRule, PortProtocol, PortRule,
};
use openchoreo_types::foreign::gateway_api::{LabelExpression, LabelSelector};

use super::{DEFAULT_POLICY, GATEWAY_PODS_LABEL, NAME_SERVICE_NAMESPACE};

/// Name of the policy that lets a cell reach what the platform offers, and the gateways reach the cell.
const PLATFORM_POLICY: &str = "platform-access";
/// Cilium's label for the namespace of a pod, with the source that tells it from labels of other origins.
const POD_NAMESPACE: &str = "k8s:io.kubernetes.pod.namespace";

/// Isolates cells by CiliumNetworkPolicy. Unlike an address range, Cilium's `world` is outside of the cluster by
/// definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiliumNetworkPolicies {
    /// Label that the pods of gateways carry, with any value; nothing where all pods of the namespace of the gateways
    /// may enter.
    pub gateway_pods: Option<String>,
}

impl Default for CiliumNetworkPolicies {
    fn default() -> Self {
        Self { gateway_pods: Some(GATEWAY_PODS_LABEL.to_owned()) }
    }
}

impl NetworkPolicyDialect for CiliumNetworkPolicies {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<CiliumNetworkPolicy>()]
    }

    fn policies(&self, cx: &CellContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        // An empty selector in a policy of a namespace is everyone in that namespace.
        let everyone_here = || Some(vec![LabelSelector::default()]);
        let isolation = CiliumNetworkPolicySpec {
            ingress: Some(vec![IngressRule { from_endpoints: everyone_here(), ..IngressRule::default() }]),
            egress: Some(vec![EgressRule { to_endpoints: everyone_here(), ..EgressRule::default() }]),
            ..CiliumNetworkPolicySpec::default()
        };
        let gateways = self.gateways(cx.gateway_namespace);
        let names = in_namespace(NAME_SERVICE_NAMESPACE);
        let platform = CiliumNetworkPolicySpec {
            ingress: Some(vec![IngressRule { from_endpoints: Some(vec![gateways.clone()]), ..IngressRule::default() }]),
            egress: Some(vec![
                EgressRule { to_endpoints: Some(vec![gateways]), ..EgressRule::default() },
                EgressRule {
                    to_endpoints: Some(vec![names]),
                    to_ports: vec![PortRule { ports: ["UDP", "TCP"].map(name_port).to_vec(), rules: None }],
                    ..EgressRule::default()
                },
                EgressRule { to_entities: vec!["world".to_owned()], ..EgressRule::default() },
            ]),
            ..CiliumNetworkPolicySpec::default()
        };
        Ok(vec![policy(cx, DEFAULT_POLICY, isolation), policy(cx, PLATFORM_POLICY, platform)])
    }
}

impl CiliumNetworkPolicies {
    fn gateways(&self, namespace: &str) -> LabelSelector {
        let exists = |label: &String| LabelExpression {
            key: format!("k8s:{label}"),
            operator: "Exists".to_owned(),
            values: Vec::new(),
        };
        LabelSelector { match_expressions: self.gateway_pods.iter().map(exists).collect(), ..in_namespace(namespace) }
    }
}

fn in_namespace(name: &str) -> LabelSelector {
    LabelSelector {
        match_labels: BTreeMap::from([(POD_NAMESPACE.to_owned(), name.to_owned())]),
        ..LabelSelector::default()
    }
}

fn name_port(protocol: &str) -> PortProtocol {
    PortProtocol { port: "53".to_owned(), protocol: Some(protocol.to_owned()) }
}

fn policy(cx: &CellContext<'_>, name: &str, spec: CiliumNetworkPolicySpec) -> Rendered {
    Rendered::new(&CiliumNetworkPolicy {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(cx.namespace.to_string()),
            labels: Some(cx.labels.clone()),
            ..ObjectMeta::default()
        },
        spec,
    })
}
