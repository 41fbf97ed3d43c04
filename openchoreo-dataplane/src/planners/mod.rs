//! Planners of what is deployed and how: ConfigurationGroup, DeploymentTrack, DeployableArtifact, Deployment.

mod configuration_group;
mod deployable_artifact;
mod deployment;
mod deployment_track;

use std::sync::Arc;

use openchoreo_core::conditions::ReasonInfo;
use openchoreo_core::planner::AnyPlanner;

pub use configuration_group::{ConfigurationGroupPlanner, ConfigurationGroupReason};
pub use deployable_artifact::{DeployableArtifactPlanner, DeployableArtifactReason};
pub use deployment::{DeploymentPlanner, DeploymentReason};
pub use deployment_track::{DeploymentTrackPlanner, DeploymentTrackReason};

/// The planners of this crate.
pub fn all() -> Vec<Arc<dyn AnyPlanner>> {
    vec![
        Arc::new(ConfigurationGroupPlanner),
        Arc::new(DeploymentTrackPlanner),
        Arc::new(DeployableArtifactPlanner),
        Arc::new(DeploymentPlanner),
    ]
}

/// The condition reasons of this crate, for the documents.
pub fn reasons() -> Vec<ReasonInfo> {
    [ConfigurationGroupReason::ALL, DeploymentTrackReason::ALL, DeployableArtifactReason::ALL, DeploymentReason::ALL]
        .concat()
}
