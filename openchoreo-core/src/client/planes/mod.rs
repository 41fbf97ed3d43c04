//! Clients of all planes, for programs of one's own: registrations and their Secrets followed by watch, a client for each
//! that survives rotation, its health and the identity of its cluster. The engine does not run here.

mod attendant;
mod registrations;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use openchoreo_types::common::PlaneRef;
use tokio::sync::watch;

use super::{Connector, DirectConnector, PlaneHosts};
use crate::world::Disconnect;

/// How planes are followed.
#[derive(Clone, Debug)]
pub struct PlaneClientsSettings {
    /// The hosts that planes may have, for the connector that is used unless another is given.
    pub hosts: PlaneHosts,
    /// How long an answer about the health of a plane may take.
    pub request_timeout: Duration,
    /// The first and the longest wait before a plane that does not answer is asked again.
    pub reconnect: (Duration, Duration),
    /// How long a plane that answers is believed to. A connection that breaks is noticed at once; credentials that are
    /// revoked, after this time.
    pub attention: Duration,
}

impl Default for PlaneClientsSettings {
    fn default() -> Self {
        Self {
            hosts: PlaneHosts::default(),
            request_timeout: Duration::from_secs(15),
            reconnect: (Duration::from_millis(500), Duration::from_secs(15)),
            attention: Duration::from_secs(60),
        }
    }
}

/// Clients of all planes that are registered in a control plane. Clones share them.
#[derive(Clone)]
pub struct PlaneClients {
    shared: Arc<Shared>,
}

struct Shared {
    control: Client,
    connector: Arc<dyn Connector>,
    settings: PlaneClientsSettings,
    planes: watch::Sender<BTreeMap<PlaneRef, PlaneHandle>>,
}

impl fmt::Debug for PlaneClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaneClients").field("planes", &*self.shared.planes.borrow()).finish_non_exhaustive()
    }
}

impl PlaneClients {
    /// Clients of the planes of a control plane, made with the credentials as they are. Nothing is followed before
    /// [`run`](Self::run).
    pub fn new(control: Client, settings: PlaneClientsSettings) -> Self {
        let connector = DirectConnector::new(settings.hosts.clone());
        Self::with_connector(control, settings, Arc::new(connector))
    }

    /// The same, with clients that a connector makes.
    pub fn with_connector(control: Client, settings: PlaneClientsSettings, connector: Arc<dyn Connector>) -> Self {
        let planes = watch::Sender::new(BTreeMap::new());
        Self { shared: Arc::new(Shared { control, connector, settings, planes }) }
    }

    /// A plane as it is now, where it is registered.
    pub fn get(&self, plane: &PlaneRef) -> Option<PlaneHandle> {
        self.shared.planes.borrow().get(plane).cloned()
    }

    /// All registered planes as they are now, by kind, namespace and name.
    pub fn list(&self) -> Vec<PlaneHandle> {
        self.shared.planes.borrow().values().cloned().collect()
    }

    /// All planes, and notice of each change: of what is registered, of its health, of the client to use. Rotated
    /// credentials are no change, since the clients stay what they are.
    pub fn changes(&self) -> watch::Receiver<BTreeMap<PlaneRef, PlaneHandle>> {
        self.shared.planes.subscribe()
    }

    /// Follows registrations and planes until `shutdown` resolves; then every client is closed. It needs leave to list
    /// and watch DataPlanes, BuildPlanes and the Secrets with the label `openchoreo.dev/plane-credentials=true` of the
    /// control plane.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = registrations::follow(Arc::clone(&self.shared)) => {}
            () = shutdown => {}
        }
        self.shared.planes.send_modify(BTreeMap::clear);
    }
}

impl Shared {
    /// Changes what is shown of a plane, and tells of it where that makes a difference.
    fn show(&self, plane: &PlaneRef, change: impl FnOnce(&mut PlaneHandle)) {
        self.planes.send_if_modified(|planes| {
            let is_new = !planes.contains_key(plane);
            let handle = planes.entry(plane.clone()).or_insert_with(|| PlaneHandle::new(plane.clone()));
            let (before, had_client) = (handle.state.clone(), handle.client.is_some());
            change(handle);
            is_new || handle.state != before || handle.client.is_some() != had_client
        });
    }

    fn forget(&self, plane: &PlaneRef) {
        self.planes.send_if_modified(|planes| planes.remove(plane).is_some());
    }
}

/// A registered plane, as it was when it was asked for.
#[derive(Clone)]
pub struct PlaneHandle {
    plane: PlaneRef,
    state: State,
    client: Option<Client>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    server: Option<String>,
    cluster: Option<String>,
    health: PlaneHealth,
    /// Counts the clients: one takes the place of another where a registration names another cluster.
    client: u64,
}

impl fmt::Debug for PlaneHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlaneHandle").field("plane", &self.plane).field("state", &self.state).finish_non_exhaustive()
    }
}

impl PlaneHandle {
    fn new(plane: PlaneRef) -> Self {
        let state = State { server: None, cluster: None, health: PlaneHealth::Connecting, client: 0 };
        Self { plane, state, client: None }
    }

    /// The registration.
    pub fn plane(&self) -> &PlaneRef {
        &self.plane
    }

    /// URL of the API server; nothing where the registration cannot be used.
    pub fn server(&self) -> Option<&str> {
        self.state.server.as_deref()
    }

    /// The client to use, and to keep: it takes rotated credentials by itself, and is closed when the registration goes
    /// or names another cluster. Nothing where the registration cannot be used. A plane that does not answer has one too.
    pub fn client(&self) -> Option<Client> {
        self.client.clone()
    }

    /// How the plane is doing.
    pub fn health(&self) -> &PlaneHealth {
        &self.state.health
    }

    /// The identity of the cluster, see [`Cluster::identity`](super::Cluster::identity), as it was last read.
    /// Registrations with the same identity are registrations of one cluster.
    pub fn cluster(&self) -> Option<&str> {
        self.state.cluster.as_deref()
    }
}

/// How a plane is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaneHealth {
    /// It has not been heard of yet.
    Connecting,
    /// It answers.
    Connected {
        /// Version of its API server.
        version: String,
    },
    /// It does not answer, or refuses what is asked.
    Unreachable {
        /// What kind of trouble it is.
        cause: Disconnect,
        /// In words that may be shown to whoever registered it.
        error: String,
    },
    /// Its registration or a Secret cannot be used.
    Misconfigured {
        /// What is wrong, and what would be right.
        error: String,
    },
}
