//! Sending what a plan needs: wave by wave, and what becomes of the item when all is answered.
//!
//! A wave with a failure is the last. An item that was woken between two waves is planned again instead.

use serde_json::{Value, json};

use super::answers::Doubt;
use super::items::{ItemId, Outcome};
use super::passes::show_failure;
use super::protocol::{Command, NO_REVISION, Operation, RequestId};
use super::{Core, after, backoff};
use crate::kind::{ObjectKey, PlaneKey};
use crate::labels::{self, Installation};
use crate::plan::Plan;
use crate::plan::effects::{Effect, Place, effects};
use crate::world::ClusterId;

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Pending {
    /// Whose it is; nothing where the core asks whether an object is there.
    pub(super) item: Option<ItemId>,
    pub(super) plane: PlaneKey,
    /// The cluster that the plane led to: an answer says nothing about another one.
    pub(super) cluster: ClusterId,
    pub(super) what: What,
}

/// What a request is for.
#[derive(Debug)]
pub(super) enum What {
    /// An effect of a plan.
    Effect(Effect),
    /// The live form of an object that is to be applied over, if it may be.
    BeforeTaking(Effect),
    /// The live form of an object whose lists are to be repaired before it is applied.
    BeforeRepair(Effect),
    /// The repair itself.
    Repair(Effect),
    /// Whether an object exists that a list did not show and an answer did, or that may have been made.
    Existence(Doubt),
}

impl Core {
    /// Sends the next wave of an item, or ends its flight where there is none.
    pub(super) fn next_wave(&mut self, id: ItemId) {
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
        if let Effect::Apply { place: Place::Taken { owned_by }, .. } = &effect {
            return self.count_down(id, &effect, Outcome::Terminal(taken(owned_by)));
        }
        let (operation, what) = match effect {
            Effect::Apply { ref wanted, place: Place::Altered, .. } => {
                (Operation::Get { key: wanted.key().clone() }, What::BeforeRepair(effect))
            }
            Effect::Apply { ref wanted, place: Place::Unmarked, .. } => {
                (Operation::Inspect { key: wanted.key().clone() }, What::BeforeTaking(effect))
            }
            effect => (self.operation_of(id, &effect), What::Effect(effect)),
        };
        let plane = match &what {
            What::Effect(effect) | What::BeforeTaking(effect) | What::BeforeRepair(effect) | What::Repair(effect) => {
                effect.plane().clone()
            }
            What::Existence(_) => PlaneKey::Control,
        };
        self.send(Some(id), plane, operation, what);
    }

    /// The request that an effect of an item is.
    pub(super) fn operation_of(&self, id: ItemId, effect: &Effect) -> Operation {
        let planner = self.items.get(id).and_then(|item| self.platform.planners().get(item.planner));
        let manager = format!("{}{}", labels::MANAGER_PREFIX, planner.map_or("core", |planner| planner.name()));
        operation(effect, manager, self.world.installation())
    }

    pub(super) fn send(&mut self, item: Option<ItemId>, plane: PlaneKey, operation: Operation, what: What) {
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
    pub(super) fn count_down(&mut self, id: ItemId, effect: &Effect, outcome: Outcome) {
        if matches!(outcome, Outcome::Terminal(_)) && self.is_leading {
            self.fail_closed(id, effect);
        }
        let is_failed = matches!(outcome, Outcome::Transient(_) | Outcome::Terminal(_));
        let outcome = match outcome {
            Outcome::Transient(message) => Outcome::Transient(format!("{}: {message}", describe(effect))),
            Outcome::Terminal(message) => Outcome::Terminal(format!("{}: {message}", describe(effect))),
            Outcome::Done | Outcome::Stale => outcome,
        };
        let Some(flight) = self.items.get_mut(id).and_then(|item| item.flight.as_mut()) else { return };
        flight.pending = flight.pending.saturating_sub(1);
        flight.cannot_report |= is_failed && matches!(effect, Effect::Status { .. });
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
            && !flight.cannot_report
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
    let (owner, adopt) = (labels::OWNER, labels::ADOPT);
    format!(
        "it exists and is marked as that of `{owned_by}` in another installation; if that one is gone, remove the label \
         `{owner}` of the object and annotate it with {adopt}=true, or give this installation the identity of that one"
    )
}

fn operation(effect: &Effect, manager: String, installation: &Installation) -> Operation {
    match effect {
        Effect::Finalizers { key, finalizers, seen, uid } => {
            Operation::Patch { key: key.clone(), operations: finalizer_patch(seen, finalizers, uid) }
        }
        Effect::Status { key, object } => {
            Operation::Apply { key: key.clone(), manager, object: object.clone(), to_status: true }
        }
        Effect::Apply { wanted, place, .. } => {
            let (key, mut object) = (wanted.key().clone(), wanted.marked(installation));
            if *place == Place::Free {
                object["metadata"]["resourceVersion"] = NO_REVISION.into();
            }
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
