//! Watches: kube-runtime's watcher lists in pages, resumes, and lists again where it must; what it gives is read here,
//! off the core's task, and handed over.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event as WatchEvent};
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::planes::Incoming;
use super::requests::trouble;
use crate::engine::core::{Event, News, Scope, Trouble, WatchId};
use crate::extension::chain;
use crate::kind::{Kind, PlaneKey};
use crate::world::{Disconnect, Stored};

/// Objects in a page of a list: what is read of a server is large for a moment, and many kinds are listed at a time.
const PAGE: u32 = 100;
/// How long a watch that came to an unforeseen end is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// The API of a kind in a namespace; across all where it is empty.
pub(super) fn api(client: Client, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: kind.group.to_owned(),
        version: kind.version.to_owned(),
        api_version: kind.api_version(),
        kind: kind.kind.to_owned(),
        plural: kind.plural.to_owned(),
    };
    if kind.namespaced && !namespace.is_empty() {
        Api::namespaced_with(client, namespace, &resource)
    } else {
        Api::all_with(client, &resource)
    }
}

/// Watches a kind for ever.
pub(super) async fn watch(
    client: Client,
    watch: WatchId,
    plane: PlaneKey,
    kind: Kind,
    scope: Scope,
    tell: mpsc::Sender<Incoming>,
) {
    loop {
        let run = AssertUnwindSafe(follow(client.clone(), watch, &plane, kind, scope, &tell)).catch_unwind().await;
        if tell.is_closed() {
            return;
        }
        // A watcher has no end; a panic in it is told like any other failure, and it is begun anew.
        warn!(%plane, %kind, has_panicked = run.is_err(), "a watch ended; it is begun anew");
        let trouble = Trouble { cause: Disconnect::ServerError, message: "the watch ended".to_owned() };
        let _ = tell.send(Incoming::Event(Event::Watched { watch, news: News::Failed(trouble) })).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow(
    client: Client,
    watch: WatchId,
    plane: &PlaneKey,
    kind: Kind,
    scope: Scope,
    tell: &mpsc::Sender<Incoming>,
) {
    let mut config = watcher::Config::default().page_size(PAGE);
    match scope {
        Scope::Has(label) => config = config.labels(label),
        Scope::Labelled(label, value) => config = config.labels(&format!("{label}={value}")),
        Scope::All | Scope::WithoutStatus => {}
    }
    let stream = watcher::watcher(api(client, kind, ""), config).default_backoff();
    let mut stream = std::pin::pin!(stream);
    while let Some(event) = stream.next().await {
        let read = |mut object: DynamicObject| {
            if scope == Scope::WithoutStatus
                && let Some(fields) = object.data.as_object_mut()
            {
                fields.remove("status");
            }
            read(kind, object)
        };
        let news = match event {
            Ok(WatchEvent::Init) => Some(News::ListBegins),
            Ok(WatchEvent::InitApply(object)) => read(object).map(News::Listed),
            Ok(WatchEvent::InitDone) => Some(News::ListEnds),
            Ok(WatchEvent::Apply(object)) => read(object).map(News::Put),
            Ok(WatchEvent::Delete(object)) => read(object).map(News::Gone),
            // Too old a revision: the watcher lists again by itself.
            Err(watcher::Error::WatchError(status)) if status.code == 410 => None,
            Err(error) => {
                match plane {
                    PlaneKey::Control => {
                        warn!(%kind, error = %chain(&error), "a watch of the control plane failed; it is tried again")
                    }
                    PlaneKey::Remote(_) => {
                        debug!(%plane, %kind, error = %chain(&error), "a watch failed; it is tried again")
                    }
                }
                Some(News::Failed(trouble_of(&error)))
            }
        };
        if let Some(news) = news
            && tell.send(Incoming::Event(Event::Watched { watch, news })).await.is_err()
        {
            return;
        }
    }
}

/// An object as the World keeps it.
pub(super) fn read(kind: Kind, mut object: DynamicObject) -> Option<Stored> {
    object.metadata.managed_fields = None;
    match serde_json::to_value(object) {
        Ok(json) => Stored::new(kind, json),
        Err(error) => {
            warn!(%kind, %error, "an object cannot be read as JSON");
            None
        }
    }
}

fn trouble_of(error: &watcher::Error) -> Trouble {
    match error {
        watcher::Error::InitialListFailed(source)
        | watcher::Error::WatchStartFailed(source)
        | watcher::Error::WatchFailed(source) => trouble(source),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => {
            Trouble { cause: Disconnect::ServerError, message: chain(error) }
        }
    }
}
