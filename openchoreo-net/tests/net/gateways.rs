//! What gateways render, and what they refuse to.

use std::collections::BTreeSet;

use openchoreo_core::extension::{Gateway, RenderError};
use openchoreo_core::kind::Kind;
use openchoreo_net::{EnvoyGateway, GatewayApi, PathStyle};
use openchoreo_types::v1alpha1::Environment;
use serde_json::{Value, json};

use crate::support::{endpoint, environment_with_keys, json_of, oauth2, public, render};

const ENVOY: EnvoyGateway = EnvoyGateway::with_paths(PathStyle::BasePath);
const PLAIN: GatewayApi = GatewayApi::with_paths(PathStyle::BasePath);

fn cors() -> Value {
    json!({"name": "browsers", "type": "cors", "policySpec": {"cors": {
        "allowCredentials": true, "allowOrigins": ["https://shop.example"], "allowMethods": ["GET", "POST"],
        "allowHeaders": ["x-token"], "exposeHeaders": [], "maxAge": 600,
    }}})
}

fn rate_limit(unit: &str) -> Value {
    json!({"name": "calm", "type": "rate-limit", "policySpec": {"rateLimit": {
        "apiLevel": {"requestLimit": 100, "timeUnit": unit}, "operationLevel": {"rest": []},
    }}})
}

#[test]
fn an_open_endpoint_is_one_route() {
    for gateway in [&ENVOY as &dyn Gateway, &PLAIN] {
        let rendered = render(gateway, &endpoint(public(json!([]))), &Environment::default()).unwrap();
        insta::assert_yaml_snapshot!("open_endpoint", json_of(rendered));
    }
}

#[test]
fn tokens_are_asked_for_by_each_operation_and_all_else_is_denied() {
    let operations = json!([
        {"method": "GET", "target": "/items/{id}", "scopes": ["items:read"]},
        {"method": "POST", "target": "/items", "scopes": []},
    ]);
    let endpoint = endpoint(public(json!([oauth2(operations), cors()])));
    let rendered = render(&ENVOY, &endpoint, &environment_with_keys()).unwrap();
    insta::assert_yaml_snapshot!("oauth2", json_of(rendered));
}

#[test]
fn every_route_of_a_protected_endpoint_has_its_policy_before_it() {
    let operations = json!([
        {"method": "GET", "target": "/a", "scopes": ["s"]}, {"method": "PUT", "target": "/a", "scopes": ["s"]},
        {"method": "GET", "target": "/b/{id}", "scopes": ["s"]},
    ]);
    for paths in [PathStyle::BasePath, PathStyle::ProjectAndComponent] {
        let gateway = EnvoyGateway::with_paths(paths);
        let endpoint = endpoint(public(json!([oauth2(operations.clone())])));
        let rendered = render(&gateway, &endpoint, &environment_with_keys()).unwrap();
        let position = |kind: &str, name: &str| {
            rendered.iter().position(|object| object.kind().kind == kind && object.key().name == *name)
        };
        let routes: Vec<_> = rendered.iter().filter(|object| object.kind().kind == "HTTPRoute").collect();
        assert_eq!(routes.len(), 4);
        for route in routes {
            let name = &route.key().name;
            let (policy, route) =
                (position("SecurityPolicy", name).expect("a policy"), position("HTTPRoute", name).unwrap());
            assert!(policy < route, "{name}");
            let spec = &rendered[policy].json()["spec"];
            assert_eq!(spec["targetRefs"][0]["name"], *name);
            assert_eq!(spec["authorization"]["defaultAction"], "Deny", "{name}");
        }
    }
}

#[test]
fn limits_and_cross_origin_rules_are_policies_of_the_route() {
    let endpoint = endpoint(public(json!([cors(), rate_limit("minute")])));
    insta::assert_yaml_snapshot!(
        "cors_and_limit",
        json_of(render(&ENVOY, &endpoint, &Environment::default()).unwrap())
    );
}

#[test]
fn a_backend_sees_its_own_path_where_components_share_a_host() {
    let gateway = EnvoyGateway::with_paths(PathStyle::ProjectAndComponent);
    let rendered = render(&gateway, &endpoint(public(json!([]))), &Environment::default()).unwrap();
    let rule = rendered[0].json()["spec"]["rules"][0].clone();
    assert_eq!(rule["matches"][0]["path"]["value"], "/shop/cart/api");
    let rewrite = json!({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/api"});
    assert_eq!(rule["filters"][0]["urlRewrite"]["path"], rewrite);
}

#[test]
fn browsers_are_told_how_long_an_answer_holds_where_someone_wrote_so() {
    for (seconds, expected) in [(0, Value::Null), (1, "1s".into()), (600, "600s".into())] {
        let mut policy = cors();
        policy["policySpec"]["cors"]["maxAge"] = seconds.into();
        let rendered = render(&ENVOY, &endpoint(public(json!([policy]))), &Environment::default()).unwrap();
        assert_eq!(rendered[0].json()["spec"]["cors"]["maxAge"], expected, "{seconds}");
    }
}

#[test]
fn a_gateway_names_exactly_the_kinds_that_it_renders() {
    let read = json!([{"method": "GET", "target": "/a", "scopes": ["s"]}]);
    let envoy = EnvoyGateway::with_paths(PathStyle::ProjectAndComponent);
    let protected = [json!([oauth2(read)]), json!([cors(), rate_limit("hour")])];
    for (gateway, exposures) in [(&envoy as &dyn Gateway, protected.as_slice()), (&PLAIN, &[json!([])])] {
        let rendered = exposures.iter().map(|policies| endpoint(public(policies.clone())));
        let rendered = rendered.flat_map(|endpoint| render(gateway, &endpoint, &environment_with_keys()).unwrap());
        let rendered: BTreeSet<Kind> = rendered.map(|object| object.kind()).collect();
        let named: BTreeSet<Kind> = gateway.kinds().into_iter().collect();
        assert_eq!(rendered, named, "what a plane must serve, and what is watched there");
    }
}

#[test]
fn what_cannot_be_protected_is_not_rendered() {
    let read = json!([{"method": "GET", "target": "/a", "scopes": ["s"]}]);
    let twice =
        json!([{"method": "GET", "target": "/a", "scopes": ["s"]}, {"method": "GET", "target": "/a", "scopes": []}]);
    let of_type = |type_: &str| json!({"name": "p", "type": type_, "policySpec": {}});
    let mut graphql = oauth2(read.clone());
    graphql["policySpec"]["oauth2"]["jwt"]["authorization"]["apiType"] = "GraphQL".into();
    let mut everyone = cors();
    everyone["policySpec"]["cors"]["allowOrigins"] = json!(["*"]);
    let mut every_host = cors();
    every_host["policySpec"]["cors"]["allowOrigins"] = json!(["https://shop.example", "https://*"]);
    let mut no_name = cors();
    no_name["policySpec"]["cors"]["allowHeaders"] = json!(["x token"]);
    let renamed = json!([
        {"method": "GET", "target": "/a/{id}", "scopes": ["s"]}, {"method": "GET", "target": "/a/{name}", "scopes": []},
    ]);
    let claims = |claims: Value| {
        let mut policy = oauth2(read.clone());
        policy["policySpec"]["oauth2"]["jwt"]["claims"] = claims;
        json!([policy])
    };
    let cases = [
        ("credentials for every host", json!([every_host])),
        ("a header that has no name", json!([no_name])),
        ("an operation listed twice with another parameter", json!([oauth2(renamed)])),
        ("a claim asked for twice", claims(json!([{"key": "aud", "values": ["a"]}, {"key": "aud", "values": ["b"]}]))),
        ("a claim without a value", claims(json!([{"key": "tier", "values": []}]))),
        ("an empty audience", claims(json!([{"key": "aud", "values": [""]}]))),
        ("api keys", json!([of_type("api-key")])),
        ("passwords", json!([of_type("basic-auth")])),
        ("mediation", json!([of_type("mediation")])),
        ("an unknown type", json!([of_type("magic")])),
        ("one good and one unknown policy", json!([cors(), of_type("magic")])),
        ("tokens without settings", json!([of_type("oauth2")])),
        ("tokens without operations", json!([oauth2(json!([]))])),
        ("an operation listed twice", json!([oauth2(twice)])),
        ("tokens for GraphQL", json!([graphql])),
        ("tokens twice", json!([oauth2(read.clone()), oauth2(read.clone())])),
        ("tokens with a limit", json!([oauth2(read.clone()), rate_limit("second")])),
        ("a limit per fortnight", json!([rate_limit("fortnight")])),
        ("credentials for everyone", json!([everyone])),
        (
            "an operation outside of the path",
            json!([oauth2(json!([{"method": "GET", "target": "/../x", "scopes": []}]))]),
        ),
    ];
    for (what, policies) in cases {
        let endpoint = endpoint(public(policies));
        assert!(render(&ENVOY, &endpoint, &environment_with_keys()).is_err(), "{what}");
        assert!(render(&PLAIN, &endpoint, &environment_with_keys()).is_err(), "{what}");
    }
    let with_tokens = endpoint(public(json!([oauth2(read.clone())])));
    let error = render(&ENVOY, &with_tokens, &Environment::default()).unwrap_err();
    assert!(error.to_string().contains("spec.gateway.security.remoteJwks.uri"), "{error}");
    for policy in [oauth2(read), cors(), rate_limit("hour")] {
        let endpoint = endpoint(public(json!([policy])));
        assert!(render(&ENVOY, &endpoint, &environment_with_keys()).is_ok(), "{policy}");
        let error = render(&PLAIN, &endpoint, &environment_with_keys()).unwrap_err();
        assert!(matches!(error, RenderError::Unsupported { .. }), "{error}");
    }
}

#[test]
fn tokens_are_held_to_issuer_audience_and_claims() {
    let mut policy = oauth2(json!([{"method": "GET", "target": "/a", "scopes": []}]));
    let claims = |issuers: Value| json!([{"key": "iss", "values": issuers}, {"key": "aud", "values": ["a", "b"]}, {"key": "tier", "values": ["gold"]}]);
    let mut security = |issuers: Value| {
        policy["policySpec"]["oauth2"]["jwt"]["claims"] = claims(issuers);
        let endpoint = endpoint(public(json!([policy])));
        let rendered = render(&ENVOY, &endpoint, &environment_with_keys()).unwrap();
        rendered.into_iter().find(|object| object.kind().kind == "SecurityPolicy").unwrap().json()
    };
    let rule = |policy: &Value| policy["spec"]["authorization"]["rules"][0]["principal"]["jwt"]["claims"].clone();
    let one = security(json!(["https://issuer.example"]));
    let provider = &one["spec"]["jwt"]["providers"][0];
    assert_eq!(provider["issuer"], "https://issuer.example");
    assert_eq!(provider["audiences"], json!(["a", "b"]));
    assert_eq!(rule(&one), json!([{"name": "tier", "valueType": "String", "values": ["gold"]}]));
    // A gateway compares with one issuer; more are a claim, of which one value must fit.
    let several = security(json!(["https://one.example", "https://two.example"]));
    assert_eq!(several["spec"]["jwt"]["providers"][0].get("issuer"), None);
    assert_eq!(rule(&several)[0]["values"], json!(["https://one.example", "https://two.example"]));
    assert_eq!(several["spec"]["authorization"]["defaultAction"], "Deny");
}

#[test]
fn what_has_no_route_for_http_is_not_rendered() {
    let edits: [(&str, Value); 7] = [
        ("/spec/type", json!("TCP")),
        ("/spec/type", json!("UDP")),
        ("/spec/type", json!("gRPC")),
        ("/spec/backendRef/type", json!("target")),
        ("/spec/backendRef/componentRef/port", json!(0)),
        ("/spec/backendRef/basePath", json!("/a/../b")),
        ("/spec/backendRef/basePath", json!("relative")),
    ];
    for (pointer, value) in edits {
        let mut json = serde_json::to_value(endpoint(public(json!([])))).unwrap();
        *json.pointer_mut(pointer).unwrap() = value.clone();
        let endpoint = serde_json::from_value(json).unwrap();
        assert!(render(&ENVOY, &endpoint, &Environment::default()).is_err(), "{pointer} {value}");
    }
}
