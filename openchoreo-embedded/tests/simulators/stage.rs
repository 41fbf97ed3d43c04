//! What every test needs: a server with the kinds that simulators look for, running simulators, and waiting.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, Resource};
use openchoreo_embedded::simulators::{self, SimulatorSettings, WorkloadController};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The longest that a test waits for anything; it says only that something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, and a namespace of this test's own.
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) workloads: WorkloadController,
    stop: tokio::sync::watch::Sender<bool>,
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

impl Stage {
    pub(crate) async fn new() -> Self {
        let (client, workloads) = match std::env::var("OPENCHOREO_PLANE_KUBECONFIG") {
            Ok(path) => {
                let kubeconfig = kube::config::Kubeconfig::read_from(path).unwrap();
                let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
                (Client::try_from(config).unwrap(), WorkloadController::ClusterHasOne)
            }
            Err(_) => (openchoreo_embedded::Server::default().client(), WorkloadController::Simulate),
        };
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("simulated-{}-{number}", std::process::id());
        let stage = Self { client, namespace, workloads, stop: tokio::sync::watch::Sender::new(false) };
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": stage.namespace } });
        stage.apply_cluster::<Namespace>(namespace).await;
        stage
    }

    /// Runs simulators until the stage is dropped.
    pub(crate) fn simulate(&self, change: impl FnOnce(&mut SimulatorSettings)) {
        let mut settings = SimulatorSettings { workloads: self.workloads, ..SimulatorSettings::default() };
        change(&mut settings);
        let (client, mut stop) = (self.client.clone(), self.stop.subscribe());
        tokio::spawn(async move {
            let stopped = async {
                // An error means that the stage is gone, which ends the simulators just as well.
                let _ = stop.wait_for(|stop| *stop).await;
            };
            simulators::run(client, settings, stopped).await.unwrap();
        });
    }

    /// Installs a definition whose objects may have any content. A plane that has the real definition keeps it.
    pub(crate) async fn install(&self, resource: &ApiResource, scope: &str, status: bool) {
        let name = format!("{}.{}", resource.plural, resource.group);
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        if definitions.get_opt(&name).await.unwrap().is_some() {
            return;
        }
        let mut annotations = json!({});
        if resource.group.ends_with("k8s.io") {
            // The server insists on a review of definitions in this group.
            annotations["api-approved.kubernetes.io"] = json!("unapproved, a test");
        }
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": name, "annotations": annotations },
            "spec": {
                "group": resource.group,
                "names": { "kind": resource.kind, "plural": resource.plural, "singular": resource.kind.to_lowercase() },
                "scope": scope,
                "versions": [{
                    "name": resource.version,
                    "served": true,
                    "storage": true,
                    "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
                    "subresources": if status { json!({ "status": {} }) } else { json!({}) },
                }],
            },
        });
        self.apply_cluster::<CustomResourceDefinition>(definition).await;
        let established = await_condition(definitions, &name, conditions::is_crd_established());
        tokio::time::timeout(PATIENCE, established).await.unwrap().unwrap();
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn dynamic(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, resource)
    }

    pub(crate) async fn apply<K>(&self, value: Value)
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let value = with_type::<K>(value);
        apply(&self.api::<K>(), &value).await;
    }

    async fn apply_cluster<K>(&self, value: Value)
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        apply(&Api::<K>::all(self.client.clone()), &value).await;
    }

    pub(crate) async fn apply_dynamic(&self, resource: &ApiResource, namespaced: bool, mut value: Value) {
        value["apiVersion"] = json!(resource.api_version);
        value["kind"] = json!(resource.kind);
        let api = if namespaced { self.dynamic(resource) } else { Api::all_with(self.client.clone(), resource) };
        apply(&api, &value).await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn with_type<K: Resource<DynamicType = ()>>(mut value: Value) -> Value {
    value["apiVersion"] = json!(K::api_version(&()));
    value["kind"] = json!(K::kind(&()));
    value
}

async fn apply<K: Clone + Debug + DeserializeOwned>(api: &Api<K>, value: &Value) {
    let name = value["metadata"]["name"].as_str().unwrap();
    api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(value)).await.unwrap();
}

/// Waits until an object looks as wanted.
pub(crate) async fn wait<K>(api: Api<K>, name: &str, wanted: impl Fn(&K) -> bool) -> K
where
    K: Resource + Clone + Debug + Send + DeserializeOwned + 'static,
{
    let met = await_condition(api.clone(), name, move |object: Option<&K>| object.is_some_and(&wanted));
    match tokio::time::timeout(PATIENCE, met).await {
        Ok(found) => found.unwrap().unwrap(),
        Err(_) => panic!("`{name}` does not become as wanted: {:?}", api.get_opt(name).await),
    }
}

pub(crate) fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}
