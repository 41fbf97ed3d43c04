//! The driver: everything that the core asks for, done with kube and tokio.
//!
//! One task owns the core and feeds it; watches, requests and connections are tasks of their own, which read what
//! servers say and hand it over as events. There is no lock: who wants to look at the World asks that task. Writes pass
//! a [`fence`], which is open while this process leads ([`lease`]).

mod fence;
mod lease;
mod metrics;
mod planes;
mod requests;
mod watches;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use tokio::sync::{mpsc, oneshot, watch as channel};
use tokio::time::Instant;
use tracing::{info, warn};

use super::core::{Core, CoreSettings, Event, Step};
use crate::client::{Connector, DirectConnector, PlaneHosts};
use crate::platform::Platform;
use crate::world::World;
use fence::Fence;
use lease::Leadership;
use planes::{Incoming, Planes};

pub use lease::LeaderSettings;
pub use metrics::Metrics;

/// Passes that are made before news are looked at again.
const PASSES_AT_A_TIME: usize = 64;
/// News that may wait to be taken; who brings more waits.
const NEWS_WAITING: usize = 1024;

/// How the engine runs. The defaults suit a control plane of thousands of components.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// How the core decides.
    pub core: CoreSettings,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// The hosts that planes may have.
    pub plane_hosts: PlaneHosts,
    /// What makes the clients of planes where credentials come from elsewhere; a [`DirectConnector`] to
    /// `plane_hosts` where nothing is given.
    pub connector: Option<Arc<dyn Connector>>,
    /// How several engines over one control plane agree on the one that acts; without it, this one acts at once and
    /// takes no heed of others.
    pub leader: Option<LeaderSettings>,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            core: CoreSettings::default(),
            request_timeout: Duration::from_secs(15),
            plane_hosts: PlaneHosts::default(),
            connector: None,
            leader: None,
        }
    }
}

/// Why the engine stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Internal queues were closed.
    #[error("the engine's queue of news was closed")]
    QueueClosed,
    /// The settings of the leader election cannot work.
    #[error("the leader election cannot work: {fault}")]
    Election {
        /// What is wrong with them.
        fault: &'static str,
    },
}

/// A look at the core, or a wish, from another task.
type Query = Box<dyn FnOnce(&mut Core) + Send>;

/// The loop that keeps all planes as the platform plans them.
pub struct Engine {
    core: Core,
    planes: Planes,
    news: mpsc::Receiver<Incoming>,
    queries: mpsc::UnboundedReceiver<Query>,
    ask: mpsc::UnboundedSender<Query>,
    unlisted: channel::Sender<Vec<String>>,
    metrics: Metrics,
    clock: fn() -> Timestamp,
    leadership: Leadership,
    fence: Fence,
    /// The term that the core knows of.
    term: Option<u64>,
    fault: Option<&'static str>,
    /// Whether a planner's undeclared use has been told.
    has_warned: bool,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("core", &self.core).finish_non_exhaustive()
    }
}

/// A view of a running engine.
#[derive(Clone)]
pub struct EngineHandle {
    ask: mpsc::UnboundedSender<Query>,
    unlisted: channel::Receiver<Vec<String>>,
    metrics: Metrics,
}

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineHandle").field("unlisted", &*self.unlisted.borrow()).finish_non_exhaustive()
    }
}

impl EngineHandle {
    /// Whether every watch of the control plane has listed once.
    pub fn is_ready(&self) -> bool {
        self.unlisted.borrow().is_empty()
    }

    /// The kinds of the control plane that have not been listed yet: a CRD that is missing, or a right.
    pub fn waits_for(&self) -> Vec<String> {
        self.unlisted.borrow().clone()
    }

    /// Waits until every watch of the control plane has listed once, or the engine is gone.
    pub async fn wait_ready(&mut self) {
        let _ = self.unlisted.wait_for(Vec::is_empty).await;
    }

    /// Whether this engine is the one that acts.
    pub fn is_leading(&self) -> bool {
        self.metrics.is_leading()
    }

    /// The measurements of the engine.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Looks at the World as it is now. The engine waits meanwhile, so look briefly. Nothing where it has stopped.
    pub async fn with_world<T: Send + 'static>(&self, look: impl FnOnce(&World) -> T + Send + 'static) -> Option<T> {
        self.with_core(|core| look(core.world())).await
    }

    /// Looks at the core as it is now, as [`EngineHandle::with_world`] does.
    pub async fn with_core<T: Send + 'static>(&self, look: impl FnOnce(&Core) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let query: Query = Box::new(move |core| drop(answer.send(look(core))));
        self.ask.send(query).ok()?;
        answered.await.ok()
    }

    /// Waits until nothing has been planned for a while: for tests and measurements.
    pub async fn quiet(&self, duration: Duration) {
        let mut seen = self.metrics.passes();
        loop {
            tokio::time::sleep(duration).await;
            let now = self.metrics.passes();
            if now == seen && self.metrics.running() == 0 {
                return;
            }
            seen = now;
        }
    }

    /// Plans every object once more, whatever has changed. At rest this sends no request.
    pub fn replan_all(&self) {
        let _ = self.ask.send(Box::new(Core::replan_all));
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
        let (tell, news) = mpsc::channel(NEWS_WAITING);
        let (ask, queries) = mpsc::unbounded_channel();
        let metrics = Metrics::default();
        let mut core = Core::new(platform, settings.core);
        core.start();
        let unlisted = core.unlisted().map(|kind| kind.to_string()).collect();
        let connector = settings.connector.unwrap_or_else(|| Arc::new(DirectConnector::new(settings.plane_hosts)));
        let fault = settings.leader.as_ref().and_then(LeaderSettings::fault);
        let leadership = Leadership::new(&control, settings.leader);
        let fence = leadership.fence();
        let planes = Planes::new(control, connector, settings.request_timeout, tell, metrics.clone(), fence.clone());
        Self {
            core,
            planes,
            news,
            queries,
            ask,
            unlisted: channel::Sender::new(unlisted),
            metrics,
            clock,
            leadership,
            fence,
            term: None,
            fault,
            has_warned: false,
        }
    }

    /// A view that stays valid while the engine runs.
    pub fn handle(&self) -> EngineHandle {
        EngineHandle { ask: self.ask.clone(), unlisted: self.unlisted.subscribe(), metrics: self.metrics.clone() }
    }

    /// Runs until `shutdown` resolves; then requests that are under way are finished, the lease is given up, and
    /// everything else is left for the next start. With [`EngineSettings::leader`] it acts while it leads; otherwise it
    /// watches, so that it can take over at once.
    ///
    /// # Errors
    /// The settings of the leader election cannot work, or the engine cannot go on.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), EngineError> {
        if let Some(fault) = self.fault {
            return Err(EngineError::Election { fault });
        }
        let mut shutdown = std::pin::pin!(shutdown.fuse());
        self.leadership.start();
        self.lead(self.fence.term());
        loop {
            let is_idle = self.work();
            let wait = match self.core.next_time() {
                _ if !is_idle => Duration::ZERO,
                Some(at) => duration_until((self.clock)(), at),
                None => Duration::from_secs(3600),
            };
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                term = self.fence.changed(self.term) => self.lead(term),
                Some(query) = self.queries.recv() => query(&mut self.core),
                news = self.news.recv() => {
                    let Some(news) = news else { return Err(EngineError::QueueClosed) };
                    self.take(news);
                    while let Ok(news) = self.news.try_recv() {
                        self.take(news);
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
        info!(requests = self.core.in_flight(), "stopping");
        self.core.handle(Event::Leading(false), (self.clock)());
        // Nobody takes the answers any more; who brings one does not wait.
        self.news.close();
        self.planes.finish().await;
        self.leadership.resign().await;
        self.metrics.set_leading(false);
        Ok(())
    }

    /// Tells the core that a term has begun or ended. Between two terms there is always a time without one.
    fn lead(&mut self, term: Option<u64>) {
        let now = (self.clock)();
        self.term = term;
        self.core.handle(Event::Leading(false), now);
        self.core.handle(Event::Leading(term.is_some()), now);
        self.metrics.set_leading(term.is_some());
    }

    fn take(&mut self, news: Incoming) {
        if let Some(event) = self.planes.take(news) {
            self.core.handle(event, (self.clock)());
        }
    }

    /// Makes passes, and does what they ask for; whether nothing is left to do.
    fn work(&mut self) -> bool {
        let mut is_idle = false;
        for _ in 0..PASSES_AT_A_TIME {
            let started = Instant::now();
            match self.core.step((self.clock)()) {
                Step::Pass(planner) => self.metrics.count_pass(planner, started.elapsed()),
                Step::Nothing => {}
                Step::Idle => {
                    is_idle = true;
                    break;
                }
            }
        }
        while let Some(command) = self.core.take_command() {
            self.planes.execute(command, self.term);
        }
        if let Some(undeclared) = self.core.undeclared().filter(|_| !self.has_warned) {
            warn!(%undeclared, "a planner would miss news of what it uses");
            self.has_warned = true;
        }
        self.metrics.set_running(self.core.in_flight());
        let unlisted: Vec<String> = self.core.unlisted().map(|kind| kind.to_string()).collect();
        self.unlisted.send_if_modified(|known| {
            let is_news = *known != unlisted;
            if is_news && unlisted.is_empty() {
                info!("control plane listed");
            }
            *known = unlisted;
            is_news
        });
        is_idle
    }
}

/// How long it is until a time.
fn duration_until(now: Timestamp, at: Timestamp) -> Duration {
    let wait = at.duration_since(now).max(SignedDuration::ZERO);
    Duration::try_from(wait).unwrap_or_default()
}
