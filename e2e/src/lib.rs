//! The end-to-end suite: the same scenarios on three lanes.
//!
//! | lane | planes | pods, builds, gateway |
//! |---|---|---|
//! | `embedded` | embedded Kubernetes APIs in this process | simulated |
//! | `planes` | two real API servers, by kubeconfig | simulated |
//! | `data-plane` | two real API servers, the second with a node, Argo Workflows and Envoy Gateway | real |
//!
//! A [`Ground`] is a lane made ready: planes installed, simulators where the lane needs them, controllers running. A
//! scenario is an async function over it. Scenarios reach the platform only as people do: through the API of the
//! control plane and the command line, and through the URL of an Endpoint. What the controllers wrote is read from the
//! planes, never from the controllers; the one exception is the count of their requests.
//!
//! Deliberately not here: tests of rendering, naming and planning (beside their code), and measurements, which stand on
//! the same planes ([`Planes`], [`Setup`], [`Proxy`]).

mod ground;
mod issuer;
mod planes;
mod program;
mod proxy;
mod scenarios;
mod setup;
mod tenant;
mod waiting;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures::StreamExt as _;

pub use ground::{Ground, Lane};
pub use planes::{Plane, Planes};
pub use proxy::Proxy;
pub use scenarios::{Scenario, scenarios};
pub use setup::{Setup, Simulators, registration};

/// How many scenarios run at a time. They use organizations of their own, so they cannot meet.
const AT_A_TIME: usize = 4;

/// How a scenario ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Nothing, or what went wrong.
    pub failure: Option<anyhow::Error>,
}

/// Runs the scenarios of a lane whose names contain one of the given words (all, without words).
///
/// # Errors
/// The lane cannot be made ready.
pub async fn run(lane: Lane, words: &[String]) -> anyhow::Result<Vec<Outcome>> {
    let ground = Ground::prepare(lane).await?;
    let chosen =
        |scenario: &Scenario| words.is_empty() || words.iter().any(|word| scenario.name.contains(word.as_str()));
    let (alone, together): (Vec<_>, Vec<_>) = scenarios()
        .into_iter()
        .filter(|scenario| scenario.lanes.contains(&lane) && chosen(scenario))
        .partition(|scenario| scenario.alone);
    // A real build takes what the machine has; two at once only make both late.
    let at_a_time = if lane == Lane::DataPlane { 1 } else { AT_A_TIME };
    let mut outcomes: Vec<_> =
        futures::stream::iter(together).map(|scenario| perform(&ground, scenario)).buffered(at_a_time).collect().await;
    for scenario in alone {
        outcomes.push(perform(&ground, scenario).await);
    }
    ground.leave().await;
    Ok(outcomes)
}

async fn perform(ground: &Ground, scenario: Scenario) -> Outcome {
    let started = Instant::now();
    let failure = (scenario.run)(ground).await.err();
    tracing::info!(scenario = scenario.name, failed = failure.is_some(), "scenario ended");
    Outcome { name: scenario.name, took: started.elapsed(), failure }
}

/// The outcomes, one line each, failures with their causes.
pub fn report(lane: Lane, outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let word = if outcome.failure.is_some() { "FAILED" } else { "ok" };
        let _ = writeln!(text, "{word:>6} {lane} {} ({:.1} s)", outcome.name, outcome.took.as_secs_f64());
        if let Some(failure) = &outcome.failure {
            for cause in failure.chain() {
                let _ = writeln!(text, "       {}", cause.to_string().trim_end().replace('\n', "\n       "));
            }
        }
    }
    text
}
