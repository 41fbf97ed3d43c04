//! The connections: clients of all planes, and the tasks that watch and ask them.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::watcher::{self, Event as WatchEvent};
use kube::{Client, Discovery};
use openchoreo_types::common::PlaneRef;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tracing::{debug, info, warn};

use super::fence::Fence;
use super::metrics::Metrics;
use super::requests::ask;
use super::watches::{self, NewsRoom, Teller};
use crate::client::{self, Cluster, Connector, Credentials, PlaneClient};
use crate::engine::core::{Answer, Command, Event, Facts, News, Operation, Trouble, WatchId};
use crate::extension::chain;
use crate::kind::PlaneKey;
use crate::world::{Disconnect, ServedKinds};

/// How long CRDs may go on changing before the kinds of a plane are asked for again.
const DISCOVERY_DEBOUNCE: Duration = Duration::from_millis(200);

/// What a task hands over.
pub(super) enum Incoming {
    /// An event for the core.
    Event(Event),
    /// News of a watch, which have taken room of their plane's until they are taken.
    News { watch: WatchId, news: News, room: OwnedSemaphorePermit },
    /// A plane has been connected to: its client, and the event for the core.
    Client { plane: PlaneRef, server: String, attempt: u64, client: Client, event: Event },
}

/// One remote plane.
struct Plane {
    server: String,
    /// Survives the rotation of credentials: watches go on with the new ones.
    client: PlaneClient,
    /// Room for its news that wait to be taken.
    room: NewsRoom,
    /// Watches its CRDs.
    kinds: AbortHandle,
}

/// All planes.
pub(super) struct Planes {
    control: Client,
    control_room: NewsRoom,
    connector: Arc<dyn Connector>,
    planes: HashMap<PlaneRef, Plane>,
    watches: HashMap<WatchId, AbortHandle>,
    requests: JoinSet<()>,
    connecting: HashMap<PlaneRef, AbortHandle>,
    timeout: Duration,
    tell: mpsc::Sender<Incoming>,
    metrics: Metrics,
    fence: Fence,
}

impl Planes {
    pub(super) fn new(
        control: Client,
        connector: Arc<dyn Connector>,
        timeout: Duration,
        tell: mpsc::Sender<Incoming>,
        metrics: Metrics,
        fence: Fence,
    ) -> Self {
        Self {
            control,
            control_room: NewsRoom::default(),
            connector,
            planes: HashMap::new(),
            watches: HashMap::new(),
            requests: JoinSet::new(),
            connecting: HashMap::new(),
            timeout,
            tell,
            metrics,
            fence,
        }
    }

    /// Takes what a task hands over; gives the event that it is for the core.
    pub(super) fn take(&mut self, news: Incoming) -> Option<Event> {
        match news {
            Incoming::Event(event) => Some(event),
            Incoming::News { watch, news, room } => {
                drop(room);
                Some(Event::Watched { watch, news })
            }
            Incoming::Client { plane, server, attempt, client, event } => {
                self.connecting.remove(&plane);
                let old = self.planes.remove(&plane);
                if let Some(old) = &old {
                    old.kinds.abort();
                }
                let (client, room) = match old.filter(|old| old.server == server) {
                    Some(old) => {
                        old.client.replace(client);
                        (old.client, old.room)
                    }
                    // Requests to the server that it led to before have nothing to do with this one.
                    None => (PlaneClient::new(client), NewsRoom::default()),
                };
                let task = kinds_change(plane.clone(), attempt, client.client(), self.timeout, self.tell.clone());
                let kinds = tokio::spawn(task).abort_handle();
                self.planes.insert(plane, Plane { server, client, room, kinds });
                Some(event)
            }
        }
    }

    fn client(&self, plane: &PlaneKey) -> Option<Client> {
        match plane {
            PlaneKey::Control => Some(self.control.clone()),
            PlaneKey::Remote(remote) => self.planes.get(remote).map(|plane| plane.client.client()),
        }
    }

    /// Does what the core asks for; what it writes, only within a term of this process.
    pub(super) fn execute(&mut self, command: Command, term: Option<u64>) {
        // What has ended is let go.
        while self.requests.try_join_next().is_some() {}
        match command {
            Command::Watch { watch, plane, kind, scope } => {
                let Some(client) = self.client(&plane) else { return };
                let room =
                    plane.remote().and_then(|remote| self.planes.get(remote)).map_or(&self.control_room, |of| &of.room);
                let teller = Teller { watch, room: room.clone(), tell: self.tell.clone() };
                let task = watches::watch(client, plane, kind, scope, teller);
                self.watches.insert(watch, tokio::spawn(task).abort_handle());
            }
            Command::StopWatching(watch) => {
                if let Some(task) = self.watches.remove(&watch) {
                    task.abort();
                }
            }
            Command::Connect { plane, attempt, credentials } => {
                let connector = Arc::clone(&self.connector);
                let task = connect(connector, plane.clone(), attempt, credentials, self.timeout, self.tell.clone());
                let task = tokio::spawn(task).abort_handle();
                if let Some(earlier) = self.connecting.insert(plane, task) {
                    earlier.abort();
                }
            }
            Command::Probe { plane, attempt } => {
                let client = self.client(&PlaneKey::Remote(plane.clone()));
                let (timeout, tell) = (self.timeout, self.tell.clone());
                tokio::spawn(async move {
                    let outcome = match client {
                        Some(client) => within(timeout, client.apiserver_version()).await.map(|_| ()),
                        None => Err(no_client()),
                    };
                    let _ = tell.send(Incoming::Event(Event::Probed { plane, attempt, outcome })).await;
                });
            }
            Command::Disconnect(plane) => {
                if let Some(task) = self.connecting.remove(&plane) {
                    task.abort();
                }
                if let Some(plane) = self.planes.remove(&plane) {
                    plane.kinds.abort();
                    plane.client.close();
                }
            }
            Command::Send { request, plane, operation } => {
                let client = self.client(&plane);
                let (timeout, tell, metrics) = (self.timeout, self.tell.clone(), self.metrics.clone());
                let fence = self.fence.clone();
                self.requests.spawn(async move {
                    let is_write = !matches!(operation, Operation::Get { .. } | Operation::Inspect { .. });
                    let answer = match client {
                        None => Answer::Failed(no_client()),
                        Some(client) => {
                            let asked = ask(client, &plane, operation, timeout, &metrics);
                            if is_write {
                                fence.within(term, asked).await.unwrap_or(Answer::Withheld)
                            } else {
                                asked.await
                            }
                        }
                    };
                    let _ = tell.send(Incoming::Event(Event::Answered { request, answer })).await;
                });
            }
        }
    }

    /// Stops watching, and waits until the requests that are under way are answered.
    pub(super) async fn finish(mut self) {
        let tasks = self.watches.values().chain(self.connecting.values());
        tasks.chain(self.planes.values().map(|plane| &plane.kinds)).for_each(AbortHandle::abort);
        while self.requests.join_next().await.is_some() {}
    }
}

fn no_client() -> Trouble {
    Trouble { cause: Disconnect::NoAnswer, message: "the plane is not connected".to_owned() }
}

fn shown(trouble: client::Trouble) -> Trouble {
    Trouble { cause: trouble.cause, message: trouble.text }
}

/// A request with a limit of time.
async fn within<T>(timeout: Duration, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Trouble> {
    match tokio::time::timeout(timeout, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            // What the peer says is for the log; the registration shows the class of it.
            debug!(error = %chain(&error), "a plane refuses a request");
            Err(shown(client::Trouble::of(&error)))
        }
        Err(_) => Err(shown(client::Trouble::silence())),
    }
}

/// Connects to a plane, and finds out what it is.
async fn connect(
    connector: Arc<dyn Connector>,
    plane: PlaneRef,
    attempt: u64,
    credentials: Credentials,
    timeout: Duration,
    tell: mpsc::Sender<Incoming>,
) {
    let server = credentials.server().to_owned();
    // A connector of somebody's may hang or panic: an attempt always comes to an end, or the plane would wait for ever.
    let making = AssertUnwindSafe(connector.connect(&plane, &credentials)).catch_unwind();
    let failed = |message: String| Err(Trouble { cause: Disconnect::ServerError, message });
    let found = match tokio::time::timeout(timeout, making).await {
        Ok(Ok(Ok(client))) => facts(&client, server.clone(), timeout).await.map(|facts| (client, facts)),
        Ok(Ok(Err(error))) => failed(chain(&error)),
        Ok(Err(_)) => failed("the connector panicked; see the log of the controllers".to_owned()),
        Err(_) => failed(format!("the connector made no client within {} s", timeout.as_secs())),
    };
    let news = match found {
        Ok((client, facts)) => {
            info!(plane = %PlaneKey::Remote(plane.clone()), version = %facts.version, "plane answers");
            let event = Event::Connected { plane: plane.clone(), attempt, outcome: Ok(facts) };
            Incoming::Client { plane, server, attempt, client, event }
        }
        Err(trouble) => {
            warn!(plane = %PlaneKey::Remote(plane.clone()), cause = ?trouble.cause, error = %trouble.message, "plane does not answer");
            Incoming::Event(Event::Connected { plane, attempt, outcome: Err(trouble) })
        }
    };
    let _ = tell.send(news).await;
}

async fn facts(client: &Client, server: String, timeout: Duration) -> Result<Facts, Trouble> {
    let told = |what: &'static str| {
        move |trouble: Trouble| Trouble { message: format!("cannot read {what}: {}", trouble.message), ..trouble }
    };
    let cluster = within(timeout, Cluster::of(client)).await.map_err(told("what the cluster is"))?;
    let kinds = within(timeout, served_kinds(client)).await.map_err(told("the API server's kinds"))?;
    Ok(Facts { server, version: cluster.version, identity: cluster.identity, kinds })
}

async fn served_kinds(client: &Client) -> Result<ServedKinds, kube::Error> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    let mut kinds = ServedKinds::new();
    for group in discovery.groups() {
        for version in group.versions() {
            let resources = group.versioned_resources(version);
            kinds.extend(resources.into_iter().map(|(resource, _)| (resource.group, resource.version, resource.kind)));
        }
    }
    Ok(kinds)
}

/// Tells when the CRDs of a plane change what it serves.
async fn kinds_change(plane: PlaneRef, attempt: u64, client: Client, timeout: Duration, tell: mpsc::Sender<Incoming>) {
    let crds: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(client.clone());
    let mut stream = std::pin::pin!(watcher::watcher(crds, watcher::Config::default()));
    let mut is_listed = false;
    let mut wait = Duration::from_secs(1);
    while let Some(event) = stream.next().await {
        match event {
            Ok(WatchEvent::InitDone) if !is_listed => is_listed = true,
            Ok(WatchEvent::Init | WatchEvent::InitApply(_)) => {}
            Ok(WatchEvent::Apply(_) | WatchEvent::Delete(_) | WatchEvent::InitDone) => {
                tokio::time::sleep(DISCOVERY_DEBOUNCE).await;
                if let Ok(kinds) = within(timeout, served_kinds(&client)).await {
                    let event = Event::Serves { plane: plane.clone(), attempt, kinds };
                    if tell.send(Incoming::Event(event)).await.is_err() {
                        return;
                    }
                }
            }
            // Without leave to watch CRDs, kinds that appear later are seen at the next connection.
            Err(watcher::Error::InitialListFailed(kube::Error::Api(status))) if status.is_forbidden() => return,
            Err(_) => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(60));
            }
        }
    }
}
