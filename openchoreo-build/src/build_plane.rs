//! BuildPlane: a cluster that runs builds. It is judged as a DataPlane is, by a real connection; whether the build
//! engine is installed there is said by the builds that need it.

use openchoreo_core::kind::PlaneKey;
use openchoreo_core::labels::finalizers;
use openchoreo_core::plan::{Plan, StatusDraft};
use openchoreo_core::planner::{PlanContext, Planner, Uses};
use openchoreo_core::planners::plane::{judge, plane_uses};
use openchoreo_types::v1alpha1::BuildPlane;

/// Checks the connection of build planes, and empties them before they go.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuildPlanePlanner;

impl Planner for BuildPlanePlanner {
    type Object = BuildPlane;

    fn name(&self) -> &'static str {
        "build-plane"
    }

    fn uses(&self) -> Uses {
        plane_uses()
    }

    fn plan(&self, cx: &PlanContext<'_>, plane: &BuildPlane) -> Plan {
        let mut draft = StatusDraft::of(plane);
        let namespace = plane.metadata.namespace.clone().unwrap_or_default();
        let key = PlaneKey::build_plane(namespace, plane.metadata.name.clone().unwrap_or_default());
        let verdict = judge(cx, plane, &key, &plane.spec.kubernetes_cluster, finalizers::BUILD_PLANE);
        draft.status.connection = verdict.connection;
        draft.add(verdict.finding);
        let mut plan = verdict.plan;
        plan.report(&draft.finish(cx.now()));
        plan
    }
}
