//! Planes that hold more than is taken of one.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use openchoreo_core::engine::core::{CoreSettings, Event, PlaneBounds};
use openchoreo_core::kind::Kind;
use openchoreo_core::labels::OWNER;
use openchoreo_core::world::{Disconnect, PlaneState};
use serde_json::json;

use super::script::{Script, key, map_key, maps, plane};
use super::wanting::{gadget, platform};
use openchoreo_core::simulation::served;

/// Two planes of one organization of which so much is taken, with something in each.
fn with_bounds(objects: usize, bytes: usize) -> Script {
    let plane_bounds = PlaneBounds { objects, bytes };
    let settings = CoreSettings { progress: SignedDuration::ZERO, plane_bounds, ..CoreSettings::default() };
    let mut script = Script::with(platform(&["data-plane"]), settings, &["one", "two"]);
    for name in ["one", "two"] {
        script.want(name, json!({ "plane": name, "objects": maps(&[(name, 1)]) }));
    }
    script.pass_seconds(1);
    assert_eq!((script.is_connected("one"), script.is_connected("two")), (true, true));
    script
}

/// A number that nothing compresses beside its neighbors.
fn scattered(number: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    number.hash(&mut hasher);
    hasher.finish()
}

/// Somebody makes objects in a plane that look like ours.
fn flood(script: &mut Script, prefix: &str, number: usize, length: usize) {
    for index in 0..number {
        let metadata = json!({ "name": format!("{prefix}{index}"), "namespace": "x", "labels": { OWNER: "somebody" } });
        let text: String = (0..length / 16).map(|at| format!("{:016x}", scattered(at + index * length))).collect();
        let object = json!({ "metadata": metadata, "data": { "text": text } });
        script.server("one").write(Kind::of::<ConfigMap>(), object);
    }
}

fn drain(script: &mut Script, prefix: &str) {
    let keys: Vec<_> =
        script.server("one").objects.keys().filter(|key| key.name.starts_with(prefix)).cloned().collect();
    for key in keys {
        script.server("one").delete(&key);
    }
}

fn error(script: &Script, name: &str) -> String {
    match script.state(name) {
        PlaneState::Unreachable { cause: Disconnect::TooLarge, error, .. } => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plane_that_holds_too_much_is_unreachable_and_harms_no_other() {
    let mut script = with_bounds(50, usize::MAX);
    flood(&mut script, "flood", 50, 1);
    script.pass_seconds(1);
    let error = error(&script, "one");
    assert!(error.contains("more than 50 objects") && error.contains("ConfigMap"), "{error}");
    let registration = script
        .control()
        .get(&openchoreo_core::kind::ObjectKey::registration(plane("one").remote().expect("it is remote")));
    let ready = registration.expect("it is there")["status"]["conditions"][0].clone();
    assert_eq!(ready["reason"], "PlaneTooLarge");
    assert!(ready["message"].as_str().is_some_and(|message| message.contains("--plane-objects")), "{ready}");
    assert!(script.core.world().all(&plane("one")).is_empty(), "what was seen is dropped");
    script.want("two", json!({ "plane": "two", "objects": maps(&[("two", 2)]) }));
    script.pass_seconds(1);
    assert!(script.is_connected("two"));
    assert_eq!(script.server("two").get(&map_key("two")).expect("it is there")["spec"]["value"], 2);
}

#[test]
fn nothing_in_a_plane_that_holds_too_much_counts_as_gone() {
    let mut script = with_bounds(50, usize::MAX);
    flood(&mut script, "flood", 60, 1);
    script.pass_seconds(1);
    let sent = script.sent.len();
    script.delete(&key("one"));
    script.pass_seconds(1_000);
    error(&script, "one");
    assert!(script.control().get(&key("one")).is_some(), "it is not taken to be clean");
    assert!(script.sent[sent..].iter().all(|sent| sent.plane != plane("one")), "{:?}", script.lines(sent));
    drain(&mut script, "flood");
    script.pass_seconds(1_000);
    assert!(script.is_connected("one"));
    assert!(script.server("one").get(&map_key("one")).is_none(), "it is cleaned when it can be seen");
    assert!(script.control().get(&key("one")).is_none());
}

#[test]
fn a_plane_that_holds_too_much_is_listed_ever_less_often_and_comes_back() {
    let mut script = with_bounds(50, usize::MAX);
    flood(&mut script, "flood", 60, 1);
    script.pass_seconds(3_600);
    let connected = |script: &Script| script.commands.iter().filter(|command| command.starts_with("Connect")).count();
    let tried = connected(&script) - 2;
    assert!((8..16).contains(&tried), "{tried} times in an hour");
    // What it holds now has never been seen, and is no more than what it may hold.
    drain(&mut script, "flood");
    flood(&mut script, "other", 45, 1);
    script.pass_seconds(301);
    assert!(script.is_connected("one"));
    let held = script.core.world().all(&plane("one"));
    assert_eq!(held.len(), script.server("one").objects.len());
}

#[test]
fn few_objects_that_are_large_are_too_much_as_well() {
    let mut script = with_bounds(usize::MAX, 1 << 20);
    flood(&mut script, "flood", 40, 1_000);
    script.pass_seconds(1);
    assert!(script.is_connected("one"));
    flood(&mut script, "large", 3, 400_000);
    script.pass_seconds(1);
    assert!(error(&script, "one").contains("more than 1 MiB"));
    drain(&mut script, "large");
    script.pass_seconds(61);
    assert!(script.is_connected("one"));
    for _ in 0..3 {
        // What is changed or gone takes no room any more.
        flood(&mut script, "large", 1, 400_000);
        script.pass_seconds(1);
        flood(&mut script, "large", 1, 500_000);
        script.pass_seconds(1);
        drain(&mut script, "large");
        script.pass_seconds(1);
    }
    assert!(script.is_connected("one"));
}

#[test]
fn all_planes_of_a_cluster_that_holds_too_much_share_its_fate() {
    let mut script = with_bounds(50, usize::MAX);
    script.register("same", "one");
    script.pass_seconds(1);
    assert!(script.is_connected("same"));
    // Each of the two watches something.
    let mut kinds = script.server("one").kinds.clone();
    kinds.extend(served(&[gadget()]));
    script.server("one").kinds = kinds.clone();
    for name in ["same", "one"] {
        let lane = plane(name).remote().expect("it is remote").clone();
        script.handle(Event::Serves { plane: lane, attempt: 1, kinds: kinds.clone() });
    }
    script.pass_seconds(1);
    let lanes: BTreeSet<String> = script.watched_at("one").into_iter().map(|(lane, _)| lane).collect();
    assert_eq!(lanes.len(), 2, "{lanes:?}");
    let begun = |script: &Script| script.commands.iter().filter(|command| command.starts_with("Watch")).count();
    let before = begun(&script);
    flood(&mut script, "flood", 60, 1);
    script.run();
    error(&script, "one");
    error(&script, "same");
    assert_eq!(script.watched_at("one"), []);
    assert_eq!(begun(&script), before, "neither takes the watches of the other over");
    drain(&mut script, "flood");
    script.pass_seconds(61);
    assert_eq!((script.is_connected("one"), script.is_connected("same")), (true, true));
    let namespaces = script.watched_at("one").iter().filter(|(_, kind)| *kind == "Namespace").count();
    assert_eq!(namespaces, 1, "{}", Kind::of::<Namespace>());
}
