//! What is read back of network policies is what they mean.

use std::collections::BTreeMap;

use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::reach::{Namespaces, Passage, Peers, Pods};
use openchoreo_net::builtin_dialects;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::policies::{attempt, change, changed, policies, settings, tenant};
use crate::verdicts::{Attempt, Party, verdicts};

/// What each dialect reads in the policies of a namespace, Kubernetes first.
fn passages(namespace: &str, policies: &[Value]) -> [Vec<Passage>; 2] {
    let read = |number: usize| {
        let dialect = &builtin_dialects()[number];
        let kind: Kind = dialect.kinds()[0];
        let own = policies.iter().filter(|policy| policy["kind"] == kind.kind).map(|policy| {
            let name = policy["metadata"]["name"].as_str().unwrap().to_owned();
            (ObjectKey { kind, namespace: namespace.to_owned(), name }, policy.clone())
        });
        dialect.passages(namespace, &own.collect::<Vec<_>>())
    };
    [read(0), read(1)]
}

/// Whether one of the passages is for an attempt.
fn lets_through(passages: &[Passage], own: &str, attempt: &Attempt) -> bool {
    passages.iter().any(|passage| {
        passage.direction == attempt.direction
            && passage.pods == Pods::All
            && passage.holds_port(attempt.protocol, attempt.port)
            && is_one_of(&passage.peers, own, &attempt.party)
    })
}

fn is_one_of(peers: &Peers, own: &str, party: &Party) -> bool {
    match (peers, party) {
        (Peers::Everybody, _)
        | (Peers::OwnMachine, Party::OwnMachine(_))
        | (Peers::OtherMachines, Party::Machine(_))
        | (Peers::World, Party::Outside(_)) => true,
        (Peers::Pods { namespaces, labels }, Party::Pod { namespace, labels: carried, .. }) => {
            let name = BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), namespace.clone())]);
            let is_there = match namespaces {
                Namespaces::Same => namespace == own,
                Namespaces::Selected(selection) => selection.takes(&name),
            };
            is_there && labels.takes(carried)
        }
        (Peers::Addresses { block, of_cluster }, party) => {
            let (is_outside, address) = match party {
                Party::Outside(address) => (true, address),
                Party::Pod { address, .. } | Party::Machine(address) | Party::OwnMachine(address) => (false, address),
            };
            (*of_cluster || is_outside) && block.holds(*address)
        }
        _ => false,
    }
}

/// What somebody may do to a policy that the platform wrote.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Remove,
    RemoveRule,
    RemovePorts,
    RemovePeers,
    EmptyList,
    RemoveType,
}

fn damage() -> impl Strategy<Value = (usize, usize, Damage)> {
    let kinds = [
        Damage::Remove,
        Damage::RemoveRule,
        Damage::RemovePorts,
        Damage::RemovePeers,
        Damage::EmptyList,
        Damage::RemoveType,
    ];
    (0..3_usize, 0..16_usize, prop::sample::select(kinds.to_vec()))
}

/// Damages the rule of a number, counted through both directions, of the policy of a number.
fn damaged(policies: &mut Vec<Value>, (policy, rule, damage): (usize, usize, Damage)) {
    let number = policy.min(policies.len().saturating_sub(1));
    let Some(policy) = policies.get_mut(number) else { return };
    let list = if rule % 2 == 0 { "ingress" } else { "egress" };
    let spec = policy["spec"].as_object_mut().unwrap();
    let rules = spec.get_mut(list).and_then(Value::as_array_mut);
    let at = rules.as_ref().map_or(0, |rules| (rule / 2) % rules.len().max(1));
    match (damage, rules) {
        (Damage::Remove, _) => {
            policies.remove(number);
        }
        (Damage::RemoveRule, Some(rules)) if !rules.is_empty() => {
            rules.remove(at);
        }
        (Damage::RemovePorts | Damage::RemovePeers, Some(rules)) if !rules.is_empty() => {
            let is_ports = |member: &str| ["ports", "toPorts"].contains(&member);
            let of_ports = matches!(damage, Damage::RemovePorts);
            rules[at].as_object_mut().unwrap().retain(|member, _| is_ports(member) != of_ports);
        }
        (Damage::EmptyList, Some(rules)) => rules.clear(),
        (Damage::RemoveType, _) => {
            if let Some(types) = spec.get_mut("policyTypes").and_then(Value::as_array_mut) {
                types.pop();
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn passages_are_what_policies_let_through(
        settings in settings(), tenant in tenant(), changes in vec(change(), 0..12),
        damages in vec(damage(), 0..4), attempts in vec(attempt(), 64),
    ) {
        let namespace = tenant.namespace();
        let mut policies = tenant.written(&changed(&tenant.isolation(&settings), &changes));
        for damage in damages {
            damaged(&mut policies, damage);
        }
        let [kubernetes, cilium] = passages(namespace.as_str(), &policies);
        for attempt in &attempts {
            let [by_kubernetes, by_cilium] = verdicts(&policies, attempt);
            prop_assert_eq!(lets_through(&cilium, namespace.as_str(), attempt), by_cilium, "Cilium, {:?}", attempt);
            // That a pod and its machine reach each other, no policy of Kubernetes says.
            if !matches!(attempt.party, Party::OwnMachine(_)) {
                let is_through = lets_through(&kubernetes, namespace.as_str(), attempt);
                prop_assert_eq!(is_through, by_kubernetes, "Kubernetes, {:?}", attempt);
            }
        }
    }
}

/// Sets a member of the object at a pointer.
fn set(policy: &mut Value, pointer: &str, member: &str, value: Value) {
    policy.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert(member.to_owned(), value);
}

#[test]
fn a_policy_that_is_not_understood_may_let_everybody_through() {
    let edits: [(&str, &str, &str, Value); 12] = [
        ("NetworkPolicy", "/spec", "tier", json!("net")),
        ("NetworkPolicy", "/spec", "policyTypes", json!(["Ingress", "Both"])),
        ("NetworkPolicy", "/spec/ingress/0", "ports", json!([{"port": "http"}])),
        ("NetworkPolicy", "/spec/ingress/0", "from", json!([{}])),
        ("NetworkPolicy", "/spec/ingress/0", "from", json!([{"ipBlock": {"cidr": "somewhere"}}])),
        (
            "NetworkPolicy",
            "/spec/ingress/0/from/0/podSelector",
            "matchExpressions",
            json!([{"key": "a", "operator": "Like"}]),
        ),
        ("CiliumNetworkPolicy", "/spec", "ingressDeny", json!([{"fromEntities": ["world"]}])),
        ("CiliumNetworkPolicy", "/spec", "enableDefaultDeny", json!({"ingress": false})),
        ("CiliumNetworkPolicy", "/spec/ingress/0", "fromEntities", json!(["unmanaged"])),
        ("CiliumNetworkPolicy", "/spec/egress/0", "toFQDNs", json!([{"matchName": "a.example"}])),
        (
            "CiliumNetworkPolicy",
            "/spec/ingress/0",
            "toPorts",
            json!([{"ports": [{"port": "80"}], "rules": {"http": []}}]),
        ),
        (
            "CiliumNetworkPolicy",
            "/spec/ingress/0",
            "fromEndpoints",
            json!([{"matchExpressions": [
                {"key": "k8s:io.kubernetes.pod.namespace", "operator": "NotIn", "values": ["a"]},
            ]}]),
        ),
    ];
    for (kind, pointer, member, value) in edits {
        let mut policies: Vec<Value> = policies();
        let policy = policies.iter_mut().find(|policy| policy["kind"] == kind).unwrap();
        let is_untouched = |policies: &[Value]| {
            let read = passages("cell", policies);
            !read.iter().flatten().any(|passage| matches!(passage.peers, Peers::Unclear(_)))
        };
        let alone = vec![policy.clone()];
        assert!(is_untouched(&alone));
        set(policy, pointer, member, value.clone());
        let [kubernetes, cilium] = passages("cell", &policies);
        let read = if kind == "NetworkPolicy" { kubernetes } else { cilium };
        let unclear: Vec<_> = read.iter().filter(|passage| matches!(passage.peers, Peers::Unclear(_))).collect();
        assert_eq!(unclear.len(), 2, "{kind} {pointer}/{member}: {value} gives {read:?}");
        assert!(unclear.iter().all(|passage| passage.ports.is_empty() && passage.pods == Pods::All));
    }
}

#[test]
fn pods_that_no_policy_selects_are_open() {
    let mut policies: Vec<Value> = policies();
    policies.retain(|policy| policy["kind"] == "NetworkPolicy");
    set(&mut policies[0], "/spec", "podSelector", json!({"matchLabels": {"tier": "front"}}));
    let [read, _] = passages("cell", &policies);
    let open: Vec<_> = read.iter().filter(|passage| passage.peers == Peers::Everybody).collect();
    assert!(open.iter().all(|passage| matches!(passage.pods, Pods::Others(_))) && open.len() == 2, "{open:?}");
    assert!(read.iter().filter(|passage| passage.cause.is_some()).all(|p| matches!(p.pods, Pods::Selected(_))));
}
