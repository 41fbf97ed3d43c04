//! What tests share: the test data of the compatible system, and short ways to write objects.

use std::collections::BTreeMap;
use std::path::PathBuf;

use openchoreo_core::extension::{EndpointContext, Gateway, RenderError};
use openchoreo_core::naming::{
    ComponentId, DefaultHostnames, DefaultNaming, HostContext, Hostname, HostnameScheme, NamespaceName, NamingScheme,
    Visibility,
};
use openchoreo_core::plan::Rendered;
use openchoreo_types::v1alpha1::{Endpoint, Environment};
use serde_json::{Value, json};

/// Where the test data is.
pub(crate) fn shared_data() -> PathBuf {
    std::env::var_os("OPENCHOREO_SHARED_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")), PathBuf::from)
}

/// The test data at a path, or nothing, loudly.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let full = shared_data().join(path);
    if !full.exists() {
        eprintln!("SKIPPED: {} is absent, set OPENCHOREO_SHARED_DATA", full.display());
        return None;
    }
    Some(full)
}

/// An Endpoint with what matters: its visibilities.
pub(crate) fn endpoint(visibilities: Value) -> Endpoint {
    let endpoint = json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Endpoint",
        "metadata": {"name": "cart-http", "namespace": "acme", "creationTimestamp": "2026-01-02T03:04:05Z"},
        "spec": {
            "type": "REST",
            "backendRef": {"type": "componentRef", "basePath": "/api", "componentRef": {"port": 8080}},
            "networkVisibilities": visibilities,
        },
    });
    serde_json::from_value(endpoint).unwrap()
}

/// An oauth2 policy over operations, each with its scopes.
pub(crate) fn oauth2(operations: Value) -> Value {
    json!({"name": "tokens", "type": "oauth2", "policySpec": {"oauth2": {"jwt": {
        "claims": [{"key": "aud", "values": ["shop"]}, {"key": "tier", "values": ["gold", "silver"]}],
        "authorization": {"apiType": "REST", "rest": {
            "claimsToHeaders": [{"name": "sub", "header": "x-user"}],
            "operations": operations,
        }},
    }}}})
}

/// A public visibility with policies.
pub(crate) fn public(policies: Value) -> Value {
    json!({"public": {"enable": true, "policies": policies}})
}

/// An Environment that publishes the keys of its tokens.
pub(crate) fn environment_with_keys() -> Environment {
    let keys = json!({"remoteJwks": {"uri": "https://keys.example/jwks"}});
    let environment = json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Environment", "metadata": {"name": "development"},
        "spec": {"gateway": {"security": keys}},
    });
    serde_json::from_value(environment).unwrap()
}

/// Renders an endpoint of component `cart` of project `shop` of organization `acme` at public visibility.
pub(crate) fn render(
    gateway: &dyn Gateway,
    endpoint: &Endpoint,
    environment: &Environment,
) -> Result<Vec<Rendered>, RenderError> {
    let id = ComponentId::new("acme", "shop", "cart").endpoint("development", "cart-http");
    let host = HostContext {
        domain: "choreoapps.localhost",
        visibility: Visibility::Public,
        component_type: "Service",
        dns_prefix: None,
    };
    let hostname: Hostname = DefaultHostnames.hostname(&id, &host).unwrap();
    let namespace: NamespaceName = DefaultNaming.cell_namespace(&id.cell()).unwrap();
    let service = DefaultNaming.workload(&id.component, "main").unwrap();
    gateway.render(&EndpointContext {
        id,
        namespace: &namespace,
        naming: &DefaultNaming,
        endpoint,
        environment,
        component_type: "Service",
        visibility: Visibility::Public,
        gateway: "choreo-external-gateway",
        gateway_namespace: "choreo-system",
        hostname: &hostname,
        service: &service,
        labels: &BTreeMap::from([("component-name".to_owned(), "cart".to_owned())]),
    })
}

/// Objects as their JSON.
pub(crate) fn json_of(objects: Vec<Rendered>) -> Vec<Value> {
    objects.into_iter().map(|object| object.json()).collect()
}
