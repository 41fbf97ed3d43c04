//! A simulator: the real core and real planners against modelled API servers, in any order that messages, failures and
//! people may take (feature `testing`).
//!
//! A [`Scenario`] says what there is, what people and controllers of the planes do, and what must hold. A run of it is a
//! function of its [`Choices`]: which message arrives next, which request is lost, when a manager crashes. So a run that
//! fails is run again by its seed, and what matters of it is found by taking choices away ([`Report::shrunk`]).
//!
//! What is simulated: two managers of which one leads, and their hand-over; crashes between any two requests; requests and
//! answers that are lost, late, refused or out of order; watches that lag, fail and list anew; planes that do not answer;
//! other writers. What is not: the driver (sockets, kube's watcher, the Lease itself, whose fence is taken to hold), clocks
//! that run apart, validation by the servers, the merging of lists in objects.

mod choices;
mod course;
mod manager;
mod server;
mod stage;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::engine::core::CoreSettings;
use crate::platform::Platform;
use course::Course;

pub use choices::{Choices, shrink};
pub use manager::CONTROL;
pub use server::{Happened, Server, is_going, key_of, served};
pub use stage::Stage;

/// What there is, who does what, and what must hold.
pub trait Scenario {
    /// The platform.
    fn platform(&self) -> Arc<Platform>;

    /// The names of the clusters beside that of the control plane. A registration leads to the one that is the first label
    /// of its host.
    fn clusters(&self) -> Vec<String>;

    /// What is written before anything happens.
    fn begin(&mut self, stage: &mut Stage);

    /// Somebody does something in a storm: one of the edits of people or of other writers.
    fn disturb(&mut self, _stage: &mut Stage) {}

    /// A controller of a cluster has seen something, and does what it does then.
    fn react(&mut self, server: &mut Server, happened: &Happened);

    /// Whether [`Scenario::react`] would do something.
    fn reacts_to(&self, happened: &Happened) -> bool;

    /// What must hold after everything that happens.
    ///
    /// # Errors
    /// What does not.
    fn always(&mut self, stage: &Stage) -> Result<(), Violation>;

    /// Somebody does one of the things that are tried in small scopes, by its number.
    fn act(&mut self, _stage: &mut Stage, _number: usize) {}

    /// People say their last word, before everything calms down.
    fn last_word(&mut self, stage: &mut Stage);

    /// What must hold when everything has calmed down.
    ///
    /// # Errors
    /// What does not.
    fn finally(&mut self, stage: &Stage) -> Result<(), Violation>;
}

/// Something does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which rule, the same for all that break it.
    pub rule: &'static str,
    /// How it is broken.
    pub what: String,
}

impl Violation {
    /// A rule is broken like this.
    pub fn new(rule: &'static str, what: impl Into<String>) -> Self {
        Self { rule, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

/// How long a run is, and how much is against it.
#[derive(Clone, Debug)]
pub struct Storm {
    /// How many things happen before everything calms down.
    pub turns: usize,
    /// Of a hundred things, how many are out of order, and how many are disturbances or failures.
    pub disorder: usize,
    /// See there.
    pub trouble: usize,
    /// How many managers there are; one leads.
    pub managers: usize,
    /// How the cores decide.
    pub core: CoreSettings,
    /// How many requests may be sent when nothing disturbs any more.
    pub bound: u64,
}

impl Default for Storm {
    fn default() -> Self {
        let core = CoreSettings { plane_concurrency: 3, control_concurrency: 4, ..CoreSettings::default() };
        Self { turns: 600, disorder: 50, trouble: 12, managers: 2, core, bound: 2_000 }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The choices that were taken in the storm.
    pub choices: Vec<u64>,
    /// What was broken, if anything was.
    pub violation: Option<Violation>,
    /// What happened, line by line; empty unless it was asked for.
    pub trace: Vec<String>,
    /// How many requests were sent.
    pub requests: u64,
    /// How many things happened.
    pub turns: u64,
    /// How many watches each manager had in the end.
    pub watches: usize,
}

/// Runs a scenario: the storm, people's last word, the calm after it, and what must hold then.
pub fn run(scenario: &mut dyn Scenario, choices: Choices, storm: &Storm, has_trace: bool) -> Report {
    let mut course = Course::new(scenario, choices, storm, has_trace);
    let violation = course.live().err();
    report(course.stage, violation)
}

/// Runs a scenario, and gives the servers as they are in the end.
///
/// # Errors
/// What was broken.
pub fn outcome(
    scenario: &mut dyn Scenario,
    choices: Choices,
    storm: &Storm,
) -> Result<BTreeMap<String, Server>, Violation> {
    let mut course = Course::new(scenario, choices, storm, false);
    course.live()?;
    Ok(course.stage.servers)
}

/// What happens at a turn of a small scope, in which all else happens in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// Somebody does something, by its number: see [`Scenario::act`].
    Act(usize),
    /// The manager crashes.
    Crash,
    /// A watch, by its number, tells nothing any more until all is quiet.
    Lag(usize),
}

/// Runs a scenario from where servers are, with interruptions at given turns and all else in order, then people's last
/// word, and what must hold then. The turns of an interruption are counted from the moment at which the manager is at rest.
/// Gives beside the report in how many turns it came to rest again.
pub fn run_small(
    scenario: &mut dyn Scenario,
    servers: &BTreeMap<String, Server>,
    interruptions: &[(u64, Interruption)],
    storm: &Storm,
    has_trace: bool,
) -> (Report, u64) {
    let mut course = Course::new(scenario, Choices::given(Vec::new()), storm, has_trace);
    course.stage.servers.clone_from(servers);
    let (turns, violation) = match course.live_small(interruptions) {
        Ok(turns) => (turns, None),
        Err(violation) => (0, Some(violation)),
    };
    (report(course.stage, violation), turns)
}

fn report(stage: Stage, violation: Option<Violation>) -> Report {
    let requests = stage.sent();
    let watches = stage.managers.first().map_or(0, |manager| manager.followers.len());
    Report { choices: stage.storm_choices, violation, trace: stage.trace, requests, turns: stage.turns, watches }
}

impl Report {
    /// The same violation with as few and as ordinary choices as can be found in so many runs.
    #[must_use]
    pub fn shrunk(&self, storm: &Storm, runs: usize, mut scenario: impl FnMut() -> Box<dyn Scenario>) -> Self {
        let Some(violation) = &self.violation else { return self.clone() };
        let mut again = |choices: &[u64], has_trace: bool| {
            let mut scenario = scenario();
            run(&mut *scenario, Choices::given(choices.to_vec()), storm, has_trace)
        };
        let is_same = |report: &Self| report.violation.as_ref().is_some_and(|other| other.rule == violation.rule);
        let best = shrink(&self.choices, runs, |choices| is_same(&again(choices, false)));
        again(&best, true)
    }
}
