//! The World: what is known of every plane, as planners see it.
//!
//! A plain, synchronous structure: the engine's core owns it and feeds it from watches and answers, `choreoctl` and
//! tests from files. Planners read it through a [`PlanContext`](crate::planner::PlanContext), which records every read;
//! [`wake`] inverts the records. Objects are kept once and compactly ([`Stored`]); it does no I/O.
//!
//! Objects belong to clusters, and planes lead to clusters: two registrations of one cluster see the same objects, and
//! a registration that is edited to lead elsewhere sees others.

pub mod indexes;
mod reads;
mod select;
mod store;
mod stored;
pub mod wake;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use serde::Serialize;
use serde_json::Value;

use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels::{self, Installation, Owner};
pub(crate) use select::Facts;
use select::Indexes;
use store::{KindStore, KindStores};

pub use reads::{Depth, Read, ReadSet};
pub use select::{IndexFn, Select};
pub use store::Source;
pub use stored::{Metadata, Stored};

/// The namespace that every cluster has from its first moment on: its uid tells the cluster from all others.
pub(crate) const SYSTEM_NAMESPACE: &str = "kube-system";

/// How many objects keep their typed form. What planners read again and again, such as projects and environments, stays
/// decoded; of a large fleet's components only those planned last do.
const SHELF: usize = 128;

/// What is known of the connection to a remote plane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub enum PlaneState {
    /// Nothing has been tried yet.
    #[default]
    Unknown,
    /// Connected, and everything that planners read there has been listed.
    Connected {
        /// URL of its API server.
        server: String,
        /// Version that the API server reports, such as `v1.36.0`.
        version: String,
    },
    /// The API server does not answer, or answers with an error.
    Unreachable {
        /// Since when.
        since: Timestamp,
        /// What is wrong.
        cause: Disconnect,
        /// The chain of errors that was seen first with this cause.
        error: String,
    },
    /// The registration itself cannot be used: credentials that do not parse, a Secret that is missing.
    Misconfigured {
        /// Which field or Secret, and what would be right.
        error: String,
    },
}

/// Why a plane is not connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Disconnect {
    /// No answer: wrong address, network, or the server is down.
    NoAnswer,
    /// The server's certificate is not signed by the given CA, or the like.
    TlsRefused,
    /// The server does not know the token or certificate (401).
    CredentialsRefused,
    /// The identity may not do what is needed there (403).
    Forbidden,
    /// The server answered with another error.
    ServerError,
    /// It holds more than is taken of one plane.
    TooLarge,
}

/// How a plane serves a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// In the version that is read and written here.
    Yes,
    /// In other versions only: objects of it may exist there and cannot be seen.
    InOtherVersions,
    /// Not at all: no object of it exists there.
    No,
}

/// The kinds that a plane serves, as `(group, version, kind)`.
pub type ServedKinds = BTreeSet<(String, String, String)>;

/// A cluster, for the life of a World.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(u32);

impl ClusterId {
    /// Of a plane that was never heard of.
    const NOWHERE: Self = Self(0);
}

/// What the World holds of one plane.
#[derive(Debug)]
struct Plane {
    state: PlaneState,
    /// Kinds that the plane serves, once discovered; nothing where it is not known (offline: all).
    serves: Option<ServedKinds>,
    /// How it serves those that were asked for since.
    asked: RefCell<HashMap<Kind, Serves>>,
    cluster: ClusterId,
}

/// What the World holds of one cluster.
#[derive(Default)]
struct Cluster {
    /// The uid of its namespace `kube-system`, once known.
    identity: Option<String>,
    kinds: KindStores,
}

/// The key of an object that changed, with its form before and after.
type BeforeAndAfter<'a> = (&'a ObjectKey, Option<&'a Arc<Stored>>, Option<&'a Arc<Stored>>);

/// A change of the World, as [`wake::WakeIndex`] needs it.
#[derive(Clone, Debug)]
pub struct Change {
    pub(crate) what: Changed,
}

#[derive(Clone, Debug)]
pub(crate) enum Changed {
    Object {
        cluster: ClusterId,
        key: ObjectKey,
        old: Option<(Arc<Stored>, Facts)>,
        new: Option<(Arc<Stored>, Facts)>,
    },
    /// What an owner has in a cluster is known again, without a change of any object.
    Owner {
        cluster: ClusterId,
        owner: String,
    },
    Plane(PlaneKey),
}

impl Change {
    fn plane(plane: &PlaneKey) -> Self {
        Self { what: Changed::Plane(plane.clone()) }
    }

    /// Whether an object of a cluster changed.
    pub(crate) fn is_in(&self, of: ClusterId) -> bool {
        matches!(&self.what, Changed::Object { cluster, .. } if *cluster == of)
    }

    /// Whether the state of a plane changed.
    pub(crate) fn is_of_plane(&self) -> bool {
        matches!(&self.what, Changed::Plane(_))
    }

    /// The object that changed, before and after; nothing where it is something else.
    pub(crate) fn object(&self) -> Option<BeforeAndAfter<'_>> {
        match &self.what {
            Changed::Plane(_) | Changed::Owner { .. } => None,
            Changed::Object { key, old, new, .. } => {
                Some((key, old.as_ref().map(|(object, _)| object), new.as_ref().map(|(object, _)| object)))
            }
        }
    }
}

/// A consistent view of the control plane and of the owned objects in each remote plane.
pub struct World {
    planes: BTreeMap<PlaneKey, Plane>,
    clusters: BTreeMap<ClusterId, Cluster>,
    last_cluster: u32,
    /// Objects that were asked to be made and may or may not exist, by their owners.
    unsure: BTreeMap<(ClusterId, String), BTreeSet<ObjectKey>>,
    indexes: Indexes,
    installation: Option<Installation>,
    shelf: RefCell<VecDeque<Weak<Stored>>>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for World {
    /// Planes and numbers only: what objects hold may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let objects = |cluster: &Cluster| cluster.kinds.iter().map(|(_, store)| store.len()).sum::<usize>();
        f.debug_struct("World")
            .field("planes", &self.planes)
            .field("objects", &self.clusters.values().map(objects).sum::<usize>())
            .finish_non_exhaustive()
    }
}

impl World {
    /// An empty World.
    pub fn new() -> Self {
        let mut world = Self {
            planes: BTreeMap::new(),
            clusters: BTreeMap::new(),
            last_cluster: 0,
            unsure: BTreeMap::new(),
            indexes: Indexes::new(),
            installation: None,
            shelf: RefCell::default(),
        };
        world.plane_mut(&PlaneKey::Control);
        world
    }

    /// Declares an index: `values` gives what an object of the kind is found by under that name.
    /// Declare before the first object of the kind is put.
    pub fn declare_index(&mut self, kind: Kind, name: &'static str, values: IndexFn) {
        self.indexes.entry(kind).or_default().push((name, values));
    }

    /// Whether an index is declared for a kind.
    pub(crate) fn has_index(&self, kind: Kind, name: &str) -> bool {
        self.indexes.get(&kind).is_some_and(|declared| declared.iter().any(|(known, _)| *known == name))
    }

    fn cluster_of(&self, plane: &PlaneKey) -> Option<&Cluster> {
        self.clusters.get(&self.planes.get(plane)?.cluster)
    }

    fn store(&self, plane: &PlaneKey, kind: Kind) -> Option<&KindStore> {
        self.cluster_of(plane)?.kinds.get(kind)
    }

    fn new_cluster(&mut self) -> ClusterId {
        self.last_cluster += 1;
        let id = ClusterId(self.last_cluster);
        self.clusters.insert(id, Cluster::default());
        id
    }

    /// A plane, with a cluster of its own where it was not heard of before.
    fn plane_mut(&mut self, plane: &PlaneKey) -> &mut Plane {
        let cluster = if self.planes.contains_key(plane) { ClusterId::NOWHERE } else { self.new_cluster() };
        self.planes.entry(plane.clone()).or_insert_with(|| Plane {
            state: PlaneState::Unknown,
            serves: None,
            asked: RefCell::default(),
            cluster,
        })
    }

    fn cluster_mut(&mut self, plane: &PlaneKey) -> (ClusterId, &mut Cluster) {
        let id = self.plane_mut(plane).cluster;
        (id, self.clusters.entry(id).or_default())
    }

    pub(crate) fn cluster_id(&self, plane: &PlaneKey) -> ClusterId {
        self.planes.get(plane).map_or(ClusterId::NOWHERE, |held| held.cluster)
    }

    /// Puts an object as a watch or a file shows it. Gives the change, if planners could see one.
    pub fn put(&mut self, plane: &PlaneKey, kind: Kind, json: Value) -> Option<Change> {
        self.put_stored(plane, kind, Stored::new(kind, json)?, Source::Watch)
    }

    /// Puts an object that was read already. Gives the change, if planners could see one.
    pub fn put_stored(&mut self, plane: &PlaneKey, kind: Kind, object: Stored, source: Source) -> Option<Change> {
        let indexes = std::mem::take(&mut self.indexes);
        let (cluster, held) = self.cluster_mut(plane);
        let replaced = held.kinds.of(kind).put(kind, object, source, &indexes);
        self.indexes = indexes;
        let replaced = replaced?;
        let key = replaced.new.0.key(kind);
        Some(Change { what: Changed::Object { cluster, key, old: replaced.old, new: Some(replaced.new) } })
    }

    /// Takes an object away. Gives the change, if it was there.
    pub fn remove(&mut self, plane: &PlaneKey, key: &ObjectKey) -> Option<Change> {
        let cluster = self.planes.get(plane)?.cluster;
        let store = self.clusters.get_mut(&cluster)?.kinds.get_mut(key.kind)?;
        let old = store.remove(key.kind, &key.namespace, &key.name, &self.indexes)?;
        Some(Change { what: Changed::Object { cluster, key: key.clone(), old: Some(old), new: None } })
    }

    /// The change that the loss of an object would be.
    pub(crate) fn loss_of(&self, plane: &PlaneKey, key: &ObjectKey) -> Option<Change> {
        let object = Arc::clone(self.get(plane, key)?);
        let facts = Facts::of(key.kind, &object, &self.indexes);
        let what = Changed::Object {
            cluster: self.cluster_id(plane),
            key: key.clone(),
            old: Some((object, facts)),
            new: None,
        };
        Some(Change { what })
    }

    /// Takes all objects of a kind away: the plane no longer has the kind.
    pub fn remove_kind(&mut self, plane: &PlaneKey, kind: Kind) -> Vec<Change> {
        let keys = self.keys(plane, kind);
        keys.iter().filter_map(|key| self.remove(plane, key)).collect()
    }

    /// An object was asked to be made for an owner, and nobody knows whether it was: until that is known, the owner does
    /// not count as having nothing there. Gives whether this is new.
    pub(crate) fn doubt(&mut self, plane: &PlaneKey, key: &ObjectKey, owner: &Owner) -> bool {
        let place = (self.cluster_id(plane), self.label_of(owner));
        !self.shows(plane, key, owner) && self.unsure.entry(place).or_default().insert(key.clone())
    }

    /// Whether a plane shows an object of an owner.
    pub(crate) fn shows(&self, plane: &PlaneKey, key: &ObjectKey, owner: &Owner) -> bool {
        self.get(plane, key).is_some_and(|live| live.has_label(labels::OWNER, &self.label_of(owner)))
    }

    /// It is known whether an object exists, and where it does, it has been put. Gives the change, if that was in doubt.
    pub(crate) fn settle(&mut self, cluster: ClusterId, key: &ObjectKey, owner: &Owner) -> Option<Change> {
        let place = (cluster, self.label_of(owner));
        let doubted = self.unsure.get_mut(&place)?;
        let was_in_doubt = doubted.remove(key);
        if doubted.is_empty() {
            self.unsure.remove(&place);
        }
        let (cluster, owner) = place;
        was_in_doubt.then(|| Change { what: Changed::Owner { cluster, owner } })
    }

    /// Whether it is in doubt that an owner has something in a plane.
    pub(crate) fn is_unsure(&self, plane: &PlaneKey, owner: &Owner) -> bool {
        !self.unsure.is_empty() && self.unsure.contains_key(&(self.cluster_id(plane), self.label_of(owner)))
    }

    /// A list of a kind begins: what it does not show is taken away by [`World::end_list`].
    pub fn begin_list(&mut self, plane: &PlaneKey, kind: Kind) {
        self.cluster_mut(plane).1.kinds.of(kind).begin_list();
    }

    /// A list of a kind is complete: what it did not show goes. What an answer has shown since the list began is given
    /// apart: the list may be older than it, so whether it exists is to be asked.
    pub fn end_list(&mut self, plane: &PlaneKey, kind: Kind) -> (Vec<Change>, Vec<ObjectKey>) {
        let Some(store) = self.store(plane, kind) else { return (Vec::new(), Vec::new()) };
        let (gone, answered) = store.end_list();
        let gone: Vec<ObjectKey> = gone.iter().map(|object| object.key(kind)).collect();
        let changes = gone.iter().filter_map(|key| self.remove(plane, key)).collect();
        (changes, answered.iter().map(|object| object.key(kind)).collect())
    }

    /// Sets what is known of the connection to a plane. Gives the change, if it is one.
    pub fn set_plane_state(&mut self, plane: &PlaneKey, state: PlaneState) -> Option<Change> {
        let is_new = !self.planes.contains_key(plane);
        let held = self.plane_mut(plane);
        if held.state == state && !is_new {
            return None;
        }
        held.state = state;
        Some(Change::plane(plane))
    }

    /// Sets which kinds a plane serves.
    pub fn set_served_kinds(&mut self, plane: &PlaneKey, served: ServedKinds) -> Option<Change> {
        let held = self.plane_mut(plane);
        if held.serves.as_ref() == Some(&served) {
            return None;
        }
        held.serves = Some(served);
        held.asked.borrow_mut().clear();
        Some(Change::plane(plane))
    }

    /// Learns which cluster a plane leads to, by the uid of its namespace `kube-system`. Gives whether the plane shows other
    /// objects than before, and the change, where it is news.
    pub fn identify(&mut self, plane: &PlaneKey, identity: &str) -> (bool, Option<Change>) {
        let (own, cluster) = self.cluster_mut(plane);
        let known = cluster.identity.clone();
        if known.as_deref() == Some(identity) {
            return (false, None);
        }
        let is_it = |(_, cluster): &(&ClusterId, &Cluster)| cluster.identity.as_deref() == Some(identity);
        let same = self.clusters.iter().find(is_it).map(|(id, _)| *id);
        let has_moved = same.is_some() || known.is_some();
        let id = if has_moved { same.unwrap_or_else(|| self.new_cluster()) } else { own };
        self.clusters.entry(id).or_default().identity = Some(identity.to_owned());
        if has_moved {
            self.plane_mut(plane).cluster = id;
            self.drop_unused();
        }
        (has_moved, Some(Change::plane(plane)))
    }

    fn drop_unused(&mut self) {
        let used: BTreeSet<ClusterId> = self.planes.values().map(|plane| plane.cluster).collect();
        self.clusters.retain(|id, _| used.contains(id));
        self.unsure.retain(|(id, _), _| used.contains(id));
    }

    /// What is held of each kind of the cluster that a plane leads to: how many objects, and about how many bytes.
    pub(crate) fn held(&self, plane: &PlaneKey) -> impl Iterator<Item = (Kind, usize, usize)> {
        let kinds = self.cluster_of(plane).into_iter().flat_map(|cluster| cluster.kinds.iter());
        kinds.map(|(kind, store)| (kind, store.len(), store.bytes()))
    }

    /// Drops all objects of the cluster that a plane leads to, as if none had been seen yet. Who looked at any of them
    /// looked at the plane too, so one change tells all.
    pub(crate) fn forget_objects(&mut self, plane: &PlaneKey) -> Change {
        self.cluster_mut(plane).1.kinds = KindStores::default();
        Change::plane(plane)
    }

    /// The identity of the cluster that a plane leads to: the uid of its namespace `kube-system`.
    pub fn identity(&self, plane: &PlaneKey) -> Option<&str> {
        self.cluster_of(plane)?.identity.as_deref()
    }

    /// Whether two planes lead to one cluster.
    pub fn is_same_cluster(&self, one: &PlaneKey, other: &PlaneKey) -> bool {
        one == other || (self.cluster_id(one) != ClusterId::NOWHERE && self.cluster_id(one) == self.cluster_id(other))
    }

    /// Forgets a remote plane, and all that was seen there unless another plane leads to the same cluster.
    pub fn forget_plane(&mut self, plane: &PlaneKey) -> Option<Change> {
        self.planes.remove(plane)?;
        self.drop_unused();
        Some(Change::plane(plane))
    }

    /// What is known of the connection to a plane. The control plane is always connected.
    pub fn plane_state(&self, plane: &PlaneKey) -> PlaneState {
        match plane {
            PlaneKey::Control => PlaneState::Connected { server: String::new(), version: String::new() },
            PlaneKey::Remote(_) => self.planes.get(plane).map(|held| held.state.clone()).unwrap_or_default(),
        }
    }

    /// How a plane serves a kind; a plane whose kinds are not known is taken to serve all.
    pub fn serves(&self, plane: &PlaneKey, kind: Kind) -> Serves {
        let Some(held) = self.planes.get(plane) else { return Serves::Yes };
        let Some(served) = &held.serves else { return Serves::Yes };
        *held.asked.borrow_mut().entry(kind).or_insert_with(|| how_served(served, kind))
    }

    /// Whose objects are ours: of the installation that was set, or else of none.
    pub fn installation(&self) -> &Installation {
        static NONE: Installation = Installation::none();
        self.installation.as_ref().unwrap_or(&NONE)
    }

    /// Sets whose objects are ours, for the life of this World: as given, or by the namespace `kube-system` of the control
    /// plane as it is now.
    pub(crate) fn set_installation(&mut self, given: Option<&Installation>) {
        if self.installation.is_some() {
            return;
        }
        let system = self.find(&PlaneKey::Control, Kind::of::<Namespace>(), "", SYSTEM_NAMESPACE);
        let found = system.map(|namespace| Installation::new(namespace.uid()));
        self.installation = Some(given.cloned().or(found).unwrap_or_default());
    }

    /// The value of the label [`labels::OWNER`] on the objects of an owner.
    pub fn label_of(&self, owner: &Owner) -> String {
        owner.label_value(self.installation())
    }

    /// The planes that the World has heard of.
    pub fn planes(&self) -> impl Iterator<Item = &PlaneKey> {
        self.planes.keys()
    }

    /// The planes that the World has heard of, of those that lead to one cluster the last.
    pub fn distinct_planes(&self) -> impl Iterator<Item = &PlaneKey> {
        let of_clusters: BTreeMap<ClusterId, &PlaneKey> =
            self.planes.iter().map(|(key, plane)| (plane.cluster, key)).collect();
        of_clusters.into_values()
    }

    /// One object.
    pub fn get(&self, plane: &PlaneKey, key: &ObjectKey) -> Option<&Arc<Stored>> {
        self.find(plane, key.kind, &key.namespace, &key.name)
    }

    pub(crate) fn find(&self, plane: &PlaneKey, kind: Kind, namespace: &str, name: &str) -> Option<&Arc<Stored>> {
        self.store(plane, kind)?.get(namespace, name)
    }

    /// The objects of a plane that a selection matches, by namespace and name.
    pub fn list(&self, plane: &PlaneKey, select: &Select) -> Vec<(ObjectKey, Arc<Stored>)> {
        keyed(select.kind, self.list_stored(plane, select)).collect()
    }

    pub(crate) fn list_stored(&self, plane: &PlaneKey, select: &Select) -> Vec<Arc<Stored>> {
        self.store(plane, select.kind).map(|store| store.list(select, &self.indexes)).unwrap_or_default()
    }

    /// All objects of one owner in a plane, of every kind, by kind, namespace and name.
    pub fn owned_by(&self, plane: &PlaneKey, owner: &Owner) -> Vec<(ObjectKey, Arc<Stored>)> {
        let label = self.label_of(owner);
        let kinds = self.cluster_of(plane).into_iter().flat_map(|cluster| cluster.kinds.iter());
        kinds.flat_map(|(kind, store)| keyed(kind, store.owned_by(kind, &label))).collect()
    }

    /// All objects of a plane, by kind, namespace and name: for previews and tests.
    pub fn all(&self, plane: &PlaneKey) -> Vec<(ObjectKey, Arc<Stored>)> {
        let kinds = self.cluster_of(plane).into_iter().flat_map(|cluster| cluster.kinds.iter());
        kinds.flat_map(|(kind, _)| self.list(plane, &Select::all(kind))).collect()
    }

    /// Whether a plane holds an object in a namespace.
    pub fn is_empty_namespace(&self, plane: &PlaneKey, namespace: &str) -> bool {
        let mut kinds = self.cluster_of(plane).into_iter().flat_map(|cluster| cluster.kinds.iter());
        kinds.all(|(kind, _)| self.list_stored(plane, &Select::all(kind).namespace(namespace)).is_empty())
    }

    /// The keys of a kind in a plane.
    pub fn keys(&self, plane: &PlaneKey, kind: Kind) -> Vec<ObjectKey> {
        self.list(plane, &Select::all(kind)).into_iter().map(|(key, _)| key).collect()
    }

    /// Lets an object keep its typed form for a while, and another one that nobody asked for lately give its up.
    pub(crate) fn shelve(&self, object: &Arc<Stored>) {
        if !object.shelve() {
            return;
        }
        let mut shelf = self.shelf.borrow_mut();
        shelf.push_back(Arc::downgrade(object));
        for _ in 0..shelf.len() {
            if shelf.len() <= SHELF {
                break;
            }
            let Some(oldest) = shelf.pop_front() else { break };
            match oldest.upgrade() {
                Some(object) if object.take_used() => shelf.push_back(oldest),
                Some(object) => object.forget_typed(),
                None => {}
            }
        }
    }

    /// Where the memory is: for each plane and kind the number of objects, their bytes, and those of what finds them.
    pub fn sizes(&self) -> Vec<(PlaneKey, Kind, usize, usize, usize)> {
        let mut sizes = Vec::new();
        for plane in self.planes.keys() {
            for (kind, store) in self.cluster_of(plane).into_iter().flat_map(|cluster| cluster.kinds.iter()) {
                let (objects, index) = store.size();
                sizes.push((plane.clone(), kind, store.len(), objects, index));
            }
        }
        sizes
    }
}

fn how_served(served: &ServedKinds, kind: Kind) -> Serves {
    let mut versions = served.iter().filter(|(group, _, name)| kind.is(group, name)).map(|(_, version, _)| version);
    match versions.next() {
        None => Serves::No,
        Some(first) if first == kind.version || versions.any(|version| version == kind.version) => Serves::Yes,
        Some(_) => Serves::InOtherVersions,
    }
}

fn keyed(kind: Kind, objects: Vec<Arc<Stored>>) -> impl Iterator<Item = (ObjectKey, Arc<Stored>)> {
    objects.into_iter().map(move |object| (object.key(kind), object))
}

/// The key of an object given as JSON; nothing where it has no name.
pub fn key_of(kind: Kind, json: &Value) -> Option<ObjectKey> {
    let metadata = json.get("metadata")?;
    let name = metadata.get("name")?.as_str()?.to_owned();
    let namespace = if kind.namespaced {
        metadata.get("namespace").and_then(Value::as_str).unwrap_or_default().to_owned()
    } else {
        String::new()
    };
    Some(ObjectKey { kind, namespace, name })
}
