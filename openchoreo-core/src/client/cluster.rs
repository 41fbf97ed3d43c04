//! What a cluster says of itself.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use crate::world::SYSTEM_NAMESPACE;

/// A cluster that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Version of its API server.
    pub version: String,
    /// What no two clusters share, whatever URL they are reached by: the uid of namespace `kube-system`. Two
    /// registrations with the same are registrations of one cluster. Nothing where the credentials do not allow to read
    /// it.
    pub identity: Option<String>,
}

impl Cluster {
    /// Asks for it, with two requests.
    ///
    /// # Errors
    /// The API server does not answer, or refuses the credentials.
    pub async fn of(client: &kube::Client) -> Result<Self, kube::Error> {
        let version = client.apiserver_version().await?.git_version;
        let namespace = Api::<Namespace>::all(client.clone()).get_metadata(SYSTEM_NAMESPACE).await;
        let identity = match namespace {
            Ok(namespace) => namespace.metadata.uid,
            Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_not_found() => None,
            Err(error) => return Err(error),
        };
        Ok(Self { version, identity })
    }
}
