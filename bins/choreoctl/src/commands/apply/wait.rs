//! Waiting for what an object needs: its kind to be served, its namespace to exist.

use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::Api;
use kube::runtime::conditions;
use kube::runtime::wait::{Error, await_condition};
use openchoreo_types::v1alpha1::Organization;

use crate::cluster::Cluster;
use crate::error::CliError;

/// How long it may take that a controller makes a namespace or the server a kind.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the server serves the kind of a CustomResourceDefinition.
pub(super) async fn for_definition(cluster: &Cluster, name: &str) -> Result<(), CliError> {
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client());
    let wait = await_condition(definitions, name, conditions::is_crd_established());
    let act = format!("wait for kind `{name}`");
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(result) => result.map(drop).map_err(|error| broken(cluster, act, error)),
        Err(_) => Err(CliError::Timeout {
            what: format!("that the server serves kind `{name}`"),
            seconds: PATIENCE.as_secs(),
            hint: Some(format!("its conditions say why: `choreoctl get crd {name} -o yaml`")),
        }),
    }
}

/// Waits until a namespace exists; says whether it does.
pub(super) async fn for_namespace(cluster: &Cluster, name: &str) -> Result<bool, CliError> {
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    let wait = await_condition(namespaces, name, |namespace: Option<&Namespace>| namespace.is_some());
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(result) => {
            result.map(|_| true).map_err(|error| broken(cluster, format!("wait for namespace `{name}`"), error))
        }
        Err(_) => Ok(false),
    }
}

/// Whether an Organization of that name exists, which brings a namespace of that name.
pub(super) async fn organization_exists(cluster: &Cluster, name: &str) -> Result<bool, CliError> {
    let organizations: Api<Organization> = Api::all(cluster.client());
    match organizations.get_metadata_opt(name).await {
        Ok(found) => Ok(found.is_some()),
        Err(source) => Err(CliError::from_kube(format!("read organization `{name}`"), cluster.context(), source)),
    }
}

fn broken(cluster: &Cluster, act: String, error: Error) -> CliError {
    let refused = |reason: String| CliError::Refused { act: act.clone(), reason, hint: None };
    match error {
        Error::ProbeFailed(kube::runtime::watcher::Error::InitialListFailed(source))
        | Error::ProbeFailed(kube::runtime::watcher::Error::WatchStartFailed(source))
        | Error::ProbeFailed(kube::runtime::watcher::Error::WatchFailed(source)) => {
            CliError::from_kube(act, cluster.context(), source)
        }
        error => refused(error.to_string()),
    }
}
