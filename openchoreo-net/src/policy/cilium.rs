//! The isolation of a namespace as CiliumNetworkPolicy.
//!
//! The first policy is upstream's `default-policy`, field for field where a cell is isolated; what upstream leaves to
//! policies of the whole cluster, which its charts install, is here a second policy of each namespace.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use openchoreo_core::extension::{IsolationContext, NetworkPolicyDialect, RenderError};
use openchoreo_core::isolation::{AddressBlock, Direction, Flow, Peer, Port, Ports};
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::plan::Rendered;
use openchoreo_core::reach::Passage;
use openchoreo_types::foreign::cilium::{
    CidrRule, CiliumNetworkPolicy, CiliumNetworkPolicySpec, EgressRule, IngressRule, PortProtocol, PortRule,
};
use openchoreo_types::foreign::gateway_api::{LabelExpression, LabelSelector};
use serde_json::Value;

use super::DEFAULT_POLICY;
use super::reading::read_cilium;

/// Name of the policy for everything beyond the namespace.
const PLATFORM_POLICY: &str = "platform-access";
/// Where labels of pods come from, which Cilium writes in front of their keys.
const SOURCE: &str = "k8s:";
/// Cilium's label for the namespace of a pod, with its source.
const POD_NAMESPACE: &str = "k8s:io.kubernetes.pod.namespace";
/// The machine that a pod runs on.
const HOST: &str = "host";
/// The other machines of the cluster.
const REMOTE_NODE: &str = "remote-node";
/// The most ports that one entry takes.
const PORTS_AN_ENTRY: usize = 40;

/// Isolates namespaces by CiliumNetworkPolicy. It knows machines as such; a range of addresses is never one of the
/// cluster's own pods or machines there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CiliumNetworkPolicies;

impl NetworkPolicyDialect for CiliumNetworkPolicies {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<CiliumNetworkPolicy>()]
    }

    fn policies(&self, cx: &IsolationContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        let (within, beyond): (Vec<&Flow>, Vec<&Flow>) =
            cx.isolation.flows().iter().partition(|flow| flow.peer == Peer::SameNamespace);
        Ok(vec![policy(cx, DEFAULT_POLICY, &within), policy(cx, PLATFORM_POLICY, &beyond)])
    }

    fn passages(&self, _: &str, policies: &[(ObjectKey, Value)]) -> Vec<Passage> {
        read_cilium(policies)
    }
}

fn policy(cx: &IsolationContext<'_>, name: &str, flows: &[&Flow]) -> Rendered {
    let (mut ingress, mut egress) = (Vec::new(), Vec::new());
    for Flow { direction, peer, ports } in flows {
        for peers in peers(peer) {
            match direction {
                Direction::In => ingress.push(ingress_rule(peers, to_ports(ports))),
                Direction::Out => egress.push(egress_rule(peers, to_ports(ports))),
            }
        }
    }
    // Each policy closes both directions: an absent list would not restrict, and one empty rule lets nobody through.
    if ingress.is_empty() {
        ingress.push(IngressRule::default());
    }
    if egress.is_empty() {
        egress.push(EgressRule::default());
    }
    Rendered::new(&CiliumNetworkPolicy {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(cx.namespace.to_string()),
            labels: Some(cx.labels.clone()),
            ..ObjectMeta::default()
        },
        spec: CiliumNetworkPolicySpec {
            ingress: Some(ingress),
            egress: Some(egress),
            ..CiliumNetworkPolicySpec::default()
        },
    })
}

/// Who is at the other end of a rule. Cilium takes one kind of them a rule.
enum Peers {
    Endpoints(Vec<LabelSelector>),
    Entities(&'static [&'static str]),
    Ranges(Vec<CidrRule>),
}

fn peers(peer: &Peer) -> Vec<Peers> {
    match peer {
        Peer::SameNamespace => vec![Peers::Endpoints(vec![LabelSelector::default()])],
        Peer::Pods { namespace, labels } => vec![Peers::Endpoints(vec![pods(namespace, labels)])],
        Peer::PodsBut { namespace, label } => vec![Peers::Endpoints(pods_but(namespace, label.as_deref()))],
        Peer::Machines(_) => vec![Peers::Entities(&[HOST, REMOTE_NODE])],
        // A resolver on the machine of the pod has an address that is the machine's.
        Peer::Resolvers(blocks) => vec![Peers::Entities(&[HOST]), Peers::Ranges(cidr_rules(blocks))],
        Peer::Outside(blocks) => vec![Peers::Ranges(cidr_rules(blocks))],
    }
}

fn ingress_rule(peers: Peers, to_ports: Vec<PortRule>) -> IngressRule {
    let rule = IngressRule { to_ports, ..IngressRule::default() };
    match peers {
        Peers::Endpoints(selectors) => IngressRule { from_endpoints: Some(selectors), ..rule },
        Peers::Entities(entities) => IngressRule { from_entities: owned(entities), ..rule },
        Peers::Ranges(ranges) => IngressRule { from_cidr_set: ranges, ..rule },
    }
}

fn egress_rule(peers: Peers, to_ports: Vec<PortRule>) -> EgressRule {
    let rule = EgressRule { to_ports, ..EgressRule::default() };
    match peers {
        Peers::Endpoints(selectors) => EgressRule { to_endpoints: Some(selectors), ..rule },
        Peers::Entities(entities) => EgressRule { to_entities: owned(entities), ..rule },
        Peers::Ranges(ranges) => EgressRule { to_cidr_set: ranges, ..rule },
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn pods(namespace: &str, labels: &BTreeMap<String, String>) -> LabelSelector {
    let own = labels.iter().map(|(key, value)| (format!("{SOURCE}{key}"), value.clone()));
    let namespace = (POD_NAMESPACE.to_owned(), namespace.to_owned());
    LabelSelector { match_labels: own.chain([namespace]).collect(), ..LabelSelector::default() }
}

/// The pods of all other namespaces, and those of the namespace without the label, where there is one.
fn pods_but(namespace: &str, label: Option<&str>) -> Vec<LabelSelector> {
    // The world and machines are in no namespace, which `NotIn` alone would take for another one.
    let somewhere = expression(POD_NAMESPACE, "Exists", &[]);
    let elsewhere = expression(POD_NAMESPACE, "NotIn", &[namespace]);
    let others = LabelSelector { match_expressions: vec![somewhere, elsewhere], ..LabelSelector::default() };
    let beside = label.map(|key| LabelSelector {
        match_expressions: vec![expression(&format!("{SOURCE}{key}"), "DoesNotExist", &[])],
        ..pods(namespace, &BTreeMap::new())
    });
    [others].into_iter().chain(beside).collect()
}

fn expression(key: &str, operator: &str, values: &[&str]) -> LabelExpression {
    LabelExpression { key: key.to_owned(), operator: operator.to_owned(), values: owned(values) }
}

fn cidr_rules(blocks: &[AddressBlock]) -> Vec<CidrRule> {
    let rule = |AddressBlock { range, except }: &AddressBlock| CidrRule {
        cidr: range.to_string(),
        except: except.iter().map(ToString::to_string).collect(),
    };
    blocks.iter().map(rule).collect()
}

/// The ports; no entry for all of them.
fn to_ports(ports: &Ports) -> Vec<PortRule> {
    let port = |Port { protocol, number }: &Port| PortProtocol {
        port: number.to_string(),
        protocol: Some(protocol.name().to_owned()),
    };
    match ports {
        Ports::All => Vec::new(),
        Ports::These(ports) => {
            let entry = |ports: &[Port]| PortRule { ports: ports.iter().map(port).collect(), rules: None };
            ports.chunks(PORTS_AN_ENTRY).map(entry).collect()
        }
    }
}
