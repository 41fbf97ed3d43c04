//! All planes of a control plane: registration, rotation, removal, and what is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use openchoreo_core::client::{
    ClientError, Connector, Credentials, DirectConnector, PlaneClients, PlaneClientsSettings, PlaneHandle, PlaneHealth,
    PlaneHosts,
};
use openchoreo_core::labels::{PLANE_CREDENTIALS, annotations::PLANE_SERVER};
use openchoreo_core::types::common::PlaneRef;
use openchoreo_core::types::v1alpha1::DataPlane;
use openchoreo_core::world::Disconnect;
use openchoreo_embedded::{Server, User};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::{Plane, plane_ref, soon};

/// A control plane with the kinds and the namespace `acme`, and clients of its planes.
struct Control {
    client: Client,
    planes: PlaneClients,
    changes: watch::Receiver<BTreeMap<PlaneRef, PlaneHandle>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Control {
    async fn start() -> Self {
        Self::with(None).await
    }

    async fn with(connector: Option<Arc<dyn Connector>>) -> Self {
        let client = Server::default().client();
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        for crd in openchoreo_core::types::crds() {
            crds.create(&PostParams::default(), &crd).await.expect("a definition");
        }
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = serde_json::from_value(json!({ "metadata": { "name": "acme" } })).expect("a namespace");
        namespaces.create(&PostParams::default(), &namespace).await.expect("a namespace");
        let settings = PlaneClientsSettings {
            hosts: PlaneHosts::with_loopback(),
            reconnect: (Duration::from_millis(10), Duration::from_millis(50)),
            attention: Duration::from_millis(200),
            ..PlaneClientsSettings::default()
        };
        let planes = match connector {
            Some(connector) => PlaneClients::with_connector(client.clone(), settings, connector),
            None => PlaneClients::new(client.clone(), settings),
        };
        let (stop, stopped) = oneshot::channel();
        let running = planes.clone();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            running.run(stopped).await;
        });
        let changes = planes.changes();
        Self { client, planes, changes, stop: Some(stop), task }
    }

    /// Waits until a plane is as it should be.
    async fn until(&mut self, name: &str, is_so: impl Fn(&PlaneHandle) -> bool) -> PlaneHandle {
        let key = plane_ref(name);
        let wanted = self.changes.wait_for(|planes| planes.get(&key).is_some_and(&is_so));
        match tokio::time::timeout(super::PATIENCE, wanted).await {
            Ok(planes) => planes.expect("the planes are followed")[&key].clone(),
            Err(_) => panic!("plane `{name}` is {:?}", self.planes.get(&key)),
        }
    }

    async fn connected(&mut self, name: &str) -> PlaneHandle {
        self.until(name, |plane| matches!(plane.health(), PlaneHealth::Connected { .. })).await
    }

    async fn register(&self, name: &str, plane: &Plane) {
        self.apply_secret(&format!("{name}-credentials"), plane, "good").await;
        let reference = |key: &str| json!({ "secretRef": { "name": format!("{name}-credentials"), "key": key } });
        let cluster = json!({
            "credentials": { "apiServerURL": plane.url(), "caCert": reference("ca.crt"), "token": reference("token") },
        });
        self.apply_registration(name, &cluster).await;
    }

    async fn apply_registration(&self, name: &str, cluster: &Value) {
        let object = json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "DataPlane", "metadata": { "name": name },
            "spec": { "kubernetesCluster": cluster },
        });
        let planes: Api<DataPlane> = Api::namespaced(self.client.clone(), "acme");
        planes.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await.expect("registered");
    }

    async fn apply_secret(&self, name: &str, plane: &Plane, token: &str) {
        let object = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {
                "name": name,
                "labels": { PLANE_CREDENTIALS: "true" },
                "annotations": { PLANE_SERVER: plane.proxy.address.to_string() },
            },
            "stringData": { "ca.crt": plane.listener.ca_pem(), "token": token },
        });
        self.secrets().patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await.expect("stored");
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), "acme")
    }
}

/// What is wrong with a plane that cannot be used.
fn fault(plane: &PlaneHandle) -> Option<&str> {
    match plane.health() {
        PlaneHealth::Misconfigured { error } => Some(error),
        PlaneHealth::Connecting | PlaneHealth::Connected { .. } | PlaneHealth::Unreachable { .. } => None,
    }
}

fn is_down(plane: &PlaneHandle, expected: Disconnect) -> bool {
    matches!(plane.health(), PlaneHealth::Unreachable { cause, .. } if *cause == expected)
}

async fn answers(client: &Client) -> bool {
    soon("an answer", client.apiserver_version()).await.is_ok()
}

#[tokio::test]
async fn registrations_of_one_cluster_are_recognized() {
    let (one, other) = (Plane::start().await, Plane::start().await);
    let mut control = Control::start().await;
    control.register("first", &one).await;
    control.register("second", &one).await;
    control.register("third", &other).await;
    let (first, second, third) =
        (control.connected("first").await, control.connected("second").await, control.connected("third").await);
    assert!(first.cluster().is_some());
    assert_eq!(first.cluster(), second.cluster());
    assert_ne!(first.cluster(), third.cluster());
    assert_eq!(control.planes.list().len(), 3);
    assert_eq!(first.server(), Some(one.url().as_str()));
    assert!(matches!(first.health(), PlaneHealth::Connected { version } if version.starts_with('v')));
}

#[tokio::test]
async fn a_rotated_secret_is_used_at_once_by_the_client_that_is_held() {
    let plane = Plane::start().await;
    let mut control = Control::start().await;
    control.register("plane", &plane).await;
    let held = control.connected("plane").await.client().expect("a client");

    plane.server.add_token("new", User::admin());
    plane.server.revoke_token("good");
    control.until("plane", |plane| is_down(plane, Disconnect::CredentialsRefused)).await;
    assert!(!answers(&held).await);
    control.apply_secret("plane-credentials", &plane, "new").await;
    control.connected("plane").await;
    assert!(answers(&held).await);
}

#[tokio::test]
async fn a_plane_that_is_gone_has_no_client() {
    let plane = Plane::start().await;
    let mut control = Control::start().await;
    control.register("plane", &plane).await;
    let held = control.connected("plane").await.client().expect("a client");

    let planes: Api<DataPlane> = Api::namespaced(control.client.clone(), "acme");
    planes.delete("plane", &DeleteParams::default()).await.expect("deleted");
    soon("removal", control.changes.wait_for(BTreeMap::is_empty)).await.expect("followed");
    assert!(control.planes.get(&plane_ref("plane")).is_none());
    assert!(!answers(&held).await);
}

#[tokio::test]
async fn a_registration_that_cannot_be_used_says_why_and_recovers() {
    let plane = Plane::start().await;
    let mut control = Control::start().await;
    control.register("plane", &plane).await;
    let held = control.connected("plane").await.client().expect("a client");

    control.secrets().delete("plane-credentials", &DeleteParams::default()).await.expect("deleted");
    let broken = control.until("plane", |plane| fault(plane).is_some()).await;
    assert!(fault(&broken).is_some_and(|error| error.contains("kubectl label secret plane-credentials")), "{broken:?}");
    assert!(broken.client().is_none());
    assert!(!answers(&held).await);

    control.apply_secret("plane-credentials", &plane, "good").await;
    control.connected("plane").await;
    assert!(answers(&held).await);
}

#[tokio::test]
async fn a_secret_without_its_mark_is_not_sent() {
    let plane = Plane::start().await;
    let mut control = Control::start().await;
    control.register("plane", &plane).await;
    control.connected("plane").await;
    let unmark = json!({ "metadata": { "labels": { PLANE_CREDENTIALS: null } } });
    control
        .secrets()
        .patch("plane-credentials", &PatchParams::default(), &Patch::Merge(unmark))
        .await
        .expect("the label is taken away");
    control.until("plane", |plane| fault(plane).is_some_and(|error| error.contains("is not for planes"))).await;
}

#[tokio::test]
async fn a_plane_that_does_not_answer_keeps_its_client_and_comes_back() {
    let mut plane = Plane::start().await;
    let mut control = Control::start().await;
    control.register("plane", &plane).await;
    let held = control.connected("plane").await.client().expect("a client");
    plane.proxy.cut().await;
    let down = control.until("plane", |plane| is_down(plane, Disconnect::NoAnswer)).await;
    assert!(down.client().is_some() && down.cluster().is_some(), "{down:?}");
    plane.proxy.heal().await;
    control.connected("plane").await;
    assert!(answers(&held).await);
}

#[tokio::test]
async fn a_registration_that_names_another_cluster_gets_another_client() {
    let (one, other) = (Plane::start().await, Plane::start().await);
    let mut control = Control::start().await;
    control.register("plane", &one).await;
    let before = control.connected("plane").await;
    control.register("plane", &other).await;
    let after = control
        .until("plane", |plane| {
            matches!(plane.health(), PlaneHealth::Connected { .. }) && plane.cluster() != before.cluster()
        })
        .await;
    assert_eq!(after.server(), Some(other.url().as_str()));
    assert!(!answers(&before.client().expect("a client")).await);
    assert!(answers(&after.client().expect("a client")).await);
}

#[tokio::test]
async fn a_refused_host_is_told_and_not_connected_to() {
    let mut control = Control::start().await;
    let cluster = json!({ "server": "https://169.254.169.254", "auth": { "bearerToken": { "value": "t" } } });
    control.apply_registration("plane", &cluster).await;
    control.until("plane", |plane| fault(plane).is_some_and(|error| error.contains("link-local"))).await;
}

#[tokio::test]
async fn every_client_is_closed_at_the_end() {
    let plane = Plane::start().await;
    let mut control = Control::start().await;
    control.register("plane", &plane).await;
    let held = control.connected("plane").await.client().expect("a client");
    drop(control.stop.take());
    soon("the end", &mut control.task).await.expect("the planes were followed to the end");
    assert!(control.planes.list().is_empty());
    assert!(!answers(&held).await);
}

/// Gives tokens that stand nowhere in the control plane.
#[derive(Debug)]
struct Vault {
    direct: DirectConnector,
    asked: AtomicUsize,
}

#[async_trait]
impl Connector for Vault {
    async fn connect(&self, plane: &PlaneRef, credentials: &Credentials) -> Result<Client, ClientError> {
        let issued = format!("issued-{}", self.asked.fetch_add(1, Ordering::SeqCst));
        assert_eq!(credentials.token(), Some("vault:plane"));
        self.direct.connect(plane, &credentials.clone().with_token(issued)?).await
    }
}

#[tokio::test]
async fn a_connector_of_ones_own_is_asked_again_when_its_token_is_refused() {
    let plane = Plane::start().await;
    plane.server.add_token("issued-0", User::admin());
    let vault = Vault { direct: DirectConnector::new(PlaneHosts::with_loopback()), asked: AtomicUsize::new(0) };
    let mut control = Control::with(Some(Arc::new(vault))).await;
    let credentials = json!({
        "apiServerURL": plane.url(), "caCert": plane.listener.ca_pem(), "token": "vault:plane",
    });
    control.apply_registration("plane", &json!({ "credentials": credentials })).await;
    let held = control.connected("plane").await.client().expect("a client");
    plane.server.revoke_token("issued-0");
    control.until("plane", |plane| is_down(plane, Disconnect::CredentialsRefused)).await;
    for number in 1..100 {
        plane.server.add_token(format!("issued-{number}"), User::admin());
    }
    control.connected("plane").await;
    assert!(answers(&held).await);
}
