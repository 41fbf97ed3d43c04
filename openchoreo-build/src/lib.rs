//! Build engines, and the planners of builds and build planes.
//!
//! - [`ArgoWorkflows`]: the shipped [`BuildEngine`]. Others implement the same
//!   trait and check themselves with [`testing::engine_contract`].
//! - [`BuildPlanner`]: from a Build to a run in a build plane, and from the run to a DeployableArtifact.
//! - [`BuildPlanePlanner`]: whether a build plane answers.
//! - [`descriptor`]: the `workload.yaml` that a repository may hold.
//!
//! Everything is pure: nothing here talks to a cluster, and no source is read. What a build does is up to the template
//! that its plane holds.
//!
//! ```
//! use openchoreo_build::ArgoSettings;
//! use openchoreo_core::platform::Platform;
//!
//! let platform = Platform::builder()
//!     .build_engines(openchoreo_build::builtin_engines(ArgoSettings::default()))
//!     .planners(openchoreo_build::planners())
//!     .build()?;
//! assert!(platform.build_engine("argo").is_some());
//! # Ok::<(), openchoreo_core::platform::PlatformError>(())
//! ```

mod argo;
mod build;
mod build_plane;
pub mod descriptor;
pub mod testing;

use std::sync::Arc;

use openchoreo_core::conditions::ReasonInfo;
use openchoreo_core::extension::BuildEngine;
use openchoreo_core::planner::AnyPlanner;

pub use argo::{ArgoSettings, ArgoWorkflows};
pub use build::{
    ArtifactReason, BuildPlanner, BuildReason, BuildStepReason, CloneReason, CompletedReason, PushReason,
    UpToDateReason,
};
pub use build_plane::BuildPlanePlanner;

/// The engines that are shipped.
pub fn builtin_engines(settings: ArgoSettings) -> Vec<Arc<dyn BuildEngine>> {
    vec![Arc::new(ArgoWorkflows::new(settings))]
}

/// The planners of this crate.
pub fn planners() -> Vec<Arc<dyn AnyPlanner>> {
    vec![Arc::new(BuildPlanner), Arc::new(BuildPlanePlanner)]
}

/// The condition reasons of this crate, for the documents.
pub fn reasons() -> Vec<ReasonInfo> {
    build::reason_rows().copied().collect()
}
