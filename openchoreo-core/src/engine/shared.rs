//! What the parts of the engine share: the World, the recorded reads, the lanes, the queue.
//!
//! Locks are held for moments only, never across an await, and always in the order World, wake index, the rest.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use kube::Client;
use kube::runtime::scheduler::ScheduleRequest;
use openchoreo_types::common::{PlaneKind, PlaneRef};
use openchoreo_types::v1alpha1::{BuildPlane, DataPlane};
use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::lane::Lane;
use super::{EngineSettings, Metrics};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::platform::Platform;
use crate::world::wake::WakeIndex;
use crate::world::{Change, Changed, World};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Work {
    /// Plan an object and apply what the plan needs.
    Plan {
        /// Which of the platform's planners.
        planner: usize,
        /// The object.
        key: ObjectKey,
    },
    /// See to the connection of a plane.
    Connect(PlaneRef),
}

/// What was refused the last time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What was tried and what was answered.
    pub(super) message: String,
    /// How often in a row.
    pub(super) attempts: u32,
}

/// What an apply left behind: digest of the wanted object, and of the live object that came of it.
pub(super) type AppliedMemory = HashMap<(PlaneKey, ObjectKey), (u64, u64)>;

/// The uids of objects that went lately.
#[derive(Debug, Default)]
pub(super) struct Gone {
    uids: HashSet<String>,
    order: VecDeque<String>,
}

impl Gone {
    /// How many are remembered: far more than there are requests in flight.
    const LIMIT: usize = 4096;

    fn contains(&self, uid: &str) -> bool {
        self.uids.contains(uid)
    }

    fn add(&mut self, uid: &str) {
        if self.uids.insert(uid.to_owned()) {
            self.order.push_back(uid.to_owned());
        }
        if self.order.len() > Self::LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.uids.remove(&oldest);
        }
    }
}

pub(super) struct Shared {
    pub(super) platform: Arc<Platform>,
    pub(super) control: Client,
    pub(super) control_room: Arc<Semaphore>,
    pub(super) settings: EngineSettings,
    pub(super) world: RwLock<World>,
    pub(super) wake: Mutex<WakeIndex<Work>>,
    pub(super) lanes: Mutex<HashMap<PlaneRef, Lane>>,
    pub(super) failures: Mutex<HashMap<Work, Failure>>,
    pub(super) applied: Mutex<AppliedMemory>,
    pub(super) metrics: Metrics,
    gone: Mutex<Gone>,
    clock: fn() -> Timestamp,
    queue: mpsc::UnboundedSender<ScheduleRequest<Work>>,
    planners: HashMap<Kind, Vec<usize>>,
}

impl Shared {
    pub(super) fn new(
        platform: Arc<Platform>,
        control: Client,
        settings: EngineSettings,
        clock: fn() -> Timestamp,
        queue: mpsc::UnboundedSender<ScheduleRequest<Work>>,
    ) -> Self {
        let mut planners: HashMap<Kind, Vec<usize>> = HashMap::new();
        for (index, planner) in platform.planners().iter().enumerate() {
            planners.entry(planner.kind()).or_default().push(index);
        }
        Self {
            world: RwLock::new(platform.new_world()),
            platform,
            control,
            control_room: Arc::new(Semaphore::new(settings.control_concurrency)),
            settings,
            wake: Mutex::default(),
            lanes: Mutex::default(),
            failures: Mutex::default(),
            applied: Mutex::default(),
            metrics: Metrics::default(),
            gone: Mutex::default(),
            clock,
            queue,
            planners,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Queues work for an instant. A closed queue means the engine is stopping.
    pub(super) fn schedule(&self, work: Work, run_at: Instant) {
        let _ = self.queue.send(ScheduleRequest { message: work, run_at });
    }

    /// Queues everything that is planned for an object of the control plane.
    pub(super) fn schedule_object(&self, key: &ObjectKey) {
        for planner in self.planners.get(&key.kind).into_iter().flatten() {
            self.schedule(Work::Plan { planner: *planner, key: key.clone() }, Instant::now());
        }
        let kind = match key.kind {
            kind if kind == Kind::of::<DataPlane>() => PlaneKind::DataPlane,
            kind if kind == Kind::of::<BuildPlane>() => PlaneKind::BuildPlane,
            _ => return,
        };
        let plane = PlaneRef { kind, namespace: key.namespace.clone(), name: key.name.clone() };
        self.schedule(Work::Connect(plane), Instant::now());
    }

    /// Changes the World, and queues what the change wakes.
    pub(super) fn change(&self, change: impl FnOnce(&mut World) -> Option<Change>) {
        let mut world = self.world.write();
        let Some(change) = change(&mut world) else { return };
        // The wake index is asked while the World is still held: a pass records its reads under the World's lock too,
        // so no change can fall between what it read and what it recorded.
        let woken = self.wake.lock().woken(&world, &change);
        drop(world);
        for work in woken {
            self.schedule(work, Instant::now());
        }
        if let Changed::Object { key, .. } = &change.what
            && change.plane == PlaneKey::Control
        {
            self.schedule_object(key);
        }
    }

    /// Puts an object as seen in a plane.
    pub(super) fn put(&self, plane: &PlaneKey, kind: Kind, object: Value) {
        self.change(|world| world.put(plane, kind, object));
    }

    /// Puts an object as an answer to a request showed it. The watch may have been faster: what it has told to be gone
    /// does not come back.
    pub(super) fn put_answer(&self, plane: &PlaneKey, kind: Kind, object: Value) {
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        if !self.gone.lock().contains(uid) {
            self.put(plane, kind, object);
        }
    }

    /// Takes an object of a plane away.
    pub(super) fn remove(&self, plane: &PlaneKey, key: &ObjectKey) {
        self.change(|world| {
            if let Some(live) = world.get(plane, key) {
                self.gone.lock().add(live.uid());
            }
            world.remove(plane, key)
        });
        self.applied.lock().remove(&(plane.clone(), key.clone()));
    }
}
