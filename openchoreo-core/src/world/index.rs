//! The objects of one kind in one plane, found by key, namespace, label and declared index.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::Stored;
use crate::kind::{Kind, ObjectKey};

/// Gives what an object is found by under a declared index.
pub type IndexFn = fn(&Value) -> Vec<String>;

/// Labels under this prefix are indexed: all that planners select by.
const INDEXED_LABEL_PREFIX: &str = "openchoreo.dev/";

type Name = (String, String);

/// Which objects of a kind are wanted. All given parts must match.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Select {
    /// Kind of the objects.
    pub kind: Kind,
    /// Namespace, or everywhere.
    pub namespace: Option<String>,
    /// Labels with the `openchoreo.dev/` prefix, which are indexed.
    pub labels: BTreeMap<String, String>,
    /// A declared index and the value looked for.
    pub index: Option<(&'static str, String)>,
}

impl Select {
    /// All objects of a typed kind. Planners narrow it down: none scans a kind.
    pub fn of<K: kube::Resource<DynamicType = ()> + 'static>() -> Self
    where
        K::Scope: 'static,
    {
        Self::all(Kind::of::<K>())
    }

    /// All objects of a kind.
    pub fn all(kind: Kind) -> Self {
        Self { kind, namespace: None, labels: BTreeMap::new(), index: None }
    }

    /// Only in a namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Only with a label.
    #[must_use]
    pub fn label(mut self, key: &str, value: impl Into<String>) -> Self {
        self.labels.insert(key.to_owned(), value.into());
        self
    }

    /// Only with a value under a declared index.
    #[must_use]
    pub fn index(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.index = Some((name, value.into()));
        self
    }

    /// Whether an object matches, its kind being right.
    pub(crate) fn matches(&self, object: &Stored, indexes: &HashMap<(Kind, &'static str), IndexFn>) -> bool {
        let namespace = || object.json().get("metadata").and_then(|m| m.get("namespace")).and_then(Value::as_str);
        self.namespace.as_deref().is_none_or(|wanted| namespace() == Some(wanted))
            && self.labels.iter().all(|(key, value)| object.label(key) == Some(value))
            && self.index.as_ref().is_none_or(|(name, value)| {
                let function = indexes.get(&(self.kind, *name));
                function.is_some_and(|function| function(object.json()).contains(value))
            })
    }

    /// The narrowest bucket that holds all matches: what a read is filed under.
    pub(crate) fn bucket(&self) -> Bucket {
        if let Some((name, value)) = &self.index {
            Bucket::Index(name, value.clone())
        } else if let Some((key, value)) = self.labels.iter().next_back() {
            Bucket::Label(key.clone(), value.clone())
        } else if let Some(namespace) = &self.namespace {
            Bucket::Namespace(namespace.clone())
        } else {
            Bucket::All
        }
    }
}

/// A set of objects of a kind under which reads of lists are filed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bucket {
    All,
    Namespace(String),
    Label(String, String),
    Index(&'static str, String),
}

/// The buckets that an object is in.
pub(crate) fn buckets(kind: Kind, object: &Stored, indexes: &HashMap<(Kind, &'static str), IndexFn>) -> Vec<Bucket> {
    let mut buckets = vec![Bucket::All];
    if let Some(namespace) = object.json().get("metadata").and_then(|m| m.get("namespace")).and_then(Value::as_str) {
        buckets.push(Bucket::Namespace(namespace.to_owned()));
    }
    buckets.extend(indexed_labels(object).map(|(key, value)| Bucket::Label(key.to_owned(), value.to_owned())));
    buckets
        .extend(super::indexes_of(indexes, kind, object).into_iter().map(|(name, value)| Bucket::Index(name, value)));
    buckets
}

fn indexed_labels(object: &Stored) -> impl Iterator<Item = (&str, &str)> {
    let labels = object.json().get("metadata").and_then(|m| m.get("labels")).and_then(Value::as_object);
    labels
        .into_iter()
        .flatten()
        .filter(|(key, _)| key.starts_with(INDEXED_LABEL_PREFIX))
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// The objects of one kind in one plane.
#[derive(Debug, Default)]
pub(super) struct KindStore {
    objects: BTreeMap<String, BTreeMap<String, Arc<Stored>>>,
    labels: HashMap<(String, String), BTreeSet<Name>>,
    indexes: HashMap<(&'static str, String), BTreeSet<Name>>,
}

impl KindStore {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Stored>> {
        self.objects.get(namespace)?.get(name)
    }

    pub(super) fn put(
        &mut self,
        key: &ObjectKey,
        object: Arc<Stored>,
        indexes_of: impl Fn(&Stored) -> Vec<(&'static str, String)>,
    ) {
        self.remove(key, &indexes_of);
        let name = (key.namespace.clone(), key.name.clone());
        for (label, value) in indexed_labels(&object) {
            self.labels.entry((label.to_owned(), value.to_owned())).or_default().insert(name.clone());
        }
        for (index, value) in indexes_of(&object) {
            self.indexes.entry((index, value)).or_default().insert(name.clone());
        }
        self.objects.entry(name.0).or_default().insert(name.1, object);
    }

    /// Notes a newer revision of an object whose content is the same.
    pub(super) fn touch(&mut self, namespace: &str, name: &str, resource_version: String) {
        if let Some(slot) = self.objects.get_mut(namespace).and_then(|objects| objects.get_mut(name)) {
            let typed = slot.typed.clone();
            *slot = Arc::new(Stored { json: slot.json.clone(), resource_version, typed });
        }
    }

    pub(super) fn remove(
        &mut self,
        key: &ObjectKey,
        indexes_of: impl Fn(&Stored) -> Vec<(&'static str, String)>,
    ) -> Option<Arc<Stored>> {
        let objects = self.objects.get_mut(&key.namespace)?;
        let old = objects.remove(&key.name)?;
        if objects.is_empty() {
            self.objects.remove(&key.namespace);
        }
        let name = (key.namespace.clone(), key.name.clone());
        for (label, value) in indexed_labels(&old) {
            drop_from(&mut self.labels, &(label.to_owned(), value.to_owned()), &name);
        }
        for index in indexes_of(&old) {
            drop_from(&mut self.indexes, &index, &name);
        }
        Some(old)
    }

    pub(super) fn list(&self, select: &Select, matches: impl Fn(&Stored) -> bool) -> Vec<(ObjectKey, Arc<Stored>)> {
        let found = |(namespace, name): &Name| {
            self.get(namespace, name).map(|object| entry(select.kind, namespace, name, object))
        };
        match select.bucket() {
            Bucket::Index(name, value) => {
                let names = self.indexes.get(&(name, value));
                names.into_iter().flatten().filter_map(found).filter(|(_, object)| matches(object)).collect()
            }
            Bucket::Label(..) => {
                // The smallest of the label sets; the others are checked on its members.
                let sets = select.labels.iter().map(|(key, value)| self.labels.get(&(key.clone(), value.clone())));
                let smallest =
                    sets.map(|set| set.map_or(0, BTreeSet::len)).zip(&select.labels).min_by_key(|(len, _)| *len);
                let names = smallest.and_then(|(_, (key, value))| self.labels.get(&(key.clone(), value.clone())));
                names.into_iter().flatten().filter_map(found).filter(|(_, object)| matches(object)).collect()
            }
            Bucket::Namespace(namespace) => {
                let objects = self.objects.get(&namespace);
                let entries =
                    objects.into_iter().flatten().map(|(name, object)| entry(select.kind, &namespace, name, object));
                entries.filter(|(_, object)| matches(object)).collect()
            }
            Bucket::All => {
                let all = self.objects.iter().flat_map(|(namespace, objects)| {
                    objects.iter().map(move |(name, object)| (namespace, name, object))
                });
                all.map(|(namespace, name, object)| entry(select.kind, namespace, name, object))
                    .filter(|(_, object)| matches(object))
                    .collect()
            }
        }
    }

    pub(super) fn with_label(&self, kind: Kind, label: &str, value: &str) -> Vec<(ObjectKey, Arc<Stored>)> {
        let names = self.labels.get(&(label.to_owned(), value.to_owned()));
        let found =
            |(namespace, name): &Name| self.get(namespace, name).map(|object| entry(kind, namespace, name, object));
        names.into_iter().flatten().filter_map(found).collect()
    }
}

fn entry(kind: Kind, namespace: &str, name: &str, object: &Arc<Stored>) -> (ObjectKey, Arc<Stored>) {
    (ObjectKey { kind, namespace: namespace.to_owned(), name: name.to_owned() }, Arc::clone(object))
}

fn drop_from<K: Eq + std::hash::Hash>(sets: &mut HashMap<K, BTreeSet<Name>>, key: &K, name: &Name) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(name);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}
