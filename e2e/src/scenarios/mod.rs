//! The scenarios, and on which lanes each runs.
//!
//! A scenario has organizations of its own, registers the data plane for them, and ends by checking that neither plane
//! holds anything of them any more.

mod admission;
mod bad_input;
mod credentials;
mod deletion;
mod delivery;
mod edits;
mod hand_over;
mod late_plane;
mod organizations;
mod protection;
mod resources;
mod rest;
mod takeover;
mod tenants;
mod walk;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use crate::ground::{Ground, Lane};

/// One scenario.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What it shows.
    pub name: &'static str,
    /// Where it can run.
    pub lanes: &'static [Lane],
    /// Whether it needs the ground for itself.
    pub alone: bool,
    pub(crate) run: for<'g> fn(&'g Ground) -> LocalBoxFuture<'g, anyhow::Result<()>>,
}

impl std::fmt::Debug for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Lanes where builds, pods and answers are simulated, so that a scenario costs seconds.
const SIMULATED: &[Lane] = &[Lane::Embedded, Lane::Planes];
/// All lanes.
const EVERYWHERE: &[Lane] = &[Lane::Embedded, Lane::Planes, Lane::DataPlane];
/// The lane with real API servers and nothing else.
const API_SERVERS: &[Lane] = &[Lane::Planes];
/// The lane where images are really built and run.
const REAL: &[Lane] = &[Lane::DataPlane];

/// All scenarios, the walk of the documents first.
pub fn scenarios() -> Vec<Scenario> {
    macro_rules! scenario {
        ($name:literal, $lanes:expr, $alone:expr, $run:path) => {
            Scenario { name: $name, lanes: $lanes, alone: $alone, run: |ground| $run(ground).boxed_local() }
        };
    }
    vec![
        scenario!("the documents' walk ends with an answer", EVERYWHERE, false, walk::hello_world),
        scenario!("a second commit changes the answer", REAL, false, delivery::second_commit),
        scenario!("a second build rolls the workload", SIMULATED, false, edits::second_build),
        scenario!("a renamed endpoint replaces its route", SIMULATED, false, edits::renamed_endpoint),
        scenario!("a missing configuration group is waited for", SIMULATED, false, edits::configuration_group),
        scenario!("drift in the data plane is put right", SIMULATED, false, edits::drift),
        scenario!("a protected endpoint lets in whom its policies name", EVERYWHERE, false, protection::policies),
        scenario!("a successor takes over without a gap", SIMULATED, false, hand_over::successor),
        scenario!("a mistyped track is told and nothing is built for it", SIMULATED, false, hand_over::mistyped_track),
        scenario!("a late data plane wakes everything", SIMULATED, false, late_plane::late_plane),
        scenario!("deletion converges: component first", SIMULATED, false, deletion::component_first),
        scenario!("deletion converges: project first", SIMULATED, false, deletion::project_first),
        scenario!("deletion converges: organization first", SIMULATED, false, deletion::organization_first),
        scenario!("deletion converges: data plane first", SIMULATED, false, deletion::data_plane_first),
        scenario!("deletion converges: environment first", SIMULATED, false, deletion::environment_first),
        scenario!("a dead data plane holds a deletion until it answers", SIMULATED, false, deletion::dead_plane),
        scenario!("a dead data plane can be abandoned", SIMULATED, false, deletion::abandoned_plane),
        scenario!("refused credentials are told and recover", SIMULATED, false, credentials::credentials),
        scenario!("an unanswering server is told and recovers", SIMULATED, false, credentials::unreachable),
        scenario!("bad manifests are refused before they are stored", EVERYWHERE, false, bad_input::refused),
        scenario!("what is not refused beforehand is taken by an API server", API_SERVERS, false, admission::taken),
        scenario!("what is refused beforehand is refused by an API server", API_SERVERS, false, admission::refused),
        scenario!("pods of each level of security are admitted", API_SERVERS, false, admission::levels),
        scenario!("bounds of resources are those of an API server", API_SERVERS, false, admission::bounds),
        scenario!("a project that uses up its quota says so and recovers", API_SERVERS, false, resources::quota),
        scenario!("bad references are conditions", SIMULATED, false, bad_input::conditions),
        scenario!("colliding names of two organizations do not meet", SIMULATED, false, tenants::colliding_names),
        scenario!("an organization's endpoint is for its own cells", REAL, true, organizations::visibility),
        scenario!("what upstream runs is taken over in place", SIMULATED, true, takeover::in_place),
        scenario!("at rest nothing is requested", SIMULATED, true, rest::idle),
        scenario!("a restart converges and writes nothing at rest", SIMULATED, true, rest::restart),
    ]
}
