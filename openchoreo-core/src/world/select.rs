//! Which objects of a kind are wanted, and the facts about an object by which it is found.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::Stored;
use crate::kind::Kind;
use crate::labels;

/// Gives what an object is found by under a declared index.
pub type IndexFn = fn(&Value) -> Vec<String>;

/// Labels of the platform's that nearly every object of an organization shares, and that nobody lists by. All others of
/// its labels are indexed, since planners select by them.
const NOT_INDEXED: [&str; 2] = [labels::ORGANIZATION, labels::PROJECT];

/// Which objects of a kind are wanted. All given parts must match.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Select {
    /// Kind of the objects.
    pub kind: Kind,
    /// Namespace, or everywhere.
    pub namespace: Option<String>,
    /// Labels. Those with the prefix `openchoreo.dev/` are indexed; by others alone, the namespace or else the whole
    /// kind is searched.
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

    /// The tags that an object must have to match, as far as they are indexed.
    pub(super) fn tags(&self) -> impl Iterator<Item = u64> + '_ {
        let labels = self.labels.iter().filter(|(key, _)| is_indexed(key)).map(|(key, value)| tag(key, value));
        labels.chain(self.index.iter().map(|(name, value)| tag(name, value)))
    }

    /// Whether an object with these facts matches, its kind being right.
    pub(super) fn matches(&self, object: &Stored, facts: &Facts) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| object.namespace() == wanted)
            && self.labels.iter().all(|(key, value)| facts.labels.get(key) == Some(value))
            && self
                .index
                .as_ref()
                .is_none_or(|(name, value)| facts.indexes.iter().any(|(n, v)| n == name && v == value))
    }

    /// Which parts are given: selections of one shape differ in values only.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            namespace: self.namespace.is_some(),
            labels: self.labels.keys().cloned().collect(),
            index: self.index.as_ref().map(|(name, _)| *name),
        }
    }

    /// The digest of the values under [`Select::shape`].
    pub(super) fn print(&self) -> u64 {
        let values = self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let index = self.index.as_ref().map(|(name, value)| (*name, value.as_str()));
        print(self.namespace.as_deref(), values, index)
    }
}

/// Which parts of a selection are given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    namespace: bool,
    labels: Box<[String]>,
    index: Option<&'static str>,
}

impl Shape {
    /// The digests of all selections of this shape that an object is in: none where it lacks a label, one for each
    /// value of the index.
    pub(super) fn prints(&self, object: &Stored, facts: &Facts) -> Vec<u64> {
        let namespace = self.namespace.then(|| object.namespace());
        let mut values = Vec::with_capacity(self.labels.len());
        for key in &self.labels {
            let Some(value) = facts.labels.get(key) else { return Vec::new() };
            values.push((key.as_str(), value.as_str()));
        }
        match self.index {
            None => vec![print(namespace, values.iter().copied(), None)],
            Some(name) => {
                let under = facts.indexes.iter().filter(|(of, _)| *of == name);
                under.map(|(_, value)| print(namespace, values.iter().copied(), Some((name, value)))).collect()
            }
        }
    }
}

fn print<'a>(
    namespace: Option<&str>,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
    index: Option<(&str, &str)>,
) -> u64 {
    let mut hasher = DefaultHasher::new();
    namespace.hash(&mut hasher);
    for label in labels {
        label.hash(&mut hasher);
    }
    index.hash(&mut hasher);
    hasher.finish()
}

/// What an object is found by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) indexes: Vec<(&'static str, String)>,
}

/// The declared indexes of all kinds.
pub(super) type Indexes = HashMap<Kind, Vec<(&'static str, IndexFn)>>;

impl Facts {
    pub(super) fn of(kind: Kind, object: &Stored, indexes: &Indexes) -> Self {
        let mut facts = Self { labels: object.metadata().labels, indexes: Vec::new() };
        if let Some(declared) = indexes.get(&kind) {
            let json = object.json();
            for (name, values) in declared {
                facts.indexes.extend(values(&json).into_iter().map(|value| (*name, value)));
            }
        }
        facts
    }

    /// The tags under which the object is filed.
    pub(super) fn tags(&self) -> impl Iterator<Item = u64> + '_ {
        let labels = self.labels.iter().filter(|(key, _)| is_indexed(key)).map(|(key, value)| tag(key, value));
        labels.chain(self.indexes.iter().map(|(name, value)| tag(name, value)))
    }

    pub(super) fn owner(&self) -> Option<&str> {
        self.labels.get(labels::OWNER).map(String::as_str)
    }
}

fn is_indexed(label: &str) -> bool {
    label.starts_with(labels::PREFIX) && !NOT_INDEXED.contains(&label)
}

/// The digest of a label or index with its value. What is found under it is compared by value before it is believed.
pub(super) fn tag(key: &str, value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, value).hash(&mut hasher);
    hasher.finish()
}
