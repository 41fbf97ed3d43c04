//! Recorded reads, and their inversion: which readers a change of the World wakes.
//!
//! A planner cannot forget a wake-up, since what it reads is what it watches: objects by key (misses too), lists by
//! selection, the objects of an owner, the state of a plane.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use super::index::{Bucket, buckets};
use super::{Change, Changed, Select, Stored, World};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels;

/// What one pass has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSet {
    pub(crate) objects: BTreeSet<(PlaneKey, ObjectKey)>,
    pub(crate) lists: BTreeSet<(PlaneKey, Select)>,
    pub(crate) owners: BTreeSet<(PlaneKey, String)>,
    pub(crate) planes: BTreeSet<PlaneKey>,
}

impl ReadSet {
    /// The objects that were looked up by key, found or not.
    pub fn objects(&self) -> impl Iterator<Item = &(PlaneKey, ObjectKey)> {
        self.objects.iter()
    }

    /// The selections that were listed.
    pub fn lists(&self) -> impl Iterator<Item = &(PlaneKey, Select)> {
        self.lists.iter()
    }

    /// The kinds read in each plane.
    pub fn kinds(&self) -> BTreeSet<(PlaneKey, Kind)> {
        let objects = self.objects.iter().map(|(plane, key)| (plane.clone(), key.kind));
        objects.chain(self.lists.iter().map(|(plane, select)| (plane.clone(), select.kind))).collect()
    }
}

/// The recorded reads of every reader, inverted.
#[derive(Debug)]
pub struct WakeIndex<R> {
    reads: HashMap<R, ReadSet>,
    objects: HashMap<(PlaneKey, ObjectKey), HashSet<R>>,
    lists: HashMap<(PlaneKey, Kind, Bucket), HashMap<Select, HashSet<R>>>,
    owners: HashMap<(PlaneKey, String), HashSet<R>>,
    planes: HashMap<PlaneKey, HashSet<R>>,
}

impl<R> Default for WakeIndex<R> {
    fn default() -> Self {
        Self {
            reads: HashMap::new(),
            objects: HashMap::new(),
            lists: HashMap::new(),
            owners: HashMap::new(),
            planes: HashMap::new(),
        }
    }
}

impl<R: Clone + Eq + Hash + Ord> WakeIndex<R> {
    /// Files what a reader has read in its latest pass, in place of what it read before.
    pub fn record(&mut self, reader: &R, reads: ReadSet) {
        if self.reads.get(reader) == Some(&reads) {
            return;
        }
        self.forget(reader);
        for read in &reads.objects {
            self.objects.entry(read.clone()).or_default().insert(reader.clone());
        }
        for (plane, select) in &reads.lists {
            let bucket = (plane.clone(), select.kind, select.bucket());
            self.lists.entry(bucket).or_default().entry(select.clone()).or_default().insert(reader.clone());
        }
        for read in &reads.owners {
            self.owners.entry(read.clone()).or_default().insert(reader.clone());
        }
        for plane in &reads.planes {
            self.planes.entry(plane.clone()).or_default().insert(reader.clone());
        }
        self.reads.insert(reader.clone(), reads);
    }

    /// Forgets a reader: its object is gone.
    pub fn forget(&mut self, reader: &R) {
        let Some(reads) = self.reads.remove(reader) else { return };
        for read in &reads.objects {
            drop_reader(&mut self.objects, read, reader);
        }
        for (plane, select) in &reads.lists {
            let bucket = (plane.clone(), select.kind, select.bucket());
            if let Some(selects) = self.lists.get_mut(&bucket) {
                drop_reader(selects, select, reader);
                if selects.is_empty() {
                    self.lists.remove(&bucket);
                }
            }
        }
        for read in &reads.owners {
            drop_reader(&mut self.owners, read, reader);
        }
        for plane in &reads.planes {
            drop_reader(&mut self.planes, plane, reader);
        }
    }

    /// What a reader read in its latest pass.
    pub fn reads(&self, reader: &R) -> Option<&ReadSet> {
        self.reads.get(reader)
    }

    /// The readers that a change concerns, in order.
    pub fn woken(&self, world: &World, change: &Change) -> BTreeSet<R> {
        let mut woken = BTreeSet::new();
        let (key, old, new) = match &change.what {
            Changed::Plane => {
                woken.extend(self.planes.get(&change.plane).into_iter().flatten().cloned());
                return woken;
            }
            Changed::Object { key, old, new } => (key, old.as_deref(), new.as_deref()),
        };
        woken.extend(self.objects.get(&(change.plane.clone(), key.clone())).into_iter().flatten().cloned());
        let seen: HashSet<Bucket> =
            [old, new].into_iter().flatten().flat_map(|object| buckets(key.kind, object, world.indexes())).collect();
        for bucket in seen {
            for (select, readers) in self.lists.get(&(change.plane.clone(), key.kind, bucket)).into_iter().flatten() {
                let concerned = |object: Option<&Stored>| object.is_some_and(|o| select.matches(o, world.indexes()));
                if concerned(old) || concerned(new) {
                    woken.extend(readers.iter().cloned());
                }
            }
        }
        let owner = |object: Option<&Stored>| object.and_then(|o| o.label(labels::OWNER).map(str::to_owned));
        let owners: BTreeSet<String> = [owner(old), owner(new)].into_iter().flatten().collect();
        for owner in owners {
            woken.extend(self.owners.get(&(change.plane.clone(), owner)).into_iter().flatten().cloned());
        }
        woken
    }
}

fn drop_reader<K: Eq + Hash, R: Eq + Hash>(map: &mut HashMap<K, HashSet<R>>, key: &K, reader: &R) {
    if let Some(readers) = map.get_mut(key) {
        readers.remove(reader);
        if readers.is_empty() {
            map.remove(key);
        }
    }
}
