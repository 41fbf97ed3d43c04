//! A pass: plan an object, and send, wave by wave, what its plan still needs.
//!
//! Room is taken before a plan is made: a plan that would have to wait for room is dropped and made anew when there is
//! some, so nothing that is sent was planned long ago. What several objects share has one writer at a time. Between two
//! waves an object that was woken is planned again instead. Answers are put into the World at once, so that the next
//! pass sees what this one did before the watch tells.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use super::items::{Flight, ItemId, Outcome, Urgency};
use super::lanes::{End, Phase};
use super::protocol::{Answer, Command, Operation, RequestId, Trouble};
use super::{Core, Reader, UndeclaredUse, after, backoff};
use crate::conditions::{CommonReason, Finding, READY, merge, shown as conditions};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels::{self, Installation, Owner};
use crate::plan::effects::{Effect, Place, effects, list_repairs};
use crate::plan::{Finalizer, Plan};
use crate::planner::{AnyPlanner, PlanContext};
use crate::record::recorded;
use crate::remote::clean_everywhere;
use crate::world::{ClusterId, Disconnect, PlaneState, ReadSet, Source, Stored};

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Pending {
    /// Whose it is; nothing where the core asks whether an object is there.
    item: Option<ItemId>,
    plane: PlaneKey,
    /// The cluster that the plane led to: an answer says nothing about another one.
    cluster: ClusterId,
    what: What,
}

/// What a request is for.
#[derive(Debug)]
enum What {
    /// An effect of a plan.
    Effect(Effect),
    /// The live form of an object whose lists are to be repaired before it is applied.
    BeforeRepair(Effect),
    /// The repair itself.
    Repair(Effect),
    /// Whether an object exists that a list did not show and an answer did, or that may have been made.
    Existence(Doubt),
}

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
    /// Makes a pass over an item. Gives the planner's name, if it planned.
    pub(super) fn pass(&mut self, id: ItemId) -> Option<&'static str> {
        let item = self.items.get_mut(id)?;
        if item.flight.is_some() {
            item.again = item.again.max(Some(Urgency::Soon));
            self.items.leave_queue(id);
            return None;
        }
        let (key, failure) = (item.key.clone(), item.failure.clone());
        let planner = std::sync::Arc::clone(self.platform.planners().get(item.planner)?);
        let Some(live) = self.world.get(&PlaneKey::Control, &key).cloned() else {
            self.wake.forget(Reader::Item(id));
            self.items.remove(id);
            return None;
        };
        self.counts.passes += 1;
        let (mut plan, reads, panic) = self.plan(&*planner, &live);
        let is_settling = shows_its_state(&live) && self.is_connecting(&reads);
        self.check_uses(&*planner, &key, &plan, &reads);
        self.wake.record(Reader::Item(id), reads);
        if is_settling {
            // A start of the controllers is no news about the object: it keeps its status until the plane's state is
            // known, which wakes it.
            self.items.leave_queue(id);
            return Some(planner.name());
        }
        if let Some(message) = panic {
            self.items.leave_queue(id);
            self.note_failure(id, Some(message));
            return Some(planner.name());
        }
        let mut waves = effects(&plan, &self.world, &key);
        let is_only_status = |waves: &[Vec<Effect>]| waves.iter().flatten().all(|e| matches!(e, Effect::Status { .. }));
        let failure = match failure {
            // What was refused is not needed any more.
            Some(_) if is_only_status(&waves) => {
                self.forget_failure(id, waves.is_empty());
                None
            }
            failure => failure,
        };
        if let Some(message) = failure.or_else(|| self.failure_beside(id, &key)) {
            show_failure(&mut plan, &live, &message, self.now);
            waves = effects(&plan, &self.world, &key);
        }
        let own = Owner::object(key.kind.kind, &key.namespace, &key.name);
        // What is shared is looked at by many and written by one at a time.
        if self.owners.wait(id, &shared_owners(&plan, &own)) || self.waits_for_room(id, &waves) {
            return Some(planner.name());
        }
        let held_until = self.hold_back(id, &mut waves);
        self.items.leave_queue(id);
        self.items.clear_timer(id);
        for at in plan.look_again.into_iter().chain(held_until) {
            self.items.set_timer(id, at.max(self.now));
        }
        if waves.is_empty() {
            return Some(planner.name());
        }
        let written: BTreeSet<&Owner> = waves.iter().flatten().filter_map(Effect::owner).collect();
        let owners: Vec<Owner> = written.into_iter().filter(|owner| **owner != own).cloned().collect();
        self.owners.claim(&owners);
        if let Some(item) = self.items.get_mut(id) {
            item.flight = Some(Box::new(Flight {
                waves: waves.into(),
                pending: 0,
                outcome: Outcome::Done,
                status: plan.status,
                left_in: BTreeSet::new(),
                owners,
                generation: live.generation(),
                content: live.content(),
                is_reporting: false,
            }));
        }
        self.next_wave(id);
        Some(planner.name())
    }

    /// Takes a status out of the waves that only tells of progress: it is written when it has lasted a moment, if it
    /// still holds then. Gives when that is.
    fn hold_back(&mut self, id: ItemId, waves: &mut Vec<Vec<Effect>>) -> Option<jiff::Timestamp> {
        let (now, delay) = (self.now, self.settings.progress);
        let item = self.items.get_mut(id)?;
        let is_held = |effect: &Effect| matches!(effect, Effect::Status { object, .. } if is_progress(object));
        // A status that goes before others records what they are about to write.
        let can_wait = delay.is_positive() && waves.last().is_some_and(|wave| wave.iter().any(is_held));
        if !can_wait {
            item.held_until = None;
            return None;
        }
        let until = *item.held_until.get_or_insert_with(|| after(now, delay));
        if until <= now {
            item.held_until = None;
            return None;
        }
        if let Some(wave) = waves.last_mut() {
            wave.retain(|effect| !is_held(effect));
        }
        waves.retain(|wave| !wave.is_empty());
        Some(until)
    }

    /// The plan of an object as it would be made now, for people who ask; it is not applied.
    pub fn plan_of(&self, key: &ObjectKey) -> Vec<Plan> {
        let Some(live) = self.world.get(&PlaneKey::Control, key) else { return Vec::new() };
        let planners = self.planners.get(&key.kind).into_iter().flatten();
        let planners = planners.filter_map(|planner| self.platform.planners().get(*planner));
        planners.map(|planner| self.plan(&**planner, live).0).collect()
    }

    /// Makes a plan. A planner that does not report the status of its object leaves that to the one that does, and the
    /// message of its panic, if that is how it ended, is given apart.
    fn plan(&self, planner: &dyn AnyPlanner, live: &Stored) -> (Plan, ReadSet, Option<String>) {
        let cx = PlanContext::new(&self.world, self.platform.extensions(), self.now);
        // A planner of somebody's may panic; its object says so, and the others go on.
        let planned = catch_unwind(AssertUnwindSafe(|| planner.plan_stored(&cx, live)));
        let panicked = || format!("planner `{}` panicked; see the log of the controllers", planner.name());
        let (plan, panic) = match (planned, planner.reports_status()) {
            (Ok(Ok(plan)), true) => (plan, None),
            (Ok(Ok(plan)), false) => (Plan { status: None, ..plan }, None),
            (Ok(Err(error)), true) => (unreadable_object(&cx, planner.kind(), live, &error), None),
            (Ok(Err(_)), false) => (Plan::new(), None),
            (Err(_), true) => (report_only(&cx, live, CommonReason::PlannerFailed, &panicked()), None),
            (Err(_), false) => (Plan::new(), Some(panicked())),
        };
        (plan, cx.into_reads(), panic)
    }

    /// Notes a planner that uses kinds which nothing watches: its object would miss news of them.
    fn check_uses(&mut self, planner: &dyn AnyPlanner, key: &ObjectKey, plan: &Plan, reads: &ReadSet) {
        let wanted = plan.wanted.iter().chain(&plan.narrowed);
        let wanted = wanted.map(|wanted| (wanted.plane == PlaneKey::Control, wanted.object.kind()));
        let mut used = reads.kinds().iter().copied().chain(wanted);
        let is_watched = |used: &(bool, Kind)| used.1 == key.kind || self.watched.contains(used);
        if let Some((is_control, kind)) = used.find(|used| !is_watched(used)) {
            let plane = if is_control { "the control plane" } else { "remote planes" };
            self.undeclared = Some(UndeclaredUse::Kind { planner: planner.name(), kind, plane });
        } else if let Some((kind, index)) = reads.missing_index() {
            self.undeclared = Some(UndeclaredUse::Index { planner: planner.name(), kind, index });
        }
    }

    /// Whether a plane that was looked at is registered and the outcome of its first connection is still to come.
    fn is_connecting(&self, reads: &ReadSet) -> bool {
        self.settings.connects
            && self.lanes.values().any(|lane| {
                // A plane that may not be connected to has no outcome to wait for.
                lane.phase != Phase::Idle
                    && matches!(self.world.plane_state(&lane.key), PlaneState::Unknown)
                    && reads.has_plane(&lane.key)
            })
    }

    fn forget_failure(&mut self, id: ItemId, is_done: bool) {
        self.note_failure(id, None);
        // It may be the status that cannot be written.
        if let Some(item) = self.items.get_mut(id).filter(|_| is_done) {
            item.attempts = 0;
        }
    }

    /// Notes what an item was refused last, or that it is no longer. Where another planner reports the status of the
    /// object, that one is to show it.
    fn note_failure(&mut self, id: ItemId, failure: Option<String>) {
        let Some(item) = self.items.get_mut(id) else { return };
        let failure = failure.map(String::into_boxed_str);
        if item.failure == failure {
            return;
        }
        item.failure = failure;
        let (own, key) = (item.planner, item.key.clone());
        let reports = |planner: &usize| self.platform.planners().get(*planner).is_some_and(|p| p.reports_status());
        let reporter = self.planners.get(&key.kind).and_then(|all| all.iter().copied().find(reports));
        if let Some(reporter) = reporter.filter(|reporter| *reporter != own).and_then(|of| self.items.find(of, &key)) {
            self.wake_item(reporter, Urgency::Soon);
        }
    }

    /// What another planner of the same object was refused last.
    fn failure_beside(&self, id: ItemId, key: &ObjectKey) -> Option<Box<str>> {
        let planners = self.planners.get(&key.kind).filter(|planners| planners.len() > 1)?;
        let items = planners.iter().filter_map(|planner| self.items.find(*planner, key));
        items.filter(|other| *other != id).find_map(|other| self.items.get(other)?.failure.clone())
    }

    /// Lets an item wait where a plane that it needs has no room; whether it waits.
    fn waits_for_room(&mut self, id: ItemId, waves: &[Vec<Effect>]) -> bool {
        let planes: BTreeSet<&PlaneKey> = waves.iter().flatten().map(Effect::plane).collect();
        for plane in planes {
            let limit = self.room_limit(plane);
            if let Some(room) = self.room(plane)
                && room.is_full(limit)
            {
                room.wait(id);
                return true;
            }
        }
        false
    }

    /// Lets those go on who wait for room that there is: who was let in before them may not have used it. Whether
    /// anybody does.
    pub(super) fn wake_waiting(&mut self) -> bool {
        let mut woken = self.control.go_on(self.settings.control_concurrency);
        for lane in self.lanes.values_mut() {
            woken.extend(lane.room.go_on(self.settings.plane_concurrency));
        }
        self.items.resume_all(&woken);
        !woken.is_empty()
    }

    fn room_limit(&self, plane: &PlaneKey) -> usize {
        match plane {
            PlaneKey::Control => self.settings.control_concurrency,
            PlaneKey::Remote(_) => self.settings.plane_concurrency,
        }
    }

    fn room(&mut self, plane: &PlaneKey) -> Option<&mut super::lanes::Room> {
        match plane {
            PlaneKey::Control => Some(&mut self.control),
            PlaneKey::Remote(remote) => self.lanes.get_mut(remote).map(|lane| &mut lane.room),
        }
    }

    /// Sends the next wave of an item, or ends its flight where there is none.
    fn next_wave(&mut self, id: ItemId) {
        let is_leading = self.is_leading;
        let Some(item) = self.items.get_mut(id) else { return };
        let Some(flight) = item.flight.as_mut() else { return };
        let is_stopped = flight.outcome != Outcome::Done || (item.again.is_some() && !flight.is_reporting);
        let wave = if is_stopped || !is_leading { None } else { flight.next_wave() };
        let Some(wave) = wave else { return self.land(id) };
        flight.pending = wave.len();
        for effect in wave {
            self.send_effect(id, effect);
        }
    }

    fn send_effect(&mut self, id: ItemId, effect: Effect) {
        let manager = self.manager_of(id);
        let (operation, what) = match effect {
            Effect::Apply { place: Place::Taken { ref owned_by }, .. } => {
                let outcome = Outcome::Terminal(taken(owned_by));
                return self.count_down(id, &effect, outcome);
            }
            Effect::Apply { ref wanted, place: Place::Altered, .. } => {
                (Operation::Get { key: wanted.key().clone() }, What::BeforeRepair(effect))
            }
            effect => (operation(&effect, manager, self.world.installation()), What::Effect(effect)),
        };
        let plane = match &what {
            What::Effect(effect) | What::BeforeRepair(effect) | What::Repair(effect) => effect.plane().clone(),
            What::Existence(_) => PlaneKey::Control,
        };
        self.send(Some(id), plane, operation, what);
    }

    fn manager_of(&self, id: ItemId) -> String {
        let planner = self.items.get(id).and_then(|item| self.platform.planners().get(item.planner));
        format!("openchoreo/{}", planner.map_or("core", |planner| planner.name()))
    }

    fn send(&mut self, item: Option<ItemId>, plane: PlaneKey, operation: Operation, what: What) {
        let request = RequestId(self.next_id());
        if item.is_some() {
            self.counts.requests += 1;
        }
        if let Some(room) = self.room(&plane) {
            room.in_flight += 1;
        }
        let cluster = self.world.cluster_id(&plane);
        self.requests.insert(request, Pending { item, plane: plane.clone(), cluster, what });
        self.commands.push_back(Command::Send { request, plane, operation });
    }

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
            (Some(id), What::Effect(effect) | What::BeforeRepair(effect) | What::Repair(effect)) if is_elsewhere => {
                self.count_down(id, &effect, Outcome::Stale);
            }
            (_, What::Existence(doubt)) if is_elsewhere => self.settle(&doubt),
            // What a repair would lead to is not sent any more.
            (Some(id), What::BeforeRepair(effect) | What::Repair(effect)) if !self.is_leading => {
                self.count_down(id, &effect, Outcome::Stale);
            }
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
                Answer::Object(live) => {
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
        let (plane, operation) =
            (effect.plane().clone(), operation(&effect, self.manager_of(id), self.world.installation()));
        self.send(Some(id), plane, operation, What::Effect(effect));
    }

    /// Takes the answer to an effect into the World, and says what it means for the plan.
    fn take_answer(&mut self, id: ItemId, effect: &Effect, answer: Answer) -> Outcome {
        let (plane, key) = (effect.plane(), effect.object());
        match answer {
            Answer::Object(live) => {
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
    }

    /// Takes an object away that is known to be gone, if what is held is that object and not its successor.
    pub(super) fn remove_uid(&mut self, plane: &PlaneKey, key: &ObjectKey, uid: &str, end: End) {
        self.gone.add(uid.to_owned(), end);
        if self.world.get(plane, key).is_some_and(|live| live.uid() == uid) {
            let change = self.world.remove(plane, key);
            self.changed(change, None);
        }
    }

    /// Deletes what an object protects that was refused: it does not stand without.
    fn fail_closed(&mut self, id: ItemId, effect: &Effect) {
        let Effect::Apply { protects, .. } = effect else { return };
        for exposure in protects {
            let Some(flight) = self.items.get_mut(id).and_then(|item| item.flight.as_mut()) else { return };
            flight.pending += 1;
            self.send_effect(id, Effect::Delete(exposure.clone()));
        }
    }

    /// One request of a wave was answered.
    fn count_down(&mut self, id: ItemId, effect: &Effect, outcome: Outcome) {
        if matches!(outcome, Outcome::Terminal(_)) && self.is_leading {
            self.fail_closed(id, effect);
        }
        let outcome = match outcome {
            Outcome::Transient(message) => Outcome::Transient(format!("{}: {message}", describe(effect))),
            Outcome::Terminal(message) => Outcome::Terminal(format!("{}: {message}", describe(effect))),
            Outcome::Done | Outcome::Stale => outcome,
        };
        let Some(flight) = self.items.get_mut(id).and_then(|item| item.flight.as_mut()) else { return };
        flight.pending = flight.pending.saturating_sub(1);
        if !flight.is_reporting {
            flight.outcome = flight.outcome.clone().max(outcome);
        }
        if flight.pending == 0 {
            if flight.is_reporting { self.land(id) } else { self.next_wave(id) }
        }
    }

    /// Ends a flight: shows what was refused, and decides when the object is planned again.
    fn land(&mut self, id: ItemId) {
        let (now, is_leading) = (self.now, self.is_leading);
        let (moment, waits, longest) = (self.settings.moment, self.settings.backoff, self.settings.backoff.1);
        let Some(item) = self.items.get_mut(id) else { return };
        let Some(flight) = item.flight.as_mut() else { return };
        let failure = match &flight.outcome {
            Outcome::Done | Outcome::Stale => None,
            Outcome::Transient(message) | Outcome::Terminal(message) => Some(message.clone()),
        };
        if let Some(message) = &failure
            && !flight.is_reporting
            && is_leading
        {
            flight.is_reporting = true;
            let (key, status) = (item.key.clone(), flight.status.clone());
            self.note_failure(id, Some(message.clone()));
            // The refusal is shown at once, whatever becomes of the next try.
            if let Some(effect) = self.failed_status(&key, status, message) {
                if let Some(flight) = self.items.get_mut(id).and_then(|item| item.flight.as_mut()) {
                    flight.pending = 1;
                    if let Effect::Status { object, .. } = &effect {
                        flight.status = object.get("status").cloned();
                    }
                }
                return self.send_effect(id, effect);
            }
        }
        let Some(item) = self.items.get_mut(id) else { return };
        let Some(flight) = item.flight.take() else { return };
        let again = item.again.take();
        match flight.outcome {
            Outcome::Done if !flight.waves.is_empty() => {
                // Woken between two waves: what is left to do is planned anew.
                self.items.enqueue(id);
            }
            Outcome::Done => {
                let had_failed = item.failure.is_some();
                item.attempts = 0;
                item.not_before = after(now, moment);
                if had_failed {
                    // The status still speaks of the failure.
                    self.note_failure(id, None);
                    self.items.enqueue(id);
                }
            }
            Outcome::Stale | Outcome::Transient(_) | Outcome::Terminal(_) => {
                item.attempts = item.attempts.saturating_add(1);
                // What is refused for good is tried again too, though seldom: a webhook or a quota may have refused it.
                let is_terminal = matches!(flight.outcome, Outcome::Terminal(_));
                item.not_before = after(now, if is_terminal { longest } else { backoff(waits, item.attempts) });
                let at = item.not_before;
                self.items.set_timer(id, at);
            }
        }
        if let Some(urgency) = again {
            self.wake_item(id, urgency);
        }
        self.items.resume_all(&self.owners.release(&flight.owners));
    }

    /// The status of an object with a refusal in the place of its verdict on Ready, if it does not show it already.
    fn failed_status(&self, key: &ObjectKey, status: Option<Value>, message: &str) -> Option<Effect> {
        let live = self.world.get(&PlaneKey::Control, key)?;
        let mut shown = Plan { status, ..Plan::new() };
        show_failure(&mut shown, live, message, self.now);
        effects(&shown, &self.world, key).into_iter().flatten().next()
    }
}

fn describe(effect: &Effect) -> String {
    match effect {
        Effect::Finalizers { .. } => "cannot set the finalizer".to_owned(),
        Effect::Status { .. } => "cannot write the status".to_owned(),
        Effect::Apply { wanted, .. } => format!("cannot apply {} to {}", wanted.key(), wanted.plane),
        Effect::Delete(deletion) => format!("cannot delete {} from {}", deletion.key, deletion.plane),
    }
}

/// Why an object is not applied that has the name of another installation's.
fn taken(owned_by: &str) -> String {
    let owner = labels::OWNER;
    format!(
        "it exists and is marked as that of `{owned_by}` in another installation; if that one is gone, remove the label \
         `{owner}` of the object, or give this installation the identity of that one"
    )
}

/// The request that an effect is.
fn operation(effect: &Effect, manager: String, installation: &Installation) -> Operation {
    match effect {
        Effect::Finalizers { key, finalizers, seen, uid } => {
            Operation::Patch { key: key.clone(), operations: finalizer_patch(seen, finalizers, uid) }
        }
        Effect::Status { key, object } => {
            Operation::Apply { key: key.clone(), manager, object: object.clone(), to_status: true }
        }
        Effect::Apply { wanted, .. } => {
            let (key, object) = (wanted.key().clone(), wanted.marked(installation));
            Operation::Apply { key, manager, object, to_status: false }
        }
        Effect::Delete(deletion) => Operation::Delete { key: deletion.key.clone(), uid: deletion.uid.clone() },
    }
}

/// A JSON patch that changes finalizers only where they are as they were seen: other writes in between do not matter.
fn finalizer_patch(seen: &[String], finalizers: &[String], uid: &str) -> Value {
    let before = if seen.is_empty() { Value::Null } else { json!(seen) };
    let mut operations = Vec::new();
    if !uid.is_empty() {
        operations.push(json!({ "op": "test", "path": "/metadata/uid", "value": uid }));
    }
    operations.push(json!({ "op": "test", "path": "/metadata/finalizers", "value": before }));
    operations.push(json!({ "op": "add", "path": "/metadata/finalizers", "value": finalizers }));
    Value::Array(operations)
}

/// The owners other than the object itself for which a plan writes or prunes.
fn shared_owners(plan: &Plan, own: &Owner) -> BTreeSet<Owner> {
    let wanted = plan.wanted.iter().chain(&plan.narrowed).map(|wanted| &wanted.owner);
    let owners = wanted.chain(plan.prunes.iter().map(|prune| &prune.owner));
    owners.filter(|owner| *owner != own).cloned().collect()
}

/// Whether a status tells of something that is not as it should be, and so perhaps of a moment only.
fn is_progress(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let is_true = |condition: &Value| condition.get("status").and_then(Value::as_str) == Some("True");
    !conditions.is_some_and(|conditions| conditions.iter().all(is_true))
}

/// Whether an object shows a status of its newest generation.
fn shows_its_state(live: &Stored) -> bool {
    let observed = live.json().pointer("/status/observedGeneration").and_then(Value::as_i64);
    live.generation() != 0 && observed == Some(live.generation())
}

/// Puts a refusal in the place of the planner's verdict on Ready.
fn show_failure(plan: &mut Plan, live: &Stored, message: &str, now: jiff::Timestamp) {
    let Some(status) = &mut plan.status else { return };
    let finding = Finding::new(CommonReason::ApplyFailed, message);
    let failed = merge(&conditions(live.json().get("status")), &[finding], Some(live.generation()), now);
    let mut conditions = conditions(Some(status));
    match conditions.iter_mut().find(|condition| condition.type_ == READY) {
        Some(ready) => *ready = failed.into_iter().next().unwrap_or_else(|| ready.clone()),
        None => conditions.extend(failed),
    }
    status["conditions"] = serde_json::to_value(conditions).unwrap_or_default();
}

/// A plan that only says what is wrong with its object.
fn report_only(cx: &PlanContext<'_>, live: &Stored, reason: CommonReason, message: &str) -> Plan {
    let json = live.json();
    let mut status = json.get("status").filter(|status| status.is_object()).cloned().unwrap_or_else(|| json!({}));
    let planes = recorded(&json);
    if !planes.is_empty() {
        status["planes"] = serde_json::to_value(planes).unwrap_or_default();
    }
    let mut plan = Plan::new();
    plan.report_findings(live, status, &[Finding::new(reason, message)], cx.now());
    plan
}

/// The plan of an object that cannot be read as its kind. What it has made stays while it is there; when it is deleted,
/// what it has made is found by owner and by the planes that it recorded, and removed like that of any other.
fn unreadable_object(cx: &PlanContext<'_>, kind: Kind, live: &Stored, error: &str) -> Plan {
    let mut plan = report_only(cx, live, CommonReason::InvalidObject, error);
    if live.is_deleting() {
        let owner = Owner::object(kind.kind, live.namespace(), live.name());
        let left = clean_everywhere(cx, &mut plan, &owner, &live.json());
        if !left {
            plan.finalizer = Finalizer::ReleaseAll;
        }
    }
    plan
}

/// Whether a request that failed like this may have been done all the same.
fn may_be_done(trouble: &Trouble) -> bool {
    match trouble.cause {
        Disconnect::NoAnswer | Disconnect::ServerError => true,
        Disconnect::TlsRefused | Disconnect::CredentialsRefused | Disconnect::Forbidden => false,
    }
}

/// Whether a plane's own state is in question after an answer like this.
pub(super) fn is_about_the_plane(trouble: &Trouble) -> bool {
    match trouble.cause {
        Disconnect::NoAnswer | Disconnect::TlsRefused | Disconnect::CredentialsRefused => true,
        Disconnect::Forbidden | Disconnect::ServerError => false,
    }
}
