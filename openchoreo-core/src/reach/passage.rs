//! Connections of the pods of a namespace that network policies let through, one end each.
//!
//! A connection between two pods needs a passage at both ends: one out of the first, and one into the second.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::Unclear;
use crate::isolation::{AddressBlock, Direction};
use crate::kind::ObjectKey;

/// Connections that the policies of a namespace let through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Passage {
    /// Who begins them.
    pub direction: Direction,
    /// Which pods of the namespace are at this end.
    pub pods: Pods,
    /// Who is at the other end.
    pub peers: Peers,
    /// The ports that they go to; empty for all.
    pub ports: BTreeSet<PortRange>,
    /// The policy that lets them through; nothing where none is in the way.
    pub cause: Option<ObjectKey>,
}

/// Some pods of a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Pods {
    /// All of them.
    All,
    /// Those that a selection takes.
    Selected(Selection),
    /// Those that none of these takes; there may be none.
    Others(BTreeSet<Selection>),
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Peers {
    /// Everybody and everything.
    Everybody,
    /// Pods with these labels of these namespaces.
    Pods {
        /// Their namespaces.
        namespaces: Namespaces,
        /// Their labels.
        labels: Selection,
    },
    /// The machine that a pod runs on.
    OwnMachine,
    /// The other machines of the cluster.
    OtherMachines,
    /// Whatever is outside of the cluster.
    World,
    /// Who has one of these addresses.
    Addresses {
        /// The addresses.
        block: AddressBlock,
        /// Whether pods and machines of the cluster count by their addresses too. Plugins differ in that.
        of_cluster: bool,
    },
    /// Somebody, in a way that is not understood.
    Unclear(Unclear),
}

/// Namespaces of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Namespaces {
    /// That of the policy.
    Same,
    /// Those with these labels, of which `kubernetes.io/metadata.name` is the name.
    Selected(Selection),
}

/// What labels must be like: all of this; nothing for any.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Selection(pub BTreeSet<Requirement>);

/// What one label must be like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Requirement {
    /// It has one of these values.
    In(String, BTreeSet<String>),
    /// It is absent, or has none of these values.
    NotIn(String, BTreeSet<String>),
    /// It is there.
    Exists(String),
    /// It is absent.
    Absent(String),
}

/// Ports of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PortRange {
    /// `TCP`, `UDP` or `SCTP`; nothing for each.
    pub protocol: Option<String>,
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Passage {
    /// Whether all connections of the other are certainly among these.
    pub fn covers(&self, other: &Self) -> bool {
        let is_port = |port: &PortRange| self.ports.iter().any(|own| own.covers(port));
        self.direction == other.direction
            && (self.pods == Pods::All || self.pods == other.pods)
            && self.peers.covers(&other.peers)
            && (self.ports.is_empty() || (!other.ports.is_empty() && other.ports.iter().all(is_port)))
    }

    /// Whether a connection to a port is among these.
    pub fn holds_port(&self, protocol: &str, port: u16) -> bool {
        self.ports.is_empty() || self.ports.iter().any(|range| range.holds(protocol, port))
    }
}

impl Pods {
    /// Whether pods with some labels are among these.
    pub fn takes(&self, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::All => true,
            Self::Selected(selection) => selection.takes(labels),
            Self::Others(selections) => !selections.iter().any(|selection| selection.takes(labels)),
        }
    }
}

impl Peers {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            // What is not understood covers nothing but itself.
            (Self::Unclear(_), _) | (_, Self::Unclear(_)) => self == other,
            (Self::Everybody, _) => true,
            (
                Self::Pods { namespaces, labels },
                Self::Pods { namespaces: narrower_namespaces, labels: narrower_labels },
            ) => {
                let is_there = match (namespaces, narrower_namespaces) {
                    (Namespaces::Selected(own), Namespaces::Selected(narrower)) => own.covers(narrower),
                    (own, narrower) => own == narrower,
                };
                is_there && labels.covers(narrower_labels)
            }
            (Self::World, Self::Addresses { of_cluster: false, .. }) => true,
            (
                Self::Addresses { block, of_cluster },
                Self::Addresses { block: narrower, of_cluster: narrower_of_cluster },
            ) => (*of_cluster || !narrower_of_cluster) && block.covers(narrower),
            _ => self == other,
        }
    }
}

impl Selection {
    /// Whether labels are taken.
    pub fn takes(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels.get(key).is_some_and(|value| values.contains(value)),
            Requirement::NotIn(key, values) => !labels.get(key).is_some_and(|value| values.contains(value)),
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::Absent(key) => !labels.contains_key(key),
        })
    }

    /// Whether all labels are taken that the other takes.
    fn covers(&self, other: &Self) -> bool {
        let is_implied = |wanted: &Requirement| {
            other.0.iter().any(|given| match (wanted, given) {
                (Requirement::Exists(key), Requirement::In(of, _)) => key == of,
                (Requirement::In(key, values), Requirement::In(of, narrower)) => {
                    key == of && narrower.is_subset(values)
                }
                (Requirement::NotIn(key, values), Requirement::NotIn(of, wider)) => {
                    key == of && values.is_subset(wider)
                }
                _ => wanted == given,
            })
        };
        self.0.iter().all(is_implied)
    }
}

impl Requirement {
    /// The key of the label.
    pub fn key(&self) -> &str {
        match self {
            Self::In(key, _) | Self::NotIn(key, _) | Self::Exists(key) | Self::Absent(key) => key,
        }
    }
}

impl PortRange {
    fn covers(&self, other: &Self) -> bool {
        (self.protocol.is_none() || self.protocol == other.protocol)
            && self.first <= other.first
            && other.last <= self.last
    }

    /// The ports that are in both.
    pub fn common(&self, other: &Self) -> Option<Self> {
        let is_one = self.protocol.is_none() || other.protocol.is_none() || self.protocol == other.protocol;
        let (first, last) = (self.first.max(other.first), self.last.min(other.last));
        let protocol = self.protocol.clone().or_else(|| other.protocol.clone());
        (is_one && first <= last).then_some(Self { protocol, first, last })
    }

    fn holds(&self, protocol: &str, port: u16) -> bool {
        self.protocol.as_deref().is_none_or(|own| own == protocol) && (self.first..=self.last).contains(&port)
    }
}

impl fmt::Display for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("everybody and everything"),
            Self::Pods { namespaces: Namespaces::Same, labels } if labels.0.is_empty() => {
                f.write_str("pods of the same namespace")
            }
            Self::Pods { namespaces: Namespaces::Same, labels } => write!(f, "pods {labels} of the same namespace"),
            Self::Pods { namespaces: Namespaces::Selected(namespaces), labels } => {
                let of = if namespaces.0.is_empty() {
                    "every namespace".to_owned()
                } else {
                    format!("namespaces {namespaces}")
                };
                write!(f, "pods{}{labels} of {of}", if labels.0.is_empty() { "" } else { " " })
            }
            Self::OwnMachine => f.write_str("the machine they run on"),
            Self::OtherMachines => f.write_str("the machines of the cluster"),
            Self::World => f.write_str("the world outside"),
            Self::Addresses { block, .. } => {
                write!(f, "addresses in `{}`", block.range)?;
                match block.except.as_slice() {
                    [] => Ok(()),
                    few if few.len() <= SHOWN => {
                        let closed: Vec<String> = few.iter().map(|range| format!("`{range}`")).collect();
                        write!(f, " but {}", closed.join(", "))
                    }
                    many => write!(f, " but {} ranges in it", many.len()),
                }
            }
            Self::Unclear(unclear) => write!(f, "perhaps everybody, since this is not understood: {}", unclear.what),
        }
    }
}

/// How many ranges are shown that a block leaves out.
const SHOWN: usize = 4;

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.0.iter().enumerate() {
            let values = |values: &BTreeSet<String>| values.iter().cloned().collect::<Vec<_>>().join("|");
            f.write_str(if index == 0 { "`" } else { ", `" })?;
            match requirement {
                Requirement::In(key, of) => write!(f, "{key}={}`", values(of))?,
                Requirement::NotIn(key, of) => write!(f, "{key}≠{}`", values(of))?,
                Requirement::Exists(key) => write!(f, "{key}`")?,
                Requirement::Absent(key) => write!(f, "{key}` absent")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.protocol.as_deref().unwrap_or("any protocol");
        match (self.first, self.last) {
            (0, u16::MAX) => write!(f, "every port of {protocol}"),
            (first, last) if first == last => write!(f, "{protocol} {first}"),
            (first, last) => write!(f, "{protocol} {first} to {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn addresses(range: &str, except: &[&str], of_cluster: bool) -> Peers {
        let parsed = |text: &&str| text.parse().unwrap();
        let block = AddressBlock { range: parsed(&range), except: except.iter().map(parsed).collect() };
        Peers::Addresses { block, of_cluster }
    }

    fn pods(namespaces: &[Requirement], labels: &[Requirement]) -> Peers {
        let selection = |all: &[Requirement]| Selection(all.iter().cloned().collect());
        Peers::Pods { namespaces: Namespaces::Selected(selection(namespaces)), labels: selection(labels) }
    }

    #[test]
    fn whoever_is_certainly_among_others_is_covered_and_nobody_else() {
        let is = |values: &[&str]| Requirement::In("name".to_owned(), set(values));
        let label = Requirement::Exists("app".to_owned());
        let unclear = || Peers::Unclear(Unclear::new("it", "text"));
        let ordered = [
            (Peers::Everybody, pods(&[], &[])),
            (Peers::World, addresses("10.0.0.0/8", &[], false)),
            (pods(&[], &[]), pods(&[is(&["a"])], &[])),
            (pods(&[is(&["a", "b"])], &[]), pods(&[is(&["a"])], std::slice::from_ref(&label))),
            (pods(&[Requirement::Exists("name".to_owned())], &[]), pods(&[is(&["a"])], &[])),
            (addresses("0.0.0.0/0", &["10.0.0.0/8"], false), addresses("11.0.0.0/8", &[], false)),
            (addresses("0.0.0.0/0", &["10.1.0.0/16"], false), addresses("0.0.0.0/0", &["10.0.0.0/8"], false)),
            (addresses("0.0.0.0/0", &[], true), addresses("0.0.0.0/0", &[], false)),
        ];
        for (wider, narrower) in ordered {
            assert!(wider.covers(&narrower) && wider.covers(&wider), "{wider} / {narrower}");
            assert!(!narrower.covers(&wider), "{narrower} / {wider}");
        }
        assert!(!Peers::Everybody.covers(&unclear()) && unclear().covers(&unclear()), "it is told on its own");
        assert!(!addresses("0.0.0.0/0", &["10.0.0.0/8"], false).covers(&addresses("10.1.0.0/16", &[], false)));
    }

    #[test]
    fn ports_are_covered_by_their_protocol_and_number() {
        let port =
            |protocol: Option<&str>, first, last| PortRange { protocol: protocol.map(str::to_owned), first, last };
        let of = |ports: &[PortRange]| Passage {
            direction: Direction::In,
            pods: Pods::All,
            peers: Peers::Everybody,
            ports: ports.iter().cloned().collect(),
            cause: None,
        };
        let ordered = [
            (of(&[]), of(&[port(None, 0, 9)])),
            (of(&[port(None, 1, 9)]), of(&[port(Some("TCP"), 3, 4)])),
            (of(&[port(Some("TCP"), 1, 9), port(Some("UDP"), 1, 9)]), of(&[port(Some("UDP"), 9, 9)])),
        ];
        for (wider, narrower) in ordered {
            assert!(wider.covers(&narrower) && !narrower.covers(&wider), "{:?}", wider.ports);
        }
        assert!(of(&[port(Some("TCP"), 80, 80)]).holds_port("TCP", 80));
        assert!(!of(&[port(Some("TCP"), 80, 80)]).holds_port("UDP", 80));
    }
}
