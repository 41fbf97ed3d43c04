//! Objects that are there already under a name that is wanted: nobody's is taken that may not be, and ours is never left.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use openchoreo_core::engine::core::NO_REVISION;
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::labels::{ADOPT, OWNED_BY, OWNER};
use openchoreo_core::types::v1alpha1::Organization;
use serde_json::{Value, json};

use super::script::{Fate, Script, key, map_key, maps};
use super::wanting::platform;

/// A plane where somebody has made the config map `m`, and a `Wanting` that wants it.
fn with_a_map(metadata: Value, more: Value) -> Script {
    let mut script = Script::new(platform(&[]), &["one"]);
    let mut object = json!({ "metadata": metadata, "data": more });
    object["metadata"]["name"] = "m".into();
    object["metadata"]["namespace"] = "work".into();
    script.server("one").write(Kind::of::<ConfigMap>(), object);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
    script.pass_seconds(1);
    script
}

fn by(manager: &str) -> Value {
    json!([{ "manager": manager, "operation": "Update" }])
}

fn edit(script: &mut Script, change: impl FnOnce(&mut Value)) {
    let mut object = script.server("one").get(&map_key("m")).expect("it is there").clone();
    change(&mut object);
    script.server("one").write(Kind::of::<ConfigMap>(), object);
}

fn is_ours(script: &mut Script) -> bool {
    let object = script.server("one").get(&map_key("m")).expect("it is there").clone();
    object["metadata"]["labels"][OWNER].is_string() && object["spec"]["value"] == 1
}

#[test]
fn what_somebody_else_made_is_left_as_it_is_until_its_people_give_it() {
    let mut script = with_a_map(json!({ "managedFields": by("helm") }), json!({ "theirs": "yes" }));
    let before = script.server("one").get(&map_key("m")).cloned();
    let (status, reason, message) = script.ready("w");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "ApplyFailed"), "{message}");
    assert!(message.contains("ConfigMap") && message.contains("`helm`") && message.contains(ADOPT), "{message}");
    let sent = script.sent.len();
    script.pass_seconds(600);
    assert_eq!(script.server("one").get(&map_key("m")).cloned(), before);
    assert!(script.sent.len() - sent <= 2 * 11, "{:?}", script.lines(sent));
    edit(&mut script, |object| object["metadata"]["annotations"][ADOPT] = "true".into());
    script.pass_seconds(61);
    assert!(is_ours(&mut script));
    assert_eq!(script.ready("w").1, "Satisfied");
}

#[test]
fn what_somebody_else_made_is_not_deleted_either() {
    let mut script = with_a_map(json!({}), json!({}));
    script.delete(&key("w"));
    script.pass_seconds(61);
    assert!(script.control().get(&key("w")).is_none(), "it had nothing there");
    assert!(script.server("one").get(&map_key("m")).is_some());
}

#[test]
fn what_is_ours_and_lost_its_label_is_taken_back() {
    let mut script = with_a_map(json!({ "annotations": { OWNED_BY: "Wanting/acme/w" } }), json!({}));
    assert!(is_ours(&mut script));
    // By hand, later.
    edit(&mut script, |object| object["metadata"]["labels"] = json!({}));
    script.pass_seconds(2);
    assert!(is_ours(&mut script));
    // And where all that is known is who wrote it.
    edit(&mut script, |object| {
        object["metadata"]["labels"] = json!({});
        object["metadata"]["annotations"] = json!({});
        object["metadata"]["managedFields"] = by("openchoreo/wanting");
    });
    script.pass_seconds(2);
    assert!(is_ours(&mut script));
    assert_eq!(script.ready("w").1, "Satisfied");
}

#[test]
fn a_new_object_takes_one_request_and_the_server_is_told_that_it_is_new() {
    let mut script = Script::new(platform(&[]), &["one"]);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
    script.pass_seconds(1);
    let to_plane: Vec<_> = script.sent.iter().filter(|sent| sent.plane.remote().is_some()).collect();
    assert_eq!(to_plane.len(), 1, "{:?}", script.lines(0));
    let said = format!("{:?}", to_plane[0].operation);
    assert!(said.contains("resourceVersion") && said.contains(NO_REVISION), "{said}");
    // What it made it applies over, whatever the revision.
    script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 2)]) }));
    script.pass_seconds(1);
    assert_eq!(script.server("one").get(&map_key("m")).expect("it is there")["spec"]["value"], 2);
}

#[test]
fn what_was_made_without_an_answer_is_ours_after_a_restart_too() {
    for restarts in [false, true] {
        let mut script = Script::new(platform(&[]), &["one"]);
        script.silent.insert(("one".to_owned(), Kind::of::<ConfigMap>()));
        script.requests(|plane, operation| {
            let is_lost = plane.remote().is_some() && operation.verb() == "apply";
            if is_lost { Fate::Unheard } else { Fate::Served }
        });
        script.want("w", json!({ "plane": "one", "objects": maps(&[("m", 1)]) }));
        script.run();
        script.serve();
        if restarts {
            script.silent.clear();
            script.restart();
        }
        script.pass_seconds(5);
        assert_eq!(script.ready("w").1, "Satisfied", "{}", script.ready("w").2);
        assert!(is_ours(&mut script));
    }
}

#[test]
fn what_a_person_made_in_the_control_plane_meanwhile_is_for_planners_to_judge() {
    let mut script = Script::new(platform(&["organization"]), &[]);
    // The watch is slower than the person and the planner.
    script.silent.insert(("control".to_owned(), Kind::of::<Namespace>()));
    let made = script.control().write(Kind::of::<Namespace>(), json!({ "metadata": { "name": "late" } }));
    script.write(Kind::of::<Organization>(), json!({ "metadata": { "name": "late" }, "spec": {} }));
    script.pass_seconds(5);
    assert_eq!(script.control().get(&ObjectKey::of::<Namespace>("", "late")), Some(&made));
    let organization = script.control().get(&ObjectKey::of::<Organization>("", "late")).expect("it is there").clone();
    assert_eq!(organization["status"]["conditions"][0]["reason"], "NamespaceTaken", "{organization}");
}
