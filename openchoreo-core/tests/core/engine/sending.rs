//! What is sent, in which order, and what is not sent any more.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use openchoreo_core::engine::core::{Answer, CoreSettings, Operation};
use openchoreo_core::kind::{Kind, ObjectKey};
use serde_json::json;

use super::script::{Fate, Script, key, map_key, maps, no_answer, route_key};
use super::wanting::{contraption, platform, wanting};
use openchoreo_core::simulation::served;

fn is_remote(line: &str) -> bool {
    line.ends_with(" one")
}

#[test]
fn a_route_that_is_no_longer_wanted_goes_although_what_takes_its_place_is_refused() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "objects": [{ "kind": "HTTPRoute", "name": "public", "value": 1 }] }));
    script.pass_seconds(1);
    assert!(script.server("one").get(&route_key("public")).is_some());
    script.requests(|plane, operation| {
        let is_refused = plane.remote().is_some() && operation.verb() == "apply";
        if is_refused { Fate::Answered(Answer::Refused("denied by a webhook".to_owned())) } else { Fate::Served }
    });
    script.want("w", json!({ "plane": "one", "objects": [{ "kind": "HTTPRoute", "name": "internal", "value": 1 }] }));
    script.pass_seconds(1);
    assert!(script.server("one").get(&route_key("public")).is_none());
    let (status, reason, message) = script.ready("w");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "ApplyFailed"));
    assert!(message.contains("internal") && message.contains("denied by a webhook"), "{message}");
}

#[test]
fn other_deletions_wait_for_what_takes_their_place() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("old", 1)]) }));
    script.pass_seconds(1);
    script.requests(|plane, operation| {
        let is_refused = plane.remote().is_some() && operation.verb() == "apply";
        if is_refused { Fate::Answered(Answer::Refused("no".to_owned())) } else { Fate::Served }
    });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("new", 1)]) }));
    script.pass_seconds(600);
    assert!(script.server("one").get(&map_key("old")).is_some());
    script.serve();
    script.pass_seconds(61);
    assert!(script.server("one").get(&map_key("old")).is_none());
    assert_eq!(script.ready("w").1, "Satisfied");
}

#[test]
fn independent_effects_go_out_together_and_dependent_ones_wait() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.requests(|plane, _| if plane.remote().is_some() { Fate::Held } else { Fate::Served });
    let mut objects = maps(&[("a", 1), ("b", 1)]).as_array().unwrap().clone();
    objects.push(json!({ "kind": "HTTPRoute", "name": "r", "value": 1 }));
    objects.push(json!({ "kind": "Namespace", "name": "n", "value": 1 }));
    script.want("w", json!({ "plane": "one", "objects": objects }));
    script.run();
    // First the finalizer and the record of the plane, in the control plane; then wave by wave.
    assert_eq!(script.lines(0), ["patch w control", "status w control", "apply n one"]);
    script.release_all();
    script.run();
    assert_eq!(script.lines(3), ["apply a one", "apply b one"]);
    let (request, plane, operation) = script.held.remove(0);
    script.let_go(request, &plane, &operation);
    script.run();
    assert_eq!(script.lines(5), [""; 0], "the wave is not complete");
    script.release_all();
    script.run();
    assert_eq!(script.lines(5), ["apply r one"]);
}

#[test]
fn nothing_is_written_elsewhere_before_it_is_recorded() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.requests(|_, operation| if operation.verb() == "status" { Fate::Held } else { Fate::Served });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("a", 1)]) }));
    script.pass_seconds(60);
    assert_eq!(script.lines(0), ["patch w control", "status w control"]);
}

#[test]
fn a_failure_stops_the_waves_after_it() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.requests(|plane, operation| match operation.key().name.as_str() {
        "a" if plane.remote().is_some() => Fate::Answered(Answer::Refused("no".to_owned())),
        _ => Fate::Served,
    });
    let mut objects = maps(&[("a", 1), ("b", 1)]).as_array().unwrap().clone();
    objects.push(json!({ "kind": "HTTPRoute", "name": "r", "value": 1 }));
    script.want("w", json!({ "plane": "one", "objects": objects }));
    script.pass_seconds(600);
    assert!(script.server("one").get(&map_key("b")).is_some(), "it does not depend on `a`");
    assert!(script.server("one").get(&route_key("r")).is_none());
}

#[test]
fn nothing_is_planned_early_where_a_plane_has_no_room() {
    let settings = CoreSettings { plane_concurrency: 2, ..CoreSettings::default() };
    let mut script = Script::with(platform(&[]), settings, &["one"]);
    script.requests(|plane, _| if plane.remote().is_some() { Fate::Held } else { Fate::Served });
    for number in 0..5 {
        let name = format!("w{number}");
        script.want(&name, json!({ "plane": "one", "objects": maps(&[(&name, 1)]) }));
    }
    script.pass_seconds(1);
    assert_eq!(script.held.len(), 2);
    let planned = script.core.counts().passes;
    script.pass_seconds(60);
    assert_eq!(script.core.counts().passes, planned, "those who wait are not planned again and again");
    // What waits is planned when there is room, as things are then.
    script.want("w4", json!({ "plane": "one", "objects": maps(&[("other", 1)]) }));
    script.delete(&key("w3"));
    script.run();
    while !script.held.is_empty() {
        script.release_all();
        script.pass_seconds(1);
    }
    let remote: Vec<String> = script.lines(0).into_iter().filter(|line| is_remote(line)).collect();
    assert!(!remote.iter().any(|line| line.contains("w3") || line.contains("w4")), "{remote:?}");
    assert!(script.server("one").get(&map_key("other")).is_some());
    assert!(script.control().get(&key("w3")).is_none());
}

#[test]
fn who_waits_for_room_goes_on_although_the_one_before_it_needs_none_any_more() {
    let settings = CoreSettings { plane_concurrency: 1, ..CoreSettings::default() };
    let mut script = Script::with(platform(&[]), settings, &["one"]);
    script.requests(|plane, _| if plane.remote().is_some() { Fate::Held } else { Fate::Served });
    for name in ["a", "b", "c"] {
        script.want(name, json!({ "plane": "one", "objects": maps(&[(name, 1)]) }));
        script.run();
    }
    script.pass_seconds(1);
    script.want("b", json!({ "plane": "nowhere" }));
    script.run();
    script.serve();
    script.release_all();
    script.pass_seconds(60);
    assert!(script.server("one").get(&map_key("c")).is_some());
}

#[test]
fn a_time_that_comes_while_the_control_plane_has_no_room_is_not_asked_for_again_and_again() {
    let settings = CoreSettings { control_concurrency: 1, ..CoreSettings::default() };
    let mut script = Script::with(platform(&[]), settings, &["one"]);
    script.want("a", json!({ "plane": "one", "objects": maps(&[("a", 1)]) }));
    // Its first request fails, so that it is due again after a wait; by then another one holds the only room.
    script.requests(|_, _| Fate::Answered(Answer::Failed(no_answer("reset"))));
    script.run();
    script.requests(|_, _| Fate::Held);
    script.want("b", json!({ "plane": "one", "objects": maps(&[("b", 1)]) }));
    script.run();
    assert!(!script.held.is_empty());
    script.pass_seconds(60);
    script.serve();
    script.release_all();
    script.pass_seconds(60);
    assert_eq!(script.ready("a").1, "Satisfied");
    assert_eq!(script.ready("b").1, "Satisfied");
}

#[test]
fn a_full_plane_delays_only_itself() {
    let settings = CoreSettings { plane_concurrency: 1, ..CoreSettings::default() };
    let mut script = Script::with(platform(&[]), settings, &["one", "two"]);
    script.requests(
        |plane, _| {
            if plane.remote().is_some_and(|plane| plane.name == "one") { Fate::Held } else { Fate::Served }
        },
    );
    for name in ["a", "b", "c"] {
        script.want(name, json!({ "plane": "one", "objects": maps(&[(name, 1)]) }));
    }
    script.want("d", json!({ "plane": "two", "objects": maps(&[("d", 1)]) }));
    script.pass_seconds(1);
    assert_eq!(script.held.len(), 1);
    assert!(script.server("two").get(&map_key("d")).is_some());
}

/// Two members of a cell, the first of which is going while the second comes; its deletions are held.
fn cell_that_changes_hands() -> Script {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("leaves", json!({ "plane": "one", "cell": "shop", "objects": maps(&[("shop/l", 1)]) }));
    script.pass_seconds(1);
    assert!(script.server("one").get(&ObjectKey::of::<Namespace>("", "shop")).is_some());
    script.requests(|plane, _| if plane.remote().is_some() { Fate::Held } else { Fate::Served });
    script
}

#[test]
fn who_enters_a_cell_waits_until_the_one_that_leaves_has_removed_it() {
    let mut script = cell_that_changes_hands();
    script.delete(&key("leaves"));
    script.run();
    let deletions = script.held.len();
    assert!(script.held.iter().any(|(_, _, operation)| operation.key().kind == Kind::of::<Namespace>()));
    script.want("enters", json!({ "plane": "one", "cell": "shop", "objects": maps(&[("shop/e", 1)]) }));
    script.pass_seconds(60);
    assert_eq!(script.held.len(), deletions, "nothing is applied while the namespace is being deleted");
    script.serve();
    script.release_all();
    script.pass_seconds(60);
    assert!(script.server("one").get(&ObjectKey::of::<Namespace>("", "shop")).is_some());
    assert!(script.server("one").get(&ObjectKey { namespace: "shop".to_owned(), ..map_key("e") }).is_some());
    assert!(script.control().get(&key("leaves")).is_none());
}

#[test]
fn who_leaves_a_cell_that_another_enters_leaves_its_namespace() {
    let mut script = cell_that_changes_hands();
    script.want("enters", json!({ "plane": "one", "cell": "shop", "objects": maps(&[("shop/e", 1)]) }));
    script.run();
    script.delete(&key("leaves"));
    script.pass(SignedDuration::from_millis(500));
    let is_deleting_it = |(_, _, operation): &(_, _, openchoreo_core::engine::core::Operation)| {
        operation.verb() == "delete" && operation.key().kind == Kind::of::<Namespace>()
    };
    assert!(!script.held.iter().any(is_deleting_it), "{:?}", script.held);
    let uid = script.server("one").uid(&ObjectKey::of::<Namespace>("", "shop"));
    script.serve();
    script.release_all();
    script.pass_seconds(60);
    assert_eq!(script.server("one").uid(&ObjectKey::of::<Namespace>("", "shop")), uid);
    assert!(script.control().get(&key("leaves")).is_none());
}

#[test]
fn an_object_that_was_edited_between_two_waves_is_planned_again_instead() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.requests(|plane, _| if plane.remote().is_some() { Fate::Held } else { Fate::Served });
    let mut objects = maps(&[("a", 1)]).as_array().unwrap().clone();
    objects.push(json!({ "kind": "HTTPRoute", "name": "r", "value": 1 }));
    script.want("w", json!({ "plane": "one", "objects": objects }));
    script.run();
    script.want("w", json!({ "plane": "one", "objects": maps(&[("a", 1)]) }));
    script.run();
    script.serve();
    script.release_all();
    script.pass_seconds(60);
    assert!(!script.lines(0).contains(&"apply r one".to_owned()), "{:?}", script.lines(0));
    assert_eq!(script.ready("w").1, "Satisfied");
    assert_eq!(wanting(), key("w").kind);
}

#[test]
fn an_applied_plan_takes_no_request_when_it_is_planned_again() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "cell": "shop", "objects": maps(&[("shop/a", 1), ("b", 2)]) }));
    script.pass_seconds(10);
    let before = script.sent.len();
    for _ in 0..100 {
        script.core.replan_all();
        script.pass_seconds(1);
    }
    assert_eq!(script.lines(before), [""; 0]);
}

#[test]
fn an_answer_that_is_lost_costs_nothing_but_a_wait() {
    let mut script = Script::new(platform(&[]), &["one"]);
    let mut losses = 3;
    script.requests(move |plane, _| {
        if plane.remote().is_some() && losses > 0 {
            losses -= 1;
            return Fate::Unheard;
        }
        Fate::Served
    });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("a", 1), ("b", 1)]) }));
    script.pass_seconds(10);
    let content: Vec<_> = script.servers["one"].content().into_keys().collect();
    assert_eq!(content, [map_key("a"), map_key("b")]);
    assert_eq!(script.ready("w").1, "Satisfied");
}

#[test]
fn who_waits_for_a_cell_gets_it_in_turn() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.requests(|plane, _| if plane.remote().is_some() { Fate::Held } else { Fate::Served });
    for name in ["a", "b", "c", "d"] {
        let object = format!("shop/{name}");
        script.want(name, json!({ "plane": "one", "cell": "shop", "objects": maps(&[(&object, 1)]) }));
        script.run();
    }
    let mut order = Vec::new();
    while !script.held.is_empty() {
        order.extend(script.held.iter().map(|(_, _, operation)| operation.key().name.clone()));
        script.release_all();
        script.run();
    }
    assert_eq!(order, ["shop", "a", "b", "c", "d"]);
}

#[test]
fn a_list_that_was_changed_by_hand_is_put_right_only_at_the_revision_that_was_read() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "objects": [{ "kind": "ConfigMap", "name": "m", "value": [1] }] }));
    script.pass_seconds(1);
    let before = script.sent.len();
    let change = |script: &mut Script, value| {
        let mut object = script.server("one").get(&map_key("m")).unwrap().clone();
        object["spec"]["value"] = value;
        script.server("one").write(map_key("m").kind, object);
    };
    script.requests(|_, operation| if operation.verb() == "patch" { Fate::Held } else { Fate::Served });
    change(&mut script, json!([9, 1]));
    script.pass_seconds(1);
    let (request, at, operation) = script.held_one();
    change(&mut script, json!([8, 9, 1]));
    script.serve();
    let answer = script.asked(&at, &operation);
    assert!(matches!(answer, Answer::Refused(_)), "positions in lists mean nothing in another revision: {answer:?}");
    script.answer(request, answer);
    script.pass_seconds(10);
    assert_eq!(script.lines(before)[..2], ["get m one", "patch m one"]);
    assert_eq!(script.servers["one"].get(&map_key("m")).unwrap()["spec"]["value"], json!([1]));
}

/// A script with a `Wanting` that wants something of every rank, and a namespace with more of them.
fn with_all_ranks() -> Script {
    let mut script = Script::new(platform(&[]), &[]);
    script.add_server("one");
    script.server("one").kinds.extend(served(&[contraption()]));
    script.register("one", "one");
    let object = |kind: &str, name: &str| json!({ "kind": kind, "name": name, "value": 1 });
    let objects = [
        object("Namespace", "n"),
        object("ConfigMap", "n/inside"),
        object("Contraption", "n/works-inside"),
        object("ConfigMap", "isolates"),
        object("Contraption", "works"),
        object("HTTPRoute", "n/leads-in"),
    ];
    script.want("w", json!({ "plane": "one", "objects": objects }));
    script.pass_seconds(2);
    assert_eq!(script.ready("w").1, "Satisfied");
    script
}

/// In the order in which they go; what is in the namespace goes with it.
const GOING: [&str; 4] = ["leads-in", "works", "isolates", "n"];

fn deletions(script: &Script, since: usize) -> Vec<String> {
    script.lines(since).into_iter().filter(|line| line.starts_with("delete ")).collect()
}

fn deletions_of(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("delete {name} one")).collect()
}

#[test]
fn nothing_goes_while_something_is_there_that_was_applied_after_it() {
    let mut script = with_all_ranks();
    let before = script.sent.len();
    assert_eq!(script.lines(0).iter().filter(|line| is_remote(line)).count(), 6);
    script.delete(&key("w"));
    script.pass_seconds(1);
    assert_eq!(deletions(&script, before), deletions_of(&GOING));
    for (number, name) in GOING.iter().enumerate() {
        let mut script = with_all_ranks();
        script.server("one").held.insert((*name).to_owned());
        let before = script.sent.len();
        script.delete(&key("w"));
        script.pass_seconds(600);
        assert_eq!(deletions(&script, before), deletions_of(&GOING[..=number]));
        assert!(script.control().get(&key("w")).is_some(), "{name} is still there");
        script.server("one").let_go();
        script.pass_seconds(1);
        assert_eq!(deletions(&script, before), deletions_of(&GOING));
        assert!(script.control().get(&key("w")).is_none());
    }
}

#[test]
fn nothing_goes_while_the_end_of_what_was_applied_after_it_is_not_known() {
    for (number, name) in GOING.iter().enumerate() {
        let mut script = with_all_ranks();
        let before = script.sent.len();
        script.requests(move |plane, operation| {
            let is_it = plane.remote().is_some() && operation.key().name == *name;
            if is_it { Fate::Answered(Answer::Failed(no_answer("reset"))) } else { Fate::Served }
        });
        script.delete(&key("w"));
        script.pass_seconds(30);
        let mut sent = deletions(&script, before);
        sent.dedup();
        assert_eq!(sent, deletions_of(&GOING[..=number]));
        script.restart();
        script.serve();
        script.pass_seconds(90);
        assert!(script.control().get(&key("w")).is_none());
        assert_eq!(script.server("one").objects.len(), 0);
    }
}

#[test]
fn what_is_left_in_one_cluster_holds_nothing_in_another() {
    let mut script = with_all_ranks();
    script.register_all(&["two"]);
    script.server("one").held.insert("works".to_owned());
    script.want("w", json!({ "plane": "two", "objects": maps(&[("moved", 1)]) }));
    script.pass_seconds(2);
    assert!(script.server("two").get(&map_key("moved")).is_some());
    script.want("w", json!({ "plane": "two", "objects": maps(&[("later", 1)]) }));
    script.pass_seconds(2);
    assert!(script.server("two").get(&map_key("moved")).is_none());
    assert!(script.server("one").get(&map_key("isolates")).is_some(), "what it isolates is still there");
}

#[test]
fn what_lets_in_less_waits_for_nothing_that_is_wanted() {
    let mut script = Script::new(platform(&[]), &["one"]);
    let route = |value: u8| json!({ "kind": "HTTPRoute", "name": "r", "value": value, "narrows": true });
    script.requests(|plane, operation| {
        let is_refused = plane.remote().is_some() && operation.key().name == "broken";
        if is_refused { Fate::Answered(Answer::Refused("no".to_owned())) } else { Fate::Served }
    });
    let broken = json!({ "kind": "ConfigMap", "name": "broken", "value": 1 });
    script.want("w", json!({ "plane": "one", "objects": [route(1)] }));
    script.run();
    let value = |script: &mut Script| script.server("one").get(&route_key("r")).unwrap()["spec"]["value"].clone();
    assert_eq!(value(&mut script), 1, "what is not there is not narrowed");
    script.want("w", json!({ "plane": "one", "objects": [broken, route(2)] }));
    script.run();
    assert_eq!(value(&mut script), "narrow");
    assert_eq!(script.ready("w").1, "ApplyFailed");
}

#[test]
fn what_is_protected_goes_where_its_protection_is_refused_and_comes_back_with_it() {
    for answer in [false, true] {
        let mut script = Script::new(platform(&[]), &["one"]);
        let route = json!({ "kind": "HTTPRoute", "name": "r", "value": 1 });
        let guard = json!({ "kind": "ConfigMap", "name": "guard", "value": 1, "protects": "r" });
        script.want("w", json!({ "plane": "one", "objects": [route] }));
        script.pass_seconds(1);
        script.requests(move |plane, operation| {
            let is_guard = plane.remote().is_some() && operation.key().name == "guard";
            match (is_guard, answer) {
                (false, _) => Fate::Served,
                (true, true) => Fate::Answered(Answer::Refused("denied by a webhook".to_owned())),
                (true, false) => Fate::Answered(Answer::Failed(no_answer("reset"))),
            }
        });
        script.want("w", json!({ "plane": "one", "objects": [guard, route] }));
        script.pass_seconds(50);
        let is_there = script.server("one").get(&route_key("r")).is_some();
        assert_eq!(is_there, !answer, "only a refusal is an answer");
        assert_eq!(script.ready("w").1, "ApplyFailed");
        script.serve();
        script.pass_seconds(70);
        assert_eq!(script.ready("w").1, "Satisfied");
        let there = script.server("one").objects.keys().map(|key| key.name.as_str()).collect::<Vec<_>>();
        assert_eq!(there, ["guard", "r"]);
    }
}

#[test]
fn what_is_deleted_by_name_waits_for_nothing_that_is_pruned() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("other", json!({ "plane": "one", "objects": maps(&[("theirs", 1)]) }));
    script.want("w", json!({ "plane": "one", "objects": [{ "kind": "HTTPRoute", "name": "r", "value": 1 }] }));
    script.pass_seconds(1);
    script.server("one").held.insert("r".to_owned());
    let before = script.sent.len();
    script.requests(|plane, operation| {
        // What is deleted is not made again.
        let is_again = plane.remote().is_some() && operation.verb() == "apply";
        if is_again { Fate::Held } else { Fate::Served }
    });
    script.want("w", json!({ "plane": "one", "objects": [], "deletes": ["theirs"] }));
    script.run();
    assert_eq!(deletions(&script, before), ["delete r one", "delete theirs one"]);
}

#[test]
fn no_request_prints_what_a_secret_holds() {
    let shown = |key: ObjectKey| {
        let object = json!({ "metadata": { "name": "login" }, "data": { "token": "aHVudGVyMg==" } });
        let operations = json!([{ "op": "replace", "path": "/data/token", "value": "aHVudGVyMg==" }]);
        let apply = Operation::Apply { key: key.clone(), manager: "test".to_owned(), object, to_status: false };
        [apply, Operation::Patch { key, operations }].map(|operation| format!("{operation:?}"))
    };
    for text in shown(ObjectKey::of::<Secret>("acme", "login")) {
        assert!(text.contains("login") && !text.contains("aHVudGVyMg"), "{text}");
    }
    for text in shown(ObjectKey::of::<ConfigMap>("acme", "login")) {
        assert!(text.contains("aHVudGVyMg"), "what is no secret is shown: {text}");
    }
}
