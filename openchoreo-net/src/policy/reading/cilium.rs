//! CiliumNetworkPolicies, read back.

use std::collections::BTreeSet;

use openchoreo_core::isolation::Direction;
use openchoreo_core::kind::ObjectKey;
use openchoreo_core::reach::{Namespaces, Passage, Peers, PortRange, Requirement, Selection};
use serde::Deserialize;
use serde_json::Value;

use super::{Allowed, Block, Reading, Selector, ports, together};

/// What the CiliumNetworkPolicies of a namespace let through.
pub(in crate::policy) fn read(policies: &[(ObjectKey, Value)]) -> Vec<Passage> {
    together(policies, |policy| {
        if policy.get("specs").is_some_and(|specs| !specs.is_null()) {
            return Err("several specifications in one policy".to_owned());
        }
        let spec = Spec::deserialize(policy.get("spec").unwrap_or(&Value::Null)).map_err(|error| error.to_string())?;
        spec.read()
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    #[serde(rename = "description")]
    _description: Option<String>,
    endpoint_selector: Selector,
    ingress: Option<Vec<Ingress>>,
    egress: Option<Vec<Egress>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ingress {
    from_endpoints: Option<Vec<Selector>>,
    from_entities: Option<Vec<String>>,
    #[serde(rename = "fromCIDR")]
    from_cidr: Option<Vec<String>>,
    #[serde(rename = "fromCIDRSet")]
    from_cidr_set: Option<Vec<Block>>,
    to_ports: Option<Vec<PortRule>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Egress {
    to_endpoints: Option<Vec<Selector>>,
    to_entities: Option<Vec<String>>,
    #[serde(rename = "toCIDR")]
    to_cidr: Option<Vec<String>>,
    #[serde(rename = "toCIDRSet")]
    to_cidr_set: Option<Vec<Block>>,
    to_ports: Option<Vec<PortRule>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PortRule {
    ports: Option<Vec<Port>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Port {
    port: String,
    end_port: Option<u16>,
    protocol: Option<String>,
}

/// A rule of either direction.
struct Rule {
    direction: Direction,
    endpoints: Option<Vec<Selector>>,
    entities: Option<Vec<String>>,
    ranges: Option<Vec<String>>,
    blocks: Option<Vec<Block>>,
    ports: Option<Vec<PortRule>>,
}

impl From<Ingress> for Rule {
    fn from(rule: Ingress) -> Self {
        let Ingress { from_endpoints, from_entities, from_cidr, from_cidr_set, to_ports } = rule;
        Self {
            direction: Direction::In,
            endpoints: from_endpoints,
            entities: from_entities,
            ranges: from_cidr,
            blocks: from_cidr_set,
            ports: to_ports,
        }
    }
}

impl From<Egress> for Rule {
    fn from(rule: Egress) -> Self {
        let Egress { to_endpoints, to_entities, to_cidr, to_cidr_set, to_ports } = rule;
        Self {
            direction: Direction::Out,
            endpoints: to_endpoints,
            entities: to_entities,
            ranges: to_cidr,
            blocks: to_cidr_set,
            ports: to_ports,
        }
    }
}

impl Spec {
    fn read(self) -> Result<Reading, String> {
        let ingress = self.ingress.into_iter().flatten().map(Rule::from);
        let rules = ingress.chain(self.egress.into_iter().flatten().map(Rule::from)).collect::<Vec<_>>();
        // A list without a rule does not close.
        let closes = rules.iter().map(|rule| rule.direction).collect();
        let mut allows = Vec::new();
        for rule in rules {
            rule.read(&mut allows)?;
        }
        Ok(Reading { pods: own_pods(self.endpoint_selector)?, closes, allows })
    }
}

impl Rule {
    fn read(self, allows: &mut Vec<Allowed>) -> Result<(), String> {
        let Self { direction, endpoints, entities, ranges, blocks, ports } = self;
        let ports = read_ports(ports)?;
        let named = [endpoints.is_some(), entities.is_some(), ranges.is_some(), blocks.is_some()];
        match named.iter().filter(|is_named| **is_named).count() {
            // A rule that says nothing lets nobody through.
            0 if ports.is_empty() => return Ok(()),
            0 => allows.push(Allowed { direction, peers: Peers::Everybody, ports: ports.clone() }),
            1 => {}
            _ => return Err("a rule with several kinds of peers".to_owned()),
        }
        let mut peers: Vec<Peers> = endpoints.into_iter().flatten().map(self::endpoints).collect::<Result<_, _>>()?;
        for entity in entities.into_iter().flatten() {
            peers.extend(entity_peers(&entity)?);
        }
        let ranges = ranges.into_iter().flatten().map(|cidr| Block { cidr, except: None });
        for block in ranges.chain(blocks.into_iter().flatten()) {
            // Pods and machines of the cluster are in no range there.
            peers.push(Peers::Addresses { block: block.read()?, of_cluster: false });
        }
        allows.extend(peers.into_iter().map(|peers| Allowed { direction, peers, ports: ports.clone() }));
        Ok(())
    }
}

fn read_ports(rules: Option<Vec<PortRule>>) -> Result<BTreeSet<PortRange>, String> {
    let mut read = BTreeSet::new();
    for rule in rules.into_iter().flatten() {
        let listed = rule.ports.unwrap_or_default();
        if listed.is_empty() {
            return Err("ports without a port".to_owned());
        }
        for Port { port, end_port, protocol } in listed {
            let first = port.parse().map_err(|_| format!("the port `{port}`, whose number its pods decide"))?;
            if first == 0 {
                return Err("the port 0".to_owned());
            }
            read.insert(ports(protocol, first, end_port.unwrap_or(first)));
        }
    }
    Ok(read)
}

fn entity_peers(entity: &str) -> Result<Vec<Peers>, String> {
    let every_pod =
        Peers::Pods { namespaces: Namespaces::Selected(Selection::default()), labels: Selection::default() };
    match entity {
        "host" => Ok(vec![Peers::OwnMachine]),
        "remote-node" => Ok(vec![Peers::OtherMachines]),
        "cluster" => Ok(vec![every_pod, Peers::OwnMachine, Peers::OtherMachines]),
        "world" => Ok(vec![Peers::World]),
        "all" => Ok(vec![Peers::Everybody]),
        other => Err(format!("the entity `{other}`")),
    }
}

/// Cilium's name for the namespace of a pod, without its source.
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// What the keys of labels of namespaces begin with there.
const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels";
/// What NetworkPolicy calls the name of a namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The pods that a selector of peers takes. Where it says nothing of namespaces, that of the policy is meant.
fn endpoints(selector: Selector) -> Result<Peers, String> {
    let (mut of_namespaces, mut of_pods) = (BTreeSet::new(), BTreeSet::new());
    for requirement in selector.read()?.0 {
        match unsourced(requirement)? {
            (key, requirement) if key == POD_NAMESPACE => of_namespaces.insert(requirement),
            (_, requirement) => of_pods.insert(requirement),
        };
    }
    // Machines and the world have no namespace, which "another one" and "none" take as well.
    let names_one = |requirement: &Requirement| matches!(requirement, Requirement::In(..) | Requirement::Exists(_));
    let namespaces = if of_namespaces.is_empty() {
        Namespaces::Same
    } else if of_namespaces.iter().any(names_one) {
        Namespaces::Selected(Selection(of_namespaces))
    } else {
        return Err("a selector that takes what is in no namespace".to_owned());
    };
    Ok(Peers::Pods { namespaces, labels: Selection(of_pods) })
}

/// The pods of its own namespace that a policy is for.
fn own_pods(selector: Selector) -> Result<Selection, String> {
    let requirements = selector.read()?.0.into_iter().map(|requirement| match unsourced(requirement)? {
        (key, _) if key == POD_NAMESPACE => Err("a policy for pods by their namespace".to_owned()),
        (_, requirement) => Ok(requirement),
    });
    requirements.collect::<Result<_, _>>().map(Selection)
}

/// What a label must be like without the source in front of its key, and that key as Cilium has it.
fn unsourced(requirement: Requirement) -> Result<(String, Requirement), String> {
    let bare = |key: String| {
        let (source, bare) = key.split_once(':').unwrap_or(("any", &key));
        if !["k8s", "any"].contains(&source) || bare.starts_with(NAMESPACE_LABELS) {
            return Err(format!("the label `{key}`"));
        }
        Ok(bare.to_owned())
    };
    let named = |key: &str| if key == POD_NAMESPACE { NAMESPACE_NAME.to_owned() } else { key.to_owned() };
    let (key, requirement) = match requirement {
        Requirement::In(key, values) => bare(key).map(|key| (key.clone(), Requirement::In(named(&key), values)))?,
        Requirement::NotIn(key, values) => {
            bare(key).map(|key| (key.clone(), Requirement::NotIn(named(&key), values)))?
        }
        Requirement::Exists(key) => bare(key).map(|key| (key.clone(), Requirement::Exists(named(&key))))?,
        Requirement::Absent(key) => bare(key).map(|key| (key.clone(), Requirement::Absent(named(&key))))?,
    };
    Ok((key, requirement))
}
