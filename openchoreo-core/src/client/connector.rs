//! Makes the client of a plane from its resolved credentials.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use openchoreo_types::common::PlaneRef;

use super::{ClientError, Credentials, PlaneHosts, transport};

/// Makes the client of a plane. It is called when a plane is registered, when its credentials change, and when they were
/// refused; so a connector whose tokens come from elsewhere (a cloud, Vault) may fetch a new one each time.
///
/// Wrap [`DirectConnector`] rather than making connections oneself: it keeps to the hosts that planes may have.
///
/// ```
/// use openchoreo_core::client::{ClientError, Connector, Credentials, DirectConnector};
/// use openchoreo_core::{kube, types::common::PlaneRef};
///
/// /// Takes the token of a registration as the name of one in a vault.
/// #[derive(Debug, Default)]
/// struct VaultConnector {
///     direct: DirectConnector,
/// }
///
/// impl VaultConnector {
///     async fn look_up(&self, name: &str) -> Result<String, std::io::Error> {
///         Ok(format!("the-token-that-is-kept-under-{name}"))
///     }
/// }
///
/// #[async_trait::async_trait]
/// impl Connector for VaultConnector {
///     async fn connect(&self, plane: &PlaneRef, credentials: &Credentials) -> Result<kube::Client, ClientError> {
///         let Some(name) = credentials.token() else {
///             return self.direct.connect(plane, credentials).await;
///         };
///         let token = self.look_up(name).await.map_err(ClientError::connector)?;
///         self.direct.connect(plane, &credentials.clone().with_token(token)?).await
///     }
/// }
/// ```
#[async_trait]
pub trait Connector: fmt::Debug + Send + Sync {
    /// A client of a plane. Whether the plane answers is found out later, by its requests.
    ///
    /// # Errors
    /// The credentials cannot be used, or what is needed beside them cannot be had.
    async fn connect(&self, plane: &PlaneRef, credentials: &Credentials) -> Result<kube::Client, ClientError>;
}

/// Connects with the credentials as they are: to permitted hosts and addresses only, and reading no more of an answer
/// than [`WHOLE_RESPONSE_LIMIT`](super::WHOLE_RESPONSE_LIMIT) and [`WATCH_EVENT_LIMIT`](super::WATCH_EVENT_LIMIT) allow.
#[derive(Clone, Debug, Default)]
pub struct DirectConnector {
    hosts: Arc<PlaneHosts>,
}

impl DirectConnector {
    /// A connector to the hosts that planes may have.
    pub fn new(hosts: PlaneHosts) -> Self {
        Self { hosts: Arc::new(hosts) }
    }

    /// The client of a configuration, for connectors that need more than another token. The server is checked like that
    /// of credentials; a proxy of the configuration is not used.
    ///
    /// # Errors
    /// The server is not permitted, or the configuration cannot be used.
    pub fn client(&self, config: kube::Config) -> Result<kube::Client, ClientError> {
        self.hosts.check(&config.cluster_url.to_string())?;
        transport::guarded(config, Arc::clone(&self.hosts))
    }
}

#[async_trait]
impl Connector for DirectConnector {
    async fn connect(&self, _: &PlaneRef, credentials: &Credentials) -> Result<kube::Client, ClientError> {
        self.client(credentials.config()?)
    }
}
