//! The World: what is known of every plane, as planners see it.
//!
//! A plain, synchronous structure: the engine feeds it from watches, `choreoctl` and tests from files. Planners read
//! it through a [`PlanContext`](crate::planner::PlanContext), which records every read; [`wake`] inverts the records.
//! It keeps no managed fields and no last-applied annotations, and does no I/O.

mod index;
pub mod wake;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels;
use index::KindStore;

pub use index::{IndexFn, Select};

/// One object of the World: its JSON, and its typed form from the first time that a planner asks for it.
#[derive(Debug)]
pub struct Stored {
    json: Value,
    resource_version: String,
    typed: OnceLock<Result<Arc<dyn Any + Send + Sync>, String>>,
}

impl Stored {
    pub(crate) fn new(mut json: Value) -> Self {
        let mut resource_version = String::new();
        if let Some(metadata) = json.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
            if let Some(Value::String(version)) = metadata.remove("resourceVersion") {
                resource_version = version;
            }
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
            }
        }
        Self { json, resource_version, typed: OnceLock::new() }
    }

    /// The object as JSON, without managed fields and resource version.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The revision at which it was seen; empty where it came from a file.
    pub fn resource_version(&self) -> &str {
        &self.resource_version
    }

    /// The object as its type.
    ///
    /// # Errors
    /// Why the JSON is not of the type.
    pub fn typed<K: DeserializeOwned + Send + Sync + 'static>(&self) -> Result<Arc<K>, String> {
        let typed = self.typed.get_or_init(|| match serde_json::from_value::<K>(self.json.clone()) {
            Ok(object) => Ok(Arc::new(object) as Arc<dyn Any + Send + Sync>),
            Err(error) => Err(error.to_string()),
        });
        match typed {
            Ok(object) => Arc::clone(object).downcast::<K>().or_else(|_| {
                // Two types read one kind; the second pays for its own decoding.
                serde_json::from_value(self.json.clone()).map(Arc::new).map_err(|error| error.to_string())
            }),
            Err(error) => Err(error.clone()),
        }
    }

    fn metadata(&self, field: &str) -> Option<&Value> {
        self.json.get("metadata")?.get(field)
    }

    /// A label of the object.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata("labels")?.get(key)?.as_str()
    }

    /// An annotation of the object.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.metadata("annotations")?.get(key)?.as_str()
    }

    /// Its uid; empty where it came from a file.
    pub fn uid(&self) -> &str {
        self.metadata("uid").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether its deletion has begun.
    pub fn is_deleting(&self) -> bool {
        self.metadata("deletionTimestamp").is_some()
    }

    /// Its finalizers.
    pub fn finalizers(&self) -> Vec<&str> {
        let list = self.metadata("finalizers").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

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
        /// Round trip of one small request when the connection was made, in milliseconds.
        latency_milliseconds: i64,
    },
    /// The API server does not answer, or answers with an error.
    Unreachable {
        /// Since when.
        since: Timestamp,
        /// What is wrong.
        cause: Disconnect,
        /// The chain of errors.
        error: String,
    },
    /// The registration itself cannot be used: credentials that do not parse, a Secret that is missing.
    Misconfigured {
        /// Which field or Secret, and what would be right.
        error: String,
    },
}

/// Why a plane is not connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
}

/// What the World holds of one plane.
#[derive(Debug, Default)]
struct Plane {
    state: PlaneState,
    /// Kinds that the plane serves, once discovered; nothing where it is not known (offline: all).
    serves: Option<BTreeSet<(String, String)>>,
    kinds: HashMap<Kind, KindStore>,
}

/// A change of the World, as [`wake::WakeIndex`] needs it.
#[derive(Clone, Debug)]
pub struct Change {
    pub(crate) plane: PlaneKey,
    pub(crate) what: Changed,
}

#[derive(Clone, Debug)]
pub(crate) enum Changed {
    Object { key: ObjectKey, old: Option<Arc<Stored>>, new: Option<Arc<Stored>> },
    Plane,
}

/// A consistent view of the control plane and of the owned objects in each remote plane.
#[derive(Debug, Default)]
pub struct World {
    planes: BTreeMap<PlaneKey, Plane>,
    indexes: HashMap<(Kind, &'static str), IndexFn>,
}

impl World {
    /// An empty World.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares an index: `values` gives what an object of the kind is found by under that name.
    /// Declare before the first object of the kind is put.
    pub fn declare_index(&mut self, kind: Kind, name: &'static str, values: IndexFn) {
        self.indexes.insert((kind, name), values);
    }

    /// Puts an object as seen in a plane. Gives the change, if planners could see one.
    pub fn put(&mut self, plane: &PlaneKey, kind: Kind, mut json: Value) -> Option<Change> {
        let key = key_of(kind, &json)?;
        // An API server leaves both out of the items of a list of a built-in kind.
        if let Some(object) = json.as_object_mut() {
            object.entry("apiVersion").or_insert_with(|| kind.api_version().into());
            object.entry("kind").or_insert_with(|| kind.kind.into());
        }
        let stored = Stored::new(json);
        let held = self.planes.entry(plane.clone()).or_default();
        let store = held.kinds.entry(kind).or_default();
        let old = store.get(&key.namespace, &key.name).cloned();
        if let Some(old) = &old {
            if is_older(&stored.resource_version, &old.resource_version) && old.uid() == stored.uid() {
                return None;
            }
            if old.json == stored.json {
                store.touch(&key.namespace, &key.name, stored.resource_version);
                return None;
            }
        }
        let new = Arc::new(stored);
        let indexes = &self.indexes;
        store.put(&key, Arc::clone(&new), |name_of| indexes_of(indexes, kind, name_of));
        Some(Change { plane: plane.clone(), what: Changed::Object { key, old, new: Some(new) } })
    }

    /// Takes an object away. Gives the change, if it was there.
    pub fn remove(&mut self, plane: &PlaneKey, key: &ObjectKey) -> Option<Change> {
        let held = self.planes.get_mut(plane)?;
        let indexes = &self.indexes;
        let old = held.kinds.get_mut(&key.kind)?.remove(key, |name_of| indexes_of(indexes, key.kind, name_of))?;
        Some(Change { plane: plane.clone(), what: Changed::Object { key: key.clone(), old: Some(old), new: None } })
    }

    /// Sets what is known of the connection to a plane. Gives the change, if it is one.
    pub fn set_plane_state(&mut self, plane: &PlaneKey, state: PlaneState) -> Option<Change> {
        let held = self.planes.entry(plane.clone()).or_default();
        if held.state == state {
            return None;
        }
        held.state = state;
        Some(Change { plane: plane.clone(), what: Changed::Plane })
    }

    /// Sets which kinds a plane serves, as `(group, kind)`.
    pub fn set_served_kinds(&mut self, plane: &PlaneKey, served: BTreeSet<(String, String)>) -> Option<Change> {
        let held = self.planes.entry(plane.clone()).or_default();
        if held.serves.as_ref() == Some(&served) {
            return None;
        }
        held.serves = Some(served);
        Some(Change { plane: plane.clone(), what: Changed::Plane })
    }

    /// Forgets a remote plane and all that was seen there.
    pub fn forget_plane(&mut self, plane: &PlaneKey) -> Option<Change> {
        self.planes.remove(plane)?;
        Some(Change { plane: plane.clone(), what: Changed::Plane })
    }

    /// What is known of the connection to a plane. The control plane is always connected.
    pub fn plane_state(&self, plane: &PlaneKey) -> PlaneState {
        match plane {
            PlaneKey::Control => {
                PlaneState::Connected { server: String::new(), version: String::new(), latency_milliseconds: 0 }
            }
            PlaneKey::Remote(_) => self.planes.get(plane).map(|held| held.state.clone()).unwrap_or_default(),
        }
    }

    /// Whether a plane serves a kind; a plane whose kinds are not known is taken to serve all.
    pub fn serves(&self, plane: &PlaneKey, kind: Kind) -> bool {
        let served = self.planes.get(plane).and_then(|held| held.serves.as_ref());
        served.is_none_or(|served| served.contains(&(kind.group.to_owned(), kind.kind.to_owned())))
    }

    /// The planes that the World has heard of.
    pub fn planes(&self) -> impl Iterator<Item = &PlaneKey> {
        self.planes.keys()
    }

    /// One object.
    pub fn get(&self, plane: &PlaneKey, key: &ObjectKey) -> Option<&Arc<Stored>> {
        self.planes.get(plane)?.kinds.get(&key.kind)?.get(&key.namespace, &key.name)
    }

    /// The objects of a plane that a selection matches, by namespace and name.
    pub fn list(&self, plane: &PlaneKey, select: &Select) -> Vec<(ObjectKey, Arc<Stored>)> {
        let Some(store) = self.planes.get(plane).and_then(|held| held.kinds.get(&select.kind)) else {
            return Vec::new();
        };
        store.list(select, |object| select.matches(object, &self.indexes))
    }

    /// All objects of one owner in a plane, of every kind, by kind, namespace and name.
    pub fn owned_by(&self, plane: &PlaneKey, owner: &str) -> Vec<(ObjectKey, Arc<Stored>)> {
        let Some(held) = self.planes.get(plane) else { return Vec::new() };
        let mut kinds: Vec<_> = held.kinds.iter().collect();
        kinds.sort_by_key(|(kind, _)| **kind);
        kinds.into_iter().flat_map(|(kind, store)| store.with_label(*kind, labels::OWNER, owner)).collect()
    }

    /// All objects of a plane, by kind, namespace and name: for previews and tests.
    pub fn all(&self, plane: &PlaneKey) -> Vec<(ObjectKey, Arc<Stored>)> {
        let Some(held) = self.planes.get(plane) else { return Vec::new() };
        let mut kinds: Vec<_> = held.kinds.iter().collect();
        kinds.sort_by_key(|(kind, _)| **kind);
        kinds.into_iter().flat_map(|(kind, store)| store.list(&Select::all(*kind), |_| true)).collect()
    }

    /// The keys of a kind in a plane: what a re-list is compared with.
    pub fn keys(&self, plane: &PlaneKey, kind: Kind) -> Vec<ObjectKey> {
        let store = self.planes.get(plane).and_then(|held| held.kinds.get(&kind));
        store
            .map(|store| store.list(&Select::all(kind), |_| true).into_iter().map(|(key, _)| key).collect())
            .unwrap_or_default()
    }

    pub(crate) fn indexes(&self) -> &HashMap<(Kind, &'static str), IndexFn> {
        &self.indexes
    }
}

fn indexes_of(
    indexes: &HashMap<(Kind, &'static str), IndexFn>,
    kind: Kind,
    object: &Stored,
) -> Vec<(&'static str, String)> {
    let mut values = Vec::new();
    for ((of, name), function) in indexes {
        if *of == kind {
            values.extend(function(object.json()).into_iter().map(|value| (*name, value)));
        }
    }
    values
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

/// Whether a revision is certainly older than another. Revisions are numbers since Kubernetes 1.35 (KEP-5504);
/// where they are not, nothing is called older.
fn is_older(revision: &str, than: &str) -> bool {
    matches!((revision.parse::<u128>(), than.parse::<u128>()), (Ok(a), Ok(b)) if a < b)
}
