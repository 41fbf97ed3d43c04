//! What holds for any sequence of writes by several managers.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use openchoreo_embedded::managed_fields::{Manager, Operation, apply, update};
use openchoreo_embedded::schema::Schema;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        Schema::parse(&json!({"type": "object", "properties": {"spec": {"type": "object", "properties": {
        "replicas": {"type": "integer"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"],
                "properties": {"name": {"type": "string"}, "port": {"type": "integer"}, "note": {"type": "string"}}}},
        "hosts": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "args": {"type": "array", "items": {"type": "string"}},
    }}}}))
    .expect("structural")
    });
    &SCHEMA
}

fn manager(name: &str, operation: Operation) -> Manager<'_> {
    Manager { name, operation, api_version: "e/v1", subresource: None, time: Timestamp::UNIX_EPOCH }
}

fn name() -> impl Strategy<Value = String> {
    "[abc]"
}

prop_compose! {
    fn port()(port in proptest::option::of(1_i64..4), note in proptest::option::of(name())) -> Value {
        let mut item = json!({});
        if let Some(port) = port { item["port"] = json!(port); }
        if let Some(note) = note { item["note"] = json!(note); }
        item
    }
}

prop_compose! {
    fn configuration()(
        replicas in proptest::option::of(1_i64..4),
        labels in proptest::option::of(btree_map(name(), name(), 0..3)),
        ports in proptest::option::of(btree_map(name(), port(), 0..3)),
        hosts in proptest::option::of(proptest::collection::btree_set(name(), 0..3)),
        args in proptest::option::of(vec(name(), 0..3)),
        reversed in any::<bool>(),
    ) -> Value {
        let mut spec = json!({});
        if let Some(replicas) = replicas { spec["replicas"] = json!(replicas); }
        if let Some(labels) = labels { spec["labels"] = json!(labels); }
        if let Some(ports) = ports {
            let mut items: Vec<_> = ports.into_iter().map(|(name, mut item)| { item["name"] = json!(name); item }).collect();
            if reversed { items.reverse(); }
            spec["ports"] = json!(items);
        }
        if let Some(hosts) = hosts { spec["hosts"] = json!(hosts); }
        if let Some(args) = args { spec["args"] = json!(args); }
        json!({"apiVersion": "e/v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec})
    }
}

#[derive(Debug, Clone)]
struct Write {
    by: &'static str,
    applies: bool,
    config: Value,
}

fn write() -> impl Strategy<Value = Write> {
    (prop_oneof![Just("one"), Just("two"), Just("three")], any::<bool>(), configuration())
        .prop_map(|(by, applies, config)| Write { by, applies, config })
}

/// Runs writes in order; applies are forced so that none is refused.
fn run(schema: &Schema, writes: &[Write]) -> Option<Value> {
    let mut live: Option<Value> = None;
    for write in writes {
        live = Some(if write.applies {
            apply(schema, live.as_ref(), &write.config, &manager(write.by, Operation::Apply), true).expect("forced")
        } else {
            update(schema, live.as_ref(), write.config.clone(), &manager(write.by, Operation::Update))
        });
    }
    live
}

/// The owned leaves of each manager, as joined path segments.
fn owned(object: &Value) -> BTreeMap<String, Vec<String>> {
    fn walk(fields: &Value, path: &str, found: &mut Vec<String>) {
        let members = fields.as_object().cloned().unwrap_or_default();
        if members.is_empty() || members.contains_key(".") {
            found.push(path.to_owned());
        }
        for (name, below) in members.iter().filter(|(name, _)| *name != ".") {
            walk(below, &format!("{path}/{name}"), found);
        }
    }
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
    entries
        .iter()
        .map(|entry| {
            let mut found = Vec::new();
            walk(&entry["fieldsV1"], "", &mut found);
            (format!("{} {}", entry["manager"], entry["operation"]), found)
        })
        .collect()
}

/// Whether an object has what a path of `fieldsV1` segments names.
fn exists(object: &Value, path: &str) -> bool {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .try_fold(object, |value, segment| {
            let (class, rest) = segment.split_once(':')?;
            match class {
                "f" => value.get(rest),
                "v" => {
                    let wanted: Value = serde_json::from_str(rest).ok()?;
                    value.as_array()?.iter().find(|item| **item == wanted)
                }
                _ => {
                    let key: Value = serde_json::from_str(rest).ok()?;
                    value.as_array()?.iter().find(|item| item.get("name") == key.get("name"))
                }
            }
        })
        .is_some()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applying_twice_is_applying_once(writes in vec(write(), 0..5), config in configuration()) {
        let schema = schema();
        let live = run(schema, &writes);
        let me = manager("me", Operation::Apply);
        let once = apply(schema, live.as_ref(), &config, &me, true).expect("forced");
        let later = Manager { time: Timestamp::MAX, ..me };
        let twice = apply(schema, Some(&once), &config, &later, false).expect("no conflict with oneself");
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn only_what_exists_is_owned(writes in vec(write(), 1..8)) {
        let schema = schema();
        let live = run(schema, &writes).expect("written");
        for (owner, paths) in owned(&live) {
            for path in paths {
                prop_assert!(exists(&live, &path), "{} owns {} of {}", owner, path, live);
            }
        }
    }

    #[test]
    fn an_applied_configuration_is_in_the_object(writes in vec(write(), 0..6), config in configuration()) {
        let schema = schema();
        let live = run(schema, &writes);
        let object = apply(schema, live.as_ref(), &config, &manager("me", Operation::Apply), true).expect("forced");
        let alone = apply(schema, None, &config, &manager("me", Operation::Apply), true).expect("forced");
        for paths in owned(&alone).values() {
            for path in paths {
                prop_assert!(exists(&object, path), "{} of {}", path, object);
            }
        }
        prop_assert_eq!(object.pointer("/spec/replicas").filter(|_| config["spec"].get("replicas").is_some()),
                        config.pointer("/spec/replicas"));
        prop_assert_eq!(object.pointer("/spec/args").filter(|_| config["spec"].get("args").is_some()),
                        config.pointer("/spec/args"));
    }

    #[test]
    fn appliers_that_all_leave_take_everything_along(writes in vec(write(), 1..6)) {
        let schema = schema();
        let writes: Vec<_> = writes.into_iter().map(|write| Write { applies: true, ..write }).collect();
        let nothing = json!({"apiVersion": "e/v1", "kind": "X", "metadata": {"name": "x"}});
        let leaving = ["one", "two", "three"].map(|by| Write { by, applies: true, config: nothing.clone() });
        let all: Vec<_> = writes.into_iter().chain(leaving).collect();
        let live = run(schema, &all).expect("written");
        prop_assert!(live.get("spec").is_none_or(|spec| spec.as_object().is_some_and(serde_json::Map::is_empty)), "{}", live);
        prop_assert!(live["metadata"].get("managedFields").is_none(), "{}", live);
    }

    #[test]
    fn updating_to_what_is_there_changes_nothing(writes in vec(write(), 1..6)) {
        let schema = schema();
        let live = run(schema, &writes).expect("written");
        let me = Manager { time: Timestamp::MAX, ..manager("me", Operation::Update) };
        let same = update(schema, Some(&live), live.clone(), &me);
        prop_assert_eq!(same, live);
    }
}
