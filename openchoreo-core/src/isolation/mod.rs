//! Isolation: who may reach whom, on which port. One table, which every dialect of network policies renders.
//!
//! An [`Isolation`] is the table of one namespace: what is in it is allowed, and all else is not, in either direction.
//! Those of the platform are made here, for cells ([`Isolation::of_cell`]) and for builds ([`Isolation::of_builds`]); a
//! dialect writes a table down and decides nothing.
//!
//! What no table speaks of: a pod reaches itself, and the machine that it runs on reaches it and is reached by it. Network
//! policies of Kubernetes do not close that, and so no dialect does.

mod range;
mod settings;

use std::collections::BTreeMap;
use std::net::IpAddr;

use range::widest;
use serde::Serialize;
use settings::NAMES;

pub use range::{AddressRange, AddressRangeError};
pub(crate) use settings::METADATA;
pub use settings::{GATEWAY_PODS_LABEL, NameService, NameServiceError, NetworkSettings};

/// What the pods of one namespace may reach, and who may reach them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Isolation {
    flows: Vec<Flow>,
}

/// Connections that are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who begins them.
    pub direction: Direction,
    /// The other end.
    pub peer: Peer,
    /// The ports that they go to.
    pub ports: Ports,
}

/// Who begins a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Direction {
    /// The other end does.
    In,
    /// The pods of the namespace do.
    Out,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Every pod of the same namespace.
    SameNamespace,
    /// The pods of a namespace that carry all of these labels.
    Pods {
        /// The namespace.
        namespace: String,
        /// The labels; none for all of its pods.
        labels: BTreeMap<String, String>,
    },
    /// Every pod of the cluster, but none of a namespace that carries a label.
    PodsBut {
        /// The namespace.
        namespace: String,
        /// The label, with whatever value. Where there is none, no pod of the namespace is meant.
        label: Option<String>,
    },
    /// The machines of the cluster. Dialects that know them only by address have these.
    Machines(Vec<AddressBlock>),
    /// What resolves names at these addresses, on the machine of the pod or outside of the cluster.
    Resolvers(Vec<AddressBlock>),
    /// What is outside of the cluster, at these addresses.
    Outside(Vec<AddressBlock>),
}

/// A range of addresses without some of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AddressBlock {
    /// The range.
    pub range: AddressRange,
    /// What is left out: ranges within, smaller than it, none of which is within another.
    pub except: Vec<AddressRange>,
}

impl AddressBlock {
    /// Whether an address is in the range and not left out.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.range.holds(address) && !self.except.iter().any(|closed| closed.holds(address))
    }

    /// Whether all addresses of another block are certainly in this one.
    pub fn covers(&self, other: &Self) -> bool {
        let is_closed_there = |closed: &AddressRange| {
            !(closed.covers(&other.range) || other.range.covers(closed))
                || other.except.iter().any(|wider| wider.covers(closed))
        };
        self.range.covers(&other.range) && self.except.iter().all(is_closed_there)
    }
}

/// The ports of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// All, of every protocol.
    All,
    /// These.
    These(Vec<Port>),
}

/// A port of one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// The protocol.
    pub protocol: Protocol,
    /// The number.
    pub number: u16,
}

/// A protocol above the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Its name, as policies write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }
}

/// The gateways that publish what an organization serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateways {
    /// Their namespace.
    pub namespace: String,
    /// Name of the one for everybody.
    pub external: String,
    /// Name of the one for the organization.
    pub internal: String,
    /// Whether the internal gateway serves other organizations too.
    pub is_internal_shared: bool,
}

impl Isolation {
    /// Everything that is allowed. No list in it is empty but that of machines, since many a dialect reads an empty list
    /// as everything.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// The table of a cell.
    ///
    /// | direction | whom | ports |
    /// |---|---|---|
    /// | in and out | its own pods | all |
    /// | in | both gateways; machines, for probes | all |
    /// | out | name services | theirs, UDP and TCP |
    /// | out | the gateway for everybody; its organization's, see [`NetworkSettings::cells_call_shared_gateway`] | theirs, TCP |
    /// | out | the world outside, without private ranges, pods and what clouds keep credentials at | all |
    pub fn of_cell(settings: &NetworkSettings, gateways: &Gateways) -> Self {
        let mut table = Self::default();
        table.allow(Direction::In, Peer::SameNamespace, Ports::All);
        table.allow(Direction::Out, Peer::SameNamespace, Ports::All);
        for gateway in gateways.pods(settings) {
            table.allow(Direction::In, gateway, Ports::All);
        }
        table.allow(Direction::In, machines(settings), Ports::All);
        table.allow_common(settings, gateways);
        table
    }

    /// The table of the namespace in which the builds of an organization run.
    ///
    /// | direction | whom | ports |
    /// |---|---|---|
    /// | out | what a cell may reach outside of itself | as there |
    /// | out | pods that are no gateways, and machines, see [`NetworkSettings::builds_reach_cluster`] | all |
    /// | out | [`NetworkSettings::build_ranges`], without pods and what clouds keep credentials at | all |
    pub fn of_builds(settings: &NetworkSettings, gateways: &Gateways) -> Self {
        let mut table = Self::default();
        table.allow_common(settings, gateways);
        if settings.builds_reach_cluster {
            table.allow(Direction::Out, gateways.other_pods(settings), Ports::All);
            table.allow(Direction::Out, machines(settings), Ports::All);
        }
        let closed = METADATA.iter().chain(&settings.pod_ranges);
        table.allow(Direction::Out, Peer::Outside(open(&settings.build_ranges, closed)), Ports::All);
        table
    }

    /// What cells and builds may both reach: names, gateways that they cannot enter another organization by, the world.
    fn allow_common(&mut self, settings: &NetworkSettings, gateways: &Gateways) {
        for NameService { namespace, labels, port } in &settings.name_services {
            let pods = Peer::Pods { namespace: namespace.clone(), labels: labels.clone() };
            self.allow(Direction::Out, pods, names(*port));
        }
        let resolvers: Vec<_> = settings.name_addresses.iter().map(|address| AddressRange::of(*address)).collect();
        self.allow(Direction::Out, Peer::Resolvers(open(&resolvers, [])), names(NAMES));
        for gateway in gateways.callable_pods(settings) {
            self.allow(Direction::Out, gateway, tcp(&settings.gateway_ports));
        }
        let everywhere = [AddressRange::ALL_V4, AddressRange::ALL_V6];
        let closed = METADATA.iter().chain(&settings.private_ranges).chain(&settings.pod_ranges);
        self.allow(Direction::Out, Peer::Outside(open(&everywhere, closed)), Ports::All);
    }

    fn allow(&mut self, direction: Direction, peer: Peer, ports: Ports) {
        self.extend([Flow { direction, peer, ports }]);
    }
}

impl Extend<Flow> for Isolation {
    /// Allows flows; those that have nobody or no port in them allow nothing, and are left out.
    fn extend<I: IntoIterator<Item = Flow>>(&mut self, flows: I) {
        let is_empty = |Flow { peer, ports, .. }: &Flow| {
            matches!(peer, Peer::Resolvers(blocks) | Peer::Outside(blocks) if blocks.is_empty())
                || matches!(ports, Ports::These(ports) if ports.is_empty())
        };
        self.flows.extend(flows.into_iter().filter(|flow| !is_empty(flow)));
    }
}

impl Gateways {
    /// The pods of both gateways, each once.
    fn pods(&self, settings: &NetworkSettings) -> Vec<Peer> {
        let mut pods = vec![self.pods_of(&self.external, settings)];
        let internal = self.pods_of(&self.internal, settings);
        if !pods.contains(&internal) {
            pods.push(internal);
        }
        pods
    }

    /// The pods of the gateways that the organization's cells and builds may call: that for everybody, and the internal
    /// one where it leads to nobody else.
    fn callable_pods(&self, settings: &NetworkSettings) -> Vec<Peer> {
        let mut pods = self.pods(settings);
        if !self.may_call_internal(settings) {
            let internal = self.pods_of(&self.internal, settings);
            pods.retain(|gateway| *gateway != internal);
        }
        pods
    }

    /// Whether the organization's cells and builds may call the internal gateway.
    pub fn may_call_internal(&self, settings: &NetworkSettings) -> bool {
        let is_own = !self.is_internal_shared && settings.gateway_pods_label.is_some();
        is_own || settings.cells_call_shared_gateway
    }

    /// Every pod that is no gateway's.
    fn other_pods(&self, settings: &NetworkSettings) -> Peer {
        Peer::PodsBut { namespace: self.namespace.clone(), label: settings.gateway_pods_label.clone() }
    }

    fn pods_of(&self, gateway: &str, settings: &NetworkSettings) -> Peer {
        let label = settings.gateway_pods_label.iter().map(|key| (key.clone(), gateway.to_owned()));
        Peer::Pods { namespace: self.namespace.clone(), labels: label.collect() }
    }
}

/// The machines of the cluster. Pods, and what clouds keep credentials at, are none of them.
fn machines(settings: &NetworkSettings) -> Peer {
    let closed = METADATA.iter().chain(&settings.pod_ranges);
    Peer::Machines(open(&settings.machine_ranges, closed))
}

/// Ranges without the closed ones, however an address of IPv4 is written.
fn open<'a>(ranges: &[AddressRange], closed: impl IntoIterator<Item = &'a AddressRange>) -> Vec<AddressBlock> {
    let closed = widest(closed.into_iter().flat_map(|range| [Some(*range), range.translated()]).flatten());
    let ranges = widest(ranges.iter().copied()).into_iter();
    let is_open = |range: &AddressRange| !closed.iter().any(|closed| closed.covers(range));
    let block = |range: AddressRange| AddressBlock {
        range,
        except: closed.iter().filter(|closed| range.covers(closed)).copied().collect(),
    };
    ranges.filter(is_open).map(block).collect()
}

/// A port of name services.
fn names(number: u16) -> Ports {
    Ports::These([Protocol::Udp, Protocol::Tcp].map(|protocol| Port { protocol, number }).to_vec())
}

fn tcp(numbers: &[u16]) -> Ports {
    Ports::These(numbers.iter().map(|number| Port { protocol: Protocol::Tcp, number: *number }).collect())
}
