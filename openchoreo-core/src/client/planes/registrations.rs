//! Follows registrations and their Secrets in the control plane, and keeps an attendant for each plane.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::Pin;
use std::sync::Arc;

use futures::stream::{Stream, StreamExt, select_all};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use openchoreo_types::common::{KubernetesCluster, PlaneKind, PlaneRef};
use openchoreo_types::labels::PLANE_CREDENTIALS;
use openchoreo_types::v1alpha1::{BuildPlane, DataPlane};
use serde::Deserialize;

use super::attendant::Attendant;
use super::{PlaneHealth, Shared};
use crate::client::{ClientError, Credentials};
use crate::extension::chain;

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Source {
    Registrations(PlaneKind),
    Secrets,
}

/// Follows until it is dropped; then all attendants go, and close their clients.
pub(super) async fn follow(shared: Arc<Shared>) {
    let mut events = select_all([
        registrations(&shared, PlaneKind::DataPlane, &ApiResource::erase::<DataPlane>(&())),
        registrations(&shared, PlaneKind::BuildPlane, &ApiResource::erase::<BuildPlane>(&())),
        secrets(&shared),
    ]);
    let mut known = Known::default();
    let mut attendants: BTreeMap<PlaneRef, Attendant> = BTreeMap::new();
    while let Some((source, event)) = events.next().await {
        let changed = match event {
            Ok(event) => known.take(source, event),
            Err(error) => {
                tracing::warn!(?source, error = chain(&error), "cannot follow registrations of planes");
                continue;
            }
        };
        // Before everything has been listed once, a Secret that is not there yet would look like one that is missing.
        if !known.is_complete() {
            continue;
        }
        for plane in known.affected(&changed) {
            let Some(cluster) = known.registrations.get(&plane) else {
                attendants.remove(&plane);
                shared.forget(&plane);
                continue;
            };
            match known.credentials(&plane, cluster) {
                Ok(credentials) => {
                    let attendant = attendants.entry(plane.clone()).or_insert_with(|| Attendant::new(&shared, plane));
                    attendant.take(credentials);
                }
                Err(error) => {
                    // The attendant stays, so that its client is the same when the credentials can be used again.
                    if let Some(attendant) = attendants.get_mut(&plane) {
                        attendant.rest();
                    }
                    let health = PlaneHealth::Misconfigured { error: chain(&error) };
                    shared.show(&plane, |handle| {
                        handle.state.health = health;
                        handle.client = None;
                    });
                }
            }
        }
    }
}

type Events = Pin<Box<dyn Stream<Item = (Source, Result<Event<Object>, watcher::Error>)> + Send>>;

/// What is kept of an object.
enum Object {
    Registration(PlaneRef, Registration),
    Secret((String, String), Arc<Secret>),
}

/// What a registration says of its cluster, or why that cannot be read: one that cannot must not spoil the list.
type Registration = Result<Box<KubernetesCluster>, String>;

fn registrations(shared: &Shared, kind: PlaneKind, resource: &ApiResource) -> Events {
    let api: Api<DynamicObject> = Api::all_with(shared.control.clone(), resource);
    let read = move |object: DynamicObject| {
        let namespace = object.namespace().unwrap_or_default();
        let plane = PlaneRef { kind, namespace, name: object.name_any() };
        let cluster = object.data.pointer("/spec/kubernetesCluster").unwrap_or(&serde_json::Value::Null);
        Object::Registration(plane, Box::deserialize(cluster).map_err(|error| error.to_string()))
    };
    events(Source::Registrations(kind), watcher(api, watcher::Config::default()), read)
}

fn secrets(shared: &Shared) -> Events {
    let api: Api<Secret> = Api::all(shared.control.clone());
    let marked = watcher::Config::default().labels(&format!("{PLANE_CREDENTIALS}=true"));
    let read = |mut secret: Secret| {
        secret.metadata.managed_fields = None;
        Object::Secret((secret.namespace().unwrap_or_default(), secret.name_any()), Arc::new(secret))
    };
    events(Source::Secrets, watcher(api, marked), read)
}

fn events<K: 'static>(
    source: Source,
    stream: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    read: impl Fn(K) -> Object + Send + 'static,
) -> Events {
    let stream = stream.default_backoff().map(move |event| {
        let event = event.map(|event| match event {
            Event::Init => Event::Init,
            Event::InitApply(object) => Event::InitApply(read(object)),
            Event::InitDone => Event::InitDone,
            Event::Apply(object) => Event::Apply(read(object)),
            Event::Delete(object) => Event::Delete(read(object)),
        });
        (source, event)
    });
    Box::pin(stream)
}

/// What has been seen in the control plane.
#[derive(Default)]
struct Known {
    registrations: BTreeMap<PlaneRef, Registration>,
    secrets: HashMap<(String, String), Arc<Secret>>,
    /// What a list under way has not shown yet, of what was there before it.
    unseen: BTreeMap<Source, BTreeSet<Key>>,
    listed: BTreeSet<Source>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Registration(PlaneRef),
    Secret((String, String)),
}

/// What an event concerns.
enum Changed {
    Nothing,
    /// All of it: something was listed for the first time.
    Everything,
    These(Vec<Key>),
}

impl Known {
    fn is_complete(&self) -> bool {
        self.listed.len() == 3
    }

    fn take(&mut self, source: Source, event: Event<Object>) -> Changed {
        match event {
            Event::Init => {
                let before = self.keys(source);
                self.unseen.insert(source, before);
                Changed::Nothing
            }
            Event::InitApply(object) | Event::Apply(object) => {
                let key = self.put(object);
                if let Some(unseen) = self.unseen.get_mut(&source) {
                    unseen.remove(&key);
                }
                Changed::These(vec![key])
            }
            Event::Delete(object) => {
                let key = match object {
                    Object::Registration(plane, _) => Key::Registration(plane),
                    Object::Secret(name, _) => Key::Secret(name),
                };
                self.remove(&key);
                Changed::These(vec![key])
            }
            Event::InitDone => {
                let gone: Vec<Key> = self.unseen.remove(&source).unwrap_or_default().into_iter().collect();
                gone.iter().for_each(|key| self.remove(key));
                if self.listed.insert(source) { Changed::Everything } else { Changed::These(gone) }
            }
        }
    }

    fn keys(&self, source: Source) -> BTreeSet<Key> {
        match source {
            Source::Registrations(kind) => {
                let planes = self.registrations.keys().filter(|plane| plane.kind == kind);
                planes.cloned().map(Key::Registration).collect()
            }
            Source::Secrets => self.secrets.keys().cloned().map(Key::Secret).collect(),
        }
    }

    fn put(&mut self, object: Object) -> Key {
        match object {
            Object::Registration(plane, registration) => {
                self.registrations.insert(plane.clone(), registration);
                Key::Registration(plane)
            }
            Object::Secret(name, secret) => {
                self.secrets.insert(name.clone(), secret);
                Key::Secret(name)
            }
        }
    }

    fn remove(&mut self, key: &Key) {
        match key {
            Key::Registration(plane) => {
                self.registrations.remove(plane);
            }
            Key::Secret(name) => {
                self.secrets.remove(name);
            }
        }
    }

    /// The planes whose credentials may be others now: a Secret concerns the registrations beside it.
    fn affected(&self, changed: &Changed) -> BTreeSet<PlaneRef> {
        match changed {
            Changed::Nothing => BTreeSet::new(),
            Changed::Everything => self.registrations.keys().cloned().collect(),
            Changed::These(keys) => keys
                .iter()
                .flat_map(|key| match key {
                    Key::Registration(plane) => vec![plane.clone()],
                    Key::Secret((namespace, _)) => {
                        self.registrations.keys().filter(|plane| plane.namespace == *namespace).cloned().collect()
                    }
                })
                .collect(),
        }
    }

    fn credentials(&self, plane: &PlaneRef, cluster: &Registration) -> Result<Credentials, ClientError> {
        let cluster = cluster
            .as_ref()
            .map_err(|problem| ClientError::Malformed { what: "`spec.kubernetesCluster`", problem: problem.clone() })?;
        Credentials::of_cluster(cluster, &plane.namespace, &|name| {
            self.secrets.get(&(plane.namespace.clone(), name.to_owned())).cloned()
        })
    }
}
