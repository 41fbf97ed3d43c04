//! Planes and the clusters that they lead to.

use k8s_openapi::api::core::v1::ConfigMap;
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::types::v1alpha1::DataPlane;
use serde_json::json;

use super::script::{Fate, Script, key, map_key, maps, plane};
use super::wanting::platform;

/// One cluster, registered as `one` and as `two`, and something in it through an environment at `one`.
fn registered_twice() -> Script {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.environment("dev", "one");
    script.want("w", json!({ "environment": "dev", "objects": maps(&[("m", 1)]) }));
    script.pass_seconds(1);
    script.register("two", "one");
    script.pass_seconds(1);
    assert!(script.is_connected("one") && script.is_connected("two"));
    assert!(script.server("one").get(&map_key("m")).is_some());
    script
}

#[test]
fn moving_an_environment_between_two_registrations_of_one_cluster_deletes_nothing() {
    // Objects belong to clusters, so that the "old" plane cannot hold what the "new" one does not: pruning compares
    // with what is wanted anywhere in the cluster.
    let mut script = registered_twice();
    let (before, uid) = (script.sent.len(), script.server("one").uid(&map_key("m")));
    script.environment("dev", "two");
    script.pass_seconds(10);
    let lines = script.lines(before);
    assert!(lines.iter().all(|line| line.starts_with("status")), "{lines:?}");
    assert_eq!(script.server("one").uid(&map_key("m")), uid);
    assert_eq!(script.control().get(&key("w")).unwrap()["status"]["planes"][0]["name"], "two");
    script.delete(&key("w"));
    script.pass_seconds(10);
    assert!(script.server("one").get(&map_key("m")).is_none(), "it is cleaned through the registration that is left");
    assert!(script.control().get(&key("w")).is_none());
}

#[test]
fn a_cluster_is_watched_once_however_often_it_is_registered() {
    let script = registered_twice();
    assert_eq!(script.watched_at("one").len(), 3);
    assert!(script.watched_at("one").iter().all(|(plane, _)| plane == "one"));
}

#[test]
fn watches_are_handed_over_when_the_registration_that_watched_goes() {
    let mut script = registered_twice();
    script.delete(&ObjectKey::of::<DataPlane>("acme", "one"));
    script.pass_seconds(1);
    assert_eq!(script.watched_at("one").len(), 3);
    assert!(script.watched_at("one").iter().all(|(plane, _)| plane == "two"));
    assert!(script.is_connected("two"));
    script.server("one").delete(&map_key("m"));
    script.pass_seconds(1);
    assert!(script.seen(&plane("two"), &map_key("m")).is_none(), "the watch tells what happens");
}

#[test]
fn watches_are_handed_over_when_the_plane_that_watched_breaks() {
    let mut script = registered_twice();
    script.register_with("one", "nowhere", "token");
    script.pass_seconds(1);
    assert!(!script.is_connected("one") && script.is_connected("two"));
    assert!(script.watched_at("one").iter().all(|(plane, _)| plane == "two"));
    assert_eq!(script.watched_at("one").len(), 3);
}

#[test]
fn a_registration_that_is_edited_to_lead_to_another_cluster_shows_the_objects_of_that() {
    let mut script = registered_twice();
    script.add_server("other");
    let labels = json!({ "openchoreo.dev/owner": "somebody" });
    let object = json!({ "metadata": { "name": "theirs", "namespace": "work", "labels": labels } });
    script.server("other").write(Kind::of::<ConfigMap>(), object);
    script.register("one", "other");
    script.run();
    assert!(script.is_connected("one") && script.is_connected("two"));
    assert!(script.seen(&plane("one"), &map_key("theirs")).is_some());
    let uid = |plane| script.seen(plane, &map_key("m")).expect("it is seen")["metadata"]["uid"].clone();
    // It is wanted at `one`, so it is made where that leads now.
    assert_ne!(uid(&plane("one")), uid(&plane("two")));
    assert!(script.servers["other"].get(&map_key("m")).is_some());
}

#[test]
fn watches_are_handed_over_when_the_registration_that_watched_leads_elsewhere() {
    let mut script = registered_twice();
    script.add_server("other");
    script.register("one", "other");
    script.pass_seconds(1);
    assert!(script.watched_at("other").iter().all(|(plane, _)| plane == "one"));
    assert_eq!(script.watched_at("one").len(), 3, "`two` still leads there");
    script.server("one").delete(&map_key("m"));
    script.pass_seconds(1);
    assert!(script.seen(&plane("two"), &map_key("m")).is_none());
}

#[test]
fn an_answer_from_the_cluster_that_a_plane_led_to_before_is_not_taken_for_one_of_the_new() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.add_server("other");
    script.requests(|plane, _| if plane.remote().is_some() { Fate::Held } else { Fate::Served });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
    script.pass_seconds(1);
    let (request, at, operation) = script.held_one();
    let answer = script.asked(&at, &operation);
    script.register("one", "other");
    script.run();
    assert!(script.is_connected("one"));
    script.answer(request, answer);
    script.run();
    assert!(script.seen(&plane("one"), &map_key("m")).is_none());
    script.serve();
    script.release_all();
    script.pass_seconds(10);
    assert!(script.server("other").get(&map_key("m")).is_some(), "it is made there");
}
