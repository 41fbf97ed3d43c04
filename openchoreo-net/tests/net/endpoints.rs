//! What becomes of endpoints: from what people wrote to routes in a plane and back, through the planners.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Service};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::naming::{CellId, ComponentId, UpstreamHostnames};
use openchoreo_core::offline::Offline;
use openchoreo_core::platform::{Platform, PlatformBuilder, PlatformSettings};
use openchoreo_core::world::{Disconnect, PlaneState, Select};
use openchoreo_net::{EnvoyGateway, PathStyle, builtin_dialects, planners};
use openchoreo_types::foreign::envoy_gateway::{BackendTrafficPolicy, SecurityPolicy};
use openchoreo_types::foreign::gateway_api::{Gateway, HTTPRoute};
use openchoreo_types::v1alpha1::{DataPlane, Deployment, Endpoint, Environment, Organization};
use serde_json::{Value, json};

use crate::support::{oauth2, public};

pub(crate) fn platform() -> PlatformBuilder {
    Platform::builder().gateway(EnvoyGateway::default()).planners(planners())
}

/// An organization `acme` with a project, an environment, a data plane that answers, and nothing deployed yet.
pub(crate) struct Stage {
    pub(crate) offline: Offline,
    platform: Arc<Platform>,
    pub(crate) plane: PlaneKey,
}

impl Stage {
    pub(crate) fn new(platform: &Arc<Platform>) -> Self {
        let now: Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
        let mut offline = Offline::new(platform, now);
        let plane = PlaneKey::data_plane("acme", "plane");
        let object = |kind: &str, namespace: &str, name: &str, spec: Value| {
            json!({
                "apiVersion": "openchoreo.dev/v1alpha1", "kind": kind, "spec": spec,
                "metadata": {"name": name, "namespace": namespace},
            })
        };
        let mut organization = object("Organization", "", "acme", json!({}));
        organization["metadata"].as_object_mut().unwrap().remove("namespace");
        offline.apply(organization).unwrap();
        let cluster = json!({"server": "https://plane.example", "auth": {"bearerToken": {"value": "t"}}});
        offline.apply(object("DataPlane", "acme", "plane", json!({"kubernetesCluster": cluster}))).unwrap();
        let gateway = json!({"dnsPrefix": "dev", "security": {"remoteJwks": {"uri": "https://keys.example/jwks"}}});
        let mut stage = Self { offline, platform: Arc::clone(platform), plane };
        for environment in ["development", "a-development"] {
            let spec = json!({"dataPlaneRef": "plane", "gateway": gateway});
            stage.offline.apply(object("Environment", "acme", environment, spec)).unwrap();
        }
        let path = json!({"sourceEnvironmentRef": "development", "targetEnvironmentRefs": []});
        stage
            .offline
            .apply(object("DeploymentPipeline", "acme", "pipeline", json!({"promotionPaths": [path]})))
            .unwrap();
        stage.offline.apply(object("Project", "acme", "shop", json!({"deploymentPipelineRef": "pipeline"}))).unwrap();
        stage.offline.connect(&stage.plane.clone());
        stage.component("cart", "Service");
        stage
    }

    pub(crate) fn component(&mut self, name: &str, type_: &str) {
        let component = json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Component",
            "metadata": {"name": name, "namespace": "acme"},
            "spec": {"owner": {"projectName": "shop"}, "type": type_},
        });
        self.offline.apply(component).unwrap();
    }

    /// Writes a Deployment of a component, and puts what its planner would put into the plane.
    pub(crate) fn deploy(&mut self, component: &str, environment: &str) {
        let deployment = json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Deployment",
            "metadata": {"name": format!("{environment}-{component}"), "namespace": "acme", "labels": {
                "openchoreo.dev/component": component, "openchoreo.dev/deployment-track": "main",
                "openchoreo.dev/environment": environment, "openchoreo.dev/name": "deployment",
            }},
            "spec": {"deploymentArtifactRef": "artifact"},
        });
        self.offline.apply(deployment).unwrap();
        let naming = self.platform.naming();
        let namespace = naming.cell_namespace(&CellId::new("acme", "shop", environment)).unwrap().to_string();
        let service = naming.workload(&ComponentId::new("acme", "shop", component), "main").unwrap().to_string();
        self.put::<Namespace>(json!({"metadata": {"name": namespace}}));
        self.put::<Service>(json!({"metadata": {"name": service, "namespace": namespace}}));
    }

    /// Takes the workloads out of the plane, as the planner of Deployments would.
    fn undeploy(&mut self) {
        for key in self.offline.world().keys(&self.plane, Kind::of::<Service>()) {
            self.offline.delete(&self.plane.clone(), &key);
        }
    }

    pub(crate) fn put<K: kube::Resource<DynamicType = ()> + 'static>(&mut self, object: Value)
    where
        K::Scope: 'static,
    {
        self.offline.put(&self.plane.clone(), Kind::of::<K>(), object).unwrap();
    }

    /// Puts both Gateways into the plane, with an HTTPS listener each.
    pub(crate) fn gateways(&mut self, port: i32) {
        for name in ["choreo-external-gateway", "choreo-internal-gateway"] {
            self.gateway(name, port);
        }
    }

    fn gateway(&mut self, name: &str, port: i32) {
        let listener = json!({"name": "https", "port": port, "protocol": "HTTPS"});
        let spec = json!({"gatewayClassName": "choreo", "listeners": [listener]});
        self.put::<Gateway>(json!({"metadata": {"name": name, "namespace": "choreo-system"}, "spec": spec}));
    }

    /// Writes an Endpoint of component `cart` in `development`, created at a day.
    pub(crate) fn endpoint(&mut self, name: &str, day: u8, visibilities: Value) {
        self.endpoint_of("cart", "development", name, day, "/api", visibilities);
    }

    pub(crate) fn endpoint_of(
        &mut self,
        component: &str,
        environment: &str,
        name: &str,
        day: u8,
        path: &str,
        visibilities: Value,
    ) {
        let endpoint = json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Endpoint",
            "metadata": {
                "name": name, "namespace": "acme", "creationTimestamp": format!("2026-01-{day:02}T00:00:00Z"),
                "labels": {
                    "openchoreo.dev/component": component, "openchoreo.dev/deployment-track": "main",
                    "openchoreo.dev/environment": environment, "openchoreo.dev/deployment": "deployment",
                },
            },
            "spec": {
                "type": "HTTP", "networkVisibilities": visibilities,
                "backendRef": {"type": "componentRef", "basePath": path, "componentRef": {"port": 8080}},
            },
        });
        self.offline.apply(endpoint).unwrap();
    }

    pub(crate) fn settle(&mut self) {
        self.offline.settle().unwrap();
    }

    /// Plays the gateway: gives every route of the plane a verdict.
    pub(crate) fn judge(&mut self, accepted: &str) {
        self.judge_by("", accepted, "True");
    }

    /// The same as a gateway of a name, or as the one that the route asks for; with a verdict about its backends.
    fn judge_by(&mut self, gateway: &str, accepted: &str, resolved: &str) {
        let routes = self.offline.world().list(&self.plane, &Select::of::<HTTPRoute>());
        for (_, route) in routes {
            let mut json = route.json();
            let mut parent = json["spec"]["parentRefs"][0].clone();
            if !gateway.is_empty() {
                parent["name"] = gateway.into();
            }
            let generation = json["metadata"]["generation"].clone();
            let condition = |type_: &str, status: &str| {
                json!({
                    "type": type_, "status": status, "reason": "Test", "message": "as the test says",
                    "observedGeneration": generation, "lastTransitionTime": "2026-02-01T00:00:00Z",
                })
            };
            let also = condition("PartiallyInvalid", "False");
            let conditions = [also, condition("Accepted", accepted), condition("ResolvedRefs", resolved)];
            let report = json!({"parentRef": parent, "controllerName": "example/test", "conditions": conditions});
            json["status"] = json!({"parents": [report]});
            self.put::<HTTPRoute>(json);
        }
        self.settle();
    }

    /// Hosts and paths of the routes in the plane.
    pub(crate) fn routes(&self) -> Vec<String> {
        let routes = self.offline.world().list(&self.plane, &Select::of::<HTTPRoute>());
        let line = |route: &Value| {
            let text = |pointer: &str| route.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned();
            let host = text("/spec/hostnames/0");
            let domain = host.split_once('.').map_or("?", |(_, domain)| domain).to_owned();
            format!("{domain}{}", text("/spec/rules/0/matches/0/path/value"))
        };
        routes.iter().map(|(_, route)| line(&route.json())).collect()
    }

    fn status(&self, name: &str) -> Value {
        let key = ObjectKey::of::<Endpoint>("acme", name);
        self.offline.world().get(&PlaneKey::Control, &key).map(|live| live.json()["status"].clone()).unwrap_or_default()
    }

    pub(crate) fn ready_condition(&self, name: &str) -> Value {
        let status = self.status(name);
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        conditions.iter().find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default()
    }

    /// Status and reason of the Ready condition.
    pub(crate) fn ready(&self, name: &str) -> String {
        let ready = self.ready_condition(name);
        format!("{} {}", ready["status"].as_str().unwrap_or("-"), ready["reason"].as_str().unwrap_or("-"))
    }

    /// Deletes an Endpoint; what becomes of that is still to come.
    pub(crate) fn begin_deletion(&mut self, name: &str) {
        self.offline.delete(&PlaneKey::Control, &ObjectKey::of::<Endpoint>("acme", name));
    }

    fn exists(&self, name: &str) -> bool {
        self.offline.world().get(&PlaneKey::Control, &ObjectKey::of::<Endpoint>("acme", name)).is_some()
    }

    fn delete<K: kube::Resource<DynamicType = ()> + 'static>(&mut self, name: &str)
    where
        K::Scope: 'static,
    {
        self.offline.delete(&PlaneKey::Control, &ObjectKey::of::<K>("acme", name));
        self.settle();
    }
}

fn everyone() -> Value {
    public(json!([]))
}

/// A stage with an endpoint that is published and served.
pub(crate) fn published(platform: &Arc<Platform>) -> Stage {
    let mut stage = Stage::new(platform);
    stage.gateways(443);
    stage.deploy("cart", "development");
    stage.endpoint("http", 1, everyone());
    stage.settle();
    stage.judge("True");
    assert_eq!(stage.ready("http"), "True RouteAccepted");
    assert_eq!(stage.routes(), ["choreoapps.localhost/api"]);
    stage
}

#[test]
fn another_version_of_the_platform_writes_as_the_same_field_manager() {
    let names: Vec<&str> = planners().iter().map(|planner| planner.name()).collect();
    assert_eq!(names, ["endpoint"], "under another name it would leave behind what it wrote under this one");
}

#[test]
fn nothing_is_visible_unless_someone_wrote_so() {
    let platform = platform().build().map(Arc::new).unwrap();
    let unwritten = [
        Value::Null,
        json!({}),
        json!({"public": {"enable": false}}),
        json!({"organization": {"enable": false}, "public": {"enable": false, "policies": []}}),
    ];
    for visibilities in unwritten {
        let mut stage = Stage::new(&platform);
        stage.gateways(443);
        stage.endpoint("http", 1, visibilities);
        stage.settle();
        assert_eq!(stage.ready("http"), "False DeploymentNotFound");
        stage.deploy("cart", "development");
        stage.settle();
        assert_eq!(stage.ready("http"), "True ReachableInProject");
        assert_eq!(stage.routes(), Vec::<String>::new());
        let address = stage.status("http")["address"].as_str().unwrap().to_owned();
        assert!(address.starts_with("http://cart-main-") && address.ends_with(":8080/api"), "{address}");
        assert!(stage.status("http").get("planes").is_none());
    }
}

#[test]
fn a_public_endpoint_waits_for_its_parts_one_by_one() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = Stage::new(&platform);
    stage.endpoint("http", 1, everyone());
    stage.settle();
    assert_eq!(stage.ready("http"), "False DeploymentNotFound");
    stage.deploy("cart", "development");
    stage.settle();
    assert_eq!(stage.ready("http"), "False GatewayNotFound");
    stage.gateways(8443);
    stage.settle();
    assert_eq!(stage.ready("http"), "Unknown RoutePending");
    stage.judge("False");
    assert_eq!(stage.ready("http"), "False RouteRefused");
    stage.judge("True");
    assert_eq!(stage.ready("http"), "True RouteAccepted");
    let address = stage.status("http")["address"].as_str().unwrap().to_owned();
    assert!(address.starts_with("https://acme-shop-cart-"), "{address}");
    assert!(address.ends_with("-development.choreoapps.localhost:8443/api"), "{address}");
    assert_eq!(stage.status("http")["planes"][0]["name"], "plane");
    assert_eq!(stage.status("http")["observedGeneration"], 1);
}

#[test]
fn only_what_the_gateway_of_the_endpoint_says_of_the_newest_route_counts() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    stage.judge_by("another-gateway", "False", "True");
    assert_eq!(stage.ready("http"), "Unknown RoutePending", "another gateway has no say");
    stage.judge_by("another-gateway", "True", "True");
    assert_eq!(stage.ready("http"), "Unknown RoutePending", "another gateway does not serve it");
    stage.judge_by("choreo-external-gateway", "True", "False");
    assert_eq!(stage.ready("http"), "False RouteRefused", "without its Service it does not answer");
    stage.judge("True");
    stage.endpoint_of("cart", "development", "http", 1, "/moved", everyone());
    stage.settle();
    assert_eq!(stage.routes(), ["choreoapps.localhost/moved"]);
    assert_eq!(stage.ready("http"), "Unknown RoutePending", "the verdict was about the route as it was");
}

#[test]
fn a_policy_that_the_gateway_refuses_is_told_although_the_route_is_accepted() {
    let platform = platform().build().map(Arc::new).unwrap();
    let limit = json!({"name": "calm", "type": "rate-limit", "policySpec": {"rateLimit": {
        "apiLevel": {"requestLimit": 100, "timeUnit": "minute"}, "operationLevel": {"rest": []}}}});
    let browsers = json!({"name": "browsers", "type": "cors", "policySpec": {"cors": {
        "allowCredentials": false, "allowOrigins": ["https://shop.example"], "allowMethods": ["GET"],
        "allowHeaders": [], "exposeHeaders": [], "maxAge": 600}}});
    let mut stage = published(&platform);
    stage.endpoint("http", 1, public(json!([limit, browsers])));
    stage.settle();
    stage.judge("True");
    assert_eq!(stage.ready("http"), "True RouteAccepted", "not every gateway reports on policies");
    for kind in [Kind::of::<BackendTrafficPolicy>(), Kind::of::<SecurityPolicy>()] {
        for (status, expected) in [("False", "False RouteRefused"), ("True", "True RouteAccepted")] {
            let key = stage.offline.world().keys(&stage.plane, kind).remove(0);
            let mut policy = stage.offline.world().get(&stage.plane, &key).unwrap().json();
            let accepted = json!({"type": "Accepted", "status": status, "reason": "Invalid",
                "message": "as the test says", "lastTransitionTime": "2026-02-01T00:00:00Z"});
            policy["status"] = json!({"ancestors": [{"ancestorRef": {"name": "choreo-external-gateway"},
                "controllerName": "example/test", "conditions": [accepted]}]});
            stage.offline.put(&stage.plane.clone(), kind, policy).unwrap();
            stage.settle();
            assert_eq!(stage.ready("http"), expected, "{kind}");
        }
    }
}

#[test]
fn nothing_is_published_into_a_namespace_that_is_being_deleted() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    let key = stage.offline.world().keys(&stage.plane, Kind::of::<Namespace>()).remove(0);
    let mut namespace = stage.offline.world().get(&stage.plane, &key).unwrap().json();
    namespace["metadata"]["deletionTimestamp"] = "2026-02-01T00:00:00Z".into();
    namespace["metadata"]["finalizers"] = json!(["kubernetes"]);
    stage.put::<Namespace>(namespace);
    stage.settle();
    assert_eq!(stage.ready("http"), "Unknown RoutePending");
    assert_eq!(stage.routes(), Vec::<String>::new());
}

#[test]
fn an_endpoint_that_is_served_costs_no_request() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    let before = stage.offline.requests();
    stage.offline.replan_all();
    stage.settle();
    assert_eq!(stage.offline.requests(), before);
}

#[test]
fn an_organization_sees_its_endpoints_on_its_own_host() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    stage.endpoint("http", 1, json!({"public": {"enable": true}, "organization": {"enable": true}}));
    stage.settle();
    assert_eq!(stage.routes(), ["choreoapps.localhost/api", "choreoapps.internal/api"]);
    stage.endpoint("http", 1, json!({"organization": {"enable": true}}));
    stage.settle();
    assert_eq!(stage.routes(), ["choreoapps.internal/api"]);
    stage.judge("True");
    let address = stage.status("http")["address"].as_str().unwrap().to_owned();
    assert!(address.ends_with(".choreoapps.internal/api"), "{address}");
}

#[test]
fn an_endpoint_says_whom_the_gateway_of_its_organization_does_not_serve() {
    let shared = PlatformSettings::default();
    let own = PlatformSettings { internal_gateway: "internal-{organization}".to_owned(), ..shared.clone() };
    let mut permitted = shared.clone();
    permitted.network.cells_call_shared_gateway = true;
    for (settings, gateway, is_said) in [
        (shared, "choreo-internal-gateway", true),
        (own, "internal-acme", false),
        (permitted, "choreo-internal-gateway", false),
    ] {
        let platform = platform().dialects(builtin_dialects()).settings(settings).build().map(Arc::new).unwrap();
        let mut stage = Stage::new(&platform);
        stage.gateway(gateway, 443);
        stage.deploy("cart", "development");
        stage.endpoint("http", 1, json!({"organization": {"enable": true}}));
        stage.settle();
        stage.judge("True");
        assert_eq!(stage.ready("http"), "True RouteAccepted");
        let message = stage.ready_condition("http")["message"].to_string();
        assert_eq!(message.contains("not from cells and builds"), is_said, "{message}");
    }
}

#[test]
fn what_can_no_longer_be_protected_is_no_longer_published() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    let key = json!({"name": "keys", "type": "api-key", "policySpec": {}});
    stage.endpoint("http", 1, json!({"public": {"enable": true, "policies": [key]}, "organization": {"enable": true}}));
    stage.settle();
    assert_eq!(stage.ready("http"), "False NotSupported");
    assert_eq!(stage.routes(), ["choreoapps.internal/api"], "each visibility stands for itself");

    let operations = json!([{"method": "GET", "target": "/items", "scopes": ["items:read"]}]);
    stage.endpoint("http", 1, public(json!([oauth2(operations)])));
    stage.settle();
    assert_eq!(stage.routes().len(), 2, "the operation, and the route that denies");
    let spec = json!({"dataPlaneRef": "plane"});
    let environment = json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Environment", "spec": spec,
        "metadata": {"name": "development", "namespace": "acme"},
    });
    stage.offline.apply(environment).unwrap();
    stage.settle();
    assert_eq!(stage.ready("http"), "False RouteNotRendered", "the keys are gone");
    assert_eq!(stage.routes(), Vec::<String>::new());
    let left = stage.offline.world().all(&stage.plane).into_iter().map(|(key, _)| key.kind.kind.to_owned());
    assert!(!left.collect::<Vec<_>>().contains(&"SecurityPolicy".to_owned()));
}

#[test]
fn routes_go_when_nobody_should_use_them() {
    let platform = platform().build().map(Arc::new).unwrap();
    type Way = fn(&mut Stage);
    let ways: [(&str, Way); 5] = [
        ("the endpoint", |stage| stage.delete::<Endpoint>("http")),
        ("the deployment", |stage| {
            stage.undeploy();
            stage.delete::<Deployment>("development-cart");
        }),
        ("the component", |stage| stage.delete::<openchoreo_types::v1alpha1::Component>("cart")),
        ("the environment", |stage| stage.delete::<Environment>("development")),
        ("the visibility", |stage| {
            stage.endpoint("http", 1, json!({}));
            stage.settle();
        }),
    ];
    for (what, remove) in ways {
        let mut stage = published(&platform);
        remove(&mut stage);
        assert_eq!(stage.routes(), Vec::<String>::new(), "{what}");
        assert_eq!(stage.exists("http"), !["the endpoint", "the component"].contains(&what), "{what}");
        if stage.exists("http") {
            assert!(stage.status("http").get("planes").is_none(), "{what}");
        }
    }
}

#[test]
fn routes_stay_while_a_parent_is_only_missing() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    let component = |project: &str| {
        json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Component",
            "metadata": {"name": "cart", "namespace": "acme"},
            "spec": {"owner": {"projectName": project}, "type": "Service"},
        })
    };
    stage.offline.apply(component("not-yet")).unwrap();
    stage.settle();
    assert_eq!(stage.ready("http"), "False ParentNotFound");
    assert_eq!(stage.routes(), ["choreoapps.localhost/api"]);
    stage.endpoint("http", 1, json!({}));
    stage.settle();
    assert_eq!(stage.routes(), Vec::<String>::new(), "nobody should reach it any more, whoever its parents are");
}

#[test]
fn a_visibility_that_is_withdrawn_goes_while_a_parent_is_missing_and_the_other_stays() {
    let organization = json!({"organization": {"enable": true, "policies": []}});
    let both = json!({"organization": {"enable": true, "policies": []}, "public": {"enable": true, "policies": []}});
    let homeless = json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Component", "metadata": {"name": "cart", "namespace": "acme"},
        "spec": {"owner": {"projectName": "not-yet"}, "type": "Service"},
    });
    let shared = PlatformSettings::default();
    let own = PlatformSettings { internal_gateway: "internal-{organization}".to_owned(), ..shared.clone() };
    for (settings, left, route) in [
        (shared.clone(), organization.clone(), "internal/api"),
        (shared, everyone(), "choreoapps.localhost/api"),
        (own.clone(), organization, "internal/api"),
        (own, everyone(), "choreoapps.localhost/api"),
    ] {
        let platform = platform().settings(settings).build().map(Arc::new).unwrap();
        let mut stage = published(&platform);
        stage.endpoint("http", 1, both.clone());
        stage.settle();
        assert_eq!(stage.routes().len(), 2);
        stage.offline.apply(homeless.clone()).unwrap();
        stage.settle();
        assert_eq!(stage.routes().len(), 2, "what is published stays");
        stage.endpoint("http", 1, left);
        stage.settle();
        assert_eq!(stage.routes().len(), 1);
        assert!(stage.routes()[0].ends_with(route), "{:?}", stage.routes());
        stage.endpoint("http", 1, json!({}));
        stage.settle();
        assert_eq!(stage.routes(), Vec::<String>::new());
        let status = stage.status("http");
        assert_eq!((status.get("address"), status.get("planes")), (None, None), "there is nothing that answers");
    }
}

#[test]
fn the_engine_is_told_what_protects_a_route() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    let limited = json!({"name": "calm", "type": "rate-limit", "policySpec": {"rateLimit": {
        "apiLevel": {"requestLimit": 100, "timeUnit": "minute"}, "operationLevel": {"rest": []},
    }}});
    stage.endpoint("http", 1, public(json!([limited])));
    let key = ObjectKey::of::<Endpoint>("acme", "http");
    let plan = stage.offline.core().plan_of(&key).remove(0);
    let routes = stage.offline.world().keys(&stage.plane, Kind::of::<HTTPRoute>());
    let protected: Vec<ObjectKey> = plan.protections.into_iter().map(|protection| protection.exposure).collect();
    assert_eq!(protected, routes);
}

#[test]
fn routes_go_while_the_deployment_goes_and_stay_while_it_is_only_missing() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    let key = ObjectKey::of::<Deployment>("acme", "development-cart");
    let mut held = stage.offline.world().get(&PlaneKey::Control, &key).unwrap().json();
    stage.delete::<Deployment>("development-cart");
    assert_eq!(stage.ready("http"), "False DeploymentNotFound");
    assert_eq!(stage.routes(), ["choreoapps.localhost/api"], "its workload is still there");
    stage.deploy("cart", "development");
    stage.settle();
    assert_eq!(stage.ready("http"), "True RouteAccepted");
    held["metadata"]["finalizers"] = json!(["example.com/held"]);
    stage.offline.put(&PlaneKey::Control, key.kind, held.clone()).unwrap();
    held["spec"] = json!({"deploymentArtifactRef": ["no text"]});
    stage.offline.put(&PlaneKey::Control, key.kind, held).unwrap();
    stage.settle();
    assert_eq!(stage.routes(), ["choreoapps.localhost/api"], "it cannot be read");
    stage.deploy("cart", "development");
    stage.delete::<Deployment>("development-cart");
    assert_eq!(stage.routes(), Vec::<String>::new(), "it goes");
}

#[test]
fn routes_do_not_go_with_a_deployment_that_they_do_not_lead_to() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    let other = json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Deployment", "spec": {"deploymentArtifactRef": "artifact"},
        "metadata": {"name": "a-first", "namespace": "acme", "deletionTimestamp": "2026-02-01T00:00:00Z",
            "finalizers": ["example.com/held"], "labels": {
            "openchoreo.dev/component": "cart", "openchoreo.dev/deployment-track": "main",
            "openchoreo.dev/environment": "development", "openchoreo.dev/name": "first"}},
    });
    stage.offline.put(&PlaneKey::Control, Kind::of::<Deployment>(), other).unwrap();
    stage.settle();
    assert_eq!(stage.ready("http"), "True RouteAccepted");
    assert_eq!(stage.routes(), ["choreoapps.localhost/api"]);
}

#[test]
fn an_endpoint_that_its_deployment_made_goes_by_its_own_deletion() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    let hold = |stage: &mut Stage, key: &ObjectKey, edit: fn(&mut Value)| {
        let mut live = stage.offline.world().get(&PlaneKey::Control, key).unwrap().json();
        edit(&mut live);
        stage.offline.put(&PlaneKey::Control, key.kind, live).unwrap();
    };
    let endpoint = ObjectKey::of::<Endpoint>("acme", "http");
    hold(&mut stage, &endpoint, |live| live["metadata"]["labels"]["openchoreo.dev/owner"] = json!("0123456789abcdef"));
    let deployment = ObjectKey::of::<Deployment>("acme", "development-cart");
    hold(&mut stage, &deployment, |live| live["metadata"]["finalizers"] = json!(["example.com/held"]));
    stage.delete::<Deployment>("development-cart");
    assert_eq!(stage.routes(), ["choreoapps.localhost/api"], "a successor may take it over");
    stage.delete::<Endpoint>("http");
    assert_eq!(stage.routes(), Vec::<String>::new());
}

#[test]
fn routes_stay_while_nothing_says_whose_the_namespace_is_and_go_with_the_organization() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    let organization = ObjectKey::of::<Organization>("", "acme");
    let live = stage.offline.world().get(&PlaneKey::Control, &organization).unwrap().json();
    let mut bare = live.clone();
    bare["metadata"]["finalizers"] = json!([]);
    stage.offline.put(&PlaneKey::Control, organization.kind, bare).unwrap();
    stage.offline.delete(&PlaneKey::Control, &organization);
    stage.settle();
    assert_eq!(stage.ready("http"), "False NamespaceNotInOrganization");
    assert_eq!(stage.routes(), ["choreoapps.localhost/api"]);
    stage.offline.put(&PlaneKey::Control, organization.kind, live).unwrap();
    stage.settle();
    assert_eq!(stage.ready("http"), "True RouteAccepted");
    stage.offline.delete(&PlaneKey::Control, &organization);
    stage.settle();
    assert_eq!(stage.routes(), Vec::<String>::new());
    assert!(!stage.exists("http"));
    assert!(stage.offline.world().get(&PlaneKey::Control, &organization).is_none());
}

#[test]
fn a_plane_that_does_not_answer_is_cleaned_when_it_does() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    let dead = PlaneState::Unreachable {
        since: "2026-02-01T00:00:00Z".parse().unwrap(),
        cause: Disconnect::NoAnswer,
        error: "no answer".to_owned(),
    };
    stage.offline.set_plane_state(&stage.plane.clone(), dead);
    stage.settle();
    assert_eq!(stage.ready("http"), "False PlaneUnreachable");
    stage.delete::<Endpoint>("http");
    assert!(stage.exists("http"), "its routes are still there");
    assert_eq!(stage.ready("http"), "False PlaneUnreachable");
    stage.offline.connect(&stage.plane.clone());
    stage.settle();
    assert!(!stage.exists("http"));
    assert_eq!(stage.routes(), Vec::<String>::new());
}

#[test]
fn of_two_endpoints_with_one_address_the_elder_has_it_in_any_order() {
    let platform = platform().build().map(Arc::new).unwrap();
    // By name the younger comes first.
    for order in [["elder", "a-younger"], ["a-younger", "elder"]] {
        let mut stage = Stage::new(&platform);
        stage.gateways(443);
        stage.deploy("cart", "development");
        for name in order {
            stage.endpoint(name, if name == "elder" { 1 } else { 2 }, everyone());
            stage.settle();
        }
        assert_eq!(stage.ready("elder"), "Unknown RoutePending", "{order:?}");
        assert_eq!(stage.ready("a-younger"), "False RouteConflict", "{order:?}");
        let told = stage.ready_condition("a-younger")["message"].to_string();
        assert!(told.contains("`elder`") && told.contains("/api`"), "{told}");
        assert_eq!(stage.routes().len(), 1, "{order:?}");
        stage.endpoint_of("cart", "development", "other", 3, "/other", everyone());
        stage.settle();
        assert_eq!(stage.ready("other"), "Unknown RoutePending", "another path is another address");
        stage.delete::<Endpoint>("elder");
        assert_eq!(stage.ready("a-younger"), "Unknown RoutePending", "the address is free");
    }
}

#[test]
fn two_components_never_share_a_host_that_the_scheme_cannot_tell_apart() {
    let platform = platform()
        .hostnames(UpstreamHostnames::default())
        .gateway(EnvoyGateway::with_paths(PathStyle::ProjectAndComponent))
        .build()
        .map(Arc::new)
        .unwrap();
    for order in [["web-a", "web"], ["web", "web-a"]] {
        let mut stage = Stage::new(&platform);
        stage.gateways(443);
        for component in order {
            // `web-a` in `development` and `web` in `a-development` have one host, at different paths.
            // By name `web-a` comes first.
            let (environment, day) = if component == "web" { ("a-development", 1) } else { ("development", 2) };
            stage.component(component, "WebApplication");
            stage.deploy(component, environment);
            stage.endpoint_of(component, environment, component, day, &format!("/{component}"), everyone());
            stage.settle();
        }
        assert_eq!(stage.ready("web"), "Unknown RoutePending", "{order:?}");
        assert_eq!(stage.ready("web-a"), "False HostnameTaken", "{order:?}");
        assert_eq!(stage.routes(), ["choreoapps.localhost/web"], "{order:?}");
    }
}

#[test]
fn services_share_a_host_and_are_told_apart_by_path() {
    let platform = platform()
        .hostnames(UpstreamHostnames::default())
        .gateway(EnvoyGateway::with_paths(PathStyle::ProjectAndComponent))
        .build()
        .map(Arc::new)
        .unwrap();
    let mut stage = Stage::new(&platform);
    stage.gateways(443);
    for component in ["cart", "orders"] {
        stage.component(component, "Service");
        stage.deploy(component, "development");
        stage.endpoint_of(component, "development", component, 1, "/", everyone());
    }
    stage.settle();
    assert_eq!(stage.routes(), ["choreoapps.localhost/shop/cart", "choreoapps.localhost/shop/orders"]);
    assert_eq!(stage.status("cart")["address"], "https://dev.choreoapps.localhost/shop/cart");
}

#[test]
fn a_scheduled_task_has_no_address_and_its_endpoint_says_so() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = Stage::new(&platform);
    stage.gateways(443);
    stage.component("nightly", "ScheduledTask");
    stage.deploy("nightly", "development");
    for (name, visibilities) in [("public", everyone()), ("within", json!({}))] {
        stage.endpoint_of("nightly", "development", name, 1, "/", visibilities);
        stage.settle();
        assert_eq!(stage.ready(name), "False NotSupported", "{name}");
        assert_eq!(stage.status(name)["address"], Value::Null, "{name}");
    }
    assert_eq!(stage.routes(), Vec::<String>::new());
}

#[test]
fn two_tracks_in_one_environment_have_addresses_of_their_own_or_the_younger_says_why_not() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = Stage::new(&platform);
    stage.gateways(443);
    stage.deploy("cart", "development");
    stage.endpoint("main", 1, everyone());
    let of_track = |name: &str, path: &str| {
        let labels = json!({
            "openchoreo.dev/component": "cart", "openchoreo.dev/deployment-track": "next",
            "openchoreo.dev/environment": "development", "openchoreo.dev/deployment": "deployment",
        });
        let metadata = json!({
            "name": name, "namespace": "acme", "labels": labels, "creationTimestamp": "2026-01-02T00:00:00Z",
        });
        let backend = json!({"type": "componentRef", "basePath": path, "componentRef": {"port": 8080}});
        let spec = json!({"type": "HTTP", "networkVisibilities": everyone(), "backendRef": backend});
        json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Endpoint", "metadata": metadata, "spec": spec})
    };
    let labels = json!({
        "openchoreo.dev/component": "cart", "openchoreo.dev/deployment-track": "next",
        "openchoreo.dev/environment": "development", "openchoreo.dev/name": "deployment",
    });
    let deployment = json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Deployment", "spec": {"deploymentArtifactRef": "artifact"},
        "metadata": {"name": "next", "namespace": "acme", "labels": labels},
    });
    stage.offline.apply(deployment).unwrap();
    stage.offline.apply(of_track("next", "/api")).unwrap();
    stage.settle();
    assert_eq!(
        (stage.ready("main").as_str(), stage.ready("next").as_str()),
        ("Unknown RoutePending", "False RouteConflict")
    );
    stage.offline.apply(of_track("next", "/next")).unwrap();
    stage.settle();
    assert_eq!(stage.ready("next"), "Unknown RoutePending");
    let routes = stage.offline.world().list(&stage.plane, &Select::of::<HTTPRoute>());
    let backend = |(_, route): &(ObjectKey, Arc<openchoreo_core::world::Stored>)| {
        route.json().pointer("/spec/rules/0/backendRefs/0/name").cloned().unwrap_or_default()
    };
    let mut backends: Vec<Value> = routes.iter().map(backend).collect();
    backends.dedup();
    assert_eq!(backends.len(), 2, "each leads to the Service of its track: {backends:?}");
}

#[test]
fn a_plane_that_is_given_up_does_not_hold_the_endpoint() {
    let platform = platform().build().map(Arc::new).unwrap();
    let mut stage = published(&platform);
    stage.delete::<DataPlane>("plane");
    stage.offline.forget_plane(&stage.plane.clone());
    stage.settle();
    stage.delete::<Endpoint>("http");
    assert!(!stage.exists("http"));
}
