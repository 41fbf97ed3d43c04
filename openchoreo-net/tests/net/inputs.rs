//! Endpoints and environments as authors may write them: mostly sensible, at the limits, and beyond them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// An Endpoint and its Environment, as JSON that the platform's own definitions take.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub endpoint: Value,
    pub environment: Value,
}

/// Mostly one thing, and sometimes another.
fn mostly<T: std::fmt::Debug + 'static>(
    usual: impl Strategy<Value = T> + 'static,
    odd: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    prop_oneof![24 => usual, 1 => odd].boxed()
}

fn any_text() -> BoxedStrategy<String> {
    let size = prop_oneof![Just(0_usize), Just(1), Just(64), Just(253), Just(254), Just(1024), Just(4096)];
    let long = size.prop_map(|size| "a".repeat(size));
    prop_oneof![long, "\\PC{0,12}", "[ -~]{0,12}", Just("a b\r\nc".to_owned())].boxed()
}

fn texts(
    usual: impl Strategy<Value = String> + 'static,
    usually: std::ops::Range<usize>,
) -> BoxedStrategy<Vec<String>> {
    let one = mostly(usual, any_text());
    mostly(vec(one.clone(), usually), vec(one, 0..40))
}

fn origin() -> impl Strategy<Value = String> {
    let usual = "https?://(\\*\\.)?[a-z0-9-]{1,8}(\\.[a-z0-9_-]{1,5}){0,2}(:[0-9]{1,5})?";
    let odd = select(vec![
        "https://shop.example/",
        "https://shop.example/path",
        "HTTPS://Shop.Example",
        "capacitor://localhost",
        "null",
        "https://*",
        "http://*:80",
        "https://[::1]:80",
        "https://a..b",
        "https://a.",
        "https://é.example",
        "*.example",
    ]);
    mostly(prop_oneof![8 => usual.prop_map(String::from), 1 => Just("*".to_owned())], odd.prop_map(str::to_owned))
}

fn cors() -> impl Strategy<Value = Value> {
    let age = prop_oneof![0..100_000_i64, Just(604_800), Just(359_996_400), Just(i64::MAX), any::<i64>()];
    let names = || texts("[a-zA-Z-]{1,12}|\\*", 0..4);
    let lists = (texts(origin(), 1..4), names(), names(), names());
    (any::<bool>(), lists, mostly(0..1_000_000_i64, age)).prop_map(|(credentials, lists, age)| {
        let (origins, methods, headers, exposed) = lists;
        json!({"allowCredentials": credentials, "allowOrigins": origins, "allowMethods": methods,
            "allowHeaders": headers, "exposeHeaders": exposed, "maxAge": age})
    })
}

fn path(parameters: bool) -> BoxedStrategy<String> {
    let usual =
        if parameters { "(/([a-z0-9.+$~-]{1,8}|\\{[a-z]{1,4}\\})){1,4}/?" } else { "(/[a-z0-9.+$~-]{1,8}){0,3}/?" };
    let size = prop_oneof![Just(500_usize), Just(1000), Just(1023), Just(1024), Just(3000)];
    let long = (size, select(vec!["a", ".", "+"])).prop_map(|(size, unit)| format!("/x{}", unit.repeat(size)));
    let odd =
        select(vec!["", "api", "//", "/a//b", "/a//", "/a/./b", "/..", "/a%2fb", "/a b", "/é", "/{a", "/{}", "/a?b"]);
    mostly(usual.prop_map(String::from), prop_oneof![long, odd.prop_map(str::to_owned), any_text()])
}

fn operation() -> impl Strategy<Value = Value> {
    let methods = vec!["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    let scopes = texts("[a-z:._-]{1,12}", 0..4);
    (select(methods), path(true), scopes)
        .prop_map(|(method, target, scopes)| json!({"method": method, "target": target, "scopes": scopes}))
}

fn claim() -> impl Strategy<Value = Value> {
    let key = mostly(select(vec!["aud", "iss", "tier", "groups", "sub"]).prop_map(str::to_owned), any_text());
    (key, texts("[a-z/:.-]{1,12}", 1..4)).prop_map(|(key, values)| json!({"key": key, "values": values}))
}

fn oauth2() -> impl Strategy<Value = Value> {
    let header = (mostly("[a-z]{1,8}".prop_map(String::from), any_text()), mostly("x-[a-z]{1,8}", any_text()))
        .prop_map(|(name, header)| json!({"name": name, "header": header}));
    let lists = (
        mostly(vec(claim(), 0..4), vec(claim(), 0..20)),
        mostly(vec(header.clone(), 0..3), vec(header, 0..20)),
        vec(operation(), 1..4),
    );
    (lists, mostly(Just("REST"), select(vec!["GRPC", "GraphQL"]))).prop_map(|((claims, headers, operations), type_)| {
        json!({"jwt": {"claims": claims, "authorization": {
            "apiType": type_, "rest": {"claimsToHeaders": headers, "operations": operations}}}})
    })
}

fn rate_limit() -> impl Strategy<Value = Value> {
    let unit = mostly(select(vec!["Second", "minute", "HOUR", "Day"]).prop_map(str::to_owned), any_text());
    (mostly(1..10_000_i64, any::<i64>()), unit).prop_map(|(requests, unit)| {
        json!({"apiLevel": {"requestLimit": requests, "timeUnit": unit}, "operationLevel": {"rest": []}})
    })
}

fn policies() -> impl Strategy<Value = Vec<Value>> {
    let policy = |type_: &'static str, member: &'static str, spec: BoxedStrategy<Value>| {
        let name = mostly("[a-z]{1,8}".prop_map(String::from), any_text());
        (name, spec).prop_map(move |(name, spec)| json!({"name": name, "type": type_, "policySpec": {member: spec}}))
    };
    let kinds = [
        proptest::option::of(policy("cors", "cors", cors().boxed())).boxed(),
        proptest::option::of(policy("oauth2", "oauth2", oauth2().boxed())).boxed(),
        mostly(Just(None), proptest::option::of(policy("rate-limit", "rateLimit", rate_limit().boxed()))),
    ];
    let other = select(vec!["api-key", "basic-auth", "mediation", "magic"])
        .prop_map(|type_| Some(json!({"name": "p", "type": type_, "policySpec": {}})));
    (kinds, mostly(Just(None), other))
        .prop_map(|(known, other)| known.into_iter().chain([other]).flatten().collect::<Vec<_>>())
}

/// Any Endpoint of component `cart` in environment `development`.
pub(crate) fn endpoint() -> impl Strategy<Value = Input> {
    let type_ = mostly(select(vec!["HTTP", "REST", "GraphQL", "Websocket"]), select(vec!["gRPC", "TCP", "UDP"]));
    let port = mostly(1..=65_535_i32, any::<i32>());
    let keys = "https?://[a-z0-9.]{1,20}/[a-z]{0,9}".prop_map(String::from);
    let odd_keys = prop_oneof![any_text(), Just(format!("https://keys.example/{}", "k".repeat(300)))];
    (type_, port, proptest::option::of(path(false)), policies(), mostly(keys, odd_keys)).prop_map(
        |(type_, port, base, policies, keys)| Input {
            endpoint: json!({
                "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Endpoint",
                "metadata": {"name": "cart-http", "namespace": "acme", "creationTimestamp": "2026-01-02T03:04:05Z"},
                "spec": {
                    "type": type_,
                    "backendRef": {"type": "componentRef", "basePath": base, "componentRef": {"port": port}},
                    "networkVisibilities": {"public": {"enable": true, "policies": policies}},
                },
            }),
            environment: json!({
                "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Environment", "metadata": {"name": "development"},
                "spec": {"gateway": {"security": {"remoteJwks": {"uri": keys}}}},
            }),
        },
    )
}
