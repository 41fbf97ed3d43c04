//! A pass: plan an object, and find what its plan still needs.
//!
//! Room is taken before a plan is made: a plan that would have to wait for room is dropped and made anew when there is
//! some, so nothing that is sent was planned long ago. What several objects share has one writer at a time.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Value, json};

use super::items::{Flight, ItemId, Outcome, Urgency};
use super::lanes::{Phase, Room};
use super::{Core, Reader, UndeclaredUse, after};
use crate::conditions::{CommonReason, Finding, READY, merge, shown as conditions};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels::Owner;
use crate::plan::effects::{Effect, effects};
use crate::plan::{Finalizer, Plan};
use crate::planner::{AnyPlanner, PlanContext};
use crate::record::{recorded, recorded_cells};
use crate::remote::clean_everywhere;
use crate::world::{PlaneState, ReadSet, Stored};

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
                cannot_report: false,
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
    pub(super) fn note_failure(&mut self, id: ItemId, failure: Option<String>) {
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

    pub(super) fn room_limit(&self, plane: &PlaneKey) -> usize {
        match plane {
            PlaneKey::Control => self.settings.control_concurrency,
            PlaneKey::Remote(_) => self.settings.plane_concurrency,
        }
    }

    pub(super) fn room(&mut self, plane: &PlaneKey) -> Option<&mut Room> {
        match plane {
            PlaneKey::Control => Some(&mut self.control),
            PlaneKey::Remote(remote) => self.lanes.get_mut(remote).map(|lane| &mut lane.room),
        }
    }
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
pub(super) fn show_failure(plan: &mut Plan, live: &Stored, message: &str, now: jiff::Timestamp) {
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
    let (planes, cells) = (recorded(&json), recorded_cells(&json));
    if !planes.is_empty() {
        status["planes"] = serde_json::to_value(planes).unwrap_or_default();
    }
    if !cells.is_empty() {
        status["cells"] = cells.into();
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
