//! A kind and its planner for scripts: a `Wanting` wants the objects that its spec lists in the plane that it names.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use openchoreo_core::conditions::{CommonReason, Finding, merge};
use openchoreo_core::extension::{ComponentRenderer, Health, RenderError, WorkloadContext};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels::Owner;
use openchoreo_core::plan::{Finalizer, Inventory, Plan, Rendered};
use openchoreo_core::planner::{AnyPlanner, PlanContext, Planner, Uses};
use openchoreo_core::platform::Platform;
use openchoreo_core::remote::{settle, usable};
use openchoreo_core::types::common::PlaneRef;
use openchoreo_core::types::v1alpha1::{BuildPlane, DataPlane, Deployment, Environment, Organization};
use openchoreo_core::world::{Select, Stored};
use serde_json::{Value, json};

pub(super) const FINALIZER: &str = "openchoreo.dev/wanting";

pub(super) fn wanting() -> Kind {
    Kind::new("test.example", "v1", "Wanting", "wantings", true)
}

pub(super) fn route() -> Kind {
    Kind::new("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", true)
}

/// A kind that some planes serve in another version than the one that is read here.
pub(super) fn gadget() -> Kind {
    Kind::new("apps", "v1", "Gadget", "gadgets", true)
}

/// A kind that the planner writes by itself, without an extension.
pub(super) fn contraption() -> Kind {
    Kind::new("apps", "v1", "Contraption", "contraptions", true)
}

openchoreo_core::reasons! {
    /// Why a Wanting is or is not ready.
    pub(super) enum WantingReason for "Wanting" {
        Satisfied => Ready = True, "everything that it wants is wanted of a plane",
        Homeless => Ready = False, "the environment that it names has no plane",
    }
}

/// Declares the kinds that are read and written in planes.
#[derive(Debug)]
struct Kinds;

impl ComponentRenderer for Kinds {
    fn component_type(&self) -> &str {
        "Nothing"
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<ConfigMap>(), Kind::of::<Namespace>(), route(), gadget()]
    }

    fn render(&self, _: &WorkloadContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        Ok(Vec::new())
    }

    fn health(&self, _: Kind, _: &Stored) -> Health {
        Health::Healthy
    }
}

/// Plans what a `Wanting` says. Its spec:
/// - `plane` or `environment`: where; `objects`: what, each a kind, name and value, and the route that it `protects`, or
///   that it `narrows` first, if any;
/// - `deletes`: config maps of others, by name;
/// - `cell`: a namespace of that name is shared with the others of the cell, and goes with the last;
/// - `trouble`: `panics`, `reads`, `writes` or `unreadable`; `lookAgain`: seconds until the next look.
#[derive(Debug)]
struct WantingPlanner;

impl AnyPlanner for WantingPlanner {
    fn name(&self) -> &'static str {
        "wanting"
    }

    fn kind(&self) -> Kind {
        wanting()
    }

    fn uses(&self) -> Uses {
        Uses::new()
            .control::<Namespace>()
            .control::<Organization>()
            .control::<DataPlane>()
            .control::<BuildPlane>()
            .control::<Environment>()
            .remote_kinds([contraption()])
    }

    fn plan_stored(&self, cx: &PlanContext<'_>, object: &Stored) -> Result<Plan, String> {
        let json = object.json();
        let spec = &json["spec"];
        let mut plan = Plan::new();
        match spec["trouble"].as_str().unwrap_or_default() {
            "panics" => panic!("a planner of somebody's"),
            "unreadable" => return Err("`spec` is not what it should be".to_owned()),
            "reads" => {
                drop(cx.control().stored(&ObjectKey { kind: gadget(), namespace: "x".into(), name: "x".into() }))
            }
            "writes" => {
                let owner = Owner::object("Wanting", object.namespace(), object.name());
                plan.want_rendered(&PlaneKey::Control, &owner, rendered("Gadget", "undeclared", &json!(1)));
            }
            _ => {}
        }
        if let Some(seconds) = spec["lookAgain"].as_i64() {
            plan.look_again(cx.now() + jiff::SignedDuration::from_secs(seconds));
        }
        let owner = Owner::object("Wanting", object.namespace(), object.name());
        let recorded: Vec<PlaneRef> = serde_json::from_value(json["status"]["planes"].clone()).unwrap_or_default();
        let mut findings = Vec::new();
        let named = match spec["environment"].as_str() {
            Some(environment) => cx
                .written::<Environment>("acme", environment)
                .and_then(|environment| environment.spec.data_plane_ref.clone()),
            None => spec["plane"].as_str().map(str::to_owned),
        };
        let mut plane = None;
        if object.is_deleting() {
            findings.push(Finding::new(CommonReason::Deleting, "it is going"));
        } else {
            plan.finalizer = Finalizer::Hold(FINALIZER);
            let wished = named.map(|name| PlaneKey::data_plane("acme", name));
            match wished.clone().map(|plane| usable(cx, &plane)) {
                None => findings.push(Finding::new(WantingReason::Homeless, "it has no plane")),
                Some(Err(finding)) => findings.push(finding),
                Some(Ok(())) => {
                    findings.push(Finding::new(WantingReason::Satisfied, "it is wanted"));
                }
            }
            if findings.iter().any(|finding| finding.reason.reason == "Satisfied") {
                plane = wished;
            } else {
                // What runs stays while nobody knows where it should be.
                let mut kept = recorded.clone();
                kept.sort();
                plan.status = Some(status(cx, object, &json, &kept, &findings));
                return Ok(plan);
            }
        }
        let mut owners = vec![owner.clone()];
        if let Some(cell) = spec["cell"].as_str() {
            let shared = Owner::cell("acme", cell, "dev");
            if let Some(plane) = &plane {
                plan.want_rendered(plane, &shared, rendered("Namespace", cell, &Value::Null));
            } else if !has_others(cx, object, cell) {
                owners.push(shared);
            }
        }
        if let Some(plane) = &plane {
            for wanted in spec["objects"].as_array().into_iter().flatten() {
                let name = wanted["name"].as_str().unwrap_or_default();
                let object = rendered(wanted["kind"].as_str().unwrap_or_default(), name, &wanted["value"]);
                if let Some(name) = wanted["protects"].as_str() {
                    let exposure = ObjectKey { kind: route(), namespace: "work".to_owned(), name: name.to_owned() };
                    plan.protect(plane, object.key().clone(), exposure);
                }
                plan.want_rendered(plane, &owner, object);
                if wanted["narrows"] == true {
                    plan.narrow(plane, &owner, rendered("HTTPRoute", name, &json!("narrow")));
                }
            }
            plan.prune(cx, plane, &owner);
            for name in spec["deletes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                let key = ObjectKey::of::<ConfigMap>("work", name);
                if let Some(live) = cx.at(plane).stored(&key) {
                    plan.delete(plane, key, &live.uid(), live.is_deleting());
                }
            }
        }
        let owners: Vec<&Owner> = owners.iter().collect();
        let settled = settle(cx, &mut plan, &owners, &recorded, plane.as_ref());
        let is_left = cx.has_any(&PlaneKey::Control, &owner);
        if object.is_deleting() && settled.is_clean() && !is_left {
            plan.finalizer = Finalizer::Release(FINALIZER);
        }
        // Of equals the first is shown.
        findings.splice(0..0, settled.waiting);
        plan.status = Some(status(cx, object, &json, &settled.planes, &findings));
        Ok(plan)
    }
}

fn status(cx: &PlanContext<'_>, object: &Stored, json: &Value, planes: &[PlaneRef], findings: &[Finding]) -> Value {
    let previous: Vec<Condition> = serde_json::from_value(json["status"]["conditions"].clone()).unwrap_or_default();
    let conditions = merge(&previous, findings, Some(object.generation()), cx.now());
    json!({ "planes": planes, "conditions": conditions, "observedGeneration": object.generation() })
}

fn has_others(cx: &PlanContext<'_>, object: &Stored, cell: &str) -> bool {
    let all = cx.control().list_stored(&Select::all(wanting()));
    let mut others = all.iter().filter(|(key, _)| key.name != object.name());
    others.any(|(_, other)| !other.is_deleting() && other.json()["spec"]["cell"] == cell)
}

/// An object of a kind with a value in it; `name` is `name`, or `namespace/name`.
fn rendered(kind: &str, name: &str, value: &Value) -> Rendered {
    let (namespace, name) = name.split_once('/').unwrap_or(("work", name));
    let kind = match kind {
        "ConfigMap" => Kind::of::<ConfigMap>(),
        "Namespace" => Kind::of::<Namespace>(),
        "HTTPRoute" => route(),
        "Gadget" => gadget(),
        "Contraption" => contraption(),
        other => panic!("no script wants a {other}"),
    };
    let mut object = json!({
        "apiVersion": kind.api_version(), "kind": kind.kind,
        "metadata": { "name": name, "namespace": namespace }, "spec": { "value": value },
    });
    if !kind.namespaced {
        object["metadata"] = json!({ "name": name });
    }
    Rendered::of_json(kind, object)
}

/// Stands in for the planner of Deployments, which record planes: it leaves them as they are.
#[derive(Debug)]
struct IdlePlanner;

impl Planner for IdlePlanner {
    type Object = Deployment;

    fn name(&self) -> &'static str {
        "idle"
    }

    fn uses(&self) -> Uses {
        Uses::new()
    }

    fn plan(&self, _: &PlanContext<'_>, _: &Deployment) -> Plan {
        Plan::new()
    }
}

/// A platform with the planner of `Wanting`, and of the built-in ones those that are named.
pub(super) fn platform(kept: &[&str]) -> Arc<Platform> {
    let built_in = Platform::builder().build().expect("the core alone is a platform");
    let mut builder = Platform::builder();
    for planner in built_in.planners().iter().filter(|planner| !kept.contains(&planner.name())) {
        builder = builder.without_planner(planner.name());
    }
    let renderer: Arc<dyn ComponentRenderer> = Arc::new(Kinds);
    let planner: Arc<dyn AnyPlanner> = Arc::new(WantingPlanner);
    let idle: Arc<dyn AnyPlanner> = Arc::new(IdlePlanner);
    builder.renderers([renderer]).planners([planner, idle]).build().map(Arc::new).expect("a platform")
}
