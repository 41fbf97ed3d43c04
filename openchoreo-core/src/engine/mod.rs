//! The engine: it watches, calls planners, and applies what their plans still need. All input and output is here.
//!
//! kube-runtime's watchers feed the World; the wake index turns changes into work; kube-runtime's scheduler
//! deduplicates it. Each remote plane has its own lane: its own connection, watches and room for requests, so that a
//! slow or dead plane delays only itself. At rest no request is sent: there is no polling and no resync.

mod execute;
mod lane;
mod metrics;
mod shared;
mod watch;

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use kube::Client;
use kube::runtime::scheduler;
use tokio::sync::{mpsc, watch as channel};
use tokio::task::{self, JoinSet};
use tracing::{info, warn};

use crate::client::PlaneHosts;
use crate::kind::PlaneKey;
use crate::platform::Platform;
use crate::world::World;
use shared::{Shared, Work};

pub use metrics::Metrics;

/// How the engine runs. The defaults suit a control plane of thousands of components.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Requests in flight to the control plane.
    pub control_concurrency: usize,
    /// Requests in flight to each remote plane.
    pub plane_concurrency: usize,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// The first and the longest wait before an object whose requests failed is tried again.
    pub backoff: (Duration, Duration),
    /// The first and the longest wait before a plane that does not answer is asked again.
    pub reconnect: (Duration, Duration),
    /// The hosts that planes may have.
    pub plane_hosts: PlaneHosts,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            control_concurrency: 64,
            plane_concurrency: 32,
            request_timeout: Duration::from_secs(15),
            backoff: (Duration::from_millis(200), Duration::from_secs(60)),
            reconnect: (Duration::from_millis(500), Duration::from_secs(15)),
            plane_hosts: PlaneHosts::default(),
        }
    }
}

/// Why the engine stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Internal queues were closed.
    #[error("the engine's work queue was closed")]
    QueueClosed,
}

/// The loop that keeps all planes as the platform plans them.
pub struct Engine {
    shared: Arc<Shared>,
    work: mpsc::UnboundedReceiver<scheduler::ScheduleRequest<Work>>,
    ready: channel::Sender<bool>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("platform", &self.shared.platform).finish_non_exhaustive()
    }
}

/// A view of a running engine.
#[derive(Clone)]
pub struct EngineHandle {
    shared: Arc<Shared>,
    ready: channel::Receiver<bool>,
}

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineHandle").field("ready", &*self.ready.borrow()).finish_non_exhaustive()
    }
}

impl EngineHandle {
    /// Whether every watch of the control plane has listed once.
    pub fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Waits until every watch of the control plane has listed once, or the engine is gone.
    pub async fn wait_ready(&mut self) {
        let _ = self.ready.wait_for(|ready| *ready).await;
    }

    /// The measurements of the engine.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Looks at the World as it is now.
    pub fn with_world<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.shared.world.read())
    }

    /// Waits until nothing has been planned for a while: for tests and measurements.
    pub async fn quiet(&self, duration: Duration) {
        let mut seen = self.shared.metrics.passes();
        loop {
            tokio::time::sleep(duration).await;
            let now = self.shared.metrics.passes();
            if now == seen && self.shared.metrics.running() == 0 {
                return;
            }
            seen = now;
        }
    }

    /// Plans every object once more, whatever has changed. At rest this sends no request.
    pub fn replan_all(&self) {
        let keys: Vec<_> = self.shared.world.read().all(&PlaneKey::Control).into_iter().map(|(key, _)| key).collect();
        for key in &keys {
            self.shared.schedule_object(key);
        }
    }
}

impl Engine {
    /// An engine for a platform over a control plane, with the system's clock.
    pub fn new(platform: Arc<Platform>, control: Client, settings: EngineSettings) -> Self {
        Self::with_clock(platform, control, settings, Timestamp::now)
    }

    /// An engine with a clock of the caller's.
    pub fn with_clock(
        platform: Arc<Platform>,
        control: Client,
        settings: EngineSettings,
        clock: fn() -> Timestamp,
    ) -> Self {
        let (sender, work) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(platform, control, settings, clock, sender));
        Self { shared, work, ready: channel::Sender::new(false) }
    }

    /// A view that stays valid while the engine runs.
    pub fn handle(&self) -> EngineHandle {
        EngineHandle { shared: Arc::clone(&self.shared), ready: self.ready.subscribe() }
    }

    /// Runs until `shutdown` resolves; then work that has begun is finished and everything else is left for the next
    /// start.
    ///
    /// # Errors
    /// The engine cannot go on.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), EngineError> {
        let mut shutdown = std::pin::pin!(shutdown.fuse());
        let mut watches = JoinSet::new();
        let kinds = self.shared.platform.control_kinds();
        let mut unsynced: HashSet<_> = kinds.iter().copied().collect();
        let (synced, mut syncs) = mpsc::unbounded_channel();
        for kind in kinds {
            watches.spawn(watch::control(Arc::clone(&self.shared), kind, synced.clone()));
        }
        // Nothing is planned before everything is known: half a World would look like much to prune.
        while !unsynced.is_empty() {
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                Some(kind) = syncs.recv() => { unsynced.remove(&kind); }
            }
        }
        info!("control plane listed");
        self.ready.send_replace(true);

        let mut tasks = JoinSet::new();
        let mut running: HashSet<Work> = HashSet::new();
        let mut works: HashMap<task::Id, Work> = HashMap::new();
        let mut scheduler = std::pin::pin!(scheduler(futures::stream::poll_fn(|cx| self.work.poll_recv(cx))));
        loop {
            let is_free = |work: &Work| !running.contains(work);
            let next = async { scheduler.as_mut().hold_unless(is_free).next().await };
            tokio::select! {
                () = &mut shutdown => break,
                Some(done) = tasks.join_next_with_id() => {
                    let id = match done {
                        Ok((id, ())) => id,
                        Err(error) => {
                            // A planner of somebody's panicked: its object waits for the next change, the others go on.
                            warn!(%error, "a pass ended abnormally");
                            error.id()
                        }
                    };
                    if let Some(work) = works.remove(&id) {
                        running.remove(&work);
                    }
                    self.shared.metrics.set_running(running.len());
                }
                next = next => {
                    let Some(work) = next else { return Err(EngineError::QueueClosed) };
                    let shared = Arc::clone(&self.shared);
                    let mine = work.clone();
                    let task = tasks.spawn(async move { execute::run(&shared, &mine).await });
                    works.insert(task.id(), work.clone());
                    running.insert(work);
                    self.shared.metrics.set_running(running.len());
                }
            }
        }
        info!(passes = running.len(), "stopping");
        while tasks.join_next().await.is_some() {}
        self.shared.lanes.lock().clear();
        watches.abort_all();
        Ok(())
    }
}
