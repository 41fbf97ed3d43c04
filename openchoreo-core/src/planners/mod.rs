//! Planners of the platform kinds: the frame in which components are built and deployed.

mod component;
pub mod deletion;
mod deployment_pipeline;
mod environment;
mod organization;
pub mod plane;
mod project;

use std::sync::Arc;

use crate::conditions::{CommonReason, ReasonInfo};
use crate::planner::AnyPlanner;

pub use component::{ComponentPlanner, ComponentReason, DEFAULT_TRACK};
pub use deployment_pipeline::{DeploymentPipelinePlanner, DeploymentPipelineReason, first_environment};
pub use environment::{EnvironmentPlanner, EnvironmentReason};
pub use organization::{OrganizationPlanner, OrganizationReason};
pub use plane::{DataPlanePlanner, PlaneReason};
pub use project::{ProjectPlanner, ProjectReason};

/// The planners of the platform kinds.
pub fn all() -> Vec<Arc<dyn AnyPlanner>> {
    vec![
        Arc::new(OrganizationPlanner),
        Arc::new(ProjectPlanner),
        Arc::new(EnvironmentPlanner),
        Arc::new(DataPlanePlanner),
        Arc::new(DeploymentPipelinePlanner),
        Arc::new(ComponentPlanner),
    ]
}

/// The condition reasons of this crate, for the documents.
pub fn reasons() -> Vec<ReasonInfo> {
    [
        CommonReason::ALL,
        OrganizationReason::ALL,
        ProjectReason::ALL,
        EnvironmentReason::ALL,
        PlaneReason::ALL,
        DeploymentPipelineReason::ALL,
        ComponentReason::ALL,
    ]
    .concat()
}
