//! Answers requests on a socket of the gateway.
//!
//! The routing table is built when a request finds it outdated, so a cluster whose gateway nobody asks pays nothing
//! for it. Pods are looked up at the moment of the request.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::answer::{self, Answer};
use super::listener::{GatewayListener, GatewayProtocol};
use super::model::Key;
use super::observation::Observation;
use super::routing::{Backend, RequestView, RoutingTable};

/// How long a client may take to say who it wants to talk to.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// What the connections of one socket share.
struct Shared {
    client: Client,
    gateway: Key,
    protocol: GatewayProtocol,
    observation: Arc<Observation>,
    /// The table, and the state of the observation that it was built from.
    table: Mutex<Option<(u64, Arc<RoutingTable>)>>,
}

/// Counts the changes that were seen, so that a table knows whether it is outdated.
#[derive(Debug, Default)]
pub(super) struct ChangeCounter(AtomicU64);

impl ChangeCounter {
    pub(super) fn bump(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn current(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Runs until dropped; open connections end with it.
pub(super) async fn run(client: Client, listener: GatewayListener, observation: Arc<Observation>) {
    let shared = Arc::new(Shared {
        client,
        gateway: listener.gateway,
        protocol: listener.protocol,
        observation,
        table: Mutex::new(None),
    });
    let mut connections = JoinSet::new();
    loop {
        match listener.socket.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, listener.tls.clone(), Arc::clone(&shared)));
            }
            Err(error) => {
                // Out of file descriptors, usually: give connections a moment to end.
                tracing::debug!(%error, "simulated gateway cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, tls: Option<tokio_rustls::TlsAcceptor>, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, &request).await) }
    });
    let builder = Builder::new(TokioExecutor::new());
    let served = match tls {
        None => builder.serve_connection(TokioIo::new(stream), service).await,
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => builder.serve_connection(TokioIo::new(stream), service).await,
            // A client that does not trust the certificate, or is not one of TLS at all.
            Ok(Err(_)) | Err(_) => return,
        },
    };
    if let Err(error) = served {
        tracing::debug!(error = %error, "connection to the simulated gateway ended early");
    }
}

async fn respond(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let answer = answer(shared, request).await;
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

async fn answer(shared: &Shared, request: &Request<Incoming>) -> Answer {
    let authority = request
        .uri()
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| request.headers().get(http::header::HOST).and_then(|value| value.to_str().ok()))
        .unwrap_or_default();
    let view = RequestView {
        host: without_port(authority),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        method: request.method(),
        headers: request.headers(),
    };
    let table = shared.table();
    let Some(entry) = table.find(&view) else {
        return answer::no_route(&table, &view);
    };
    if let Some(redirect) = answer::redirect(entry, &view, shared.protocol.scheme()) {
        return redirect;
    }
    let backend = match &entry.target.backend {
        Ok(backend) => backend,
        Err(reason) => return answer::no_backend(entry, reason),
    };
    match selected_pods(&shared.client, backend).await {
        Ok(pods) => answer::from_workload(entry, backend, &view, &pods),
        Err(error) => {
            tracing::debug!(%error, service = %backend.key, "simulated gateway cannot list pods");
            let mut failed = answer::no_backend(entry, "its pods cannot be listed");
            failed.status = StatusCode::BAD_GATEWAY;
            failed
        }
    }
}

async fn selected_pods(client: &Client, backend: &Backend) -> Result<Vec<Pod>, kube::Error> {
    let selector = backend.service.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
    if selector.is_empty() {
        // A Service without a selector selects nothing, whereas an empty query would select everything.
        return Ok(Vec::new());
    }
    let labels: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let pods: Api<Pod> = Api::namespaced(client.clone(), &backend.key.namespace);
    Ok(pods.list(&ListParams::default().labels(&labels.join(","))).await?.items)
}

/// The host of an authority; the colons of an address in brackets are not a port's.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

impl Shared {
    fn table(&self) -> Arc<RoutingTable> {
        let current = self.observation.changes.current();
        let mut table = self.table.lock();
        match &*table {
            Some((built, known)) if *built == current => Arc::clone(known),
            _ => {
                let snapshot = self.observation.snapshot();
                let fresh = Arc::new(RoutingTable::build(&snapshot, &self.gateway, self.protocol.listener_protocol()));
                *table = Some((current, Arc::clone(&fresh)));
                fresh
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_not_part_of_the_host() {
        let cases = [("a.test:8443", "a.test"), ("a.test", "a.test"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")];
        for (authority, host) in cases {
            assert_eq!(without_port(authority), host);
        }
    }
}
