//! The whole platform with no cluster and no network: YAML in, plans to a fixed point, objects out.
//!
//! The same planners and the same comparison as in the engine; what the engine sends to an API is put into the World
//! here. Nothing runs: pods do not start and builds do not finish unless a caller puts such objects itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use serde_json::Value;

use crate::engine::core::{Answer, Command, Core, CoreSettings, Event, Operation, Step, UndeclaredUse};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::plan::Plan;
use crate::platform::Platform;
use crate::world::{PlaneState, Stored, World};

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
    /// A planner reads or writes a kind that it does not declare: nothing would watch it in the engine.
    #[error(transparent)]
    UndeclaredUse(#[from] UndeclaredUse),
    /// Two planners undo each other's work.
    #[error("the plans do not come to rest: `{object}` is planned again and again")]
    NoRest {
        /// The object planned last.
        object: String,
    },
}

/// A platform whose engine talks to no API: what the engine's core sends is put into its World at once.
///
/// The same core, planners and comparison as in the shipped engine.
#[derive(Debug)]
pub struct Offline {
    core: Core,
    now: Timestamp,
    kinds: BTreeSet<Kind>,
    /// How often objects of a key have gone: one that is made anew is another object.
    gone: BTreeMap<(PlaneKey, ObjectKey), usize>,
}

impl Offline {
    /// An empty World at a time.
    pub fn new(platform: &Arc<Platform>, now: Timestamp) -> Self {
        let settings = CoreSettings {
            connects: false,
            moment: SignedDuration::ZERO,
            progress: SignedDuration::ZERO,
            ..CoreSettings::default()
        };
        let mut core = Core::new(Arc::clone(platform), settings);
        core.handle(Event::Leading(true), now);
        Self { core, now, kinds: platform.control_kinds(), gone: BTreeMap::new() }
    }

    /// The World as it is.
    pub fn world(&self) -> &World {
        self.core.world()
    }

    /// The core of the engine.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// How many requests the plans have taken so far.
    pub fn requests(&self) -> usize {
        usize::try_from(self.core.counts().requests).unwrap_or(usize::MAX)
    }

    /// The plans of each object that planners plan for, as they would be made now.
    pub fn plans(&self) -> Vec<(ObjectKey, Plan)> {
        let all = self.core.world().all(&PlaneKey::Control);
        all.into_iter()
            .flat_map(|(key, _)| self.core.plan_of(&key).into_iter().map(move |plan| (key.clone(), plan)))
            .collect()
    }

    /// Moves the clock, and plans everything anew at the new time.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
        self.core.replan_all();
    }

    /// Puts a document into the control plane, as `kubectl apply` would.
    ///
    /// # Errors
    /// The platform does not read its kind, or it has no name.
    pub fn apply(&mut self, document: Value) -> Result<(), OfflineError> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind_name) = (text("apiVersion"), text("kind"));
        let kind = self
            .kinds
            .iter()
            .copied()
            .find(|kind| kind.kind == kind_name && kind.api_version() == api_version)
            .ok_or(OfflineError::UnknownKind { api_version, kind: kind_name.clone() })?;
        self.put(&PlaneKey::Control, kind, document).ok_or(OfflineError::NoName { kind: kind_name })
    }

    /// Puts an object into a plane, completing what a server would: uid, generation.
    pub fn put(&mut self, plane: &PlaneKey, kind: Kind, object: Value) -> Option<()> {
        let stored = self.completed(plane, kind, object, false)?;
        self.core.put(plane, kind, stored);
        Some(())
    }

    /// An object as a server would keep it.
    fn completed(&self, plane: &PlaneKey, kind: Kind, mut object: Value, is_apply: bool) -> Option<Stored> {
        let key = crate::world::key_of(kind, &object)?;
        let old = self.core.world().get(plane, &key).map(|old| old.json());
        let metadata = object.get_mut("metadata")?.as_object_mut()?;
        let inherited = |name: &str| old.as_ref().and_then(|old| old.pointer(&format!("/metadata/{name}"))).cloned();
        for name in ["uid", "deletionTimestamp", "creationTimestamp"] {
            if let Some(value) = inherited(name) {
                metadata.insert(name.to_owned(), value);
            }
        }
        let uid = match self.gone.get(&(plane.clone(), key.clone())) {
            None => format!("offline-{plane}-{key}"),
            Some(times) => format!("offline-{plane}-{key}-{times}"),
        };
        metadata.entry("uid").or_insert_with(|| uid.into());
        if let Some(Value::Array(held)) = inherited("finalizers") {
            match metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
                None => {
                    metadata.insert("finalizers".to_owned(), Value::Array(held));
                }
                // An apply adds to those that others hold.
                Some(given) if is_apply => {
                    let missing: Vec<Value> = held.into_iter().filter(|one| !given.contains(one)).collect();
                    given.extend(missing);
                }
                Some(_) => {}
            }
        }
        let generation = inherited("generation").and_then(|g| g.as_i64()).unwrap_or(0);
        let same_spec = old.as_ref().is_some_and(|old| old.get("spec") == object.get("spec"));
        object["metadata"]["generation"] = (generation + i64::from(!same_spec)).into();
        if object.get("status").is_none()
            && let Some(status) = old.and_then(|mut old| old.get_mut("status").map(Value::take))
        {
            object["status"] = status;
        }
        Stored::new(kind, object)
    }

    /// Deletes an object as an API would: at once, or when its finalizers have gone. A namespace takes its content
    /// with it.
    pub fn delete(&mut self, plane: &PlaneKey, key: &ObjectKey) {
        let Some(live) = self.core.world().get(plane, key).cloned() else { return };
        if key.kind == Kind::of::<Namespace>() {
            let content = self.core.world().all(plane);
            for (inner, _) in content.into_iter().filter(|(inner, _)| inner.namespace == key.name) {
                self.delete(plane, &inner);
            }
            if !self.core.world().is_empty_namespace(plane, &key.name) {
                self.mark_deleted(plane, key.kind, &live);
                return;
            }
        }
        if live.finalizers().is_empty() {
            self.remove(plane, key);
        } else if !live.is_deleting() {
            self.mark_deleted(plane, key.kind, &live);
        }
        self.finish_namespace(plane, &key.namespace);
    }

    fn remove(&mut self, plane: &PlaneKey, key: &ObjectKey) {
        *self.gone.entry((plane.clone(), key.clone())).or_default() += 1;
        self.core.remove(plane, key);
    }

    fn mark_deleted(&mut self, plane: &PlaneKey, kind: Kind, live: &Stored) {
        let mut json = live.json();
        json["metadata"]["deletionTimestamp"] = self.now.to_string().into();
        if let Some(stored) = Stored::new(kind, json) {
            self.core.put(plane, kind, stored);
        }
    }

    /// A namespace that waited for its last object goes when that is gone.
    fn finish_namespace(&mut self, plane: &PlaneKey, name: &str) {
        let key = ObjectKey::of::<Namespace>("", name);
        if !name.is_empty()
            && self.core.world().get(plane, &key).is_some_and(|namespace| namespace.is_deleting())
            && self.core.world().is_empty_namespace(plane, name)
        {
            self.remove(plane, &key);
        }
    }

    /// Sets what is known of the connection to a plane.
    pub fn set_plane_state(&mut self, plane: &PlaneKey, state: PlaneState) {
        self.core.set_plane_state(plane, state);
    }

    /// Calls a plane connected, serving every kind.
    pub fn connect(&mut self, plane: &PlaneKey) {
        self.core.set_plane_state(
            plane,
            PlaneState::Connected { server: "offline".to_owned(), version: "offline".to_owned() },
        );
    }

    /// Says which kinds a plane serves, as `(group, version, kind)`.
    pub fn set_served_kinds(&mut self, plane: &PlaneKey, kinds: crate::world::ServedKinds) {
        self.core.set_served_kinds(plane, kinds);
    }

    /// Says which cluster a plane leads to.
    pub fn identify(&mut self, plane: &PlaneKey, identity: &str) {
        self.core.identify(plane, identity);
    }

    /// Forgets a plane and all that was seen there.
    pub fn forget_plane(&mut self, plane: &PlaneKey) {
        self.core.forget_plane(plane);
    }

    /// Plans until nothing is due.
    ///
    /// # Errors
    /// The plans do not come to rest, or a planner uses a kind that it does not declare.
    pub fn settle(&mut self) -> Result<(), OfflineError> {
        self.settle_watching(|_| {})
    }

    /// The same, and shows the World as it is after each request: a crash may come behind any of them.
    ///
    /// # Errors
    /// As for [`Offline::settle`].
    pub fn settle_watching(&mut self, mut look: impl FnMut(&World)) -> Result<(), OfflineError> {
        for _ in 0..PASS_LIMIT {
            let step = self.core.step(self.now);
            while let Some(command) = self.core.take_command() {
                self.execute(command);
                look(self.core.world());
            }
            if let Some(undeclared) = self.core.undeclared() {
                return Err(undeclared.clone().into());
            }
            if step == Step::Idle && self.core.is_quiet() {
                return Ok(());
            }
        }
        let object = self.core.due().map(|key| key.to_string()).unwrap_or_default();
        Err(OfflineError::NoRest { object })
    }

    /// Plans every object once more, whatever has changed: at rest, this takes no request.
    pub fn replan_all(&mut self) {
        self.core.replan_all();
    }

    fn execute(&mut self, command: Command) {
        let Command::Send { request, plane, operation } = command else { return };
        let key = operation.key().clone();
        let answer = self.answer(&plane, operation);
        let gone = match &answer {
            Answer::Object(live) if live.is_deleting() && live.finalizers().is_empty() => Some(key.clone()),
            _ => None,
        };
        self.core.handle(Event::Answered { request, answer }, self.now);
        if let Some(key) = gone {
            *self.gone.entry((plane.clone(), key)).or_default() += 1;
        }
        // Whatever a deletion or the last finalizer has let go.
        let deleting = self.core.world().keys(&plane, Kind::of::<Namespace>());
        for key in deleting {
            self.finish_namespace(&plane, &key.name);
        }
    }

    /// What a server would do and answer.
    fn answer(&mut self, plane: &PlaneKey, operation: Operation) -> Answer {
        let key = operation.key().clone();
        let live = self.core.world().get(plane, &key).cloned();
        let object = |stored: Option<Stored>| {
            stored.map_or_else(|| Answer::Refused("the object has no name".to_owned()), Answer::Object)
        };
        let not_found = || Answer::NotFound(format!("{key} does not exist"));
        match (operation, live) {
            (Operation::Apply { object: mut wanted, to_status: false, .. }, _) => {
                // What is only to be made is not there: the World is all that there is.
                if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.remove("resourceVersion");
                }
                object(self.completed(plane, key.kind, wanted, true))
            }
            (_, None) => not_found(),
            (Operation::Get { .. }, Some(live)) => object(Stored::new(key.kind, live.json())),
            // Nobody keeps who wrote it.
            (Operation::Inspect { .. }, Some(live)) => match object(Stored::new(key.kind, live.json())) {
                Answer::Object(live) => Answer::Inspected(live, Vec::new()),
                other => other,
            },
            (Operation::Apply { object: status, .. }, Some(live)) => {
                let mut json = live.json();
                json["status"] = status.get("status").cloned().unwrap_or_default();
                object(Stored::new(key.kind, json))
            }
            (Operation::Patch { operations, .. }, Some(live)) => {
                let mut json = live.json();
                let changes = operations.as_array().into_iter().flatten();
                for change in changes.filter(|change| change.get("op").and_then(Value::as_str) != Some("test")) {
                    let pointer = change.get("path").and_then(Value::as_str).unwrap_or_default();
                    let value = change.get("value").cloned().unwrap_or_default();
                    match (json.pointer_mut(pointer), pointer.rsplit_once('/')) {
                        (Some(place), _) => *place = value,
                        (None, Some((parent, name))) => {
                            if let Some(parent) = json.pointer_mut(parent).and_then(Value::as_object_mut) {
                                parent.insert(name.to_owned(), value);
                            }
                        }
                        (None, None) => {}
                    }
                }
                object(Stored::new(key.kind, json))
            }
            (Operation::Delete { .. }, Some(_)) => {
                self.delete(plane, &key);
                match self.core.world().get(plane, &key).cloned() {
                    Some(left) => object(Stored::new(key.kind, left.json())),
                    None => Answer::Done,
                }
            }
        }
    }
}
