//! History is by uid and revision: what is late, what overlaps, and what goes back in time.
//!
//! Answers from before a restore of a server's store cannot be told from later ones and are not tried here.

use k8s_openapi::api::core::v1::ConfigMap;
use openchoreo_core::engine::core::{Answer, News};
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::world::Stored;
use serde_json::{Value, json};

use super::script::{Fate, Script, key, map_key, maps, no_answer, plane};
use super::wanting::{platform, wanting};

fn with_map() -> Script {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
    script.pass_seconds(1);
    script
}

fn map_kind() -> Kind {
    Kind::of::<ConfigMap>()
}

fn silence(script: &mut Script) {
    script.silent.insert(("one".to_owned(), map_kind()));
}

fn listen(script: &mut Script) {
    script.silent.clear();
}

fn seen(script: &Script) -> Option<Value> {
    script.seen(&plane("one"), &map_key("m"))
}

fn stored(object: &Value) -> Stored {
    Stored::new(map_kind(), object.clone()).expect("it has a name")
}

#[test]
fn a_late_end_of_a_predecessor_leaves_its_successor() {
    let mut script = with_map();
    let first = script.server("one").get(&map_key("m")).unwrap().clone();
    silence(&mut script);
    script.server("one").delete(&map_key("m"));
    let second = script.server("one").write(
        map_kind(),
        json!({ "metadata": { "name": "m", "namespace": "work", "labels": first["metadata"]["labels"] } }),
    );
    script.tell("one", map_kind(), News::Put(stored(&second)));
    script.tell("one", map_kind(), News::Gone(stored(&first)));
    assert_eq!(seen(&script).unwrap()["metadata"]["uid"], second["metadata"]["uid"]);
    script.tell("one", map_kind(), News::Gone(stored(&second)));
    assert_eq!(seen(&script), None);
}

#[test]
fn a_late_form_of_a_predecessor_does_not_hide_its_successor() {
    let mut script = with_map();
    let first = script.server("one").get(&map_key("m")).unwrap().clone();
    silence(&mut script);
    // Its end and its successor's beginning are answers; the watch is behind both.
    script.want("w", json!({ "plane": "one", "objects": [] }));
    script.pass_seconds(1);
    assert_eq!(seen(&script), None);
    script.tell("one", map_kind(), News::Put(stored(&first)));
    assert_eq!(seen(&script), None, "what an answer has told to be gone does not come back by late news");
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
    script.pass_seconds(1);
    let second = seen(&script).unwrap();
    script.tell("one", map_kind(), News::Put(stored(&first)));
    assert_eq!(seen(&script).unwrap(), second);
}

#[test]
fn an_object_that_was_made_while_a_list_ran_survives_its_end_and_is_asked_for() {
    let mut script = with_map();
    silence(&mut script);
    script.tell("one", map_kind(), News::ListBegins);
    let listed = script.server("one").get(&map_key("m")).unwrap().clone();
    script.tell("one", map_kind(), News::Listed(stored(&listed)));
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1), ("new", 1)]) }));
    script.pass_seconds(1);
    script.requests(|_, operation| if operation.verb() == "get" { Fate::Held } else { Fate::Served });
    script.tell("one", map_kind(), News::ListEnds);
    script.run();
    assert!(script.seen(&plane("one"), &map_key("new")).is_some());
    let (request, at, operation) = script.held_one();
    assert_eq!(operation.key(), &map_key("new"));
    // It is there.
    script.let_go(request, &at, &operation);
    script.run();
    assert!(script.seen(&plane("one"), &map_key("new")).is_some());
}

#[test]
fn an_object_that_neither_a_list_nor_a_get_shows_is_gone_and_made_again() {
    let mut script = with_map();
    silence(&mut script);
    script.tell("one", map_kind(), News::ListBegins);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("new", 1)]) }));
    script.pass_seconds(1);
    script.server("one").delete(&map_key("new"));
    let before = script.sent.len();
    script.tell("one", map_kind(), News::ListEnds);
    script.pass_seconds(1);
    assert_eq!(script.lines(before)[0], "get new one");
    assert!(script.lines(before).contains(&"apply new one".to_owned()), "{:?}", script.lines(before));
}

#[test]
fn an_object_that_could_not_be_asked_for_is_asked_for_again() {
    let mut script = with_map();
    silence(&mut script);
    script.tell("one", map_kind(), News::ListBegins);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("new", 1)]) }));
    script.pass_seconds(1);
    let mut failures = 3;
    script.requests(move |_, operation| match operation.verb() {
        "get" if failures > 0 => {
            failures -= 1;
            Fate::Answered(Answer::Failed(no_answer("reset")))
        }
        _ => Fate::Served,
    });
    script.server("one").delete(&map_key("new"));
    script.tell("one", map_kind(), News::ListEnds);
    script.pass_seconds(30);
    assert!(script.server("one").get(&map_key("new")).is_some(), "it is found missing, and made again");
}

#[test]
fn a_successor_that_came_while_its_predecessor_was_asked_for_stays() {
    let mut script = with_map();
    silence(&mut script);
    script.tell("one", map_kind(), News::ListBegins);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("new", 1)]) }));
    script.pass_seconds(1);
    script.requests(|_, operation| if operation.verb() == "get" { Fate::Held } else { Fate::Served });
    script.tell("one", map_kind(), News::ListEnds);
    script.run();
    let (request, at, operation) = script.held_one();
    let first = script.server("one").get(&map_key("new")).unwrap().clone();
    script.server("one").delete(&map_key("new"));
    let answer = script.asked(&at, &operation);
    let metadata = json!({ "name": "new", "namespace": "work", "labels": first["metadata"]["labels"] });
    let second = script.server("one").write(map_kind(), json!({ "metadata": metadata }));
    script.tell("one", map_kind(), News::Put(stored(&second)));
    script.answer(request, answer);
    assert_eq!(script.seen(&plane("one"), &map_key("new")).unwrap()["metadata"]["uid"], second["metadata"]["uid"]);
}

#[test]
fn after_a_restore_the_news_of_lower_revisions_are_taken() {
    let mut script = with_map();
    let mut object = script.server("one").get(&map_key("m")).unwrap().clone();
    script.server("one").revision = 3;
    object["spec"]["value"] = 7.into();
    script.silent.insert(("one".to_owned(), map_kind()));
    script.server("one").write(map_kind(), object);
    script.relist("one", map_kind());
    listen(&mut script);
    script.pass_seconds(5);
    assert_eq!(script.servers["one"].get(&map_key("m")).unwrap()["spec"]["value"], 1, "it is put right again");
    assert!(script.servers["one"].revision < 100);
    // And what happens after it is seen too.
    script.server("one").delete(&map_key("m"));
    script.pass_seconds(5);
    assert!(script.servers["one"].get(&map_key("m")).is_some());
}

#[test]
fn an_object_that_a_restore_brings_back_is_seen() {
    let mut script = with_map();
    let object = script.server("one").get(&map_key("m")).unwrap().clone();
    script.want("w", json!({ "plane": "one", "objects": [] }));
    script.pass_seconds(1);
    assert_eq!(seen(&script), None);
    script.server("one").revision = 3;
    script.server("one").write(map_kind(), object.clone());
    script.skip("one", map_kind());
    script.relist("one", map_kind());
    script.requests(|_, operation| if operation.verb() == "delete" { Fate::Held } else { Fate::Served });
    script.pass_seconds(1);
    let (_, _, operation) = script.held_one();
    assert_eq!(operation.key(), &map_key("m"), "it has the uid of the one that went, and goes again");
}

#[test]
fn an_answer_that_is_behind_the_watch_does_not_undo_it() {
    let mut script = with_map();
    script.requests(|_, operation| if operation.verb() == "apply" { Fate::Held } else { Fate::Served });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 2)]) }));
    script.run();
    let (request, at, operation) = script.held_one();
    let answer = script.asked(&at, &operation);
    // Somebody changes it after that, and the watch is faster than the answer.
    let mut by_hand = script.server("one").get(&map_key("m")).unwrap().clone();
    by_hand["spec"]["value"] = 9.into();
    script.server("one").write(map_kind(), by_hand);
    script.run();
    script.answer(request, answer);
    assert_eq!(seen(&script).unwrap()["spec"]["value"], 9);
    script.serve();
    script.pass_seconds(5);
    assert_eq!(script.servers["one"].get(&map_key("m")).unwrap()["spec"]["value"], 2);
}

#[test]
fn what_the_watch_told_to_be_gone_does_not_come_back_by_a_late_answer() {
    let mut script = with_map();
    script.requests(|_, operation| if operation.verb() == "apply" { Fate::Held } else { Fate::Served });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 2)]) }));
    script.run();
    let (request, at, operation) = script.held_one();
    let answer = script.asked(&at, &operation);
    script.server("one").delete(&map_key("m"));
    script.run();
    script.answer(request, answer);
    assert_eq!(seen(&script), None);
    script.serve();
    script.pass_seconds(5);
    assert_eq!(script.servers["one"].get(&map_key("m")).unwrap()["spec"]["value"], 2);
}

#[test]
fn a_late_answer_about_a_predecessor_does_not_replace_the_successor_that_a_list_showed() {
    let mut script = with_map();
    script.requests(|_, operation| if operation.verb() == "apply" { Fate::Held } else { Fate::Served });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 2)]) }));
    script.run();
    let (request, at, operation) = script.held_one();
    let answer = script.asked(&at, &operation);
    let first = script.server("one").get(&map_key("m")).unwrap().clone();
    // The watch misses the end of the one and the beginning of the other, and lists again.
    script.server("one").delete(&map_key("m"));
    let metadata = json!({ "name": "m", "namespace": "work", "labels": first["metadata"]["labels"] });
    let second = script.server("one").write(map_kind(), json!({ "metadata": metadata }));
    script.relist("one", map_kind());
    script.run();
    script.answer(request, answer);
    assert_eq!(seen(&script).unwrap()["metadata"]["uid"], second["metadata"]["uid"]);
}

#[test]
fn a_late_not_found_about_a_predecessor_leaves_its_successor() {
    let mut script = with_map();
    script.requests(|_, operation| if operation.verb() == "status" { Fate::Held } else { Fate::Served });
    script.want("w", json!({ "plane": "nowhere", "objects": [] }));
    script.run();
    let (request, ..) = script.held_one();
    let held: &ObjectKey = &key("w");
    script.control().objects.get_mut(held).unwrap()["metadata"]["finalizers"] = json!([]);
    script.delete(held);
    script.want("w", json!({ "plane": "nowhere" }));
    script.run();
    let uid = script.control().uid(held);
    script.answer(request, Answer::NotFound("not found".to_owned()));
    let world = script.core.world();
    let seen = world.get(&openchoreo_core::kind::PlaneKey::Control, held).expect("the successor is there");
    assert_eq!(seen.uid(), uid);
    assert_eq!(held.kind, wanting());
}

#[test]
fn what_was_made_without_an_answer_is_found_although_it_is_wanted_elsewhere_since() {
    let mut script = Script::new(platform(&[]), &["one", "two"]);
    silence(&mut script);
    script.requests(|plane, operation| {
        let is_lost = plane.remote().is_some() && operation.verb() == "apply";
        if is_lost { Fate::Unheard } else { Fate::Served }
    });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
    script.run();
    script.serve();
    // Neither an answer nor the watch has shown it, and the plane is not recorded any longer than it seems empty.
    script.want("w", json!({ "plane": "two", "objects": [] }));
    script.pass_seconds(10);
    listen(&mut script);
    script.pass_seconds(10);
    assert!(script.server("one").get(&map_key("m")).is_none());
    assert_eq!(script.control().get(&key("w")).unwrap()["status"]["planes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_may_have_been_made_holds_back_its_owner_until_that_is_known() {
    let mut script = Script::new(platform(&[]), &["one"]);
    silence(&mut script);
    script.requests(|plane, operation| match operation.verb() {
        "apply" if plane.remote().is_some() => Fate::Unheard,
        "get" => Fate::Answered(Answer::Failed(no_answer("reset"))),
        _ => Fate::Served,
    });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
    script.run();
    script.delete(&key("w"));
    script.pass_seconds(60);
    assert!(script.control().get(&key("w")).is_some());
    script.serve();
    script.pass_seconds(120);
    assert!(script.server("one").get(&map_key("m")).is_none());
    assert!(script.control().get(&key("w")).is_none());
}

#[test]
fn an_object_that_lost_our_label_is_seen_again_when_it_has_it_again() {
    // By the watch, by an answer that is faster, and where a list was between the two.
    for (is_silent, relists) in [(false, false), (true, false), (false, true)] {
        let mut script = with_map();
        let mut stripped = script.server("one").get(&map_key("m")).unwrap().clone();
        stripped["metadata"]["labels"] = json!({});
        if relists {
            silence(&mut script);
        }
        script.server("one").write(map_kind(), stripped.clone());
        if relists {
            script.tell("one", map_kind(), News::ListBegins);
            script.tell("one", map_kind(), News::ListEnds);
            listen(&mut script);
        } else {
            script.requests(|_, _| Fate::Held);
            script.run();
            assert_eq!(seen(&script), None, "it has left what is watched");
        }
        if is_silent {
            silence(&mut script);
        }
        script.serve();
        script.release_all();
        script.pass_seconds(1);
        let shown = seen(&script).unwrap_or_else(|| panic!("it is seen: {is_silent} {relists}"));
        assert_eq!(shown["metadata"]["uid"], stripped["metadata"]["uid"]);
    }
}
