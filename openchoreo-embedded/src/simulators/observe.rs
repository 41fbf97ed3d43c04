//! Watching: a cache of one kind together with the stream of what changed in it.
//!
//! Kinds that come from a custom resource definition may not be installed when a simulator starts; the stream then
//! waits for the definition instead of asking again and again.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ApiResource;
use kube::core::Object;
use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::watcher::{self, watcher};
use kube::runtime::{WatchStreamExt, reflector};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

/// Something in a cache changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Change<K: Resource>
where
    K::DynamicType: Hash + Eq + Debug + Clone,
{
    /// One object came, changed or went.
    One(ObjectRef<K>),
    /// The whole kind was listed again; anything may have changed, and objects may be gone.
    Everything,
}

/// A cache, and the stream that fills it and tells what changed. The cache stands still while the stream is not polled.
pub(super) type Observed<K> = (Store<K>, BoxStream<'static, Change<K>>);

/// Watches a kind that is served as soon as `served` completes.
pub(super) fn observe<K>(
    api: Api<K>,
    dynamic: K::DynamicType,
    served: impl Future<Output = ()> + Send + 'static,
) -> Observed<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    K::DynamicType: Hash + Eq + Debug + Clone + Send + Sync + 'static,
{
    let writer = Writer::new(dynamic.clone());
    let reader = writer.as_reader();
    let events =
        stream::once(served).flat_map(move |()| watcher(api.clone(), watcher::Config::default()).default_backoff());
    let changes = reflector(writer, events).filter_map(move |event| {
        let change = match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::Delete(object)) => {
                Some(Change::One(ObjectRef::from_obj_with(&object, dynamic.clone())))
            }
            Ok(watcher::Event::InitDone) => Some(Change::Everything),
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => None,
            Err(error) => {
                tracing::debug!(%error, "watch of a simulator failed and will be retried");
                None
            }
        };
        std::future::ready(change)
    });
    (reader, changes.boxed())
}

/// Watches a custom kind, in all namespaces, from the moment its definition is established.
pub(super) fn observe_custom<Spec, Status>(client: &Client, resource: &ApiResource) -> Observed<Object<Spec, Status>>
where
    Spec: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    Status: Clone + Debug + Default + DeserializeOwned + Send + Sync + 'static,
{
    let name = format!("{}.{}", resource.plural, resource.group);
    let served = established(client.clone(), name).map(drop);
    observe(Api::all_with(client.clone(), resource), resource.clone(), served)
}

/// Waits until a custom resource definition is established and returns it.
pub(super) async fn established(client: Client, name: String) -> CustomResourceDefinition {
    loop {
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        match await_condition(definitions, &name, conditions::is_crd_established()).await {
            Ok(Some(definition)) => return definition,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, definition = name, "cannot watch a definition yet"),
        }
        // Reached only when the watch itself failed: the server is away or refuses it.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}
