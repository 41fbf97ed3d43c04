//! Gives Services of type `LoadBalancer` an address.
//!
//! Only the status is written. Nothing listens at the address on behalf of the Service; the simulated gateway has
//! listeners of its own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::{FIELD_MANAGER, SIMULATED_ANNOTATION};

struct Context {
    client: Client,
    address: IpAddr,
}

/// Runs until dropped.
pub(super) async fn run(client: Client, address: IpAddr) {
    let services: Api<Service> = Api::all(client.clone());
    Controller::new(services, watcher::Config::default())
        .with_config(Config::default().concurrency(8))
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(2)), Arc::new(Context { client, address }))
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(%error, "simulated load balancer will retry");
            }
            std::future::ready(())
        })
        .await;
}

async fn reconcile(service: Arc<Service>, cx: Arc<Context>) -> Result<Action, kube::Error> {
    if needs_address(&service) {
        let services: Api<Service> = Api::namespaced(cx.client.clone(), &service.namespace().unwrap_or_default());
        let patch = json!({
            "metadata": { "annotations": { SIMULATED_ANNOTATION: "true" } },
            "status": { "loadBalancer": { "ingress": [{ "ip": cx.address.to_string() }] } },
        });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match services.patch_status(&service.name_any(), &params, &Patch::Merge(patch)).await {
            Ok(_) => {}
            // It went away in the meantime: nothing left to do.
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Action::await_change())
}

/// Whether the Service asks for an address and has none, from us or from a real load balancer.
fn needs_address(service: &Service) -> bool {
    let wants = service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer");
    let has = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref())
        .and_then(|balancer| balancer.ingress.as_ref())
        .is_some_and(|ingress| !ingress.is_empty());
    wants && !has && service.metadata.deletion_timestamp.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(value: serde_json::Value) -> Service {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn only_load_balancers_without_an_address_need_one() {
        assert!(needs_address(&service(json!({ "metadata": {}, "spec": { "type": "LoadBalancer" } }))));
        assert!(!needs_address(&service(json!({ "metadata": {}, "spec": { "type": "ClusterIP" } }))));
        assert!(!needs_address(&service(json!({
            "metadata": {},
            "spec": { "type": "LoadBalancer" },
            "status": { "loadBalancer": { "ingress": [{ "ip": "10.0.0.1" }] } },
        }))));
    }
}
