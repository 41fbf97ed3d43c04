//! A platform of several gateways: which publishes what, and how one takes over from another.

use std::sync::Arc;

use k8s_openapi::api::networking::v1::Ingress;
use openchoreo_core::extension::{EndpointContext, Gateway, RenderError, RouteState};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels;
use openchoreo_core::naming::LabelValue;
use openchoreo_core::plan::Rendered;
use openchoreo_core::platform::{Platform, PlatformError};
use openchoreo_core::world::Stored;
use openchoreo_net::{EnvoyGateway, GatewayApi, planners};
use openchoreo_types::foreign::envoy_gateway::SecurityPolicy;
use openchoreo_types::labels::annotations::GATEWAY;
use openchoreo_types::v1alpha1::DataPlane;
use serde_json::{Value, json};

use crate::endpoints::{Stage, platform, published};
use crate::support::{oauth2, public};

/// Publishes by Ingress, and nothing that is protected.
#[derive(Debug)]
struct Ingresses;

impl Gateway for Ingresses {
    fn name(&self) -> &str {
        "ingresses"
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<Ingress>()]
    }

    fn render(&self, cx: &EndpointContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        if has_policies(&serde_json::to_value(&cx.endpoint.spec).unwrap_or_default()) {
            return Err(RenderError::Unsupported { what: "a policy".to_owned(), by: "Ingresses".to_owned() });
        }
        let mut marks = cx.labels.clone();
        marks.insert(labels::plane::GATEWAY_VISIBILITY.to_owned(), LabelValue::of(cx.gateway).into_string());
        let path = cx.endpoint.spec.backend_ref.base_path.clone();
        let rule =
            json!({ "host": cx.hostname.to_string(), "http": { "paths": [{ "path": path, "pathType": "Prefix" }] } });
        let name = format!("{}-{}", cx.id.endpoint, cx.gateway);
        let metadata = json!({ "name": name, "namespace": cx.namespace.as_str(), "labels": marks });
        Ok(vec![Rendered::of_json(Kind::of::<Ingress>(), json!({ "metadata": metadata, "spec": { "rules": [rule] } }))])
    }

    fn observe(&self, _: Kind, live: &Stored) -> RouteState {
        if live.json().pointer("/status/loadBalancer/ingress/0").is_some() {
            RouteState::Accepted
        } else {
            RouteState::Pending
        }
    }
}

/// Publishes under the names of the others, and leaves out what protects.
#[derive(Debug)]
struct Careless;

impl Gateway for Careless {
    fn name(&self) -> &str {
        "careless"
    }

    fn kinds(&self) -> Vec<Kind> {
        GatewayApi::default().kinds()
    }

    fn render(&self, cx: &EndpointContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        let mut endpoint = serde_json::to_value(cx.endpoint).unwrap_or_default();
        endpoint["spec"]["networkVisibilities"]["public"]["policies"] = json!([]);
        let endpoint = serde_json::from_value(endpoint).unwrap_or_default();
        GatewayApi::default().render(&EndpointContext { endpoint: &endpoint, ..cx.clone() })
    }

    fn observe(&self, kind: Kind, live: &Stored) -> RouteState {
        GatewayApi::default().observe(kind, live)
    }
}

fn has_policies(spec: &Value) -> bool {
    spec.pointer("/networkVisibilities/public/policies").and_then(Value::as_array).is_some_and(|all| !all.is_empty())
}

fn several() -> Arc<Platform> {
    let others: [Arc<dyn Gateway>; 2] = [Arc::new(Ingresses), Arc::new(Careless)];
    platform().gateways(others).build().map(Arc::new).unwrap()
}

/// Lets the data plane name a gateway, or none.
fn choose(stage: &mut Stage, name: Option<&str>) {
    let key = ObjectKey::of::<DataPlane>("acme", "plane");
    let mut plane = stage.offline.world().get(&PlaneKey::Control, &key).unwrap().json();
    plane["metadata"]["annotations"] = name.map_or_else(|| json!({}), |name| json!({ GATEWAY: name }));
    stage.offline.apply(plane).unwrap();
    stage.settle();
}

fn ingresses(stage: &Stage) -> Vec<Value> {
    let keys = stage.offline.world().keys(&stage.plane, Kind::of::<Ingress>());
    keys.iter().filter_map(|key| stage.offline.world().get(&stage.plane, key)).map(|live| live.json()).collect()
}

/// Plays what serves Ingresses.
fn serve(stage: &mut Stage) {
    for mut ingress in ingresses(stage) {
        ingress["status"] = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } });
        stage.put::<Ingress>(ingress);
    }
    stage.settle();
}

fn everyone() -> Value {
    public(json!([]))
}

fn is_at_rest(stage: &mut Stage) -> bool {
    let before = stage.offline.requests();
    stage.offline.replan_all();
    stage.settle();
    stage.offline.requests() == before
}

#[test]
fn what_another_gateway_serves_stays_until_the_one_that_is_chosen_does() {
    let mut stage = published(&several());
    choose(&mut stage, Some("ingresses"));
    assert_eq!((stage.routes(), ingresses(&stage).len()), (vec!["choreoapps.localhost/api".to_owned()], 1));
    assert_eq!(ingresses(&stage)[0]["metadata"]["annotations"][GATEWAY], "ingresses");
    assert_eq!(stage.ready("http"), "Unknown RoutePending");
    assert!(is_at_rest(&mut stage));
    // What is edited meanwhile holds for both.
    stage.endpoint_of("cart", "development", "http", 1, "/v2", everyone());
    stage.settle();
    assert_eq!(stage.routes(), ["choreoapps.localhost/v2"]);
    assert_eq!(ingresses(&stage)[0]["spec"]["rules"][0]["http"]["paths"][0]["path"], "/v2");
    serve(&mut stage);
    assert_eq!((stage.routes(), ingresses(&stage).len()), (vec![], 1));
    assert_eq!(stage.ready("http"), "True RouteAccepted");
    // And back.
    choose(&mut stage, None);
    assert_eq!((stage.routes().len(), ingresses(&stage).len()), (1, 1));
    stage.judge("True");
    assert_eq!((stage.routes().len(), ingresses(&stage).len()), (1, 0));
    assert_eq!(stage.ready("http"), "True RouteAccepted");
    assert!(is_at_rest(&mut stage));
}

#[test]
fn a_gateway_of_the_same_kinds_takes_over_in_place() {
    let mut stage = published(&several());
    choose(&mut stage, Some("careless"));
    assert_eq!(stage.routes(), ["choreoapps.localhost/api"]);
    assert_eq!(stage.ready("http"), "True RouteAccepted");
    assert!(is_at_rest(&mut stage));
}

#[test]
fn a_gateway_that_nobody_knows_is_named_where_people_look_and_changes_nothing() {
    let mut stage = published(&several());
    choose(&mut stage, Some("nobody"));
    assert_eq!(stage.ready("http"), "False GatewayUnknown");
    let key = ObjectKey::of::<DataPlane>("acme", "plane");
    let plane = stage.offline.world().get(&PlaneKey::Control, &key).expect("it is there").json();
    let shown = plane["status"]["conditions"].as_array().expect("conditions").iter().find(|one| one["type"] == "Ready");
    let shown = shown.expect("it is judged");
    assert_eq!(shown["reason"], "GatewayUnknown");
    for message in [&shown["message"], &stage.ready_condition("http")["message"]] {
        let message = message.as_str().expect("a message");
        assert!(message.contains("`nobody`") && message.contains("`envoy`, `ingresses`, `careless`"), "{message}");
    }
    assert_eq!(stage.routes(), ["choreoapps.localhost/api"]);
    // What nobody should reach any more is taken back all the same.
    stage.endpoint("http", 1, json!({}));
    stage.settle();
    assert_eq!(stage.routes(), Vec::<String>::new());
}

#[test]
fn what_the_chosen_gateway_cannot_protect_stays_where_it_is_protected_and_only_there() {
    let mut stage = published(&several());
    let operations = json!([{"method": "GET", "target": "/items", "scopes": ["items:read"]}]);
    stage.endpoint("http", 1, public(json!([oauth2(operations)])));
    stage.settle();
    let policies = |stage: &Stage| stage.offline.world().keys(&stage.plane, Kind::of::<SecurityPolicy>()).len();
    let (routes, protected) = (stage.routes(), policies(&stage));
    assert!(protected > 0);
    choose(&mut stage, Some("ingresses"));
    assert_eq!(stage.ready("http"), "False NotSupported");
    assert_eq!((stage.routes(), policies(&stage), ingresses(&stage).len()), (routes, protected, 0));
    // When it can no longer be protected there either, it goes.
    let key = json!({"name": "keys", "type": "api-key", "policySpec": {}});
    stage.endpoint("http", 1, public(json!([key])));
    stage.settle();
    assert_eq!((stage.routes().len(), policies(&stage), ingresses(&stage).len()), (0, 0, 0));
}

#[test]
fn no_gateway_publishes_for_another_what_that_cannot_protect() {
    let mut stage = published(&several());
    let key = json!({"name": "keys", "type": "api-key", "policySpec": {}});
    stage.endpoint("http", 1, public(json!([key])));
    stage.settle();
    assert_eq!(stage.ready("http"), "False NotSupported");
    assert_eq!(stage.routes(), Vec::<String>::new());
}

#[test]
fn gateways_have_names_of_their_own_and_the_first_is_the_default() {
    let twice = Platform::builder().gateways([Arc::new(Ingresses) as Arc<dyn Gateway>, Arc::new(Ingresses)]).build();
    assert!(matches!(twice, Err(PlatformError::Duplicate { what: "gateways", .. })), "{twice:?}");
    let shipped: [Arc<dyn Gateway>; 2] = [Arc::new(Ingresses), Arc::new(EnvoyGateway::default())];
    let platform =
        Platform::builder().gateways(shipped).planners(planners()).build().map(Arc::new).expect("a platform");
    let plane = DataPlane::new("plane", serde_json::from_value(json!({ "kubernetesCluster": {} })).expect("a spec"));
    let name = |plane: &DataPlane| platform.gateway_of(plane).ok().flatten().map(|gateway| gateway.name().to_owned());
    assert_eq!(name(&plane).as_deref(), Some("ingresses"));
    assert_eq!(
        Platform::builder().build().expect("a platform").gateway_of(&plane).map(|none| none.is_none()),
        Ok(true)
    );
}
