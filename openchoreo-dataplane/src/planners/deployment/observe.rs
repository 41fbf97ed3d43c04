//! Whether what a Deployment wants is there and healthy, as one finding.

use openchoreo_core::conditions::Finding;
use openchoreo_core::extension::{ComponentRenderer, Health};
use openchoreo_core::kind::{ObjectKey, PlaneKey};
use openchoreo_core::naming::NamespaceName;
use openchoreo_core::plan::Wanted;
use openchoreo_core::planner::PlanContext;

use super::{DeploymentReason, Stop};

/// Stops while the cell's namespace is being removed: nothing can be made in it until it is gone.
pub(super) fn namespace_stays(cx: &PlanContext<'_>, plane: &PlaneKey, namespace: &NamespaceName) -> Result<(), Stop> {
    let key = ObjectKey::of::<k8s_openapi::api::core::v1::Namespace>("", namespace.as_str());
    match cx.at(plane).stored(&key) {
        Some(live) if live.is_deleting() => {
            let message =
                format!("Namespace `{namespace}` of {plane} is being removed; it is made anew when it is gone");
            Err(Stop::keep(Finding::new(DeploymentReason::DeploymentProgressing, message)))
        }
        Some(_) | None => Ok(()),
    }
}

/// The finding on Ready: the worst of all objects, with the names of those that are at fault. The objects before
/// `first_of_workload` are the cell's, which need only be there; `aside` is what else people should know.
pub(super) fn ready(
    cx: &PlanContext<'_>,
    renderer: &dyn ComponentRenderer,
    wanted: &[Wanted],
    first_of_workload: usize,
    aside: &[String],
) -> Finding {
    let (mut degraded, mut progressing, mut suspended) = (Vec::new(), Vec::new(), Vec::new());
    for (index, wanted) in wanted.iter().enumerate() {
        let is_workload = index >= first_of_workload;
        match health(cx, renderer, wanted, is_workload) {
            Health::Healthy => {}
            Health::Degraded(why) => degraded.push(format!("{}: {why}", wanted.key())),
            Health::Progressing(why) => progressing.push(format!("{}: {why}", wanted.key())),
            Health::Suspended(why) => suspended.push(format!("{}: {why}", wanted.key())),
        }
    }
    let (reason, mut lines) = if !degraded.is_empty() {
        (DeploymentReason::WorkloadDegraded, degraded)
    } else if !progressing.is_empty() {
        (DeploymentReason::DeploymentProgressing, progressing)
    } else if !suspended.is_empty() {
        (DeploymentReason::DeploymentSuspended, suspended)
    } else {
        (DeploymentReason::DeploymentReady, vec![format!("{} objects are as they should be", wanted.len())])
    };
    lines.extend_from_slice(aside);
    Finding::new(reason, lines.join("; "))
}

fn health(cx: &PlanContext<'_>, renderer: &dyn ComponentRenderer, wanted: &Wanted, is_workload: bool) -> Health {
    let Some(live) = cx.at(&wanted.plane).stored(wanted.key()) else {
        return Health::Progressing("it is being made".to_owned());
    };
    if !cx.is_held(wanted, &live) {
        return Health::Progressing("its latest change is being applied".to_owned());
    }
    if is_workload { renderer.health(wanted.key().kind, &live) } else { Health::Healthy }
}
