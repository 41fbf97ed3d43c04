//! Why a plane has no client.

use openchoreo_types::common::ClusterSpecError;
use openchoreo_types::labels::{self, annotations};

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The registration is not complete or contradicts itself.
    #[error(transparent)]
    Spec(#[from] ClusterSpecError),
    /// A Secret does not exist, or is not marked as credentials of planes. The two are not told apart: who may write a
    /// registration need not learn which Secrets there are.
    #[error(
        "Secret `{namespace}/{name}`, which should hold `{key}`, does not exist or is not for planes; if it is meant for \
         the server `{host}`, run `kubectl label secret {name} --namespace {namespace} {}=true` and `kubectl annotate \
         secret {name} --namespace {namespace} {}={host}`",
        labels::PLANE_CREDENTIALS,
        annotations::PLANE_SERVER
    )]
    SecretNotFound {
        /// Its namespace: that of the registration.
        namespace: String,
        /// Its name.
        name: String,
        /// The key looked for.
        key: String,
        /// The server that the registration names, as host and port.
        host: String,
    },
    /// A Secret is for planes, but not for this server.
    #[error(
        "Secret `{namespace}/{name}` may not be sent to `{host}`: its annotation `{}` does not name that server; if the \
         server is right, run `kubectl annotate --overwrite secret {name} --namespace {namespace} {}={host}`",
        annotations::PLANE_SERVER,
        annotations::PLANE_SERVER
    )]
    SecretForOthers {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The server that the registration names, as host and port.
        host: String,
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
    /// The server is not one that planes may have.
    #[error(
        "`{host}` may not be the server of a plane: {reason}; an operator can permit it with `--plane-hosts` of the \
         controller manager"
    )]
    HostRefused {
        /// The host.
        host: String,
        /// What speaks against it.
        reason: &'static str,
    },
    /// The client library refuses the configuration.
    #[error("the credentials cannot be used")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A connector of somebody's cannot get what it needs.
    #[error("the connector cannot make a client")]
    Connector(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ClientError {
    /// For `map_err`: the client library refuses the configuration.
    pub fn refused(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Refused(error.into())
    }

    /// For `map_err` in a `Connector` of one's own: what it needs cannot be had.
    pub fn connector(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Connector(error.into())
    }
}
