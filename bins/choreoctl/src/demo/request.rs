//! One HTTPS request to the gateway, as `curl` would make it with the gateway's address for the host.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use http::Uri;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body, as text.
    pub body: String,
    /// Whether the answer says that it was simulated.
    pub simulated: bool,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The address is no URL.
    #[error("`{url}` is no URL with a host")]
    Url {
        /// The address.
        url: String,
    },
    /// The host is no DNS name.
    #[error("the host is no DNS name")]
    Host(#[source] InvalidDnsNameError),
    /// The authority's certificate cannot be used.
    #[error("the certificate authority of the gateway cannot be used: {problem}")]
    Authority {
        /// Why.
        problem: String,
    },
    /// The connection failed.
    #[error("the connection to {address} failed")]
    Connect {
        /// The gateway's address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The exchange failed.
    #[error("the exchange failed")]
    Exchange(#[source] hyper::Error),
}

/// Asks the gateway at an address for a URL, trusting an authority given in PEM, perhaps with a bearer token.
///
/// # Errors
/// There was no answer.
pub async fn get(gateway: SocketAddr, authority: &str, url: &str, token: Option<&str>) -> Result<Answer, RequestError> {
    let wrong = || RequestError::Url { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?.to_owned();
    let authority_part = uri.authority().ok_or_else(wrong)?.to_string();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| RequestError::Authority { problem: error.to_string() })?
        .with_root_certificates(roots(authority)?)
        .with_no_client_auth();
    let name = ServerName::try_from(host).map_err(RequestError::Host)?;
    let failed = |source| RequestError::Connect { address: gateway, source };
    let socket = TcpStream::connect(gateway).await.map_err(failed)?;
    let tls = TlsConnector::from(Arc::new(config)).connect(name, socket).await.map_err(failed)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.map_err(RequestError::Exchange)?;
    let connection = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = http::Request::get(path).header(http::header::HOST, authority_part);
    let request = match token {
        Some(token) => request.header(http::header::AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    };
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| wrong())?;
    let response = sender.send_request(request).await.map_err(RequestError::Exchange)?;
    let status = response.status().as_u16();
    let simulated = response.headers().contains_key("x-openchoreo-simulated");
    let body = response.into_body().collect().await.map_err(RequestError::Exchange)?.to_bytes();
    connection.abort();
    Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned(), simulated })
}

fn roots(pem: &str) -> Result<RootCertStore, RequestError> {
    let wrong = |problem: String| RequestError::Authority { problem };
    let inner: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(inner).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(der)).map_err(|error| wrong(error.to_string()))?;
    Ok(roots)
}
