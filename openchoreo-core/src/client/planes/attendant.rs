//! Attends to one plane: makes its client, exchanges its inside when credentials change, and asks how it is doing.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::WatchParams;
use openchoreo_types::common::PlaneRef;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::{PlaneHandle, PlaneHealth, Shared, State};
use crate::client::{Cluster, Credentials, PlaneClient, Trouble};
use crate::extension::chain;
use crate::world::{Disconnect, SYSTEM_NAMESPACE};

/// The attendant of a plane. Dropping it closes the client.
pub(super) struct Attendant {
    shared: Arc<Shared>,
    plane: PlaneRef,
    slot: Arc<Mutex<Slot>>,
    work: Option<Work>,
    server: String,
}

/// The client of a plane, and which task may see to it.
#[derive(Default)]
struct Slot {
    /// From the first time that one can be made.
    client: Option<PlaneClient>,
    /// Counts the tasks. One that is ended may still run to its next await, and must not undo what came after it.
    round: u64,
}

/// The task while the credentials can be used.
struct Work {
    credentials: watch::Sender<Credentials>,
    task: AbortHandle,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.rest();
    }
}

impl Attendant {
    pub(super) fn new(shared: &Arc<Shared>, plane: PlaneRef) -> Self {
        Self { shared: Arc::clone(shared), plane, slot: Arc::default(), work: None, server: String::new() }
    }

    /// Uses these credentials from now on.
    pub(super) fn take(&mut self, credentials: Credentials) {
        if self.server != credentials.server() {
            // Most likely another cluster: whoever holds the client must take note.
            self.rest();
            self.slot.lock().client = None;
            credentials.server().clone_into(&mut self.server);
        }
        if let Some(work) = &self.work {
            work.credentials.send_if_modified(|current| {
                let is_new = current.fingerprint() != credentials.fingerprint();
                *current = credentials;
                is_new
            });
            return;
        }
        let (credentials, received) = watch::channel(credentials);
        let round = Round {
            shared: Arc::clone(&self.shared),
            plane: self.plane.clone(),
            slot: Arc::clone(&self.slot),
            number: self.slot.lock().round,
            server: self.server.clone(),
        };
        let task = tokio::spawn(round.run(received)).abort_handle();
        self.work = Some(Work { credentials, task });
    }

    /// Stops using the plane: its registration is gone or cannot be used.
    pub(super) fn rest(&mut self) {
        let mut slot = self.slot.lock();
        slot.round = slot.round.wrapping_add(1);
        self.work = None;
        if let Some(client) = &slot.client {
            client.close();
        }
    }
}

/// Why a client is to be made anew.
enum Renewal {
    /// The credentials are others now.
    Rotated,
    /// The plane refuses them: a connector may know better ones.
    Refused(Trouble),
    /// The plane does not answer; the client stays.
    Silent(Trouble),
}

struct Round {
    shared: Arc<Shared>,
    plane: PlaneRef,
    slot: Arc<Mutex<Slot>>,
    number: u64,
    server: String,
}

impl Round {
    async fn run(self, mut credentials: watch::Receiver<Credentials>) {
        let (first, longest) = self.shared.settings.reconnect;
        let mut wait = first;
        let mut made: Option<kube::Client> = None;
        loop {
            let client = match made.take() {
                Some(client) => client,
                None => {
                    let current = credentials.borrow_and_update().clone();
                    let connected = tokio::select! {
                        connected = self.shared.connector.connect(&self.plane, &current) => connected,
                        changed = credentials.changed() => match changed {
                            Ok(()) => continue,
                            Err(_) => return,
                        },
                    };
                    match connected {
                        Ok(client) => {
                            self.exchange(&client);
                            client
                        }
                        Err(error) => {
                            self.unusable(chain(&error));
                            match pause(&mut credentials, wait).await {
                                Ok(Paused::Rotated) => wait = first,
                                Ok(Paused::Waited) => wait = (wait * 2).min(longest),
                                Err(_) => return,
                            }
                            continue;
                        }
                    }
                }
            };
            let renewal = tokio::select! {
                changed = credentials.changed() => match changed {
                    Ok(()) => Renewal::Rotated,
                    Err(_) => return,
                },
                renewal = self.attend(&client, &mut wait) => renewal,
            };
            let trouble = match renewal {
                Renewal::Rotated => {
                    wait = first;
                    continue;
                }
                Renewal::Refused(trouble) => trouble,
                Renewal::Silent(trouble) => {
                    made = Some(client);
                    trouble
                }
            };
            tracing::info!(plane = ?self.plane, cause = ?trouble.cause, error = %trouble, "plane is not connected");
            self.change(|_, handle| {
                handle.state.health = PlaneHealth::Unreachable { cause: trouble.cause, error: trouble.text };
            });
            match pause(&mut credentials, wait).await {
                Ok(Paused::Rotated) => {
                    made = None;
                    wait = first;
                }
                Ok(Paused::Waited) => wait = (wait * 2).min(longest),
                Err(_) => return,
            }
        }
    }

    /// Changes the client and what is shown of it, unless this task has been ended.
    fn change(&self, change: impl FnOnce(&mut Slot, &mut PlaneHandle)) {
        let mut slot = self.slot.lock();
        if slot.round == self.number {
            self.shared.show(&self.plane, |handle| change(&mut slot, handle));
        }
    }

    /// Puts a client in the place of the one that is used.
    fn exchange(&self, client: &kube::Client) {
        self.change(|slot, handle| {
            let state = &mut handle.state;
            if state.server.as_deref() != Some(self.server.as_str()) {
                state.server = Some(self.server.clone());
                state.cluster = None;
                state.health = PlaneHealth::Connecting;
            }
            if matches!(state.health, PlaneHealth::Misconfigured { .. }) {
                state.health = PlaneHealth::Connecting;
            }
            match &slot.client {
                Some(current) => current.replace(client.clone()),
                None => renew(slot, state, client),
            }
            handle.client = slot.client.as_ref().map(PlaneClient::client);
        });
    }

    /// Shows what is found of the plane's cluster. Another cluster than before gets another client.
    fn found(&self, cluster: Cluster, client: &kube::Client) {
        self.change(|slot, handle| {
            let state = &mut handle.state;
            if state.cluster.is_some() && cluster.identity.is_some() && state.cluster != cluster.identity {
                renew(slot, state, client);
                handle.client = slot.client.as_ref().map(PlaneClient::client);
            }
            state.cluster = cluster.identity.or_else(|| state.cluster.take());
            state.health = PlaneHealth::Connected { version: cluster.version };
        });
    }

    /// Shows that no client can be made; one that was made with older credentials is not used any more.
    fn unusable(&self, error: String) {
        self.change(|slot, handle| {
            if let Some(client) = &slot.client {
                client.close();
            }
            handle.client = None;
            handle.state.health = PlaneHealth::Misconfigured { error };
        });
    }

    /// Asks how the plane is doing, again and again, until it is in trouble.
    async fn attend(&self, client: &kube::Client, wait: &mut Duration) -> Renewal {
        let settings = &self.shared.settings;
        loop {
            let trouble = match timeout(settings.request_timeout, Cluster::of(client)).await {
                Ok(Ok(cluster)) => {
                    self.found(cluster, client);
                    *wait = settings.reconnect.0;
                    None
                }
                Ok(Err(error)) => {
                    tracing::debug!(plane = ?self.plane, error = chain(&error), "plane does not answer as it should");
                    Some(Trouble::of(&error))
                }
                Err(_) => Some(Trouble::silence()),
            };
            match trouble {
                None => {}
                Some(trouble) if trouble.cause == Disconnect::CredentialsRefused => return Renewal::Refused(trouble),
                Some(trouble) => return Renewal::Silent(trouble),
            }
            if !self.stays(client).await {
                // What ended the watch may be over, or be only the watch's: that tells the next question, in a moment.
                tokio::time::sleep(settings.reconnect.0).await;
            }
        }
    }

    /// Waits as long as the plane is believed to answer. Whether it went by in quiet.
    async fn stays(&self, client: &kube::Client) -> bool {
        let attention = self.shared.settings.attention;
        let watched = async {
            // A watch of one object that hardly ever changes: its end tells that the connection broke.
            let namespaces: Api<Namespace> = Api::all(client.clone());
            let seconds = u32::try_from(attention.as_secs().saturating_add(5)).unwrap_or(u32::MAX);
            let one = WatchParams::default().fields(&format!("metadata.name={SYSTEM_NAMESPACE}")).timeout(seconds);
            let mut stream = match namespaces.watch_metadata(&one, "0").await {
                Ok(stream) => stream.boxed(),
                // Without leave to watch, the next question tells.
                Err(kube::Error::Api(status)) if status.is_forbidden() => std::future::pending().await,
                Err(_) => return,
            };
            while let Some(Ok(_)) = stream.next().await {}
        };
        timeout(attention, watched).await.is_err()
    }
}

/// Makes a new client to hand out.
fn renew(slot: &mut Slot, state: &mut State, client: &kube::Client) {
    if let Some(old) = slot.client.replace(PlaneClient::new(client.clone())) {
        old.close();
    }
    state.client = state.client.wrapping_add(1);
}

enum Paused {
    Waited,
    Rotated,
}

/// Waits, or until the credentials are others.
async fn pause(
    credentials: &mut watch::Receiver<Credentials>,
    wait: Duration,
) -> Result<Paused, watch::error::RecvError> {
    match timeout(wait, credentials.changed()).await {
        Ok(changed) => changed.map(|()| Paused::Rotated),
        Err(_) => Ok(Paused::Waited),
    }
}
