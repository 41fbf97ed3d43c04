//! The kinds of `openchoreo.dev/v1alpha1`, one module each.
//!
//! Two names, [`Deployment`] and [`Endpoint`], also exist in Kubernetes itself: code that uses both sides imports this
//! module under a short name and writes `oc::Deployment`.

mod build;
mod build_plane;
mod component;
mod configuration_group;
mod data_plane;
mod deployable_artifact;
mod deployment;
mod deployment_pipeline;
mod deployment_track;
mod endpoint;
mod environment;
mod organization;
mod project;

pub use build::{Build, BuildRepository, BuildRevision, BuildSpec, BuildStatus, BuiltImage};
pub use build_plane::{BuildPlane, BuildPlaneSpec, BuildPlaneStatus};
pub use component::{
    Component, ComponentBuild, ComponentRepository, ComponentSpec, ComponentStatus, ComponentType, DefaultRevision,
    component_type,
};
pub use configuration_group::{
    ConfigurationGroup, ConfigurationGroupSpec, ConfigurationGroupStatus, ConfigurationParameter, ConfigurationValue,
    EnvironmentGroup,
};
pub use data_plane::{ContainerRegistry, DataPlane, DataPlaneGateway, DataPlaneSpec, DataPlaneStatus};
pub use deployable_artifact::{
    ArtifactConfiguration, BuildSelector, Dependencies, DeployableArtifact, DeployableArtifactSpec,
    DeployableArtifactStatus, EmbeddedMetadata, EndpointTemplate, ImageSelector, TargetArtifact,
};
pub use deployment::{ConfigurationOverrides, Deployment, DeploymentSpec, DeploymentStatus, EndpointOverride};
pub use deployment_pipeline::{
    DeploymentPipeline, DeploymentPipelineSpec, DeploymentPipelineStatus, PromotionPath, TargetEnvironment,
};
pub use deployment_track::{BuildTemplateSpec, DeploymentTrack, DeploymentTrackSpec, DeploymentTrackStatus};
pub use endpoint::{Endpoint, EndpointStatus};
pub use environment::{
    Environment, EnvironmentGateway, EnvironmentSpec, EnvironmentStatus, GatewaySecurity, RemoteJwks,
};
pub use organization::{Organization, OrganizationSpec, OrganizationStatus};
pub use project::{Project, ProjectSpec, ProjectStatus};

pub use crate::common::EndpointSpec;
