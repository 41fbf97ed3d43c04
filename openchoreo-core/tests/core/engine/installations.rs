//! Several installations in one cluster: each knows its own objects, and nobody can make others look like them.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use openchoreo_core::engine::core::CoreSettings;
use openchoreo_core::kind::Kind;
use openchoreo_core::labels::{self, Installation, Owner};
use serde_json::{Value, json};

use super::script::{Script, key, map_key, maps};
use super::wanting::platform;

/// A script whose control plane tells its identity, with the plane `one`.
fn script() -> Script {
    let mut script = Script::before(platform(&[]), CoreSettings::default());
    script.write(Kind::of::<Namespace>(), json!({ "metadata": { "name": "kube-system" } }));
    script.register_all(&["one"]);
    script.restart();
    script.run();
    script
}

fn owner() -> Owner {
    Owner::object("Wanting", "acme", "w")
}

/// A config map that is marked as what `w` of an installation wants.
fn marked(name: &str, installation: &Installation) -> Value {
    json!({ "metadata": {
        "name": name, "namespace": "work",
        "labels": { labels::OWNER: owner().label_value(installation) },
        "annotations": { labels::OWNED_BY: owner().to_string() },
    } })
}

fn label_of(script: &mut Script, name: &str) -> String {
    let object = script.server("one").get(&map_key(name)).expect("it is there");
    object["metadata"]["labels"][labels::OWNER].as_str().expect("it is marked").to_owned()
}

#[test]
fn what_another_installation_has_for_an_owner_of_the_same_name_is_left_alone() {
    let mut script = script();
    for (name, identity) in [("theirs", "another"), ("forged", "")] {
        let object = marked(name, &Installation::new(identity));
        script.server("one").write(Kind::of::<ConfigMap>(), object);
    }
    script.want("w", json!({ "plane": "one", "objects": maps(&[("ours", 1)]) }));
    script.pass_seconds(1);
    assert_eq!(script.ready("w").1, "Satisfied");
    script.delete(&key("w"));
    script.pass_seconds(1);
    assert!(script.control().get(&key("w")).is_none(), "nobody blocks its deletion");
    let left = ["ours", "theirs", "forged"].map(|name| script.server("one").get(&map_key(name)).is_some());
    assert_eq!(left, [false, true, true]);
}

#[test]
fn an_object_of_another_installation_is_not_taken_until_its_mark_goes() {
    let mut script = script();
    let theirs = marked("a", &Installation::new("another"));
    let before = script.server("one").write(Kind::of::<ConfigMap>(), theirs.clone());
    script.want("w", json!({ "plane": "one", "objects": maps(&[("a", 1), ("b", 1)]) }));
    script.pass_seconds(1);
    assert_eq!(script.server("one").get(&map_key("a")), Some(&before));
    assert!(script.server("one").get(&map_key("b")).is_some(), "it does not depend on `a`");
    let (status, reason, message) = script.ready("w");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "ApplyFailed"));
    assert!(message.contains("`Wanting/acme/w` in another installation"), "{message}");
    let sent = script.sent.len();
    script.pass_seconds(600);
    assert_eq!(script.sent.len(), sent, "it is not asked for again and again");
    let mut freed = theirs;
    freed["metadata"]["labels"] = json!({});
    script.server("one").write(Kind::of::<ConfigMap>(), freed);
    script.pass_seconds(61);
    let (_, reason, message) = script.ready("w");
    assert_eq!(reason, "Satisfied", "{message}");
    assert_eq!(label_of(&mut script, "a"), label_of(&mut script, "b"));
}

#[test]
fn the_identity_is_that_of_the_control_plane_or_the_one_that_is_given() {
    let mut script = script();
    script.want("w", json!({ "plane": "one", "objects": maps(&[("a", 1)]) }));
    script.pass_seconds(1);
    let system = script.control().uid(&openchoreo_core::kind::ObjectKey::of::<Namespace>("", "kube-system"));
    assert_eq!(label_of(&mut script, "a"), owner().label_value(&Installation::new(system)));

    let given = Installation::new("given");
    let settings = CoreSettings { installation: Some(given.clone()), ..CoreSettings::default() };
    let mut script = Script::with(platform(&[]), settings, &["one"]);
    script.want("w", json!({ "plane": "one", "objects": maps(&[("a", 1)]) }));
    script.pass_seconds(1);
    assert_eq!(label_of(&mut script, "a"), owner().label_value(&given));
    assert_eq!(format!("{given:?}"), "Installation", "it is not for logs");
}
