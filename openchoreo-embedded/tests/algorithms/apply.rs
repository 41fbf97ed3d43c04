//! Server-side apply and the tracking of other writes.

use jiff::Timestamp;
use openchoreo_embedded::managed_fields::{ApplyError, Conflict, Manager, Operation, apply, update};
use openchoreo_embedded::schema::Schema;
use serde_json::{Value, json};

fn by(name: &str, operation: Operation, second: i64) -> Manager<'_> {
    let time = Timestamp::from_second(second).expect("in range");
    Manager { name, operation, api_version: "apps/v1", subresource: None, time }
}

fn applier(name: &str) -> Manager<'_> {
    by(name, Operation::Apply, 0)
}

fn updater(name: &str) -> Manager<'_> {
    by(name, Operation::Update, 0)
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
           "spec": spec})
}

fn pods(containers: Value) -> Value {
    deployment(json!({"template": {"spec": {"containers": containers}}}))
}

fn containers(object: &Value) -> Value {
    object.pointer("/spec/template/spec/containers").cloned().unwrap_or_default()
}

/// What each manager owns, as `name/operation`.
fn owners(object: &Value) -> Value {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
    let owned = entries.iter().map(|entry| {
        let name = format!("{}/{}", entry["manager"].as_str().unwrap_or(""), entry["operation"].as_str().unwrap_or(""));
        (name, entry["fieldsV1"].clone())
    });
    Value::Object(owned.collect())
}

fn schema() -> std::sync::Arc<Schema> {
    Schema::builtin("apps/v1", "Deployment").expect("built in")
}

fn applied(live: Option<&Value>, config: &Value, manager: &str) -> Value {
    apply(&schema(), live, config, &applier(manager), false).expect("no conflict")
}

#[test]
fn an_applied_object_records_its_leaves_and_items() {
    let config = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}, "finalizers": ["example.com/a"]},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"spec": {"containers": [
                {"name": "web", "image": "x", "args": ["a", "b"], "emptied": {}, "ports": [{"containerPort": 80}]}]}},
        },
    });
    let object = applied(None, &config, "me");
    assert_eq!(
        owners(&object),
        json!({"me/Apply": {
            "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {"v:\"example.com/a\"": {}}},
            "f:spec": {
                "f:replicas": {},
                "f:selector": {},
                "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
                    ".": {}, "f:name": {}, "f:image": {}, "f:args": {}, "f:emptied": {},
                    "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                }}}},
            },
        }})
    );
    let entry = &object["metadata"]["managedFields"][0];
    assert_eq!(
        (&entry["apiVersion"], &entry["fieldsType"], &entry["time"]),
        (&json!("apps/v1"), &json!("FieldsV1"), &json!("1970-01-01T00:00:00Z"))
    );
    assert!(entry.get("subresource").is_none());
}

#[test]
fn applying_again_changes_nothing() {
    let config = deployment(json!({"replicas": 2, "template": {"spec": {"containers": [{"name": "a"}]}}}));
    let object = applied(None, &config, "me");
    let again = apply(&schema(), Some(&object), &config, &by("me", Operation::Apply, 99), false).expect("no conflict");
    assert_eq!(again, object);
}

#[test]
fn a_dropped_field_goes_unless_another_owns_it() {
    let both = deployment(json!({"replicas": 2, "paused": true}));
    let live = applied(None, &both, "one");
    let live = applied(Some(&live), &deployment(json!({"paused": true})), "two");
    let bare = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
    let live = applied(Some(&live), &bare, "one");
    assert_eq!(live["spec"], json!({"paused": true}));
    let live = applied(Some(&live), &bare, "two");
    assert_eq!(live.get("spec"), None, "the emptied object goes too");
}

#[test]
fn a_dropped_item_goes_with_what_nobody_owns_in_it() {
    let live = applied(None, &pods(json!([{"name": "a", "image": "1"}, {"name": "b", "image": "2"}])), "me");
    let mut defaulted = live.clone();
    defaulted["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = json!("Always");
    let live = applied(Some(&defaulted), &pods(json!([{"name": "b", "image": "2"}])), "me");
    assert_eq!(containers(&live), json!([{"name": "b", "image": "2"}]));
}

#[test]
fn an_item_stays_while_another_owns_part_of_it() {
    let live = applied(None, &pods(json!([{"name": "a", "image": "1"}])), "one");
    let live = applied(Some(&live), &pods(json!([{"name": "a", "stdin": true}])), "two");
    let live = applied(Some(&live), &pods(json!([{"name": "b"}])), "one");
    assert_eq!(containers(&live), json!([{"name": "a", "stdin": true}, {"name": "b"}]));
}

#[test]
fn conflicts_name_manager_and_field_and_force_wins() {
    let live = applied(None, &pods(json!([{"name": "a", "image": "1"}])), "one");
    let config = pods(json!([{"name": "a", "image": "2"}]));
    let refused = apply(&schema(), Some(&live), &config, &applier("two"), false).expect_err("conflict");
    assert_eq!(
        refused,
        ApplyError::Conflicts(vec![Conflict {
            manager: "one".into(),
            provenance: String::new(),
            field: ".spec.template.spec.containers[name=\"a\"].image".into(),
        }])
    );
    assert_eq!(
        refused.to_string(),
        "Apply failed with 1 conflict: conflict with \"one\": .spec.template.spec.containers[name=\"a\"].image"
    );
    let forced = apply(&schema(), Some(&live), &config, &applier("two"), true).expect("forced");
    assert_eq!(containers(&forced), json!([{"name": "a", "image": "2"}]));
    let owned = owners(&forced);
    let path = "/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"a\"}/f:image";
    assert!(owned["one/Apply"].pointer(path).is_none(), "{owned}");
    assert!(owned["two/Apply"].pointer(path).is_some(), "{owned}");
}

#[test]
fn several_conflicts_are_grouped_by_manager() {
    let live = update(&schema(), None, deployment(json!({"replicas": 1, "paused": true})), &updater("kubectl"));
    let config = deployment(json!({"replicas": 2, "paused": false}));
    let refused = apply(&schema(), Some(&live), &config, &applier("me"), false).expect_err("conflict");
    assert_eq!(
        refused.to_string(),
        "Apply failed with 2 conflicts: conflicts with \"kubectl\" using apps/v1 at 1970-01-01T00:00:00Z:\n\
         - .spec.paused\n- .spec.replicas"
    );
}

#[test]
fn equal_values_are_owned_together() {
    let config = deployment(json!({"replicas": 2}));
    let live = applied(None, &config, "one");
    let live = applied(Some(&live), &config, "two");
    let fields = json!({"f:spec": {"f:replicas": {}}});
    assert_eq!(owners(&live), json!({"one/Apply": fields, "two/Apply": fields}));
}

#[test]
fn an_update_moves_changed_fields_and_frees_removed_ones() {
    let live = applied(None, &deployment(json!({"replicas": 2, "paused": true, "minReadySeconds": 5})), "me");
    let mut new = live.clone();
    new["spec"] = json!({"replicas": 3, "minReadySeconds": 5});
    let live = update(&schema(), Some(&live), new, &updater("editor"));
    assert_eq!(
        owners(&live),
        json!({
            "me/Apply": {"f:spec": {"f:minReadySeconds": {}}},
            "editor/Update": {"f:spec": {"f:replicas": {}}},
        })
    );
}

#[test]
fn an_update_that_changes_nothing_leaves_owners_and_times() {
    let live = update(&schema(), None, deployment(json!({"replicas": 2})), &updater("editor"));
    let mut stamped = live.clone();
    stamped["metadata"]["resourceVersion"] = json!("7");
    let again = update(&schema(), Some(&live), stamped, &by("editor", Operation::Update, 50));
    assert_eq!(again["metadata"]["managedFields"], live["metadata"]["managedFields"]);
    let other = update(&schema(), Some(&live), live.clone(), &by("other", Operation::Update, 50));
    assert_eq!(other, live);
}

#[test]
fn created_objects_are_owned_with_their_containers() {
    let live = update(&schema(), None, pods(json!([{"name": "a", "image": "1"}])), &updater("creator"));
    assert_eq!(
        owners(&live)["creator/Update"],
        json!({"f:spec": {".": {}, "f:template": {".": {}, "f:spec": {".": {}, "f:containers": {".": {},
            "k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}})
    );
}

#[test]
fn subresources_have_entries_of_their_own() {
    let live = applied(None, &deployment(json!({"replicas": 2})), "me");
    let status = Manager { subresource: Some("status"), ..updater("me") };
    let mut new = live.clone();
    new["status"] = json!({"replicas": 1, "conditions": [{"type": "Available", "status": "True"}]});
    let live = update(&schema(), Some(&live), new, &status);
    let entries = live["metadata"]["managedFields"].as_array().expect("entries");
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1]["subresource"], json!("status"));
    let config = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                        "status": {"conditions": [{"type": "Available", "status": "False"}]}});
    let refused =
        apply(&schema(), Some(&live), &config, &Manager { subresource: Some("status"), ..applier("other") }, false);
    assert_eq!(
        refused.expect_err("conflict").to_string(),
        "Apply failed with 1 conflict: conflict with \"me\" with subresource \"status\" using apps/v1 at \
         1970-01-01T00:00:00Z: .status.conditions[type=\"Available\"].status"
    );
}

#[test]
fn what_was_there_before_tracking_has_an_owner() {
    let untracked = deployment(json!({"replicas": 2}));
    let refused = apply(&schema(), Some(&untracked), &deployment(json!({"replicas": 3})), &applier("me"), false);
    let ApplyError::Conflicts(conflicts) = refused.expect_err("conflict") else { panic!("not a conflict") };
    assert_eq!(conflicts[0].manager, "before-first-apply");
}

#[test]
fn applied_items_keep_their_order_among_each_other() {
    let live = applied(None, &pods(json!([{"name": "a"}, {"name": "b"}, {"name": "c"}])), "one");
    let live = applied(Some(&live), &pods(json!([{"name": "c"}, {"name": "n"}, {"name": "a"}])), "two");
    let names: Vec<_> = containers(&live).as_array().into_iter().flatten().map(|item| item["name"].clone()).collect();
    assert_eq!(names, ["b", "c", "n", "a"]);
}

#[test]
fn configurations_that_cannot_be_applied_are_refused() {
    let mut tracked = deployment(json!({}));
    tracked["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    let cases = [
        (tracked, "metadata.managedFields must be nil"),
        (
            pods(json!([{"name": "a"}, {"name": "a"}])),
            ".spec.template.spec.containers: duplicate entries for key [name=\"a\"]",
        ),
        (
            pods(json!([{"image": "x"}])),
            ".spec.template.spec.containers: element 0: associative list with keys has an element that omits all key fields",
        ),
    ];
    for (config, expected) in cases {
        let refused = apply(&schema(), None, &config, &applier("me"), true).expect_err("invalid");
        assert_eq!(refused, ApplyError::Invalid(expected.to_owned()));
    }
}

#[test]
fn custom_lists_are_atomic_unless_declared() {
    let schema = Schema::parse(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "plain": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "atom": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }}}}))
    .expect("structural");
    let object = |spec: Value| json!({"apiVersion": "e/v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec});
    let config = object(json!({
        "plain": [{"name": "a"}], "set": ["a"], "atom": {"a": "1"}, "free": {"deep": {"list": [1]}}}));
    let live = apply(&schema, None, &config, &applier("me"), false).expect("no conflict");
    assert_eq!(
        owners(&live)["me/Apply"]["f:spec"],
        json!({"f:plain": {}, "f:set": {"v:\"a\"": {}}, "f:atom": {}, "f:free": {"f:deep": {".": {}, "f:list": {}}}})
    );
    let other = object(json!({"set": ["b"]}));
    let live = apply(&schema, Some(&live), &other, &applier("other"), false).expect("sets join");
    assert_eq!(live["spec"]["set"], json!(["a", "b"]));
    let other = object(json!({"plain": [{"name": "b"}]}));
    assert!(apply(&schema, Some(&live), &other, &applier("third"), false).is_err());
}

#[test]
fn the_oldest_updates_become_one_entry() {
    let mut live = deployment(json!({}));
    for index in 0..15 {
        let mut new = live.clone();
        new["metadata"]["labels"][format!("l{index:02}")] = json!("v");
        live = update(&schema(), Some(&live), new, &by(&format!("m{index:02}"), Operation::Update, index));
    }
    let owned = owners(&live);
    assert_eq!(owned.as_object().map(serde_json::Map::len), Some(10), "{owned}");
    let ancient = &owned["ancient-changes/Update"]["f:metadata"]["f:labels"];
    assert!(ancient.get("f:l00").is_some() && ancient.get("f:l05").is_some() && ancient.get("f:l06").is_none());
}
