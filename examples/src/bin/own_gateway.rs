//! A gateway of one's own beside the shipped ones, chosen by a data plane: endpoints are published by Ingress there.
//!
//! Run it with `cargo run -p openchoreo-examples --bin own_gateway`. It prints what publishes the endpoints of
//! `examples/manifests/shop.yaml`, first by the default gateway, then by the one that the data plane names: while that
//! does not serve yet, both publish, so that no address is without an answer.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::Ingress;
use openchoreo_build::ArgoSettings;
use openchoreo_core::extension::{EndpointContext, Gateway, RenderError, RouteState};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels;
use openchoreo_core::labels::annotations::GATEWAY;
use openchoreo_core::naming::LabelValue;
use openchoreo_core::offline::Offline;
use openchoreo_core::plan::Rendered;
use openchoreo_core::world::Stored;
use openchoreo_types::v1alpha1::DataPlane;
use openchoreo_types::yaml;
use serde_json::json;

const SHOP: &str = include_str!("../../manifests/shop.yaml");

/// Publishes by Ingress, without any policy.
#[derive(Debug)]
struct IngressGateway;

impl Gateway for IngressGateway {
    fn name(&self) -> &str {
        "ingress"
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<Ingress>()]
    }

    fn render(&self, cx: &EndpointContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        let written = cx.endpoint.spec.network_visibilities.as_ref();
        let exposures = written.into_iter().flat_map(|all| [&all.public, &all.organization]).flatten();
        // What cannot be protected is not published.
        if exposures.flat_map(|exposure| &exposure.policies).next().is_some() {
            return Err(RenderError::Unsupported { what: "a policy".to_owned(), by: "an Ingress".to_owned() });
        }
        let port = cx.endpoint.spec.backend_ref.component_ref.as_ref().map(|component| component.port);
        let service = json!({ "name": cx.service.as_str(), "port": { "number": port } });
        let path = json!({ "path": "/", "pathType": "Prefix", "backend": { "service": service } });
        let rule = json!({ "host": cx.hostname.to_string(), "http": { "paths": [path] } });
        let mut marks = cx.labels.clone();
        // By this, what a withdrawn visibility published is found.
        marks.insert(labels::plane::GATEWAY_VISIBILITY.to_owned(), LabelValue::of(cx.gateway).into_string());
        let name = format!("{}-{}", cx.service, cx.gateway);
        let metadata = json!({ "name": name, "namespace": cx.namespace.as_str(), "labels": marks });
        let ingress = json!({ "metadata": metadata, "spec": { "ingressClassName": "house", "rules": [rule] } });
        Ok(vec![Rendered::of_json(Kind::of::<Ingress>(), ingress)])
    }

    fn observe(&self, _: Kind, live: &Stored) -> RouteState {
        match live.json().pointer("/status/loadBalancer/ingress/0") {
            Some(_) => RouteState::Accepted,
            None => RouteState::Pending,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let own: Arc<dyn Gateway> = Arc::new(IngressGateway);
    let platform = controller_manager::default_platform(ArgoSettings::default()).gateways([own]).build()?;
    let mut offline = Offline::new(&Arc::new(platform), Timestamp::UNIX_EPOCH);
    let plane = PlaneKey::data_plane("acme", "main");
    offline.connect(&plane);
    for document in yaml::documents(SHOP)? {
        offline.apply(document)?;
    }
    offline.settle()?;
    println!("by the default gateway:");
    print_published(&offline, &plane);

    let key = ObjectKey::of::<DataPlane>("acme", "main");
    let mut registration = offline.world().get(&PlaneKey::Control, &key).ok_or("no data plane")?.json();
    registration["metadata"]["annotations"] = json!({ GATEWAY: "ingress" });
    offline.apply(registration)?;
    offline.settle()?;
    println!("while the data plane moves to `ingress`:");
    print_published(&offline, &plane);
    Ok(())
}

fn print_published(offline: &Offline, plane: &PlaneKey) {
    let all = offline.world().all(plane).into_iter();
    for (key, _) in all.filter(|(key, _)| matches!(key.kind.kind, "HTTPRoute" | "Ingress")) {
        println!("  {} {}", key.kind.kind, key.name);
    }
}
