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

fn policies() -> ApiResource {
    resource("gateway.envoyproxy.io", "v1alpha1", "SecurityPolicy", "securitypolicies")
}

fn limits() -> ApiResource {
    resource("gateway.envoyproxy.io", "v1alpha1", "BackendTrafficPolicy", "backendtrafficpolicies")
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
    stage.install(&classes(), "Cluster", true).await;
    for resource in [gateways(), routes(), proxies(), policies(), limits()] {
        stage.install(&resource, "Namespaced", true).await;
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
        self.ask_with(host, path, "").await
    }

    /// Asks with further lines of headers.
    async fn ask_with(&self, host: &str, path: &str, headers: &str) -> String {
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
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}:8443\r\nConnection: close\r\n{headers}\r\n");
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

/// Serves a text to everybody who asks on loopback, and tells its URL.
async fn published(text: String) -> String {
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/jwks", socket.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", text.len());
            let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
        }
    });
    url
}

/// A policy for route `web`.
fn policy(name: &str, spec: Value) -> Value {
    let mut policy = json!({ "metadata": { "name": name }, "spec": spec });
    policy["spec"]["targetRefs"] = json!([{ "group": GROUP, "kind": "HTTPRoute", "name": "web" }]);
    policy
}

/// The reason of the condition `Accepted` of a policy's only ancestor.
fn accepted(policy: &DynamicObject) -> Option<&str> {
    policy.data.pointer("/status/ancestors/0/conditions/0/reason")?.as_str()
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

#[tokio::test]
async fn a_protected_route_is_answered_to_whom_its_policy_lets_in() {
    let stage = Stage::new().await;
    let public = gateway(&stage).await;
    workload(&stage, 1).await;
    stage
        .apply::<Service>(json!({ "metadata": { "name": "web" }, "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] } }))
        .await;
    let keys = published(super::decisions::key_set()).await;
    let jwt = |uri: &str| {
        json!({ "jwt": { "providers": [{ "name": "p", "remoteJWKS": { "uri": uri } }] },
        "authorization": { "defaultAction": "Deny", "rules": [
            { "action": "Allow", "principal": { "jwt": { "provider": "p", "scopes": ["read"] } } }] } })
    };
    stage.apply_dynamic(&policies(), true, policy("web", jwt(&keys))).await;
    let limit = json!({ "rateLimit": { "local": { "rules": [{ "limit": { "requests": 2, "unit": "Day" } }] } } });
    stage.apply_dynamic(&limits(), true, policy("web", limit)).await;
    stage.apply_dynamic(&routes(), true, route("web")).await;
    for kind in [policies(), limits()] {
        wait(stage.dynamic(&kind), "web", |found| accepted(found) == Some("Accepted")).await;
    }
    let ask = async |claims: Option<Value>| {
        let token = claims.map(|claims| format!("Authorization: Bearer {}\r\n", super::decisions::token(&claims)));
        public.ask_with(HOST, "/", &token.unwrap_or_default()).await
    };
    let refused = ask(None).await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    for part in ["www-authenticate: Bearer realm=", "x-openchoreo-simulated: true", "Jwt is missing"] {
        assert!(refused.contains(part), "`{part}` is missing in {refused}");
    }
    let (stale, other) = (json!({ "exp": 1, "scope": "read" }), json!({ "scope": "write" }));
    assert!(ask(Some(stale)).await.starts_with("HTTP/1.1 401"));
    assert!(ask(Some(other)).await.starts_with("HTTP/1.1 403"));
    let reader = || Some(json!({ "scope": "read" }));
    for expected in ["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 429"] {
        let answer = ask(reader()).await;
        assert!(answer.starts_with(expected), "{answer}");
    }
    // Keys beyond this machine are not fetched, and so nobody is let in.
    stage.apply_dynamic(&policies(), true, policy("web", jwt("https://keys.example/jwks"))).await;
    wait(stage.dynamic(&policies()), "web", |found| {
        found.data["status"]["ancestors"][0]["conditions"][0]["observedGeneration"] == 2
    })
    .await;
    assert!(ask(reader()).await.starts_with("HTTP/1.1 401"));
}

#[tokio::test]
async fn policies_say_whether_they_are_in_force() {
    let stage = Stage::new().await;
    gateway(&stage).await;
    stage.apply_dynamic(&routes(), true, route("web")).await;
    let deny = || json!({ "authorization": { "defaultAction": "Deny" } });
    let applied = async |name: &str, spec: Value, expected: &'static str| {
        stage.apply_dynamic(&policies(), true, policy(name, spec)).await;
        wait(stage.dynamic(&policies()), name, move |found| accepted(found) == Some(expected)).await
    };
    // Of policies of one second the name decides.
    applied("a", deny(), "Accepted").await;
    applied("b", deny(), "Conflicted").await;
    stage.dynamic(&policies()).delete("a", &Default::default()).await.unwrap();
    wait(stage.dynamic(&policies()), "b", |found| accepted(found) == Some("Accepted")).await;
    applied("b", json!({ "oidc": {} }), "Invalid").await;
    let mut whole = policy("gateway", deny());
    whole["spec"]["targetRefs"] = json!([{ "group": GROUP, "kind": "Gateway", "name": "public" }]);
    stage.apply_dynamic(&policies(), true, whole).await;
    let overridden = |found: &DynamicObject| {
        let conditions = found.data.pointer("/status/ancestors/0/conditions").and_then(Value::as_array);
        conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Overridden" && one["status"] == "True"))
    };
    let whole = wait(stage.dynamic(&policies()), "gateway", overridden).await;
    assert_eq!(accepted(&whole), Some("Accepted"));
    assert_eq!(whole.data.pointer("/status/ancestors/0/ancestorRef/name"), Some(&json!("public")));
}
