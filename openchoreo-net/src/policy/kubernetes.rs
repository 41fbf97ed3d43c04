//! The isolation of a namespace as NetworkPolicy of Kubernetes.
//!
//! One object says all of it, so that a namespace never stands with half of its rules. An empty list of peers means
//! everybody there, so a flow to machines whose addresses are not known is not written.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use openchoreo_core::extension::{IsolationContext, NetworkPolicyDialect, RenderError};
use openchoreo_core::isolation::{AddressBlock, Direction, Peer, Port, Ports};
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::plan::Rendered;
use openchoreo_core::reach::Passage;
use serde_json::Value;

use super::DEFAULT_POLICY;
use super::reading::read_kubernetes;

const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Isolates namespaces by NetworkPolicy. It knows machines by their addresses only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KubernetesNetworkPolicies;

impl NetworkPolicyDialect for KubernetesNetworkPolicies {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<NetworkPolicy>()]
    }

    fn policies(&self, cx: &IsolationContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        let (mut ingress, mut egress) = (Vec::new(), Vec::new());
        for flow in cx.isolation.flows() {
            let (peers, ports) = (peers(&flow.peer), ports(&flow.ports));
            if peers.is_empty() {
                continue;
            }
            match flow.direction {
                Direction::In => ingress.push(NetworkPolicyIngressRule { from: Some(peers), ports }),
                Direction::Out => egress.push(NetworkPolicyEgressRule { to: Some(peers), ports }),
            }
        }
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
                ingress: (!ingress.is_empty()).then_some(ingress),
                egress: (!egress.is_empty()).then_some(egress),
            }),
        };
        Ok(vec![Rendered::new(&policy)])
    }

    fn passages(&self, _: &str, policies: &[(ObjectKey, Value)]) -> Vec<Passage> {
        read_kubernetes(policies)
    }
}

fn peers(peer: &Peer) -> Vec<NetworkPolicyPeer> {
    match peer {
        Peer::SameNamespace => vec![pods(None, Some(LabelSelector::default()))],
        Peer::Pods { namespace, labels } => {
            let selected = (!labels.is_empty()).then(|| with_labels(labels.clone()));
            vec![pods(Some(named(namespace)), selected)]
        }
        Peer::PodsBut { namespace, label } => pods_but(namespace, label.as_deref()),
        Peer::Machines(blocks) | Peer::Resolvers(blocks) | Peer::Outside(blocks) => blocks.iter().map(block).collect(),
    }
}

/// The pods of all other namespaces, and those of the namespace without the label, where there is one.
fn pods_but(namespace: &str, label: Option<&str>) -> Vec<NetworkPolicyPeer> {
    // Every namespace has its name as a label. `Exists` says so to plugins for which the world outside has no labels.
    let somewhere = expression(NAMESPACE_NAME, "Exists", None);
    let elsewhere = expression(NAMESPACE_NAME, "NotIn", Some(vec![namespace.to_owned()]));
    let others = pods(Some(with_expressions(vec![somewhere, elsewhere])), None);
    let beside = label.map(|key| {
        let unlabelled = with_expressions(vec![expression(key, "DoesNotExist", None)]);
        pods(Some(named(namespace)), Some(unlabelled))
    });
    [others].into_iter().chain(beside).collect()
}

fn pods(namespaces: Option<LabelSelector>, pods: Option<LabelSelector>) -> NetworkPolicyPeer {
    NetworkPolicyPeer { namespace_selector: namespaces, pod_selector: pods, ..NetworkPolicyPeer::default() }
}

fn named(namespace: &str) -> LabelSelector {
    with_labels(BTreeMap::from([(NAMESPACE_NAME.to_owned(), namespace.to_owned())]))
}

fn with_labels(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
}

fn with_expressions(expressions: Vec<LabelSelectorRequirement>) -> LabelSelector {
    LabelSelector { match_expressions: Some(expressions), ..LabelSelector::default() }
}

fn expression(key: &str, operator: &str, values: Option<Vec<String>>) -> LabelSelectorRequirement {
    LabelSelectorRequirement { key: key.to_owned(), operator: operator.to_owned(), values }
}

fn block(AddressBlock { range, except }: &AddressBlock) -> NetworkPolicyPeer {
    let except: Vec<String> = except.iter().map(ToString::to_string).collect();
    let block = IPBlock { cidr: range.to_string(), except: (!except.is_empty()).then_some(except) };
    NetworkPolicyPeer { ip_block: Some(block), ..NetworkPolicyPeer::default() }
}

/// The ports; nothing for all of them.
fn ports(ports: &Ports) -> Option<Vec<NetworkPolicyPort>> {
    let port = |Port { protocol, number }: &Port| NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(*number))),
        protocol: Some(protocol.name().to_owned()),
        ..NetworkPolicyPort::default()
    };
    match ports {
        Ports::All => None,
        Ports::These(ports) => Some(ports.iter().map(port).collect()),
    }
}
