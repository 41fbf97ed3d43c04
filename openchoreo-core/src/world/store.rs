//! The objects of one kind in one cluster, found by name, namespace, label and declared index.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;

use super::select::{Facts, Indexes, tag};
use super::{Select, Stored};
use crate::kind::Kind;
use crate::labels;

/// Tag of a namespace: no label has an empty key.
const NAMESPACE: &str = "";

/// Where an object was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a list or an event of a watch: the order in which a watch tells is the order of the server.
    Watch,
    /// In the answer to a request of ours, which may be ahead of the watch or behind it.
    Answer,
}

struct Slot {
    stored: Arc<Stored>,
    /// The list in which it was seen last, and the one after whose start an answer showed it last.
    listed: u32,
    answered: u32,
}

/// The numbers of the objects that have a tag.
enum Posting {
    One(u32),
    Many(Vec<u32>),
}

impl Posting {
    fn numbers(&self) -> &[u32] {
        match self {
            Self::One(number) => std::slice::from_ref(number),
            Self::Many(numbers) => numbers,
        }
    }

    fn insert(&mut self, number: u32) {
        match self {
            Self::One(one) if *one == number => {}
            Self::One(one) => {
                let mut numbers = vec![*one, number];
                numbers.sort_unstable();
                *self = Self::Many(numbers);
            }
            Self::Many(numbers) => {
                if let Err(place) = numbers.binary_search(&number) {
                    numbers.insert(place, number);
                }
            }
        }
    }

    /// Takes a number out; whether none is left.
    fn remove(&mut self, number: u32) -> bool {
        match self {
            Self::One(one) => *one == number,
            Self::Many(numbers) => {
                if let Ok(place) = numbers.binary_search(&number) {
                    numbers.remove(place);
                }
                numbers.is_empty()
            }
        }
    }
}

/// The objects of one kind in one cluster.
#[derive(Default)]
pub(super) struct KindStore {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    names: HashTable<u32>,
    postings: HashMap<u64, Posting>,
    dictionary: Option<Arc<[u8]>>,
    /// The number of the latest list.
    list: u32,
    /// The bytes that the objects and what finds them take, about.
    bytes: usize,
}

/// The objects of one cluster, by kind. There are few kinds, and a kind is told from another at a glance, so that one is
/// found sooner by looking through them than by their order, in which they are kept.
#[derive(Default)]
pub(super) struct KindStores(Vec<(Kind, KindStore)>);

impl KindStores {
    pub(super) fn get(&self, kind: Kind) -> Option<&KindStore> {
        self.0.iter().find(|(held, _)| *held == kind).map(|(_, store)| store)
    }

    pub(super) fn get_mut(&mut self, kind: Kind) -> Option<&mut KindStore> {
        self.0.iter_mut().find(|(held, _)| *held == kind).map(|(_, store)| store)
    }

    pub(super) fn of(&mut self, kind: Kind) -> &mut KindStore {
        let place = match self.0.binary_search_by_key(&kind, |(held, _)| *held) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (kind, KindStore::default()));
                place
            }
        };
        &mut self.0[place].1
    }

    /// By kind.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Kind, &KindStore)> {
        self.0.iter().map(|(kind, store)| (*kind, store))
    }
}

/// What became of an object that was put.
pub(super) struct Replaced {
    pub(super) old: Option<(Arc<Stored>, Facts)>,
    pub(super) new: (Arc<Stored>, Facts),
}

impl KindStore {
    fn find(&self, namespace: &str, name: &str) -> Option<u32> {
        let is_it = |number: &u32| {
            self.slot(*number).is_some_and(|slot| slot.stored.namespace() == namespace && slot.stored.name() == name)
        };
        self.names.find(name_hash(namespace, name), is_it).copied()
    }

    fn slot(&self, number: u32) -> Option<&Slot> {
        self.slots.get(number as usize)?.as_ref()
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Stored>> {
        self.slot(self.find(namespace, name)?).map(|slot| &slot.stored)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The bytes that the objects and what finds them take, about, without looking at each.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts an object; nothing where it is no news.
    pub(super) fn put(&mut self, kind: Kind, mut new: Stored, source: Source, indexes: &Indexes) -> Option<Replaced> {
        let list = self.list;
        let found = self.find(new.namespace(), new.name());
        let mut old = None;
        if let Some(slot) = found.and_then(|number| self.slots.get_mut(number as usize)?.as_mut()) {
            let held = &slot.stored;
            let is_same = held.is_same_object(&new);
            // What is behind may also be a predecessor of what is held.
            let is_behind = match source {
                // The watch may have been faster than the answer.
                Source::Answer => new.is_older_than(held),
                // And the answer faster than the watch. Whatever a watch told before is behind what it tells now,
                // even where the revisions fall: then the server's store was restored.
                Source::Watch => slot.answered == list && new.is_older_than(held),
            };
            if is_same && source == Source::Watch {
                slot.listed = list;
            }
            if is_behind {
                return None;
            }
            if is_same {
                if held.has_text_of(&new) {
                    slot.stored = Arc::new(held.at_revision_of(&new));
                    if source == Source::Answer {
                        slot.answered = list;
                    }
                    return None;
                }
                new.inherit_holds(held);
            }
            old = Some(Arc::clone(held));
        }
        new.pack(&mut self.dictionary);
        let new = Arc::new(new);
        let (listed, answered) = match source {
            Source::Watch => (list, u32::MAX),
            Source::Answer => (u32::MAX, list),
        };
        let facts = Facts::of(kind, &new, indexes);
        let old = old.map(|old| {
            let facts = Facts::of(kind, &old, indexes);
            (old, facts)
        });
        let slot = Slot { stored: Arc::clone(&new), listed, answered };
        let number = match found {
            Some(number) => {
                if let Some((old, facts)) = &old {
                    self.unfile(number, old, facts);
                }
                if let Some(place) = self.slots.get_mut(number as usize) {
                    *place = Some(slot);
                }
                number
            }
            None => self.add(slot),
        };
        self.file(number, &new, &facts);
        Some(Replaced { old, new: (new, facts) })
    }

    fn add(&mut self, slot: Slot) -> u32 {
        let hash = name_hash(slot.stored.namespace(), slot.stored.name());
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.slots.push(None);
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(place) = self.slots.get_mut(number as usize) {
            *place = Some(slot);
        }
        let slots = &self.slots;
        let hash_of = |number: &u32| {
            let slot = slots.get(*number as usize).and_then(Option::as_ref);
            slot.map_or(0, |slot| name_hash(slot.stored.namespace(), slot.stored.name()))
        };
        self.names.insert_unique(hash, number, hash_of);
        number
    }

    fn file(&mut self, number: u32, object: &Stored, facts: &Facts) {
        self.bytes += weight(object, facts);
        for tag in facts.tags().chain([tag(NAMESPACE, object.namespace())]) {
            self.postings.entry(tag).and_modify(|posting| posting.insert(number)).or_insert(Posting::One(number));
        }
    }

    fn unfile(&mut self, number: u32, object: &Stored, facts: &Facts) {
        self.bytes = self.bytes.saturating_sub(weight(object, facts));
        for tag in facts.tags().chain([tag(NAMESPACE, object.namespace())]) {
            if self.postings.get_mut(&tag).is_some_and(|posting| posting.remove(number)) {
                self.postings.remove(&tag);
            }
        }
    }

    /// Takes an object away.
    pub(super) fn remove(
        &mut self,
        kind: Kind,
        namespace: &str,
        name: &str,
        indexes: &Indexes,
    ) -> Option<(Arc<Stored>, Facts)> {
        let number = self.find(namespace, name)?;
        let slot = self.slots.get_mut(number as usize)?.take()?;
        if let Ok(entry) = self.names.find_entry(name_hash(namespace, name), |other| *other == number) {
            entry.remove();
        }
        self.free.push(number);
        let facts = Facts::of(kind, &slot.stored, indexes);
        self.unfile(number, &slot.stored, &facts);
        Some((slot.stored, facts))
    }

    /// Begins a list: what it does not show, and no answer has shown since, is gone at its end.
    pub(super) fn begin_list(&mut self) {
        self.list = self.list.wrapping_add(1) % u32::MAX;
    }

    /// Ends a list: what it did not show, apart into what is gone and what only an answer has shown since it began.
    pub(super) fn end_list(&self) -> (Vec<Arc<Stored>>, Vec<Arc<Stored>>) {
        let unlisted = self.slots.iter().flatten().filter(|slot| slot.listed != self.list);
        let (answered, gone): (Vec<_>, Vec<_>) = unlisted.partition(|slot| slot.answered == self.list);
        let stored = |slots: Vec<&Slot>| slots.into_iter().map(|slot| Arc::clone(&slot.stored)).collect();
        (stored(gone), stored(answered))
    }

    /// The objects that match, by namespace and name.
    pub(super) fn list(&self, select: &Select, indexes: &Indexes) -> Vec<Arc<Stored>> {
        let tags: Vec<u64> =
            select.tags().chain(select.namespace.iter().map(|namespace| tag(NAMESPACE, namespace))).collect();
        let is_plain = select.labels.is_empty() && select.index.is_none();
        let matches = |stored: &&Arc<Stored>| {
            is_plain && select.namespace.as_deref().is_none_or(|wanted| stored.namespace() == wanted)
                || !is_plain && {
                    let none = Indexes::new();
                    let indexes = if select.index.is_some() { indexes } else { &none };
                    select.matches(stored, &Facts::of(select.kind, stored, indexes))
                }
        };
        let mut found: Vec<Arc<Stored>> = if tags.is_empty() {
            self.slots.iter().flatten().map(|slot| &slot.stored).filter(matches).cloned().collect()
        } else {
            let mut postings = Vec::with_capacity(tags.len());
            for tag in &tags {
                let Some(posting) = self.postings.get(tag) else { return Vec::new() };
                postings.push(posting.numbers());
            }
            postings.sort_by_key(|numbers| numbers.len());
            let (smallest, others) = postings.split_first().map_or((&[][..], &[][..]), |(first, rest)| (*first, rest));
            let in_all = |number: &&u32| others.iter().all(|numbers| numbers.binary_search(number).is_ok());
            let numbers = smallest.iter().filter(in_all);
            numbers.filter_map(|number| Some(&self.slot(*number)?.stored)).filter(matches).cloned().collect()
        };
        found.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
        found
    }

    /// The objects with an owner, by namespace and name.
    pub(super) fn owned_by(&self, kind: Kind, owner: &str) -> Vec<Arc<Stored>> {
        if !self.postings.contains_key(&tag(labels::OWNER, owner)) {
            return Vec::new();
        }
        self.list(&Select::all(kind).label(labels::OWNER, owner), &Indexes::new())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.slots.iter().flatten().map(|slot| &slot.stored)
    }

    /// Bytes at rest: objects, then what finds them.
    pub(super) fn size(&self) -> (usize, usize) {
        let objects = self.all().map(|stored| stored.size()).sum();
        let many = self.postings.values().map(|posting| match posting {
            Posting::One(_) => 0,
            Posting::Many(numbers) => numbers.capacity() * size_of::<u32>(),
        });
        let index = self.slots.capacity() * size_of::<Option<Slot>>()
            + self.names.capacity() * (size_of::<u32>() + 1)
            + self.postings.capacity() * (size_of::<(u64, Posting)>() + 1)
            + many.sum::<usize>()
            + self.dictionary.as_ref().map_or(0, |dictionary| dictionary.len());
        (objects, index)
    }
}

/// The bytes that an object and what finds it take, about.
fn weight(object: &Stored, facts: &Facts) -> usize {
    object.size() + size_of::<Option<Slot>>() + facts.tags().count() * size_of::<(u64, Posting)>()
}

fn name_hash(namespace: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (namespace, name).hash(&mut hasher);
    hasher.finish()
}
