//! What the server knows: all objects, one revision counter, and the recent history of each resource.
//!
//! A synchronous state machine without clock, randomness or tasks. The history serves three needs with one mechanism:
//! watches resume from it, slow watches notice that they fell behind it, and the pages of a list are read as of the
//! first page's revision by undoing it. It deliberately knows nothing of kinds: what may be written is decided by
//! `lifecycle`, what follows from a write by `controllers`.

mod history;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tokio::sync::watch;

pub(crate) use history::{Event, EventType};

use crate::value;
use history::History;

/// A stored object with its serialized form, made once for all readers.
#[derive(Debug)]
pub(crate) struct Stored {
    value: Value,
    json: OnceLock<Arc<[u8]>>,
}

/// A shared, immutable version of an object.
pub(crate) type Object = Arc<Stored>;

impl Stored {
    pub(crate) fn new(value: Value) -> Object {
        Arc::new(Self { value, json: OnceLock::new() })
    }

    /// The object as JSON text.
    pub(crate) fn json(&self) -> &[u8] {
        self.json.get_or_init(|| self.value.to_string().into_bytes().into())
    }
}

impl std::ops::Deref for Stored {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

/// Where an object is within its resource; the namespace of cluster-scoped objects is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectKey {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl ObjectKey {
    pub(crate) fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    pub(crate) fn of(object: &Value) -> Self {
        Self::new(value::namespace(object), value::name(object))
    }
}

/// Where an object is among all: the resource's storage name, such as `deployments.apps`, and the key in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectRef {
    pub(crate) resource: Arc<str>,
    pub(crate) key: ObjectKey,
}

impl ObjectRef {
    pub(crate) fn new(resource: Arc<str>, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { resource, key: ObjectKey::new(namespace, name) }
    }
}

/// The asked revision is older than the history that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted {
    /// The oldest revision that can still be asked for.
    pub(crate) oldest: u64,
}

#[derive(Debug)]
struct Table {
    objects: BTreeMap<ObjectKey, Object>,
    history: History,
}

/// All objects.
#[derive(Debug)]
pub(crate) struct Store {
    revision: u64,
    history_length: usize,
    tables: BTreeMap<Arc<str>, Table>,
    by_uid: BTreeMap<String, ObjectRef>,
    dependents: BTreeMap<String, BTreeSet<ObjectRef>>,
    /// How many objects each namespace holds.
    population: BTreeMap<String, usize>,
}

impl Store {
    /// An empty store that remembers `history_length` changes of each resource.
    pub(crate) fn new(history_length: usize) -> Self {
        Self {
            revision: 1,
            history_length,
            tables: BTreeMap::new(),
            by_uid: BTreeMap::new(),
            dependents: BTreeMap::new(),
            population: BTreeMap::new(),
        }
    }

    /// The number of the last change.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Begins to hold objects of a resource.
    pub(crate) fn add_table(&mut self, resource: &Arc<str>) {
        let history = History::new(self.revision, self.history_length);
        self.tables.entry(Arc::clone(resource)).or_insert_with(|| Table { objects: BTreeMap::new(), history });
    }

    /// Wakes the watches of a resource without a change, so that they see that it is no longer served.
    pub(crate) fn wake(&self, resource: &str) {
        if let Some(table) = self.tables.get(resource) {
            table.history.wake();
        }
    }

    /// The current version of an object.
    pub(crate) fn get(&self, resource: &str, key: &ObjectKey) -> Option<&Object> {
        self.tables.get(resource)?.objects.get(key)
    }

    /// Whether a resource holds no object.
    pub(crate) fn is_empty(&self, resource: &str) -> bool {
        self.tables.get(resource).is_none_or(|table| table.objects.is_empty())
    }

    /// Stores a version of an object under the next revision.
    pub(crate) fn put(&mut self, target: &ObjectRef, mut object: Value) -> Option<Object> {
        let revision = self.revision + 1;
        value::set(&mut object, &["metadata", "resourceVersion"], revision.to_string());
        let object = Stored::new(object);
        let table = self.tables.get_mut(&target.resource)?;
        self.revision = revision;
        let previous = table.objects.insert(target.key.clone(), Arc::clone(&object));
        table.history.push(Event {
            revision,
            kind: if previous.is_some() { EventType::Modified } else { EventType::Added },
            key: target.key.clone(),
            object: Arc::clone(&object),
            previous: previous.clone(),
        });
        match previous {
            Some(previous) => self.unindex(target, &previous),
            None => *self.population.entry(target.key.namespace.clone()).or_default() += 1,
        }
        self.index(target, &object);
        Some(object)
    }

    /// Removes an object; the returned last version carries the revision of the removal.
    pub(crate) fn remove(&mut self, target: &ObjectRef) -> Option<Object> {
        let table = self.tables.get_mut(&target.resource)?;
        let previous = table.objects.remove(&target.key)?;
        self.revision += 1;
        let mut last = Value::clone(&previous);
        value::set(&mut last, &["metadata", "resourceVersion"], self.revision.to_string());
        let last = Stored::new(last);
        table.history.push(Event {
            revision: self.revision,
            kind: EventType::Deleted,
            key: target.key.clone(),
            object: Arc::clone(&last),
            previous: Some(Arc::clone(&previous)),
        });
        self.unindex(target, &previous);
        if let Some(count) = self.population.get_mut(&target.key.namespace) {
            *count -= 1;
            if *count == 0 {
                self.population.remove(&target.key.namespace);
            }
        }
        Some(last)
    }

    fn index(&mut self, target: &ObjectRef, object: &Value) {
        if let Some(uid) = value::meta(object, "uid") {
            self.by_uid.insert(uid.to_owned(), target.clone());
        }
        for owner in owner_uids(object) {
            self.dependents.entry(owner.to_owned()).or_default().insert(target.clone());
        }
    }

    fn unindex(&mut self, target: &ObjectRef, object: &Value) {
        if let Some(uid) = value::meta(object, "uid") {
            self.by_uid.remove(uid);
        }
        for owner in owner_uids(object) {
            if let Some(dependents) = self.dependents.get_mut(owner) {
                dependents.remove(target);
                if dependents.is_empty() {
                    self.dependents.remove(owner);
                }
            }
        }
    }

    /// The object that has a uid.
    pub(crate) fn find_uid(&self, uid: &str) -> Option<&ObjectRef> {
        self.by_uid.get(uid)
    }

    /// The objects that name a uid among their owners.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<ObjectRef> {
        self.dependents.get(uid).into_iter().flatten().cloned().collect()
    }

    /// All objects in a namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Vec<ObjectRef> {
        let found = self.tables.iter().flat_map(|(resource, table)| {
            range(&table.objects, Some(namespace), None)
                .map(|(key, _)| ObjectRef { resource: Arc::clone(resource), key: key.clone() })
        });
        found.collect()
    }

    /// Whether a namespace holds nothing.
    pub(crate) fn namespace_is_empty(&self, namespace: &str) -> bool {
        !self.population.contains_key(namespace)
    }

    /// The objects of a resource, in one namespace or all, behind a key, as they are now.
    pub(crate) fn list<'s>(
        &'s self,
        resource: &str,
        namespace: Option<&'s str>,
        after: Option<&ObjectKey>,
    ) -> impl Iterator<Item = (&'s ObjectKey, &'s Object)> {
        let objects = self.tables.get(resource).map(|table| &table.objects);
        objects.map(|objects| range(objects, namespace, after)).into_iter().flatten()
    }

    /// The objects of a resource as they were at a revision.
    pub(crate) fn list_at<'s>(
        &'s self,
        resource: &str,
        namespace: Option<&'s str>,
        after: Option<&ObjectKey>,
        revision: u64,
    ) -> Result<Vec<(&'s ObjectKey, &'s Object)>, Compacted> {
        let Some(table) = self.tables.get(resource) else { return Ok(Vec::new()) };
        let mut undone: BTreeMap<&ObjectKey, Option<&Object>> = BTreeMap::new();
        for event in table.history.since(revision)?.rev() {
            undone.insert(&event.key, event.previous.as_ref());
        }
        let current = range(&table.objects, namespace, after);
        if undone.is_empty() {
            return Ok(current.collect());
        }
        let mut objects: BTreeMap<&ObjectKey, &Object> = current.collect();
        for (key, object) in undone {
            let in_range =
                namespace.is_none_or(|namespace| key.namespace == namespace) && after.is_none_or(|after| key > after);
            match object {
                Some(object) if in_range => {
                    objects.insert(key, object);
                }
                _ => {
                    objects.remove(key);
                }
            }
        }
        Ok(objects.into_iter().collect())
    }

    /// The changes of a resource behind a revision, oldest first.
    pub(crate) fn changes(&self, resource: &str, since: u64) -> Result<Vec<Arc<Event>>, Compacted> {
        match self.tables.get(resource) {
            Some(table) => Ok(table.history.since(since)?.map(Arc::clone).collect()),
            None => Ok(Vec::new()),
        }
    }

    /// A receiver that is woken by each change of a resource.
    pub(crate) fn subscribe(&self, resource: &str) -> Option<watch::Receiver<u64>> {
        self.tables.get(resource).map(|table| table.history.subscribe())
    }
}

fn owner_uids(object: &Value) -> impl Iterator<Item = &str> {
    value::list(object, &["metadata", "ownerReferences"]).iter().filter_map(|owner| value::text(owner, &["uid"]))
}

fn range<'s>(
    objects: &'s BTreeMap<ObjectKey, Object>,
    namespace: Option<&'s str>,
    after: Option<&ObjectKey>,
) -> impl Iterator<Item = (&'s ObjectKey, &'s Object)> + use<'s> {
    let start = match after {
        Some(after) => Bound::Excluded(after.clone()),
        None => Bound::Included(ObjectKey::new(namespace.unwrap_or_default(), "")),
    };
    objects
        .range((start, Bound::Unbounded))
        .take_while(move |(key, _)| namespace.is_none_or(|namespace| key.namespace == namespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn store(history_length: usize) -> (Store, Arc<str>) {
        let resource: Arc<str> = "things".into();
        let mut store = Store::new(history_length);
        store.add_table(&resource);
        (store, resource)
    }

    fn put(store: &mut Store, resource: &Arc<str>, name: &str, content: u32) -> u64 {
        let target = ObjectRef::new(Arc::clone(resource), "ns", name);
        let object = json!({"metadata": {"name": name, "namespace": "ns", "uid": name}, "content": content});
        value::revision(&store.put(&target, object).unwrap())
    }

    fn names(found: &[(&ObjectKey, &Object)]) -> Vec<String> {
        found.iter().map(|(key, object)| format!("{}={}", key.name, object["content"])).collect()
    }

    #[test]
    fn a_past_revision_is_read_by_undoing_what_came_after() {
        let (mut store, things) = store(100);
        put(&mut store, &things, "a", 1);
        let then = put(&mut store, &things, "b", 1);
        put(&mut store, &things, "a", 2);
        put(&mut store, &things, "c", 1);
        store.remove(&ObjectRef::new(Arc::clone(&things), "ns", "b"));
        assert_eq!(names(&store.list_at("things", Some("ns"), None, then).unwrap()), ["a=1", "b=1"]);
        let after_a = ObjectKey::new("ns", "a");
        assert_eq!(names(&store.list_at("things", None, Some(&after_a), then).unwrap()), ["b=1"]);
        assert_eq!(names(&store.list("things", Some("ns"), None).collect::<Vec<_>>()), ["a=2", "c=1"]);
    }

    #[test]
    fn forgotten_history_is_refused_and_says_where_it_begins() {
        let (mut store, things) = store(2);
        let first = put(&mut store, &things, "a", 1);
        for content in 2..5 {
            put(&mut store, &things, "a", content);
        }
        let oldest = store.revision() - 2;
        assert_eq!(store.changes("things", first).unwrap_err(), Compacted { oldest });
        assert_eq!(store.changes("things", oldest).unwrap().len(), 2);
    }

    #[test]
    fn dependents_are_found_by_the_uid_of_their_owner_as_long_as_they_name_it() {
        let (mut store, things) = store(10);
        let child = ObjectRef::new(Arc::clone(&things), "ns", "child");
        let owned = json!({"metadata": {"name": "child", "uid": "c", "ownerReferences": [{"uid": "owner"}]}});
        store.put(&child, owned);
        assert_eq!(store.dependents("owner"), std::slice::from_ref(&child));
        store.put(&child, json!({"metadata": {"name": "child", "uid": "c"}}));
        assert!(store.dependents("owner").is_empty());
        assert_eq!(store.find_uid("c"), Some(&child));
    }

    use proptest::prelude::*;

    /// All objects of the table, as name and content.
    fn snapshot(store: &Store) -> BTreeMap<String, u64> {
        let content = |object: &Object| object["content"].as_u64().unwrap();
        store.list("things", None, None).map(|(key, object)| (key.name.clone(), content(object))).collect()
    }

    proptest! {
        #[test]
        fn every_remembered_revision_can_be_read_and_caught_up_from(
            operations in prop::collection::vec((0_u8..6, prop::option::of(0_u32..100)), 1..60),
            history_length in 1_usize..80,
        ) {
            let (mut store, things) = store(history_length);
            let mut past = vec![(store.revision(), snapshot(&store))];
            for (name, content) in operations {
                let name = format!("o{name}");
                match content {
                    Some(content) => {
                        put(&mut store, &things, &name, content);
                    }
                    None => {
                        store.remove(&ObjectRef::new(Arc::clone(&things), "ns", name));
                    }
                }
                past.push((store.revision(), snapshot(&store)));
            }
            let current = snapshot(&store);
            prop_assert_eq!(store.namespace_is_empty("ns"), current.is_empty());
            for (revision, expected) in past {
                let Ok(read) = store.list_at("things", None, None, revision) else {
                    prop_assert!(store.changes("things", revision).is_err());
                    continue;
                };
                let mut known: BTreeMap<String, u64> =
                    read.into_iter().map(|(key, object)| (key.name.clone(), object["content"].as_u64().unwrap())).collect();
                prop_assert_eq!(&known, &expected);
                for event in store.changes("things", revision).unwrap() {
                    prop_assert!(event.revision > revision);
                    match event.kind {
                        EventType::Deleted => {
                            prop_assert!(known.remove(&event.key.name).is_some());
                        }
                        EventType::Added | EventType::Modified => {
                            let before = known.insert(event.key.name.clone(), event.object["content"].as_u64().unwrap());
                            prop_assert_eq!(before.is_some(), event.kind == EventType::Modified);
                        }
                    }
                }
                prop_assert_eq!(&known, &current);
            }
        }
    }
}
