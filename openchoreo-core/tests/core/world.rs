//! The World's indexes and the wake index: what a planner read is what wakes it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::planner::PlanContext;
use openchoreo_core::platform::Platform;
use openchoreo_core::world::wake::WakeIndex;
use openchoreo_core::world::{Select, Source, Stored, World};
use proptest::prelude::*;
use serde_json::{Value, json};

const LABEL: &str = "openchoreo.dev/component";

fn map(namespace: &str, name: &str, label: &str, value: u8) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "namespace": namespace, "name": name, "labels": { LABEL: label } },
        "data": { "value": value.to_string() },
    })
}

/// What a reader may ask for.
#[derive(Clone, Debug)]
enum Read {
    Key(String, String),
    Namespace(String),
    Label(String, String),
}

/// What may happen to the World.
#[derive(Clone, Debug)]
enum Step {
    Put(String, String, String, u8),
    Remove(String, String),
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("b".to_owned())]
}

fn read() -> impl Strategy<Value = Read> {
    prop_oneof![
        (word(), word()).prop_map(|(n, o)| Read::Key(n, o)),
        word().prop_map(Read::Namespace),
        (word(), word()).prop_map(|(n, l)| Read::Label(n, l)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (word(), word(), word(), 0..2_u8).prop_map(|(n, o, l, v)| Step::Put(n, o, l, v)),
        (word(), word()).prop_map(|(n, o)| Step::Remove(n, o)),
    ]
}

fn ask(cx: &PlanContext<'_>, read: &Read) -> String {
    let list = |select: Select| {
        let found = cx.control().list_stored(&select);
        found.iter().map(|(_, object)| object.json().to_string()).collect::<Vec<_>>().join("\n")
    };
    match read {
        Read::Key(namespace, name) => {
            let found = cx.control().stored(&ObjectKey::of::<ConfigMap>(namespace, name));
            found.map(|object| object.json().to_string()).unwrap_or_default()
        }
        Read::Namespace(namespace) => list(Select::of::<ConfigMap>().namespace(namespace)),
        Read::Label(namespace, label) => list(Select::of::<ConfigMap>().namespace(namespace).label(LABEL, label)),
    }
}

proptest! {
    #[test]
    fn a_reader_is_woken_whenever_its_answer_changes(reads in prop::collection::vec(read(), 1..4), steps in prop::collection::vec(step(), 1..20)) {
        let platform = Platform::builder().build().expect("a platform");
        let mut world = World::new();
        let mut wake: WakeIndex<usize> = WakeIndex::default();
        let answers = |world: &World, wake: &mut WakeIndex<usize>| {
            reads.iter().enumerate().map(|(reader, read)| {
                let cx = PlanContext::new(world, &platform, Timestamp::UNIX_EPOCH);
                let answer = ask(&cx, read);
                wake.record(reader, cx.into_reads());
                answer
            }).collect::<Vec<_>>()
        };
        let mut before = answers(&world, &mut wake);
        for step in steps {
            let change = match step {
                Step::Put(namespace, name, label, value) => world.put(&PlaneKey::Control, Kind::of::<ConfigMap>(), map(&namespace, &name, &label, value)),
                Step::Remove(namespace, name) => world.remove(&PlaneKey::Control, &ObjectKey::of::<ConfigMap>(namespace, name)),
            };
            let woken = change.map(|change| wake.woken(&change)).unwrap_or_default();
            let after = answers(&world, &mut wake);
            let changed: BTreeSet<usize> = (0..reads.len()).filter(|reader| before[*reader] != after[*reader]).collect();
            prop_assert!(changed.is_subset(&woken), "changed {changed:?}, woken {woken:?}");
            before = after;
        }
    }

    #[test]
    fn an_index_finds_what_a_scan_finds(steps in prop::collection::vec(step(), 0..30), namespace in word(), label in word()) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Put(namespace, name, label, value) => { world.put(&PlaneKey::Control, Kind::of::<ConfigMap>(), map(&namespace, &name, &label, value)); }
                Step::Remove(namespace, name) => { world.remove(&PlaneKey::Control, &ObjectKey::of::<ConfigMap>(namespace, name)); }
            }
        }
        let found: Vec<_> = world.list(&PlaneKey::Control, &Select::of::<ConfigMap>().namespace(&namespace).label(LABEL, &label)).into_iter().map(|(key, _)| key).collect();
        let scanned: Vec<_> = world.all(&PlaneKey::Control).into_iter().filter(|(key, object)| key.namespace == namespace && object.has_label(LABEL, &label)).map(|(key, _)| key).collect();
        prop_assert_eq!(found, scanned);
    }
}

#[test]
fn an_older_revision_does_not_replace_a_newer_one_of_the_same_object() {
    let mut world = World::new();
    let at = |revision: &str, value: u8| {
        let mut object = map("a", "a", "a", value);
        object["metadata"]["resourceVersion"] = revision.into();
        object["metadata"]["uid"] = "one".into();
        object
    };
    let kind = Kind::of::<ConfigMap>();
    let put = |world: &mut World, revision: &str, value: u8, source: Source| {
        let object = Stored::new(kind, at(revision, value)).expect("it has a name");
        world.put_stored(&PlaneKey::Control, kind, object, source).is_some()
    };
    // The watch may be behind an answer, and an answer behind the watch.
    assert!(put(&mut world, "20", 2, Source::Answer));
    assert!(!put(&mut world, "9", 1, Source::Watch));
    assert!(put(&mut world, "30", 3, Source::Watch));
    assert!(!put(&mut world, "20", 2, Source::Answer));
    let object = world.get(&PlaneKey::Control, &ObjectKey::of::<ConfigMap>("a", "a")).expect("it is there");
    assert_eq!(object.json()["data"]["value"], "3");
    // After a restore of the server's store, revisions are lower: what a watch tells is the truth all the same.
    assert!(put(&mut world, "12", 1, Source::Watch));
}

#[test]
fn an_object_from_a_list_without_type_is_the_object_that_a_watch_gives() {
    let platform = Platform::builder().build().unwrap();
    let mut world = platform.new_world();
    let whole = map("a", "b", "c", 1);
    let mut listed = whole.clone();
    listed.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind"));
    let plane = PlaneKey::Control;
    assert!(world.put(&plane, Kind::of::<ConfigMap>(), listed).is_some());
    assert!(world.put(&plane, Kind::of::<ConfigMap>(), whole).is_none());
}
