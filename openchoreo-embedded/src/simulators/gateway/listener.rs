//! Sockets of the simulated gateway, and the certificates that they show.
//!
//! A socket is bound before the simulators run, so that its port can be told. It makes its own certificate authority
//! and, for each server name that a client asks for, a certificate signed by it; the Secrets that a Gateway's
//! listeners name are not read.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::model::Key;

/// How many certificates are kept; beyond that the memory is emptied, so that names made up by clients cost nothing.
const CERTIFICATE_MEMORY: usize = 256;

/// What a socket speaks, and so which listeners of its Gateway it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayProtocol {
    /// TLS, for listeners with protocol `HTTPS`.
    Https,
    /// Plain text, for listeners with protocol `HTTP`.
    Http,
}

impl GatewayProtocol {
    /// The protocol as a Gateway's listener writes it.
    pub(super) fn listener_protocol(self) -> &'static str {
        match self {
            Self::Https => "HTTPS",
            Self::Http => "HTTP",
        }
    }

    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

/// Why a socket of the gateway could not be made.
#[derive(Debug, thiserror::Error)]
pub enum GatewayListenerError {
    /// The address is taken, or not ours to take.
    #[error("cannot listen on `{address}` for the gateway")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The certificate authority could not be made.
    #[error("cannot make the certificate authority of the gateway")]
    Authority {
        /// What went wrong.
        #[source]
        source: rcgen::Error,
    },
    /// The TLS settings were refused.
    #[error("cannot set up TLS for the gateway")]
    Tls {
        /// What went wrong.
        #[source]
        source: rustls::Error,
    },
}

/// One socket that stands for one Gateway.
pub struct GatewayListener {
    pub(super) gateway: Key,
    pub(super) protocol: GatewayProtocol,
    pub(super) socket: TcpListener,
    pub(super) tls: Option<TlsAcceptor>,
    address: SocketAddr,
    authority_pem: Option<String>,
}

impl std::fmt::Debug for GatewayListener {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GatewayListener")
            .field("gateway", &self.gateway)
            .field("protocol", &self.protocol)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl GatewayListener {
    /// Binds a socket for the Gateway `name` in `namespace`; port 0 takes any free port.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use openchoreo_embedded::simulators::{GatewayListener, GatewayProtocol};
    /// let any_port = ([127, 0, 0, 1], 0).into();
    /// let listener = GatewayListener::bind("system", "public", any_port, GatewayProtocol::Https).await?;
    /// assert_ne!(listener.address().port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the address cannot be bound or the certificates cannot be made.
    pub async fn bind(
        namespace: impl Into<String>,
        name: impl Into<String>,
        address: SocketAddr,
        protocol: GatewayProtocol,
    ) -> Result<Self, GatewayListenerError> {
        let bound = |source| GatewayListenerError::Bind { address, source };
        let socket = TcpListener::bind(address).await.map_err(bound)?;
        let address = socket.local_addr().map_err(bound)?;
        let (tls, authority_pem) = match protocol {
            GatewayProtocol::Http => (None, None),
            GatewayProtocol::Https => {
                let certificates = Certificates::new()?;
                let pem = certificates.authority_pem.clone();
                (Some(acceptor(certificates)?), Some(pem))
            }
        };
        Ok(Self { gateway: Key::new(namespace, name), protocol, socket, tls, address, authority_pem })
    }

    /// The address that the socket is bound to, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority, in PEM, that clients have to trust; `None` for plain text.
    #[must_use]
    pub fn authority_pem(&self) -> Option<&str> {
        self.authority_pem.as_deref()
    }
}

fn acceptor(certificates: Certificates) -> Result<TlsAcceptor, GatewayListenerError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| GatewayListenerError::Tls { source })?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Makes a certificate for each server name that is asked for.
struct Certificates {
    issuer: Issuer<'static, KeyPair>,
    /// One key serves all certificates: making a key is the expensive part.
    key: KeyPair,
    authority_pem: String,
    made: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl Certificates {
    fn new() -> Result<Self, GatewayListenerError> {
        let authority = |source| GatewayListenerError::Authority { source };
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "simulated gateway");
        let authority_key = KeyPair::generate().map_err(authority)?;
        let authority_pem = params.self_signed(&authority_key).map_err(authority)?.pem();
        Ok(Self {
            issuer: Issuer::new(params, authority_key),
            key: KeyPair::generate().map_err(authority)?,
            authority_pem,
            made: Mutex::new(BTreeMap::new()),
        })
    }

    fn make(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let names = vec![name.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).ok()?;
        params.distinguished_name.push(DnType::CommonName, "simulated");
        let certificate = params.signed_by(&self.key, &self.issuer).ok()?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key).ok()?;
        Some(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // A client that asks by address sends no name.
        let name = hello.server_name().unwrap_or("localhost").to_ascii_lowercase();
        if let Some(known) = self.made.lock().get(&name) {
            return Some(Arc::clone(known));
        }
        let certificate = self.make(&name)?;
        let mut made = self.made.lock();
        if made.len() >= CERTIFICATE_MEMORY {
            made.clear();
        }
        made.insert(name, Arc::clone(&certificate));
        Some(certificate)
    }
}
