//! Routes get statuses, and requests get answers.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions};
use openchoreo_embedded::simulators::{GatewayListener, GatewayProtocol, GatewaySettings};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stage::{Stage, resource, wait};

const GROUP: &str = "gateway.networking.k8s.io";
const HOST: &str = "web.example.test";

fn classes() -> ApiResource {
    resource(GROUP, "v1", "GatewayClass", "gatewayclasses")
}

fn gateways() -> ApiResource {
    resource(GROUP, "v1", "Gateway", "gateways")
}

fn routes() -> ApiResource {
    resource(GROUP, "v1", "HTTPRoute", "httproutes")
}

fn proxies() -> ApiResource {
    resource("gateway.envoyproxy.io", "v1alpha1", "EnvoyProxy", "envoyproxies")
}

/// The simulated gateway of a test: where it answers and whom its clients trust.
struct PublicGateway {
    address: std::net::SocketAddr,
    authority: String,
}

/// A Gateway `public` with a listener for every namespace, whose Service is named by an EnvoyProxy.
async fn gateway(stage: &Stage) -> PublicGateway {
    for (resource, scope) in
        [(classes(), "Cluster"), (gateways(), "Namespaced"), (routes(), "Namespaced"), (proxies(), "Namespaced")]
    {
        stage.install(&resource, scope, true).await;
    }
    let any_port = ([127, 0, 0, 1], 0).into();
    let listener = GatewayListener::bind(&stage.namespace, "public", any_port, GatewayProtocol::Https).await.unwrap();
    let public = PublicGateway { address: listener.address(), authority: listener.authority_pem().unwrap().to_owned() };
    let controller_name = format!("simulated.test/{}", stage.namespace);
    let class = json!({ "metadata": { "name": stage.namespace }, "spec": { "controllerName": controller_name } });
    stage.apply_dynamic(&classes(), false, class).await;
    stage.simulate(|settings| {
        settings.gateway = Some(GatewaySettings { controller_name, listeners: vec![listener] });
    });
    stage
        .apply_dynamic(
            &proxies(),
            true,
            json!({
                "metadata": { "name": "public" },
                "spec": { "provider": { "type": "Kubernetes", "kubernetes": { "envoyService": { "name": "public-proxy", "type": "LoadBalancer" } } } },
            }),
        )
        .await;
    stage
        .apply_dynamic(
            &gateways(),
            true,
            json!({
                "metadata": { "name": "public" },
                "spec": {
                    "gatewayClassName": stage.namespace,
                    "infrastructure": { "parametersRef": { "group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "public" } },
                    "listeners": [{
                        "name": "https", "port": 443, "protocol": "HTTPS",
                        "tls": { "mode": "Terminate", "certificateRefs": [{ "name": "tls" }] },
                        "allowedRoutes": { "namespaces": { "from": "All" } },
                    }],
                },
            }),
        )
        .await;
    public
}

impl PublicGateway {
    /// Asks over TLS, with full verification, and returns the whole answer.
    async fn ask(&self, host: &str, path: &str) -> String {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}:8443\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // The server may close without a TLS goodbye; what has arrived is the answer.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }
}

async fn workload(stage: &Stage, replicas: i32) {
    stage
        .apply::<Deployment>(json!({
            "metadata": { "name": "web" },
            "spec": {
                "replicas": replicas,
                "selector": { "matchLabels": { "app": "web" } },
                "template": {
                    "metadata": { "labels": { "app": "web" } },
                    "spec": { "containers": [{ "name": "main", "image": "registry.test/web:7" }] },
                },
            },
        }))
        .await;
    wait(stage.api::<Deployment>(), "web", move |found: &Deployment| {
        let status = found.status.clone().unwrap_or_default();
        status.observed_generation == found.metadata.generation
            && status.ready_replicas.unwrap_or(0) == replicas
            && status.replicas.unwrap_or(0) == replicas
    })
    .await;
}

fn route(backend: &str) -> Value {
    json!({
        "metadata": { "name": "web" },
        "spec": {
            "parentRefs": [{ "group": GROUP, "kind": "Gateway", "name": "public" }],
            "hostnames": [HOST],
            "rules": [{
                "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
                "backendRefs": [{ "name": backend, "port": 80 }],
            }],
        },
    })
}

/// The reason of a condition of the route's only parent.
fn reason<'a>(route: &'a DynamicObject, kind: &str) -> Option<&'a str> {
    let conditions = route.data.pointer("/status/parents/0/conditions")?.as_array()?;
    conditions.iter().find(|one| one["type"] == kind)?["reason"].as_str()
}

#[tokio::test]
async fn a_route_is_accepted_and_answered_in_the_workloads_place() {
    let stage = Stage::new().await;
    let public = gateway(&stage).await;
    workload(&stage, 1).await;
    stage
        .apply::<Service>(json!({ "metadata": { "name": "web" }, "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] } }))
        .await;
    stage.apply_dynamic(&routes(), true, route("web")).await;
    let resolved = |found: &DynamicObject| reason(found, "ResolvedRefs") == Some("ResolvedRefs");
    let accepted = wait(stage.dynamic(&routes()), "web", resolved).await;
    assert_eq!(reason(&accepted, "Accepted"), Some("Accepted"));

    let answer = public.ask(HOST, "/cart").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for part in ["x-openchoreo-simulated: true", "service:    web", &stage.namespace, "registry.test/web:7"] {
        assert!(answer.contains(part), "`{part}` is missing in {answer}");
    }
    assert!(public.ask("other.example.test", "/").await.starts_with("HTTP/1.1 404"));

    let programmed = |found: &DynamicObject| {
        let status = &found.data["status"];
        status["conditions"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["type"] == "Programmed" && one["status"] == "True"))
            && status["listeners"][0]["attachedRoutes"] == 1
    };
    wait(stage.dynamic(&gateways()), "public", programmed).await;
    let proxy = stage.api::<Service>().get("public-proxy").await.unwrap();
    assert_eq!(proxy.spec.unwrap().type_.as_deref(), Some("LoadBalancer"));
}

#[tokio::test]
async fn without_ready_pods_the_gateway_says_unavailable() {
    let stage = Stage::new().await;
    let public = gateway(&stage).await;
    workload(&stage, 1).await;
    stage
        .apply::<Service>(json!({ "metadata": { "name": "web" }, "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] } }))
        .await;
    stage.apply_dynamic(&routes(), true, route("web")).await;
    wait(stage.dynamic(&routes()), "web", |found| reason(found, "Accepted") == Some("Accepted")).await;
    let pod = stage.api::<Pod>().list(&Default::default()).await.unwrap().items.remove(0).metadata;
    workload(&stage, 0).await;
    await_condition(stage.api::<Pod>(), &pod.name.unwrap(), conditions::is_deleted(&pod.uid.unwrap())).await.unwrap();
    let answer = public.ask(HOST, "/").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

#[tokio::test]
async fn a_missing_backend_is_reported_and_heals_when_it_comes() {
    let stage = Stage::new().await;
    gateway(&stage).await;
    stage.apply_dynamic(&routes(), true, route("late")).await;
    wait(stage.dynamic(&routes()), "web", |found| reason(found, "ResolvedRefs") == Some("BackendNotFound")).await;
    let service = |port: i32| json!({ "metadata": { "name": "late" }, "spec": { "selector": { "app": "late" }, "ports": [{ "port": port }] } });
    stage.apply::<Service>(service(81)).await;
    wait(stage.dynamic(&routes()), "web", |found| reason(found, "ResolvedRefs") == Some("PortNotFound")).await;
    stage.apply::<Service>(service(80)).await;
    wait(stage.dynamic(&routes()), "web", |found| reason(found, "ResolvedRefs") == Some("ResolvedRefs")).await;
}

#[tokio::test]
async fn a_route_follows_what_its_gateway_allows() {
    let stage = Stage::new().await;
    gateway(&stage).await;
    stage
        .apply::<Service>(json!({ "metadata": { "name": "web" }, "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] } }))
        .await;
    stage.apply_dynamic(&routes(), true, route("web")).await;
    wait(stage.dynamic(&routes()), "web", |found| reason(found, "Accepted") == Some("Accepted")).await;
    let narrower = json!([{ "op": "add", "path": "/spec/listeners/0/hostname", "value": "*.other.test" }]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(narrower).unwrap());
    stage.dynamic(&gateways()).patch("public", &PatchParams::default(), &patch).await.unwrap();
    wait(stage.dynamic(&routes()), "web", |found| reason(found, "Accepted") == Some("NoMatchingListenerHostname"))
        .await;
}
