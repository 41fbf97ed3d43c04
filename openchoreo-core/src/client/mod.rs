//! Clients of the planes by registration: credentials resolved from what was written, and a client made of them.
//!
//! Credentials are inline or in Secrets beside the registration. They are read through the World like all else, so a
//! Secret that changes makes a new client at once. They are never logged: their type prints `***`.

use std::fmt;
#[cfg(feature = "client")]
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
#[cfg(feature = "client")]
use kube::config::{
    AuthInfo, Cluster, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};
use openchoreo_types::common::{AuthSource, ClusterSpecError, KubernetesCluster, MaterialSource, PlaneKind, PlaneRef};
use openchoreo_types::v1alpha1::{BuildPlane, DataPlane};
use sha2::{Digest, Sha256};

use crate::planner::PlanContext;

/// How long a plane may take to accept a connection.
#[cfg(feature = "client")]
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The registration is not complete or contradicts itself.
    #[error(transparent)]
    Spec(#[from] ClusterSpecError),
    /// A Secret does not exist.
    #[error("Secret `{namespace}/{name}` does not exist; it should hold `{key}` of the credentials")]
    SecretNotFound {
        /// Its namespace: that of the registration.
        namespace: String,
        /// Its name.
        name: String,
        /// The key looked for.
        key: String,
    },
    /// A Secret lacks a key.
    #[error("Secret `{namespace}/{name}` has no key `{key}`")]
    KeyNotFound {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The key looked for.
        key: String,
    },
    /// A value does not parse.
    #[error("{what} does not parse: {problem}")]
    Malformed {
        /// Which value.
        what: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The client library refuses the configuration.
    #[error("the credentials cannot be used")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

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
    /// gone.
    ///
    /// # Errors
    /// The registration or a Secret cannot be used.
    pub fn resolve(cx: &PlanContext<'_>, plane: &PlaneRef) -> Result<Option<Self>, ClientError> {
        match plane.kind {
            PlaneKind::DataPlane => cx
                .get::<DataPlane>(&plane.namespace, &plane.name)
                .map(|registered| Self::of_cluster(cx, &plane.namespace, &registered.spec.kubernetes_cluster)),
            PlaneKind::BuildPlane => cx
                .get::<BuildPlane>(&plane.namespace, &plane.name)
                .map(|registered| Self::of_cluster(cx, &plane.namespace, &registered.spec.kubernetes_cluster)),
        }
        .transpose()
    }

    fn of_cluster(cx: &PlanContext<'_>, namespace: &str, cluster: &KubernetesCluster) -> Result<Self, ClientError> {
        let connection = cluster.connection()?;
        let ca = connection.ca.map(|source| pem("the CA", source, cx, namespace)).transpose()?;
        let login = match connection.auth {
            AuthSource::Mtls { cert, key } => Login::Certificate {
                certificate: pem("the client certificate", cert, cx, namespace)?,
                key: pem("the client key", key, cx, namespace)?,
            },
            AuthSource::Token(source) => {
                let bytes = material(source, cx, namespace)?;
                let token = String::from_utf8(bytes)
                    .map_err(|_| ClientError::Malformed { what: "the token", problem: "it is not text".into() })?;
                let token = token.trim().to_owned();
                if token.is_empty() || token.chars().any(|c| c.is_control() || c.is_whitespace()) {
                    return Err(ClientError::Malformed {
                        what: "the token",
                        problem: "it is empty or holds white space; give the raw token".into(),
                    });
                }
                Login::Token(token)
            }
        };
        let server = connection.server.to_owned();
        match server.parse::<http::Uri>() {
            Ok(uri) if uri.scheme_str() == Some("https") && uri.host().is_some() => {}
            _ => {
                let problem = format!("`{server}` is not of the form https://host[:port]");
                return Err(ClientError::Malformed { what: "the server URL", problem });
            }
        }
        Ok(Self { server, ca, login })
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
                part(certificate);
                part(key);
            }
            Login::Token(token) => part(token.as_bytes()),
        }
        hash.finalize().into()
    }

    /// A client with these credentials. No request is made.
    ///
    /// # Errors
    /// The certificates cannot be used.
    #[cfg(feature = "client")]
    pub async fn client(&self) -> Result<kube::Client, ClientError> {
        let mut auth = AuthInfo::default();
        match &self.login {
            Login::Certificate { certificate, key } => {
                auth.client_certificate_data = Some(STANDARD.encode(certificate));
                auth.client_key_data = Some(STANDARD.encode(key).into());
            }
            Login::Token(token) => auth.token = Some(token.clone().into()),
        }
        let name = "plane".to_owned();
        let kubeconfig = Kubeconfig {
            clusters: vec![NamedCluster {
                name: name.clone(),
                cluster: Some(Cluster {
                    server: Some(self.server.clone()),
                    certificate_authority_data: self.ca.as_ref().map(|ca| STANDARD.encode(ca)),
                    ..Cluster::default()
                }),
                other: Default::default(),
            }],
            auth_infos: vec![NamedAuthInfo { name: name.clone(), auth_info: Some(auth), other: Default::default() }],
            contexts: vec![NamedContext {
                name: name.clone(),
                context: Some(Context { cluster: name.clone(), user: Some(name.clone()), ..Context::default() }),
                other: Default::default(),
            }],
            current_context: Some(name),
            ..Kubeconfig::default()
        };
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .map_err(|error| ClientError::Refused(Box::new(error)))?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // The engine retries with its own backoff and shows why.
        config.default_retry = false;
        kube::Client::try_from(config).map_err(|error| ClientError::Refused(Box::new(error)))
    }
}

/// PEM text that is inline (plain, or as base64 as upstream writes it) or in a Secret.
fn pem(
    what: &'static str,
    source: MaterialSource<'_>,
    cx: &PlanContext<'_>,
    namespace: &str,
) -> Result<Vec<u8>, ClientError> {
    const MARK: &[u8] = b"-----BEGIN ";
    let bytes = material(source, cx, namespace)?;
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

fn material(source: MaterialSource<'_>, cx: &PlanContext<'_>, namespace: &str) -> Result<Vec<u8>, ClientError> {
    match source {
        MaterialSource::Inline(text) => Ok(text.as_bytes().to_vec()),
        MaterialSource::Secret { name, key } => {
            let secret = cx.get::<Secret>(namespace, name).ok_or_else(|| ClientError::SecretNotFound {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                key: key.to_owned(),
            })?;
            let value = secret.data.as_ref().and_then(|data| data.get(key)).ok_or_else(|| {
                ClientError::KeyNotFound { namespace: namespace.to_owned(), name: name.to_owned(), key: key.to_owned() }
            })?;
            Ok(value.0.clone())
        }
    }
}
