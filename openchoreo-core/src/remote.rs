//! Objects in remote planes, and how they are cleaned.
//!
//! Which planes hold objects of an owner is recorded in the owner's own status before the first write there, so that
//! cleaning never needs a living parent: not the Environment, not the Project, not the pipeline.

use openchoreo_types::common::PlaneRef;
use serde_json::Value;

use crate::conditions::{CommonReason, Finding};
use crate::kind::{ObjectKey, PlaneKey};
use crate::labels::Owner;
use crate::plan::{Inventory, Plan};
use crate::planner::PlanContext;
use crate::record;
use crate::world::{PlaneState, Serves};

/// What became of the planes that an owner had recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// The planes to record now.
    pub planes: Vec<PlaneRef>,
    /// What cleaning waits for.
    pub waiting: Vec<Finding>,
}

impl Settled {
    /// Whether nothing is left in any plane.
    pub fn is_clean(&self) -> bool {
        self.planes.is_empty()
    }
}

/// Whether a plane can be written to now.
///
/// # Errors
/// Why not, as a finding on Ready.
pub fn usable(cx: &PlanContext<'_>, plane: &PlaneKey) -> Result<(), Finding> {
    if let Some(plane) = plane.remote()
        && registration(cx, plane) != Registration::Present
    {
        let message = format!(
            "{} `{}` does not exist in namespace `{}` or is being deleted",
            plane.kind.as_str(),
            plane.name,
            plane.namespace
        );
        return Err(Finding::new(CommonReason::PlaneNotFound, message));
    }
    match cx.plane_state(plane) {
        PlaneState::Connected { .. } => Ok(()),
        PlaneState::Unknown => {
            Err(Finding::new(CommonReason::PlaneNotConnected, format!("{plane} is not connected yet")))
        }
        PlaneState::Unreachable { error, .. } | PlaneState::Misconfigured { error } => {
            Err(Finding::new(CommonReason::PlaneUnreachable, format!("{plane} cannot be used: {error}")))
        }
    }
}

/// Settles the planes that an owner has recorded: those where nothing is wanted any more are cleaned, and dropped
/// from the record once they are seen clean; `wanted` is the plane to keep.
///
/// Every owner given is cleaned alike: an object, and the cell that it was the last to leave.
pub fn settle(
    cx: &PlanContext<'_>,
    plan: &mut Plan,
    owners: &[&Owner],
    recorded: &[PlaneRef],
    wanted: Option<&PlaneKey>,
) -> Settled {
    let mut settled = Settled::default();
    if let Some(PlaneKey::Remote(plane)) = wanted {
        settled.planes.push(plane.clone());
    }
    for plane in recorded {
        let key = PlaneKey::Remote(plane.clone());
        // Two registrations may lead to one cluster: what is wanted through the one is not removed through the other.
        let is_wanted = wanted.is_some_and(|wanted| cx.is_same_cluster(wanted, &key));
        if is_wanted || registration(cx, plane) == Registration::Gone {
            continue;
        }
        match cx.plane_state(&key) {
            PlaneState::Connected { .. } => {
                let mut left = false;
                for owner in owners {
                    left |= plan.prune(cx, &key, owner);
                }
                let unseen = unseen_kinds(cx, &key);
                if !unseen.is_empty() {
                    settled.planes.push(plane.clone());
                    let message = format!(
                        "{key} serves {} only in versions that are not read here, so what is left there cannot be seen",
                        unseen.join(", ")
                    );
                    settled.waiting.push(Finding::new(CommonReason::PlaneUnreachable, message));
                } else if left {
                    settled.planes.push(plane.clone());
                    let message = format!("objects are being removed from {key}");
                    settled.waiting.push(Finding::new(CommonReason::Deleting, message));
                }
            }
            state => {
                settled.planes.push(plane.clone());
                let why = match state {
                    PlaneState::Unreachable { error, .. } | PlaneState::Misconfigured { error } => error,
                    PlaneState::Unknown | PlaneState::Connected { .. } => "it is not connected yet".to_owned(),
                };
                let message = format!(
                    "objects in {key} cannot be removed until it answers again: {why}; deleting the {} gives them up",
                    plane.kind.as_str()
                );
                settled.waiting.push(Finding::new(CommonReason::PlaneUnreachable, message));
            }
        }
    }
    settled.planes.sort();
    settled.planes.dedup();
    settled
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Registration {
    Present,
    Leaving,
    Gone,
}

fn registration(cx: &PlanContext<'_>, plane: &PlaneRef) -> Registration {
    match cx.control().stored_written(&ObjectKey::registration(plane)).map(|registered| registered.is_deleting()) {
        None => Registration::Gone,
        Some(true) => Registration::Leaving,
        Some(false) => Registration::Present,
    }
}

/// Drops recorded planes where an owner is seen to have nothing, for a pass that neither wants nor removes anything.
pub fn forget_clean(cx: &PlanContext<'_>, owner: &Owner, recorded: &mut Vec<PlaneRef>) {
    recorded.retain(|plane| {
        let key = PlaneKey::Remote(plane.clone());
        let is_seen = matches!(cx.plane_state(&key), PlaneState::Connected { .. }) && unseen_kinds(cx, &key).is_empty();
        !is_seen || cx.has_any(&key, owner)
    });
}

/// Kinds of which a plane may hold objects that cannot be seen, since it serves them in other versions only.
fn unseen_kinds(cx: &PlanContext<'_>, plane: &PlaneKey) -> Vec<String> {
    let view = cx.at(plane);
    let mut kinds = cx.platform().workload_kinds();
    kinds.extend(cx.platform().build_kinds());
    kinds.retain(|kind| view.how_serves(*kind) == Serves::InOtherVersions);
    kinds.sort_unstable();
    kinds.dedup();
    kinds.iter().map(ToString::to_string).collect()
}

/// Removes everything of an owner, wherever its JSON says that it has something, without reading it as its kind. Gives
/// whether anything is left.
pub(crate) fn clean_everywhere(cx: &PlanContext<'_>, plan: &mut Plan, owner: &Owner, object: &Value) -> bool {
    let recorded = record::recorded(object);
    if plan.prune(cx, &PlaneKey::Control, owner) {
        return true;
    }
    !settle(cx, plan, &[owner], &recorded, None).is_clean()
}
