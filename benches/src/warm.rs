//! A World at rest with any number of components, and the recorded reads of all its planners.
//!
//! It is what an engine holds in memory when everything has been applied: plans of it send no request.

use anyhow::Context;
use jiff::Timestamp;
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::{ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use openchoreo_core::plan::Plan;
use openchoreo_core::planner::{AnyPlanner, PlanContext};
use openchoreo_core::platform::Platform;
use openchoreo_core::world::wake::{ReadSet, WakeIndex};
use openchoreo_core::world::{PlaneState, World};
use openchoreo_types::v1alpha1::Deployment;

use crate::population;

/// A World at rest.
#[derive(Debug)]
pub struct Warm {
    /// The platform as shipped.
    pub platform: Platform,
    /// Everything that was written and everything that was planned.
    pub world: World,
    /// Who has read what.
    pub wake: WakeIndex<ObjectKey>,
    /// The Deployments, in order.
    pub deployments: Vec<ObjectKey>,
}

impl Warm {
    /// The World of an organization of a size.
    ///
    /// # Errors
    /// The population is not what the platform takes.
    pub fn of(components: usize) -> anyhow::Result<Self> {
        let platform = controller_manager::default_platform(ArgoSettings::default()).build()?;
        let plane = PlaneKey::data_plane(population::ORGANIZATION, population::DATA_PLANE);
        let mut offline = Offline::new(&platform, Timestamp::UNIX_EPOCH);
        offline.connect(&plane);
        let mut documents = population::organization();
        documents.push(population::data_plane());
        documents.extend(population::projects(components));
        for document in documents {
            offline.apply(document)?;
        }
        offline.settle()?;
        for number in 0..components {
            for document in population::component(number) {
                offline.apply(document)?;
            }
            // In portions, as they would come from people.
            offline.settle()?;
        }

        // A copy of one's own, since that of the run cannot be changed behind its back.
        let mut world = platform.new_world();
        for plane in [&PlaneKey::Control, &plane] {
            for (key, live) in offline.world().all(plane) {
                world.put(plane, key.kind, live.json().clone());
            }
        }
        world.set_plane_state(&plane, offline.world().plane_state(&plane));
        debug_assert!(matches!(world.plane_state(&plane), PlaneState::Connected { .. }));
        drop(offline);

        let mut warm = Self { platform, world, wake: WakeIndex::default(), deployments: Vec::new() };
        for (key, _) in warm.world.all(&PlaneKey::Control) {
            if warm.planner(&key).is_some() {
                let (_, reads) = warm.plan(&key).with_context(|| format!("cannot plan {key}"))?;
                warm.wake.record(&key, reads);
            }
            if key.kind == openchoreo_core::kind::Kind::of::<Deployment>() {
                warm.deployments.push(key);
            }
        }
        anyhow::ensure!(
            warm.deployments.len() == components,
            "the platform made {} Deployments",
            warm.deployments.len()
        );
        Ok(warm)
    }

    /// One pass over an object, as the engine makes it: the plan, and what it read.
    pub fn plan(&self, key: &ObjectKey) -> Option<(Plan, ReadSet)> {
        let live = self.world.get(&PlaneKey::Control, key)?;
        let cx = PlanContext::new(&self.world, &self.platform, Timestamp::UNIX_EPOCH);
        let plan = self.planner(key)?.plan_stored(&cx, live).ok()?;
        Some((plan, cx.into_reads()))
    }

    fn planner(&self, key: &ObjectKey) -> Option<&dyn AnyPlanner> {
        self.platform.planners().iter().find(|planner| planner.kind() == key.kind).map(|planner| &**planner)
    }
}
