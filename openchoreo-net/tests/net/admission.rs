//! Who is let in by what is rendered, as a gateway decides it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use jiff::Timestamp;
use openchoreo_embedded::simulators::GatewayProtocol;
use openchoreo_embedded::simulators::gateway::{
    Circumstances, KeySource, Objects, Outcome, RequestCounts, Rules, SignatureError,
};
use openchoreo_net::{EnvoyGateway, PathStyle};
use openchoreo_types::v1alpha1::Environment;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::inputs;
use crate::schemas::as_stored;
use crate::support::{endpoint, environment_with_keys, json_of, oauth2, public, render};

pub(crate) const CONTROLLER: &str = "example/controller";
pub(crate) const HOST: &str = "acme-shop-cart-6e781028-development.choreoapps.localhost";
pub(crate) const STYLES: [PathStyle; 2] = [PathStyle::BasePath, PathStyle::ProjectAndComponent];

/// A gateway with the objects of an endpoint, as an API server stores them.
pub(crate) fn rules(rendered: &[Value]) -> Rules {
    let api = "gateway.networking.k8s.io/v1";
    let listeners = json!([{"name": "https", "port": 443, "protocol": "HTTPS",
        "allowedRoutes": {"namespaces": {"from": "All"}}}]);
    // The Service has the ports that the routes lead to.
    let backends = rendered.iter().filter_map(|object| object.pointer("/spec/rules/0/backendRefs/0/port"));
    let ports: Vec<Value> = backends.map(|port| json!({"port": port})).collect();
    let mut objects = vec![
        json!({"apiVersion": api, "kind": "GatewayClass", "metadata": {"name": "c"},
            "spec": {"controllerName": CONTROLLER}}),
        json!({"apiVersion": api, "kind": "Gateway",
            "metadata": {"name": "choreo-external-gateway", "namespace": "choreo-system"},
            "spec": {"gatewayClassName": "c", "listeners": listeners}}),
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "cart-main-b954b7cc", "namespace": "dp-acme-shop-development-cea56a34"},
            "spec": {"ports": ports}}),
    ];
    objects.extend(rendered.iter().map(as_stored));
    Objects::read(CONTROLLER, &objects).rules("choreo-system", "choreo-external-gateway", GatewayProtocol::Https)
}

/// What becomes of a request at a path of the endpoint's host, perhaps with the claims of a token that counts.
pub(crate) fn ask(
    rules: &Rules,
    method: &str,
    path: &str,
    claims: Option<Value>,
    counts: &mut RequestCounts,
) -> Outcome {
    ask_at(rules, method, &format!("https://{HOST}{path}"), claims, counts)
}

/// The same at a URL.
pub(crate) fn ask_at(
    rules: &Rules,
    method: &str,
    url: &str,
    claims: Option<Value>,
    counts: &mut RequestCounts,
) -> Outcome {
    let mut request = Request::builder().method(method).uri(url);
    if let Some(claims) = claims {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        request = request.header("authorization", format!("Bearer {}.{}.AAAA", part(&json!({})), part(&claims)));
    }
    decide(rules, request, counts)
}

fn decide(rules: &Rules, request: http::request::Builder, counts: &mut RequestCounts) -> Outcome {
    // Which keys are asked for is what is checked here; signatures are the business of the gateway's own tests.
    let verifier = |_: &str, keys: KeySource<'_>| match keys {
        KeySource::Remote("https://keys.example/jwks") => Ok(()),
        KeySource::Remote(_) | KeySource::Local(_) => Err(SignatureError::NoKeys),
    };
    let client = [192, 0, 2, 1].into();
    let circumstances = Circumstances { client, now: Timestamp::UNIX_EPOCH, verifier: &verifier, counts };
    rules.decide(&request.body(()).unwrap(), circumstances).outcome
}

/// The status of a refusal, or the path that the workload sees.
pub(crate) fn told(outcome: Outcome) -> Result<String, u16> {
    match outcome {
        Outcome::Forwarded(to) => Ok(to.path),
        Outcome::NoRoute => Err(404),
        Outcome::Refused { status, .. } => Err(status.as_u16()),
        other => panic!("{other:?}"),
    }
}

fn protected(paths: PathStyle) -> Vec<Value> {
    let operations = json!([
        {"method": "GET", "target": "/items/{id}", "scopes": ["items:read"]},
        {"method": "POST", "target": "/items", "scopes": []},
    ]);
    let cors = json!({"name": "browsers", "type": "cors", "policySpec": {"cors": {
        "allowCredentials": false, "allowOrigins": ["https://shop.example"], "allowMethods": ["GET"],
        "allowHeaders": ["authorization"], "exposeHeaders": [], "maxAge": 600,
    }}});
    let endpoint = endpoint(public(json!([oauth2(operations), cors])));
    json_of(render(&EnvoyGateway::with_paths(paths), &endpoint, &environment_with_keys()).unwrap())
}

/// Where an endpoint's base path is on its host.
fn base(paths: PathStyle) -> &'static str {
    match paths {
        PathStyle::BasePath => "/api",
        PathStyle::ProjectAndComponent => "/shop/cart/api",
    }
}

#[test]
fn an_operation_is_for_tokens_with_its_scopes_and_claims() {
    let good = || json!({"aud": "shop", "scope": "items:read", "tier": "gold"});
    let without = |claim: &str| {
        let mut claims = good();
        claims.as_object_mut().unwrap().remove(claim);
        claims
    };
    for paths in STYLES {
        let (rules, base) = (rules(&protected(paths)), base(paths));
        let ask = |method: &str, path: &str, claims: Option<Value>| {
            told(ask(&rules, method, &format!("{base}{path}"), claims, &mut RequestCounts::default()))
        };
        let item = "/items/7";
        assert_eq!(ask("GET", item, Some(good())), Ok("/api/items/7".to_owned()), "{paths:?}");
        assert_eq!(ask("POST", "/items", Some(without("scope"))), Ok("/api/items".to_owned()), "{paths:?}");
        assert_eq!(ask("GET", item, None), Err(401));
        assert_eq!(ask("GET", item, Some(without("aud"))), Err(403));
        assert_eq!(ask("GET", item, Some(without("scope"))), Err(403));
        assert_eq!(ask("GET", item, Some(without("tier"))), Err(403));
        let mut expired = good();
        expired["exp"] = json!(-1000);
        assert_eq!(ask("GET", item, Some(expired)), Err(401));
        // What is no operation is denied to everybody.
        for (method, path) in [("DELETE", item), ("GET", "/items/7/8"), ("GET", ""), ("PUT", "/items")] {
            assert_eq!(ask(method, path, Some(good())), Err(403), "{method} {path}");
            assert_eq!(ask(method, path, None), Err(403), "{method} {path}");
        }
        let preflight = Request::builder().method("OPTIONS").uri(format!("https://{HOST}{base}{item}"));
        let preflight = preflight.header("access-control-request-method", "GET");
        let of = |origin: &str| decide(&rules, preflight_of(&preflight, origin), &mut RequestCounts::default());
        assert_eq!(of("https://shop.example"), Outcome::Preflight);
        assert_eq!(told(of("https://evil.example")), Err(403));
    }
}

fn preflight_of(request: &http::request::Builder, origin: &str) -> http::request::Builder {
    let (method, uri) = (request.method_ref().unwrap().clone(), request.uri_ref().unwrap().clone());
    let copy = Request::builder().method(method).uri(uri).header("origin", origin);
    request.headers_ref().unwrap().iter().fold(copy, |copy, (name, value)| copy.header(name, value))
}

#[test]
fn nobody_is_let_in_while_the_objects_of_a_protected_endpoint_come() {
    for paths in STYLES {
        let objects = protected(paths);
        for written in 0..=objects.len() {
            let rules = rules(&objects[..written]);
            for (method, path) in [("GET", "/items/7"), ("POST", "/items"), ("GET", "/"), ("OPTIONS", "/items")] {
                let outcome =
                    ask(&rules, method, &format!("{}{path}", base(paths)), None, &mut RequestCounts::default());
                assert!(told(outcome).is_err(), "{method} {path} after {written} writes");
            }
        }
    }
}

#[test]
fn requests_beyond_the_limit_are_refused() {
    let limit = json!({"name": "calm", "type": "rate-limit", "policySpec": {"rateLimit": {
        "apiLevel": {"requestLimit": 3, "timeUnit": "minute"}, "operationLevel": {"rest": []},
    }}});
    let endpoint = endpoint(public(json!([limit])));
    let gateway = EnvoyGateway::with_paths(PathStyle::BasePath);
    let rules = rules(&json_of(render(&gateway, &endpoint, &Environment::default()).unwrap()));
    let mut counts = RequestCounts::default();
    let mut asked = || told(ask(&rules, "GET", "/api", None, &mut counts)).err();
    assert_eq!([asked(), asked(), asked(), asked()], [None, None, None, Some(429)]);
}

proptest! {
    /// The gateway understands every policy that is rendered, and takes none with tokens for an open one.
    #[test]
    fn what_is_rendered_is_understood(input in inputs::endpoint(), style in 0..STYLES.len()) {
        let endpoint = serde_json::from_value(input.endpoint.clone()).unwrap();
        let environment = serde_json::from_value(input.environment).unwrap();
        let Ok(rendered) = render(&EnvoyGateway::with_paths(STYLES[style]), &endpoint, &environment) else {
            return Ok(());
        };
        let objects = json_of(rendered);
        let rules = rules(&objects);
        let asks_for_tokens = objects.iter().any(|object| object["spec"].get("jwt").is_some());
        let matches = objects.iter().filter_map(|object| object.pointer("/spec/rules/0/matches/0"));
        for one in matches.filter(|one| one["path"]["type"] == "PathPrefix") {
            let path = one["path"]["value"].as_str().unwrap_or_default();
            let outcome = ask(&rules, "GET", path, None, &mut RequestCounts::default());
            match told(outcome) {
                Ok(_) => prop_assert!(!asks_for_tokens, "{path}"),
                Err(status) => prop_assert!([401, 403].contains(&status) && asks_for_tokens, "{status} at {path}"),
            }
        }
    }
}
