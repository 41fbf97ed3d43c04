//! Network policies read back: what those of a namespace let through together, whoever wrote them.
//!
//! A policy is read in full or not at all: a field, a port or a peer that is not understood makes a passage of its own,
//! for whoever it may be for ([`Peers::Unclear`]).

mod cilium;
mod kubernetes;

use std::collections::BTreeSet;

use openchoreo_core::isolation::{AddressBlock, Direction};
use openchoreo_core::kind::ObjectKey;
use openchoreo_core::reach::{Passage, Peers, Pods, PortRange, Requirement, Selection, Unclear};
use serde::Deserialize;
use serde_json::Value;

pub(super) use cilium::read as read_cilium;
pub(super) use kubernetes::read as read_kubernetes;

/// What one policy says.
struct Reading {
    /// The pods that it is for.
    pods: Selection,
    /// The directions in which only what some policy allows comes through.
    closes: BTreeSet<Direction>,
    /// What it allows.
    allows: Vec<Allowed>,
}

/// Connections that a policy allows.
struct Allowed {
    direction: Direction,
    peers: Peers,
    ports: BTreeSet<PortRange>,
}

/// What policies let through together: what one of them allows, and everything for pods that none closes.
fn together(policies: &[(ObjectKey, Value)], read: impl Fn(&Value) -> Result<Reading, String>) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut closed: BTreeSet<(Direction, Selection)> = BTreeSet::new();
    for (key, policy) in policies {
        let reading = read(policy).unwrap_or_else(|problem| not_understood(key, policy, &problem));
        closed.extend(reading.closes.iter().map(|direction| (*direction, reading.pods.clone())));
        let pods = if reading.pods.0.is_empty() { Pods::All } else { Pods::Selected(reading.pods) };
        passages.extend(reading.allows.into_iter().map(|Allowed { direction, peers, ports }| Passage {
            direction,
            pods: pods.clone(),
            peers,
            ports,
            cause: Some(key.clone()),
        }));
    }
    for direction in [Direction::In, Direction::Out] {
        let selections: BTreeSet<Selection> =
            closed.iter().filter(|(of, _)| *of == direction).map(|(_, pods)| pods.clone()).collect();
        if !selections.contains(&Selection::default()) {
            let pods = if selections.is_empty() { Pods::All } else { Pods::Others(selections) };
            passages.push(Passage { direction, pods, peers: Peers::Everybody, ports: BTreeSet::new(), cause: None });
        }
    }
    passages.sort();
    passages.dedup();
    passages
}

/// A policy that may let everybody through, and closes nothing.
fn not_understood(key: &ObjectKey, policy: &Value, problem: &str) -> Reading {
    let unclear = Unclear::new(format!("{key}: {problem}"), &policy.to_string());
    let allows = [Direction::In, Direction::Out].map(|direction| Allowed {
        direction,
        peers: Peers::Unclear(unclear.clone()),
        ports: BTreeSet::new(),
    });
    Reading { pods: Selection::default(), closes: BTreeSet::new(), allows: allows.into() }
}

/// A selector of labels, as both dialects have it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    match_labels: Option<std::collections::BTreeMap<String, String>>,
    match_expressions: Option<Vec<Expression>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expression {
    key: String,
    operator: String,
    values: Option<Vec<String>>,
}

impl Selector {
    fn read(self) -> Result<Selection, String> {
        let labels = self.match_labels.unwrap_or_default().into_iter();
        let labels = labels.map(|(key, value)| Ok(Requirement::In(key, BTreeSet::from([value]))));
        let expressions = self.match_expressions.unwrap_or_default().into_iter().map(Expression::read);
        labels.chain(expressions).collect::<Result<_, _>>().map(Selection)
    }
}

impl Expression {
    fn read(self) -> Result<Requirement, String> {
        let values = self.values.unwrap_or_default().into_iter().collect();
        match self.operator.as_str() {
            "In" => Ok(Requirement::In(self.key, values)),
            "NotIn" => Ok(Requirement::NotIn(self.key, values)),
            "Exists" => Ok(Requirement::Exists(self.key)),
            "DoesNotExist" => Ok(Requirement::Absent(self.key)),
            other => Err(format!("the operator `{other}`")),
        }
    }
}

/// A range of addresses without some of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    cidr: String,
    except: Option<Vec<String>>,
}

impl Block {
    fn read(&self) -> Result<AddressBlock, String> {
        let range = |text: &String| text.parse().map_err(|_| format!("the range `{text}`"));
        let except = self.except.iter().flatten().map(range).collect::<Result<_, _>>()?;
        Ok(AddressBlock { range: range(&self.cidr)?, except })
    }
}

/// The ports from one to another of a protocol; every protocol where it is not said.
fn ports(protocol: Option<String>, first: u16, last: u16) -> PortRange {
    PortRange { protocol: protocol.filter(|protocol| protocol != "ANY"), first, last }
}
