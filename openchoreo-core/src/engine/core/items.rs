//! The work there is: for each object and planner an item, with its place in the queue and what came of its last pass.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::HashTable;
use jiff::Timestamp;
use serde_json::Value;

use crate::kind::{ObjectKey, PlaneKey};
use crate::labels::Owner;
use crate::plan::Deletion;
use crate::plan::effects::Effect;

/// Names an item while its object exists.
pub(super) type ItemId = u32;

/// How soon something should be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// When it may: not before a wait that a failure asked for, and not twice in a moment.
    Soon,
    /// At once: somebody edited it, or the plane that it waits for has answered.
    Now,
}

/// One object, as one planner plans it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) planner: usize,
    pub(super) key: ObjectKey,
    /// Whether it stands in the queue, or waits for room or for an owner.
    pub(super) is_queued: bool,
    /// Woken while its effects are under way.
    pub(super) again: Option<Urgency>,
    pub(super) flight: Option<Box<Flight>>,
    /// Not to be planned before this, except when it is edited.
    pub(super) not_before: Timestamp,
    /// When it is planned without anyone waking it.
    timer: Option<Timestamp>,
    /// Until when a status that only tells of progress is held back.
    pub(super) held_until: Option<Timestamp>,
    /// How often in a row its effects failed, and what was last refused.
    pub(super) attempts: u32,
    pub(super) failure: Option<Box<str>>,
}

/// The effects of a pass, on their way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) waves: VecDeque<Vec<Effect>>,
    /// Requests that are not answered yet.
    pub(super) pending: usize,
    /// Whether every effect so far has gone through.
    pub(super) outcome: Outcome,
    /// The status that is written, to tell its echo from news.
    pub(super) status: Option<Value>,
    /// Planes where something that was deleted is still there, so that nothing is pruned that waits for its end.
    pub(super) left_in: BTreeSet<PlaneKey>,
    /// Owners other than the object itself for which something is written.
    pub(super) owners: Vec<Owner>,
    /// The generation and content that was planned.
    pub(super) generation: i64,
    pub(super) content: u64,
    /// Whether the failure of this pass is being written to the status.
    pub(super) is_reporting: bool,
    /// Whether it is the status that could not be written, so that this cannot be told there.
    pub(super) cannot_report: bool,
}

impl Flight {
    /// The effects that go out next.
    pub(super) fn next_wave(&mut self) -> Option<Vec<Effect>> {
        loop {
            let mut wave = self.waves.pop_front()?;
            let waits = |deletion: &Deletion| deletion.owner.is_some() && self.left_in.contains(&deletion.plane);
            wave.retain(|effect| !matches!(effect, Effect::Delete(deletion) if waits(deletion)));
            if !wave.is_empty() {
                return Some(wave);
            }
        }
    }
}

/// How the effects of a pass have gone so far, the worst last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Done,
    /// Something had changed meanwhile: planned again with what is then seen.
    Stale,
    /// It may work the next time.
    Transient(String),
    /// It will not work before something changes.
    Terminal(String),
}

/// All items, the queue, and the timers.
#[derive(Debug, Default)]
pub(super) struct Items {
    slots: Vec<Option<Item>>,
    free: Vec<ItemId>,
    names: HashTable<ItemId>,
    queue: VecDeque<ItemId>,
    timers: BTreeSet<(Timestamp, ItemId)>,
}

fn hash_of(planner: usize, key: &ObjectKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    (planner, &key.namespace, &key.name).hash(&mut hasher);
    hasher.finish()
}

impl Items {
    pub(super) fn get(&self, id: ItemId) -> Option<&Item> {
        self.slots.get(id as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: ItemId) -> Option<&mut Item> {
        self.slots.get_mut(id as usize)?.as_mut()
    }

    pub(super) fn find(&self, planner: usize, key: &ObjectKey) -> Option<ItemId> {
        let is_it = |id: &ItemId| self.get(*id).is_some_and(|item| item.planner == planner && item.key == *key);
        self.names.find(hash_of(planner, key), is_it).copied()
    }

    pub(super) fn find_or_add(&mut self, planner: usize, key: &ObjectKey) -> ItemId {
        if let Some(id) = self.find(planner, key) {
            return id;
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            ItemId::try_from(self.slots.len() - 1).unwrap_or(ItemId::MAX)
        });
        if let Some(slot) = self.slots.get_mut(id as usize) {
            *slot = Some(Item {
                planner,
                key: key.clone(),
                is_queued: false,
                again: None,
                flight: None,
                not_before: Timestamp::MIN,
                timer: None,
                held_until: None,
                attempts: 0,
                failure: None,
            });
        }
        let slots = &self.slots;
        let rehash = |id: &ItemId| {
            let item = slots.get(*id as usize).and_then(Option::as_ref);
            item.map_or(0, |item| hash_of(item.planner, &item.key))
        };
        self.names.insert_unique(hash_of(planner, key), id, rehash);
        id
    }

    pub(super) fn remove(&mut self, id: ItemId) {
        let Some(item) = self.slots.get_mut(id as usize).and_then(Option::take) else { return };
        if let Ok(entry) = self.names.find_entry(hash_of(item.planner, &item.key), |other| *other == id) {
            entry.remove();
        }
        if let Some(timer) = item.timer {
            self.timers.remove(&(timer, id));
        }
        self.queue.retain(|other| *other != id || !item.is_queued);
        self.free.push(id);
    }

    pub(super) fn ids(&self) -> Vec<ItemId> {
        let ids = self.slots.iter().enumerate().filter(|(_, slot)| slot.is_some());
        ids.filter_map(|(id, _)| ItemId::try_from(id).ok()).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Puts an item at the end of the queue, unless it stands or waits somewhere already.
    pub(super) fn enqueue(&mut self, id: ItemId) {
        let Some(item) = self.get_mut(id) else { return };
        if !item.is_queued {
            item.is_queued = true;
            self.queue.push_back(id);
        }
    }

    /// Puts items that waited for room or for an owner back into the queue, before the others and in their order.
    pub(super) fn resume_all(&mut self, ids: &[ItemId]) {
        for id in ids.iter().rev() {
            if self.get(*id).is_some_and(|item| item.is_queued) {
                self.queue.push_front(*id);
            }
        }
    }

    /// Takes the first item of the queue. It still counts as queued until [`Items::leave_queue`].
    pub(super) fn next(&mut self) -> Option<ItemId> {
        self.queue.pop_front()
    }

    pub(super) fn leave_queue(&mut self, id: ItemId) {
        if let Some(item) = self.get_mut(id) {
            item.is_queued = false;
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Plans an item at a time; an earlier time that was set before stays.
    pub(super) fn set_timer(&mut self, id: ItemId, at: Timestamp) {
        let Some(item) = self.slots.get_mut(id as usize).and_then(Option::as_mut) else { return };
        match item.timer {
            Some(earlier) if earlier <= at => return,
            Some(later) => {
                self.timers.remove(&(later, id));
            }
            None => {}
        }
        item.timer = Some(at);
        self.timers.insert((at, id));
    }

    pub(super) fn clear_timer(&mut self, id: ItemId) {
        if let Some(item) = self.slots.get_mut(id as usize).and_then(Option::as_mut)
            && let Some(at) = item.timer.take()
        {
            self.timers.remove(&(at, id));
        }
    }

    pub(super) fn first_timer(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Queues every item whose time has come.
    pub(super) fn fire(&mut self, now: Timestamp) {
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            let Some(item) = self.get_mut(id) else { continue };
            item.timer = None;
            let not_before = item.not_before;
            if item.flight.is_some() {
                item.again = item.again.max(Some(Urgency::Soon));
            } else if not_before > now {
                // A planner's wish to look again does not cut a wait short that a failure asked for.
                self.set_timer(id, not_before);
            } else {
                self.enqueue(id);
            }
        }
    }
}

/// For each shared owner that somebody writes for: who does, and who waits.
#[derive(Debug, Default)]
pub(super) struct Owners {
    busy: HashMap<Owner, Vec<ItemId>>,
}

impl Owners {
    /// Lets an item wait where one of the owners is being written for; whether it waits.
    pub(super) fn wait(&mut self, id: ItemId, owners: &BTreeSet<Owner>) -> bool {
        for owner in owners {
            if let Some(waiting) = self.busy.get_mut(owner) {
                waiting.push(id);
                return true;
            }
        }
        false
    }

    pub(super) fn claim(&mut self, owners: &[Owner]) {
        for owner in owners {
            self.busy.entry(owner.clone()).or_default();
        }
    }

    /// Gives owners back; those who waited, in order.
    pub(super) fn release(&mut self, owners: &[Owner]) -> Vec<ItemId> {
        owners.iter().flat_map(|owner| self.busy.remove(owner).unwrap_or_default()).collect()
    }
}
