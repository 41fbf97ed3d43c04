//! The whole platform with no cluster and no network: YAML in, plans to a fixed point, objects out.
//!
//! The same planners and the same comparison as in the engine; what the engine sends to an API is put into the World
//! here. Nothing runs: pods do not start and builds do not finish unless a caller puts such objects itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::conditions::CommonReason;
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::plan::Plan;
use crate::plan::effects::{Effect, NothingApplied, effects};
use crate::planner::PlanContext;
use crate::platform::Platform;
use crate::world::wake::WakeIndex;
use crate::world::{Change, PlaneState, World};

/// Passes after which a platform that does not come to rest is given up: far more than any chain of kinds needs.
const PASS_LIMIT: usize = 100_000;

/// Why an offline run did not end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// A document is of a kind that the platform does not know.
    #[error("`{api_version}` `{kind}` is not a kind that the platform reads")]
    UnknownKind {
        /// Its apiVersion.
        api_version: String,
        /// Its kind.
        kind: String,
    },
    /// A document has no name.
    #[error("a {kind} has no `metadata.name`")]
    NoName {
        /// Its kind.
        kind: String,
    },
    /// A planner reads a kind that it does not declare: nothing would watch it in the engine.
    #[error("planner `{planner}` reads {kind} in {plane} and does not declare it in `uses`")]
    UndeclaredRead {
        /// The planner.
        planner: &'static str,
        /// The kind.
        kind: String,
        /// Where it is read.
        plane: String,
    },
    /// Two planners undo each other's work.
    #[error("the plans do not come to rest: `{object}` is planned again and again")]
    NoRest {
        /// The object planned last.
        object: String,
    },
}

/// A World that changes only by its own plans and by what callers put.
#[derive(Debug)]
pub struct Offline<'p> {
    platform: &'p Platform,
    world: World,
    now: Timestamp,
    wake: WakeIndex<(ObjectKey, usize)>,
    due: BTreeSet<(ObjectKey, usize)>,
    requests: usize,
    plans: BTreeMap<ObjectKey, Plan>,
    control_kinds: BTreeSet<Kind>,
    remote_kinds: BTreeSet<Kind>,
}

impl<'p> Offline<'p> {
    /// An empty World at a time.
    pub fn new(platform: &'p Platform, now: Timestamp) -> Self {
        Self {
            platform,
            world: platform.new_world(),
            now,
            wake: WakeIndex::default(),
            due: BTreeSet::new(),
            requests: 0,
            plans: BTreeMap::new(),
            control_kinds: platform.control_kinds(),
            remote_kinds: platform.remote_watches().into_keys().collect(),
        }
    }

    /// The World as it is.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// How many requests the plans have taken so far.
    pub fn requests(&self) -> usize {
        self.requests
    }

    /// The latest plan of each object that still exists.
    pub fn plans(&self) -> &BTreeMap<ObjectKey, Plan> {
        &self.plans
    }

    /// Moves the clock.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        let planned: Vec<ObjectKey> = self.plans.keys().cloned().collect();
        for key in planned {
            self.mark_due(&key);
        }
    }

    /// Puts a document into the control plane, as `kubectl apply` would.
    ///
    /// # Errors
    /// The platform does not read its kind, or it has no name.
    pub fn apply(&mut self, document: Value) -> Result<(), OfflineError> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind_name) = (text("apiVersion"), text("kind"));
        let kinds = self.platform.control_kinds();
        let kind = kinds
            .into_iter()
            .find(|kind| kind.kind == kind_name && kind.api_version() == api_version)
            .ok_or(OfflineError::UnknownKind { api_version, kind: kind_name.clone() })?;
        self.put(&PlaneKey::Control, kind, document).ok_or(OfflineError::NoName { kind: kind_name })
    }

    /// Puts an object into a plane, completing what a server would: uid, generation.
    pub fn put(&mut self, plane: &PlaneKey, kind: Kind, mut object: Value) -> Option<()> {
        let key = crate::world::key_of(kind, &object)?;
        let old = self.world.get(plane, &key).cloned();
        let old_json = old.as_ref().map(|old| old.json().clone());
        let metadata = object.get_mut("metadata")?.as_object_mut()?;
        let inherited =
            |name: &str| old_json.as_ref().and_then(|old| old.pointer(&format!("/metadata/{name}"))).cloned();
        for name in ["uid", "deletionTimestamp", "creationTimestamp"] {
            if let Some(value) = inherited(name) {
                metadata.insert(name.to_owned(), value);
            }
        }
        metadata.entry("uid").or_insert_with(|| format!("offline-{plane}-{key}").into());
        if !metadata.contains_key("finalizers")
            && let Some(finalizers) = inherited("finalizers")
        {
            metadata.insert("finalizers".to_owned(), finalizers);
        }
        let generation = inherited("generation").and_then(|g| g.as_i64()).unwrap_or(0);
        let same_spec = old_json.as_ref().is_some_and(|old| old.get("spec") == object.get("spec"));
        object["metadata"]["generation"] = (generation + i64::from(!same_spec)).into();
        if object.get("status").is_none()
            && let Some(status) = old_json.and_then(|mut old| old.get_mut("status").map(Value::take))
        {
            object["status"] = status;
        }
        let change = self.world.put(plane, kind, object);
        self.note(change);
        Some(())
    }

    /// Deletes an object as an API would: at once, or when its finalizers have gone. A namespace takes its content
    /// with it.
    pub fn delete(&mut self, plane: &PlaneKey, key: &ObjectKey) {
        let Some(live) = self.world.get(plane, key).cloned() else { return };
        if key.kind.kind == "Namespace" && key.kind.group.is_empty() {
            for (inner, _) in self.world.all(plane).into_iter().filter(|(inner, _)| inner.namespace == key.name) {
                self.delete(plane, &inner);
            }
            if self.world.all(plane).iter().any(|(inner, _)| inner.namespace == key.name) {
                let mut json = live.json().clone();
                json["metadata"]["deletionTimestamp"] = self.now.to_string().into();
                let change = self.world.put(plane, key.kind, json);
                self.note(change);
                return;
            }
        }
        let change = if live.finalizers().is_empty() {
            self.world.remove(plane, key)
        } else if live.is_deleting() {
            None
        } else {
            let mut json = live.json().clone();
            json["metadata"]["deletionTimestamp"] = self.now.to_string().into();
            self.world.put(plane, key.kind, json)
        };
        self.note(change);
        self.finish_namespace(plane, &key.namespace);
    }

    /// A namespace that waited for its last object goes when that is gone.
    fn finish_namespace(&mut self, plane: &PlaneKey, name: &str) {
        let key = ObjectKey::of::<k8s_openapi::api::core::v1::Namespace>("", name);
        if !name.is_empty()
            && self.world.get(plane, &key).is_some_and(|namespace| namespace.is_deleting())
            && !self.world.all(plane).iter().any(|(inner, _)| inner.namespace == name)
        {
            let change = self.world.remove(plane, &key);
            self.note(change);
        }
    }

    /// Sets the state of a plane.
    pub fn set_plane_state(&mut self, plane: &PlaneKey, state: PlaneState) {
        let change = self.world.set_plane_state(plane, state);
        self.note(change);
    }

    /// Connects a plane, so that plans may write to it.
    pub fn connect(&mut self, plane: &PlaneKey) {
        let state = PlaneState::Connected {
            server: "offline".to_owned(),
            version: "offline".to_owned(),
            latency_milliseconds: 0,
        };
        self.set_plane_state(plane, state);
    }

    /// Forgets a plane.
    pub fn forget_plane(&mut self, plane: &PlaneKey) {
        let change = self.world.forget_plane(plane);
        self.note(change);
    }

    /// Plans and applies until nothing is due.
    ///
    /// # Errors
    /// The plans do not come to rest.
    pub fn settle(&mut self) -> Result<(), OfflineError> {
        for _ in 0..PASS_LIMIT {
            let Some((key, planner)) = self.due.pop_first() else { return Ok(()) };
            self.pass(&key, planner)?;
        }
        match self.due.first() {
            None => Ok(()),
            Some((key, _)) => Err(OfflineError::NoRest { object: key.to_string() }),
        }
    }

    /// Plans every object once more, whatever has changed: at rest, this takes no request.
    pub fn replan_all(&mut self) {
        let keys: Vec<ObjectKey> = self.world.all(&PlaneKey::Control).into_iter().map(|(key, _)| key).collect();
        for key in keys {
            self.mark_due(&key);
        }
    }

    fn pass(&mut self, key: &ObjectKey, planner: usize) -> Result<(), OfflineError> {
        let reader = (key.clone(), planner);
        let Some(live) = self.world.get(&PlaneKey::Control, key).cloned() else {
            self.wake.forget(&reader);
            self.plans.remove(key);
            return Ok(());
        };
        let Some(planner) = self.platform.planners().get(planner) else { return Ok(()) };
        let cx = PlanContext::new(&self.world, self.platform, self.now);
        let plan = planner.plan_stored(&cx, &live).unwrap_or_else(|error| invalid_object(&live, &error, self.now));
        let reads = cx.into_reads();
        if let Some((plane, kind)) = reads.kinds().into_iter().find(|(plane, kind)| !self.is_watched(plane, *kind)) {
            let (kind, plane) = (kind.to_string(), plane.to_string());
            return Err(OfflineError::UndeclaredRead { planner: planner.name(), kind, plane });
        }
        self.wake.record(&reader, reads);
        let wanted = effects(&plan, &self.world, key, &NothingApplied);
        self.plans.insert(key.clone(), plan);
        for effect in wanted {
            self.requests += 1;
            self.execute(effect);
        }
        Ok(())
    }

    /// Whether the engine would watch a kind in a plane.
    fn is_watched(&self, plane: &PlaneKey, kind: Kind) -> bool {
        match plane {
            PlaneKey::Control => self.control_kinds.contains(&kind),
            PlaneKey::Remote(_) => self.remote_kinds.contains(&kind),
        }
    }

    fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Finalizers { key, patch } => {
                let Some(live) = self.world.get(&PlaneKey::Control, &key).cloned() else { return };
                let mut json = live.json().clone();
                let finalizers = patch.pointer("/metadata/finalizers").cloned().unwrap_or_default();
                let gone = live.is_deleting() && finalizers.as_array().is_none_or(Vec::is_empty);
                json["metadata"]["finalizers"] = finalizers;
                let change = if gone {
                    self.world.remove(&PlaneKey::Control, &key)
                } else {
                    self.world.put(&PlaneKey::Control, key.kind, json)
                };
                self.note(change);
                self.finish_namespace(&PlaneKey::Control, &key.namespace);
            }
            Effect::Status { key, object } => {
                let Some(live) = self.world.get(&PlaneKey::Control, &key) else { return };
                let mut json = live.json().clone();
                json["status"] = object.get("status").cloned().unwrap_or_default();
                let change = self.world.put(&PlaneKey::Control, key.kind, json);
                self.note(change);
            }
            Effect::Apply(wanted) => {
                self.put(&wanted.plane, wanted.key.kind, wanted.object);
            }
            Effect::Delete(deletion) => self.delete(&deletion.plane, &deletion.key),
        }
    }

    fn note(&mut self, change: Option<Change>) {
        let Some(change) = change else { return };
        self.due.extend(self.wake.woken(&self.world, &change));
        if let crate::world::Changed::Object { key, .. } = &change.what
            && change.plane == PlaneKey::Control
        {
            self.mark_due(key);
        }
    }

    fn mark_due(&mut self, key: &ObjectKey) {
        for (index, planner) in self.platform.planners().iter().enumerate() {
            if planner.kind() == key.kind {
                self.due.insert((key.clone(), index));
            }
        }
    }
}

/// The plan of an object that cannot be read as its kind: it only says so.
pub(crate) fn invalid_object(live: &crate::world::Stored, error: &str, now: Timestamp) -> Plan {
    let previous = live.json().pointer("/status/conditions").cloned().unwrap_or_default();
    let previous: Vec<_> = serde_json::from_value(previous).unwrap_or_default();
    let generation = live.json().pointer("/metadata/generation").and_then(Value::as_i64);
    let finding = crate::conditions::Finding::new(CommonReason::InvalidObject, error);
    let mut status = live.json().get("status").cloned().unwrap_or_else(|| json!({}));
    let conditions = crate::conditions::merge(&previous, &[finding], generation, now);
    status["conditions"] = serde_json::to_value(conditions).unwrap_or_default();
    Plan { status: Some(status), ..Plan::new() }
}
