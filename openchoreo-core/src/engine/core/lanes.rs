//! What the core knows of the connection to each remote plane.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;
use openchoreo_types::common::PlaneRef;

use super::items::ItemId;
use super::protocol::{Facts, WatchId};
use crate::kind::{Kind, PlaneKey};
use crate::world::{ServedKinds, Source, Stored};

/// How far the connection of a plane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing is known of it yet, or its credentials cannot be used.
    Idle,
    /// It is being connected to.
    Connecting,
    /// It answered; what is read there is being listed, until this time at most.
    Listing(Timestamp),
    /// Everything is listed and watched.
    Open,
    /// It does not answer; it is connected to again at this time.
    Broken(Timestamp),
}

/// The connection of a plane.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) plane: PlaneRef,
    pub(super) key: PlaneKey,
    pub(super) phase: Phase,
    /// Of the credentials in use.
    pub(super) fingerprint: Option<[u8; 32]>,
    /// The number of the latest attempt to connect.
    pub(super) attempt: u64,
    /// What was found there.
    pub(super) facts: Option<Facts>,
    /// The kinds that are watched through this lane. What another lane of the same cluster watches already, is not
    /// watched twice.
    pub(super) watches: BTreeMap<Kind, WatchId>,
    /// Kinds that the plane serves now, but for whose first list is waited before planners are told.
    pub(super) serves_soon: Option<ServedKinds>,
    /// How often in a row it could not be connected to.
    pub(super) failures: u32,
    /// Whether it is being asked whether it answers, and how often it has failed to.
    pub(super) is_probing: bool,
    pub(super) missed: u32,
    /// When to ask again.
    pub(super) probe_at: Option<Timestamp>,
    /// Since when its credentials cannot be resolved any more.
    pub(super) orphaned: Option<Timestamp>,
    pub(super) room: Room,
}

impl Lane {
    pub(super) fn new(plane: PlaneRef) -> Self {
        Self {
            key: PlaneKey::Remote(plane.clone()),
            plane,
            phase: Phase::Idle,
            fingerprint: None,
            attempt: 0,
            facts: None,
            watches: BTreeMap::new(),
            serves_soon: None,
            failures: 0,
            is_probing: false,
            missed: 0,
            probe_at: None,
            orphaned: None,
            room: Room::default(),
        }
    }

    /// Whether it has answered and is watched.
    pub(super) fn is_connected(&self) -> bool {
        match self.phase {
            Phase::Listing(_) | Phase::Open => true,
            Phase::Idle | Phase::Connecting | Phase::Broken(_) => false,
        }
    }

    /// When something is to be done for it without anyone's news.
    pub(super) fn timer(&self) -> Option<Timestamp> {
        let phase = match self.phase {
            Phase::Listing(at) | Phase::Broken(at) => Some(at),
            Phase::Idle | Phase::Connecting | Phase::Open => None,
        };
        phase.into_iter().chain(self.probe_at).min()
    }
}

/// Room for requests to a plane. A slow plane fills its own and no other's.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) in_flight: usize,
    waiting: VecDeque<ItemId>,
}

impl Room {
    pub(super) fn is_full(&self, limit: usize) -> bool {
        self.in_flight >= limit
    }

    pub(super) fn wait(&mut self, item: ItemId) {
        self.waiting.push_back(item);
    }

    /// Those who may go on, now that there is room for so many.
    pub(super) fn go_on(&mut self, limit: usize) -> Vec<ItemId> {
        let free = limit.saturating_sub(self.in_flight).min(self.waiting.len());
        self.waiting.drain(..free).collect()
    }

    pub(super) fn everyone(&mut self) -> Vec<ItemId> {
        self.waiting.drain(..).collect()
    }
}

/// A watch that is under way.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) plane: PlaneKey,
    pub(super) kind: Kind,
    /// Whether it has listed once.
    pub(super) is_listed: bool,
    /// How often in a row it has failed.
    pub(super) failures: u32,
}

/// How it is known that an object went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// An answer said so: nothing but a restore of the server's store brings it back.
    Answered,
    /// A watch told so, at this revision where it is a number. It may only have left what is watched, and come back.
    Told(Option<u64>),
    /// A list did not show it; nobody says when it went. It may only have left what is watched, too.
    Unlisted,
}

/// Uids of objects that went lately: news that were slower on their way than those of the end must not bring them back.
#[derive(Debug, Default)]
pub(super) struct Gone {
    uids: HashMap<String, End>,
    order: VecDeque<String>,
}

impl Gone {
    /// How many are remembered: far more than there are requests in flight.
    const LIMIT: usize = 4096;
    /// The longest uid that is remembered: none that a real server makes is longer, and a hostile one fills nothing.
    const LONGEST: usize = 128;

    /// Whether an object is shown as it was before its end, so that it is not to be believed.
    pub(super) fn hides(&self, shown: &Stored, by: Source) -> bool {
        match (self.uids.get(&shown.uid()), by) {
            (None, _) => false,
            (Some(End::Answered), _) => true,
            // What a watch tells comes after what it told and listed before.
            (Some(End::Told(_) | End::Unlisted), Source::Watch) => false,
            (Some(End::Unlisted), Source::Answer) => true,
            (Some(End::Told(end)), Source::Answer) => {
                !matches!((end, shown.revision_number()), (Some(end), Some(shown)) if shown > *end)
            }
        }
    }

    /// It has been shown after all.
    pub(super) fn forget(&mut self, uid: &str) {
        self.uids.remove(uid);
    }

    pub(super) fn add(&mut self, uid: String, end: End) {
        if uid.is_empty() || uid.len() > Self::LONGEST || self.uids.insert(uid.clone(), end).is_some() {
            return;
        }
        self.order.push_back(uid);
        if self.order.len() > Self::LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.uids.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_objects_that_went_has_a_size() {
        let mut gone = Gone::default();
        gone.add("x".repeat(1 << 20), End::Unlisted);
        assert_eq!((gone.uids.len(), gone.order.len()), (0, 0), "no server makes such a uid");
        for number in 0..2 * Gone::LIMIT {
            gone.add(number.to_string(), End::Unlisted);
        }
        assert_eq!((gone.uids.len(), gone.order.len()), (Gone::LIMIT, Gone::LIMIT));
    }
}
