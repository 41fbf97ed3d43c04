//! Clients of planes, against embedded API servers behind a proxy that counts connections.

mod connections;
mod planes;
mod rotation;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use openchoreo_core::client::{Connector, Credentials, DirectConnector, PlaneHosts};
use openchoreo_core::types::common::{KubernetesCluster, PlaneKind, PlaneRef};
use openchoreo_embedded::{Listener, ListenerSettings, Server, User};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// How long anything may take that normally takes a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what happens in a moment.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// A cluster that can be registered, reached through a proxy.
struct Plane {
    server: Server,
    listener: Listener,
    proxy: Proxy,
}

impl Plane {
    async fn start() -> Self {
        Self::with(ListenerSettings::default()).await
    }

    async fn with(settings: ListenerSettings) -> Self {
        let server = Server::default();
        server.add_token("good", User::admin());
        let listener = Listener::start(server.clone(), settings).await.expect("a listener");
        let proxy = Proxy::start(listener.address()).await;
        Self { server, listener, proxy }
    }

    fn url(&self) -> String {
        format!("https://{}", self.proxy.address)
    }

    fn credentials(&self, token: &str) -> Credentials {
        credentials(&self.url(), self.listener.ca_pem(), token)
    }

    async fn connect(&self, token: &str) -> kube::Client {
        connect(&self.credentials(token)).await
    }
}

async fn connect(credentials: &Credentials) -> kube::Client {
    let connector = DirectConnector::new(PlaneHosts::with_loopback());
    connector.connect(&plane_ref("plane"), credentials).await.expect("a client")
}

fn credentials(url: &str, ca: &str, token: &str) -> Credentials {
    let cluster = json!({ "credentials": { "apiServerURL": url, "caCert": ca, "token": token } });
    let cluster: KubernetesCluster = serde_json::from_value(cluster).expect("a cluster");
    Credentials::of_cluster(&cluster, "acme", &|_| None).expect("credentials")
}

fn plane_ref(name: &str) -> PlaneRef {
    PlaneRef { kind: PlaneKind::DataPlane, namespace: "acme".to_owned(), name: name.to_owned() }
}

/// Forwards connections, counts them, and can be cut.
struct Proxy {
    address: SocketAddr,
    target: SocketAddr,
    accepted: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    async fn start(target: SocketAddr) -> Self {
        let accepted = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let task = forward(listener, target, Arc::clone(&accepted));
        Self { address, target, accepted, task }
    }

    /// How many connections there have been.
    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Closes the port and every connection.
    async fn cut(&mut self) {
        self.task.abort();
        // The task owns the port: once it has ended, nobody can connect.
        let _ = (&mut self.task).await;
    }

    async fn heal(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port again");
        self.task = forward(listener, self.target, Arc::clone(&self.accepted));
    }
}

fn forward(listener: TcpListener, target: SocketAddr, accepted: Arc<AtomicUsize>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut near, _) = listener.accept().await.expect("a connection");
            accepted.fetch_add(1, Ordering::SeqCst);
            connections.spawn(async move {
                if let Ok(mut far) = TcpStream::connect(target).await {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    })
}
