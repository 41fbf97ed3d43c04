//! Reachability: the words in which gateways and dialects of network policies tell who may reach what.
//!
//! An extension reads back the objects of a plane, whoever wrote them: a gateway gives [`Admission`]s, a dialect gives
//! [`Passage`]s. Both err on the open side: what an extension does not understand is told as a way that may be open
//! ([`Unclear`]), never left out. The library that puts them together, and compares two Worlds, is
//! `openchoreo_net::reach`.

mod passage;
mod protection;
mod requests;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::isolation::Direction;
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::naming::hash::digest16;
use crate::world::{Select, World};

pub use passage::{Namespaces, Passage, Peers, Pods, PortRange, Requirement, Selection};
pub use protection::{Demand, Issuer, Protection, Rule};
pub use requests::{Path, Requests};

/// Something that an extension does not understand, and that may therefore be open to everybody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Unclear {
    /// What, for people.
    pub what: String,
    /// Digest of all that is not understood, so that a change of it is noticed.
    digest: String,
}

impl Unclear {
    /// What is not understood, and the text of it.
    pub fn new(what: impl Into<String>, text: &str) -> Self {
        Self { what: what.into(), digest: digest16(&[text]) }
    }
}

/// Where a gateway sends requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Backend {
    /// Kind, such as `Service`.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Port; nothing where none is said.
    pub port: Option<i64>,
}

/// The endpoint that a way leads to, by the names that people know it by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct EndpointName {
    /// Organization.
    pub organization: String,
    /// Project.
    pub project: String,
    /// Component.
    pub component: String,
    /// Environment.
    pub environment: String,
    /// Name within the component.
    pub endpoint: String,
}

/// Requests that a gateway meets with one answer: where they go, and what they must hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Admission {
    /// The Gateway object, as namespace and name; nothing where it cannot be told, and may be any.
    pub gateway: Option<(String, String)>,
    /// The requests.
    pub requests: Requests,
    /// Where they go: each to one of these, so that whoever asks often enough comes to all. Empty where that cannot be
    /// told, and where they are closed.
    pub backends: BTreeSet<Backend>,
    /// What they must hold.
    pub protection: Protection,
    /// The endpoint that this is for, where the objects say so.
    pub endpoint: Option<EndpointName>,
    /// The objects that decide it, in their order.
    pub causes: Vec<ObjectKey>,
}

/// What a gateway that cannot read its objects back may let in: each object of its kinds everybody to anything.
pub fn unknown_admissions(kinds: &[Kind], world: &World, plane: &PlaneKey) -> Vec<Admission> {
    let objects = kinds.iter().flat_map(|kind| world.list(plane, &Select::all(*kind)));
    let unknown = |(key, live): (ObjectKey, std::sync::Arc<crate::world::Stored>)| Admission {
        gateway: None,
        requests: Requests::all(),
        backends: BTreeSet::new(),
        protection: Protection::unclear(Unclear::new(
            format!("what {key} lets in, which its gateway does not tell"),
            &live.json()["spec"].to_string(),
        )),
        endpoint: None,
        causes: vec![key],
    };
    objects.map(unknown).collect()
}

/// What a dialect that cannot read its policies back may let through: everything, in both directions.
pub fn unknown_passages(namespace: &str, policies: &[(ObjectKey, Value)]) -> Vec<Passage> {
    let texts: Vec<String> = policies.iter().map(|(key, policy)| format!("{key} {}", policy["spec"])).collect();
    let what = format!("what the policies of namespace `{namespace}` say, which their dialect does not tell");
    let unclear = Unclear::new(what, &texts.join("\n"));
    let passage = |direction| Passage {
        direction,
        pods: Pods::All,
        peers: Peers::Unclear(unclear.clone()),
        ports: BTreeSet::new(),
        cause: policies.first().map(|(key, _)| key.clone()),
    };
    [Direction::In, Direction::Out].map(passage).to_vec()
}
