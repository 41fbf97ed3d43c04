//! Who may reach what, and why: by the objects that are in the planes of a World.
//!
//! ```
//! # use std::sync::Arc;
//! # use openchoreo_core::{offline::Offline, platform::Platform};
//! use openchoreo_net::reach::Reach;
//! # let platform = Arc::new(Platform::builder().build()?);
//! # let mut offline = Offline::new(&platform, "2026-01-01T00:00:00Z".parse()?);
//! let before = Reach::of(&platform, offline.world());
//! // … an edit is applied and planned …
//! # offline.settle()?;
//! for change in Reach::of(&platform, offline.world()).since(&before) {
//!     println!("{change}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It judges routes, policies, Gateways and Services as they are there, not what people wished. Gateways and dialects
//! of network policies read their own objects back (`openchoreo_core::reach`). Every answer is "may": what is not
//! understood, not seen, or in the hands of somebody else counts as open, and says so.
//!
//! What it does not judge: whether a Gateway takes a route or runs at all; whether what is reached answers; roles of
//! the Kubernetes API; a pod and the machine that it runs on, which always reach each other. Objects of kinds that the
//! platform neither makes nor watches are not in a World, and of kinds that it makes only its own are.

mod access;
mod changes;
mod connections;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Namespace, Service};
use openchoreo_core::extension::{self, PlatformSettings};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels::{self, Owner};
use openchoreo_core::platform::Platform;
use openchoreo_core::reach::{Admission, Passage};
use openchoreo_core::world::{PlaneState, Select, Serves, Stored, World};
use openchoreo_types::foreign::gateway_api::Gateway;
use openchoreo_types::v1alpha1::DataPlane;
use serde_json::Value;

pub use access::{Access, Home, ListenerWords, Side, Way, Who};
pub use changes::{Change, Effect};
pub use connections::{Connection, PodGroup, connections};

/// The pods of a namespace by one dialect of network policies.
type PodsKey = (PlaneKey, Home, Kind);

/// Who may reach what in the planes of a World.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// What gateways let in, with whom each serves.
    admissions: BTreeSet<(PlaneKey, Who, Admission)>,
    passages: BTreeMap<PodsKey, Vec<Passage>>,
    /// Whatever else opens a plane, or keeps it from being seen.
    others: BTreeSet<Access>,
}

impl Reach {
    /// Who may reach what in the planes of a World, which is one of the platform's.
    pub fn of(platform: &Platform, world: &World) -> Self {
        let mut reach = Self::default();
        for plane in world.distinct_planes().filter(|plane| plane.remote().is_some()) {
            reach.add(platform, world, plane);
        }
        reach
    }

    /// Every way in, in a stable order. Pods that share a way are told together.
    pub fn accesses(&self) -> Vec<Access> {
        let of_gateways =
            self.admissions.iter().filter_map(|(plane, who, admission)| Access::requests(plane, who, admission));
        let each = self.passages.iter().flat_map(|((plane, home, dialect), passages)| {
            passages.iter().map(move |passage| (plane, home, *dialect, passage))
        });
        let mut all: Vec<Access> = of_gateways.chain(access::shared(each)).chain(self.others.iter().cloned()).collect();
        all.sort();
        all
    }

    fn add(&mut self, platform: &Platform, world: &World, plane: &PlaneKey) {
        let settings = platform.settings();
        let mut judged: Vec<Kind> = vec![Kind::of::<Gateway>()];
        for gateway in gateways_of(platform, world, plane) {
            judged.extend(gateway.kinds());
            self.admissions.extend(gateway.admissions(world, plane).into_iter().map(|admission| {
                let who = Who::served_by(settings, &admission);
                (plane.clone(), who, admission)
            }));
        }
        let homes = homes(platform, world, plane);
        for dialect in platform.dialects() {
            let kinds = dialect.kinds();
            judged.extend(&kinds);
            let Some(name) = connections::dialect_at(dialect, world, plane) else { continue };
            let mut policies: BTreeMap<String, Vec<(ObjectKey, Value)>> = BTreeMap::new();
            for (key, live) in kinds.iter().flat_map(|kind| world.list(plane, &Select::all(*kind))) {
                policies.entry(key.namespace.clone()).or_default().push((key, live.json()));
            }
            for (namespace, home) in &homes {
                let of_namespace = policies.get(namespace).map_or(&[][..], Vec::as_slice);
                let passages = dialect.passages(namespace, of_namespace);
                self.passages.insert((plane.clone(), home.clone(), name), passages);
            }
        }
        self.add_others(settings, world, plane, &judged);
    }

    /// Listeners, Services that are open to the outside, and what cannot be seen.
    fn add_others(&mut self, settings: &PlatformSettings, world: &World, plane: &PlaneKey, judged: &[Kind]) {
        let mut add = |way: Way| {
            self.others.insert(Access { plane: plane.clone(), way });
        };
        let unseen = match world.plane_state(plane) {
            PlaneState::Connected { .. } => None,
            PlaneState::Unknown => Some("it is not connected yet".to_owned()),
            PlaneState::Unreachable { error, .. } | PlaneState::Misconfigured { error } => Some(error),
        };
        unseen.into_iter().for_each(|why| add(Way::Unseen { why }));
        for kind in judged.iter().filter(|kind| world.serves(plane, **kind) == Serves::InOtherVersions) {
            add(Way::Unseen { why: format!("it serves {kind} in other versions only") });
        }
        for (key, live) in world.list(plane, &Select::of::<Gateway>()) {
            let gateway = (key.namespace.clone(), key.name.clone());
            let gateway_json = live.json();
            let listeners = gateway_json.pointer("/spec/listeners").and_then(Value::as_array);
            for listener in listeners.into_iter().flatten() {
                add(Way::Listener {
                    who: Who::at(settings, &gateway, None),
                    gateway: gateway.clone(),
                    listener: listener.into(),
                });
            }
        }
        for (key, live) in world.list(plane, &Select::of::<Service>()) {
            let service = live.json();
            let opens = access::opening_of(service.get("spec").unwrap_or(&Value::Null));
            opens.into_iter().for_each(|by| add(Way::Service { service: key.clone(), by }));
        }
    }
}

/// The gateways that judge a plane: the one that its registration chooses, and those that read what that one does not,
/// since what another made may still be there.
fn gateways_of<'p>(platform: &'p Platform, world: &World, plane: &PlaneKey) -> Vec<&'p dyn extension::Gateway> {
    let registration = plane.remote().map(ObjectKey::registration);
    let registered = registration.and_then(|key| world.get(&PlaneKey::Control, &key)?.typed::<DataPlane>().ok());
    let chosen = registered.and_then(|registered| platform.gateway_of(&registered).ok().flatten());
    let chosen = chosen.or_else(|| platform.gateways().next());
    let judged = chosen.map(|chosen| chosen.kinds()).unwrap_or_default();
    let reads_more = |other: &&dyn extension::Gateway| other.kinds().iter().any(|kind| !judged.contains(kind));
    chosen.into_iter().chain(platform.gateways().filter(reads_more)).collect()
}

/// The namespaces of a plane in which something of the platform's runs or may run.
fn homes(platform: &Platform, world: &World, plane: &PlaneKey) -> BTreeMap<String, Home> {
    let namespace = Kind::of::<Namespace>();
    let own = platform.remote_watches().into_iter().filter(|(kind, is_own)| *is_own && *kind != namespace);
    let used =
        own.flat_map(|(kind, _)| world.keys(plane, kind)).map(|key| key.namespace).filter(|name| !name.is_empty());
    let mut homes: BTreeMap<String, Home> = used.map(|name| (name.clone(), Home::Namespace(name))).collect();
    for (key, live) in world.list(plane, &Select::all(namespace)) {
        if let Some(home) = home_of(world, &live) {
            homes.insert(key.name, home);
        }
    }
    homes
}

/// What a namespace is for, if its owner's label agrees.
fn home_of(world: &World, live: &Stored) -> Option<Home> {
    let metadata = live.metadata();
    let words = metadata.annotations.get(labels::OWNED_BY)?;
    let namespace = live.name().to_owned();
    let (owner, home) = if let Some(organization) = words.strip_prefix("BuildNamespace//") {
        let organization = organization.to_owned();
        (Owner::object("BuildNamespace", "", organization.as_str()), Home::Builds { organization, namespace })
    } else {
        let mut parts = words.strip_prefix("Cell/")?.splitn(3, '/').map(str::to_owned);
        let (organization, project, environment) = (parts.next()?, parts.next()?, parts.next()?);
        let owner = Owner::cell(&organization, &project, &environment);
        (owner, Home::Cell { organization, project, environment, namespace })
    };
    (metadata.labels.get(labels::OWNER) == Some(&world.label_of(&owner))).then_some(home)
}
