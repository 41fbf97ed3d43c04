//! Requests are let in or not as the objects say: one table of cases for each kind of protection, with nothing running.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Request, StatusCode};
use jiff::Timestamp;
use openchoreo_embedded::simulators::GatewayProtocol;
use openchoreo_embedded::simulators::gateway::{
    Circumstances, Decision, KeySets, KeySource, Objects, Outcome, RequestCounts, Rules, SignatureError, TokenVerifier,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const CONTROLLER: &str = "example/controller";
const NOW: i64 = 1_800_000_000;
const KEYS: &str = "https://keys.example/jwks";
const SECRET: &[u8] = b"a secret of the tests, long enough";
const GATEWAY_API: &str = "gateway.networking.k8s.io/v1";
const ENVOY: &str = "gateway.envoyproxy.io/v1alpha1";

/// An object of namespace `shop`.
fn object(api: &str, kind: &str, name: &str, spec: Value) -> Value {
    json!({ "apiVersion": api, "kind": kind, "metadata": { "name": name, "namespace": "shop" }, "spec": spec })
}

/// A Gateway `public` with a Service `web` behind it.
fn ground() -> Vec<Value> {
    let class = json!({ "apiVersion": GATEWAY_API, "kind": "GatewayClass", "metadata": { "name": "c" },
        "spec": { "controllerName": CONTROLLER } });
    let listeners = json!([{ "name": "https", "port": 443, "protocol": "HTTPS" }]);
    vec![
        class,
        object(GATEWAY_API, "Gateway", "public", json!({ "gatewayClassName": "c", "listeners": listeners })),
        object("v1", "Service", "web", json!({ "ports": [{ "port": 80 }] })),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "keys", "namespace": "shop" },
            "data": { "alice": "YWxpY2Uta2V5", "bob": "Ym9iLWtleQ==" } }),
    ]
}

/// A route with one rule for everything, and what the rule has besides.
fn route(name: &str, rule: Value) -> Value {
    let mut whole = json!({ "name": "all", "backendRefs": [{ "name": "web", "port": 80 }] });
    if let (Some(whole), Value::Object(rule)) = (whole.as_object_mut(), rule) {
        whole.extend(rule);
    }
    object(GATEWAY_API, "HTTPRoute", name, json!({ "parentRefs": [{ "name": "public" }], "rules": [whole] }))
}

fn target(kind: &str, name: &str) -> Value {
    json!({ "group": "gateway.networking.k8s.io", "kind": kind, "name": name })
}

/// A policy of a kind for route `web`.
fn policy(kind: &str, name: &str, spec: Value) -> Value {
    let mut policy = object(ENVOY, kind, name, spec);
    if policy["spec"].get("targetRefs").is_none() {
        policy["spec"]["targetRefs"] = json!([target("HTTPRoute", "web")]);
    }
    policy
}

fn security(spec: Value) -> Value {
    policy("SecurityPolicy", "web", spec)
}

/// A cluster, somebody who asks it, and the time.
struct World {
    rules: Rules,
    verifier: Box<dyn TokenVerifier>,
    counts: RefCell<RequestCounts>,
    now: i64,
}

impl World {
    fn of(objects: &[Value]) -> Self {
        let all: Vec<Value> = ground().into_iter().chain(objects.iter().cloned()).collect();
        let rules = Objects::read(CONTROLLER, &all).rules("shop", "public", GatewayProtocol::Https);
        Self { rules, verifier: Box::new(key_sets()), counts: RefCell::default(), now: NOW }
    }

    /// A route `web` with one SecurityPolicy.
    fn secured(spec: Value) -> Self {
        Self::of(&[route("web", json!({})), security(spec)])
    }

    fn decide(&self, request: &Request<()>, client: &str) -> Decision {
        let circumstances = Circumstances {
            client: client.parse().unwrap(),
            now: Timestamp::from_second(self.now).unwrap(),
            verifier: &*self.verifier,
            counts: &mut self.counts.borrow_mut(),
        };
        self.rules.decide(request, circumstances)
    }

    /// The status that a request with headers gets; 0 where it is let in to the Service `web`.
    fn ask(&self, method: &str, url: &str, headers: &[(&str, &str)]) -> u16 {
        status(&self.decide(&request(method, url, headers), "192.0.2.1"))
    }

    fn ask_with_token(&self, claims: Value) -> u16 {
        self.ask("GET", "/", &[("authorization", &format!("Bearer {}", token(&claims)))])
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let builder = Request::builder().method(method).uri(format!("https://web.example{path}"));
    headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(()).unwrap()
}

fn status(decision: &Decision) -> u16 {
    match (decision.status(), decision.destination()) {
        (Some(status), None) => status.as_u16(),
        (None, Some(to)) => {
            assert_eq!((to.namespace.as_str(), to.name.as_str(), to.port), ("shop", "web", 80));
            0
        }
        other => panic!("{other:?} of {decision:?}"),
    }
}

pub(crate) fn key_set() -> String {
    json!({ "keys": [{ "kty": "oct", "kid": "1", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(SECRET) }] }).to_string()
}

fn key_sets() -> KeySets {
    KeySets::default().with(KEYS, key_set())
}

/// A token with claims, signed with the key of the tests.
pub(crate) fn token(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({ "alg": "HS256", "kid": "1" })), part(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET);
    let signature = URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes()));
    format!("{message}.{signature}")
}

/// Tokens of one provider, and rules about them.
fn jwt(provider: Value, authorization: Value) -> Value {
    let mut whole = json!({ "name": "default", "remoteJWKS": { "uri": KEYS } });
    if let (Some(whole), Value::Object(provider)) = (whole.as_object_mut(), provider) {
        whole.extend(provider);
    }
    let mut spec = json!({ "jwt": { "providers": [whole] } });
    if !authorization.is_null() {
        spec["authorization"] = authorization;
    }
    spec
}

/// Denies all but what a principal of tokens allows.
fn allow(principal: Value) -> Value {
    let mut jwt = json!({ "provider": "default" });
    if let (Some(jwt), Value::Object(principal)) = (jwt.as_object_mut(), principal) {
        jwt.extend(principal);
    }
    json!({ "defaultAction": "Deny", "rules": [{ "action": "Allow", "principal": { "jwt": jwt } }] })
}

#[test]
fn an_open_route_lets_everybody_in() {
    let world = World::of(&[route("web", json!({ "matches": [{ "path": { "value": "/a" } }] }))]);
    assert_eq!(world.ask("GET", "/a/b", &[]), 0);
    assert_eq!(world.ask("GET", "/b", &[]), 404);
    let decision = world.decide(&request("GET", "/a", &[]), "192.0.2.1");
    assert_eq!(
        decision.rule.map(|rule| (rule.namespace, rule.name, rule.index)),
        Some(("shop".into(), "web".into(), 0))
    );
}

#[test]
fn tokens_are_held_to_signature_issuer_audience_and_time() {
    let world = World::secured(jwt(json!({ "issuer": "me", "audiences": ["a", "b"] }), Value::Null));
    let cases = [
        (json!({ "iss": "me", "aud": "a" }), 0),
        (json!({ "iss": "me", "aud": ["x", "b"], "exp": NOW + 60, "nbf": NOW - 60 }), 0),
        (json!({ "iss": "me", "aud": "a", "exp": NOW - 60 }), 0),
        (json!({ "iss": "me", "aud": "a", "exp": NOW - 61 }), 401),
        (json!({ "iss": "me", "aud": "a", "nbf": NOW + 61 }), 401),
        (json!({ "iss": "me", "aud": "a", "exp": "tomorrow" }), 401),
        (json!({ "iss": "you", "aud": "a" }), 401),
        (json!({ "aud": "a" }), 401),
        (json!({ "iss": ["me"], "aud": "a" }), 401),
        // Envoy forbids what is for others, rather than asking for another token.
        (json!({ "iss": "me", "aud": "x" }), 403),
        (json!({ "iss": "me" }), 403),
        (json!({ "iss": "me", "aud": 1 }), 401),
        (json!([1]), 401),
    ];
    for (claims, expected) in cases {
        assert_eq!(world.ask_with_token(claims.clone()), expected, "{claims}");
    }
    let good = token(&json!({ "iss": "me", "aud": "a" }));
    let (message, _) = good.rsplit_once('.').unwrap();
    let unsigned = good.replacen(&good[..good.find('.').unwrap()], &URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), 1);
    let with = |header: &str| world.ask("GET", "/", &[("authorization", header)]);
    assert_eq!(with(&format!("Bearer {message}.AAAA")), 401);
    assert_eq!(with(&format!("Bearer {message}.")), 401);
    assert_eq!(with(&format!("Bearer {unsigned}")), 401);
    assert_eq!(with("Bearer "), 401);
    assert_eq!(with("Bearer a.b"), 401);
    assert_eq!(with(&format!("Basic {good}")), 401);
    assert_eq!(world.ask("GET", &format!("/?access_token={good}"), &[]), 0);
    let both = [("authorization", "Bearer a.b.c")];
    assert_eq!(world.ask("GET", &format!("/?access_token={good}"), &both), 401);
}

#[test]
fn a_token_whose_keys_nobody_has_is_refused() {
    let claims = json!({ "sub": "me" });
    let mut world = World::secured(jwt(json!({ "remoteJWKS": { "uri": "https://other.example/jwks" } }), Value::Null));
    assert_eq!(world.ask_with_token(claims.clone()), 401);
    // Whoever asks may have their own way of verifying.
    world.verifier = Box::new(|_: &str, keys: KeySource<'_>| match keys {
        KeySource::Remote("https://other.example/jwks") => Ok(()),
        _ => Err(SignatureError::NoKeys),
    });
    assert_eq!(world.ask_with_token(claims.clone()), 0);

    let local = |local: Value| jwt(json!({ "remoteJWKS": null, "localJWKS": local }), Value::Null);
    assert_eq!(World::secured(local(json!({ "inline": key_set() }))).ask_with_token(claims.clone()), 0);
    assert_eq!(World::secured(local(json!({ "inline": "{}" }))).ask_with_token(claims.clone()), 401);
    let named = local(json!({ "type": "ValueRef", "valueRef": { "group": "", "kind": "ConfigMap", "name": "set" } }));
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "set", "namespace": "shop" },
        "data": { "jwks": key_set() } });
    assert_eq!(World::secured(named.clone()).ask_with_token(claims.clone()), 500);
    assert_eq!(World::of(&[route("web", json!({})), security(named), map]).ask_with_token(claims), 0);
}

#[test]
fn a_refusal_asks_for_a_token_as_envoy_does() {
    let world = World::secured(jwt(json!({}), Value::Null));
    let challenge = |headers: &[(&str, &str)]| {
        let decision = world.decide(&request("GET", "/a?b=c", headers), "192.0.2.1");
        let text = decision.headers.get("www-authenticate").and_then(|value| value.to_str().ok()).map(str::to_owned);
        (decision.outcome, text.unwrap())
    };
    let refused = |text: &str| Outcome::Refused { status: StatusCode::UNAUTHORIZED, text: text.to_owned() };
    let (outcome, text) = challenge(&[]);
    assert_eq!(outcome, refused("Jwt is missing"));
    assert_eq!(text, r#"Bearer realm="https://web.example/a?b=c""#);
    let expired = format!("Bearer {}", token(&json!({ "exp": 1 })));
    let (outcome, text) = challenge(&[("authorization", &expired)]);
    assert_eq!(outcome, refused("Jwt is expired"));
    assert_eq!(text, r#"Bearer realm="https://web.example/a?b=c", error="invalid_token""#);
}

#[test]
fn scopes_and_claims_decide_what_a_token_is_good_for() {
    let principal = json!({
        "scopes": ["read", "list"],
        "claims": [{ "name": "tier", "values": ["gold", "silver"] },
            { "name": "of.groups", "valueType": "StringArray", "values": ["staff"] }],
    });
    let world = World::secured(jwt(json!({}), allow(principal)));
    let cases = [
        (json!({ "scope": "list read x", "tier": "gold", "of": { "groups": ["staff"] } }), 0),
        (json!({ "scp": ["list", "read"], "tier": "silver", "of": { "groups": ["a", "staff"] } }), 0),
        (json!({ "scope": "read", "tier": "gold", "of": { "groups": ["staff"] } }), 403),
        (json!({ "scope": "reader lists", "tier": "gold", "of": { "groups": ["staff"] } }), 403),
        (json!({ "scope": "list read", "tier": "lead", "of": { "groups": ["staff"] } }), 403),
        (json!({ "scope": "list read", "tier": ["gold"], "of": { "groups": ["staff"] } }), 403),
        (json!({ "scope": "list read", "tier": "gold", "of": { "groups": "staff" } }), 403),
        (json!({ "scope": "list read", "tier": "gold", "of.groups": ["staff"] }), 403),
        (json!({}), 403),
    ];
    for (claims, expected) in cases {
        assert_eq!(world.ask_with_token(claims.clone()), expected, "{claims}");
    }
    assert_eq!(world.ask("GET", "/", &[]), 401);
}

#[test]
fn optional_tokens_may_be_missing_and_not_wrong() {
    let with = |field: &str| {
        let mut spec = jwt(json!({}), allow(json!({ "scopes": ["s"] })));
        spec["jwt"][field] = json!(true);
        spec["authorization"]["rules"][0]["operation"] = json!({ "methods": ["POST"] });
        spec["authorization"]["defaultAction"] = json!("Allow");
        World::secured(spec)
    };
    let wrong = [("authorization", "Bearer a.b.c")];
    assert_eq!(with("optional").ask("GET", "/", &[]), 0);
    assert_eq!(with("optional").ask("GET", "/", &wrong), 401);
    assert_eq!(with("failOpen").ask("GET", "/", &wrong), 0);
    // A token that does not count holds no scope.
    let mut strict = jwt(json!({}), allow(json!({ "scopes": ["s"] })));
    strict["jwt"]["failOpen"] = json!(true);
    assert_eq!(World::secured(strict).ask("GET", "/", &wrong), 403);
}

#[test]
fn rules_about_callers_are_taken_in_order() {
    let rule = |action: &str, principal: Value| json!({ "action": action, "principal": principal });
    let with = |default: Option<&str>, rules: Value| {
        let mut authorization = json!({ "rules": rules });
        authorization
            .as_object_mut()
            .unwrap()
            .extend(default.map(|action| ("defaultAction".to_owned(), json!(action))));
        World::secured(json!({ "authorization": authorization }))
    };
    let ask = |world: &World, client: &str| status(&world.decide(&request("GET", "/", &[]), client));
    let (inner, outer) =
        (json!({ "clientCIDRs": ["10.1.0.0/16"] }), json!({ "clientCIDRs": ["10.0.0.0/8", "2001:db8::/32"] }));
    let world = with(None, json!([rule("Deny", inner.clone()), rule("Allow", outer.clone())]));
    for (client, expected) in [("10.1.0.1", 403), ("10.2.0.1", 0), ("2001:db8::1", 0), ("192.0.2.1", 403)] {
        assert_eq!(ask(&world, client), expected, "{client}");
    }
    let world = with(Some("Deny"), json!([rule("Allow", outer), rule("Deny", inner)]));
    assert_eq!(ask(&world, "10.1.0.1"), 0);
    assert_eq!(ask(&with(Some("Deny"), json!([])), "10.1.0.1"), 403);
    assert_eq!(ask(&with(Some("Allow"), json!([])), "10.1.0.1"), 0);

    let mut staff = rule("Allow", json!({ "headers": [{ "name": "X-Team", "values": ["a", "b"] }] }));
    staff["operation"] = json!({ "methods": ["get"], "path": { "value": "/in" } });
    let world = with(None, json!([staff]));
    assert_eq!(world.ask("GET", "/in/x", &[("x-team", "b")]), 0);
    for (method, path, team) in [("POST", "/in", "b"), ("GET", "/out", "b"), ("GET", "/inn", "b"), ("GET", "/in", "c")]
    {
        assert_eq!(world.ask(method, path, &[("x-team", team)]), 403, "{method} {path} {team}");
    }
}

#[test]
fn api_keys_are_those_of_the_secrets() {
    let auth = |extra: Value| {
        let mut auth = json!({
            "credentialRefs": [{ "name": "keys" }],
            "extractFrom": [{ "headers": ["x-key"] }, { "params": ["key"] }, { "cookies": ["key"] }],
        });
        auth.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
        World::secured(json!({ "apiKeyAuth": auth }))
    };
    let world = auth(json!({}));
    let cases = [
        ("/", ("x-key", "alice-key"), 0),
        ("/", ("x-key", "Bearer bob-key"), 0),
        ("/?key=alice%2Dkey", ("x-other", ""), 0),
        ("/", ("cookie", "a=b; key=bob-key"), 0),
        ("/", ("x-other", ""), 401),
        ("/?key=", ("x-key", ""), 401),
        ("/", ("x-key", "alice"), 401),
        ("/?key=alice-key", ("x-key", "wrong"), 401),
        ("/", ("authorization", "alice-key"), 401),
    ];
    for (path, header, expected) in cases {
        assert_eq!(world.ask("GET", path, &[header]), expected, "{path} {header:?}");
    }
    let broken = [
        json!({ "credentialRefs": [{ "name": "gone" }] }),
        json!({ "credentialRefs": [{ "name": "keys", "namespace": "elsewhere" }] }),
        json!({ "credentialRefs": [{ "name": "keys", "kind": "ConfigMap" }] }),
        json!({ "credentialRefs": [{ "name": "keys" }, { "name": "keys" }] }),
        json!({ "extractFrom": [] }),
        json!({ "extractFrom": [{ "headers": ["x-key"], "params": ["key"] }] }),
    ];
    for extra in broken {
        assert_eq!(auth(extra.clone()).ask("GET", "/", &[("x-key", "alice-key")]), 500, "{extra}");
    }
}

#[test]
fn known_origins_get_their_answer_before_anybody_asks_for_a_token() {
    let mut spec = jwt(json!({}), Value::Null);
    spec["cors"] = json!({
        "allowOrigins": ["https://shop.example", "https://*.other.example"], "allowMethods": ["GET", "POST"],
        "allowHeaders": ["*"], "exposeHeaders": ["x-a"], "maxAge": "10m", "allowCredentials": true,
    });
    let world = World::secured(spec);
    let preflight = |origin: &str| {
        let asks =
            [("origin", origin), ("access-control-request-method", "GET"), ("access-control-request-headers", "x-b")];
        world.decide(&request("OPTIONS", "/", &asks), "192.0.2.1")
    };
    let header = |headers: &HeaderMap, name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    for origin in ["https://shop.example", "https://a.b.other.example"] {
        let decision = preflight(origin);
        assert_eq!(decision.outcome, Outcome::Preflight);
        let expected = [
            ("access-control-allow-origin", origin),
            ("access-control-allow-methods", "GET, POST"),
            ("access-control-allow-headers", "x-b"),
            ("access-control-allow-credentials", "true"),
            ("access-control-max-age", "600"),
        ];
        for (name, value) in expected {
            assert_eq!(header(&decision.headers, name).as_deref(), Some(value), "{name}");
        }
    }
    for origin in ["https://shop.example.evil", "http://shop.example", "https://shopXexample", "null"] {
        let decision = preflight(origin);
        assert_eq!(status(&decision), 401, "{origin}");
        assert_eq!(header(&decision.headers, "access-control-allow-origin"), None);
    }
    let refused = world.decide(&request("GET", "/", &[("origin", "https://shop.example")]), "192.0.2.1");
    assert_eq!(status(&refused), 401);
    assert_eq!(header(&refused.headers, "access-control-allow-origin").as_deref(), Some("https://shop.example"));
    assert_eq!(header(&refused.headers, "access-control-expose-headers").as_deref(), Some("x-a"));
}

#[test]
fn limits_count_in_windows_of_the_given_time() {
    let limited = |limit: Value| {
        World::of(&[route("web", json!({})), policy("BackendTrafficPolicy", "web", json!({ "rateLimit": limit }))])
    };
    let minute = |extra: Value| {
        let mut rule = json!({ "limit": { "requests": 2, "unit": "Minute" } });
        rule.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
        rule
    };
    let asked = |world: &mut World, offsets: &[i64]| -> Vec<u16> {
        let at = |offset: &i64| {
            world.now = NOW + offset;
            world.ask("GET", "/", &[])
        };
        offsets.iter().map(at).collect()
    };
    let mut local = limited(json!({ "type": "Local", "local": { "rules": [minute(json!({}))] } }));
    assert_eq!(asked(&mut local, &[10, 20, 30, 69, 70, 75, 80, 130]), [0, 0, 429, 429, 0, 0, 429, 0]);
    // Windows that all proxies share begin with the minute, as the time of the tests does.
    let mut global = limited(json!({ "type": "Global", "global": { "rules": [minute(json!({}))] } }));
    assert_eq!(NOW % 60, 0);
    assert_eq!(asked(&mut global, &[50, 51, 52, 60, 61, 62]), [0, 0, 429, 0, 0, 429]);
    let mut shadow = limited(json!({ "local": { "rules": [minute(json!({ "shadowMode": true }))] } }));
    assert_eq!(asked(&mut shadow, &[0, 0, 0]), [0, 0, 0]);
    let mut nobody = limited(json!({ "local": { "rules": [{ "limit": { "requests": 0, "unit": "Day" } }] } }));
    assert_eq!(asked(&mut nobody, &[0]), [429]);

    let selected = json!({ "clientSelectors": [{ "headers": [{ "name": "x-user", "type": "Distinct" }] }] });
    let world = limited(json!({ "local": { "rules": [minute(selected)] } }));
    let user = |name: &str| world.ask("GET", "/", &[("x-user", name)]);
    assert_eq!([user("a"), user("a"), user("a"), user("b")], [0, 0, 429, 0]);
    assert_eq!([0; 3].map(|_| world.ask("GET", "/", &[])), [0, 0, 0]);

    for broken in [
        json!({ "type": "Local" }),
        json!({ "local": { "rules": [{ "limit": { "requests": 1, "unit": "Fortnight" } }] } }),
        json!({ "local": { "rules": [{ "limit": { "requests": 1, "unit": "Day" }, "cost": {} }] } }),
        json!({ "local": { "rules": [{ "limit": { "requests": -1, "unit": "Day" } }] } }),
        json!({ "local": { "rules": [minute(json!({ "clientSelectors": [{}] }))] } }),
    ] {
        assert_eq!(asked(&mut limited(broken.clone()), &[0]), [500], "{broken}");
    }
}

#[test]
fn a_limit_is_for_each_route_unless_it_is_shared() {
    let rules = |shared: bool| json!([{ "limit": { "requests": 1, "unit": "Hour" }, "shared": shared }]);
    for (shared, expected) in [(false, [0, 0, 429, 429]), (true, [0, 429, 429, 429])] {
        let of_gateway = json!({
            "targetRefs": [target("Gateway", "public")], "rateLimit": { "global": { "rules": rules(shared) } },
        });
        let world = World::of(&[
            route("a", json!({ "matches": [{ "path": { "value": "/a" } }] })),
            route("b", json!({ "matches": [{ "path": { "value": "/b" } }] })),
            policy("BackendTrafficPolicy", "limits", of_gateway),
        ]);
        let asked = ["/a", "/b", "/a", "/b"].map(|path| world.ask("GET", path, &[]));
        assert_eq!(asked, expected, "shared: {shared}");
    }
}

#[test]
fn a_refused_request_is_not_counted() {
    let limit = json!({ "rateLimit": { "local": { "rules": [{ "limit": { "requests": 1, "unit": "Hour" } }] } } });
    let world = World::of(&[
        route("web", json!({})),
        security(jwt(json!({}), Value::Null)),
        policy("BackendTrafficPolicy", "web", limit),
    ]);
    assert_eq!([0; 3].map(|_| world.ask("GET", "/", &[])), [401, 401, 401]);
    assert_eq!([0; 2].map(|_| world.ask_with_token(json!({}))), [0, 429]);
}

#[test]
fn the_most_specific_policy_decides_alone_and_of_equals_the_oldest() {
    let policy = |name: &str, second: u8, target: Value, action: &str| {
        let spec = json!({ "targetRefs": [target], "authorization": { "defaultAction": action } });
        let mut policy = policy("SecurityPolicy", name, spec);
        policy["metadata"]["creationTimestamp"] = json!(format!("2026-01-01T00:00:{second:02}Z"));
        policy
    };
    let section = |kind: &str, name: &str, section: &str| {
        let mut target = target(kind, name);
        target["sectionName"] = json!(section);
        target
    };
    let targets = [
        target("Gateway", "public"),
        section("Gateway", "public", "https"),
        target("HTTPRoute", "web"),
        section("HTTPRoute", "web", "all"),
    ];
    for (index, broad) in targets.iter().enumerate() {
        for narrow in targets.iter().skip(index + 1) {
            for (of_broad, of_narrow, expected) in [("Deny", "Allow", 0), ("Allow", "Deny", 403)] {
                let objects = [
                    route("web", json!({})),
                    policy("broad", 1, broad.clone(), of_broad),
                    policy("narrow", 2, narrow.clone(), of_narrow),
                ];
                assert_eq!(World::of(&objects).ask("GET", "/", &[]), expected, "{broad} and {narrow}");
            }
        }
        let pair = |first: &str, second: &str| {
            let objects = [
                route("web", json!({})),
                policy("z-old", 1, broad.clone(), first),
                policy("a-new", 2, broad.clone(), second),
            ];
            World::of(&objects).ask("GET", "/", &[])
        };
        assert_eq!((pair("Deny", "Allow"), pair("Allow", "Deny")), (403, 0), "{broad}");
    }
    // What is not there is not protected, and protects nothing else.
    for elsewhere in [target("HTTPRoute", "other"), section("HTTPRoute", "web", "other"), target("TCPRoute", "web")] {
        let objects = [route("web", json!({})), policy("p", 1, elsewhere.clone(), "Deny")];
        assert_eq!(World::of(&objects).ask("GET", "/", &[]), 0, "{elsewhere}");
    }
    let mut labeled = route("web", json!({}));
    labeled["metadata"]["labels"] = json!({ "team": "a" });
    let selecting = |team: &str| {
        let selectors = json!([{ "kind": "HTTPRoute", "matchLabels": { "team": team } }]);
        let spec = json!({ "targetSelectors": selectors, "authorization": { "defaultAction": "Deny" } });
        World::of(&[labeled.clone(), object(ENVOY, "SecurityPolicy", "p", spec)]).ask("GET", "/", &[])
    };
    assert_eq!((selecting("a"), selecting("b")), (403, 0));
}

#[test]
fn a_filter_that_is_not_understood_is_not_skipped() {
    let extension = json!({ "type": "ExtensionRef", "extensionRef":
        { "group": "gateway.envoyproxy.io", "kind": "HTTPRouteFilter", "name": "f" } });
    let with = |filters: Value, spec: Option<Value>| {
        let filter = spec.map(|spec| object(ENVOY, "HTTPRouteFilter", "f", spec));
        let objects: Vec<Value> = [route("web", json!({ "filters": filters }))].into_iter().chain(filter).collect();
        World::of(&objects)
    };
    let cases = [
        (json!([extension]), None),
        (json!([extension]), Some(json!({ "matches": [] }))),
        (json!([extension]), Some(json!({ "credentialInjection": {} }))),
        (json!([{ "type": "CORS", "cors": {} }]), None),
        (json!([{ "type": "ExternalAuth", "externalAuth": {} }]), None),
    ];
    for (filters, spec) in cases {
        assert_eq!(with(filters.clone(), spec.clone()).ask("GET", "/", &[]), 500, "{filters} {spec:?}");
    }
    let rewrite = json!({ "urlRewrite": { "path": { "type": "ReplaceRegexMatch",
        "replaceRegexMatch": { "pattern": "^/shop/cart(/.*)$", "substitution": "\\1" } } } });
    let decision = with(json!([extension]), Some(rewrite)).decide(&request("GET", "/shop/cart/a", &[]), "192.0.2.1");
    assert_eq!(decision.destination().map(|to| to.path.as_str()), Some("/a"));
    let direct = json!({ "directResponse": { "statusCode": 418, "body": { "inline": "tea" } } });
    let decision = with(json!([extension]), Some(direct)).decide(&request("GET", "/", &[]), "192.0.2.1");
    assert_eq!(decision.outcome, Outcome::Answered { status: StatusCode::IM_A_TEAPOT, body: "tea".to_owned() });
}

#[test]
fn a_policy_that_is_not_understood_in_full_lets_nobody_in() {
    let deny = json!({ "defaultAction": "Allow" });
    let specs = [
        json!({ "oidc": {} }),
        json!({ "basicAuth": { "users": { "name": "u" } } }),
        json!({ "extAuth": {} }),
        json!({ "csrf": {} }),
        json!({ "mergeType": "StrategicMerge", "authorization": deny }),
        json!({ "authorization": deny, "invented": true }),
        json!({ "authorization": { "defaultAction": "Perhaps" } }),
        json!({ "authorization": { "defaultAction": "Allow", "rules": [{ "action": "Allow", "cel": "true" }] } }),
        json!({ "authorization": { "defaultAction": "Allow", "rules": [{ "action": "Deny", "principal": {} }] } }),
        json!({ "authorization": { "defaultAction": "Allow",
            "rules": [{ "action": "Deny", "principal": { "clientCIDRs": ["10.0.0.1"] } }] } }),
        json!({ "authorization": { "defaultAction": "Allow",
            "rules": [{ "action": "Deny", "principal": { "jwt": { "provider": "gone", "scopes": ["s"] } } }] } }),
        json!({ "jwt": { "providers": [] } }),
        json!({ "jwt": { "providers": [{ "name": "p" }] } }),
        jwt(json!({ "recomputeRoute": true }), Value::Null),
        jwt(json!({ "invented": true }), Value::Null),
        jwt(json!({ "localJWKS": { "inline": "{}" } }), Value::Null),
        jwt(json!({}), allow(json!({}))),
        jwt(json!({}), allow(json!({ "claims": [{ "name": "a", "values": [] }] }))),
        json!({ "cors": { "maxAge": "soon" } }),
    ];
    for spec in specs {
        assert_eq!(World::secured(spec.clone()).ask_with_token(json!({})), 500, "{spec}");
    }
    for spec in [json!({ "faultInjection": {} }), json!({ "rateLimit": 1 }), json!({ "invented": {} })] {
        let policy = policy("BackendTrafficPolicy", "web", spec.clone());
        assert_eq!(World::of(&[route("web", json!({})), policy]).ask("GET", "/", &[]), 500, "{spec}");
    }
    let indifferent = json!({ "circuitBreaker": { "maxConnections": 1 }, "retry": {}, "timeout": {} });
    let policy = policy("BackendTrafficPolicy", "web", indifferent);
    assert_eq!(World::of(&[route("web", json!({})), policy]).ask("GET", "/", &[]), 0);
}

#[test]
fn no_way_of_writing_a_path_leads_around_its_protection() {
    let world = World::of(&[
        route("open", json!({ "matches": [{ "path": { "value": "/open" } }] })),
        route("web", json!({ "matches": [{ "path": { "value": "/in" } }] })),
        security(json!({ "authorization": { "defaultAction": "Deny" } })),
    ]);
    assert_eq!(world.ask("GET", "/open/a", &[]), 0);
    for path in ["/in", "/open/../in", "/open/%2e%2E/in", "//in", "/./in", "/%69n", "/open/..%5Cin", "/open%2F..%2Fin"]
    {
        let status = world.ask("GET", path, &[]);
        assert!([403, 307].contains(&status), "{status} for {path}");
    }
    for (path, location) in [("/open%2Fin?a", "/open/in?a"), ("/%2Felsewhere.example", "/elsewhere.example")] {
        let sent = world.decide(&request("GET", path, &[]), "192.0.2.1");
        let (status, location) = (StatusCode::TEMPORARY_REDIRECT, location.to_owned());
        assert_eq!(sent.outcome, Outcome::Redirected { status, location });
    }
}

#[test]
fn policies_of_other_kinds_close_what_they_may_decide_about() {
    let with = |kind: &str, spec: Value, place: Value| {
        let mut policy = policy(kind, "p", spec);
        policy["spec"]["targetRefs"] = json!([place]);
        World::of(&[route("web", json!({})), policy]).ask("GET", "/", &[])
    };
    let (gateway, web) = (|| target("Gateway", "public"), || target("HTTPRoute", "web"));
    assert_eq!(with("ClientTrafficPolicy", json!({ "tls": { "clientValidation": {} } }), gateway()), 500);
    assert_eq!(with("ClientTrafficPolicy", json!({ "clientIPDetection": {} }), gateway()), 500);
    assert_eq!(with("ClientTrafficPolicy", json!({ "timeout": {}, "http2": {} }), gateway()), 0);
    assert_eq!(with("EnvoyExtensionPolicy", json!({ "extProc": [] }), web()), 500);
    assert_eq!(with("EnvoyExtensionPolicy", json!({ "extProc": [] }), target("HTTPRoute", "other")), 0);
}

/// Any JSON, with the words of policies among its names.
fn garbage() -> impl Strategy<Value = Value> {
    let words = "jwt|cors|rules|authorization|apiKeyAuth|providers|name|principal|clientCIDRs|action|spec|[a-z]{1,4}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "Allow|Deny|HTTPRoute|\\*|\\(|[ -~]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(words, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A policy that lets nobody in who has no good token, with everything in it that there is.
fn strict() -> Value {
    let mut spec =
        jwt(json!({ "issuer": "me", "audiences": ["a"], "claimToHeaders": [] }), allow(json!({ "scopes": ["s"] })));
    spec["cors"] = json!({ "allowOrigins": ["https://shop.example"], "maxAge": "1m" });
    spec["apiKeyAuth"] = json!({ "credentialRefs": [{ "name": "keys" }], "extractFrom": [{ "headers": ["x-key"] }] });
    spec
}

#[test]
fn whoever_has_everything_that_is_asked_for_is_let_in() {
    let world = World::secured(strict());
    let good = format!("Bearer {}", token(&json!({ "iss": "me", "aud": "a", "scope": "s" })));
    assert_eq!(world.ask("GET", "/", &[("authorization", &good), ("x-key", "alice-key")]), 0);
    assert_eq!(world.ask("GET", "/", &[("authorization", &good)]), 401);
    assert_eq!(world.ask("GET", "/", &[("x-key", "alice-key")]), 401);
}

/// Every place in a value.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, member) in members {
        let place = format!("{at}/{name}");
        found.push(place.clone());
        places(member, place, found);
    }
}

proptest! {
    #[test]
    fn no_object_makes_the_evaluation_fail(objects in proptest::collection::vec((0..13_usize, garbage(), garbage()), 0..6)) {
        let kinds = [
            (GATEWAY_API, "GatewayClass"), (GATEWAY_API, "Gateway"), (GATEWAY_API, "HTTPRoute"),
            ("gateway.networking.k8s.io/v1beta1", "ReferenceGrant"), (ENVOY, "SecurityPolicy"),
            (ENVOY, "BackendTrafficPolicy"), (ENVOY, "HTTPRouteFilter"), ("v1", "Namespace"), ("v1", "Service"),
            ("v1", "Secret"), ("v1", "ConfigMap"), (ENVOY, "ClientTrafficPolicy"), (ENVOY, "EnvoyExtensionPolicy"),
        ];
        let made = objects.into_iter().map(|(kind, spec, metadata)| {
            let (api, kind) = kinds[kind];
            let mut made = object(api, kind, "web", spec);
            if metadata.is_object() {
                made["metadata"] = metadata;
            }
            made
        });
        let made: Vec<Value> = [route("web", json!({}))].into_iter().chain(made).collect();
        let world = World::of(&made);
        // Whatever is decided, it is decided.
        let _ = world.decide(&request("GET", "/", &[]), "192.0.2.1");
    }

    #[test]
    fn a_protection_that_is_changed_anywhere_lets_no_stranger_in(place in any::<prop::sample::Index>(), change in garbage()) {
        let mut policy = security(strict());
        let mut found = Vec::new();
        places(&policy["spec"], String::new(), &mut found);
        // Without its target a policy protects nothing, and without one of its parts the others still protect.
        found.retain(|place| !place.starts_with("/targetRefs"));
        let place = place.get(&found).clone();
        *policy["spec"].pointer_mut(&place).unwrap() = change;
        let world = World::of(&[route("web", json!({})), policy]);
        prop_assert!(world.ask("GET", "/", &[]) >= 400, "{place}");
        prop_assert!(world.ask("GET", "/", &[("authorization", "Bearer a.b.c"), ("x-key", "wrong")]) >= 400, "{place}");
    }

    #[test]
    fn a_field_that_nobody_knows_closes_the_route(name in "[a-z]{9,12}", field in garbage(), level in 0..4_usize) {
        let mut policy = security(jwt(json!({}), Value::Null));
        let level = ["", "/jwt", "/jwt/providers/0", "/jwt/providers/0/remoteJWKS"][level];
        policy["spec"].pointer_mut(level).unwrap()[name] = field;
        prop_assert_eq!(World::of(&[route("web", json!({})), policy]).ask_with_token(json!({})), 500);
    }
}
