//! What the simulated gateway sees of the cluster: caches of the kinds that decide about routing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use futures::stream::{BoxStream, select_all};
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ApiResource;
use kube::core::Object;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, Resource};
use parking_lot::Mutex;

use super::super::observe::{Change, observe, observe_custom};
use super::attachment::Snapshot;
use super::model::{
    EnvoyProxy, Gateway, GatewayClass, HttpRoute, HttpRouteFilter, Key, Policy, ReferenceGrant, client_policies,
    envoy_proxies, extension_policies, gateway_classes, gateways, http_routes, reference_grants, route_filters,
    security_policies, traffic_policies,
};
use super::protection::RequestCounts;
use super::serve::ChangeCounter;

/// The caches.
#[derive(Debug)]
pub(super) struct Observation {
    controller_name: String,
    classes: Store<GatewayClass>,
    gateways: Store<Gateway>,
    routes: Store<HttpRoute>,
    grants: Store<ReferenceGrant>,
    proxies: Store<EnvoyProxy>,
    namespaces: Store<Namespace>,
    services: Store<Service>,
    security_policies: Store<Policy>,
    traffic_policies: Store<Policy>,
    client_policies: Store<Policy>,
    extension_policies: Store<Policy>,
    filters: Store<HttpRouteFilter>,
    secrets: Store<Secret>,
    config_maps: Store<ConfigMap>,
    /// The requests that limits count; those of one Gateway are counted together, whatever the socket.
    pub(super) counts: Mutex<RequestCounts>,
    /// Moves with every change of a cache.
    pub(super) changes: ChangeCounter,
}

/// What a change may have made out of date.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Affected {
    /// One route.
    Route(Key),
    /// The routes that name this Service, and a Gateway whose proxy it is.
    Service(Key),
    /// The policies of a namespace: one of them, or what they may refer to.
    Policies(String),
    /// What only requests look at.
    Nothing,
    /// Anything.
    Everything,
}

impl Affected {
    /// The namespace whose policies may be out of date, where it is one.
    fn namespace_of_policies(&self) -> Option<&str> {
        match self {
            Self::Policies(namespace) => Some(namespace),
            Self::Route(route) => Some(&route.namespace),
            Self::Service(_) | Self::Nothing | Self::Everything => None,
        }
    }
}

impl Observation {
    /// Starts watching. The stream has to be polled for the caches to fill.
    pub(super) fn start(client: &Client, controller_name: String) -> (Arc<Self>, BoxStream<'static, Affected>) {
        let now = || std::future::ready(());
        let (classes, class_changes) = observe_custom(client, &gateway_classes());
        let (gateways, gateway_changes) = observe_custom(client, &gateways());
        let (routes, route_changes) = observe_custom(client, &http_routes());
        let (grants, grant_changes) = observe_custom(client, &reference_grants());
        let (proxies, proxy_changes) = observe_custom(client, &envoy_proxies());
        let (namespaces, namespace_changes) = observe(Api::all(client.clone()), (), now());
        let (services, service_changes) = observe(Api::all(client.clone()), (), now());
        let (security_policies, security_changes) = observe_custom(client, &security_policies());
        let (traffic_policies, traffic_changes) = observe_custom(client, &traffic_policies());
        let (client_policies, client_changes) = observe_custom(client, &client_policies());
        let (extension_policies, extension_changes) = observe_custom(client, &extension_policies());
        let (filters, filter_changes) = observe_custom(client, &route_filters());
        let (secrets, secret_changes) = observe(Api::all(client.clone()), (), now());
        let (config_maps, map_changes) = observe(Api::all(client.clone()), (), now());
        let observation = Arc::new(Self {
            controller_name,
            classes,
            gateways,
            routes,
            grants,
            proxies,
            namespaces,
            services,
            security_policies,
            traffic_policies,
            client_policies,
            extension_policies,
            filters,
            secrets,
            config_maps,
            counts: Mutex::default(),
            changes: ChangeCounter::default(),
        });
        let affected = select_all([
            everything(class_changes),
            everything(gateway_changes),
            everything(grant_changes),
            everything(proxy_changes),
            everything(namespace_changes),
            service_changes.map(|change| one(change, Affected::Service)).boxed(),
            route_changes.map(|change| one(change, Affected::Route)).boxed(),
            security_changes.map(|change| one(change, of_namespace)).boxed(),
            traffic_changes.map(|change| one(change, of_namespace)).boxed(),
            secret_changes.map(|change| one(change, of_namespace)).boxed(),
            map_changes.map(|change| one(change, of_namespace)).boxed(),
            client_changes.map(|_| Affected::Nothing).boxed(),
            extension_changes.map(|_| Affected::Nothing).boxed(),
            filter_changes.map(|_| Affected::Nothing).boxed(),
        ]);
        let counted = Arc::clone(&observation);
        (observation, affected.inspect(move |_| counted.changes.bump()).boxed())
    }

    /// The present state, by name. Objects are shared, not copied.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            controller_name: self.controller_name.clone(),
            classes: self.classes.state().into_iter().map(|one| (Key::of(&one.metadata).name, one)).collect(),
            gateways: by_key(&self.gateways),
            routes: by_key(&self.routes),
            grants: self.grants.state(),
            namespaces: self.namespaces.state().into_iter().map(|one| (Key::of(&one.metadata).name, one)).collect(),
            services: named(&self.services),
            security_policies: by_key(&self.security_policies),
            traffic_policies: by_key(&self.traffic_policies),
            client_policies: by_key(&self.client_policies),
            extension_policies: by_key(&self.extension_policies),
            filters: by_key(&self.filters),
            secrets: named(&self.secrets),
            config_maps: named(&self.config_maps),
        }
    }

    /// Whether all policies were seen. A kind that is not installed has none; one that is has to be listed first, lest a
    /// route be taken for an open one.
    pub(super) async fn knows_policies(&self, client: &Client) -> bool {
        let stores = [
            (&self.security_policies, security_policies()),
            (&self.traffic_policies, traffic_policies()),
            (&self.client_policies, client_policies()),
            (&self.extension_policies, extension_policies()),
        ];
        for (store, resource) in stores {
            if store.wait_until_ready().now_or_never().is_none() && !is_absent(client, &resource).await {
                return false;
            }
        }
        true
    }

    /// The EnvoyProxy of that name, where the kind is installed.
    pub(super) fn proxy(&self, key: &Key) -> Option<Arc<EnvoyProxy>> {
        self.proxies.get(&ObjectRef::new_with(&key.name, envoy_proxies()).within(&key.namespace))
    }
}

fn by_key<Spec, Status>(store: &Store<Object<Spec, Status>>) -> BTreeMap<Key, Arc<Object<Spec, Status>>>
where
    Spec: Clone + Debug + 'static,
    Status: Clone + Debug + 'static,
{
    store.state().into_iter().map(|one| (Key::of(&one.metadata), one)).collect()
}

/// Whether a custom kind is certainly not installed.
async fn is_absent(client: &Client, resource: &ApiResource) -> bool {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = format!("{}.{}", resource.plural, resource.group);
    matches!(definitions.get_opt(&name).await, Ok(None))
}

fn named<K>(store: &Store<K>) -> BTreeMap<Key, Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.state().into_iter().map(|one| (Key::of(one.meta()), one)).collect()
}

fn of_namespace(key: Key) -> Affected {
    Affected::Policies(key.namespace)
}

fn everything<K>(changes: BoxStream<'static, Change<K>>) -> BoxStream<'static, Affected>
where
    K: Resource + 'static,
    K::DynamicType: Hash + Eq + Debug + Clone,
{
    changes.map(|_| Affected::Everything).boxed()
}

fn one<K>(change: Change<K>, affected: fn(Key) -> Affected) -> Affected
where
    K: Resource,
    K::DynamicType: Hash + Eq + Debug + Clone,
{
    match change {
        Change::One(object) => affected(Key::new(object.namespace.unwrap_or_default(), object.name)),
        Change::Everything => Affected::Everything,
    }
}

/// What has to be looked at, collected from many changes.
#[derive(Debug, Default)]
pub(super) struct Pending {
    affected: BTreeSet<Affected>,
}

impl Pending {
    pub(super) fn add(&mut self, affected: Affected) {
        self.affected.insert(affected);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.affected.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.affected.clear();
    }

    /// The namespaces whose policies have to be looked at; nothing stands for all of them.
    pub(super) fn namespaces_of_policies(&self) -> Option<BTreeSet<&str>> {
        if self.affected.contains(&Affected::Everything) {
            return None;
        }
        Some(self.affected.iter().filter_map(Affected::namespace_of_policies).collect())
    }

    /// Whether a route has to be looked at.
    pub(super) fn touches(&self, key: &Key, route: &HttpRoute) -> bool {
        if self.affected.contains(&Affected::Everything) || self.affected.contains(&Affected::Route(key.clone())) {
            return true;
        }
        route.spec.rules.iter().flat_map(|rule| &rule.backend_refs).any(|backend| {
            let namespace = backend.namespace.as_deref().unwrap_or(&key.namespace);
            self.affected.contains(&Affected::Service(Key::new(namespace, &backend.name)))
        })
    }
}
