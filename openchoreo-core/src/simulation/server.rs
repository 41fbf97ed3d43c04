//! A model of an API server: just enough for the core to be answered as a real one would.
//!
//! What it promises is what Kubernetes promises to its clients: revisions that grow, uids, generations, finalizers,
//! preconditions, server-side apply by field manager, namespaces that end with what is in them, and a history that watches
//! tell in order. Lists in objects are taken as a whole, and nothing is validated.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use serde_json::{Map, Value, json};

use crate::engine::core::{Answer, Operation, Trouble};
use crate::kind::{Kind, ObjectKey};
use crate::world::{Disconnect, ServedKinds, Stored};

/// What holds an object whose end takes its time.
const HOLD: &str = "example.com/hold";

/// An object as an event of a watch shows it.
#[derive(Clone, Debug)]
pub struct Happened {
    /// The object.
    pub key: ObjectKey,
    /// Whether it went; its last form then.
    pub is_gone: bool,
    /// The object as it was after that.
    pub object: Value,
}

/// One API server: what it holds, and all that has happened there.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// The uid of its namespace `kube-system`.
    pub identity: Option<String>,
    /// The kinds that it serves.
    pub kinds: ServedKinds,
    /// What it holds.
    pub objects: BTreeMap<ObjectKey, Value>,
    /// All that has happened, in order.
    pub history: Vec<Happened>,
    /// Whether it answers nobody.
    pub is_down: bool,
    /// Names of objects whose end takes its time: what is deleted of them is there until [`Server::let_go`].
    pub held: BTreeSet<String>,
    /// The latest revision.
    pub revision: u64,
    /// Its time.
    pub now: Timestamp,
    /// Whether objects are only made in namespaces that exist and are not going, and namespaces end step by step, see
    /// [`Server::tend_namespaces`]. Without, a namespace goes with all of its content at once.
    pub has_namespaces: bool,
    /// What field managers have applied.
    applied: BTreeMap<(ObjectKey, String), Value>,
    /// Tells the uids of servers apart.
    number: u64,
    made: u64,
}

impl Server {
    /// A server that holds nothing, of a number of its own.
    pub fn new(number: u64, identity: &str, kinds: &[Kind]) -> Self {
        Self { identity: Some(identity.to_owned()), kinds: served(kinds), number, revision: 100, ..Self::default() }
    }

    /// An object that it holds.
    pub fn get(&self, key: &ObjectKey) -> Option<&Value> {
        self.objects.get(key)
    }

    /// The uid of an object; empty where there is none.
    pub fn uid(&self, key: &ObjectKey) -> String {
        self.objects.get(key).map(|object| text(object, "uid")).unwrap_or_default()
    }

    /// Everything that it holds, without what differs from run to run.
    pub fn content(&self) -> BTreeMap<ObjectKey, Value> {
        let mut content = self.objects.clone();
        for object in content.values_mut() {
            metadata(object).retain(|name, _| {
                !matches!(name.as_str(), "uid" | "resourceVersion" | "generation" | "creationTimestamp")
            });
        }
        content
    }

    /// Whether it serves a kind in its version.
    pub fn serves(&self, kind: Kind) -> bool {
        self.kinds.contains(&(kind.group.to_owned(), kind.version.to_owned(), kind.kind.to_owned()))
    }

    fn keep(&mut self, key: &ObjectKey, mut object: Value) -> Value {
        if let Some(old) = self.objects.get(key)
            && without_revision(old) == without_revision(&object)
        {
            return old.clone();
        }
        self.revision += 1;
        metadata(&mut object).insert("resourceVersion".to_owned(), self.revision.to_string().into());
        self.objects.insert(key.clone(), object.clone());
        self.history.push(Happened { key: key.clone(), is_gone: false, object: object.clone() });
        object
    }

    fn drop_object(&mut self, key: &ObjectKey) {
        if let Some(mut object) = self.objects.remove(key) {
            self.applied.retain(|(applied, _), _| applied != key);
            self.revision += 1;
            metadata(&mut object).insert("resourceVersion".to_owned(), self.revision.to_string().into());
            self.history.push(Happened { key: key.clone(), is_gone: true, object });
        }
    }

    /// Puts an object as people write it: all but identity, status and finalizers of others.
    pub fn write(&mut self, kind: Kind, mut object: Value) -> Value {
        let key = key_of(kind, &object);
        object["apiVersion"] = kind.api_version().into();
        object["kind"] = kind.kind.into();
        let old = self.objects.get(&key).cloned();
        let written = metadata(&mut object);
        match &old {
            Some(old) => {
                for name in ["uid", "generation", "finalizers", "deletionTimestamp", "creationTimestamp"] {
                    if let Some(value) = old["metadata"].get(name) {
                        written.entry(name).or_insert_with(|| value.clone());
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
                written.insert("uid".to_owned(), uid.into());
                written.insert("generation".to_owned(), 1.into());
                written.insert("creationTimestamp".to_owned(), self.now.to_string().into());
            }
        }
        self.keep(&key, object)
    }

    /// Writes the status of an object, as a controller does.
    pub fn write_status(&mut self, key: &ObjectKey, status: Value) {
        if let Some(mut live) = self.objects.get(key).cloned() {
            live["status"] = status;
            self.keep(key, live);
        }
    }

    /// Applies an object for a field manager: what the manager applied before and does not any more goes, unless another
    /// one applied it too; the rest stays as it is.
    fn apply(&mut self, key: &ObjectKey, manager: &str, wanted: &Value) -> Value {
        let place = (key.clone(), manager.to_owned());
        let mut object = self.objects.get(key).cloned().unwrap_or_else(|| json!({}));
        if let Some(before) = self.applied.get(&place) {
            let others = self.applied.iter().filter(|((of, by), _)| of == key && by != manager);
            let kept: Vec<&Value> = others.map(|(_, applied)| applied).chain([wanted]).collect();
            forget(&mut object, before, &kept);
        }
        merge(&mut object, wanted);
        self.applied.insert(place, wanted.clone());
        self.write(key.kind, object)
    }

    /// Begins the deletion of an object, and ends it where nothing holds it.
    pub fn delete(&mut self, key: &ObjectKey) {
        let Some(mut object) = self.objects.get(key).cloned() else { return };
        let is_namespace = key.kind == Kind::of::<Namespace>();
        if is_namespace && !self.has_namespaces {
            self.inside(&key.name).iter().for_each(|inner| self.delete(inner));
        }
        let waits = is_namespace && self.has_namespaces;
        if finalizers(&object).is_empty() && !waits {
            return self.drop_object(key);
        }
        if !is_going(&object) {
            let (now, generation) = (self.now.to_string(), generation(&object) + 1);
            let metadata = metadata(&mut object);
            metadata.insert("deletionTimestamp".to_owned(), now.into());
            metadata.insert("generation".to_owned(), generation.into());
            self.keep(key, object);
        }
    }

    fn inside(&self, namespace: &str) -> Vec<ObjectKey> {
        self.objects.keys().filter(|key| key.namespace == namespace).cloned().collect()
    }

    /// What namespaces that are going still need: the deletion of something inside, or, when it is empty, its own end.
    pub fn ending(&self) -> Vec<ObjectKey> {
        let going = self.objects.iter().filter(|(key, object)| key.kind == Kind::of::<Namespace>() && is_going(object));
        let mut ending = Vec::new();
        for (key, _) in going {
            let inside = self.inside(&key.name);
            if inside.is_empty() {
                ending.push(key.clone());
            }
            ending.extend(inside.into_iter().filter(|key| self.objects.get(key).is_some_and(|live| !is_going(live))));
        }
        ending
    }

    /// Does one of those things.
    pub fn tend_namespaces(&mut self, key: &ObjectKey) {
        if key.kind == Kind::of::<Namespace>() { self.drop_object(key) } else { self.delete(key) }
    }

    /// What is held goes.
    pub fn let_go(&mut self) {
        self.held.clear();
        let waiting = self.objects.iter().filter(|(_, object)| finalizers(object).iter().any(|held| held == HOLD));
        for key in waiting.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.drop_object(&key);
        }
    }

    /// Does what is asked, and answers.
    pub fn serve(&mut self, operation: &Operation) -> Answer {
        let key = operation.key();
        let live = self.objects.get(key).cloned();
        if !self.serves(key.kind) {
            return Answer::NotFound("the server could not find the requested resource".to_owned());
        }
        match (operation, live) {
            (Operation::Apply { object, manager, to_status: false, .. }, live) => {
                let revision = text(object, "resourceVersion");
                match live {
                    Some(live) if !revision.is_empty() && revision != text(&live, "resourceVersion") => {
                        return Answer::Conflict(format!("{key} has been modified"));
                    }
                    Some(_) => {}
                    None => {
                        if let Some(refused) = self.refuses_content(&key.namespace) {
                            return refused;
                        }
                    }
                }
                let mut object = object.clone();
                metadata(&mut object).remove("resourceVersion");
                stored(key.kind, self.apply(key, manager, &object))
            }
            (_, None) => Answer::NotFound(format!("{key} not found")),
            (Operation::Get { .. }, Some(live)) => stored(key.kind, live),
            (Operation::Inspect { .. }, Some(live)) => {
                let managers = self.managers(key, &live);
                match stored(key.kind, live) {
                    Answer::Object(live) => Answer::Inspected(live, managers),
                    other => other,
                }
            }
            (Operation::Apply { object, .. }, Some(mut live)) => {
                let uid = text(object, "uid");
                if !uid.is_empty() && uid != text(&live, "uid") {
                    return Answer::Conflict(format!("{key} is another one"));
                }
                live["status"] = object["status"].clone();
                stored(key.kind, self.keep(key, live))
            }
            (Operation::Patch { operations, .. }, Some(live)) => self.patch(key, live, operations),
            (Operation::Delete { uid, .. }, Some(mut live)) => {
                if !uid.is_empty() && *uid != text(&live, "uid") {
                    return Answer::Conflict(format!("{key} is another one"));
                }
                if self.held.contains(&key.name) {
                    live["metadata"]["finalizers"] = json!([HOLD]);
                    self.keep(key, live);
                }
                self.delete(key);
                self.objects.get(key).cloned().map_or(Answer::Done, |left| stored(key.kind, left))
            }
        }
    }

    /// Who has written an object: who applied it, and whom its managed fields name.
    fn managers(&self, key: &ObjectKey, live: &Value) -> Vec<String> {
        let applied = self.applied.keys().filter(|(of, _)| of == key).map(|(_, manager)| manager.clone());
        let named = live["metadata"]["managedFields"].as_array().into_iter().flatten();
        let named = named.map(|entry| entry["manager"].as_str().unwrap_or_default().to_owned());
        applied.chain(named).collect()
    }

    /// Why nothing can be made in a namespace, if so.
    fn refuses_content(&self, namespace: &str) -> Option<Answer> {
        if namespace.is_empty() || !self.has_namespaces {
            return None;
        }
        match self.objects.get(&ObjectKey::of::<Namespace>("", namespace)) {
            None => Some(Answer::NotFound(format!("namespaces \"{namespace}\" not found"))),
            Some(live) if is_going(live) => Some(Answer::Failed(Trouble {
                cause: Disconnect::Forbidden,
                message: format!(
                    "unable to create new content in namespace {namespace} because it is being terminated"
                ),
            })),
            Some(_) => None,
        }
    }

    fn patch(&mut self, key: &ObjectKey, mut live: Value, operations: &Value) -> Answer {
        for operation in operations.as_array().into_iter().flatten() {
            let pointer = operation["path"].as_str().unwrap_or_default();
            let value = operation["value"].clone();
            if operation["op"] == "test" {
                if live.pointer(pointer).unwrap_or(&Value::Null) != &value {
                    return Answer::Refused(format!("the test of {pointer} failed"));
                }
                continue;
            }
            let Some((parent, name)) = pointer.rsplit_once('/') else { continue };
            let Some(Value::Object(fields)) = live.pointer_mut(parent) else {
                return Answer::Refused(format!("there is no {parent}"));
            };
            if operation["op"] == "remove" {
                fields.remove(name);
            } else {
                fields.insert(name.to_owned(), value);
            }
        }
        let is_done = is_going(&live) && finalizers(&live).is_empty();
        let live = self.keep(key, live);
        if is_done {
            self.drop_object(key);
        }
        stored(key.kind, live)
    }
}

/// Kinds as a server tells that it serves them.
pub fn served(kinds: &[Kind]) -> ServedKinds {
    kinds.iter().map(|kind| (kind.group.to_owned(), kind.version.to_owned(), kind.kind.to_owned())).collect()
}

/// The key of an object of a kind.
pub fn key_of(kind: Kind, object: &Value) -> ObjectKey {
    let namespace = if kind.namespaced { text(object, "namespace") } else { String::new() };
    ObjectKey { kind, namespace, name: text(object, "name") }
}

/// Whether an object is being deleted.
pub fn is_going(object: &Value) -> bool {
    object["metadata"].get("deletionTimestamp").is_some()
}

fn stored(kind: Kind, object: Value) -> Answer {
    Stored::new(kind, object).map_or_else(|| Answer::Refused("it has no name".to_owned()), Answer::Object)
}

/// The metadata of an object, made where there is none.
fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = json!({});
    }
    match metadata {
        Value::Object(fields) => fields,
        // It was just made to be one.
        _ => unreachable!("metadata is an object"),
    }
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
    metadata(&mut object).remove("resourceVersion");
    object
}

/// Takes out of an object what was applied and is not among what is kept.
fn forget(object: &mut Value, applied: &Value, kept: &[&Value]) {
    let (Value::Object(fields), Value::Object(applied)) = (object, applied) else { return };
    for (name, before) in applied {
        let kept: Vec<&Value> = kept.iter().filter_map(|kept| kept.get(name)).collect();
        if kept.is_empty() {
            fields.remove(name);
        } else if let Some(field) = fields.get_mut(name) {
            forget(field, before, &kept);
        }
    }
}

/// Puts fields into an object; those of finalizers are added to.
fn merge(object: &mut Value, wanted: &Value) {
    match (object, wanted) {
        (Value::Object(fields), Value::Object(wanted)) => {
            for (name, value) in wanted {
                match fields.get_mut(name) {
                    Some(Value::Array(held)) if name == "finalizers" => {
                        let missing = value.as_array().into_iter().flatten().filter(|one| !held.contains(one));
                        let missing: Vec<Value> = missing.cloned().collect();
                        held.extend(missing);
                    }
                    Some(field) => merge(field, value),
                    None => {
                        fields.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (object, wanted) => *object = wanted.clone(),
    }
}
