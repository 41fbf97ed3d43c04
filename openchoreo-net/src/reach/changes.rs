//! What a change lets whom reach, and what no longer: two [`Reach`]es compared.
//!
//! Whoever may reach something now and certainly could before is not told. A route stands before others that it
//! overlaps, so that one which goes, or opens, may let in by another what has not changed; that is looked for as well.

use std::collections::BTreeSet;
use std::fmt;

use openchoreo_core::reach::{Admission, Backend, Protection, Requests};
use serde::Serialize;

use super::access::{Access, Way, shared};
use super::table::{Entries, Place, Table};
use super::{PodsKey, Reach};

/// What became of a way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Effect {
    /// It may be open now, and was not certainly open before.
    Grants,
    /// It may have been open before, and is not certainly open now.
    Withdraws,
}

/// Something that is reached otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// Whether it is opened or closed.
    pub effect: Effect,
    /// The way in: as it is now, or as it was.
    pub access: Access,
    /// How some of the same requests are let in on the other side of the change.
    pub otherwise: BTreeSet<Protection>,
}

impl Reach {
    /// What may be reached now and could not be before, and the other way round: in a stable order, grants first.
    #[must_use]
    pub fn since(&self, before: &Self) -> Vec<Change> {
        let mut changes: Vec<Change> = gained(before, self)
            .into_iter()
            .map(|(access, otherwise)| Change { effect: Effect::Grants, access, otherwise })
            .collect();
        changes.extend(gained(self, before).into_iter().map(|(access, otherwise)| Change {
            effect: Effect::Withdraws,
            access,
            otherwise,
        }));
        changes
    }
}

/// What may be reached by one and not certainly by the other.
fn gained(without: &Reach, with: &Reach) -> BTreeSet<(Access, BTreeSet<Protection>)> {
    let none = BTreeSet::new;
    let mut gains: BTreeSet<_> =
        with.others.difference(&without.others).map(|access| (access.clone(), none())).collect();
    let new_passages = with.passages.iter().flat_map(|(key, passages)| {
        let known = without.passages.get(key).map_or(&[][..], Vec::as_slice);
        let is_new = |passage: &&_| !known.iter().any(|old| old.covers(passage));
        let (plane, home, dialect): &PodsKey = key;
        passages.iter().filter(is_new).map(move |passage| (plane, home, *dialect, passage))
    });
    gains.extend(shared(new_passages).map(|access| (access, none())));
    let (before, after) = (Table::of(&without.admissions), Table::of(&with.admissions));
    for (place, entries) in after.places() {
        let nothing = Entries::default();
        let known = before.at(place).unwrap_or(&nothing);
        Comparison { place, known, entries }.add_gains(&mut gains);
    }
    gains
}

/// The admissions of one gateway on both sides.
struct Comparison<'c, 'r> {
    place: &'c Place<'r>,
    known: &'c Entries<'r>,
    entries: &'c Entries<'r>,
}

impl Comparison<'_, '_> {
    fn add_gains(&self, gains: &mut BTreeSet<(Access, BTreeSet<Protection>)>) {
        for new in self.entries.all().filter(|entry| !self.known.holds(entry)) {
            self.look_at(new, &new.requests, gains);
        }
        // What stood before others and no longer does lets them have its requests.
        for gone in self.known.all().filter(|entry| !self.entries.holds(entry)) {
            for heir in self.entries.overlapping(&gone.requests) {
                let is_narrower = gone.requests.covers(&heir.requests);
                self.look_at(heir, if is_narrower { &heir.requests } else { &gone.requests }, gains);
            }
        }
    }

    /// Tells requests that an entry may serve, unless they certainly were served as well before.
    fn look_at(&self, entry: &Admission, requests: &Requests, gains: &mut BTreeSet<(Access, BTreeSet<Protection>)>) {
        if entry.protection == Protection::Closed || !self.entries.serving(requests).contains(&entry) {
            return;
        }
        let before = self.known.serving(requests);
        let Some(backends) = self.new_backends(entry, requests, &before) else { return };
        let admission = Admission { requests: requests.clone(), backends, ..entry.clone() };
        let is_alike = |old: &&&Admission| {
            let leads_there = old.backends == admission.backends || !old.backends.is_disjoint(&admission.backends);
            leads_there && old.protection != Protection::Closed
        };
        let otherwise = before.iter().filter(is_alike).map(|old| old.protection.clone()).collect();
        let (plane, who, _) = self.place;
        gains.extend(Access::requests(plane, who, &admission).map(|access| (access, otherwise)));
    }

    /// The backends that some requests may reach by an entry and could not certainly reach before; nothing where all is
    /// as it was.
    fn new_backends(&self, entry: &Admission, requests: &Requests, before: &[&Admission]) -> Option<BTreeSet<Backend>> {
        // Served by the same on both sides, and not by the entry.
        let is_settled = |old: &Admission| self.entries.holds(old) && old.requests.are_served_before(&entry.requests);
        let is_as_open =
            |old: &Admission| old.endpoint == entry.endpoint && old.protection.admits_all_of(&entry.protection);
        let mut others = before.iter().filter(|old| !is_settled(old));
        let is_served = before.iter().any(|old| old.requests.covers(requests));
        if !is_served || !others.clone().all(|old| is_as_open(old)) {
            return Some(entry.backends.clone());
        }
        if entry.backends.is_empty() {
            return others.any(|old| !old.backends.is_empty()).then(BTreeSet::new);
        }
        let is_new = |backend: &&Backend| others.clone().any(|old| !old.backends.contains(*backend));
        let new: BTreeSet<Backend> = entry.backends.iter().filter(is_new).cloned().collect();
        (!new.is_empty()).then_some(new)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (begin, other_side) = match self.effect {
            Effect::Grants => ("lets ", "until now"),
            Effect::Withdraws => ("no longer lets ", "now"),
        };
        self.access.sentence(f, begin, "reach")?;
        if matches!(self.access.way, Way::Requests { .. }) {
            let words: Vec<String> = self.otherwise.iter().map(ToString::to_string).collect();
            let words = if words.is_empty() { "not at all".to_owned() } else { words.join(", or ") };
            write!(f, "; {other_side} {words}")?;
        }
        Ok(())
    }
}
