//! Planners of what is deployed and how: ConfigurationGroup, DeploymentTrack, DeployableArtifact, Deployment.

mod configuration_group;
mod deployable_artifact;
mod deployment;
mod deployment_track;

use std::sync::Arc;

use openchoreo_core::conditions::ReasonInfo;
use openchoreo_core::planner::AnyPlanner;

use crate::parts::WorkloadSettings;

pub use configuration_group::{ConfigurationGroupPlanner, ConfigurationGroupReason};
pub use deployable_artifact::{DeployableArtifactPlanner, DeployableArtifactReason};
pub use deployment::{DeploymentPlanner, DeploymentReason};
pub use deployment_track::{DeploymentTrackPlanner, DeploymentTrackReason};

/// The planners of this crate, for workloads with these settings.
pub fn all(settings: &WorkloadSettings) -> Vec<Arc<dyn AnyPlanner>> {
    vec![
        Arc::new(ConfigurationGroupPlanner::new(settings)),
        Arc::new(DeploymentTrackPlanner),
        Arc::new(DeployableArtifactPlanner),
        Arc::new(DeploymentPlanner::new(settings)),
    ]
}

/// The condition reasons of this crate, for the documents.
pub fn reasons() -> Vec<ReasonInfo> {
    [ConfigurationGroupReason::ALL, DeploymentTrackReason::ALL, DeployableArtifactReason::ALL, DeploymentReason::ALL]
        .concat()
}
