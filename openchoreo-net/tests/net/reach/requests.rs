//! What is read back of routes and their policies is what the simulated gateway lets in.

use std::collections::BTreeSet;

use openchoreo_core::extension::Gateway;
use openchoreo_core::kind::{Kind, PlaneKey};
use openchoreo_core::reach::{Admission, Demand, Issuer, Path, Protection, Rule};
use openchoreo_core::world::World;
use openchoreo_embedded::simulators::gateway::{Outcome, RequestCounts};
use openchoreo_net::{EnvoyGateway, GatewayApi};
use openchoreo_types::foreign::envoy_gateway::SecurityPolicy;
use openchoreo_types::foreign::gateway_api::HTTPRoute;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;
use serde_json::{Value, json};

use crate::admission::{HOST, STYLES, ask, rules};
use crate::openings::tokens;
use crate::support::{endpoint, environment_with_keys, json_of, oauth2, public, render};

/// What a gateway reads back of objects.
fn admissions(gateway: &dyn Gateway, objects: &[Value]) -> Vec<Admission> {
    let plane = PlaneKey::data_plane("acme", "plane");
    let mut world = World::new();
    for object in objects {
        let kinds = [Kind::of::<HTTPRoute>(), Kind::of::<SecurityPolicy>()];
        if let Some(kind) = kinds.into_iter().find(|kind| object["kind"] == kind.kind) {
            world.put(&plane, kind, object.clone());
        }
    }
    gateway.admissions(&world, &plane)
}

/// An entry, with its expression where its path is one.
type Entry<'a> = (&'a Admission, Option<Regex>);

fn entries(admissions: &[Admission]) -> Vec<Entry<'_>> {
    let expression = |admission: &Admission| match &admission.requests.path {
        Path::Expression(expression) => Some(Regex::new(&format!("^(?:{expression})$")).unwrap()),
        Path::Exact(_) | Path::Prefix(_) => None,
    };
    admissions.iter().map(|admission| (admission, expression(admission))).collect()
}

/// The entry that serves a request: the one that stands before all others that take it.
fn serving<'a>(entries: &[Entry<'a>], method: &str, path: &str) -> Option<&'a Admission> {
    let takes = |(admission, expression): &&Entry<'a>| {
        let requests = &admission.requests;
        let is_path = match &requests.path {
            Path::Exact(exact) => exact == path,
            Path::Expression(_) => expression.as_ref().is_some_and(|expression| expression.is_match(path)),
            Path::Prefix(prefix) => {
                let rest = path.strip_prefix(prefix.trim_end_matches('/'));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        };
        is_path && requests.method.as_ref().is_none_or(|own| own == method) && [HOST, ""].contains(&&*requests.host)
    };
    // Of two that are equal the name decides, by which they are sorted.
    entries
        .iter()
        .filter(takes)
        .map(|(admission, _)| *admission)
        .reduce(|first, other| if other.requests.are_served_before(&first.requests) { other } else { first })
}

/// Whether a protection lets a request with these claims in; nothing where it is not understood.
fn lets_in(protection: &Protection, claims: Option<&Value>) -> Option<bool> {
    let Protection::Demands(demands) = protection else { return Some(false) };
    let verdicts: Vec<Option<bool>> = demands.iter().map(|demand| is_met(demand, claims)).collect();
    if verdicts.contains(&Some(false)) {
        Some(false)
    } else {
        verdicts.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
    }
}

fn is_met(demand: &Demand, claims: Option<&Value>) -> Option<bool> {
    match demand {
        Demand::Token(issuers) => Some(claims.is_some_and(|claims| issuers.iter().any(|one| is_by(one, claims)))),
        Demand::OneOf(rules) => Some(rules.iter().any(|rule| is_within(rule, claims))),
        Demand::ApiKey(_) | Demand::Password(_) => Some(false),
        Demand::Unclear(_) => None,
    }
}

fn is_by(issuer: &Issuer, claims: &Value) -> bool {
    let is_for = |audience: &String| claims["aud"] == **audience;
    issuer.keys == "https://keys.example/jwks"
        && issuer.issuer.as_ref().is_none_or(|name| claims["iss"] == **name)
        && (issuer.audiences.is_empty() || issuer.audiences.iter().any(is_for))
}

fn is_within(rule: &Rule, claims: Option<&Value>) -> bool {
    let held = claims.unwrap_or(&Value::Null);
    let scopes: BTreeSet<&str> = held["scope"].as_str().unwrap_or_default().split(' ').collect();
    // All requests of these tests come from 192.0.2.1.
    (rule.addresses.is_empty() || rule.addresses.contains("192.0.2.0/24"))
        && rule.issuer.as_ref().is_none_or(|issuer| is_by(issuer, held))
        && rule.scopes.iter().all(|scope| scopes.contains(scope.as_str()))
        && rule.claims.iter().all(|(name, values)| held[name].as_str().is_some_and(|value| values.contains(value)))
}

/// What somebody may do to the objects that the platform wrote.
fn damage() -> impl Strategy<Value = (usize, &'static str, Value)> {
    let rule = |action: &str, principal: Value| json!([{"action": action, "principal": principal}]);
    let of_here = || json!({"clientCIDRs": ["192.0.2.0/24"]});
    let edits = vec![
        ("", Value::Null),
        ("/spec/authorization", Value::Null),
        ("/spec/jwt", Value::Null),
        ("/spec/authorization/defaultAction", json!("Allow")),
        ("/spec/authorization/defaultAction", Value::Null),
        ("/spec/authorization/rules", rule("Allow", of_here())),
        ("/spec/authorization/rules", rule("Allow", json!({"clientCIDRs": ["198.51.100.0/24"]}))),
        ("/spec/authorization/rules", rule("Deny", of_here())),
        ("/spec/authorization/rules", json!([])),
        ("/spec/jwt/providers/0/audiences", json!(["other"])),
        ("/spec/jwt/providers/0/audiences", Value::Null),
        ("/spec/jwt/providers/0/issuer", json!("somebody")),
        ("/spec/jwt/providers/0/remoteJWKS/uri", json!("https://others.example/jwks")),
        ("/spec/basicAuth", json!({"users": {"name": "users"}})),
        ("/spec/targetRefs/0/name", json!("another")),
        ("/spec/targetRefs/0/group", json!("example.com")),
        ("/spec/rules/0/matches/0/method", json!("GET")),
        ("/spec/rules/0/matches/0/method", Value::Null),
        ("/spec/rules/0/matches/0/path", json!({"type": "Exact", "value": "/api/items"})),
        ("/spec/rules/0/matches", json!([])),
        ("/spec/rules/0/backendRefs", json!([])),
        ("/spec/hostnames", json!([])),
        ("/spec/hostnames", json!(["elsewhere.example"])),
        ("/metadata/name", json!("aaa")),
    ];
    (0..8_usize, select(edits)).prop_map(|(number, (pointer, value))| (number, pointer, value))
}

/// Replaces, adds or takes away what is at a pointer of an object; with none, the object itself.
fn damaged(objects: &mut Vec<Value>, (number, pointer, value): (usize, &str, Value)) {
    let number = number % objects.len().max(1);
    let Some(object) = objects.get_mut(number) else { return };
    let Some((parent, member)) = pointer.rsplit_once('/') else {
        // Without a filter that it names, a route leads nowhere; that is no matter of who may reach what.
        if object["kind"] != "HTTPRouteFilter" {
            objects.remove(number);
        }
        return;
    };
    let fits = match object["kind"].as_str().unwrap() {
        "HTTPRoute" => pointer.contains("rules/0/") || pointer.contains("hostnames") || pointer.contains("metadata"),
        "SecurityPolicy" => !pointer.contains("rules/0/") && !pointer.contains("hostnames"),
        _ => false,
    };
    let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut).filter(|_| fits) else { return };
    if value.is_null() {
        parent.remove(member);
    } else {
        parent.insert(member.to_owned(), value);
    }
}

fn protected(methods: &[(&str, &str)]) -> Value {
    let operation = |(method, target): &(&str, &str)| json!({"method": method, "target": target, "scopes": ["read"]});
    json!([oauth2(methods.iter().map(operation).collect())])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn admissions_are_what_the_gateway_lets_in(
        policies in select(vec![
            json!([]),
            protected(&[("GET", "/items")]),
            protected(&[("GET", "/items"), ("POST", "/items"), ("GET", "/items/{id}")]),
        ]),
        style in 0..STYLES.len(),
        damages in vec(damage(), 0..4),
    ) {
        let gateway = EnvoyGateway::with_paths(STYLES[style]);
        let mut objects = json_of(render(&gateway, &endpoint(public(policies)), &environment_with_keys()).unwrap());
        for damage in damages {
            damaged(&mut objects, damage);
        }
        let admissions = admissions(&gateway, &objects);
        let entries = entries(&admissions);
        let rules = rules(&objects);
        let base = if style == 0 { "/api" } else { "/shop/cart/api" };
        for method in ["GET", "POST", "DELETE"] {
            for target in ["", "/items", "/items/7", "/items/7/8"] {
                for claims in tokens() {
                    let path = format!("{base}{target}");
                    let outcome = ask(&rules, method, &path, claims.clone(), &mut RequestCounts::default());
                    let is_forwarded = matches!(outcome, Outcome::Forwarded(_));
                    let found = serving(&entries, method, &path);
                    let verdict = found.map_or(Some(false), |found| lets_in(&found.protection, claims.as_ref()));
                    let is_right = verdict.is_none_or(|verdict| verdict == is_forwarded);
                    prop_assert!(is_right, "{} {} {:?}: {:?} but {:?}", method, path, claims, outcome, found);
                }
            }
        }
    }
}

/// The objects of an endpoint whose one operation needs a token.
fn guarded() -> Vec<Value> {
    let endpoint = endpoint(public(protected(&[("GET", "/items")])));
    json_of(render(&EnvoyGateway::default(), &endpoint, &environment_with_keys()).unwrap())
}

#[test]
fn a_protection_that_is_not_understood_is_told_as_perhaps_open() {
    let edits = [
        ("/spec/oidc", json!({"provider": {}})),
        ("/spec/extAuth", json!({"http": {}})),
        ("/spec/mergeType", json!("StrategicMerge")),
        ("/spec/jwt/failOpen", json!(true)),
        ("/spec/jwt/providers/0/recomputeRoute", json!(true)),
        ("/spec/jwt/providers/0/localJWKS", json!({"inline": "{}"})),
        ("/spec/authorization/defaultAction", json!("Perhaps")),
        ("/spec/authorization/rules/0/operation", json!({"methods": ["GET"]})),
        ("/spec/authorization/rules/0/principal", json!({})),
        ("/spec/authorization/rules/0/principal/headers", json!([{"name": "x", "values": ["y"]}])),
        ("/spec/authorization/rules/0/principal/jwt/provider", json!("nobody")),
        ("/spec/authorization/rules/0/principal/jwt/claims/0/valueType", json!("StringArray")),
        ("/spec/targetSelectors", json!([{"kind": "HTTPRoute", "matchLabels": {"a": "b"}}])),
    ];
    let is_unclear = |admissions: &[Admission]| {
        let of_operation = admissions.iter().find(|admission| admission.requests.method.is_some()).unwrap();
        lets_in(&of_operation.protection, None).is_none()
    };
    for (pointer, value) in edits {
        let mut objects = guarded();
        assert!(!is_unclear(&admissions(&EnvoyGateway::default(), &objects)));
        let policy = objects.iter_mut().find(|object| object.pointer("/spec/jwt").is_some()).unwrap();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(member.to_owned(), value.clone());
        assert!(is_unclear(&admissions(&EnvoyGateway::default(), &objects)), "{pointer}: {value}");
    }
}

#[test]
fn a_route_that_is_not_understood_is_told_as_perhaps_open() {
    let edits =
        [("/spec/rules/0/matches/0/path/type", json!("Fuzzy")), ("/spec/rules/0/matches/0/cookies", json!(["a"]))];
    for (pointer, value) in edits {
        let mut objects = guarded();
        let route = objects.iter_mut().find(|object| object["kind"] == "HTTPRoute").unwrap();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        route.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(member.to_owned(), value.clone());
        let read = admissions(&EnvoyGateway::default(), &objects);
        assert!(read.iter().any(|one| lets_in(&one.protection, None).is_none()), "{pointer}: {value}");
    }
}

#[test]
fn copies_of_requests_reach_somebody_too() {
    let mut objects = guarded();
    let route = objects.iter_mut().find(|object| object["kind"] == "HTTPRoute").unwrap();
    let mirror = json!({"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "listener", "port": 80}}});
    route["spec"]["rules"][0]["filters"] = json!([mirror]);
    let read = admissions(&EnvoyGateway::default(), &objects);
    assert!(read.iter().any(|one| one.backends.iter().any(|backend| backend.name == "listener")));
    let redirect = json!({"type": "RequestRedirect", "requestRedirect": {"hostname": "elsewhere.example"}});
    let route = objects.iter_mut().find(|object| object["kind"] == "HTTPRoute").unwrap();
    route["spec"]["rules"][0]["filters"] = json!([redirect]);
    let closed = admissions(&EnvoyGateway::default(), &objects);
    let is_closed = |one: &&Admission| one.protection == Protection::Closed && one.backends.is_empty();
    assert_eq!(
        closed.iter().filter(is_closed).count(),
        1,
        "a redirect leads nowhere, and stands before others: {closed:?}"
    );
}

#[test]
fn a_policy_of_the_gateway_is_for_routes_without_their_own() {
    let mut objects = guarded();
    let mut policy = objects.iter().find(|object| object.pointer("/spec/jwt").is_some()).unwrap().clone();
    objects.retain(|object| object["kind"] == "HTTPRoute");
    let open = |objects: &[Value]| {
        admissions(&EnvoyGateway::default(), objects).iter().filter(|one| one.protection.is_none()).count()
    };
    assert_eq!(open(&objects), 2);
    policy["metadata"]["namespace"] = json!("choreo-system");
    let target = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "choreo-external-gateway"});
    policy["spec"]["targetRefs"] = json!([target]);
    objects.push(policy.clone());
    assert_eq!(open(&objects), 0);
    // A gateway that heeds no policies is protected by none.
    assert_eq!(admissions(&GatewayApi::default(), &objects).iter().filter(|one| one.protection.is_none()).count(), 2);
    // One listener need not be the only way in.
    objects[2]["spec"]["targetRefs"][0]["sectionName"] = json!("https");
    let read = admissions(&EnvoyGateway::default(), &objects);
    assert!(read.iter().all(|one| lets_in(&one.protection, None).is_none()), "{read:?}");
}
