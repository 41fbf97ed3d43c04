//! The connections of a client: one of HTTP/2 for everything where the server speaks it, HTTP/1.1 where it does not.
//!
//! kube's own stack offers servers HTTP/1.1 only, which costs a connection for each watch. Here the first request
//! negotiates alone, and all others wait for what it finds: no crowd of connections is made that all but one would be
//! closed of. Upgrades (exec, port-forward) take a connection of HTTP/1.1 of their own, since API servers offer them there
//! only. Where a proxy is configured, kube's stack is used as it is.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use http::{Request, Response, Uri, header};
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::Config;
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ConfigExt};
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tower::retry::RetryLayer;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

use super::bounds::{Bound, Bounded};
use super::{ClientError, PlaneHosts};

/// How often a connection of HTTP/2 with open requests is asked whether it still lives, and how long the answer may
/// take. Without, all requests of a plane would hang on a connection that a firewall has forgotten.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));
/// How much may be under way on one stream, and on all of a connection: enough streams fit in that a few whose readers
/// are slow do not hold up the others.
const WINDOWS: (u32, u32) = (512 << 10, 16 << 20);
/// How often the system asks whether the other end of an idle connection still lives.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// A client of a configuration, with as few connections as the server allows. No request is made.
///
/// The expiry of client certificates that a login program issues is not reported by
/// [`kube::Client::valid_until`]; tokens are refreshed as always.
///
/// # Errors
/// Certificates or the login cannot be used.
pub fn of_config(config: Config) -> Result<kube::Client, ClientError> {
    if config.proxy_url.is_some() {
        return kube::Client::try_from(config).map_err(ClientError::refused);
    }
    client(config, None)
}

/// A client of a plane: only permitted addresses are connected to, and answers are bounded.
pub(super) fn guarded(config: Config, hosts: Arc<PlaneHosts>) -> Result<kube::Client, ClientError> {
    client(config, Some(hosts))
}

fn client(config: Config, hosts: Option<Arc<PlaneHosts>>) -> Result<kube::Client, ClientError> {
    let is_bounded = hosts.is_some();
    let transport = Transport { shared: Arc::new(Lines::new(&config, Resolver { hosts })?), is_bounded };
    let retries = config.default_retry.then(|| RetryLayer::new(RetryPolicy::server_retry()));
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(retries)
        .option_layer(config.auth_layer().map_err(ClientError::refused)?)
        .layer(config.extra_headers_layer().map_err(ClientError::refused)?)
        .service(transport);
    Ok(kube::Client::new(service, config.default_namespace))
}

/// Resolves names; where hosts are given, to permitted addresses only.
#[derive(Clone, Debug)]
struct Resolver {
    hosts: Option<Arc<PlaneHosts>>,
}

/// None of the addresses of a name is permitted.
#[derive(Debug, thiserror::Error)]
#[error("none of the addresses of `{0}` is one that planes may have")]
pub(super) struct AddressRefused(String);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let hosts = self.hosts.clone();
        async move {
            let Some(hosts) = hosts else {
                return Ok(GaiResolver::new().call(name).await?.collect::<Vec<_>>().into_iter());
            };
            let text = name.as_str().to_owned();
            // A final dot keeps the system from trying the name within its search domains first.
            let full: Name =
                if hosts.names(&text) || text.ends_with('.') { name } else { format!("{text}.").parse()? };
            let found = GaiResolver::new().call(full).await?;
            let permitted: Vec<_> = found.filter(|address| hosts.permits_address(&text, address.ip())).collect();
            if permitted.is_empty() {
                return Err(AddressRefused(text).into());
            }
            Ok(permitted.into_iter())
        }
        .boxed()
    }
}

/// Makes connections.
type Dial = TimeoutConnector<HttpsConnector<HttpConnector<Resolver>>>;
/// A connection that is made.
type Line = <Dial as Service<Uri>>::Response;

fn dial(config: &Config, resolver: Resolver, offers_http2: bool) -> Result<Dial, ClientError> {
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    // Small frames must not wait for each other.
    connector.set_nodelay(true);
    connector.set_keepalive(Some(TCP_KEEPALIVE));
    let tls = config.rustls_client_config().map_err(ClientError::refused)?;
    let mut builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = ServerName::try_from(name.clone()).map_err(ClientError::refused)?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let builder = builder.enable_http1();
    let https =
        if offers_http2 { builder.enable_http2().wrap_connector(connector) } else { builder.wrap_connector(connector) };
    let mut dial = TimeoutConnector::new(https);
    dial.set_connect_timeout(config.connect_timeout);
    dial.set_read_timeout(config.read_timeout);
    dial.set_write_timeout(config.write_timeout);
    dial.set_reset_reader_on_write(config.reset_reader_on_write);
    Ok(dial)
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// HTTP/2: one connection for all requests.
    Multiplexed,
    /// HTTP/1.1: a connection for each request under way.
    Plain,
}

/// Why a connection failed, for everyone who waited for it.
#[derive(Clone, Debug)]
struct DialFailed(Arc<BoxError>);

impl fmt::Display for DialFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot connect")
    }
}

impl std::error::Error for DialFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source: &(dyn std::error::Error + Send + Sync) = &**self.0;
        Some(source)
    }
}

type Negotiation = Shared<BoxFuture<'static, Result<Protocol, DialFailed>>>;

/// What is known of the server of a client.
struct Server {
    dial: Dial,
    /// The negotiation under way, or its outcome. Nothing before the first request and after a failure.
    negotiation: Mutex<Option<Negotiation>>,
    /// The connection that negotiated, until a request takes it.
    first: Mutex<Option<Line>>,
}

impl Server {
    /// What the server speaks: asked once, with a connection that the first request then uses. A failure is told to all
    /// who wait, and the next request tries again.
    async fn protocol(self: &Arc<Self>, uri: &Uri) -> Result<Protocol, DialFailed> {
        let negotiation = self.negotiation.lock().get_or_insert_with(|| self.negotiate(uri.clone())).clone();
        let outcome = negotiation.clone().await;
        if outcome.is_err() {
            let mut current = self.negotiation.lock();
            if current.as_ref().is_some_and(|current| current.ptr_eq(&negotiation)) {
                *current = None;
            }
        }
        outcome
    }

    fn negotiate(self: &Arc<Self>, uri: Uri) -> Negotiation {
        // The future is kept in the server, which it must not keep alive.
        let server = Arc::downgrade(self);
        let dial = self.dial.clone();
        async move {
            if uri.scheme_str() != Some("https") {
                return Ok(Protocol::Plain);
            }
            let line = dial.oneshot(uri).await.map_err(|error| DialFailed(Arc::new(error)))?;
            let protocol = if line.connected().is_negotiated_h2() { Protocol::Multiplexed } else { Protocol::Plain };
            if let Some(server) = server.upgrade() {
                *server.first.lock() = Some(line);
            }
            Ok(protocol)
        }
        .boxed()
        .shared()
    }

    /// Begins anew: the server does not answer, or not as it did.
    fn forget(&self) {
        *self.negotiation.lock() = None;
        *self.first.lock() = None;
    }
}

/// The server does not speak as it did, or does not answer any more.
#[derive(Debug, thiserror::Error)]
#[error("the connection was lost")]
struct ConnectionLost;

/// Connects for the HTTP client of one protocol: with the connection that negotiated, if it is still there.
#[derive(Clone)]
struct Connect {
    server: Arc<Server>,
    protocol: Protocol,
}

impl Service<Uri> for Connect {
    type Response = Line;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Line, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { server, protocol } = self.clone();
        async move {
            if let Some(line) = server.first.lock().take() {
                return Ok(line);
            }
            if protocol == Protocol::Plain {
                return server.dial.clone().oneshot(uri).await;
            }
            // One request connects for all; when it fails, the others need not find out for themselves, one after
            // another.
            if server.negotiation.lock().is_none() {
                return Err(ConnectionLost.into());
            }
            match server.dial.clone().oneshot(uri).await {
                Ok(line) if line.connected().is_negotiated_h2() => Ok(line),
                Ok(_) => {
                    server.forget();
                    Err(ConnectionLost.into())
                }
                Err(error) => {
                    server.forget();
                    Err(error)
                }
            }
        }
        .boxed()
    }
}

/// The HTTP clients of a server: one for each way to speak.
struct Lines {
    server: Arc<Server>,
    multiplexed: legacy::Client<Connect, Body>,
    plain: legacy::Client<Connect, Body>,
    upgraded: legacy::Client<Dial, Body>,
}

impl Lines {
    fn new(config: &Config, resolver: Resolver) -> Result<Self, ClientError> {
        let server = Arc::new(Server {
            dial: dial(config, resolver.clone(), true)?,
            negotiation: Mutex::default(),
            first: Mutex::default(),
        });
        let mut builder = legacy::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
        let upgraded = builder.build(dial(config, resolver, false)?);
        builder
            .http2_keep_alive_interval(PING.0)
            .http2_keep_alive_timeout(PING.1)
            .http2_initial_stream_window_size(WINDOWS.0)
            .http2_initial_connection_window_size(WINDOWS.1);
        let connect = |protocol| Connect { server: Arc::clone(&server), protocol };
        let plain = builder.build(connect(Protocol::Plain));
        let multiplexed = builder.http2_only(true).build(connect(Protocol::Multiplexed));
        Ok(Self { server, multiplexed, plain, upgraded })
    }
}

/// Sends the requests of a client.
#[derive(Clone)]
struct Transport {
    shared: Arc<Lines>,
    is_bounded: bool,
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Bounded>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let lines = Arc::clone(&self.shared);
        let bound = if self.is_bounded { Bound::of(&request) } else { Bound::Endless };
        async move {
            tracing::debug!(method = %request.method(), uri = %request.uri(), "requesting");
            let response = if request.headers().contains_key(header::UPGRADE) {
                lines.upgraded.request(request).await?
            } else {
                match lines.server.protocol(request.uri()).await? {
                    Protocol::Multiplexed => lines.multiplexed.request(request).await?,
                    Protocol::Plain => lines.plain.request(request).await?,
                }
            };
            Ok(response.map(|body| Bounded::new(body, bound)))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::client::{ResponseTooLong, Trouble};
    use crate::world::Disconnect;

    /// A server that answers every request with a body that never ends.
    async fn endless() -> std::io::Result<Uri> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
                    let mut filler = vec![b'x'; 1 << 20];
                    let mut written = match stream.read(&mut filler).await {
                        Ok(_) => stream.write_all(head).await,
                        Err(error) => Err(error),
                    };
                    while written.is_ok() {
                        written = stream.write_all(&filler).await;
                    }
                });
            }
        });
        Uri::try_from(format!("http://{address}")).map_err(std::io::Error::other)
    }

    #[tokio::test]
    async fn a_plane_that_answers_without_end_is_cut_off() -> Result<(), Box<dyn std::error::Error>> {
        let hosts = Arc::new(PlaneHosts::with_loopback());
        let client = guarded(Config::new(endless().await?), hosts)?;
        let Err(error) = client.apiserver_version().await else { return Err("an endless answer was read".into()) };
        let mut causes = std::iter::successors(Some(&error as &dyn std::error::Error), |cause| cause.source());
        assert!(causes.any(|cause| cause.is::<ResponseTooLong>()), "{error:?}");
        let trouble = Trouble::of(&error);
        assert_eq!((trouble.cause, trouble.text.contains("longer")), (Disconnect::ServerError, true), "{trouble}");
        Ok(())
    }
}
