//! What fails again and again is tried ever less often, and what people do is done at once.
//!
//! Of what stormed once, two things cannot any more and have no test: the latency of a plane is no part of its state or
//! of any status, and a watch that panics is a failure that the driver tells like any other, since there is no task in
//! the core that could end unnoticed.

use jiff::SignedDuration;
use openchoreo_core::engine::core::{Answer, CoreSettings, Operation, Trouble};
use openchoreo_core::kind::PlaneKey;
use openchoreo_core::world::Disconnect;
use serde_json::{Value, json};

use super::script::{Fate, Script, Sent, key, map_key, maps};
use super::wanting::platform;

fn with_map() -> Script {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
    script.pass_seconds(1);
    script
}

/// The waits between requests of a verb.
fn waits(sent: &[Sent], verb: &str) -> Vec<SignedDuration> {
    let times: Vec<_> = sent.iter().filter(|sent| sent.operation.verb() == verb).map(|sent| sent.at).collect();
    times.windows(2).map(|pair| pair[1].duration_since(pair[0])).collect()
}

fn assert_growing(waits: &[SignedDuration]) {
    assert!(waits.len() >= 4, "{waits:?}");
    assert!(waits.windows(2).all(|pair| pair[1] > pair[0]), "{waits:?}");
    assert!(waits.last().is_some_and(|longest| *longest > SignedDuration::from_secs(10)), "{waits:?}");
}

/// A failure whose text is another one each time.
fn varying(cause: Disconnect) -> impl FnMut() -> Answer {
    let mut port = 0;
    move || {
        port += 1;
        Answer::Failed(Trouble { cause, message: format!("a webhook does not answer at port {port}") })
    }
}

#[test]
fn a_refusal_whose_text_varies_does_not_storm() {
    let mut script = with_map();
    let before = script.sent.len();
    let mut answer = varying(Disconnect::ServerError);
    script.requests(move |plane, operation| {
        if plane.remote().is_some() && operation.verb() == "apply" { Fate::Answered(answer()) } else { Fate::Served }
    });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 2)]) }));
    script.pass_seconds(60);
    let sent = &script.sent[before..];
    assert!(sent.len() < 30, "{} requests in a minute", sent.len());
    assert_growing(&waits(sent, "apply"));
    assert!(script.ready("w").2.contains("does not answer at port"), "{:?}", script.ready("w"));
    // An edit is planned at once.
    let before = script.sent.len();
    script.serve();
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 3)]) }));
    script.run();
    assert!(script.lines(before).contains(&"apply m one".to_owned()));
    assert_eq!(script.ready("w").1, "Satisfied");
}

#[test]
fn a_refusal_for_good_is_tried_seldom_whatever_its_text() {
    let mut script = with_map();
    let before = script.sent.len();
    let mut port = 0;
    script.requests(move |plane, operation| {
        if plane.remote().is_some() && operation.verb() == "apply" {
            port += 1;
            return Fate::Answered(Answer::Refused(format!("not valid, says {port}")));
        }
        Fate::Served
    });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 2)]) }));
    script.pass_seconds(600);
    let applies = script.lines(before).iter().filter(|line| line.starts_with("apply")).count();
    assert!((5..=12).contains(&applies), "{applies} in ten minutes");
}

#[test]
fn news_of_what_was_read_do_not_cut_the_wait_short() {
    let mut script = with_map();
    let mut answer = varying(Disconnect::ServerError);
    script.requests(move |plane, operation| {
        if plane.remote().is_some() && operation.verb() == "apply" { Fate::Answered(answer()) } else { Fate::Served }
    });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 2), ("n", 2)]) }));
    script.pass_seconds(10);
    let before = script.sent.len();
    // Somebody else touches what it owns, again and again.
    for value in 0..50 {
        let mut touched = script.server("one").get(&map_key("m")).unwrap().clone();
        touched["spec"]["value"] = (100 + value).into();
        script.server("one").write(map_key("m").kind, touched);
        script.pass(SignedDuration::from_millis(100));
    }
    let applies = script.lines(before).iter().filter(|line| line.starts_with("apply")).count();
    assert!(applies <= 4, "{applies} applies in 5 s");
}

#[test]
fn a_look_at_a_set_time_does_not_cut_the_wait_short() {
    let mut script = with_map();
    let before = script.sent.len();
    script.requests(|plane, operation| {
        let is_refused = plane.remote().is_some() && operation.verb() == "apply";
        if is_refused { Fate::Answered(Answer::Refused("no".to_owned())) } else { Fate::Served }
    });
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 2)]), "lookAgain": 1 }));
    script.pass_seconds(60);
    let applies = script.lines(before).iter().filter(|line| line.starts_with("apply")).count();
    assert!(applies <= 2, "{applies} applies in a minute");
}

#[test]
fn a_deletion_that_finds_nothing_removes_the_object() {
    let mut script = with_map();
    let one = script.server("one");
    one.objects.remove(&map_key("m"));
    let before = script.sent.len();
    script.want("w", json!({ "plane": "one", "objects": [] }));
    script.pass_seconds(600);
    let deletions = script.lines(before).iter().filter(|line| line.starts_with("delete")).count();
    assert_eq!(deletions, 1);
    assert!(script.seen(&super::script::plane("one"), &map_key("m")).is_none());
}

/// What is sent in ten minutes in which requests of a kind are answered so.
fn sent_while(
    script: &mut Script,
    is_it: fn(&PlaneKey, &Operation) -> bool,
    mut answer: impl FnMut() -> Answer + 'static,
    spec: Value,
) -> Vec<Sent> {
    let before = script.sent.len();
    script.requests(
        move |plane, operation| if is_it(plane, operation) { Fate::Answered(answer()) } else { Fate::Served },
    );
    script.want("w", spec);
    script.pass_seconds(100);
    script.sent[before..].to_vec()
}

#[test]
fn a_deletion_that_conflicts_is_tried_ever_less_often() {
    let mut script = with_map();
    let conflict = || Answer::Conflict("the uid is another one".to_owned());
    let spec = json!({ "plane": "one", "objects": [] });
    let sent = sent_while(&mut script, |_, operation| operation.verb() == "delete", conflict, spec);
    assert_growing(&waits(&sent, "delete"));
}

#[test]
fn a_status_that_conflicts_is_tried_ever_less_often() {
    let mut script = with_map();
    let conflict = || Answer::Conflict("the object was modified".to_owned());
    let spec = json!({ "plane": "nowhere" });
    let sent = sent_while(&mut script, |_, operation| operation.verb() == "status", conflict, spec);
    assert_growing(&waits(&sent, "status"));
}

#[test]
fn a_status_that_cannot_be_written_is_tried_ever_less_often() {
    let mut script = with_map();
    let spec = json!({ "plane": "nowhere" });
    let answer = varying(Disconnect::Forbidden);
    let sent = sent_while(&mut script, |_, operation| operation.verb() == "status", answer, spec);
    assert!(sent.len() <= 12, "{} requests in 100 s", sent.len());
}

#[test]
fn a_status_that_is_refused_for_good_is_tried_seldom() {
    let mut script = with_map();
    let spec = json!({ "plane": "nowhere" });
    let answer = || Answer::Refused("the status is not valid".to_owned());
    let sent = sent_while(&mut script, |_, operation| operation.verb() == "status", answer, spec);
    assert!(sent.len() <= 3, "{} requests in 100 s", sent.len());
}

#[test]
fn an_object_is_not_woken_by_its_own_status() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "objects": [] }));
    script.pass_seconds(60);
    assert_eq!(script.core.counts().passes, 1, "{:?}", script.lines(0));
    assert_eq!(script.ready("w").1, "Satisfied");
}

#[test]
fn a_status_that_another_overwrites_is_put_right() {
    let mut script = with_map();
    let mut object = script.control().get(&key("w")).unwrap().clone();
    object["status"]["conditions"] = json!([]);
    script.write(key("w").kind, object);
    script.pass_seconds(1);
    assert_eq!(script.ready("w").1, "Satisfied");
}

#[test]
fn trouble_that_is_over_in_a_moment_is_not_written_and_what_lasts_is() {
    let mut script = Script::with(platform(&[]), CoreSettings::default(), &["one"]);
    let statuses = |script: &Script, before: usize| {
        script.lines(before).iter().filter(|line| line.starts_with("status w ")).count()
    };
    let before = script.sent.len();
    script.want("w", json!({ "plane": "nowhere", "objects": [] }));
    script.run();
    assert_eq!(statuses(&script, before), 0, "it may be over in a moment");
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
    script.pass_seconds(1);
    assert_eq!(script.ready("w").1, "Satisfied");
    let before = script.sent.len();
    script.want("w", json!({ "plane": "nowhere", "objects": [] }));
    script.run();
    assert_eq!(statuses(&script, before), 0);
    script.pass_seconds(1);
    assert_eq!(statuses(&script, before), 1, "it has lasted");
    assert_ne!(script.ready("w").1, "Satisfied");
}
