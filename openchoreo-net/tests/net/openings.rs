//! No edit lets in, after any of its requests, whom neither the state before nor the state after lets in.

use std::collections::BTreeSet;
use std::sync::Arc;

use openchoreo_core::kind::PlaneKey;
use openchoreo_core::world::World;
use openchoreo_embedded::simulators::GatewayProtocol;
use openchoreo_embedded::simulators::gateway::{Objects, RequestCounts};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::admission::{CONTROLLER, ask_at, told};
use crate::endpoints::{Stage, platform};
use crate::schemas::as_stored;
use crate::support::{oauth2, public};

const GATEWAYS: [&str; 2] = ["choreo-external-gateway", "choreo-internal-gateway"];

/// Where the endpoint may be on its host.
const PATHS: [&str; 2] = ["/api", "/v2"];

/// A request that is let in: gateway, host, method, path below that of the endpoint, and which token. Where the endpoint is
/// moves with its routes, so that an edit of both its path and its policies may be half done; whom it lets in may not.
type Admitted = (&'static str, String, &'static str, &'static str, usize);

/// The claims of the tokens that are tried, none first.
pub(crate) fn tokens() -> [Option<Value>; 4] {
    let claims = |scope: &str, audience: &str| json!({"aud": audience, "tier": "gold", "scope": scope});
    [None, Some(claims("read", "shop")), Some(claims("write", "shop")), Some(claims("read write", "other"))]
}

/// Everybody who is let in by the objects of a plane, wherever the endpoint is.
fn admitted(world: &World, plane: &PlaneKey) -> BTreeSet<Admitted> {
    let_in(world, plane)
        .into_iter()
        .map(|(gateway, host, method, _, path, token)| (gateway, host, method, path, token))
        .collect()
}

/// The same, with where the endpoint is.
pub(crate) fn let_in(
    world: &World,
    plane: &PlaneKey,
) -> BTreeSet<(&'static str, String, &'static str, &'static str, &'static str, usize)> {
    let mut objects: Vec<Value> = world.all(plane).into_iter().map(|(_, live)| as_stored(&live.json())).collect();
    objects.retain(|object| object["kind"] != "Gateway");
    for object in objects.iter_mut().filter(|object| object["kind"] == "Service") {
        object["spec"] = json!({"ports": [{"port": 8080}, {"port": 9090}]});
    }
    let texts = objects.iter().filter(|object| object["kind"] == "HTTPRoute");
    let hosts: BTreeSet<String> =
        texts.filter_map(|route| Some(route.pointer("/spec/hostnames/0")?.as_str()?.to_owned())).collect();
    let api = "gateway.networking.k8s.io/v1";
    objects.push(json!({"apiVersion": api, "kind": "GatewayClass", "metadata": {"name": "c"},
        "spec": {"controllerName": CONTROLLER}}));
    for name in GATEWAYS {
        let listeners = json!([{"name": "https", "port": 443, "protocol": "HTTPS",
            "allowedRoutes": {"namespaces": {"from": "All"}}}]);
        objects.push(
            json!({"apiVersion": api, "kind": "Gateway", "metadata": {"name": name, "namespace": "choreo-system"},
            "spec": {"gatewayClassName": "c", "listeners": listeners}}),
        );
    }
    let read = Objects::read(CONTROLLER, &objects);
    let mut admitted = BTreeSet::new();
    for gateway in GATEWAYS {
        let rules = read.rules("choreo-system", gateway, GatewayProtocol::Https);
        for host in &hosts {
            for (method, path) in [("GET", "/items"), ("POST", "/items"), ("GET", "")] {
                for (number, claims) in tokens().iter().enumerate() {
                    for base in PATHS {
                        let url = format!("https://{host}{base}{path}");
                        if told(ask_at(&rules, method, &url, claims.clone(), &mut RequestCounts::default())).is_ok() {
                            admitted.insert((gateway, host.clone(), method, base, path, number));
                        }
                    }
                }
            }
        }
    }
    admitted
}

pub(crate) fn protected(scope: &str, methods: &[&str]) -> Value {
    let operation = |method: &&str| json!({"method": method, "target": "/items", "scopes": [scope]});
    oauth2(methods.iter().map(operation).collect())
}

/// What people may write of an endpoint: who may reach it, and where it is.
pub(crate) fn written() -> impl Strategy<Value = (Value, &'static str)> {
    let open = || json!([]);
    let organization = |policies: Value| json!({"organization": {"enable": true, "policies": policies}});
    let both = |policies: Value, inside: Value| json!({"public": {"enable": true, "policies": policies}, "organization": {"enable": true, "policies": inside}});
    let visibilities = vec![
        json!({}),
        public(open()),
        public(json!([protected("read", &["GET"])])),
        public(json!([protected("write", &["GET", "POST"])])),
        public(json!([protected("write", &["POST"])])),
        organization(open()),
        organization(json!([protected("read", &["GET", "POST"])])),
        both(json!([protected("read", &["GET"])]), open()),
        both(open(), json!([protected("write", &["GET"])])),
    ];
    (select(visibilities), select(PATHS.to_vec()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn no_request_of_an_edit_lets_in_whom_neither_its_begin_nor_its_end_lets_in(
        edits in prop::collection::vec(written(), 1..6),
        ends in any::<bool>(),
    ) {
        let platform = platform().build().map(Arc::new).unwrap();
        let mut stage = Stage::new(&platform);
        stage.gateways(443);
        stage.deploy("cart", "development");
        stage.settle();
        let plane = stage.plane.clone();
        let mut steps: Vec<Option<(Value, &str)>> = edits.into_iter().map(Some).collect();
        steps.extend(ends.then_some(None));
        for step in steps {
            let before = admitted(stage.offline.world(), &plane);
            match &step {
                Some((visibilities, path)) => {
                    stage.endpoint_of("cart", "development", "http", 1, path, visibilities.clone());
                }
                None => stage.begin_deletion("http"),
            }
            let mut seen = BTreeSet::new();
            stage.offline.settle_watching(|world| seen.extend(admitted(world, &plane))).unwrap();
            let after = admitted(stage.offline.world(), &plane);
            let opened: Vec<_> = seen.difference(&(&before | &after)).cloned().collect();
            prop_assert!(opened.is_empty(), "{step:?} lets in for a moment: {opened:?}");
        }
    }
}
