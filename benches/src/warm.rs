//! A World at rest with any number of components, and the recorded reads of all its planners.
//!
//! It is what an engine holds in memory when everything has been applied: plans of it send no request.

use std::sync::Arc;

use jiff::Timestamp;
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use openchoreo_core::plan::Plan;
use openchoreo_core::plan::effects::{Effect, effects};
use openchoreo_core::planner::{AnyPlanner, PlanContext};
use openchoreo_core::platform::Platform;
use openchoreo_core::world::ReadSet;
use openchoreo_types::v1alpha1::Deployment;

use crate::offline;

/// A World at rest.
#[derive(Debug)]
pub struct Warm {
    /// The platform as shipped.
    pub platform: Arc<Platform>,
    /// Everything that was written and everything that was planned, at rest.
    pub offline: Offline,
    /// The Deployments, in order.
    pub deployments: Vec<ObjectKey>,
}

impl Warm {
    /// The World of an organization of a size.
    ///
    /// # Errors
    /// The population is not what the platform takes.
    pub fn of(components: usize) -> anyhow::Result<Self> {
        let platform = Arc::new(controller_manager::default_platform(ArgoSettings::default()).build()?);
        let offline = offline::settled(&platform, components)?;
        let deployments = offline.world().keys(&PlaneKey::Control, Kind::of::<Deployment>());
        anyhow::ensure!(deployments.len() == components, "the platform made {} Deployments", deployments.len());
        Ok(Self { platform, offline, deployments })
    }

    /// One pass over an object, as the engine makes it: the plan, what it read, and what it still needs.
    pub fn plan(&self, key: &ObjectKey) -> Option<(Plan, ReadSet, Vec<Vec<Effect>>)> {
        let world = self.offline.world();
        let live = world.get(&PlaneKey::Control, key)?;
        let cx = PlanContext::new(world, &self.platform, Timestamp::UNIX_EPOCH);
        let plan = self.planner(key)?.plan_stored(&cx, live).ok()?;
        let effects = effects(&plan, world, key);
        Some((plan, cx.into_reads(), effects))
    }

    fn planner(&self, key: &ObjectKey) -> Option<&dyn AnyPlanner> {
        self.platform.planners().iter().find(|planner| planner.kind() == key.kind).map(|planner| &**planner)
    }
}
