//! Planes that hiccup, break, come back, rotate their credentials and lose them.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use openchoreo_core::engine::core::{CoreSettings, Event, News, Trouble};
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::labels::{PLANE_CREDENTIALS, annotations::PLANE_SERVER};
use openchoreo_core::types::v1alpha1::{DataPlane, Deployment, Organization};
use openchoreo_core::world::{Disconnect, PlaneState};
use serde_json::json;

use super::script::{Script, key, map_key, maps, no_answer};
use super::wanting::{platform, route};
use openchoreo_core::simulation::served;

fn with_something() -> Script {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
    script.pass_seconds(1);
    assert_eq!(script.ready("w").1, "Satisfied");
    script
}

fn since(script: &Script) -> jiff::Timestamp {
    match script.state("one") {
        PlaneState::Unreachable { since, .. } => since,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plane_that_misses_one_probe_and_then_answers_was_never_unreachable() {
    let mut script = with_something();
    let (requests, commands) = (script.sent.len(), script.commands.len());
    script.probes = vec![Err(no_answer("timeout")), Ok(())];
    script.tell("one", Kind::of::<ConfigMap>(), News::Failed(no_answer("reset")));
    script.run();
    assert!(script.is_connected("one"));
    script.pass_seconds(30);
    assert_eq!(script.probed, 2);
    assert!(script.is_connected("one"));
    assert_eq!(script.sent.len(), requests, "nobody's status says otherwise");
    let other = script.commands[commands..].iter().find(|command| !command.starts_with("Probe"));
    assert_eq!(other, None);
}

#[test]
fn a_watch_that_fails_once_relists_nothing_and_changes_no_state_while_the_plane_answers() {
    let mut script = with_something();
    let (requests, commands) = (script.sent.len(), script.commands.len());
    for kind in [Kind::of::<ConfigMap>(), route()] {
        script.tell("one", kind, News::Failed(no_answer("reset")));
        script.pass_seconds(5);
    }
    assert!(script.is_connected("one"));
    assert_eq!(script.sent.len(), requests);
    assert!(script.commands[commands..].iter().all(|command| command.starts_with("Probe")));
}

#[test]
fn a_plane_that_does_not_answer_twice_is_unreachable_and_comes_back_by_itself() {
    let mut script = with_something();
    script.server("one").is_down = true;
    script.tell("one", Kind::of::<ConfigMap>(), News::Failed(no_answer("reset")));
    script.pass_seconds(2);
    assert!(!script.is_connected("one"));
    script.server("one").delete(&map_key("m"));
    script.server("one").is_down = false;
    script.pass_seconds(60);
    assert!(script.is_connected("one"));
    assert!(script.server("one").get(&map_key("m")).is_some(), "what was lost meanwhile is made again");
}

#[test]
fn the_changing_text_of_an_error_changes_nothing_and_dead_planes_rewrite_nobody() {
    let mut script = with_something();
    script.server("one").is_down = true;
    script.tell("one", Kind::of::<ConfigMap>(), News::Failed(no_answer("reset")));
    script.pass_seconds(3);
    let (first, state, requests) = (since(&script), script.state("one"), script.sent.len());
    script.holds_connections = true;
    for number in 0..20 {
        script.pass_seconds(16);
        let (lane, attempt, _) = script.attempts.pop().expect("it is tried again");
        let outcome = Err(no_answer(&format!("connection refused from port {number}")));
        script.handle(Event::Connected { plane: lane, attempt, outcome });
    }
    script.pass_seconds(5);
    assert_eq!(since(&script), first);
    assert_eq!(script.state("one"), state);
    assert_eq!(script.sent.len(), requests);
}

#[test]
fn a_dead_plane_is_tried_ever_less_often() {
    let mut script = with_something();
    script.server("one").is_down = true;
    script.tell("one", Kind::of::<ConfigMap>(), News::Failed(no_answer("reset")));
    script.pass_seconds(600);
    let tried = script.commands.iter().filter(|command| command.starts_with("Connect")).count();
    assert!((30..60).contains(&tried), "{tried} times in ten minutes");
}

#[test]
fn lists_have_a_deadline_and_the_missing_kind_is_named() {
    let mut script = Script::before(platform(&[]), CoreSettings::default());
    script.handle(Event::Leading(true));
    script.silent.insert(("one".to_owned(), route()));
    script.register_all(&["one"]);
    script.pass_seconds(59);
    assert_eq!(script.state("one"), PlaneState::Unknown);
    script.pass_seconds(2);
    let PlaneState::Unreachable { error, .. } = script.state("one") else { panic!("{:?}", script.state("one")) };
    assert!(error.contains("HTTPRoute.gateway.networking.k8s.io") && !error.contains("ConfigMap"), "{error}");
    script.silent.clear();
    script.pass_seconds(30);
    assert!(script.is_connected("one"));
}

#[test]
fn a_connection_that_newer_credentials_overtook_is_ignored() {
    let mut script = with_something();
    script.holds_connections = true;
    script.register_with("one", "one", "second");
    script.run();
    script.register_with("one", "one", "third");
    script.run();
    let attempts: Vec<_> = std::mem::take(&mut script.attempts);
    assert_eq!(attempts.len(), 2);
    let (lane, first, _) = attempts[0].clone();
    let refused = Trouble { cause: Disconnect::CredentialsRefused, message: "401".to_owned() };
    script.handle(Event::Connected { plane: lane.clone(), attempt: first, outcome: Err(refused.clone()) });
    script.handle(Event::Probed { plane: lane.clone(), attempt: first, outcome: Err(refused.clone()) });
    script.handle(Event::Serves { plane: lane, attempt: first, kinds: served(&[]) });
    script.pass_seconds(1);
    assert!(script.is_connected("one"));
    assert_eq!(script.watched_at("one").len(), 3);
    script.attempts = attempts[1..].to_vec();
    script.connect_all();
    script.pass_seconds(1);
    assert!(script.is_connected("one"));
}

#[test]
fn a_rotated_token_relists_nothing() {
    let mut script = with_something();
    let (requests, watches) = (script.sent.len(), script.watches_at("one"));
    script.register_with("one", "one", "rotated");
    script.pass_seconds(10);
    assert!(script.commands.iter().filter(|command| command.starts_with("Connect")).count() == 2);
    assert_eq!(script.watches_at("one"), watches);
    assert_eq!(script.sent.len(), requests);
    assert!(script.is_connected("one"));
}

/// A plane whose token is in a Secret, which holds back its deletion.
fn with_secret() -> (Script, ObjectKey) {
    let mut script = with_something();
    let metadata = json!({
        "name": "login", "namespace": "acme",
        "labels": { PLANE_CREDENTIALS: "true" }, "annotations": { PLANE_SERVER: "one.example:6443" },
    });
    script.write(Kind::of::<Secret>(), json!({ "metadata": metadata, "data": { "token": "dG9rZW4=" } }));
    let cluster = json!({ "server": "https://one.example:6443", "auth": { "bearerToken": { "secretRef": "login" } } });
    let metadata = json!({ "name": "one", "namespace": "acme", "finalizers": ["test.example/held"] });
    let registration = json!({ "metadata": metadata, "spec": { "kubernetesCluster": cluster } });
    script.write(Kind::of::<DataPlane>(), registration);
    script.pass_seconds(1);
    assert!(script.is_connected("one"));
    (script, ObjectKey::of::<Secret>("acme", "login"))
}

#[test]
fn credentials_that_vanish_while_the_plane_is_going_keep_the_connection() {
    let (mut script, secret) = with_secret();
    script.delete(&ObjectKey::of::<DataPlane>("acme", "one"));
    script.delete(&secret);
    script.pass_seconds(60);
    assert!(script.is_connected("one"));
    script.delete(&key("w"));
    script.pass_seconds(10);
    assert!(script.server("one").get(&map_key("m")).is_none(), "it can be cleaned");
}

#[test]
fn credentials_whose_end_is_told_before_the_end_of_their_plane_keep_the_connection() {
    // Watches of different kinds are not ordered: the deletion of a namespace may show in any order.
    let (mut script, secret) = with_secret();
    script.delete(&secret);
    script.pass(SignedDuration::from_millis(1_500));
    assert!(script.is_connected("one"));
    script.delete(&ObjectKey::of::<DataPlane>("acme", "one"));
    script.pass_seconds(60);
    assert!(script.is_connected("one"));
}

#[test]
fn credentials_that_vanish_for_good_end_the_connection() {
    let (mut script, secret) = with_secret();
    script.delete(&secret);
    script.pass_seconds(3);
    assert!(matches!(script.state("one"), PlaneState::Misconfigured { .. }), "{:?}", script.state("one"));
    assert_eq!(script.watched_at("one"), []);
}

#[test]
fn a_broken_plane_whose_credentials_vanish_while_it_is_going_is_waited_for_in_peace() {
    // `Script::pass` fails where the core asks for a time that has passed.
    let (mut script, secret) = with_secret();
    script.delete(&ObjectKey::of::<DataPlane>("acme", "one"));
    script.server("one").is_down = true;
    script.tell("one", Kind::of::<ConfigMap>(), News::Failed(no_answer("reset")));
    script.pass_seconds(3);
    let first = since(&script);
    script.delete(&secret);
    script.pass_seconds(60);
    assert_eq!(since(&script), first, "since when it does not answer is still known");
}

#[test]
fn a_plane_that_drains_through_a_hiccup_is_cleaned_and_not_given_up() {
    // How long a plane may be silent before it is given up counts from the loss of contact: see `deletion`.
    let mut script = Script::new(platform(&["data-plane"]), &["one"]);
    let metadata = json!({ "name": "runs", "namespace": "acme" });
    let planes = json!([{ "kind": "DataPlane", "namespace": "acme", "name": "one" }]);
    script.write(
        Kind::of::<Deployment>(),
        json!({ "metadata": metadata, "status": { "observedGeneration": 1, "planes": planes } }),
    );
    script.pass_seconds(1);
    let registration = ObjectKey::of::<DataPlane>("acme", "one");
    let draining = |script: &mut Script| {
        let plane = script.control().get(&registration).expect("the plane is held").clone();
        plane["status"]["conditions"][0]["reason"].clone()
    };
    script.delete(&registration);
    script.pass_seconds(100_000);
    assert_eq!(draining(&mut script), "Draining");
    script.probes = vec![Err(no_answer("timeout")), Ok(())];
    script.tell("one", Kind::of::<ConfigMap>(), News::Failed(no_answer("reset")));
    script.pass_seconds(60);
    assert_eq!(draining(&mut script), "Draining");
    script.server("one").is_down = true;
    script.tell("one", Kind::of::<ConfigMap>(), News::Failed(no_answer("reset")));
    script.pass_seconds(10);
    assert_eq!(draining(&mut script), "PlaneUnreachable");
    script.server("one").is_down = false;
    script.pass_seconds(30);
    assert_eq!(draining(&mut script), "Draining");
    script.delete(&ObjectKey::of::<Deployment>("acme", "runs"));
    script.pass_seconds(1);
    assert!(script.control().get(&registration).is_none(), "it goes when it is clean");
}

#[test]
fn a_plane_of_no_organization_goes_when_nothing_is_deployed_there_any_more() {
    let mut script = Script::new(platform(&["data-plane"]), &["one"]);
    let metadata = json!({ "name": "runs", "namespace": "acme" });
    let planes = json!([{ "kind": "DataPlane", "namespace": "acme", "name": "one" }]);
    script.write(
        Kind::of::<Deployment>(),
        json!({ "metadata": metadata, "status": { "observedGeneration": 1, "planes": planes } }),
    );
    script.write(Kind::of::<Namespace>(), json!({ "metadata": { "name": "acme" } }));
    script.delete(&ObjectKey::of::<Organization>("", "acme"));
    script.pass_seconds(1);
    // Of no organization, it is nobody's to connect to.
    script.restart();
    let registration = ObjectKey::of::<DataPlane>("acme", "one");
    script.delete(&registration);
    script.pass_seconds(60);
    assert_eq!(script.state("one"), PlaneState::Unknown);
    assert!(script.control().get(&registration).is_some());
    script.delete(&ObjectKey::of::<Deployment>("acme", "runs"));
    script.pass_seconds(60);
    assert!(script.control().get(&registration).is_none());
}

#[test]
fn a_plane_that_goes_without_credentials_and_dies_is_known_to_be_dead() {
    let (mut script, secret) = with_secret();
    script.delete(&ObjectKey::of::<DataPlane>("acme", "one"));
    script.delete(&secret);
    script.pass_seconds(10);
    assert!(script.is_connected("one"));
    script.server("one").is_down = true;
    script.tell("one", Kind::of::<ConfigMap>(), News::Failed(no_answer("reset")));
    script.pass_seconds(3);
    assert!(matches!(script.state("one"), PlaneState::Unreachable { .. }), "{:?}", script.state("one"));
}

#[test]
fn a_kind_that_may_not_be_watched_is_named_before_the_deadline() {
    let mut script = Script::before(platform(&[]), CoreSettings::default());
    script.handle(Event::Leading(true));
    script.silent.insert(("one".to_owned(), route()));
    script.register_all(&["one"]);
    script.run();
    let forbidden = Trouble { cause: Disconnect::Forbidden, message: "403".to_owned() };
    script.tell("one", route(), News::Failed(forbidden));
    let PlaneState::Unreachable { cause, error, .. } = script.state("one") else { panic!("{:?}", script.state("one")) };
    assert_eq!(cause, Disconnect::Forbidden);
    assert!(error.contains("HTTPRoute"), "{error}");
}

#[test]
fn a_watch_of_the_control_plane_that_fails_changes_nothing() {
    let mut script = with_something();
    let (requests, commands) = (script.sent.len(), script.commands.len());
    for _ in 0..20 {
        script.tell("control", key("w").kind, News::Failed(no_answer("reset")));
        script.pass_seconds(5);
    }
    assert!(script.core.is_ready());
    assert_eq!((script.sent.len(), script.commands.len()), (requests, commands));
}

#[test]
fn what_goes_with_its_organization_is_cleaned_after_a_restart_too() {
    let mut script = with_something();
    let organization = ObjectKey::of::<Organization>("", "acme");
    let mut live = script.control().get(&organization).cloned().expect("it is there");
    live["metadata"]["finalizers"] = json!(["openchoreo.dev/organization-cleanup"]);
    script.write(Kind::of::<Organization>(), live);
    script.delete(&organization);
    script.delete(&key("w"));
    script.restart();
    script.pass_seconds(5);
    assert!(script.is_connected("one"), "{:?}", script.state("one"));
    assert!(script.server("one").get(&map_key("m")).is_none());
    assert!(script.control().get(&key("w")).is_none());
}

#[test]
fn new_credentials_that_are_met_by_one_silence_are_tried_again_before_anything_is_concluded() {
    for answers in [true, false] {
        let mut script = with_something();
        script.holds_connections = true;
        script.register_with("one", "one", "second");
        script.run();
        let (lane, attempt, _) = script.attempts.pop().expect("it is tried");
        script.handle(Event::Connected { plane: lane, attempt, outcome: Err(no_answer("timeout")) });
        script.pass(SignedDuration::from_millis(500));
        assert!(script.is_connected("one"), "the old connection stands");
        assert_eq!(script.attempts.len(), 0, "it is given a moment");
        script.pass_seconds(1);
        assert_eq!(script.attempts.len(), 1, "it is tried again");
        script.server("one").is_down = !answers;
        script.connect_all();
        script.pass(SignedDuration::from_millis(100));
        assert_eq!(script.is_connected("one"), answers);
    }
}
