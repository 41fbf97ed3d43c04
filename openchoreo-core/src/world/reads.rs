//! What a pass has read: as digests, so that the reads of all passes can be kept.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::select::Shape;
use super::{ClusterId, Select};
use crate::kind::{Kind, ObjectKey, PlaneKey};

/// How closely something was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// What people and planners write: spec, names, labels, annotations, whether it is being deleted.
    Written,
    /// All of it, its status too.
    Whole,
}

/// One read in words: for people who ask why an object is planned as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// An object by its key, found or not.
    Object(PlaneKey, ObjectKey, Depth),
    /// The objects of a selection.
    List(PlaneKey, Select, Depth),
    /// All objects of an owner.
    Owned(PlaneKey, String, Depth),
    /// The state of a plane.
    Plane(PlaneKey),
}

/// What one pass has read. What was read twice counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSet {
    pub(super) prints: Vec<u64>,
    pub(super) shapes: Vec<(Kind, Shape)>,
    kinds: Vec<(bool, Kind)>,
    missing_index: Option<(Kind, &'static str)>,
    words: Option<Vec<Read>>,
}

impl ReadSet {
    /// A set that also keeps its reads in words.
    pub fn in_words() -> Self {
        Self { words: Some(Vec::new()), ..Self::default() }
    }

    /// The reads in words, in order; nothing where they were not asked for.
    pub fn words(&self) -> &[Read] {
        self.words.as_deref().unwrap_or_default()
    }

    /// The kinds that were read, and whether in the control plane.
    pub fn kinds(&self) -> &[(bool, Kind)] {
        &self.kinds
    }

    /// An index that was selected by and that no platform declares for the kind: nothing is found under it.
    pub fn missing_index(&self) -> Option<(Kind, &'static str)> {
        self.missing_index
    }

    pub(crate) fn miss_index(&mut self, kind: Kind, index: &'static str) {
        self.missing_index = Some((kind, index));
    }

    /// Whether the state of a plane was looked at. Asked of a sealed set.
    pub(crate) fn has_plane(&self, plane: &PlaneKey) -> bool {
        self.prints.binary_search(&plane_print(plane)).is_ok()
    }

    /// Sorts what was read, and counts once what was read twice.
    pub(crate) fn seal(&mut self) {
        self.prints.sort_unstable();
        self.prints.dedup();
        if let Some(words) = &mut self.words {
            words.sort();
            words.dedup();
        }
    }

    fn note(&mut self, print: u64, word: impl FnOnce() -> Read) {
        self.prints.push(print);
        if let Some(words) = &mut self.words {
            words.push(word());
        }
    }

    fn note_kind(&mut self, plane: &PlaneKey, kind: Kind) {
        let entry = (*plane == PlaneKey::Control, kind);
        if !self.kinds.contains(&entry) {
            self.kinds.push(entry);
        }
    }

    pub(crate) fn object(&mut self, cluster: ClusterId, plane: &PlaneKey, kind: Kind, at: (&str, &str), depth: Depth) {
        self.note_kind(plane, kind);
        let (namespace, name) = at;
        self.note(object_print(cluster, kind, namespace, name, depth), || {
            let key = ObjectKey { kind, namespace: namespace.to_owned(), name: name.to_owned() };
            Read::Object(plane.clone(), key, depth)
        });
    }

    pub(crate) fn list(&mut self, cluster: ClusterId, plane: &PlaneKey, select: &Select, depth: Depth) {
        self.note_kind(plane, select.kind);
        let shape = (select.kind, select.shape());
        if !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
        self.note(list_print(cluster, select.kind, select.print(), depth), || {
            Read::List(plane.clone(), select.clone(), depth)
        });
    }

    pub(crate) fn owned(&mut self, cluster: ClusterId, plane: &PlaneKey, owner: &str, depth: Depth) {
        self.note(owner_print(cluster, owner, depth), || Read::Owned(plane.clone(), owner.to_owned(), depth));
    }

    pub(crate) fn plane(&mut self, plane: &PlaneKey) {
        self.note(plane_print(plane), || Read::Plane(plane.clone()));
    }
}

fn digest(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn object_print(cluster: ClusterId, kind: Kind, namespace: &str, name: &str, depth: Depth) -> u64 {
    digest(("object", cluster, kind, namespace, name, depth))
}

pub(super) fn list_print(cluster: ClusterId, kind: Kind, values: u64, depth: Depth) -> u64 {
    digest(("list", cluster, kind, values, depth))
}

pub(super) fn owner_print(cluster: ClusterId, owner: &str, depth: Depth) -> u64 {
    digest(("owner", cluster, owner, depth))
}

pub(super) fn plane_print(plane: &PlaneKey) -> u64 {
    digest(("plane", plane))
}
