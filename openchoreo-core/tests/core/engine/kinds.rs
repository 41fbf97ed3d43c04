//! Kinds that planes serve, serve otherwise, or serve no more; kinds that the control plane lacks; objects that do not
//! parse.

use k8s_openapi::api::core::v1::ConfigMap;
use openchoreo_core::engine::core::{CoreSettings, Event};
use openchoreo_core::kind::Kind;
use openchoreo_core::world::{PlaneState, Serves};
use serde_json::json;

use super::script::{Script, key, map_key, maps, plane, route_key};
use super::wanting::{contraption, gadget, platform, route};
use openchoreo_core::simulation::served;

fn kinds(route: &str) -> openchoreo_core::world::ServedKinds {
    let mut kinds = served(&[Kind::of::<ConfigMap>(), Kind::of::<k8s_openapi::api::core::v1::Namespace>()]);
    if !route.is_empty() {
        kinds.insert(("gateway.networking.k8s.io".to_owned(), route.to_owned(), "HTTPRoute".to_owned()));
    }
    kinds
}

/// The server serves other kinds, and the plane is told.
fn serves(script: &mut Script, kinds: openchoreo_core::world::ServedKinds) {
    script.server("one").kinds = kinds.clone();
    let lane = plane("one").remote().unwrap().clone();
    // The first attempt is the connection that stands.
    script.handle(Event::Serves { plane: lane, attempt: 1, kinds });
    script.run();
}

fn with_route() -> Script {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "objects": [{ "kind": "HTTPRoute", "name": "r", "value": 1 }] }));
    script.pass_seconds(1);
    script
}

#[test]
fn a_kind_that_is_served_in_another_version_only_does_not_count_as_clean() {
    let mut script = with_route();
    serves(&mut script, kinds("v2"));
    assert_eq!(script.core.world().serves(&plane("one"), route()), Serves::InOtherVersions);
    script.delete(&key("w"));
    script.pass_seconds(600);
    assert!(script.control().get(&key("w")).is_some(), "its route may still be there");
    let (_, reason, message) = script.ready("w");
    assert_eq!(reason, "PlaneUnreachable");
    assert!(message.contains("HTTPRoute") && message.contains("versions"), "{message}");
    serves(&mut script, kinds("v1"));
    script.pass_seconds(10);
    assert!(script.control().get(&key("w")).is_none());
    assert!(script.server("one").get(&route_key("r")).is_none());
}

#[test]
fn a_plane_that_serves_a_kind_in_another_version_from_the_start_is_not_clean_either() {
    let mut script = with_route();
    script.server("one").kinds = kinds("v2");
    script.register_with("one", "one", "rotated");
    script.pass_seconds(1);
    script.delete(&key("w"));
    script.pass_seconds(600);
    assert!(script.control().get(&key("w")).is_some());
}

#[test]
fn a_kind_that_is_gone_takes_its_objects_out_of_the_world_and_the_plane_stays_connected() {
    let mut script = with_route();
    script.server("one").objects.remove(&route_key("r"));
    serves(&mut script, kinds(""));
    assert!(script.seen(&plane("one"), &route_key("r")).is_none());
    assert!(script.is_connected("one"));
    assert_eq!(script.watched_at("one").len(), 2);
    script.delete(&key("w"));
    script.pass_seconds(10);
    assert!(script.control().get(&key("w")).is_none(), "without the kind nothing of it is left");
}

#[test]
fn a_kind_that_appears_is_told_to_planners_only_when_it_has_been_listed() {
    let mut script = with_route();
    assert_eq!(script.core.world().serves(&plane("one"), gadget()), Serves::No);
    script.silent.insert(("one".to_owned(), gadget()));
    let mut all = kinds("v1");
    all.extend(served(&[gadget()]));
    serves(&mut script, all);
    assert_eq!(script.watched_at("one").len(), 4);
    assert!(script.is_connected("one"));
    assert_eq!(script.core.world().serves(&plane("one"), gadget()), Serves::No);
    script.silent.clear();
    script.run();
    assert_eq!(script.core.world().serves(&plane("one"), gadget()), Serves::Yes);
}

#[test]
fn a_kind_that_the_control_plane_lacks_is_named_and_nothing_is_planned_before() {
    let mut script = Script::before(platform(&[]), CoreSettings::default());
    let environments = Kind::of::<openchoreo_core::types::v1alpha1::Environment>();
    script.control().kinds.retain(|(_, _, kind)| kind != "Environment");
    script.handle(Event::Leading(true));
    script.want("w", json!({ "plane": "one" }));
    script.pass_seconds(60);
    assert_eq!(script.core.unlisted().collect::<Vec<_>>(), [environments]);
    assert!(!script.core.is_ready());
    assert_eq!(script.core.counts().passes, 0);
    script.control().kinds.extend(served(&[environments]));
    script.pass_seconds(1);
    assert!(script.core.is_ready());
    assert_eq!(script.ready("w").0, "False");
}

#[test]
fn an_object_that_cannot_be_read_keeps_what_runs_and_is_cleaned_when_it_is_deleted() {
    let mut script = Script::new(platform(&[]), &["one"]);
    let objects = maps(&[("m", 1)]);
    script.want("w", json!({ "plane": "one", "objects": objects }));
    script.pass_seconds(1);
    script.want("w", json!({ "plane": "one", "objects": objects, "trouble": "unreadable" }));
    script.pass_seconds(10);
    assert_eq!(script.ready("w").1, "InvalidObject");
    assert!(script.server("one").get(&map_key("m")).is_some());
    // The plane that it recorded does not answer: it is waited for.
    script.server("one").is_down = true;
    script.tell(
        "one",
        Kind::of::<ConfigMap>(),
        openchoreo_core::engine::core::News::Failed(super::script::no_answer("")),
    );
    script.pass_seconds(5);
    assert!(matches!(script.state("one"), PlaneState::Unreachable { .. }));
    script.delete(&key("w"));
    script.pass_seconds(60);
    assert!(script.control().get(&key("w")).is_some());
    script.server("one").is_down = false;
    script.pass_seconds(60);
    assert!(script.server("one").get(&map_key("m")).is_none());
    assert!(script.control().get(&key("w")).is_none(), "then its finalizer is released");
}

#[test]
fn a_kind_that_only_a_planner_declares_counts_like_those_of_extensions() {
    let mut script = Script::new(platform(&[]), &["one"]);
    let mut all = kinds("v1");
    all.extend(served(&[contraption()]));
    serves(&mut script, all);
    script.want("w", json!({ "plane": "one", "objects": [{ "kind": "Contraption", "name": "c", "value": 1 }] }));
    script.pass_seconds(1);
    assert_eq!(script.servers["one"].content().len(), 1);
    let mut other = kinds("v1");
    other.insert(("apps".to_owned(), "v2".to_owned(), "Contraption".to_owned()));
    serves(&mut script, other);
    script.delete(&key("w"));
    script.pass_seconds(600);
    assert!(script.control().get(&key("w")).is_some());
    assert!(script.ready("w").2.contains("Contraption"), "{:?}", script.ready("w"));
}
