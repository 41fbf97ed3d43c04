//! What an answer means: for the World, for the plan whose request it answers, and for what is still in doubt.
//!
//! Answers are put into the World at once, so that the next pass sees what this one did before the watch tells.

use serde_json::Value;

use super::items::{ItemId, Outcome};
use super::lanes::End;
use super::protocol::{Answer, Operation, RequestId, Trouble};
use super::sending::{Pending, What};
use super::{Core, after, backoff};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels::{self, Owner};
use crate::plan::effects::{Effect, Place, list_repairs};
use crate::plan::may_take;
use crate::world::{ClusterId, Disconnect, PlaneState, Source, Stored};

/// An object of which it is not known whether it exists.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    key: ObjectKey,
    /// The uid that an answer showed; empty where no answer came.
    uid: String,
    /// For whom it was to be made, where no answer came.
    owner: Option<Owner>,
    cluster: ClusterId,
    /// How often it was asked for.
    attempts: u32,
}

impl Core {
    /// Asks whether an object exists that a list did not show and an answer did.
    pub(super) fn doubt(&mut self, plane: &PlaneKey, key: ObjectKey) {
        if let Some(uid) = self.world.get(plane, &key).map(|live| live.uid()) {
            let cluster = self.world.cluster_id(plane);
            self.ask_for(plane, Doubt { key, uid, owner: None, cluster, attempts: 0 });
        }
    }

    /// Asks whether an object was made although no answer says so. Its owner does not count as clean meanwhile: what it
    /// wants next may be elsewhere, and nobody would look here again.
    fn doubt_unheard(&mut self, plane: &PlaneKey, key: &ObjectKey, owner: &Owner) {
        if self.world.doubt(plane, key, owner) {
            let (cluster, owner) = (self.world.cluster_id(plane), Some(owner.clone()));
            self.ask_for(plane, Doubt { key: key.clone(), uid: String::new(), owner, cluster, attempts: 0 });
        }
    }

    fn ask_for(&mut self, plane: &PlaneKey, doubt: Doubt) {
        self.send(None, plane.clone(), Operation::Get { key: doubt.key.clone() }, What::Existence(doubt));
    }

    fn ask_again(&mut self, plane: &PlaneKey, doubt: Doubt) {
        let doubt = Doubt { attempts: doubt.attempts.saturating_add(1), ..doubt };
        let at = after(self.now, backoff(self.settings.backoff, doubt.attempts));
        let number = self.next_id();
        self.doubts.insert((at, number), (plane.clone(), doubt));
    }

    fn settle(&mut self, doubt: &Doubt) {
        if let Some(owner) = &doubt.owner {
            let change = self.world.settle(doubt.cluster, &doubt.key, owner);
            self.changed(change, None);
        }
    }

    /// Asks again for what could not be asked for: nobody else would find out that it is gone, or there.
    pub(super) fn tend_doubts(&mut self) {
        let now = self.now;
        if self.doubts.keys().next().is_none_or(|(at, _)| *at > now) {
            return;
        }
        let later = self.doubts.split_off(&(now, u64::MAX));
        for (plane, doubt) in std::mem::replace(&mut self.doubts, later).into_values() {
            let is_in_doubt = match &doubt.owner {
                Some(owner) => !self.world.shows(&plane, &doubt.key, owner),
                None => self.world.get(&plane, &doubt.key).is_some_and(|live| live.uid() == doubt.uid),
            };
            let limit = self.room_limit(&plane);
            let can_ask = matches!(self.world.plane_state(&plane), PlaneState::Connected { .. })
                && self.room(&plane).is_some_and(|room| !room.is_full(limit));
            if !is_in_doubt || self.world.cluster_id(&plane) != doubt.cluster {
                self.settle(&doubt);
            } else if can_ask {
                self.ask_for(&plane, doubt);
            } else {
                self.ask_again(&plane, doubt);
            }
        }
    }

    pub(super) fn answered(&mut self, request: RequestId, answer: Answer) {
        let Some(Pending { item, plane, cluster, what }) = self.requests.remove(&request) else { return };
        let limit = self.room_limit(&plane);
        let go_on = self.room(&plane).map(|room| {
            room.in_flight = room.in_flight.saturating_sub(1);
            room.go_on(limit)
        });
        if let Answer::Failed(trouble) = &answer {
            self.suspect(&plane, trouble);
        }
        let is_elsewhere = cluster != self.world.cluster_id(&plane);
        match (item, what) {
            (
                Some(id),
                What::Effect(effect) | What::BeforeTaking(effect) | What::BeforeRepair(effect) | What::Repair(effect),
            ) if is_elsewhere => self.count_down(id, &effect, Outcome::Stale),
            (_, What::Existence(doubt)) if is_elsewhere => self.settle(&doubt),
            // What a look or a repair would lead to is not sent any more.
            (Some(id), What::BeforeTaking(effect) | What::BeforeRepair(effect) | What::Repair(effect))
                if !self.is_leading =>
            {
                self.count_down(id, &effect, Outcome::Stale);
            }
            (Some(id), What::Effect(effect @ Effect::Apply { place: Place::Free, .. }))
                if matches!(answer, Answer::Conflict(_)) && self.is_leading =>
            {
                let (plane, key) = (effect.plane().clone(), effect.object().clone());
                self.send(Some(id), plane, Operation::Inspect { key }, What::BeforeTaking(effect));
            }
            (Some(id), What::BeforeTaking(effect)) => self.take(id, effect, answer),
            (Some(id), What::Effect(effect)) => {
                let outcome = self.take_answer(id, &effect, answer);
                self.count_down(id, &effect, outcome);
            }
            (Some(id), What::BeforeRepair(effect)) => self.repair(id, effect, answer),
            (Some(id), What::Repair(effect)) => {
                // Whether it was of use shows when the wanted object is applied.
                if let Answer::Object(live) = answer {
                    self.put_answer(&plane, effect.object().kind, live, Some(id));
                }
                self.apply_now(id, effect);
            }
            (_, What::Existence(doubt)) => match answer {
                Answer::Object(live) | Answer::Inspected(live, _) => {
                    if live.uid() != doubt.uid {
                        self.remove_uid(&plane, &doubt.key, &doubt.uid, End::Answered);
                    }
                    self.put_answer(&plane, doubt.key.kind, live, None);
                    self.settle(&doubt);
                }
                Answer::NotFound(_) => {
                    self.remove_uid(&plane, &doubt.key, &doubt.uid, End::Answered);
                    self.settle(&doubt);
                }
                Answer::Done | Answer::Conflict(_) | Answer::Refused(_) | Answer::Failed(_) | Answer::Withheld => {
                    self.ask_again(&plane, doubt);
                }
            },
            (None, _) => {}
        }
        self.items.resume_all(&go_on.unwrap_or_default());
    }

    /// Applies what is wanted over an object that was not known of, if that may be taken.
    fn take(&mut self, id: ItemId, effect: Effect, answer: Answer) {
        let (wanted, protects, live, managers) = match (&effect, answer) {
            (Effect::Apply { wanted, protects, .. }, Answer::Inspected(live, managers)) => {
                (wanted.clone(), protects.clone(), live, managers)
            }
            (_, Answer::Failed(trouble)) => return self.count_down(id, &effect, Outcome::Transient(trouble.message)),
            // It is gone again: planned anew.
            _ => return self.count_down(id, &effect, Outcome::Stale),
        };
        let is_known = wanted.plane == PlaneKey::Control || live.label(labels::OWNER).is_some();
        if is_known {
            // What carries a mark, and what is in the control plane, planners see and judge.
            let (plane, kind) = (effect.plane().clone(), effect.object().kind);
            self.put_answer(&plane, kind, live, None);
            return self.count_down(id, &effect, Outcome::Stale);
        }
        if live.is_deleting() {
            return self.count_down(id, &effect, Outcome::Transient("one of this name is being deleted".to_owned()));
        }
        let other = self.platform.settings().takes_over.as_ref();
        if let Err(refusal) = may_take(&live, &managers, &wanted.owner, other) {
            return self.count_down(id, &effect, Outcome::Terminal(refusal));
        }
        self.apply_now(id, Effect::Apply { wanted, place: Place::Open, protects });
    }

    /// Repairs the lists of a live object as it is now, and then applies what is wanted.
    fn repair(&mut self, id: ItemId, effect: Effect, answer: Answer) {
        let operations = match (&effect, answer) {
            (Effect::Apply { wanted, .. }, Answer::Object(live)) => {
                let mut json = live.json();
                if let Some(metadata) = json.get_mut("metadata") {
                    metadata["resourceVersion"] = live.resource_version().into();
                }
                list_repairs(&json, &wanted.marked(self.world.installation()))
            }
            _ => Vec::new(),
        };
        if operations.is_empty() {
            return self.apply_now(id, effect);
        }
        if !self.is_leading {
            return self.count_down(id, &effect, Outcome::Stale);
        }
        let (plane, key) = (effect.plane().clone(), effect.object().clone());
        let operation = Operation::Patch { key, operations: Value::Array(operations) };
        self.send(Some(id), plane, operation, What::Repair(effect));
    }

    fn apply_now(&mut self, id: ItemId, effect: Effect) {
        if !self.is_leading {
            return self.count_down(id, &effect, Outcome::Stale);
        }
        let (plane, operation) = (effect.plane().clone(), self.operation_of(id, &effect));
        self.send(Some(id), plane, operation, What::Effect(effect));
    }

    /// Takes the answer to an effect into the World, and says what it means for the plan.
    fn take_answer(&mut self, id: ItemId, effect: &Effect, answer: Answer) -> Outcome {
        let (plane, key) = (effect.plane(), effect.object());
        match answer {
            Answer::Object(live) | Answer::Inspected(live, _) => {
                if let Effect::Apply { wanted, .. } = effect {
                    // Servers normalize what they are given; whatever came of it is what was wanted.
                    live.note_holds(wanted.print());
                }
                let is_gone = match effect {
                    Effect::Finalizers { finalizers, .. } => live.is_deleting() && finalizers.is_empty(),
                    // What a deletion shows is still there only where something holds it.
                    Effect::Delete(_) => !live.is_deleting(),
                    Effect::Status { .. } | Effect::Apply { .. } => false,
                };
                if let Effect::Delete(deletion) = effect
                    && !is_gone
                    && let Some(flight) = self.items.get_mut(id).and_then(|item| item.flight.as_mut())
                {
                    flight.left_in.insert(deletion.plane.clone());
                }
                if is_gone {
                    self.remove_uid(plane, key, &live.uid(), End::Answered);
                } else {
                    self.put_answer(plane, key.kind, live, Some(id));
                }
                Outcome::Done
            }
            Answer::Done => {
                if let Effect::Delete(deletion) = effect {
                    self.remove_uid(plane, key, &deletion.uid, End::Answered);
                }
                Outcome::Done
            }
            Answer::NotFound(message) => match effect {
                Effect::Delete(deletion) => {
                    self.remove_uid(plane, key, &deletion.uid, End::Answered);
                    Outcome::Done
                }
                Effect::Finalizers { uid, .. } => {
                    self.remove_uid(plane, key, uid, End::Answered);
                    Outcome::Stale
                }
                Effect::Status { object, .. } => {
                    let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
                    self.remove_uid(plane, key, uid, End::Answered);
                    Outcome::Stale
                }
                Effect::Apply { .. } => Outcome::Transient(message),
            },
            Answer::Conflict(message) => match effect {
                // Somebody was faster, or the object is another one: planned again with what is then seen.
                Effect::Finalizers { .. } | Effect::Status { .. } | Effect::Delete(_) => Outcome::Stale,
                Effect::Apply { .. } => Outcome::Transient(message),
            },
            Answer::Refused(message) => match effect {
                // The test of what was seen failed.
                Effect::Finalizers { .. } => Outcome::Stale,
                Effect::Status { .. } | Effect::Apply { .. } | Effect::Delete(_) => Outcome::Terminal(message),
            },
            Answer::Failed(trouble) => {
                if let Effect::Apply { wanted, .. } = effect
                    && may_be_done(&trouble)
                {
                    self.doubt_unheard(plane, key, &wanted.owner);
                }
                Outcome::Transient(trouble.message)
            }
            // Whether it was done all the same, the watch tells.
            Answer::Withheld => Outcome::Stale,
        }
    }

    /// Puts an object as an answer showed it. The watch may have been faster: what it has told to be gone stays gone.
    pub(super) fn put_answer(&mut self, plane: &PlaneKey, kind: Kind, live: Stored, by: Option<ItemId>) {
        if self.gone.hides(&live, Source::Answer) {
            return;
        }
        let change = self.world.put_stored(plane, kind, live, Source::Answer);
        self.changed(change, by);
        self.keep_bounds(plane);
    }

    /// Takes an object away that is known to be gone, if what is held is that object and not its successor.
    pub(super) fn remove_uid(&mut self, plane: &PlaneKey, key: &ObjectKey, uid: &str, end: End) {
        self.gone.add(uid.to_owned(), end);
        if self.world.get(plane, key).is_some_and(|live| live.uid() == uid) {
            let change = self.world.remove(plane, key);
            self.changed(change, None);
        }
    }
}

/// Whether a request that failed like this may have been done all the same.
fn may_be_done(trouble: &Trouble) -> bool {
    match trouble.cause {
        Disconnect::NoAnswer | Disconnect::ServerError => true,
        Disconnect::TlsRefused | Disconnect::CredentialsRefused | Disconnect::Forbidden | Disconnect::TooLarge => false,
    }
}

/// Whether a plane's own state is in question after an answer like this.
pub(super) fn is_about_the_plane(trouble: &Trouble) -> bool {
    match trouble.cause {
        Disconnect::NoAnswer | Disconnect::TlsRefused | Disconnect::CredentialsRefused => true,
        Disconnect::Forbidden | Disconnect::ServerError | Disconnect::TooLarge => false,
    }
}
