//! Watches feed the World: kube-runtime's watcher lists in pages, resumes, and lists again where it must.

use std::collections::HashSet;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_kind};
use tokio::sync::mpsc;
use tracing::warn;

use super::shared::Shared;
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels;

/// The API resource of a kind.
pub(super) fn api_resource(kind: Kind) -> ApiResource {
    ApiResource {
        group: kind.group.to_owned(),
        version: kind.version.to_owned(),
        api_version: kind.api_version(),
        kind: kind.kind.to_owned(),
        plural: kind.plural.to_owned(),
    }
}

/// The API of a kind in a namespace; across all where it is empty.
pub(super) fn api(client: Client, kind: Kind, namespace: &str) -> Api<DynamicObject> {
    let resource = api_resource(kind);
    if kind.namespaced && !namespace.is_empty() {
        Api::namespaced_with(client, namespace, &resource)
    } else {
        Api::all_with(client, &resource)
    }
}

/// Watches a kind of the control plane for ever.
pub(super) async fn control(shared: Arc<Shared>, kind: Kind, synced: mpsc::UnboundedSender<Kind>) {
    let config = watcher::Config::default();
    let config = if kind.kind == "Secret" && kind.group.is_empty() {
        // Helm keeps its releases in Secrets: large, many, and never credentials.
        config.fields("type!=helm.sh/release.v1")
    } else {
        config
    };
    let stream = watch_kind(api(shared.control.clone(), kind, ""), config).default_backoff();
    let mut stream = std::pin::pin!(stream);
    let mut feed = Feed::new(&shared, PlaneKey::Control, kind);
    while let Some(event) = stream.next().await {
        match event {
            Ok(event) => {
                if feed.take(event) {
                    let _ = synced.send(kind);
                }
            }
            Err(error) => {
                warn!(%kind, error = %crate::extension::chain(&error), "watch of the control plane failed; it is tried again")
            }
        }
    }
}

/// The events of a kind in a remote plane; only owned objects where `owned`, and objects of others without status.
pub(super) fn remote(
    client: Client,
    kind: Kind,
    owned: bool,
) -> impl Stream<Item = Result<Event<DynamicObject>, watcher::Error>> + Send {
    let config = watcher::Config::default();
    let config = if owned { config.labels(labels::OWNER) } else { config };
    watch_kind(api(client, kind, ""), config).default_backoff().modify(move |object| {
        // A Gateway counts its routes in its status: to wake every route's Endpoint for each new route would make the
        // work quadratic.
        if !owned && let Some(fields) = object.data.as_object_mut() {
            fields.remove("status");
        }
    })
}

/// Feeds the events of one kind in one plane into the World.
pub(super) struct Feed<'s> {
    shared: &'s Shared,
    plane: PlaneKey,
    kind: Kind,
    /// Keys seen in the list that is under way.
    listing: HashSet<ObjectKey>,
}

impl<'s> Feed<'s> {
    pub(super) fn new(shared: &'s Shared, plane: PlaneKey, kind: Kind) -> Self {
        Self { shared, plane, kind, listing: HashSet::new() }
    }

    /// Takes an event; gives whether a list is now complete.
    pub(super) fn take(&mut self, event: Event<DynamicObject>) -> bool {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(object) => {
                let key = self.key(&object);
                self.put(object);
                self.listing.insert(key);
            }
            Event::InitDone => {
                let known = self.shared.world.read().keys(&self.plane, self.kind);
                for gone in known.into_iter().filter(|key| !self.listing.contains(key)) {
                    self.shared.remove(&self.plane, &gone);
                }
                self.listing.clear();
                return true;
            }
            Event::Apply(object) => self.put(object),
            Event::Delete(object) => {
                let key = self.key(&object);
                self.shared.remove(&self.plane, &key);
            }
        }
        false
    }

    fn key(&self, object: &DynamicObject) -> ObjectKey {
        ObjectKey {
            kind: self.kind,
            namespace: object.metadata.namespace.clone().filter(|_| self.kind.namespaced).unwrap_or_default(),
            name: object.metadata.name.clone().unwrap_or_default(),
        }
    }

    fn put(&self, object: DynamicObject) {
        match serde_json::to_value(object) {
            Ok(json) => self.shared.put(&self.plane, self.kind, json),
            Err(error) => warn!(kind = %self.kind, %error, "an object cannot be read as JSON"),
        }
    }
}
