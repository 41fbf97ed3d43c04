//! What is needed to log in to a plane: inline in its registration, or in Secrets beside it.
//!
//! Pure: Secrets are looked up through the caller, so that the engine's look is recorded and a Secret that changes makes
//! a new client at once. A Secret is used only where it says that it is for planes and names the server. The same holds
//! for what pods pull images with, which is sent to a plane as well.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "client")]
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use openchoreo_types::common::{AuthSource, KubernetesCluster, MaterialSource, PlaneKind, PlaneRef};
use openchoreo_types::labels::{self, annotations};
use openchoreo_types::v1alpha1::{BuildPlane, ContainerRegistry, DataPlane};
use sha2::{Digest, Sha256};

use super::ClientError;
use super::hosts::ServerHost;
use crate::naming::DnsSubdomain;
use crate::planner::PlanContext;

/// How long a plane may take to accept a connection.
#[cfg(feature = "client")]
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What is needed to log in to a plane.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    server: String,
    ca: Option<Vec<u8>>,
    login: Login,
}

#[derive(Clone, PartialEq, Eq)]
enum Login {
    Certificate { certificate: Vec<u8>, key: Vec<u8> },
    Token(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = match self.login {
            Login::Certificate { .. } => "certificate ***",
            Login::Token(_) => "token ***",
        };
        f.debug_struct("Credentials").field("server", &self.server).field("login", &login).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Resolves the credentials of a plane, reading Secrets through the context. Nothing where the registration is
    /// gone. Whether the server may be connected to is not judged here but by [`PlaneHosts::check`].
    ///
    /// [`PlaneHosts::check`]: super::PlaneHosts::check
    ///
    /// # Errors
    /// The registration or a Secret cannot be used.
    pub fn resolve(cx: &PlanContext<'_>, plane: &PlaneRef) -> Result<Option<Self>, ClientError> {
        let secret = |name: &str| cx.get::<Secret>(&plane.namespace, name);
        let (namespace, name) = (&plane.namespace, &plane.name);
        match plane.kind {
            PlaneKind::DataPlane => cx
                .get::<DataPlane>(namespace, name)
                .map(|registered| Self::of_cluster(&registered.spec.kubernetes_cluster, namespace, &secret)),
            PlaneKind::BuildPlane => cx
                .get::<BuildPlane>(namespace, name)
                .map(|registered| Self::of_cluster(&registered.spec.kubernetes_cluster, namespace, &secret)),
        }
        .transpose()
    }

    /// Resolves the credentials of a cluster that an object in a namespace describes. `secret` looks a Secret of that
    /// namespace up by its name.
    ///
    /// # Errors
    /// The description or a Secret cannot be used.
    pub fn of_cluster(
        cluster: &KubernetesCluster,
        namespace: &str,
        secret: &dyn Fn(&str) -> Option<Arc<Secret>>,
    ) -> Result<Self, ClientError> {
        let connection = cluster.connection()?;
        let host = ServerHost::of_url(connection.server)?;
        let secrets = Secrets { namespace, host: &host, secret };
        let ca = connection.ca.map(|source| pem("the CA", source, &secrets)).transpose()?;
        let login = match connection.auth {
            AuthSource::Mtls { cert, key } => Login::Certificate {
                certificate: pem("the client certificate", cert, &secrets)?,
                key: pem("the client key", key, &secrets)?,
            },
            AuthSource::Token(source) => Login::Token(token(secrets.material(source)?)?),
        };
        Ok(Self { server: connection.server.to_owned(), ca, login })
    }

    /// The same server with another token: for a [`Connector`] whose tokens come from elsewhere.
    ///
    /// [`Connector`]: https://docs.rs/openchoreo-core/latest/openchoreo_core/client/trait.Connector.html
    ///
    /// # Errors
    /// The token is empty or holds white space.
    pub fn with_token(self, text: impl Into<Vec<u8>>) -> Result<Self, ClientError> {
        Ok(Self { login: Login::Token(token(text.into())?), ..self })
    }

    /// The token, where one is used to log in: a connector may read it as the name of what it fetches elsewhere. It is
    /// not for messages or logs.
    pub fn token(&self) -> Option<&str> {
        match &self.login {
            Login::Token(token) => Some(token),
            Login::Certificate { .. } => None,
        }
    }

    /// URL of the API server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// A digest of all of it: a client is made anew when it changes.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(self.server.as_bytes());
        part(self.ca.as_deref().unwrap_or_default());
        match &self.login {
            Login::Certificate { certificate, key } => {
                part(b"certificate");
                part(certificate);
                part(key);
            }
            Login::Token(token) => {
                part(b"token");
                part(token.as_bytes());
            }
        }
        hash.finalize().into()
    }

    /// The configuration of a client with these credentials, without its own retries: whoever makes the requests
    /// decides that, and shows why. Proxies of the environment are not asked.
    ///
    /// # Errors
    /// The CA cannot be used.
    #[cfg(feature = "client")]
    pub fn config(&self) -> Result<kube::Config, ClientError> {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;

        let mut config = kube::Config::new(self.server.parse().map_err(ClientError::refused)?);
        if let Some(ca) = &self.ca {
            let certificates = CertificateDer::pem_slice_iter(ca).map(|read| read.map(|one| one.to_vec()));
            config.root_cert = Some(certificates.collect::<Result<_, _>>().map_err(ClientError::refused)?);
        }
        match &self.login {
            Login::Certificate { certificate, key } => {
                config.auth_info.client_certificate_data = Some(STANDARD.encode(certificate));
                config.auth_info.client_key_data = Some(STANDARD.encode(key).into());
            }
            Login::Token(token) => config.auth_info.token = Some(token.clone().into()),
        }
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.default_retry = false;
        Ok(config)
    }
}

/// What the pods of a data plane pull images with, from the Secret that its registration names.
#[derive(Clone, PartialEq, Eq)]
pub struct PullCredentials {
    secret: String,
    config: Vec<u8>,
}

impl fmt::Debug for PullCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PullCredentials").field("secret", &self.secret).field("config", &"***").finish()
    }
}

impl PullCredentials {
    /// The type that such a Secret has.
    pub const TYPE: &'static str = "kubernetes.io/dockerconfigjson";
    /// The key of what it holds.
    pub const KEY: &'static str = ".dockerconfigjson";

    /// Resolves them, reading the Secret through the context. Nothing where the registration names none.
    ///
    /// # Errors
    /// The registration or the Secret cannot be used.
    pub fn resolve(cx: &PlanContext<'_>, plane: &DataPlane) -> Result<Option<Self>, ClientError> {
        let Some(name) = plane.spec.registry.as_ref().and_then(ContainerRegistry::pull_secret) else { return Ok(None) };
        let namespace = plane.metadata.namespace.as_deref().unwrap_or_default();
        let host = ServerHost::of_url(plane.spec.kubernetes_cluster.connection()?.server)?;
        let secret = |name: &str| cx.get::<Secret>(namespace, name);
        let found = Secrets { namespace, host: &host, secret: &secret }.allowed(name, Self::KEY)?;
        let malformed = |problem: String| ClientError::Malformed { what: "the pull Secret", problem };
        let type_ = found.type_.as_deref().unwrap_or("Opaque");
        if type_ != Self::TYPE {
            let problem = format!(
                "Secret `{namespace}/{name}` is of type `{type_}`; make one of type `{}`, as `kubectl create secret docker-registry` does",
                Self::TYPE
            );
            return Err(malformed(problem));
        }
        let config = value(&found, namespace, name, Self::KEY)?;
        // An API server refuses what is none, and would quote it.
        if !serde_json::from_slice::<serde_json::Value>(&config).is_ok_and(|config| config.is_object()) {
            return Err(malformed(format!("`{}` of Secret `{namespace}/{name}` is no JSON object", Self::KEY)));
        }
        Ok(Some(Self { secret: name.to_owned(), config }))
    }

    /// Name of the Secret that they are from.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The Secret of them with some metadata: not for messages or logs.
    pub fn to_secret(&self, metadata: ObjectMeta) -> Secret {
        Secret {
            metadata,
            type_: Some(Self::TYPE.to_owned()),
            data: Some([(Self::KEY.to_owned(), ByteString(self.config.clone()))].into()),
            ..Secret::default()
        }
    }
}

/// The Secrets of a registration: where they are, and the server that they are to be sent to.
struct Secrets<'a> {
    namespace: &'a str,
    host: &'a ServerHost,
    secret: &'a dyn Fn(&str) -> Option<Arc<Secret>>,
}

impl Secrets<'_> {
    fn material(&self, source: MaterialSource<'_>) -> Result<Vec<u8>, ClientError> {
        let (name, key) = match source {
            MaterialSource::Inline(text) => return Ok(text.as_bytes().to_vec()),
            MaterialSource::Secret { name, key } => (name, key),
        };
        let secret = self.allowed(name, key)?;
        value(&secret, self.namespace, name, key)
    }

    /// A Secret that may be sent to the server.
    fn allowed(&self, name: &str, key: &str) -> Result<Arc<Secret>, ClientError> {
        // The name stands in commands that people copy.
        if let Err(error) = DnsSubdomain::try_from(name) {
            return Err(ClientError::Malformed { what: "the name of a Secret", problem: error.to_string() });
        }
        let (namespace, name, host) = (self.namespace.to_owned(), name.to_owned(), self.host.to_string());
        let Some(secret) = (self.secret)(&name).filter(|secret| is_for_planes(secret)) else {
            return Err(ClientError::SecretNotFound { namespace, name, key: key.to_owned(), host });
        };
        let servers = secret.metadata.annotations.as_ref().and_then(|all| all.get(annotations::PLANE_SERVER));
        let is_named = servers.is_some_and(|list| list.split(',').any(|entry| self.host.is_named_by(entry.trim())));
        if !is_named {
            return Err(ClientError::SecretForOthers { namespace, name, host });
        }
        Ok(secret)
    }
}

fn value(secret: &Secret, namespace: &str, name: &str, key: &str) -> Result<Vec<u8>, ClientError> {
    let found = secret.data.as_ref().and_then(|data| data.get(key)).map(|value| value.0.clone());
    found.ok_or_else(|| ClientError::KeyNotFound {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        key: key.to_owned(),
    })
}

/// Whoever may write a registration need not be allowed to read Secrets, so not every Secret may be sent to the server
/// of a registration: only those that somebody who may write Secrets has marked.
fn is_for_planes(secret: &Secret) -> bool {
    let mark = secret.metadata.labels.as_ref().and_then(|all| all.get(labels::PLANE_CREDENTIALS));
    mark.is_some_and(|value| value == "true")
}

fn token(bytes: Vec<u8>) -> Result<String, ClientError> {
    let malformed = |problem: &str| ClientError::Malformed { what: "the token", problem: problem.to_owned() };
    let token = String::from_utf8(bytes).map_err(|_| malformed("it is not text"))?;
    let token = token.trim();
    if token.is_empty() || token.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(malformed("it is empty or holds white space; give the raw token"));
    }
    Ok(token.to_owned())
}

/// PEM text that is inline (plain, or as base64 as upstream writes it) or in a Secret.
fn pem(what: &'static str, source: MaterialSource<'_>, secrets: &Secrets<'_>) -> Result<Vec<u8>, ClientError> {
    const MARK: &[u8] = b"-----BEGIN ";
    let bytes = secrets.material(source)?;
    let is_pem = |bytes: &[u8]| bytes.windows(MARK.len()).any(|window| window == MARK);
    if is_pem(&bytes) {
        return Ok(bytes);
    }
    let compact: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    match STANDARD.decode(compact) {
        Ok(decoded) if is_pem(&decoded) => Ok(decoded),
        _ => Err(ClientError::Malformed {
            what,
            problem: "it is neither PEM (`-----BEGIN …`) nor base64 of PEM".into(),
        }),
    }
}
