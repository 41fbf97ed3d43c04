//! Whether pods may reach pods is what the policies of both ends say together.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use openchoreo_core::isolation::Direction;
use openchoreo_core::kind::{Kind, PlaneKey};
use openchoreo_core::platform::{Platform, PlatformSettings};
use openchoreo_core::reach::Peers;
use openchoreo_core::world::{ServedKinds, World};
use openchoreo_net::builtin_dialects;
use openchoreo_net::reach::{Connection, PodGroup, connections};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::policies::{address_in, attempt, change, changed, labels, settings, tenant};
use crate::verdicts::{Attempt, Party, verdicts};

fn plane() -> PlaneKey {
    PlaneKey::data_plane("acme", "plane")
}

fn platform(settings: PlatformSettings) -> Platform {
    Platform::builder().settings(settings).dialects(builtin_dialects()).build().unwrap()
}

fn put(world: &mut World, policies: &[Value]) {
    let kinds: Vec<Kind> = builtin_dialects().iter().flat_map(|dialect| dialect.kinds()).collect();
    for policy in policies {
        let kind = kinds.iter().find(|kind| policy["kind"] == kind.kind).unwrap();
        world.put(&plane(), *kind, policy.clone());
    }
}

fn group(namespace: &str, labels: &[(&str, &str)]) -> PodGroup {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    PodGroup { namespace: namespace.to_owned(), labels }
}

/// Whether a connection goes by addresses, which pods have within their ranges, where these count.
fn is_by_address(connection: &Connection) -> bool {
    let is_of_pods = |peers: &Peers| matches!(peers, Peers::Addresses { of_cluster: true, .. });
    is_of_pods(&connection.out.peers) || is_of_pods(&connection.into.peers)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pods_reach_pods_where_the_policies_of_both_let_them(
        settings in settings(), tenants in (tenant(), tenant()),
        changes in (vec(change(), 0..12), vec(change(), 0..12)),
        pods in ((labels(), address_in("10.42.0.0/16")), (labels(), address_in("10.42.0.0/16"))),
        attempts in vec(attempt(), 16),
    ) {
        let names = [tenants.0.namespace().to_string(), tenants.1.namespace().to_string()];
        let first = tenants.0.written(&changed(&tenants.0.isolation(&settings), &changes.0));
        let second = if names[0] == names[1] {
            first.clone()
        } else {
            tenants.1.written(&changed(&tenants.1.isolation(&settings), &changes.1))
        };
        let mut world = World::new();
        put(&mut world, &first);
        put(&mut world, &second);
        let [(from_labels, from_address), (to_labels, to_address)] = <[_; 2]>::from(pods);
        let from = PodGroup { namespace: names[0].clone(), labels: from_labels };
        let to = PodGroup { namespace: names[1].clone(), labels: to_labels };
        let found = connections(&platform(settings), &world, &plane(), &from, &to);
        let party = |group: &PodGroup, address| {
            Party::Pod { namespace: group.namespace.clone(), labels: group.labels.clone(), address }
        };
        for Attempt { protocol, port, .. } in attempts {
            let attempt = |direction, party| Attempt { direction, party, protocol, port };
            let out = verdicts(&first, &attempt(Direction::Out, party(&to, to_address)));
            let into = verdicts(&second, &attempt(Direction::In, party(&from, from_address)));
            for (number, dialect) in builtin_dialects().iter().enumerate() {
                let kind = dialect.kinds().first().copied();
                let of_port: Vec<_> =
                    found.iter().filter(|one| one.dialect == kind && one.holds_port(protocol, port)).collect();
                let is_through = out[number] && into[number];
                prop_assert!(!is_through || !of_port.is_empty(), "{:?} {} {} is left out", kind, protocol, port);
                let is_certain = of_port.iter().any(|one| !is_by_address(one));
                prop_assert!(is_through || !is_certain, "{:?} {} {}: {:?}", kind, protocol, port, of_port);
            }
        }
    }
}

/// A NetworkPolicy that lets pods in on a port, from where a selector says.
fn lets_in(namespace: &str, from: Value) -> Value {
    let rule = json!({"from": [from], "ports": [{"port": 8080}]});
    json!({
        "kind": "NetworkPolicy", "metadata": {"name": "door", "namespace": namespace},
        "spec": {"podSelector": {"matchLabels": {"app": "shop"}}, "ingress": [rule]},
    })
}

fn told(world: &World, from: &PodGroup, to: &PodGroup) -> Vec<String> {
    let platform = platform(PlatformSettings::default());
    let found = connections(&platform, world, &plane(), from, to);
    let by_kubernetes = found.iter().filter(|one| one.dialect == Some(Kind::of::<NetworkPolicy>()));
    by_kubernetes.map(ToString::to_string).collect()
}

#[test]
fn why_pods_reach_pods_is_told_of_both_ends() {
    let mut world = World::new();
    let spy = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "spy"}}});
    put(&mut world, &[lets_in("shop", spy)]);
    let shop = group("shop", &[("app", "shop")]);
    let expected = "the pods of namespace `spy` may reach the pods with `app=shop` of namespace `shop` on TCP 8080 as \
        far as NetworkPolicy.networking.k8s.io goes (out by no policy in the way, in by `door` for pods of namespaces \
        `kubernetes.io/metadata.name=spy`)";
    assert_eq!(told(&world, &group("spy", &[]), &shop), [expected]);
    assert_eq!(told(&world, &group("other", &[]), &shop), Vec::<String>::new());
    // The policy is for other pods only.
    let open = told(&world, &group("other", &[]), &group("shop", &[]));
    assert!(open[0].contains("on all ports") && open[0].contains("in by no policy in the way"), "{open:?}");
}

#[test]
fn a_peer_is_known_by_its_namespace_and_its_labels() {
    let mut world = World::new();
    put(&mut world, &[lets_in("shop", json!({"podSelector": {"matchLabels": {"app": "cart"}}}))]);
    let shop = group("shop", &[("app", "shop")]);
    let count = |namespace: &str, app: &str| told(&world, &group(namespace, &[("app", app)]), &shop).len();
    assert_eq!([count("shop", "cart"), count("shop", "other"), count("other", "cart")], [1, 0, 0]);
}

#[test]
fn a_connection_goes_to_ports_that_both_ends_let_through() {
    let mut world = World::new();
    put(&mut world, &[lets_in("shop", json!({"podSelector": {}}))]);
    let mut out_to = |port: Value| {
        let pods = json!({"matchLabels": {"app": "cart"}});
        let spec = json!({"podSelector": pods, "policyTypes": ["Egress"], "egress": [{"ports": [port]}]});
        let metadata = json!({"name": "way", "namespace": "shop"});
        put(&mut world, &[json!({"kind": "NetworkPolicy", "metadata": metadata, "spec": spec})]);
        let told = told(&world, &group("shop", &[("app", "cart")]), &group("shop", &[("app", "shop")]));
        assert!(
            told.iter()
                .all(|told| told.contains("may reach the pods with `app=shop` of namespace `shop` on TCP 8080 "))
        );
        told.len()
    };
    assert_eq!(out_to(json!({"port": 8080})), 1);
    assert_eq!(out_to(json!({"port": 8000, "endPort": 9000})), 1);
    assert_eq!(out_to(json!({"port": 8080, "protocol": "UDP"})), 0);
    assert_eq!(out_to(json!({"port": 9090})), 0);
}

#[test]
fn a_namespace_that_is_not_seen_may_have_any_label_but_its_name() {
    let mut world = World::new();
    put(&mut world, &[lets_in("shop", json!({"namespaceSelector": {"matchLabels": {"tier": "front"}}}))]);
    let (front, shop) = (group("front", &[]), group("shop", &[("app", "shop")]));
    assert_eq!(told(&world, &front, &shop).len(), 1);
    let mut namespace = |labels: Value| {
        let object = json!({"metadata": {"name": "front", "labels": labels}});
        world.put(&plane(), Kind::of::<Namespace>(), object);
        told(&world, &front, &shop).len()
    };
    assert_eq!([namespace(json!({"tier": "back"})), namespace(json!({"tier": "front"}))], [0, 1]);
}

#[test]
fn pods_reach_pods_where_the_plane_serves_no_policies() {
    let mut world = World::new();
    put(&mut world, &[lets_in("shop", json!({"podSelector": {}}))]);
    world.set_served_kinds(&plane(), ServedKinds::new());
    let (other, shop) = (group("other", &[]), group("shop", &[("app", "shop")]));
    let found = connections(&platform(PlatformSettings::default()), &world, &plane(), &other, &shop);
    let expected = "the pods of namespace `other` may reach the pods with `app=shop` of namespace `shop` on all ports \
        as the plane serves no network policies";
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

#[test]
fn pods_count_by_their_addresses_unless_their_ranges_are_left_out() {
    let mut world = World::new();
    put(&mut world, &[lets_in("shop", json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.42.0.0/16"]}}))]);
    let (other, shop) = (group("other", &[]), group("shop", &[("app", "shop")]));
    let count = |pod_ranges: &[&str]| {
        let mut settings = PlatformSettings::default();
        settings.network.pod_ranges = pod_ranges.iter().map(|range| range.parse().unwrap()).collect();
        let found = connections(&platform(settings), &world, &plane(), &other, &shop);
        found.iter().filter(|one| one.dialect == Some(Kind::of::<NetworkPolicy>())).count()
    };
    assert_eq!([count(&[]), count(&["10.42.0.0/16"]), count(&["10.40.0.0/14"]), count(&["11.0.0.0/8"])], [1, 0, 1, 0]);
    // By Cilium, pods are in no range.
    let spec = json!({"endpointSelector": {}, "ingress": [{"fromCIDR": ["10.0.0.0/8"]}]});
    put(
        &mut world,
        &[json!({"kind": "CiliumNetworkPolicy", "metadata": {"name": "door", "namespace": "shop"}, "spec": spec})],
    );
    let found = connections(&platform(PlatformSettings::default()), &world, &plane(), &other, &shop);
    assert!(found.iter().all(|one| one.dialect == Some(Kind::of::<NetworkPolicy>())), "{found:?}");
}
