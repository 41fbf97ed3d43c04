//! Watches: kube-runtime's watcher lists in pages, resumes, and lists again where it must; what it gives is read here,
//! off the core's task, and handed over.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event as WatchEvent};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{debug, warn};

use super::planes::Incoming;
use super::requests::trouble;
use crate::engine::core::{News, Scope, Trouble, WatchId};
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

/// Room for the news of a plane that wait to be taken, by their size: objects may be large, and a hostile plane may send
/// nothing but such.
#[derive(Clone, Debug)]
pub(super) struct NewsRoom(Arc<Semaphore>);

impl NewsRoom {
    /// In KiB.
    const SIZE: u32 = 16 << 10;

    /// Takes room for news, when there is some. News that are larger than all of it go alone.
    async fn take(&self, news: &News) -> Option<OwnedSemaphorePermit> {
        let bytes = match news {
            News::Listed(object) | News::Put(object) | News::Gone(object) => object.size(),
            News::Failed(trouble) => trouble.message.len(),
            News::ListBegins | News::ListEnds => 0,
        };
        let size = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).saturating_add(1).min(Self::SIZE);
        Arc::clone(&self.0).acquire_many_owned(size).await.ok()
    }
}

impl Default for NewsRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(Self::SIZE as usize)))
    }
}

/// Hands over the news of a watch, when its plane has room for them.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    pub(super) watch: WatchId,
    pub(super) room: NewsRoom,
    pub(super) tell: mpsc::Sender<Incoming>,
}

impl Teller {
    /// Tells news; whether anybody listens.
    async fn tell(&self, news: News) -> bool {
        let Some(room) = self.room.take(&news).await else { return false };
        self.tell.send(Incoming::News { watch: self.watch, news, room }).await.is_ok()
    }
}

/// Watches a kind for ever.
pub(super) async fn watch(client: Client, plane: PlaneKey, kind: Kind, scope: Scope, teller: Teller) {
    loop {
        let run = AssertUnwindSafe(follow(client.clone(), &plane, kind, scope, &teller)).catch_unwind().await;
        if teller.tell.is_closed() {
            return;
        }
        // A watcher has no end; a panic in it is told like any other failure, and it is begun anew.
        warn!(%plane, %kind, has_panicked = run.is_err(), "a watch ended; it is begun anew");
        let trouble = Trouble { cause: Disconnect::ServerError, message: "the watch ended".to_owned() };
        teller.tell(News::Failed(trouble)).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn follow(client: Client, plane: &PlaneKey, kind: Kind, scope: Scope, teller: &Teller) {
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
            && !teller.tell(news).await
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

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;
    use crate::engine::core::{Command, Core, CoreSettings};
    use crate::platform::Platform;

    #[tokio::test]
    async fn the_news_of_a_plane_that_wait_have_a_size_and_those_of_another_do_not_wait_for_them() {
        let large = || {
            let text = "x".repeat(3 << 20);
            let object = json!({ "metadata": { "name": "m", "namespace": "n" }, "data": { "text": text } });
            News::Put(Stored::new(Kind::of::<ConfigMap>(), object).expect("it has a name"))
        };
        let platform = Arc::new(Platform::builder().build().expect("it fits together"));
        let mut core = Core::new(platform, CoreSettings::default());
        core.start();
        let Some(Command::Watch { watch, .. }) = core.take_command() else { panic!("it watches") };
        let (tell, mut told) = mpsc::channel(1000);
        let teller = |room: &NewsRoom| Teller { watch, room: room.clone(), tell: tell.clone() };
        let (one, other) = (NewsRoom::default(), NewsRoom::default());
        let mut handed_over = 0;
        while teller(&one).tell(large()).now_or_never().is_some() {
            handed_over += 1;
        }
        assert_eq!(handed_over, 5, "16 MiB have room for no more");
        assert_eq!(teller(&other).tell(large()).now_or_never(), Some(true));
        drop(told.recv().await);
        assert_eq!(teller(&one).tell(large()).now_or_never(), Some(true));
    }
}
