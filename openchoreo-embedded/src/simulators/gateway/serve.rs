//! Answers requests on a socket of the gateway.
//!
//! The rules are built when a request finds them outdated, so a cluster whose gateway nobody asks pays nothing
//! for them. Pods are looked up at the moment of the request.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::answer::{self, Answer};
use super::evaluation::Rules;
use super::listener::{GatewayListener, GatewayProtocol};
use super::model::Key;
use super::observation::Observation;
use super::paths::normalized;
use super::protection::Circumstances;
use super::published::PublishedKeys;
use super::routing::Backend;

/// How long a client may take to say who it wants to talk to.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// What the connections of one socket share.
struct Shared {
    client: Client,
    gateway: Key,
    protocol: GatewayProtocol,
    observation: Arc<Observation>,
    /// The rules, and the state of the observation that they were built from.
    rules: Mutex<Option<(u64, Arc<Rules>)>>,
    keys: PublishedKeys,
}

/// Counts the changes that were seen, so that rules know whether they are outdated.
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
        rules: Mutex::new(None),
        keys: PublishedKeys::default(),
    });
    let mut connections = JoinSet::new();
    loop {
        match listener.socket.accept().await {
            Ok((stream, client)) => {
                connections.spawn(serve_connection(stream, client.ip(), listener.tls.clone(), Arc::clone(&shared)));
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

async fn serve_connection(
    stream: TcpStream,
    client: IpAddr,
    tls: Option<tokio_rustls::TlsAcceptor>,
    shared: Arc<Shared>,
) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, client, &request).await) }
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

async fn respond(shared: &Shared, client: IpAddr, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let answer = answer(shared, client, request).await;
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

async fn answer(shared: &Shared, client: IpAddr, request: &Request<Incoming>) -> Answer {
    if !shared.observation.knows_policies(&shared.client).await {
        return answer::not_ready();
    }
    let rules = shared.rules();
    let needed = rules.keys_needed(request, client);
    let keys = shared.keys.get(&needed).await;
    let path = normalized(request.uri().path());
    let (decision, call) = {
        let mut counts = shared.observation.counts.lock();
        let circumstances = Circumstances { client, now: Timestamp::now(), verifier: &keys, counts: &mut counts };
        (rules.decide(request, circumstances), rules.call(request, &path, client))
    };
    let (Some(entry), Some(to)) = (rules.table.find(&call), decision.destination()) else {
        return answer::without_backend(&decision, &rules.table, &call);
    };
    let Ok(backend) = &entry.target.backend else {
        return answer::without_backend(&decision, &rules.table, &call);
    };
    match selected_pods(&shared.client, backend).await {
        Ok(pods) => answer::from_workload(entry, to, &decision.headers, &call, &pods),
        Err(error) => {
            tracing::debug!(%error, service = %backend.key, "simulated gateway cannot list pods");
            answer::unknown_pods()
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

impl Shared {
    fn rules(&self) -> Arc<Rules> {
        let current = self.observation.changes.current();
        let mut rules = self.rules.lock();
        match &*rules {
            Some((built, known)) if *built == current => Arc::clone(known),
            _ => {
                let snapshot = self.observation.snapshot();
                let fresh = Arc::new(Rules::build(&snapshot, &self.gateway, self.protocol));
                *rules = Some((current, Arc::clone(&fresh)));
                fresh
            }
        }
    }
}
