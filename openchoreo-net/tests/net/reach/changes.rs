//! What an edit lets whom reach is told, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use openchoreo_core::extension::{EndpointContext, Gateway, RenderError, RouteState};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels::{OWNED_BY, OWNER, Owner, ROUTE_CLAIMED_FOR};
use openchoreo_core::plan::Rendered;
use openchoreo_core::platform::Platform;
use openchoreo_core::reach::{Path, Protection};
use openchoreo_core::world::{Disconnect, PlaneState, Select, Stored};
use openchoreo_net::reach::{Change, Effect, Reach, Way};
use openchoreo_net::{EnvoyGateway, builtin_dialects, planners};
use openchoreo_types::foreign::envoy_gateway::SecurityPolicy;
use openchoreo_types::foreign::gateway_api::{Gateway as GatewayObject, HTTPRoute};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::endpoints::{Stage, platform};
use crate::openings::{let_in, protected, tokens, written};
use crate::policies::policies;
use crate::support::public;

/// A stage with a cell, its policies, both Gateways and a deployed component.
struct Scene {
    stage: Stage,
    platform: Arc<Platform>,
}

impl Scene {
    fn new() -> Self {
        let platform = platform().dialects(builtin_dialects()).build().map(Arc::new).unwrap();
        Self::on(platform)
    }

    fn on(platform: Arc<Platform>) -> Self {
        let mut stage = Stage::new(&platform);
        stage.gateways(443);
        stage.deploy("cart", "development");
        for policy in policies() {
            let kinds = platform.remote_watches().into_keys().filter(|kind| policy["kind"] == kind.kind);
            for kind in kinds {
                stage.offline.put(&stage.plane.clone(), kind, policy.clone()).unwrap();
            }
        }
        Self { stage, platform }
    }

    fn published(visibilities: Value) -> Self {
        let mut scene = Self::new();
        scene.write(visibilities);
        scene
    }

    fn write(&mut self, visibilities: Value) {
        self.stage.endpoint_of("cart", "development", "http", 1, "/api", visibilities);
        self.stage.settle();
    }

    fn reach(&self) -> Reach {
        Reach::of(&self.platform, self.stage.offline.world())
    }

    /// What an edit changes.
    fn changes(&mut self, edit: impl FnOnce(&mut Self)) -> Vec<Change> {
        let before = self.reach();
        edit(self);
        let after = self.reach();
        let changes = after.since(&before);
        // The way back is the same with grants and withdrawals the other way round.
        let count = |changes: &[Change], effect| changes.iter().filter(|change| change.effect == effect).count();
        let back = before.since(&after);
        assert_eq!(count(&changes, Effect::Grants), count(&back, Effect::Withdraws));
        assert_eq!(count(&changes, Effect::Withdraws), count(&back, Effect::Grants));
        changes
    }

    /// Takes the objects of a kind out of the plane that fit.
    fn take<K: kube::Resource<DynamicType = ()> + 'static>(&mut self, fits: impl Fn(&Value) -> bool)
    where
        K::Scope: 'static,
    {
        let plane = self.stage.plane.clone();
        for (key, live) in self.stage.offline.world().list(&plane, &Select::of::<K>()) {
            if fits(&live.json()) {
                self.stage.offline.delete(&plane, &key);
            }
        }
    }
}

fn sentences(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

/// A sentence without names that are made.
fn told(change: &Change) -> String {
    let text = change.to_string();
    let (told, _) = text.split_once(" (by ").unwrap();
    let end = text.rsplit_once(';').map(|(_, end)| format!(";{end}")).unwrap_or_default();
    format!("{told}{end}")
}

fn guarded() -> Value {
    public(json!([protected("read", &["GET", "POST"])]))
}

const HOST: &str = "acme-shop-cart-6e781028-development.choreoapps.localhost";
const TOKEN: &str = "with a token signed with the keys at `https://keys.example/jwks`, for `shop` and \
    with scope `read` and with claim `tier` `gold` or `silver`";

#[test]
fn an_endpoint_that_is_made_public_is_told() {
    let mut scene = Scene::published(json!({}));
    let changes = scene.changes(|scene| scene.write(public(json!([]))));
    let what = format!("`* /api/…` of component `acme/shop/cart` in `development` at `{HOST}`");
    let begin = format!("lets everybody reach {what} without a token or key (by Endpoint acme/http, HTTPRoute ");
    let [sentence] = &sentences(&changes)[..] else { panic!("{changes:?}") };
    assert!(sentence.starts_with(&begin) && sentence.ends_with("); until now not at all"), "{sentence}");
    let changes = scene.changes(|scene| scene.write(json!({})));
    assert_eq!(
        changes.iter().map(told).collect::<Vec<_>>(),
        [format!("no longer lets everybody reach {what} without a token or key; now not at all")]
    );
}

#[test]
fn a_visibility_that_is_widened_is_told() {
    let organization = json!({"organization": {"enable": true, "policies": []}});
    let mut scene = Scene::published(organization.clone());
    let mut both = public(json!([]));
    both["organization"] = organization["organization"].clone();
    let changes = scene.changes(|scene| scene.write(both));
    let [change] = &changes[..] else { panic!("{changes:?}") };
    assert!(told(change).starts_with("lets everybody reach `* /api/…` of component"), "{change}");
    let changes = scene.changes(|scene| scene.write(organization));
    let [change] = &changes[..] else { panic!("{changes:?}") };
    assert!(told(change).starts_with("no longer lets everybody reach"), "{change}");
}

#[test]
fn a_policy_that_is_taken_from_a_route_is_told() {
    let mut scene = Scene::published(guarded());
    let is_of_post = |scene: &Scene| {
        let routes = scene.stage.offline.world().list(&scene.stage.plane, &Select::of::<HTTPRoute>());
        let post =
            routes.into_iter().find(|(_, route)| route.json()["spec"]["rules"][0]["matches"][0]["method"] == "POST");
        let name = post.unwrap().0.name;
        move |policy: &Value| policy["metadata"]["name"] == name
    };
    let fits = is_of_post(&scene);
    let changes = scene.changes(|scene| scene.take::<SecurityPolicy>(fits));
    let what = format!("`POST ^/api/items$` of component `acme/shop/cart` in `development` at `{HOST}`");
    assert_eq!(
        changes.iter().map(told).collect::<Vec<_>>(),
        [format!("lets everybody reach {what} without a token or key; until now {TOKEN}")]
    );
    let changes = scene.changes(|scene| scene.take::<SecurityPolicy>(|policy| policy.pointer("/spec/jwt").is_none()));
    let [change] = &changes[..] else { panic!("{}", sentences(&changes).join("\n")) };
    assert!(told(change).starts_with("lets everybody reach `* /api/…` of component"), "{change}");
}

#[test]
fn a_narrower_and_a_wider_demand_are_told_apart() {
    let mut scene = Scene::published(public(json!([protected("read", &["GET"])])));
    let both = || {
        let mut policy = protected("read", &["GET"]);
        policy["policySpec"]["oauth2"]["jwt"]["authorization"]["rest"]["operations"][0]["scopes"] =
            json!(["read", "all"]);
        public(json!([policy]))
    };
    let effects = |changes: &[Change]| changes.iter().map(|change| change.effect).collect::<Vec<_>>();
    assert_eq!(effects(&scene.changes(|scene| scene.write(both()))), [Effect::Withdraws]);
    assert_eq!(
        effects(&scene.changes(|scene| scene.write(public(json!([protected("read", &["GET"])]))))),
        [Effect::Grants]
    );
    let other = public(json!([protected("other", &["GET"])]));
    assert_eq!(effects(&scene.changes(|scene| scene.write(other))), [Effect::Grants, Effect::Withdraws]);
}

#[test]
fn a_route_that_stood_before_another_is_missed() {
    let mut scene = Scene::published(public(json!([])));
    let routes = scene.stage.offline.world().list(&scene.stage.plane, &Select::of::<HTTPRoute>());
    let mut closed = routes[0].1.json();
    closed["metadata"]["name"] = json!("closed");
    closed["spec"]["rules"][0]["matches"][0]["path"] = json!({"type": "PathPrefix", "value": "/api/internal"});
    let target = json!({"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "closed"});
    let policy = json!({
        "metadata": {"name": "closed", "namespace": closed["metadata"]["namespace"]},
        "spec": {"targetRefs": [target], "authorization": {"defaultAction": "Deny"}},
    });
    let changes = scene.changes(|scene| {
        scene.stage.put::<SecurityPolicy>(policy);
        scene.stage.put::<HTTPRoute>(closed);
    });
    let what = format!("`* /api/internal/…` of component `acme/shop/cart` in `development` at `{HOST}`");
    let sentence =
        |verb: &str, side: &str| format!("{verb} everybody reach {what} without a token or key; {side} not at all");
    assert_eq!(changes.iter().map(told).collect::<Vec<_>>(), [sentence("no longer lets", "now")]);
    let changes = scene.changes(|scene| scene.take::<HTTPRoute>(|route| route["metadata"]["name"] == "closed"));
    assert_eq!(changes.iter().map(told).collect::<Vec<_>>(), [sentence("lets", "until now")]);
}

/// Edits the one route of a scene.
fn edit_route(scene: &mut Scene, edit: impl FnOnce(&mut Value)) {
    let [(_, route)] = &scene.stage.offline.world().list(&scene.stage.plane, &Select::of::<HTTPRoute>())[..] else {
        panic!("not one route")
    };
    let mut route = route.json();
    edit(&mut route["spec"]);
    scene.stage.put::<HTTPRoute>(route);
}

#[test]
fn a_listener_that_a_route_leaves_or_enters_is_told() {
    let mut scene = Scene::published(public(json!([])));
    let at = |scene: &mut Scene, listener: Value| {
        let changes = scene.changes(|scene| edit_route(scene, |spec| spec["parentRefs"][0]["sectionName"] = listener));
        changes.iter().map(told).collect::<Vec<_>>()
    };
    let sentence = |verb: &str, where_: &str, other_side: &str| {
        let what = format!("`* /api/…`{where_} of component `acme/shop/cart` in `development` at `{HOST}`");
        format!("{verb} everybody reach {what} without a token or key; {other_side}")
    };
    let open = "now without a token or key";
    assert_eq!(at(&mut scene, json!("https")), [sentence("no longer lets", "", open)]);
    assert_eq!(
        at(&mut scene, json!("http")),
        [
            sentence("lets", ", at listener `http`", "until now not at all"),
            sentence("no longer lets", ", at listener `https`", "now not at all"),
        ]
    );
    assert_eq!(at(&mut scene, Value::Null), [sentence("lets", "", "until now without a token or key")]);
    let changes = scene.changes(|scene| edit_route(scene, |spec| spec["parentRefs"][0]["port"] = json!(8443)));
    assert_eq!(changes.iter().map(told).collect::<Vec<_>>(), [sentence("no longer lets", "", open)]);
}

#[test]
fn a_way_that_becomes_one_to_another_component_is_told() {
    let mut scene = Scene::published(public(json!([])));
    let changes = scene.changes(|scene| {
        let mut route = scene.stage.offline.world().list(&scene.stage.plane, &Select::of::<HTTPRoute>())[0].1.json();
        route["metadata"]["annotations"][ROUTE_CLAIMED_FOR] = json!("acme/shop/other/development/http");
        scene.stage.put::<HTTPRoute>(route);
    });
    let [granted, withdrawn] = &changes[..] else { panic!("{changes:?}") };
    assert!(told(granted).contains("component `acme/shop/other`"), "{granted}");
    assert!(told(withdrawn).contains("component `acme/shop/cart`"), "{withdrawn}");
}

#[test]
fn only_what_is_new_of_several_backends_is_told() {
    let mut scene = Scene::published(public(json!([])));
    let backends = |scene: &mut Scene, name: &str, weights: &[(&str, u8)]| {
        let backends: Vec<Value> =
            weights.iter().map(|(name, weight)| json!({"name": name, "port": 80, "weight": weight})).collect();
        scene.changes(|scene| {
            let mut renamed = Value::Null;
            edit_route(scene, |spec| {
                spec["rules"][0]["backendRefs"] = json!(backends);
                renamed = spec.clone();
            });
            let namespace =
                scene.stage.offline.world().list(&scene.stage.plane, &Select::of::<HTTPRoute>())[0].0.clone();
            scene.take::<HTTPRoute>(|_| true);
            let metadata = json!({"name": name, "namespace": namespace.namespace});
            scene.stage.put::<HTTPRoute>(json!({"metadata": metadata, "spec": renamed}));
        })
    };
    let told = |changes: Vec<Change>| -> Vec<(Effect, Vec<String>)> {
        let backends = |change: &Change| {
            let Way::Requests { admission, .. } = &change.access.way else { panic!("{change}") };
            admission.backends.iter().map(|backend| backend.name.clone()).collect()
        };
        changes.iter().map(|change| (change.effect, backends(change))).collect()
    };
    backends(&mut scene, "a", &[("old", 1), ("new", 1)]);
    assert_eq!(told(backends(&mut scene, "b", &[("old", 9), ("new", 1)])), []);
    let expected = |effect, name: &str| vec![(effect, vec![name.to_owned()])];
    assert_eq!(
        told(backends(&mut scene, "c", &[("old", 9), ("new", 1), ("newer", 1)])),
        expected(Effect::Grants, "newer")
    );
    assert_eq!(
        told(backends(&mut scene, "d", &[("old", 0), ("new", 1), ("newer", 1)])),
        expected(Effect::Withdraws, "old")
    );
}

#[test]
fn an_unrelated_edit_tells_nothing() {
    let mut scene = Scene::published(guarded());
    let changes = scene.changes(|scene| {
        scene.stage.component("other", "Service");
        scene.stage.deploy("cart", "development");
        scene.stage.settle();
        let plane = scene.stage.plane.clone();
        for (key, live) in scene.stage.offline.world().all(&plane) {
            let mut json = live.json();
            json["metadata"]["annotations"]["note"] = json!("seen");
            scene.stage.offline.put(&plane, key.kind, json).unwrap();
        }
    });
    assert_eq!(sentences(&changes), Vec::<String>::new());
    // A limit decides how often, not who.
    let mut open = Scene::published(public(json!([])));
    let limit = json!({"name": "calm", "type": "rate-limit", "policySpec": {"rateLimit": {
        "apiLevel": {"requestLimit": 3, "timeUnit": "minute"}, "operationLevel": {"rest": []},
    }}});
    assert_eq!(sentences(&open.changes(|scene| scene.write(public(json!([limit]))))), Vec::<String>::new());
}

#[test]
fn a_network_policy_that_is_gone_is_told() {
    let mut scene = Scene::published(json!({}));
    let changes = scene.changes(|scene| scene.take::<NetworkPolicy>(|_| true));
    let pods = "the pods of namespace `dp-acme-shop-development-cea56a34`";
    let suffix = "as far as the NetworkPolicy.networking.k8s.io of these pods goes \
        (no NetworkPolicy.networking.k8s.io is in the way)";
    assert_eq!(
        sentences(&changes),
        [
            format!("lets everybody and everything reach {pods} on all ports {suffix}"),
            format!("lets {pods} reach everybody and everything on all ports {suffix}"),
        ]
    );
}

#[test]
fn pods_that_share_a_way_are_told_together_and_by_what_their_namespace_is_for() {
    let mut scene = Scene::published(json!({}));
    scene.stage.deploy("cart", "a-development");
    scene.take::<NetworkPolicy>(|_| true);
    let open = |scene: &Scene| {
        let accesses = scene.reach().accesses();
        let begin = "everybody and everything may reach ";
        let told =
            accesses.iter().map(ToString::to_string).find(|told| told.starts_with(begin) && !told.contains("Cilium"));
        let told = told.unwrap().strip_prefix(begin).unwrap().to_owned();
        told.split_once(" on all ports").unwrap().0.to_owned()
    };
    let second = "dp-acme-shop-development-cea56a34";
    let told = open(&scene);
    let names: Vec<&str> = told.split('`').filter(|name| name.starts_with("dp-")).collect();
    assert_eq!((names.len(), names[1]), (2, second), "{told}");
    let owner = Owner::cell("acme", "shop", "development");
    let labelled = |label: String| {
        let annotations = json!({OWNED_BY: owner.to_string()});
        json!({"metadata": {"name": second, "labels": {OWNER: label}, "annotations": annotations}})
    };
    scene.stage.put::<Namespace>(labelled("somebody".to_owned()));
    assert_eq!(open(&scene), told, "an owner whose label is not the platform's");
    let label = scene.stage.offline.world().label_of(&owner);
    scene.stage.put::<Namespace>(labelled(label));
    let other = names[0];
    assert_eq!(open(&scene), format!("the pods of project `acme/shop` in `development` and of namespace `{other}`"));
}

#[test]
fn one_more_peer_of_a_cell_is_told_and_no_other() {
    let mut scene = Scene::published(json!({}));
    let changes = scene.changes(|scene| {
        let plane = scene.stage.plane.clone();
        for (key, live) in scene.stage.offline.world().list(&plane, &Select::of::<NetworkPolicy>()) {
            let mut json = live.json();
            let peer = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "spy"}}});
            let rule = json!({"from": [peer], "ports": [{"port": 9090}]});
            json["spec"]["ingress"].as_array_mut().unwrap().push(rule);
            scene.stage.offline.put(&plane, key.kind, json).unwrap();
        }
    });
    let [sentence] = &sentences(&changes)[..] else { panic!("{changes:?}") };
    let expected = "lets pods of namespaces `kubernetes.io/metadata.name=spy` reach the pods of namespace \
        `dp-acme-shop-development-cea56a34` on TCP 9090 as far as";
    assert!(sentence.starts_with(expected), "{sentence}");
}

#[test]
fn what_opens_a_plane_beside_its_routes_is_told() {
    let mut scene = Scene::published(json!({}));
    let changes = scene.changes(|scene| {
        let listener = json!({"name": "http", "port": 80, "protocol": "HTTP",
            "allowedRoutes": {"namespaces": {"from": "All"}}});
        let spec = json!({"gatewayClassName": "choreo", "listeners": [listener]});
        scene.stage.put::<GatewayObject>(
            json!({"metadata": {"name": "side-door", "namespace": "choreo-system"}, "spec": spec}),
        );
        scene
            .stage
            .put::<Service>(json!({"metadata": {"name": "door", "namespace": "cell"}, "spec": {"type": "NodePort"}}));
        let state = PlaneState::Unreachable {
            since: "2026-01-01T00:00:00Z".parse().unwrap(),
            cause: Disconnect::NoAnswer,
            error: "no answer".to_owned(),
        };
        scene.stage.offline.set_plane_state(&scene.stage.plane.clone(), state);
    });
    let told = sentences(&changes).join("\n");
    for expected in [
        "lets whoever reaches Gateway choreo-system/side-door reach Gateway choreo-system/side-door at HTTP 80 (`http`\
         ), which serves every host by routes of every namespace",
        "lets everybody reach Service cell/door beside every gateway (by `spec.type` `NodePort`)",
        "lets everybody reach whatever DataPlane acme/plane holds as nobody can tell (no answer)",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
}

/// A gateway of somebody's that does not read its objects back.
#[derive(Debug)]
struct Silent;

impl Gateway for Silent {
    fn name(&self) -> &str {
        "silent"
    }

    fn kinds(&self) -> Vec<Kind> {
        EnvoyGateway::default().kinds()
    }

    fn render(&self, cx: &EndpointContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        EnvoyGateway::default().render(cx)
    }

    fn observe(&self, kind: Kind, live: &Stored) -> RouteState {
        EnvoyGateway::default().observe(kind, live)
    }
}

#[test]
fn a_gateway_that_does_not_tell_may_let_in_everybody() {
    let platform = Platform::builder().gateway(Silent).planners(planners()).build().map(Arc::new).unwrap();
    let mut scene = Scene::on(platform);
    let changes = scene.changes(|scene| scene.write(guarded()));
    let objects = scene.stage.offline.world().list(&scene.stage.plane, &Select::of::<HTTPRoute>()).len()
        + scene.stage.offline.world().list(&scene.stage.plane, &Select::of::<SecurityPolicy>()).len();
    assert_eq!(changes.len(), objects);
    for sentence in sentences(&changes) {
        let expected =
            "lets everybody reach `* /…` of something at `every host` under a protection that is not understood";
        assert!(sentence.starts_with(expected), "{sentence}");
    }
    let changes = scene.changes(|scene| scene.write(public(json!([protected("write", &["GET", "POST"])]))));
    assert!(changes.iter().any(|change| change.effect == Effect::Grants), "a change of what is not understood is one");
}

/// Whether a change tells of requests with one of the tokens that are tried.
fn tells(changes: &[Change], effect: Effect, gateway: &str, host: &str, method: &str, path: &str) -> bool {
    changes.iter().filter(|change| change.effect == effect).any(|change| {
        let Way::Requests { admission, .. } = &change.access.way else { return false };
        let requests = &admission.requests;
        let is_path = match &requests.path {
            Path::Prefix(prefix) => path == prefix || path.starts_with(&format!("{prefix}/")),
            Path::Expression(expression) => expression.trim_matches(['^', '$']) == path,
            Path::Exact(exact) => exact == path,
        };
        admission.gateway.as_ref().is_some_and(|(_, name)| name == gateway)
            && requests.host == host
            && requests.method.as_ref().is_none_or(|own| own == method)
            && is_path
            && admission.protection != Protection::Closed
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    /// Whoever the gateway lets in after an edit and not before is told, and the other way round; and where nobody's
    /// lot changes, nothing is.
    #[test]
    fn whom_any_edit_lets_in_or_keeps_out_is_told(steps in prop::collection::vec(written(), 2..5)) {
        let mut scene = Scene::new();
        let plane: PlaneKey = scene.stage.plane.clone();
        assert_eq!(tokens().len(), 4);
        for (visibilities, path) in steps {
            let before = let_in(scene.stage.offline.world(), &plane);
            let was = scene.reach();
            scene.stage.endpoint_of("cart", "development", "http", 1, path, visibilities.clone());
            scene.stage.settle();
            let after = let_in(scene.stage.offline.world(), &plane);
            let changes = scene.reach().since(&was);
            for (effect, some) in [(Effect::Grants, &after - &before), (Effect::Withdraws, &before - &after)] {
                for (gateway, host, method, base, target, _) in &some {
                    let path = format!("{base}{target}");
                    prop_assert!(
                        tells(&changes, effect, gateway, host, method, &path),
                        "{:?} {} {} {}{} is not told of {:?}", effect, gateway, method, host, path, sentences(&changes)
                    );
                }
                let told: BTreeSet<_> = changes.iter().filter(|change| change.effect == effect).collect();
                prop_assert_eq!(told.is_empty(), some.is_empty(), "{:?} {:?}", effect, sentences(&changes));
            }
        }
    }
}

#[test]
fn reach_is_told_in_words_and_as_data() {
    let scene = Scene::published(guarded());
    let accesses = scene.reach().accesses();
    let mut sorted = accesses.clone();
    sorted.sort();
    assert_eq!(accesses, sorted);
    assert!(accesses.iter().all(|access| access.to_string().contains(" may reach ")));
    let data = serde_json::to_value(&accesses).unwrap();
    assert_eq!(data.as_array().map(Vec::len), Some(accesses.len()));
    let key = ObjectKey::of::<HTTPRoute>("", "").kind;
    assert!(data.to_string().contains(key.kind));
}
