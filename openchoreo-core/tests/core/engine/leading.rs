//! Only the core that leads writes.

use openchoreo_core::engine::core::{Answer, CoreSettings, Event};
use serde_json::json;

use super::script::{Fate, Script, key, map_key, maps, route_key};
use super::wanting::platform;

#[test]
fn a_core_that_does_not_lead_connects_and_watches_and_sends_nothing() {
    let mut script = Script::before(platform(&[]), CoreSettings::default());
    script.register_all(&["one"]);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]), "lookAgain": 1 }));
    script.pass_seconds(60);
    assert!(script.is_connected("one"), "it is warm when its time comes");
    assert_eq!(script.lines(0), [""; 0]);
    assert_eq!(script.core.counts().passes, 0);
    script.handle(Event::Leading(true));
    script.run();
    assert!(script.server("one").get(&map_key("m")).is_some());
}

/// A flight whose first remote wave waits for its answer, and another wave after it.
fn in_flight() -> Script {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.requests(|plane, _| if plane.remote().is_some() { Fate::Held } else { Fate::Served });
    let mut objects = maps(&[("m", 1)]).as_array().unwrap().clone();
    objects.push(json!({ "kind": "HTTPRoute", "name": "r", "value": 1 }));
    script.want("w", json!({ "plane": "one", "objects": objects, "lookAgain": 5 }));
    script.run();
    script
}

#[test]
fn a_core_that_no_longer_leads_sends_no_further_wave() {
    let mut script = in_flight();
    script.handle(Event::Leading(false));
    let before = script.sent.len();
    script.serve();
    script.release_all();
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 2)]) }));
    script.pass_seconds(60);
    assert_eq!(script.lines(before), [""; 0]);
    assert!(script.server("one").get(&route_key("r")).is_none());
}

#[test]
fn a_core_that_no_longer_leads_does_not_write_what_was_refused_to_the_status() {
    for answer in [|| Answer::Refused("no".to_owned()), || Answer::Failed(super::script::no_answer("reset"))] {
        let mut script = in_flight();
        script.handle(Event::Leading(false));
        let before = script.sent.len();
        let (request, ..) = script.held_one();
        script.answer(request, answer());
        script.serve();
        script.pass_seconds(60);
        // It may look whether something was made.
        let writes = script.lines(before).into_iter().filter(|line| !line.starts_with("get"));
        assert_eq!(writes.collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn a_core_that_no_longer_leads_does_not_repair() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "objects": [{ "kind": "ConfigMap", "name": "m", "value": [1] }] }));
    script.pass_seconds(1);
    script.requests(|_, operation| if operation.verb() == "get" { Fate::Held } else { Fate::Served });
    let mut by_hand = script.server("one").get(&map_key("m")).unwrap().clone();
    by_hand["spec"]["value"] = json!([1, 2]);
    script.server("one").write(map_key("m").kind, by_hand);
    script.pass_seconds(1);
    let before = script.sent.len();
    script.handle(Event::Leading(false));
    script.release_all();
    script.pass_seconds(60);
    assert_eq!(script.lines(before), [""; 0]);
    // The next one to lead does it.
    script.serve();
    script.handle(Event::Leading(true));
    script.pass_seconds(1);
    assert_eq!(script.servers["one"].get(&map_key("m")).unwrap()["spec"]["value"], json!([1]));
}

#[test]
fn a_core_that_comes_to_lead_plans_everything() {
    let mut script = Script::new(platform(&[]), &["one"]);
    for name in ["a", "b", "c"] {
        script.want(name, json!({ "plane": "one", "objects": maps(&[(name, 1)]) }));
    }
    script.pass_seconds(60);
    let (passes, sent) = (script.core.counts().passes, script.sent.len());
    script.handle(Event::Leading(false));
    script.want("a", json!({ "plane": "one", "objects": maps(&[("a", 2)]) }));
    script.delete(&key("b"));
    script.pass_seconds(60);
    assert_eq!(script.core.counts().passes, passes);
    script.handle(Event::Leading(true));
    script.pass_seconds(10);
    assert!(script.core.counts().passes >= passes + 3);
    assert_eq!(script.servers["one"].get(&map_key("a")).unwrap()["spec"]["value"], 2);
    assert!(script.server("one").get(&map_key("b")).is_none());
    assert!(!script.lines(sent).iter().any(|line| line.contains(" c ")), "{:?}", script.lines(sent));
}
