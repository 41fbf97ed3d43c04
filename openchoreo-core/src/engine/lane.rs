//! One lane a remote plane: its connection, its watches, its room for requests.
//!
//! A lane asks the plane for its version and its kinds, lists what planners read there, and then calls it connected.
//! A watch that fails ends the connection; the lane asks again, ever less often, and wakes everyone who waits when the
//! plane answers. Nothing polls a plane that is connected.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::{Client, Discovery};
use openchoreo_types::common::PlaneRef;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tracing::{info, warn};

use super::shared::Shared;
use super::watch::{self, Feed};
use crate::extension::chain;
use crate::kind::{Kind, PlaneKey};
use crate::world::{Disconnect, PlaneState};

/// How long CRDs may go on changing before the kinds of a plane are asked for again.
const DISCOVERY_DEBOUNCE: Duration = Duration::from_millis(200);

/// The connection of a plane. Dropping it ends the connection.
pub(super) struct Lane {
    pub(super) client: Client,
    pub(super) room: Arc<Semaphore>,
    pub(super) fingerprint: [u8; 32],
    pub(super) trouble: Arc<Notify>,
    /// Since when its credentials cannot be resolved any more.
    pub(super) orphaned: Option<Instant>,
    task: AbortHandle,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Lane {
    /// Opens a lane.
    pub(super) fn open(
        shared: &Arc<Shared>,
        plane: PlaneRef,
        server: String,
        client: Client,
        fingerprint: [u8; 32],
    ) -> Self {
        let trouble = Arc::new(Notify::new());
        let runner = Runner {
            shared: Arc::clone(shared),
            plane: PlaneKey::Remote(plane),
            server,
            client: client.clone(),
            trouble: Arc::clone(&trouble),
        };
        let task = tokio::spawn(runner.run()).abort_handle();
        let room = Arc::new(Semaphore::new(shared.settings.plane_concurrency));
        Self { client, room, fingerprint, trouble, orphaned: None, task }
    }
}

/// Why a connection ended.
enum Ended {
    /// The plane is in trouble.
    Trouble(Disconnect, String),
    /// It serves other kinds now: everything is listed anew.
    KindsChanged,
}

struct Runner {
    shared: Arc<Shared>,
    plane: PlaneKey,
    server: String,
    client: Client,
    trouble: Arc<Notify>,
}

impl Runner {
    async fn run(self) {
        let (first, longest) = self.shared.settings.reconnect;
        let mut wait = first;
        loop {
            let started = Instant::now();
            match self.connection().await {
                Ended::KindsChanged => {
                    info!(plane = %self.plane, "the plane serves other kinds now");
                    continue;
                }
                Ended::Trouble(cause, error) => {
                    warn!(plane = %self.plane, ?cause, %error, "plane is not connected");
                    self.report(cause, error);
                }
            }
            if started.elapsed() > longest {
                wait = first;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
    }

    fn report(&self, cause: Disconnect, error: String) {
        let now = self.shared.now();
        self.shared.change(|world| {
            let since = match world.plane_state(&self.plane) {
                PlaneState::Unreachable { since, .. } => since,
                PlaneState::Unknown | PlaneState::Connected { .. } | PlaneState::Misconfigured { .. } => now,
            };
            world.set_plane_state(&self.plane, PlaneState::Unreachable { since, cause, error })
        });
    }

    /// One connection, from the first request to its end.
    async fn connection(&self) -> Ended {
        let timeout = self.shared.settings.request_timeout;
        let asked = Instant::now();
        let version = match tokio::time::timeout(timeout, self.client.apiserver_version()).await {
            Ok(Ok(version)) => version.git_version,
            Ok(Err(error)) => return trouble("the API server's version", &error),
            Err(_) => return silent(timeout),
        };
        let latency_milliseconds = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
        let served = match tokio::time::timeout(timeout, served_kinds(&self.client)).await {
            Ok(Ok(served)) => served,
            Ok(Err(error)) => return trouble("the API server's kinds", &error),
            Err(_) => return silent(timeout),
        };
        self.shared.change(|world| world.set_served_kinds(&self.plane, served.clone()));

        let mut watches = JoinSet::new();
        let (events, mut inbox) = mpsc::channel(256);
        let mut unsynced = BTreeSet::new();
        for (kind, owned) in self.shared.platform.remote_watches() {
            if !served.contains(&(kind.group.to_owned(), kind.kind.to_owned())) {
                continue;
            }
            unsynced.insert(kind);
            let (stream, events) = (watch::remote(self.client.clone(), kind, owned), events.clone());
            watches.spawn(async move {
                let mut stream = std::pin::pin!(stream);
                while let Some(event) = stream.next().await {
                    if events.send((kind, event)).await.is_err() {
                        return;
                    }
                }
            });
        }
        let mut feeds: std::collections::BTreeMap<Kind, Feed<'_>> =
            unsynced.iter().map(|kind| (*kind, Feed::new(&self.shared, self.plane.clone(), *kind))).collect();
        let mut kinds_changed = std::pin::pin!(self.kinds_changed(&served));
        let connected = PlaneState::Connected { server: self.server.clone(), version, latency_milliseconds };
        if unsynced.is_empty() {
            self.shared.change(|world| world.set_plane_state(&self.plane, connected.clone()));
        }
        loop {
            tokio::select! {
                () = &mut kinds_changed => return Ended::KindsChanged,
                () = self.trouble.notified() => {
                    // A request failed; whether the plane is gone or only the request, the version tells.
                    match tokio::time::timeout(timeout, self.client.apiserver_version()).await {
                        Ok(Ok(_)) => {}
                        Ok(Err(error)) => return trouble("the API server's version", &error),
                        Err(_) => return silent(timeout),
                    }
                }
                Some((kind, event)) = inbox.recv() => match event {
                    Ok(event) => {
                        let listed = feeds.get_mut(&kind).is_some_and(|feed| feed.take(event));
                        if listed && unsynced.remove(&kind) && unsynced.is_empty() {
                            info!(plane = %self.plane, "plane is connected");
                            self.shared.change(|world| world.set_plane_state(&self.plane, connected.clone()));
                        }
                    }
                    // Too old a revision: the watcher lists again by itself.
                    Err(watcher::Error::WatchError(status)) if status.code == 410 => {}
                    Err(error) => return watch_trouble(kind, &error),
                },
            }
        }
    }

    /// Resolves when the plane serves other kinds than those given.
    async fn kinds_changed(&self, served: &BTreeSet<(String, String)>) {
        let crds: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(self.client.clone());
        let mut stream = std::pin::pin!(watcher::watcher(crds, watcher::Config::default()));
        let mut listed = false;
        loop {
            match stream.next().await {
                Some(Ok(Event::InitDone)) => listed = true,
                Some(Ok(Event::Init | Event::InitApply(_))) => {}
                Some(Ok(Event::Apply(_) | Event::Delete(_))) if !listed => {}
                Some(Ok(Event::Apply(_) | Event::Delete(_))) => {
                    tokio::time::sleep(DISCOVERY_DEBOUNCE).await;
                    let ours = |kinds: &BTreeSet<(String, String)>| {
                        let wanted = self.shared.platform.remote_watches().into_keys();
                        wanted.filter(|k| kinds.contains(&(k.group.to_owned(), k.kind.to_owned()))).collect::<Vec<_>>()
                    };
                    if let Ok(now) = served_kinds(&self.client).await
                        && ours(&now) != ours(served)
                    {
                        return;
                    }
                }
                // Without leave to watch CRDs, kinds that appear later are seen at the next connection.
                Some(Err(error)) => {
                    if let watcher::Error::InitialListFailed(kube::Error::Api(status)) = &error
                        && status.is_forbidden()
                    {
                        std::future::pending::<()>().await;
                    }
                    tokio::time::sleep(self.shared.settings.reconnect.1).await;
                }
                None => std::future::pending().await,
            }
        }
    }
}

async fn served_kinds(client: &Client) -> Result<BTreeSet<(String, String)>, kube::Error> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    Ok(discovery
        .groups()
        .flat_map(|group| group.resources_by_stability())
        .map(|(resource, _)| (resource.group, resource.kind))
        .collect())
}

fn silent(timeout: Duration) -> Ended {
    Ended::Trouble(Disconnect::NoAnswer, format!("no answer within {} s", timeout.as_secs()))
}

fn trouble(what: &str, error: &kube::Error) -> Ended {
    Ended::Trouble(cause_of(error), format!("cannot read {what}: {}", chain(error)))
}

fn watch_trouble(kind: Kind, error: &watcher::Error) -> Ended {
    let cause = match error {
        watcher::Error::InitialListFailed(source)
        | watcher::Error::WatchStartFailed(source)
        | watcher::Error::WatchFailed(source) => cause_of(source),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => Disconnect::ServerError,
    };
    Ended::Trouble(cause, format!("cannot watch {kind}: {}", chain(error)))
}

/// What kind of trouble an error of the client is.
pub(super) fn cause_of(error: &kube::Error) -> Disconnect {
    match error {
        kube::Error::Api(status) => match status.code {
            401 => Disconnect::CredentialsRefused,
            403 => Disconnect::Forbidden,
            _ => Disconnect::ServerError,
        },
        other => {
            let text = chain(other).to_ascii_lowercase();
            // The client gives TLS failures no type of their own.
            if text.contains("certificate") || text.contains("unknownissuer") {
                Disconnect::TlsRefused
            } else {
                Disconnect::NoAnswer
            }
        }
    }
}
