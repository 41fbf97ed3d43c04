//! Deleting children: what a parent that goes takes with it and waits for.
//!
//! Children are counted as they were seen, not as their type: one that cannot be read is still there, holds what it
//! recorded, and must not be forgotten.

use openchoreo_types::PlatformKind;

use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::plan::Plan;
use crate::planner::PlanContext;
use crate::world::{Select, Stored};

/// Deletes the objects of a kind that a selection matches; gives how many are left. The kind of the selection is filled
/// in here.
pub fn delete_all<K>(cx: &PlanContext<'_>, plan: &mut Plan, select: Select) -> usize
where
    K: PlatformKind,
    K::Scope: 'static,
{
    delete_those::<K>(cx, plan, select, |_, _| true).len()
}

/// Deletes the objects of a kind that a selection matches and that a question is answered with yes for; gives those
/// that are left. The kind of the selection is filled in here.
pub fn delete_those<K>(
    cx: &PlanContext<'_>,
    plan: &mut Plan,
    select: Select,
    is_meant: impl Fn(&ObjectKey, &Stored) -> bool,
) -> Vec<ObjectKey>
where
    K: PlatformKind,
    K::Scope: 'static,
{
    let mut left = Vec::new();
    for (key, live) in cx.control().list_stored_written(&Select { kind: Kind::of::<K>(), ..select }) {
        if is_meant(&key, &live) {
            plan.delete(&PlaneKey::Control, key.clone(), &live.uid(), live.is_deleting());
            left.push(key);
        }
    }
    left
}
