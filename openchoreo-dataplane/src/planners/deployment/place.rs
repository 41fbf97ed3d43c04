//! Where a Deployment belongs: component, track, environment, data plane.
//!
//! What becomes of what runs, when that is not known:
//! - A parent is missing, or nothing says (any more) of which organization the namespace is: it stays. A label may be
//!   stripped for a moment, a restore brings parents in any order, and an Organization that goes in order has taken its
//!   Deployments with it before.
//! - A parent is being deleted, the organization included: it is taken away.
//! - Another Component has the identity and is older: it is taken away, for the two would meet.
//!
//! Which of several Deployments in one place has it is for [`succession`](super::succession) to say.

use std::sync::Arc;

use openchoreo_core::conditions::Finding;
use openchoreo_core::hierarchy::{
    ComponentScope, EnvironmentScope, HierarchyError, environment_of, name_of, required_label, scope_by_label, track_of,
};
use openchoreo_core::labels;
use openchoreo_core::planner::PlanContext;
use openchoreo_types::v1alpha1::{DataPlane, Deployment, DeploymentTrack, Environment};

use super::{DeploymentReason, Stop};

/// Where a Deployment belongs.
pub(super) struct Place {
    pub(super) scope: ComponentScope,
    pub(super) track: Arc<DeploymentTrack>,
    /// Name of the environment.
    pub(super) environment: String,
    pub(super) target: EnvironmentScope,
}

/// Finds out where a Deployment belongs. Missing parents keep what runs; parents that are going take it away.
pub(super) fn place(cx: &PlanContext<'_>, deployment: &Deployment) -> Result<Place, Stop> {
    let scope = scope_by_label(cx, deployment).map_err(stop)?;
    if scope.component.metadata.deletion_timestamp.is_some() {
        let message = format!("Component `{}` is being deleted", name_of(&*scope.component));
        return Err(Stop::withdraw(Finding::new(DeploymentReason::Withdrawn, message)));
    }
    let environment = required_label(deployment, labels::ENVIRONMENT, "Environment").map_err(stop)?.to_owned();
    going(cx, &scope.organization, &environment)?;
    let track = required_label(deployment, labels::DEPLOYMENT_TRACK, "DeploymentTrack").map_err(stop)?;
    let track = track_of(cx, &scope, track).map_err(stop)?;
    let target = environment_of(cx, &scope.organization, &environment).map_err(stop)?;
    Ok(Place { scope, track, environment, target })
}

fn stop(error: HierarchyError) -> Stop {
    match error {
        HierarchyError::OrganizationDeleting { .. } | HierarchyError::Duplicate { .. } => Stop::withdraw(error),
        _ => Stop::keep(error),
    }
}

/// Stops where the environment or its data plane is being deleted.
fn going(cx: &PlanContext<'_>, organization: &str, name: &str) -> Result<(), Stop> {
    let Some(environment) = cx.written::<Environment>(organization, name) else { return Ok(()) };
    let withdrawn = |message| Err(Stop::withdraw(Finding::new(DeploymentReason::Withdrawn, message)));
    if environment.metadata.deletion_timestamp.is_some() {
        return withdrawn(format!("Environment `{name}` is being deleted"));
    }
    let plane = environment.spec.data_plane_ref.clone().unwrap_or_default();
    match cx.written::<DataPlane>(organization, &plane) {
        Some(found) if found.metadata.deletion_timestamp.is_some() => {
            withdrawn(format!("DataPlane `{plane}` is being deleted"))
        }
        Some(_) | None => Ok(()),
    }
}
