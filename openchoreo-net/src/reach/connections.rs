//! Whether pods may reach pods: both ends of a connection in one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_core::extension::NetworkPolicyDialect;
use openchoreo_core::isolation::{AddressBlock, AddressRange, Direction};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::platform::Platform;
use openchoreo_core::reach::{Namespaces, Passage, Peers, Pods, PortRange, Selection};
use openchoreo_core::world::{Select, Serves, World};
use serde::Serialize;
use serde_json::Value;

use super::access::port_words;

/// The label by which NetworkPolicies know the name of a namespace.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Pods of a namespace that carry the same labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PodGroup {
    /// The namespace.
    pub namespace: String,
    /// All of their labels.
    pub labels: BTreeMap<String, String>,
}

/// Connections from pods to others that may come through, by one thing that lets them out and one that lets them in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Connection {
    /// Who begins it.
    pub from: PodGroup,
    /// Who is reached.
    pub to: PodGroup,
    /// The dialect of the policies: it holds where these are enforced. Nothing where the plane serves none.
    pub dialect: Option<Kind>,
    /// The ports that it goes to; empty for all.
    pub ports: BTreeSet<PortRange>,
    /// What lets it out of the first pods.
    pub out: Passage,
    /// What lets it into the others.
    pub into: Passage,
}

/// How pods may reach others in the cluster of a plane, in a stable order: for each dialect of network policies that
/// the plane serves. A dialect that is not told of certainly keeps them apart, where it is enforced.
///
/// Policies that are not in the World are not in the way. Whether anybody listens is not judged.
pub fn connections(
    platform: &Platform,
    world: &World,
    plane: &PlaneKey,
    from: &PodGroup,
    to: &PodGroup,
) -> Vec<Connection> {
    let pod_ranges = &platform.settings().network.pod_ranges;
    let mut found = Vec::new();
    let mut is_judged = false;
    for dialect in platform.dialects() {
        let Some(name) = dialect_at(dialect, world, plane) else { continue };
        is_judged = true;
        let ends = |own: &PodGroup, direction: Direction, other: &PodGroup| -> Vec<Passage> {
            let policies = policies_of(dialect, world, plane, &own.namespace);
            let mut passages = dialect.passages(&own.namespace, &policies);
            let other_namespace = labels_of(world, plane, &other.namespace);
            passages.retain(|passage| {
                passage.direction == direction
                    && passage.pods.takes(&own.labels)
                    && may_be(&passage.peers, own, other, &other_namespace, pod_ranges)
            });
            passages
        };
        let entering = ends(to, Direction::In, from);
        for out in ends(from, Direction::Out, to) {
            for into in &entering {
                let Some(ports) = common_ports(&out.ports, &into.ports) else { continue };
                let (from, to, out, into) = (from.clone(), to.clone(), out.clone(), into.clone());
                found.push(Connection { from, to, dialect: Some(name), ports, out, into });
            }
        }
    }
    if !is_judged {
        found.push(Connection {
            from: from.clone(),
            to: to.clone(),
            dialect: None,
            ports: BTreeSet::new(),
            out: open(Direction::Out),
            into: open(Direction::In),
        });
    }
    found.sort();
    found
}

/// What a dialect is called by in a plane: the first of its kinds; nothing where the plane does not serve them.
pub(super) fn dialect_at(dialect: &dyn NetworkPolicyDialect, world: &World, plane: &PlaneKey) -> Option<Kind> {
    let kinds = dialect.kinds();
    let is_served = !kinds.iter().any(|kind| world.serves(plane, *kind) == Serves::No);
    kinds.first().copied().filter(|_| is_served)
}

/// The policies of a dialect in a namespace.
fn policies_of(
    dialect: &dyn NetworkPolicyDialect,
    world: &World,
    plane: &PlaneKey,
    namespace: &str,
) -> Vec<(ObjectKey, Value)> {
    let kinds = dialect.kinds().into_iter();
    let listed = kinds.flat_map(|kind| world.list(plane, &Select::all(kind).namespace(namespace)));
    listed.map(|(key, live)| (key, live.json())).collect()
}

/// What nothing is in the way of.
fn open(direction: Direction) -> Passage {
    Passage { direction, pods: Pods::All, peers: Peers::Everybody, ports: BTreeSet::new(), cause: None }
}

/// The labels of a namespace, and whether these are all: of one that is not seen only its name is known.
fn labels_of(world: &World, plane: &PlaneKey, name: &str) -> (BTreeMap<String, String>, bool) {
    let live = world.get(plane, &ObjectKey::of::<Namespace>("", name));
    let mut labels = live.map(|live| live.metadata().labels).unwrap_or_default();
    labels.insert(NAMESPACE_NAME.to_owned(), name.to_owned());
    (labels, live.is_some())
}

/// Whether pods may be among the peers of others.
fn may_be(
    peers: &Peers,
    own: &PodGroup,
    other: &PodGroup,
    (labels, is_all): &(BTreeMap<String, String>, bool),
    pod_ranges: &[AddressRange],
) -> bool {
    match peers {
        Peers::Everybody | Peers::Unclear(_) => true,
        Peers::Pods { namespaces, labels: of_pods } => {
            let is_there = match namespaces {
                Namespaces::Same => own.namespace == other.namespace,
                Namespaces::Selected(Selection(all)) => {
                    let known = all.iter().filter(|one| *is_all || labels.contains_key(one.key()));
                    Selection(known.cloned().collect()).takes(labels)
                }
            };
            is_there && of_pods.takes(&other.labels)
        }
        Peers::Addresses { block, of_cluster } => *of_cluster && may_hold_pods(block, pod_ranges),
        Peers::OwnMachine | Peers::OtherMachines | Peers::World => false,
    }
}

/// Whether pods may have addresses of a block: where nobody says which they have, any.
fn may_hold_pods(block: &AddressBlock, pod_ranges: &[AddressRange]) -> bool {
    let is_in = |range: &AddressRange| {
        (block.range.covers(range) || range.covers(&block.range))
            && !block.except.iter().any(|closed| closed.covers(range))
    };
    pod_ranges.is_empty() || pod_ranges.iter().any(is_in)
}

/// The ports of both, of which none are all; nothing where they share no port.
fn common_ports(one: &BTreeSet<PortRange>, other: &BTreeSet<PortRange>) -> Option<BTreeSet<PortRange>> {
    if one.is_empty() || other.is_empty() {
        return Some(one | other);
    }
    let common: BTreeSet<PortRange> =
        one.iter().flat_map(|range| other.iter().filter_map(|other| range.common(other))).collect();
    (!common.is_empty()).then_some(common)
}

impl Connection {
    /// Whether it goes to a port, such as that of an endpoint.
    pub fn holds_port(&self, protocol: &str, port: u16) -> bool {
        self.out.holds_port(protocol, port) && self.into.holds_port(protocol, port)
    }
}

impl fmt::Display for PodGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<String> = self.labels.iter().map(|(key, value)| format!("`{key}={value}` ")).collect();
        let with = if labels.is_empty() { "" } else { "with " };
        write!(f, "the pods {with}{}of namespace `{}`", labels.concat(), self.namespace)
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, dialect, ports, out, into } = self;
        write!(f, "{from} may reach {to} on {} ", port_words(ports))?;
        match dialect {
            Some(dialect) => {
                write!(f, "as far as {dialect} goes (out by {}, in by {})", cause_words(out), cause_words(into))
            }
            None => f.write_str("as the plane serves no network policies"),
        }
    }
}

/// Why a passage is open.
fn cause_words(passage: &Passage) -> String {
    match &passage.cause {
        Some(cause) => format!("`{}` for {}", cause.name, passage.peers),
        None => "no policy in the way".to_owned(),
    }
}
