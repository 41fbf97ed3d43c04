//! The isolation of cells and of builds: one table, and every dialect held to it.
//!
//! What a policy means is found out in `verdicts` from its JSON alone, by the rules that Kubernetes and Cilium document.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use openchoreo_core::extension::IsolationContext;
use openchoreo_core::isolation::{
    AddressRange, Direction, Isolation, NameService, NetworkSettings, Peer, Port, Ports, Protocol,
};
use openchoreo_core::kind::Kind;
use openchoreo_core::naming::{CellId, DefaultNaming, NamespaceName, NamingScheme};
use openchoreo_core::plan::Rendered;
use openchoreo_core::platform::PlatformSettings;
use openchoreo_net::builtin_dialects;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::Value;

use crate::schemas::check_against_definitions;
use crate::support::json_of;
use crate::verdicts::{Attempt, Party, is_sound, verdicts};

const GATEWAY_LABEL: &str = "gateway.envoyproxy.io/owning-gateway-name";
/// Where the clusters of these tests have their pods, and their machines.
const PODS: [&str; 2] = ["10.42.0.0/16", "2001:db8:42::/48"];
const MACHINES: [&str; 2] = ["10.50.0.0/16", "2001:db8:50::/48"];

/// Who is isolated: the cell of a project, or the builds of its organization.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tenant {
    organization: &'static str,
    project: &'static str,
    builds: bool,
}

const CELL: Tenant = Tenant { organization: "acme", project: "shop", builds: false };
const BUILDS: Tenant = Tenant { builds: true, ..CELL };

impl Tenant {
    pub(crate) fn namespace(&self) -> NamespaceName {
        let cell = CellId::new(self.organization, self.project, "development");
        if self.builds {
            DefaultNaming.build_namespace(&cell.project().organization()).unwrap()
        } else {
            DefaultNaming.cell_namespace(&cell).unwrap()
        }
    }

    pub(crate) fn isolation(&self, settings: &PlatformSettings) -> Isolation {
        let isolate =
            if self.builds { PlatformSettings::isolation_of_builds } else { PlatformSettings::isolation_of_cell };
        isolate(settings, self.organization).unwrap()
    }

    /// The policies in every dialect.
    fn policies(&self, settings: &PlatformSettings) -> Vec<Value> {
        self.written(&self.isolation(settings))
    }

    /// A table in every dialect.
    pub(crate) fn written(&self, isolation: &Isolation) -> Vec<Value> {
        let labels = BTreeMap::from([("organization-name".to_owned(), self.organization.to_owned())]);
        let cx = IsolationContext { namespace: &self.namespace(), isolation, labels: &labels };
        builtin_dialects().iter().flat_map(|dialect| json_of(dialect.policies(&cx).unwrap())).collect()
    }
}

/// The policies of a cell in every dialect.
pub(crate) fn policies() -> Vec<Value> {
    CELL.policies(&PlatformSettings::default())
}

fn pod(namespace: &str, labels: &[(&str, &str)], address: &str) -> Party {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Party::Pod { namespace: namespace.to_owned(), labels, address: address.parse().unwrap() }
}

fn gateway(name: &str) -> Party {
    pod("choreo-system", &[(GATEWAY_LABEL, name)], "10.42.0.9")
}

fn outside(address: &str) -> Party {
    Party::Outside(address.parse().unwrap())
}

fn out(party: Party, protocol: &'static str, port: u16) -> Attempt {
    Attempt { direction: Direction::Out, party, protocol, port }
}

fn into(party: Party, protocol: &'static str, port: u16) -> Attempt {
    Attempt { direction: Direction::In, party, protocol, port }
}

/// What the table says.
fn by_table(isolation: &Isolation, own: &str, attempt: &Attempt) -> bool {
    isolation.flows().iter().any(|flow| {
        let ports = match &flow.ports {
            Ports::All => true,
            Ports::These(ports) => {
                ports.iter().any(|p| p.number == attempt.port && p.protocol.name() == attempt.protocol)
            }
        };
        let peer = match (&flow.peer, &attempt.party) {
            (Peer::SameNamespace, Party::Pod { namespace, .. }) => namespace == own,
            (Peer::Pods { namespace, labels }, Party::Pod { namespace: of, labels: carried, .. }) => {
                namespace == of && labels.iter().all(|(key, value)| carried.get(key) == Some(value))
            }
            (Peer::PodsBut { namespace, label }, Party::Pod { namespace: of, labels, .. }) => {
                namespace != of || label.as_ref().is_some_and(|label| !labels.contains_key(label))
            }
            (Peer::Machines(_), Party::Machine(_) | Party::OwnMachine(_))
            | (Peer::Resolvers(_), Party::OwnMachine(_)) => true,
            (Peer::Resolvers(blocks) | Peer::Outside(blocks), Party::Outside(address)) => {
                blocks.iter().any(|block| block.holds(*address))
            }
            _ => false,
        };
        flow.direction == attempt.direction && ports && peer
    })
}

fn ranges(texts: &[&str]) -> Vec<AddressRange> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn address_in(range: &'static str) -> impl Strategy<Value = IpAddr> {
    let (first, bits) = range.split_once('/').unwrap();
    let (first, bits): (IpAddr, u32) = (first.parse().unwrap(), bits.parse().unwrap());
    any::<u128>().prop_map(move |noise| match first {
        IpAddr::V4(first) => IpAddr::V4((first.to_bits() | (noise as u32).checked_shr(bits).unwrap_or(0)).into()),
        IpAddr::V6(first) => IpAddr::V6((first.to_bits() | noise.checked_shr(bits).unwrap_or(0)).into()),
    })
}

/// Addresses at the edges of what is told apart, and any other.
fn address() -> impl Strategy<Value = IpAddr> {
    let telling = [
        "169.254.169.254",
        "169.254.20.10",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fe80::1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::a2a:1",
        "64:ff9b::cb00:7109",
        "10.96.0.10",
        "10.0.0.1",
        "11.0.0.0",
        "9.255.255.255",
        "172.15.255.255",
        "172.16.0.0",
        "172.32.0.0",
        "192.168.255.255",
        "100.64.0.0",
        "100.128.0.0",
        "fc00::",
        "fdff::1",
        "fe00::1",
        "203.0.113.9",
        "2001:db8::1",
        "192.0.2.53",
    ];
    let anywhere = prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
    ];
    // Outside of the cluster is where neither its pods nor its machines are.
    let cluster = || ranges(&PODS).into_iter().chain(ranges(&MACHINES));
    let is_outside = move |address: &IpAddr| !cluster().any(|range| range.holds(*address));
    prop_oneof![select(telling.to_vec()).prop_map(|text| text.parse().unwrap()), anywhere]
        .prop_filter("an address of the cluster", is_outside)
}

/// Labels that mean something to the platform, which tenants may claim as well.
pub(crate) fn labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    let gateways = ["choreo-external-gateway", "choreo-internal-gateway", "internal-acme", "internal-a-b"];
    let gateways = gateways.map(|gateway| (GATEWAY_LABEL, gateway));
    let resolvers = [("k8s-app", "kube-dns"), ("k8s-app", "metrics-server"), ("dns", "default")];
    let labels = gateways.into_iter().chain(resolvers).map(Some).chain([None]).collect::<Vec<_>>();
    select(labels).prop_map(|label| label.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect())
}

fn pod_in(namespace: String) -> impl Strategy<Value = Party> {
    (labels(), prop_oneof![address_in(PODS[0]), address_in(PODS[1])]).prop_map(move |(labels, address)| Party::Pod {
        namespace: namespace.clone(),
        labels,
        address,
    })
}

/// Tenants whose names run together.
pub(crate) fn tenant() -> impl Strategy<Value = Tenant> {
    let names = [("acme", "shop"), ("acme", "bank"), ("a-b", "c"), ("a", "b-c")];
    (select(names.to_vec()), any::<bool>()).prop_map(|((organization, project), builds)| Tenant {
        organization,
        project,
        builds,
    })
}

fn party() -> impl Strategy<Value = Party> {
    let platform = ["choreo-system", "kube-system", "openshift-dns", "argo"].map(str::to_owned).to_vec();
    let namespace = prop_oneof![select(platform), tenant().prop_map(|tenant| tenant.namespace().to_string())];
    let machine = || prop_oneof![address_in(MACHINES[0]), address_in(MACHINES[1])];
    prop_oneof![
        4 => namespace.prop_flat_map(pod_in),
        1 => machine().prop_map(Party::Machine),
        1 => machine().prop_map(Party::OwnMachine),
        4 => address().prop_map(Party::Outside),
    ]
}

fn protocol() -> impl Strategy<Value = &'static str> {
    select(vec!["TCP", "UDP", "SCTP"])
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![select(vec![53_u16, 5353, 80, 443, 8080, 10080, 10443, 19000, 19001]), 1..=u16::MAX]
}

pub(crate) fn attempt() -> impl Strategy<Value = Attempt> {
    (select(vec![Direction::In, Direction::Out]), party(), protocol(), port())
        .prop_map(|(direction, party, protocol, port)| Attempt { direction, party, protocol, port })
}

/// Settings as installations may have them, which know where the cluster's pods and machines are.
pub(crate) fn settings() -> impl Strategy<Value = PlatformSettings> {
    let services: Vec<NameService> =
        ["kube-system/k8s-app=kube-dns", "openshift-dns/dns=default:5353", "kube-system:53"]
            .map(|s| s.parse().unwrap())
            .into();
    let addresses: Vec<IpAddr> =
        ["169.254.20.10", "10.96.0.10", "192.0.2.53", "fd00::a"].map(|a| a.parse().unwrap()).into();
    let private = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
        "169.254.0.0/16",
        "0.0.0.0/0",
        "::/0",
        "203.0.113.9/32",
    ];
    // Of these none is a machine's.
    let for_builds =
        ["192.168.0.0/16", "172.16.0.0/12", "100.64.0.0/10", "fc00::/7", "169.254.0.0/16", "10.40.0.0/14", "::/8"];
    let lists = (
        subsequence(services, 0..=3),
        subsequence(addresses, 0..=4),
        subsequence(private.to_vec(), 0..=8),
        subsequence(for_builds.to_vec(), 0..=7),
        prop_oneof![Just(Vec::new()), vec(select(vec![80_u16, 443, 8080, 10443]), 1..50)],
    );
    let choices = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (lists, choices).prop_map(|((services, addresses, private, for_builds, ports), choices)| {
        let (has_label, shared, calls, cluster, machines) = choices;
        let internal = if shared { "choreo-internal-gateway" } else { "internal-{organization}" };
        PlatformSettings {
            internal_gateway: internal.to_owned(),
            network: NetworkSettings {
                name_services: services,
                name_addresses: addresses,
                private_ranges: ranges(&private).into_iter().chain(ranges(&MACHINES)).collect(),
                pod_ranges: ranges(&PODS),
                machine_ranges: if machines { ranges(&MACHINES) } else { Vec::new() },
                gateway_pods_label: has_label.then(|| GATEWAY_LABEL.to_owned()),
                gateway_ports: ports,
                cells_call_shared_gateway: calls,
                builds_reach_cluster: cluster,
                build_ranges: ranges(&for_builds),
            },
            ..PlatformSettings::default()
        }
    })
}

/// What else a flow may be: its direction and its ports.
pub(crate) fn change() -> impl Strategy<Value = (Direction, Ports)> {
    let port = |protocol, number| Port { protocol, number };
    let some = [port(Protocol::Tcp, 80), port(Protocol::Udp, 53), port(Protocol::Tcp, 10443)];
    let ports = prop_oneof![Just(Ports::All), subsequence(some.to_vec(), 0..=3).prop_map(Ports::These)];
    (select(vec![Direction::In, Direction::Out]), ports)
}

/// A table that no platform has: its first flows go another way, or to other ports.
pub(crate) fn changed(isolation: &Isolation, changes: &[(Direction, Ports)]) -> Isolation {
    let mut flows = isolation.flows().to_vec();
    for (flow, (direction, ports)) in flows.iter_mut().zip(changes) {
        (flow.direction, flow.ports) = (*direction, ports.clone());
    }
    let mut changed = Isolation::default();
    changed.extend(flows);
    changed
}

/// Settings, or such by which machines may be anywhere.
fn settings_of_careless_operators() -> impl Strategy<Value = PlatformSettings> {
    (settings(), any::<bool>()).prop_map(|(mut settings, is_careless)| {
        if is_careless {
            settings.network.machine_ranges = ranges(&["0.0.0.0/0", "::/0"]);
        }
        settings
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_dialect_says_what_the_table_says(
        settings in settings(), tenant in tenant(), changes in vec(change(), 0..12), attempts in vec(attempt(), 64),
    ) {
        let isolation = changed(&tenant.isolation(&settings), &changes);
        let policies = tenant.written(&isolation);
        for attempt in &attempts {
            let table = by_table(&isolation, tenant.namespace().as_str(), attempt);
            let [kubernetes, cilium] = verdicts(&policies, attempt);
            prop_assert_eq!(cilium, table, "Cilium, {:?}", attempt);
            let expected = match &attempt.party {
                // Kubernetes never comes between a pod and its machine.
                Party::OwnMachine(_) => true,
                // Without their addresses, machines cannot be written down; then they are let in nowhere.
                Party::Machine(_) => table && !settings.network.machine_ranges.is_empty(),
                Party::Pod { .. } | Party::Outside(_) => table,
            };
            prop_assert_eq!(kubernetes, expected, "Kubernetes, {:?}", attempt);
        }
    }

    #[test]
    fn policies_of_any_settings_are_accepted(settings in settings(), tenant in tenant()) {
        for policy in tenant.policies(&settings) {
            prop_assert_eq!(check_against_definitions(&policy), Ok(()));
            prop_assert_eq!(is_sound(&policy), Ok(()));
        }
    }

    #[test]
    fn no_tenant_reaches_another(
        settings in settings_of_careless_operators(), (one, other) in (tenant(), tenant()),
        labels in (labels(), labels()), protocol in protocol(), port in port(),
    ) {
        let pod_of = |tenant: &Tenant, labels: &BTreeMap<String, String>| Party::Pod {
            namespace: tenant.namespace().to_string(),
            labels: labels.clone(),
            address: "10.42.0.1".parse().unwrap(),
        };
        let leaves = verdicts(&one.policies(&settings), &out(pod_of(&other, &labels.1), protocol, port));
        let enters = verdicts(&other.policies(&settings), &into(pod_of(&one, &labels.0), protocol, port));
        let is_within_cell = one.namespace() == other.namespace() && !one.builds;
        for (leaves, enters) in leaves.into_iter().zip(enters) {
            prop_assert_eq!(leaves && enters, is_within_cell);
        }
    }

    #[test]
    fn no_tenant_enters_another_organization_by_its_gateway(
        settings in settings_of_careless_operators(), tenant in tenant(), protocol in protocol(), port in port(),
    ) {
        let network = NetworkSettings { cells_call_shared_gateway: false, ..settings.network };
        let settings = PlatformSettings { network, ..settings };
        let policies = tenant.policies(&settings);
        for name in ["choreo-internal-gateway", "internal-acme", "internal-a-b", "internal-a"] {
            let is_own = settings.gateways(tenant.organization).internal == name;
            let is_leading_elsewhere = settings.gateways(tenant.organization).is_internal_shared || !is_own;
            if is_leading_elsewhere {
                prop_assert_eq!(verdicts(&policies, &out(gateway(name), protocol, port)), [false, false], "{}", name);
            }
        }
    }

    #[test]
    fn credentials_of_clouds_are_never_reached(
        settings in settings_of_careless_operators(), tenant in tenant(), port in 1..=u16::MAX,
    ) {
        let policies = tenant.policies(&settings);
        let metadata = [
            "169.254.169.254",
            "169.254.170.23",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fe80::a9fe:a9fe",
            "febf::1",
            "64:ff9b::a9fe:a9fe",
        ];
        for address in metadata {
            let attempt = out(outside(address), "TCP", port);
            prop_assert_eq!(verdicts(&policies, &attempt), [false, false], "{} {}", address, port);
        }
    }
}

#[test]
fn a_dialect_names_exactly_the_kinds_that_it_writes() {
    let isolation = CELL.isolation(&PlatformSettings::default());
    let cx = IsolationContext { namespace: &CELL.namespace(), isolation: &isolation, labels: &BTreeMap::new() };
    for dialect in builtin_dialects() {
        let written: BTreeSet<Kind> = dialect.policies(&cx).unwrap().iter().map(Rendered::kind).collect();
        let named: BTreeSet<Kind> = dialect.kinds().into_iter().collect();
        assert_eq!(written, named, "what a plane must serve, and what is watched there");
    }
}

#[test]
fn a_cell_is_closed_but_for_itself_names_gateways_and_the_world() {
    insta::assert_yaml_snapshot!("policies", policies());
}

#[test]
fn builds_are_closed_to_all_and_reach_what_they_need() {
    insta::assert_yaml_snapshot!("build_policies", BUILDS.policies(&PlatformSettings::default()));
}

/// Who may connect, in words: the attempt, and whether a cell and a build may.
fn expectations() -> Vec<(&'static str, Attempt, bool, bool)> {
    let own = CELL.namespace();
    let own = own.as_str();
    let external = || gateway("choreo-external-gateway");
    let internal = || gateway("choreo-internal-gateway");
    let names = || pod("kube-system", &[("k8s-app", "kube-dns")], "10.42.0.8");
    let stranger = || pod("dp-other", &[], "10.42.0.7");
    let machine = || Party::Machine("10.50.0.1".parse().unwrap());
    let impostor = pod("dp-other", &[(GATEWAY_LABEL, "choreo-external-gateway")], "10.42.0.5");
    vec![
        ("pods of the cell", out(pod(own, &[], "10.42.0.6"), "TCP", 5432), true, true),
        ("from pods of the cell", into(pod(own, &[], "10.42.0.6"), "TCP", 5432), true, false),
        ("another namespace", out(stranger(), "TCP", 80), false, true),
        ("from another namespace", into(stranger(), "TCP", 80), false, false),
        ("from a pod that claims to be a gateway", into(impostor, "TCP", 80), false, false),
        ("from the world", into(outside("203.0.113.9"), "TCP", 80), false, false),
        ("from the gateway for everybody", into(external(), "TCP", 8080), true, false),
        ("from the gateway for organizations", into(internal(), "TCP", 8080), true, false),
        ("the gateway for everybody", out(external(), "TCP", 10443), true, true),
        ("its administration", out(external(), "TCP", 19000), false, false),
        ("the gateway that organizations share", out(internal(), "TCP", 10443), false, false),
        ("another pod beside the gateways", out(pod("choreo-system", &[], "10.42.0.4"), "TCP", 5000), false, true),
        ("the name service", out(names(), "UDP", 53), true, true),
        ("the name service by TCP", out(names(), "TCP", 53), true, true),
        ("its metrics", out(names(), "TCP", 9153), false, true),
        ("another pod of its namespace", out(pod("kube-system", &[], "10.42.0.3"), "UDP", 53), false, true),
        ("a machine", out(machine(), "TCP", 6443), false, true),
        ("the world", out(outside("203.0.113.9"), "TCP", 443), true, true),
        ("the world by IPv6", out(outside("2606:4700::1"), "UDP", 443), true, true),
        ("the world by a translator", out(outside("64:ff9b::cb00:7109"), "TCP", 443), true, true),
        ("a private address", out(outside("192.168.1.1"), "TCP", 443), false, true),
        ("a private address by IPv6", out(outside("fd12::1"), "TCP", 443), false, true),
        ("a private address by a translator", out(outside("64:ff9b::c0a8:101"), "TCP", 443), false, false),
        ("credentials of a cloud", out(outside("169.254.169.254"), "TCP", 80), false, false),
        ("credentials of a cloud in a private range", out(outside("100.100.100.200"), "TCP", 80), false, false),
        ("credentials of a cloud by IPv6", out(outside("fd00:ec2::254"), "TCP", 80), false, false),
        ("a neighbour on the link", out(outside("fe80::1"), "TCP", 80), false, false),
    ]
}

#[test]
fn who_may_reach_whom_is_what_people_are_told() {
    let mut settings = PlatformSettings::default();
    settings.network.pod_ranges = ranges(&PODS);
    let [cell, builds] = [CELL, BUILDS].map(|tenant| tenant.policies(&settings));
    for (what, attempt, of_cell, of_build) in expectations() {
        assert_eq!(verdicts(&cell, &attempt), [of_cell; 2], "a cell: {what}");
        assert_eq!(verdicts(&builds, &attempt), [of_build; 2], "a build: {what}");
    }
}

#[test]
fn probes_come_from_every_machine() {
    let mut settings = PlatformSettings::default();
    let address = "10.50.0.1".parse().unwrap();
    let verdicts_of =
        |settings: &PlatformSettings, machine| verdicts(&CELL.policies(settings), &into(machine, "TCP", 8080));
    assert_eq!(verdicts_of(&settings, Party::OwnMachine(address)), [true, true]);
    assert_eq!(verdicts_of(&settings, Party::Machine(address)), [false, true]);
    settings.network.machine_ranges = ranges(&["10.50.0.0/16"]);
    assert_eq!(verdicts_of(&settings, Party::Machine(address)), [true, true]);
}

#[test]
fn names_are_resolved_wherever_a_cluster_does() {
    let mut settings = PlatformSettings::default();
    let openshift = "openshift-dns/dns.operator.openshift.io/daemonset-dns=default:5353".parse().unwrap();
    settings.network.name_services.push(openshift);
    settings.network.name_addresses.push("169.254.20.10".parse().unwrap());
    let openshift = || pod("openshift-dns", &[("dns.operator.openshift.io/daemonset-dns", "default")], "10.42.0.2");
    let node_local = || outside("169.254.20.10");
    for tenant in [CELL, BUILDS] {
        let policies = tenant.policies(&settings);
        for protocol in ["UDP", "TCP"] {
            assert_eq!(verdicts(&policies, &out(openshift(), protocol, 5353)), [true, true]);
            assert_eq!(verdicts(&policies, &out(node_local(), protocol, 53)), [true, true]);
            assert_eq!(verdicts(&policies, &out(node_local(), protocol, 80)), [false, false]);
        }
    }
}

#[test]
fn an_organization_calls_its_own_gateway_and_no_other() {
    let mut settings =
        PlatformSettings { internal_gateway: "internal-{organization}".to_owned(), ..PlatformSettings::default() };
    settings.network.pod_ranges = ranges(&PODS);
    let call = |name| out(gateway(name), "TCP", 10443);
    let enter = |name| into(gateway(name), "TCP", 8080);
    for tenant in [CELL, BUILDS] {
        let policies = tenant.policies(&settings);
        assert_eq!(verdicts(&policies, &call("internal-acme")), [true, true]);
        assert_eq!(verdicts(&policies, &call("internal-umbrella")), [false, false]);
        assert_eq!(verdicts(&policies, &enter("internal-acme")), [!tenant.builds; 2]);
        assert_eq!(verdicts(&policies, &enter("internal-umbrella")), [false, false]);
    }
    // Where pods of gateways cannot be told apart, none is an organization's own.
    settings.network.gateway_pods_label = None;
    assert_eq!(verdicts(&CELL.policies(&settings), &call("internal-acme")), [false, false]);
    settings.network.cells_call_shared_gateway = true;
    assert_eq!(verdicts(&CELL.policies(&settings), &call("internal-acme")), [true, true]);
}

#[test]
fn builds_reach_nothing_private_that_an_operator_closes() {
    let mut settings = PlatformSettings::default();
    settings.network.builds_reach_cluster = false;
    settings.network.build_ranges = ranges(&["192.168.0.0/16"]);
    let policies = BUILDS.policies(&settings);
    let registry = || pod("choreo-system", &[], "10.42.0.4");
    let machine = || Party::Machine("10.50.0.1".parse().unwrap());
    for (party, expected) in
        [(registry(), false), (machine(), false), (outside("10.0.0.1"), false), (outside("192.168.1.1"), true)]
    {
        assert_eq!(verdicts(&policies, &out(party.clone(), "TCP", 443)), [expected; 2], "{party:?}");
    }
}

#[test]
fn without_ports_of_gateways_none_is_called() {
    let mut settings = PlatformSettings::default();
    settings.network.gateway_ports = Vec::new();
    let call = out(gateway("choreo-external-gateway"), "TCP", 10443);
    assert_eq!(verdicts(&CELL.policies(&settings), &call), [false, false]);
}

#[test]
fn a_gateway_that_no_pod_can_be_labelled_with_isolates_nothing() {
    let settings = PlatformSettings { internal_gateway: "g".repeat(64), ..PlatformSettings::default() };
    assert!(settings.isolation_of_cell("acme").is_err());
    assert!(settings.isolation_of_builds("acme").is_err());
}
