//! Workloads in data planes: how a component becomes Kubernetes objects, and when.
//!
//! - [`parts`]: the pieces of a workload as free functions; a renderer of one's own may use them.
//! - [`renderers`]: the shipped [`ComponentRenderer`]s: Service, WebApplication, ScheduledTask.
//! - [`health`]: how an observed object is doing.
//! - [`artifact`] and [`configuration`]: which image and which configuration groups an artifact means.
//! - [`images`]: whose images a component may run, and from which registries.
//! - [`testing`]: workloads at the edges of what a cluster takes.
//! - [`mod@planners`]: ConfigurationGroup, DeploymentTrack, DeployableArtifact and Deployment.
//!
//! Pure: no network, no clock. Routes and network policies are made in `openchoreo-net`, builds in `openchoreo-build`.
//!
//! Two types are called Deployment: the platform's is imported as `oc::Deployment` or alone, that of Kubernetes as
//! `apps::Deployment`.

pub mod artifact;
pub mod configuration;
pub mod health;
pub mod images;
pub mod parts;
pub mod planners;
pub mod renderers;
pub mod testing;

use std::sync::Arc;

use openchoreo_core::conditions::ReasonInfo;
use openchoreo_core::extension::ComponentRenderer;
use openchoreo_core::planner::AnyPlanner;

pub use parts::WorkloadSettings;
pub use parts::style::WorkloadStyle;

/// The shipped renderers with the default settings.
pub fn builtin_renderers() -> Vec<Arc<dyn ComponentRenderer>> {
    builtin_renderers_with(&WorkloadSettings::default())
}

/// The shipped renderers with settings of one's own.
pub fn builtin_renderers_with(settings: &WorkloadSettings) -> Vec<Arc<dyn ComponentRenderer>> {
    vec![
        Arc::new(renderers::LongRunningRenderer::service(settings.clone())),
        Arc::new(renderers::LongRunningRenderer::web_application(settings.clone())),
        Arc::new(renderers::ScheduledTaskRenderer::new(settings.clone())),
    ]
}

/// The planners of this crate with the default settings.
pub fn planners() -> Vec<Arc<dyn AnyPlanner>> {
    planners_with(&WorkloadSettings::default())
}

/// The planners of this crate with settings of one's own, which must be those of the renderers.
pub fn planners_with(settings: &WorkloadSettings) -> Vec<Arc<dyn AnyPlanner>> {
    planners::all(settings)
}

/// The condition reasons of this crate, for the documents.
pub fn reasons() -> Vec<ReasonInfo> {
    planners::reasons()
}
