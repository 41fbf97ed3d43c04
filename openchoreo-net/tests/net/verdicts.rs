//! What network policies mean, by the documents of those who enforce them: from their JSON alone, with nothing of the
//! code that renders them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use openchoreo_core::isolation::Direction;
use serde_json::{Value, json};

type Labels = BTreeMap<String, String>;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Party {
    Pod {
        namespace: String,
        labels: Labels,
        address: IpAddr,
    },
    /// The machine that the pod runs on.
    OwnMachine(IpAddr),
    /// Another machine of the cluster.
    Machine(IpAddr),
    Outside(IpAddr),
}

impl Party {
    fn address(&self) -> IpAddr {
        match self {
            Self::Pod { address, .. } | Self::OwnMachine(address) | Self::Machine(address) | Self::Outside(address) => {
                *address
            }
        }
    }
}

/// A connection between the pods of a namespace and someone.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) direction: Direction,
    pub(crate) party: Party,
    pub(crate) protocol: &'static str,
    pub(crate) port: u16,
}

/// What each dialect says of an attempt, Kubernetes first, of all policies of one namespace.
pub(crate) fn verdicts(policies: &[Value], attempt: &Attempt) -> [bool; 2] {
    let of_kind = |kind: &str| policies.iter().filter(|policy| policy["kind"] == kind).collect::<Vec<_>>();
    [by_kubernetes(&of_kind("NetworkPolicy"), attempt), by_cilium(&of_kind("CiliumNetworkPolicy"), attempt)]
}

/// What the API of Kubernetes or the agent of Cilium refuses, besides what the schema of the kind says.
pub(crate) fn is_sound(policy: &Value) -> Result<(), String> {
    let mut blocks = Vec::new();
    collect_blocks(policy, &mut blocks);
    for block in blocks {
        let cidr = text(&block["cidr"]);
        let (first, bits) = cidr.split_once('/').ok_or_else(|| format!("`{cidr}` has no bits"))?;
        let is_mapped = |first: &str| first.parse().is_ok_and(|first: IpAddr| first != first.to_canonical());
        for except in items(block, "except").iter().map(text) {
            let (start, narrower) = except.split_once('/').ok_or_else(|| format!("`{except}` has no bits"))?;
            let is_within = in_range(&block["cidr"], start.parse().unwrap());
            if !is_within || narrower.parse::<u8>().unwrap() <= bits.parse::<u8>().unwrap() || is_mapped(start) {
                return Err(format!("`{except}` is no part of `{cidr}`"));
            }
        }
        if is_mapped(first) {
            return Err(format!("`{cidr}` is an address of IPv4, written as one of IPv6"));
        }
    }
    Ok(())
}

fn collect_blocks<'v>(value: &'v Value, blocks: &mut Vec<&'v Value>) {
    if value.get("cidr").is_some() {
        blocks.push(value);
    }
    let members = value.as_object().into_iter().flat_map(|members| members.values());
    let items = value.as_array().into_iter().flatten();
    members.chain(items).for_each(|inner| collect_blocks(inner, blocks));
}

/// What NetworkPolicies say together (`kubectl explain networkpolicy --recursive`): a connection passes that one rule of
/// one policy allows, or when no policy is about its direction. A block of addresses is taken to hold pods and machines
/// too, since there are plugins that do so.
fn by_kubernetes<'v>(policies: &[&'v Value], attempt: &Attempt) -> bool {
    if matches!(attempt.party, Party::OwnMachine(_)) {
        return true;
    }
    let (type_, list) = match attempt.direction {
        Direction::In => ("Ingress", "ingress"),
        Direction::Out => ("Egress", "egress"),
    };
    let rules_of = |policy: &&'v Value| {
        let (spec, own) = (&policy["spec"], text(&policy["metadata"]["namespace"]));
        only(spec, &["podSelector", "policyTypes", "ingress", "egress"]);
        assert_eq!(spec["podSelector"], json!({}), "a policy for some pods");
        let is_closing = items(spec, "policyTypes").iter().any(|one| one == type_);
        is_closing.then(|| (own, items(spec, list)))
    };
    let closing: Vec<_> = policies.iter().filter_map(rules_of).collect();
    let allows = |(own, rules): &(&str, &[Value])| rules.iter().any(|rule| kubernetes_rule_allows(rule, own, attempt));
    closing.is_empty() || closing.iter().any(allows)
}

fn kubernetes_rule_allows(rule: &Value, own: &str, attempt: &Attempt) -> bool {
    let peers = match attempt.direction {
        Direction::In => "from",
        Direction::Out => "to",
    };
    only(rule, &[peers, "ports"]);
    let is_port = |port: &Value| {
        only(port, &["port", "protocol"]);
        let protocol = port.get("protocol").map_or("TCP", text);
        protocol == attempt.protocol && port.get("port").is_none_or(|port| *port == attempt.port)
    };
    // An empty list and an absent one are everybody, or every port.
    let (peers, ports) = (items(rule, peers), items(rule, "ports"));
    (peers.is_empty() || peers.iter().any(|peer| is_kubernetes_peer(peer, own, &attempt.party)))
        && (ports.is_empty() || ports.iter().any(is_port))
}

fn is_kubernetes_peer(peer: &Value, own: &str, party: &Party) -> bool {
    if let Some(block) = peer.get("ipBlock") {
        only(peer, &["ipBlock"]);
        return in_block(block, party.address());
    }
    only(peer, &["namespaceSelector", "podSelector"]);
    let Party::Pod { namespace, labels, .. } = party else { return false };
    let of_namespace = Labels::from([("kubernetes.io/metadata.name".to_owned(), namespace.clone())]);
    let is_there = peer.get("namespaceSelector").map_or(namespace == own, |selector| selects(selector, &of_namespace));
    is_there && peer.get("podSelector").is_none_or(|selector| selects(selector, labels))
}

/// What CiliumNetworkPolicies say together: as above, where a direction is closed by a policy with a list of rules for
/// it. Addresses of pods and machines are in no range there.
fn by_cilium<'v>(policies: &[&'v Value], attempt: &Attempt) -> bool {
    let list = match attempt.direction {
        Direction::In => "ingress",
        Direction::Out => "egress",
    };
    let rules_of = |policy: &&'v Value| {
        let (spec, own) = (&policy["spec"], text(&policy["metadata"]["namespace"]));
        only(spec, &["endpointSelector", "ingress", "egress"]);
        assert_eq!(spec["endpointSelector"], json!({}), "a policy for some pods");
        (own, items(spec, list))
    };
    // An empty list does not close.
    let closing: Vec<_> = policies.iter().map(rules_of).filter(|(_, rules)| !rules.is_empty()).collect();
    let allows = |(own, rules): &(&str, &[Value])| rules.iter().any(|rule| cilium_rule_allows(rule, own, attempt));
    closing.is_empty() || closing.iter().any(allows)
}

fn cilium_rule_allows(rule: &Value, own: &str, attempt: &Attempt) -> bool {
    let [endpoints, entities, cidr, cidr_set] = match attempt.direction {
        Direction::In => ["fromEndpoints", "fromEntities", "fromCIDR", "fromCIDRSet"],
        Direction::Out => ["toEndpoints", "toEntities", "toCIDR", "toCIDRSet"],
    };
    only(rule, &[endpoints, entities, cidr, cidr_set, "toPorts"]);
    let members =
        [endpoints, entities, cidr, cidr_set].into_iter().filter(|member| rule.get(*member).is_some()).count();
    assert!(members <= 1, "the agent refuses a rule with several kinds of peers: {rule}");
    let ports = items(rule, "toPorts");
    if members == 0 && ports.is_empty() {
        return false;
    }
    let in_ranges = |address: IpAddr| {
        items(rule, cidr).iter().any(|range| in_range(range, address))
            || items(rule, cidr_set).iter().any(|block| in_block(block, address))
    };
    let is_peer = members == 0
        || items(rule, endpoints).iter().any(|selector| is_endpoint(selector, own, &attempt.party))
        || items(rule, entities).iter().any(|entity| is_entity(text(entity), &attempt.party))
        || matches!(attempt.party, Party::Outside(address) if in_ranges(address));
    let is_port = |port: &Value| {
        only(port, &["port", "protocol"]);
        let protocol = port.get("protocol").map_or("ANY", text);
        (protocol == "ANY" || protocol == attempt.protocol) && text(&port["port"]).parse() == Ok(attempt.port)
    };
    is_peer && (ports.is_empty() || ports.iter().any(|entry| items(entry, "ports").iter().any(is_port)))
}

/// Whether a selector takes someone, pod or not: everybody has labels there, with their source in front of the key.
fn is_endpoint(selector: &Value, own: &str, party: &Party) -> bool {
    const NAMESPACE: &str = "k8s:io.kubernetes.pod.namespace";
    let reserved = |name: &str| Labels::from([(format!("reserved:{name}"), String::new())]);
    let carried = match party {
        Party::Pod { namespace, labels, .. } => {
            let of_pod = labels.iter().map(|(key, value)| (format!("k8s:{key}"), value.clone()));
            of_pod.chain([(NAMESPACE.to_owned(), namespace.clone())]).collect()
        }
        Party::OwnMachine(_) => reserved("host"),
        Party::Machine(_) => reserved("remote-node"),
        Party::Outside(_) => reserved("world"),
    };
    // Where a selector says nothing of namespaces, that of the policy is added.
    let is_said = selector["matchLabels"].get(NAMESPACE).is_some()
        || items(selector, "matchExpressions").iter().any(|expression| expression["key"] == NAMESPACE);
    selects(selector, &carried) && (is_said || carried.get(NAMESPACE).is_some_and(|namespace| namespace == own))
}

fn is_entity(entity: &str, party: &Party) -> bool {
    match entity {
        "host" => matches!(party, Party::OwnMachine(_)),
        "remote-node" => matches!(party, Party::Machine(_)),
        "cluster" => !matches!(party, Party::Outside(_)),
        "world" => matches!(party, Party::Outside(_)),
        "all" => true,
        other => panic!("nothing is known of the entity `{other}`"),
    }
}

/// Whether a selector of either dialect selects something with these labels.
fn selects(selector: &Value, labels: &Labels) -> bool {
    only(selector, &["matchLabels", "matchExpressions"]);
    let fits = |expression: &Value| {
        let carried = labels.get(text(&expression["key"]));
        let is_listed = || carried.is_some_and(|value| items(expression, "values").iter().any(|one| one == value));
        match text(&expression["operator"]) {
            "In" => is_listed(),
            "NotIn" => !is_listed(),
            "Exists" => carried.is_some(),
            "DoesNotExist" => carried.is_none(),
            other => panic!("nothing is known of the operator `{other}`"),
        }
    };
    let mut wanted = selector["matchLabels"].as_object().into_iter().flatten();
    wanted.all(|(key, value)| labels.get(key).is_some_and(|carried| value == carried))
        && items(selector, "matchExpressions").iter().all(fits)
}

fn in_block(block: &Value, address: IpAddr) -> bool {
    only(block, &["cidr", "except"]);
    in_range(&block["cidr"], address) && !items(block, "except").iter().any(|closed| in_range(closed, address))
}

/// Whether an address is in a range, by its text.
fn in_range(range: &Value, address: IpAddr) -> bool {
    let (first, bits) = text(range).split_once('/').unwrap();
    let bits: u32 = bits.parse().unwrap();
    match (first.parse().unwrap(), address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => {
            bits == 0 || first.to_bits() >> (32 - bits) == address.to_bits() >> (32 - bits)
        }
        (IpAddr::V6(first), IpAddr::V6(address)) => {
            bits == 0 || first.to_bits() >> (128 - bits) == address.to_bits() >> (128 - bits)
        }
        _ => false,
    }
}

/// Refuses what is not understood here, so that nothing is overlooked.
fn only(object: &Value, known: &[&str]) {
    let unknown = object.as_object().into_iter().flatten().find(|(key, _)| !known.contains(&key.as_str()));
    assert!(unknown.is_none(), "nothing is known of {unknown:?}");
}

fn items<'v>(object: &'v Value, member: &str) -> &'v [Value] {
    object[member].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
