//! A kind of one's own, known at run time only, with an index of its own, and a second planner on a kind of the platform.
//!
//! Run it with `cargo run -p openchoreo-examples --bin own_kind`. A `Budget` says how many components a project may have.
//! One planner judges it; another, beside the platform's own, gives each component of the project a note of its share.
//! Both are printed for a budget and for a smaller one: nobody told the components to look at it again.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::{error::Error, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use openchoreo_core::kind::{Kind, PlaneKey};
use openchoreo_core::plan::{Plan, Rendered};
use openchoreo_core::planner::{AnyPlanner, PlanContext, Planner, Uses};
use openchoreo_core::world::{Select, Stored};
use openchoreo_core::{conditions::Finding, labels::Owner, offline::Offline, platform::INDEX_PROJECT};
use openchoreo_types::{v1alpha1::Component, yaml};
use serde_json::json;

openchoreo_core::reasons! {
    enum BudgetReason for "Budget" {
        WithinBudget => Ready = True, "the project has no more components than it may have",
        OverBudget => Ready = False, "the project has more components than it may have",
    }
}

fn budget() -> Kind {
    Kind::new("team.example", "v1", "Budget", "budgets", true)
}

#[derive(Debug)]
struct BudgetPlanner;

#[rustfmt::skip]
impl AnyPlanner for BudgetPlanner {
    fn name(&self) -> &'static str { "budget" }
    fn kind(&self) -> Kind { budget() }
    fn uses(&self) -> Uses { Uses::new().control::<Component>() }
    fn plan_stored(&self, cx: &PlanContext<'_>, object: &Stored) -> Result<Plan, String> {
        let spec = object.json()["spec"].take();
        let project = spec["project"].as_str().ok_or("`spec.project` must name a project")?;
        let limit = spec["components"].as_u64().ok_or("`spec.components` must be a number")?;
        let select = Select::of::<Component>().namespace(object.namespace()).index(INDEX_PROJECT, project);
        let count = cx.list_written::<Component>(select).len() as u64;
        let reason = if count <= limit { BudgetReason::WithinBudget } else { BudgetReason::OverBudget };
        let finding = Finding::new(reason, format!("components: {count} of at most {limit}"));
        let mut plan = Plan::new();
        plan.report_findings(object, json!({ "components": count }), &[finding], cx.now());
        Ok(plan)
    }
}

#[derive(Debug)]
struct SharePlanner;

#[rustfmt::skip]
impl Planner for SharePlanner {
    type Object = Component;
    fn name(&self) -> &'static str { "share" }
    fn uses(&self) -> Uses { Uses::new().control::<ConfigMap>().control_kinds([budget()]) }
    fn reports_status(&self) -> bool { false }
    fn plan(&self, cx: &PlanContext<'_>, component: &Component) -> Plan {
        let (name, namespace) = (component.metadata.name.as_deref(), component.metadata.namespace.as_deref());
        let (name, namespace) = (name.unwrap_or_default(), namespace.unwrap_or_default());
        let owner = Owner::object("Component", namespace, name).part("share");
        let budgets = Select::all(budget()).namespace(namespace).index("project", &component.spec.owner.project_name);
        let mut plan = Plan::new();
        if let Some((_, budget)) = cx.control().list_stored_written(&budgets).first() {
            let metadata = json!({ "name": format!("{name}-share"), "namespace": namespace });
            let note = json!({ "metadata": metadata, "data": budget.json()["spec"]["share"] });
            plan.want_rendered(&PlaneKey::Control, &owner, Rendered::of_json(Kind::of::<ConfigMap>(), note));
        }
        plan.prune(cx, &PlaneKey::Control, &owner);
        plan
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let platform = controller_manager::default_platform(Default::default())
        .planners([Arc::new(BudgetPlanner) as Arc<dyn AnyPlanner>, Arc::new(SharePlanner)])
        .index(budget(), "project", |json| json["spec"]["project"].as_str().map(str::to_owned).into_iter().collect());
    let mut offline = Offline::new(&Arc::new(platform.build()?), Timestamp::UNIX_EPOCH);
    for document in yaml::documents(include_str!("../../manifests/shop.yaml"))? {
        offline.apply(document)?;
    }
    for (components, cpu) in [(3, "500m"), (0, "100m")] {
        let metadata = json!({ "name": "shop", "namespace": "acme" });
        let spec = json!({ "project": "shop", "components": components, "share": { "cpu": cpu } });
        offline
            .apply(json!({ "apiVersion": "team.example/v1", "kind": "Budget", "metadata": metadata, "spec": spec }))?;
        offline.settle()?;
        let seen = |kind| offline.world().list(&PlaneKey::Control, &Select::all(kind));
        for (key, object) in seen(budget()).iter().chain(&seen(Kind::of::<ConfigMap>())) {
            println!("{key}: {}", object.json().pointer("/status/conditions/0").unwrap_or(&object.json()["data"]));
        }
    }
    Ok(())
}
