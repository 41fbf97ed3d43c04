//! A TLS port in front of a [`Server`], so that `kubectl` and clients in other processes can connect.
//!
//! The listener has a certificate authority of its own, made at its start. It speaks HTTP/1.1 and HTTP/2, and knows its
//! clients by certificate or bearer token; the rest may ask for health and version only.

mod certificates;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use crate::auth::{Connection, User};
use crate::kubeconfig::{Context, Kubeconfig, Login};
use crate::service::Server;
pub use certificates::Authority;
use certificates::Identity;

/// How long open requests may take to finish when the listener stops; watches are cut off then.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Where to listen.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// The address; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Names and addresses that clients use for the server, besides `localhost` and the loopback addresses.
    pub names: Vec<String>,
    /// The certificate authority; without one, a new one is made. It is published to the server's workloads.
    pub authority: Option<Authority>,
    /// Whether to offer HTTP/2, as real API servers do, beside HTTP/1.1.
    pub http2: bool,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), names: Vec::new(), authority: None, http2: true }
    }
}

/// The listener could not start.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken or not ours.
    #[error("cannot listen on `{address}`")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Keys or certificates could not be made.
    #[error("cannot make the certificate of `{subject}`")]
    Certificate {
        /// Whose certificate.
        subject: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// TLS could not be set up with the certificates.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// A running listener. Dropping it closes the port.
pub struct Listener {
    address: SocketAddr,
    authority_pem: String,
    admin: Identity,
    admin_token: String,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Listener {
    /// Begins to serve.
    pub async fn start(server: Server, settings: ListenerSettings) -> Result<Self, ListenError> {
        let authority = match settings.authority {
            Some(authority) => authority,
            None => Authority::generate()?,
        };
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        names.push("kubernetes.default.svc".to_owned());
        names.extend(settings.names);
        if !settings.address.ip().is_unspecified() && !settings.address.ip().is_loopback() {
            names.push(settings.address.ip().to_string());
        }
        let identity = authority.issue_server(&names)?;
        let admin_user = User::admin();
        let admin = authority.issue_client(&admin_user.name, &["system:masters"])?;
        let acceptor = acceptor(&authority, &identity, settings.http2)?;
        let bind = |source| ListenError::Bind { address: settings.address, source };
        let socket = TcpListener::bind(settings.address).await.map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        let admin_token = crate::controllers::random_token();
        server.add_token(admin_token.clone(), admin_user);
        server.publish_authority(authority.pem());
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(socket, acceptor, server, stopped));
        tracing::info!(%address, "listening");
        Ok(Self { address, authority_pem: authority.pem().to_owned(), admin, admin_token, stop, task })
    }

    /// The address that the listener listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients on this machine.
    pub fn url(&self) -> String {
        let ip = self.address.ip();
        let host = if ip.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { ip };
        format!("https://{}", SocketAddr::new(host, self.address.port()))
    }

    /// The certificate of the authority that clients trust, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.authority_pem
    }

    /// A bearer token of the administrator.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// A kubeconfig whose one context logs in as the administrator by certificate.
    pub fn admin_kubeconfig(&self, context: &str) -> Kubeconfig {
        let login = Login::Certificate { certificate: self.admin.certificate.clone(), key: self.admin.key.clone() };
        let entry =
            Context { server: self.url(), authority: self.authority_pem.clone(), login, namespace: "default".into() };
        Kubeconfig::default().with_context(context, entry)
    }

    /// Closes the port, lets requests finish, and cuts watches off.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // The task's end is all there is to wait for; it has nothing to tell.
        let _ended = (&mut self.task).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn acceptor(authority: &Authority, identity: &Identity, http2: bool) -> Result<TlsAcceptor, ListenError> {
    let tls = |error: &dyn fmt::Display| ListenError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.certificate().clone()).map_err(|error| tls(&error))?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| tls(&error))?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| tls(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate_der.clone()], identity.key_der.clone_key())
        .map_err(|error| tls(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if http2 {
        config.alpn_protocols.insert(0, b"h2".to_vec());
    }
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(socket: TcpListener, acceptor: TlsAcceptor, server: Server, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = stop_wanted(&mut stopped) => break,
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, acceptor.clone(), server.clone(), graceful.watcher()));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: leave time for some to be freed.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
    drop(socket);
    if tokio::time::timeout(SHUTDOWN_GRACE, graceful.shutdown()).await.is_err() {
        connections.abort_all();
    }
}

/// Ends when the listener is stopped or dropped.
async fn stop_wanted(stopped: &mut watch::Receiver<bool>) {
    // A dropped sender means the same as a stop.
    let _ = stopped.wait_for(|stopped| *stopped).await.is_ok();
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    server: Server,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Small frames of a watch must not wait for each other.
    let _best_effort = stream.set_nodelay(true);
    let stream = match acceptor.accept(stream).await {
        Ok(stream) => stream,
        Err(error) => return tracing::debug!(%error, "TLS handshake failed"),
    };
    let user = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).and_then(certificates::user_of);
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Connection::Remote(user.clone()));
        server.clone().call(request)
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error, "connection failed");
    }
}
