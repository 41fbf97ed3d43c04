//! Who is in a cell is looked up: what a withdrawal reads does not grow with the projects beside it.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::jiff::Timestamp;
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels;
use openchoreo_core::plan::Plan;
use openchoreo_core::planner::PlanContext;
use openchoreo_core::world::{Read, ReadSet, Stored};
use openchoreo_types::v1alpha1 as oc;
use serde_json::json;

use crate::lab::{Lab, administration, component, isolating, plane, verdict};

/// A project of an organization with one component, which is deployed into the environment of all.
fn project(organization: &str, name: &str) -> String {
    let metadata = format!("metadata: {{name: {name}, namespace: {organization}}}");
    let project = format!(
        "apiVersion: openchoreo.dev/v1alpha1\nkind: Project\n{metadata}\nspec: {{deploymentPipelineRef: pipeline}}\n"
    );
    let component = component(organization, &format!("{name}-cart"));
    format!("{project}\n---\n{}", component.replace("projectName: shop", &format!("projectName: {name}")))
}

/// The plan of `cart` of `acme` when it is deleted and its Endpoints are gone, and what it reads.
fn leaving(lab: &mut Lab) -> (Plan, ReadSet) {
    let endpoints = lab.offline.world().keys(&PlaneKey::Control, Kind::of::<oc::Endpoint>());
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.namespace == "acme") {
        lab.offline.delete(&PlaneKey::Control, endpoint);
    }
    let mut live = lab.control::<oc::Deployment>("acme", "cart-development").expect("it is there");
    live["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let live = Stored::new(Kind::of::<oc::Deployment>(), live).expect("it has a name");
    let platform = lab.offline.core().platform();
    let cx = PlanContext::in_words(lab.offline.world(), platform.extensions(), Timestamp::UNIX_EPOCH);
    let planner = platform.planners().iter().find(|planner| planner.name() == "deployment").expect("it is a planner");
    (planner.plan_stored(&cx, &live).expect("it can be read"), cx.into_reads())
}

fn takes_its_cell_with_it(plan: &Plan) -> bool {
    plan.prunes.iter().any(|prune| prune.owner.to_string() == "Cell/acme/shop/development")
}

/// How many objects the withdrawal of `cart`, alone in its cell, looks at.
fn looked_at(others: usize) -> usize {
    let mut lab = Lab::with_organization(&isolating(false), "acme");
    lab.apply(&component("acme", "cart"));
    for number in 0..others {
        lab.apply(&project("acme", &format!("other{number}")));
        let organization = format!("org{number}");
        lab.connect(&organization);
        lab.apply(&administration(&organization));
        lab.apply(&component(&organization, "cart"));
    }
    let (plan, reads) = leaving(&mut lab);
    assert!(takes_its_cell_with_it(&plan));
    let world = lab.offline.world();
    let count = |read: &Read| match read {
        Read::Object(plane, key, _) => usize::from(world.get(plane, key).is_some()),
        Read::List(plane, select, _) => world.list(plane, select).len(),
        Read::Owned(plane, label, _) => {
            let is_owned = |live: &Stored| live.has_label(labels::OWNER, label);
            world.all(plane).iter().filter(|(_, live)| is_owned(live)).count()
        }
        Read::Plane(_) => 0,
    };
    reads.words().iter().map(count).sum()
}

#[test]
fn who_leaves_a_cell_looks_at_no_other_project_and_no_other_organization() {
    let alone = looked_at(0);
    assert!(alone > 0);
    assert_eq!(looked_at(1), alone);
    assert_eq!(looked_at(6), alone);
}

#[test]
fn a_cell_stays_while_a_deployment_is_in_it_whose_project_is_not_known_any_more() {
    let platform = isolating(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    lab.apply(&component("acme", "pay"));
    let before = lab.in_plane("acme");
    // Nothing says any more where it belongs but what it has in the plane.
    let mut live = lab.control::<oc::Deployment>("acme", "pay-development").expect("it is there");
    live["metadata"]["labels"]["openchoreo.dev/component"] = json!("nobody");
    let key = ObjectKey::of::<oc::Deployment>("acme", "pay-development");
    lab.offline.put(&PlaneKey::Control, key.kind, live).expect("it has a name");
    lab.apply("");
    assert_eq!(lab.in_plane("acme"), before);
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(lab.in_plane("acme").len(), 4);
    assert!(lab.in_plane("acme").iter().any(|object| object.contains("pay")));
    lab.delete::<oc::Deployment>("acme", "pay-development");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn a_cell_stays_while_somebody_is_about_to_be_in_it_from_another_namespace() {
    for project in ["openchoreo.dev/project: shop", ""] {
        let mut lab = Lab::with_organization(&isolating(false), "acme");
        let labels = format!("openchoreo.dev/organization: acme, {project}");
        lab.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: team, labels: {{{labels}}}}}\n"));
        lab.apply(&component("acme", "cart"));
        lab.apply(&component("team", "pay"));
        // It has recorded the plane, and nothing of it is there yet.
        for (key, _) in lab.offline.world().all(&plane("acme")) {
            if key.name.contains("pay") {
                lab.offline.delete(&plane("acme"), &key);
            }
        }
        assert!(!takes_its_cell_with_it(&leaving(&mut lab).0));
        lab.offline.delete(&PlaneKey::Control, &ObjectKey::of::<oc::Deployment>("team", "pay-development"));
        assert!(takes_its_cell_with_it(&leaving(&mut lab).0), "who is going does not stay");
    }
}

/// The registration `twin` of the cluster of `plane`.
fn twin(organization: &str) -> String {
    let own = administration(organization);
    let registration =
        own.split("---\n").find(|document| document.contains("kind: DataPlane")).expect("one is registered");
    registration.replace("name: plane", "name: twin")
}

fn environment_at(plane: &str) -> String {
    let environment = administration("acme");
    let environment = environment.split("---\n").find(|document| document.contains("kind: Environment"));
    environment.expect("there is one").replace("dataPlaneRef: plane", &format!("dataPlaneRef: {plane}"))
}

#[test]
fn a_cell_stays_while_somebody_is_in_it_by_another_registration_of_its_cluster() {
    let mut lab = Lab::with_organization(&isolating(false), "acme");
    lab.offline.identify(&plane("acme"), "the cluster");
    lab.apply(&component("acme", "cart"));
    let other = PlaneKey::data_plane("acme", "twin");
    lab.apply(&twin("acme"));
    lab.offline.connect(&other);
    lab.offline.identify(&other, "the cluster");
    lab.apply("");
    // `cart` is being held where it was, as by an edit that cannot be rendered; `pay` comes by the other registration.
    lab.apply(&crate::lab::artifact("acme", "cart", "cart-v1", "env: [{key: NO=NAME, value: x}]"));
    lab.apply(&environment_at("twin"));
    lab.apply(&component("acme", "pay"));
    let namespaces =
        |lab: &Lab| lab.of_kind("acme", "Namespace").iter().map(|n| n["metadata"]["uid"].clone()).collect::<Vec<_>>();
    let before = namespaces(&lab);
    assert_eq!(before.len(), 1);
    lab.delete::<oc::Deployment>("acme", "cart-development");
    assert_eq!(namespaces(&lab), before, "the namespace of `pay` was taken away and made anew");
    assert!(lab.control::<oc::Deployment>("acme", "cart-development").is_none());
    lab.delete::<oc::Deployment>("acme", "pay-development");
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn a_cell_of_which_only_the_namespace_was_made_goes_although_nobody_knows_the_component_any_more() {
    let mut lab = Lab::with_organization(&isolating(false), "acme");
    lab.apply(&component("acme", "cart"));
    let namespaces = Kind::of::<k8s_openapi::api::core::v1::Namespace>();
    for (key, _) in lab.offline.world().all(&plane("acme")) {
        if key.kind != namespaces {
            lab.offline.delete(&plane("acme"), &key);
        }
    }
    let component = ObjectKey::of::<oc::Component>("acme", "cart");
    let mut live = lab.control::<oc::Component>("acme", "cart").expect("it is there");
    live["metadata"]["finalizers"] = json!([]);
    lab.offline.put(&PlaneKey::Control, component.kind, live).expect("it has a name");
    lab.offline.delete(&PlaneKey::Control, &component);
    lab.offline.delete(&PlaneKey::Control, &ObjectKey::of::<oc::Deployment>("acme", "cart-development"));
    lab.apply("");
    assert!(lab.control::<oc::Deployment>("acme", "cart-development").is_none());
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}

#[test]
fn nobody_leaves_a_cell_of_another_organization_by_writing_it_down() {
    let mut lab = Lab::with_organization(&isolating(false), "acme");
    lab.connect("rival");
    lab.apply(&administration("rival"));
    lab.apply(&component("rival", "cart"));
    lab.apply(&component("acme", "cart"));
    let mut live = lab.control::<oc::Deployment>("acme", "cart-development").expect("it is there");
    live["status"]["cells"] = json!(["rival/shop/development", "acme/shop/development"]);
    let key = ObjectKey::of::<oc::Deployment>("acme", "cart-development");
    lab.offline.put(&PlaneKey::Control, key.kind, live).expect("it has a name");
    let (plan, _) = leaving(&mut lab);
    assert!(takes_its_cell_with_it(&plan));
    assert!(!plan.prunes.iter().any(|prune| prune.owner.to_string().contains("rival")), "{:?}", plan.prunes);
}

#[test]
fn nothing_is_deployed_into_a_namespace_that_somebody_else_made_until_they_give_it() {
    let mut lab = Lab::with_organization(&isolating(false), "acme");
    lab.apply(&component("acme", "cart"));
    let name = lab.of_kind("acme", "Namespace")[0]["metadata"]["name"].clone();
    let mut lab = Lab::with_organization(&isolating(false), "acme");
    let mut theirs = json!({ "metadata": { "name": name, "labels": { "team": "theirs" } } });
    lab.offline.put(&plane("acme"), Kind::of::<Namespace>(), theirs.clone()).expect("it has a name");
    lab.apply(&component("acme", "cart"));
    assert_eq!(lab.in_plane("acme").len(), 1, "{:?}", lab.in_plane("acme"));
    assert_eq!(lab.of_kind("acme", "Namespace")[0]["metadata"]["labels"], json!({ "team": "theirs" }));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "ApplyFailed"));
    let message = lab.message("acme", "cart-development", "Ready");
    assert!(message.contains("Namespace") && message.contains(labels::ADOPT), "{message}");
    theirs["metadata"]["annotations"] = json!({ labels::ADOPT: "true" });
    lab.offline.put(&plane("acme"), Kind::of::<Namespace>(), theirs).expect("it has a name");
    lab.offline.set_now(Timestamp::from_second(1_700_000_100).expect("a time"));
    lab.settle();
    assert!(lab.in_plane("acme").len() > 1, "{:?}", lab.in_plane("acme"));
}
