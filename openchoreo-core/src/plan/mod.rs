//! Plans: what should be, as data.
//!
//! A [`Plan`] names the objects wanted in each plane, what is to be deleted, the status of the planned object, and
//! when to look again. [`effects`] compares it with the World; what is already so costs no request.

pub mod effects;
mod rendered;
mod taking;

use jiff::Timestamp;
use kube::Resource;
use openchoreo_types::{PlatformKind, PlatformStatus};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::conditions::{self, Finding, Reason};
use crate::kind::{ObjectKey, PlaneKey};
use crate::labels::{self, Installation, Owner};
use crate::naming::hash::digest16;
use crate::world::Stored;

pub use rendered::Rendered;
pub(crate) use rendered::printable;
pub use taking::OtherSystem;
pub(crate) use taking::may_take;

/// An object that should be in a plane.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wanted {
    /// The plane it belongs in.
    pub plane: PlaneKey,
    /// On whose behalf it is wanted.
    pub owner: Owner,
    /// The object.
    pub object: Rendered,
}

impl Wanted {
    /// Its key in the plane.
    pub fn key(&self) -> &ObjectKey {
        self.object.key()
    }

    /// The object as it is applied: marked with its owner, and with the digest of it all.
    pub fn marked(&self, installation: &Installation) -> Value {
        let mut object = self.object.json();
        let metadata = member(&mut object, "metadata");
        member(metadata, "labels")[labels::OWNER] = self.owner.label_value(installation).into();
        member(metadata, "annotations")[labels::OWNED_BY] = self.owner.to_string().into();
        let digest = digest16(&[&object.to_string()]);
        member(member(&mut object, "metadata"), "annotations")[labels::WANTED_DIGEST] = digest.into();
        object
    }

    /// A digest of what is wanted, for comparisons within this process.
    pub(crate) fn print(&self) -> u64 {
        rendered::print(&(self.object.print(), &self.owner))
    }
}

/// The named member of a JSON object, made an object where it is none.
fn member<'v>(value: &'v mut Value, name: &str) -> &'v mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let slot = &mut value[name];
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot
}

/// An object that should no longer be in a plane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Deletion {
    /// The plane it is in.
    pub plane: PlaneKey,
    /// Its key there.
    pub key: ObjectKey,
    /// The uid that was seen: another object of the same name is not deleted.
    pub uid: String,
    /// The owner that it is pruned for.
    pub owner: Option<Owner>,
}

/// What an owner has in a plane and the plan does not want there is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Prune {
    /// The plane.
    pub plane: PlaneKey,
    /// The owner.
    pub owner: Owner,
}

/// An object that protects another: while it is refused, the other does not stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Protection {
    /// The plane of both.
    pub plane: PlaneKey,
    /// What protects.
    pub guard: ObjectKey,
    /// What is protected by it.
    pub exposure: ObjectKey,
}

/// What is known of who owns what, as a planner may ask: see [`PlanContext`](crate::planner::PlanContext).
pub trait Inventory {
    /// Whether an owner has, or may have, anything in a plane.
    fn has_any(&self, plane: &PlaneKey, owner: &Owner) -> bool;
}

/// What should become of the finalizer of the planned object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Finalizer {
    /// It is left as it is.
    #[default]
    Leave,
    /// It holds the object until what it owns is gone.
    Hold(&'static str),
    /// Nothing is left to clean: the object may go.
    Release(&'static str),
    /// The same, whatever finalizers of the platform's it has.
    ReleaseAll,
}

/// What a planner wants: pure data, ordered, printable.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    /// Objects wanted, in the order in which they are applied.
    pub wanted: Vec<Wanted>,
    /// Forms of objects that are there already by which something is taken away: they wait for nothing that is wanted, and
    /// nothing keeps them from being applied first.
    pub narrowed: Vec<Wanted>,
    /// What of the wanted protects what else of it.
    pub protections: Vec<Protection>,
    /// Owners and planes where what is not wanted is to be deleted.
    pub prunes: Vec<Prune>,
    /// Objects to be deleted beside those.
    pub deletions: Vec<Deletion>,
    /// The whole status of the planned object.
    pub status: Option<Value>,
    /// The finalizer of the planned object.
    pub finalizer: Finalizer,
    /// When to plan again although nothing that was read has changed.
    pub look_again: Option<Timestamp>,
}

impl Plan {
    /// An empty plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wants an object in a plane, on behalf of an owner.
    pub fn want<K>(&mut self, plane: &PlaneKey, owner: &Owner, object: &K)
    where
        K: Resource<DynamicType = ()> + Serialize + 'static,
        K::Scope: 'static,
    {
        self.want_rendered(plane, owner, Rendered::new(object));
    }

    /// Wants a rendered object in a plane, on behalf of an owner.
    pub fn want_rendered(&mut self, plane: &PlaneKey, owner: &Owner, object: Rendered) {
        if object.key().name.is_empty() {
            debug_assert!(false, "a rendered {} has no name", object.kind());
            return;
        }
        self.wanted.push(Wanted { plane: plane.clone(), owner: owner.clone(), object });
    }

    /// Takes something away from an object that is there, by applying this form of it before anything else is applied. Where
    /// the object is not there, nothing is done.
    pub fn narrow(&mut self, plane: &PlaneKey, owner: &Owner, object: Rendered) {
        self.narrowed.push(Wanted { plane: plane.clone(), owner: owner.clone(), object });
    }

    /// Lets a wanted object stand only while another wanted one, which protects it, is not refused.
    pub fn protect(&mut self, plane: &PlaneKey, guard: ObjectKey, exposure: ObjectKey) {
        self.protections.push(Protection { plane: plane.clone(), guard, exposure });
    }

    /// Deletes what an owner has in a plane and this plan does not want there, wherever in the plan it is wanted.
    /// Gives whether the owner has anything there now, wanted or not.
    pub fn prune(&mut self, inventory: &dyn Inventory, plane: &PlaneKey, owner: &Owner) -> bool {
        self.prunes.push(Prune { plane: plane.clone(), owner: owner.clone() });
        inventory.has_any(plane, owner)
    }

    /// Deletes one object, unless its deletion has begun.
    pub fn delete(&mut self, plane: &PlaneKey, key: ObjectKey, uid: &str, is_deleting: bool) {
        if !is_deleting {
            self.deletions.push(Deletion { plane: plane.clone(), key, uid: uid.to_owned(), owner: None });
        }
    }

    /// Deletes a typed object of the control plane, unless its deletion has begun.
    pub fn delete_object<K>(&mut self, object: &K)
    where
        K: Resource<DynamicType = ()> + 'static,
        K::Scope: 'static,
    {
        let meta = object.meta();
        let key = ObjectKey::of::<K>(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
        self.delete(
            &PlaneKey::Control,
            key,
            meta.uid.as_deref().unwrap_or_default(),
            meta.deletion_timestamp.is_some(),
        );
    }

    /// Sets the status of the planned object.
    pub fn report<S: Serialize>(&mut self, status: &S) {
        self.status = serde_json::to_value(status).ok();
    }

    /// Sets the status of an object that is known as JSON only: its fields, `conditions` over those that it shows now, and
    /// `observedGeneration`. Of typed objects, [`StatusDraft`] makes the status.
    pub fn report_findings(&mut self, object: &Stored, status: Value, findings: &[Finding], now: Timestamp) {
        let previous = conditions::shown(object.json().get("status"));
        let merged = conditions::merge(&previous, findings, Some(object.generation()), now);
        let mut status = if status.is_object() { status } else { Value::Object(Map::new()) };
        status["conditions"] = serde_json::to_value(merged).unwrap_or_default();
        status["observedGeneration"] = object.generation().into();
        self.status = Some(status);
    }

    /// Asks to be planned again at a time; the earliest asked for counts.
    pub fn look_again(&mut self, at: Timestamp) {
        self.look_again = Some(self.look_again.map_or(at, |earlier| earlier.min(at)));
    }
}

/// The status of an object while its planner decides: findings become conditions at the end, over the conditions the
/// object shows now.
#[derive(Debug)]
pub struct StatusDraft<S> {
    /// The status apart from its conditions.
    pub status: S,
    findings: Vec<Finding>,
    generation: Option<i64>,
}

impl<S: PlatformStatus + Clone + Default> StatusDraft<S> {
    /// A draft over the status that an object shows now.
    pub fn of<K: PlatformKind<Status = S>>(object: &K) -> Self {
        Self {
            status: object.status().cloned().unwrap_or_default(),
            findings: Vec::new(),
            generation: object.meta().generation,
        }
    }

    /// Adds a verdict. Of several on one condition the worst is shown.
    pub fn find(&mut self, reason: impl Reason, message: impl Into<String>) {
        self.findings.push(Finding::new(reason, message));
    }

    /// Adds a verdict made elsewhere.
    pub fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Whether a verdict other than True has been found on a condition.
    pub fn has_problem(&self, condition: &str) -> bool {
        let bad = |finding: &Finding| finding.reason.status != conditions::ConditionStatus::True;
        self.findings.iter().any(|finding| finding.reason.condition == condition && bad(finding))
    }

    /// The status with its conditions.
    pub fn finish(mut self, now: Timestamp) -> S {
        let merged = conditions::merge(self.status.conditions(), &self.findings, self.generation, now);
        self.status.set_conditions(merged);
        if let Some(generation) = self.generation {
            self.status.set_observed_generation(generation);
        }
        self.status
    }
}
