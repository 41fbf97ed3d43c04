//! Recorded reads, inverted: which readers a change of the World wakes.
//!
//! A planner cannot forget a wake-up, since what it reads is what it watches: objects by key (misses too), lists by
//! selection, the objects of an owner, the state of a plane. A change is looked up exactly: under the key of the
//! object, and under each selection that it was in or is in now, by the few shapes that selections have. Reads are kept
//! as digests; two that share one would wake a reader in vain, and nothing more.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use super::reads::{Depth, list_print, object_print, owner_print, plane_print};
use super::select::Shape;
use super::{Change, Changed, ReadSet};
use crate::kind::Kind;

/// Up to this many readers of one thing are kept as a list.
const FEW: usize = 12;

/// The readers of one thing.
#[derive(Debug)]
enum Readers<R> {
    One(R),
    Few(Vec<R>),
    Many(HashSet<R>),
}

impl<R: Copy + Eq + Hash> Readers<R> {
    fn insert(&mut self, reader: R) {
        match self {
            Self::One(one) if *one == reader => {}
            Self::One(one) => *self = Self::Few(vec![*one, reader]),
            Self::Few(few) if few.contains(&reader) => {}
            Self::Few(few) if few.len() < FEW => few.push(reader),
            Self::Few(few) => *self = Self::Many(few.iter().copied().chain([reader]).collect()),
            Self::Many(many) => {
                many.insert(reader);
            }
        }
    }

    /// Takes a reader out; whether none is left.
    fn remove(&mut self, reader: R) -> bool {
        match self {
            Self::One(one) => *one == reader,
            Self::Few(few) => {
                few.retain(|other| *other != reader);
                few.is_empty()
            }
            Self::Many(many) => {
                many.remove(&reader);
                many.is_empty()
            }
        }
    }

    fn each(&self, mut act: impl FnMut(R)) {
        match self {
            Self::One(one) => act(*one),
            Self::Few(few) => few.iter().copied().for_each(act),
            Self::Many(many) => many.iter().copied().for_each(&mut act),
        }
    }
}

/// The recorded reads of every reader, inverted.
#[derive(Debug)]
pub struct WakeIndex<R> {
    reads: HashMap<R, Box<[u64]>>,
    readers: HashMap<u64, Readers<R>>,
    shapes: HashMap<Kind, BTreeSet<Shape>>,
}

impl<R> Default for WakeIndex<R> {
    fn default() -> Self {
        Self { reads: HashMap::new(), readers: HashMap::new(), shapes: HashMap::new() }
    }
}

impl<R: Copy + Eq + Hash + Ord> WakeIndex<R> {
    /// Files what a reader has read in its latest pass, in place of what it read before.
    pub fn record(&mut self, reader: R, mut reads: ReadSet) {
        reads.seal();
        for (kind, shape) in reads.shapes {
            self.shapes.entry(kind).or_default().insert(shape);
        }
        let new = reads.prints;
        let old = self.reads.get(&reader).map_or(&[][..], |old| old);
        if old == new {
            return;
        }
        let dropped: Vec<u64> = old.iter().copied().filter(|print| new.binary_search(print).is_err()).collect();
        for print in &new {
            if old.binary_search(print).is_err() {
                self.readers.entry(*print).and_modify(|readers| readers.insert(reader)).or_insert(Readers::One(reader));
            }
        }
        for print in dropped {
            self.drop_reader(print, reader);
        }
        self.reads.insert(reader, new.into_boxed_slice());
    }

    /// Forgets a reader: its object is gone.
    pub fn forget(&mut self, reader: R) {
        for print in self.reads.remove(&reader).unwrap_or_default() {
            self.drop_reader(print, reader);
        }
    }

    fn drop_reader(&mut self, print: u64, reader: R) {
        if self.readers.get_mut(&print).is_some_and(|readers| readers.remove(reader)) {
            self.readers.remove(&print);
        }
    }

    /// The readers that a change concerns, in order.
    pub fn woken(&self, change: &Change) -> BTreeSet<R> {
        let mut woken = BTreeSet::new();
        for print in self.prints(change) {
            if let Some(readers) = self.readers.get(&print) {
                readers.each(|reader| {
                    woken.insert(reader);
                });
            }
        }
        woken
    }

    /// The digests of all reads that a change concerns.
    fn prints(&self, change: &Change) -> Vec<u64> {
        let (cluster, key, old, new) = match &change.what {
            Changed::Plane(plane) => return vec![plane_print(plane)],
            Changed::Owner { cluster, owner } => {
                return [Depth::Written, Depth::Whole].map(|depth| owner_print(*cluster, owner, depth)).to_vec();
            }
            Changed::Object { cluster, key, old, new } => (*cluster, key, old.as_ref(), new.as_ref()),
        };
        let is_written = match (old, new) {
            (Some((old, _)), Some((new, _))) => !old.is_same_object(new) || old.content() != new.content(),
            _ => true,
        };
        let depths: &[Depth] = if is_written { &[Depth::Written, Depth::Whole] } else { &[Depth::Whole] };
        let mut prints = Vec::new();
        for depth in depths {
            prints.push(object_print(cluster, key.kind, &key.namespace, &key.name, *depth));
        }
        let sides = || [old, new].into_iter().flatten();
        for shape in self.shapes.get(&key.kind).into_iter().flatten() {
            for values in sides().flat_map(|(object, facts)| shape.prints(object, facts)) {
                prints.extend(depths.iter().map(|depth| list_print(cluster, key.kind, values, *depth)));
            }
        }
        for owner in sides().filter_map(|(_, facts)| facts.owner()) {
            prints.extend(depths.iter().map(|depth| owner_print(cluster, owner, *depth)));
        }
        prints.sort_unstable();
        prints.dedup();
        prints
    }

    /// Bytes that the index takes.
    pub fn size(&self) -> usize {
        let prints: usize = self.reads.values().map(|prints| prints.len() * size_of::<u64>()).sum();
        let readers = self.readers.values().map(|readers| match readers {
            Readers::One(_) => 0,
            Readers::Few(few) => few.capacity() * size_of::<R>(),
            Readers::Many(many) => many.capacity() * (size_of::<R>() + 1),
        });
        prints
            + readers.sum::<usize>()
            + self.reads.capacity() * (size_of::<(R, Box<[u64]>)>() + 1)
            + self.readers.capacity() * (size_of::<(u64, Readers<R>)>() + 1)
    }
}
