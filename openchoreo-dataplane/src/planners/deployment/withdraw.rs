//! Taking a Deployment back: Endpoints first, since a route must not outlive what it leads to, then the objects in
//! every recorded plane, and the cells that nobody else is in.

use openchoreo_core::conditions::CommonReason;
use openchoreo_core::kind::PlaneKey;
use openchoreo_core::labels::Owner;
use openchoreo_core::plan::Plan;
use openchoreo_core::planner::PlanContext;
use openchoreo_core::record::recorded_by;
use openchoreo_core::remote::{Settled, settle};
use openchoreo_types::common::PlaneRef;
use openchoreo_types::v1alpha1::Deployment;

use super::{Draft, cells, owner_of};

/// Takes a Deployment back a step further; whether nothing is left of it.
pub(super) fn withdraw(cx: &PlanContext<'_>, plan: &mut Plan, deployment: &Deployment, draft: &mut Draft) -> bool {
    if plan.prune(cx, &PlaneKey::Control, &owner_of(deployment)) {
        draft.find(CommonReason::Deleting, "its Endpoints are being removed");
        return false;
    }
    let recorded = recorded_by(deployment, |status| &status.planes);
    let settled = settle_planes(cx, plan, deployment, &recorded, None);
    let is_clean = settled.is_clean();
    for finding in settled.waiting {
        draft.add(finding);
    }
    draft.status.planes = settled.planes;
    if is_clean {
        draft.status.cells.clear();
    }
    is_clean
}

/// Cleans recorded planes where nothing is wanted any more, each with the cells that are left there.
pub(super) fn settle_planes(
    cx: &PlanContext<'_>,
    plan: &mut Plan,
    deployment: &Deployment,
    recorded: &[PlaneRef],
    wanted: Option<&PlaneKey>,
) -> Settled {
    let own = owner_of(deployment);
    let mut all = settle(cx, plan, &[], &[], wanted);
    // Two registrations may lead to one cluster, and what is wanted through the one stays.
    let is_left = |plane: &&PlaneRef| {
        wanted.is_none_or(|wanted| !cx.is_same_cluster(wanted, &PlaneKey::Remote((*plane).clone())))
    };
    for plane in recorded.iter().filter(is_left) {
        let cells = cells::left(cx, deployment, &PlaneKey::Remote(plane.clone()), None);
        // What is in a namespace that goes, goes with it, so that the cell is found until it is going.
        let owners: Vec<&Owner> = cells.iter().chain([&own]).collect();
        let settled = settle(cx, plan, &owners, std::slice::from_ref(plane), None);
        all.planes.extend(settled.planes);
        all.waiting.extend(settled.waiting);
    }
    all.planes.sort();
    all.planes.dedup();
    all
}
