//! What a platform team may add and take out: planners, kinds and indexes.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use openchoreo_core::conditions::{CommonReason, Finding};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels::Owner;
use openchoreo_core::offline::{Offline, OfflineError};
use openchoreo_core::plan::{Finalizer, Plan, Rendered, StatusDraft};
use openchoreo_core::planner::{AnyPlanner, PlanContext, Planner, Uses};
use openchoreo_core::planners::ComponentReason;
use openchoreo_core::platform::{Platform, PlatformBuilder, PlatformError};
use openchoreo_core::record::recorded;
use openchoreo_core::remote::settle;
use openchoreo_core::world::{Select, Stored};
use openchoreo_types::v1alpha1::{Component, DataPlane, DeploymentTrack, Organization};
use serde_json::{Value, json};

use crate::platform::{MANIFESTS, assert_ready, documents, noon, settled};

fn cart() -> ObjectKey {
    ObjectKey::of::<Component>("shop", "cart")
}

fn note(name: &str) -> ObjectKey {
    ObjectKey::of::<ConfigMap>("shop", name)
}

fn planner(planner: impl AnyPlanner + 'static) -> [Arc<dyn AnyPlanner>; 1] {
    [Arc::new(planner)]
}

fn built(builder: PlatformBuilder) -> Arc<Platform> {
    Arc::new(builder.build().expect("a platform"))
}

/// Gives each component a note, beside the planner of the platform; or panics, or selects by an index that is not there.
#[derive(Clone, Copy, Debug)]
enum Beside {
    Notes,
    Reports,
    Panics,
    MissingIndex,
}

impl Planner for Beside {
    type Object = Component;

    fn name(&self) -> &'static str {
        "beside"
    }

    fn uses(&self) -> Uses {
        Uses::new().control::<ConfigMap>()
    }

    fn reports_status(&self) -> bool {
        matches!(self, Self::Reports)
    }

    fn plan(&self, cx: &PlanContext<'_>, component: &Component) -> Plan {
        let name = component.metadata.name.as_deref().unwrap_or_default();
        let namespace = component.metadata.namespace.as_deref().unwrap_or_default();
        let owner = Owner::object("Component", namespace, name).part("beside");
        let mut plan = Plan::new();
        match self {
            Self::Notes | Self::Reports => {}
            Self::Panics => assert!(component.metadata.deletion_timestamp.is_some(), "{name} is not liked"),
            Self::MissingIndex => {
                let _ = cx.control().list_stored(&Select::of::<ConfigMap>().index("flavor", "sweet"));
            }
        }
        if component.metadata.deletion_timestamp.is_some() {
            let left = plan.prune(cx, &PlaneKey::Control, &owner);
            plan.finalizer = if left { Finalizer::Leave } else { Finalizer::Release("team.example/note") };
            return plan;
        }
        plan.finalizer = Finalizer::Hold("team.example/note");
        let object =
            json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "namespace": namespace } });
        plan.want_rendered(&PlaneKey::Control, &owner, Rendered::of_json(Kind::of::<ConfigMap>(), object));
        plan.prune(cx, &PlaneKey::Control, &owner);
        // Only the one that reports is heard.
        plan.status = Some(json!({ "conditions": [] }));
        plan
    }
}

#[test]
fn two_planners_of_a_kind_leave_each_other_alone() {
    let platform = built(Platform::builder().planners(planner(Beside::Notes)));
    let mut offline = settled(&platform, documents(MANIFESTS));
    offline.replan_all();
    let before = offline.requests();
    offline.settle().expect("plans come to rest");
    assert_eq!(offline.requests(), before, "both have what they want");
    assert!(offline.world().get(&PlaneKey::Control, &note("cart")).is_some());
    let tracks = offline.world().keys(&PlaneKey::Control, Kind::of::<DeploymentTrack>());
    assert_eq!(tracks.len(), 1, "the platform's planner has made its own");
    let live = offline.world().get(&PlaneKey::Control, &cart()).expect("the component").json();
    assert_eq!(live.pointer("/metadata/finalizers").and_then(Value::as_array).map(Vec::len), Some(2));
    assert_eq!(offline.plans().iter().filter(|(key, _)| *key == cart()).count(), 2, "both plans are shown");
    assert!(!live["status"]["conditions"].as_array().expect("conditions").is_empty());

    offline.delete(&PlaneKey::Control, &cart());
    offline.settle().expect("plans come to rest");
    for key in [cart(), note("cart")] {
        assert!(offline.world().get(&PlaneKey::Control, &key).is_none(), "{key} has gone");
    }
}

#[test]
fn what_a_planner_beside_the_first_cannot_do_is_shown_by_the_first() {
    let platform = built(Platform::builder().planners(planner(Beside::Panics)));
    let mut offline = settled(&platform, documents(MANIFESTS));
    let message = assert_ready(&offline, &cart(), "False", "ApplyFailed");
    assert!(message.contains("`beside` panicked"), "{message}");
    offline.delete(&PlaneKey::Control, &cart());
    offline.settle().expect("plans come to rest");
    assert!(offline.world().get(&PlaneKey::Control, &cart()).is_none(), "it goes all the same");
}

#[test]
fn a_platform_that_contradicts_itself_is_not_built() {
    let two = Platform::builder().planners(planner(Beside::Reports)).build().expect_err("two report");
    assert_eq!(
        two,
        PlatformError::TwoReporters { kind: Kind::of::<Component>(), first: "component", second: "beside" }
    );
    let unknown = Platform::builder().without_planner("compnent").build().expect_err("there is none");
    assert!(unknown.to_string().contains("`compnent`") && unknown.to_string().contains(", component"), "{unknown}");
    let index = || Platform::builder().index(Kind::of::<ConfigMap>(), "flavor", |_| Vec::new());
    let twice = index().index(Kind::of::<ConfigMap>(), "flavor", |_| Vec::new()).build().expect_err("two indexes");
    assert!(matches!(twice, PlatformError::Duplicate { .. }), "{twice}");
    index().build().expect("one index");
}

#[test]
fn a_planner_of_the_platform_can_be_replaced() {
    #[derive(Debug)]
    struct Lenient;

    impl Planner for Lenient {
        type Object = Component;

        fn name(&self) -> &'static str {
            "component"
        }

        fn uses(&self) -> Uses {
            Uses::new()
        }

        fn plan(&self, cx: &PlanContext<'_>, component: &Component) -> Plan {
            let mut draft = StatusDraft::of(component);
            draft.find(ComponentReason::ComponentCreated, "whatever it is");
            let mut plan = Plan::new();
            plan.report(&draft.finish(cx.now()));
            plan
        }
    }

    let platform = built(Platform::builder().without_planner("component").planners(planner(Lenient)));
    let mut offline = Offline::new(&platform, noon());
    for document in documents(MANIFESTS) {
        offline.apply(document).expect("a kind of the platform");
    }
    offline.settle().expect("plans come to rest");
    assert_eq!(assert_ready(&offline, &cart(), "True", "ComponentCreated"), "whatever it is");
    assert!(offline.world().keys(&PlaneKey::Control, Kind::of::<DeploymentTrack>()).is_empty());
}

#[test]
fn an_index_that_nobody_declares_is_not_taken_for_an_empty_one() {
    let platform = built(Platform::builder().planners(planner(Beside::MissingIndex)));
    let mut offline = Offline::new(&platform, noon());
    for document in documents(MANIFESTS) {
        offline.apply(document).expect("a kind of the platform");
    }
    let error = offline.settle().expect_err("it would see too little");
    assert!(matches!(error, OfflineError::UndeclaredUse(_)), "{error}");
    assert!(error.to_string().contains("ConfigMap by index `flavor`"), "{error}");

    let declared = Platform::builder().index(Kind::of::<ConfigMap>(), "flavor", |_| Vec::new());
    let platform = built(declared.planners(planner(Beside::MissingIndex)));
    settled(&platform, documents(MANIFESTS));
}

fn ledger() -> Kind {
    Kind::new("team.example", "v1", "Ledger", "ledgers", true)
}

/// A kind that is known at run time only: it has a part in a plane, and counts the components of a label of the team's
/// and of an index of the team's.
#[derive(Debug)]
struct LedgerPlanner;

impl AnyPlanner for LedgerPlanner {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn kind(&self) -> Kind {
        ledger()
    }

    fn uses(&self) -> Uses {
        Uses::new().control::<Component>().control::<DataPlane>().remote::<ConfigMap>()
    }

    fn plan_stored(&self, cx: &PlanContext<'_>, object: &Stored) -> Result<Plan, String> {
        let json = object.json();
        let team = json.pointer("/spec/team").and_then(Value::as_str).ok_or("`spec.team` must be a text")?;
        let plane = PlaneKey::data_plane("acme", "plane");
        let owner = Owner::object(ledger().kind, object.namespace(), object.name());
        let mut plan = Plan::new();
        let wanted = (!object.is_deleting()).then_some(&plane);
        if wanted.is_some() {
            let metadata = json!({ "name": object.name(), "namespace": "ledgers" });
            let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata });
            plan.want_rendered(&plane, &owner, Rendered::of_json(Kind::of::<ConfigMap>(), object));
            plan.finalizer = Finalizer::Hold("team.example/ledger");
        }
        let settled = settle(cx, &mut plan, &[&owner], &recorded(&json), wanted);
        if wanted.is_none() && settled.is_clean() {
            plan.finalizer = Finalizer::Release("team.example/ledger");
        }
        let components = || Select::of::<Component>().namespace("shop");
        let labelled = cx.list_written::<Component>(components().label("team.example/name", team)).len();
        let indexed = cx.list_written::<Component>(components().index("team", team)).len();
        let status = json!({ "labelled": labelled, "indexed": indexed, "planes": settled.planes });
        let finding = if object.is_deleting() {
            Finding::new(CommonReason::Deleting, "the plane is being cleaned")
        } else {
            Finding::new(ComponentReason::ComponentCreated, "counted")
        };
        plan.report_findings(object, status, &[finding], cx.now());
        Ok(plan)
    }
}

fn with_ledgers() -> Offline {
    let index = |component: &Value| {
        let team = component.pointer("/metadata/labels/team.example~1name").and_then(Value::as_str);
        team.map(str::to_owned).into_iter().collect()
    };
    let builder = Platform::builder().planners(planner(LedgerPlanner)).index(Kind::of::<Component>(), "team", index);
    let mut offline = settled(&built(builder), documents(MANIFESTS));
    offline.apply(ledger_of("blue")).expect("a kind of the platform");
    offline.settle().expect("plans come to rest");
    offline
}

fn ledger_of(team: &str) -> Value {
    let metadata = json!({ "name": "ledger", "namespace": "acme" });
    json!({ "apiVersion": "team.example/v1", "kind": "Ledger", "metadata": metadata, "spec": { "team": team } })
}

fn ledger_key() -> ObjectKey {
    ObjectKey { kind: ledger(), namespace: "acme".to_owned(), name: "ledger".to_owned() }
}

fn counted(offline: &Offline) -> (Value, Value) {
    let mut json = offline.world().get(&PlaneKey::Control, &ledger_key()).expect("the ledger").json();
    (json["status"]["labelled"].take(), json["status"]["indexed"].take())
}

#[test]
fn labels_and_indexes_of_a_teams_own_are_selected_by_and_wake_who_did() {
    let mut offline = with_ledgers();
    assert_eq!(counted(&offline), (json!(0), json!(0)));
    let mut component = offline.world().get(&PlaneKey::Control, &cart()).expect("the component").json();
    component["metadata"]["labels"] = json!({ "team.example/name": "blue" });
    offline.apply(component.clone()).expect("a kind of the platform");
    offline.settle().expect("plans come to rest");
    assert_eq!(counted(&offline), (json!(1), json!(1)), "it enters the selections");
    component["metadata"]["labels"] = json!({ "team.example/name": "green" });
    offline.apply(component).expect("a kind of the platform");
    offline.settle().expect("plans come to rest");
    assert_eq!(counted(&offline), (json!(0), json!(0)), "it leaves them");
}

#[test]
fn a_kind_of_run_time_shows_what_cannot_be_read_of_it() {
    let mut offline = with_ledgers();
    assert_ready(&offline, &ledger_key(), "True", "ComponentCreated");
    let mut broken = ledger_of("blue");
    broken["spec"] = json!({ "team": 7 });
    offline.apply(broken).expect("a kind of the platform");
    offline.settle().expect("plans come to rest");
    let message = assert_ready(&offline, &ledger_key(), "False", "InvalidObject");
    assert!(message.contains("`spec.team`"), "{message}");
}

#[test]
fn a_plane_and_an_organization_wait_for_kinds_that_they_do_not_know() {
    let there = ObjectKey::of::<ConfigMap>("ledgers", "ledger");
    let plane = PlaneKey::data_plane("acme", "plane");

    let mut offline = with_ledgers();
    assert!(offline.world().get(&plane, &there).is_some(), "it has a part in the plane");
    let registration = ObjectKey::of::<DataPlane>("acme", "plane");
    offline.delete(&PlaneKey::Control, &registration);
    offline.settle().expect("plans come to rest");
    let message = assert_ready(&offline, &registration, "False", "Draining");
    assert!(message.starts_with("1 objects"), "{message}");

    let mut offline = with_ledgers();
    offline.delete(&PlaneKey::Control, &ObjectKey::of::<Organization>("", "acme"));
    offline.settle().expect("plans come to rest");
    assert!(offline.world().get(&plane, &there).is_none(), "the plane was cleaned before it went");
    assert!(offline.world().keys(&PlaneKey::Control, ledger()).is_empty());
    assert!(offline.world().keys(&PlaneKey::Control, Kind::of::<Organization>()).is_empty());
}
