//! A model of an API server: just enough for the core to be answered as a real one would.

use std::collections::{BTreeMap, BTreeSet};

use openchoreo_core::engine::core::{Answer, Operation};
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::world::{ServedKinds, Stored};
use serde_json::{Value, json};

/// What holds an object whose end takes its time.
const HOLD: &str = "example.com/hold";

/// An object as an event of a watch shows it.
#[derive(Clone, Debug)]
pub(super) struct Happened {
    pub(super) key: ObjectKey,
    pub(super) is_gone: bool,
    pub(super) object: Value,
}

/// One API server: what it holds, and all that has happened there.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// The uid of its namespace `kube-system`.
    pub(super) identity: Option<String>,
    pub(super) kinds: ServedKinds,
    pub(super) objects: BTreeMap<ObjectKey, Value>,
    pub(super) history: Vec<Happened>,
    pub(super) is_down: bool,
    /// Names of objects whose end takes its time: what is deleted of them is there until [`Server::let_go`].
    pub(super) held: BTreeSet<String>,
    pub(super) revision: u64,
    /// Tells the uids of servers apart.
    number: u64,
    made: u64,
}

impl Server {
    pub(super) fn new(number: u64, identity: &str, kinds: &[Kind]) -> Self {
        Self { identity: Some(identity.to_owned()), kinds: served(kinds), number, revision: 100, ..Self::default() }
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<&Value> {
        self.objects.get(key)
    }

    pub(super) fn uid(&self, key: &ObjectKey) -> String {
        self.objects.get(key).map(|object| text(object, "uid")).unwrap_or_default()
    }

    /// Everything that it holds, without what differs from run to run.
    pub(super) fn content(&self) -> BTreeMap<ObjectKey, Value> {
        let mut content = self.objects.clone();
        for object in content.values_mut() {
            let metadata = object["metadata"].as_object_mut().expect("metadata");
            metadata.retain(|name, _| !matches!(name.as_str(), "uid" | "resourceVersion" | "generation"));
        }
        content
    }

    fn keep(&mut self, key: &ObjectKey, mut object: Value) -> Value {
        if self.objects.get(key).is_some_and(|old| without_revision(old) == without_revision(&object)) {
            return self.objects[key].clone();
        }
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        self.objects.insert(key.clone(), object.clone());
        self.history.push(Happened { key: key.clone(), is_gone: false, object: object.clone() });
        object
    }

    fn drop_object(&mut self, key: &ObjectKey) {
        if let Some(mut object) = self.objects.remove(key) {
            self.revision += 1;
            object["metadata"]["resourceVersion"] = self.revision.to_string().into();
            self.history.push(Happened { key: key.clone(), is_gone: true, object });
        }
    }

    /// Puts what people or planners write: all but identity, status and finalizers of others.
    pub(super) fn write(&mut self, kind: Kind, mut object: Value) -> Value {
        let key = key_of(kind, &object);
        object["apiVersion"] = kind.api_version().into();
        object["kind"] = kind.kind.into();
        let old = self.objects.get(&key).cloned();
        let metadata = object["metadata"].as_object_mut().expect("metadata");
        match &old {
            Some(old) => {
                let held = old["metadata"].as_object().expect("metadata");
                for name in ["uid", "generation", "finalizers", "deletionTimestamp"] {
                    if let Some(value) = held.get(name) {
                        metadata.entry(name).or_insert_with(|| value.clone());
                    }
                }
                if object.get("status").is_none()
                    && let Some(status) = old.get("status")
                {
                    object["status"] = status.clone();
                }
                if old.get("spec") != object.get("spec") {
                    object["metadata"]["generation"] = (generation(old) + 1).into();
                }
            }
            None => {
                self.made += 1;
                let uid = format!("{:08x}-0000-4000-8000-{:012x}", self.number, self.made);
                metadata.insert("uid".to_owned(), uid.into());
                metadata.insert("generation".to_owned(), 1.into());
            }
        }
        self.keep(&key, object)
    }

    /// Begins the deletion of an object, and ends it where nothing holds it.
    pub(super) fn delete(&mut self, key: &ObjectKey) {
        let Some(mut object) = self.objects.get(key).cloned() else { return };
        if key.kind.kind == "Namespace" {
            let inner: Vec<ObjectKey> =
                self.objects.keys().filter(|inner| inner.namespace == key.name).cloned().collect();
            inner.iter().for_each(|inner| self.delete(inner));
        }
        if finalizers(&object).is_empty() {
            return self.drop_object(key);
        }
        if object["metadata"].get("deletionTimestamp").is_none() {
            object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            object["metadata"]["generation"] = (generation(&object) + 1).into();
            self.keep(key, object);
        }
    }

    /// What is held goes.
    pub(super) fn let_go(&mut self) {
        self.held.clear();
        let waiting = self.objects.iter().filter(|(_, object)| finalizers(object).iter().any(|held| held == HOLD));
        for key in waiting.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.drop_object(&key);
        }
    }

    /// Does what is asked, and answers.
    pub(super) fn serve(&mut self, operation: &Operation) -> Answer {
        let key = operation.key();
        let stored = |object: Value| Answer::Object(Stored::new(key.kind, object).expect("it has a name"));
        let live = self.objects.get(key).cloned();
        let kind = key.kind;
        if !self.kinds.contains(&(kind.group.to_owned(), kind.version.to_owned(), kind.kind.to_owned())) {
            return Answer::NotFound("the server could not find the requested resource".to_owned());
        }
        match (operation, live) {
            (Operation::Apply { object, to_status: false, .. }, Some(_)) if text(object, "resourceVersion") != "" => {
                Answer::Conflict(format!("{key} has been modified"))
            }
            (Operation::Apply { object, to_status: false, .. }, _) => {
                let object = self.write(key.kind, object.clone());
                stored(object)
            }
            (_, None) => Answer::NotFound(format!("{key} not found")),
            (Operation::Get { .. }, Some(live)) => stored(live),
            (Operation::Inspect { .. }, Some(live)) => {
                let entries = live["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
                let managers = entries.iter().map(|entry| entry["manager"].as_str().unwrap_or_default().to_owned());
                Answer::Inspected(Stored::new(kind, live.clone()).expect("it has a name"), managers.collect())
            }
            (Operation::Apply { object, .. }, Some(mut live)) => {
                let uid = text(object, "uid");
                if !uid.is_empty() && uid != text(&live, "uid") {
                    return Answer::Conflict(format!("{key} is another one"));
                }
                live["status"] = object["status"].clone();
                stored(self.keep(key, live))
            }
            (Operation::Patch { operations, .. }, Some(mut live)) => {
                for operation in operations.as_array().expect("a list of operations") {
                    let pointer = operation["path"].as_str().expect("a path");
                    let value = operation["value"].clone();
                    if operation["op"] == "test" {
                        if live.pointer(pointer).unwrap_or(&Value::Null) != &value {
                            return Answer::Refused(format!("the test of {pointer} failed"));
                        }
                        continue;
                    }
                    let (parent, name) = pointer.rsplit_once('/').expect("a path");
                    live.pointer_mut(parent).expect("a place")[name] = value;
                }
                let is_done = live["metadata"].get("deletionTimestamp").is_some() && finalizers(&live).is_empty();
                let live = self.keep(key, live);
                if is_done {
                    self.drop_object(key);
                }
                stored(live)
            }
            (Operation::Delete { uid, .. }, Some(mut live)) => {
                if !uid.is_empty() && *uid != text(&live, "uid") {
                    return Answer::Conflict(format!("{key} is another one"));
                }
                if self.held.contains(&key.name) {
                    live["metadata"]["finalizers"] = json!([HOLD]);
                    self.keep(key, live);
                }
                self.delete(key);
                self.objects.get(key).cloned().map_or(Answer::Done, stored)
            }
        }
    }
}

/// Kinds as a server tells that it serves them.
pub(super) fn served(kinds: &[Kind]) -> ServedKinds {
    kinds.iter().map(|kind| (kind.group.to_owned(), kind.version.to_owned(), kind.kind.to_owned())).collect()
}

pub(super) fn key_of(kind: Kind, object: &Value) -> ObjectKey {
    let namespace = if kind.namespaced { text(object, "namespace") } else { String::new() };
    ObjectKey { kind, namespace, name: text(object, "name") }
}

fn text(object: &Value, field: &str) -> String {
    object["metadata"][field].as_str().unwrap_or_default().to_owned()
}

fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or_default()
}

fn finalizers(object: &Value) -> Vec<Value> {
    object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default()
}

fn without_revision(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = json!(null);
    object
}
