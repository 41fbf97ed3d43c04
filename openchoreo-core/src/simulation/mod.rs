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
mod manager;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::engine::core::{Answer, Core, CoreSettings, Event, News, Trouble, WatchId};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::platform::Platform;
use crate::world::{Disconnect, PlaneState};
use manager::{Manager, Request, Servers, no_answer};

pub use choices::{Choices, shrink};
pub use manager::CONTROL;
pub use server::{Happened, Server, is_going, key_of, served};

/// What there is, who does what, and what must hold.
pub trait Scenario {
    /// The platform.
    fn platform(&self) -> Arc<Platform>;

    /// The names of the clusters beside that of the control plane. A registration leads to the one that is the first label
    /// of its host.
    fn clusters(&self) -> Vec<String>;

    /// What is written before anything happens.
    fn begin(&mut self, stage: &mut Stage);

    /// Somebody does something: one of the edits of people or of other writers.
    fn disturb(&mut self, stage: &mut Stage);

    /// A controller of a cluster has seen something, and does what it does then.
    fn react(&mut self, server: &mut Server, happened: &Happened);

    /// Whether [`Scenario::react`] would do something.
    fn reacts_to(&self, happened: &Happened) -> bool;

    /// What must hold after everything that happens.
    ///
    /// # Errors
    /// What does not.
    fn always(&mut self, stage: &Stage) -> Result<(), Violation>;

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
}

/// Runs a scenario: the storm, people's last word, the calm after it, and what must hold then.
pub fn run(scenario: &mut dyn Scenario, choices: Choices, storm: &Storm, has_trace: bool) -> Report {
    let mut simulation = Simulation::new(scenario, choices, storm, has_trace);
    let violation = simulation.live().err();
    let stage = simulation.stage;
    let requests = stage.managers.iter().map(|manager| manager.sent).sum::<u64>() + stage.sent_before;
    Report { choices: stage.storm_choices, violation, trace: stage.trace, requests, turns: stage.turns }
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
    let mut simulation = Simulation::new(scenario, choices, storm, false);
    simulation.live()?;
    Ok(simulation.stage.servers)
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

/// What may happen next.
#[derive(Clone, Debug)]
enum Happening {
    /// The core of a manager makes a step.
    Step(usize),
    /// A watch tells something.
    Tell(usize, WatchId),
    /// An answer arrives.
    Answer(usize, usize),
    /// A request arrives.
    Arrive(usize, usize),
    /// An attempt to connect comes to its end.
    Connect(usize, usize),
    /// A probe does.
    Probe(usize, usize),
    /// A controller of a cluster does something.
    React(String),
    /// The controller of namespaces does.
    Tend(String, ObjectKey),
}

/// Everything there is while a scenario runs, as scenarios see it.
#[derive(Debug)]
pub struct Stage {
    /// The time.
    pub now: Timestamp,
    /// The API servers, by name; [`CONTROL`] among them.
    pub servers: BTreeMap<String, Server>,
    /// Where decisions come from.
    pub choices: Choices,
    managers: Vec<Manager>,
    leader: usize,
    platform: Arc<Platform>,
    settings: CoreSettings,
    /// How much of the history of each server its controllers have seen.
    seen: BTreeMap<String, usize>,
    storm_choices: Vec<u64>,
    trace: Vec<String>,
    has_trace: bool,
    /// What managers that are no more have sent.
    sent_before: u64,
    turns: u64,
}

impl Stage {
    /// The server of the control plane.
    pub fn control(&mut self) -> &mut Server {
        self.server(CONTROL)
    }

    /// A server by its name; one that holds nothing where there is none.
    pub fn server(&mut self, name: &str) -> &mut Server {
        self.servers.entry(name.to_owned()).or_default()
    }

    /// Writes an object of the control plane as a person does.
    pub fn write(&mut self, kind: Kind, object: serde_json::Value) {
        let key = key_of(kind, &object);
        self.note(|| format!("somebody writes {key}"));
        self.control().write(kind, object);
    }

    /// Begins the deletion of an object of the control plane.
    pub fn delete(&mut self, key: &ObjectKey) {
        self.note(|| format!("somebody deletes {key}"));
        self.control().delete(key);
    }

    /// The core that leads.
    pub fn core(&self) -> Option<&Core> {
        self.managers.get(self.leader).map(|manager| &manager.core)
    }

    /// Adds a line to the trace.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if self.has_trace {
            let seconds = self.now.duration_since(start()).as_secs_f64();
            self.trace.push(format!("{seconds:>9.3}s {}", line()));
        }
    }

    fn servers_know_the_time(&mut self) {
        let now = self.now;
        self.servers.values_mut().for_each(|server| server.now = now);
    }

    /// Requests that the managers have sent, those that are no more among them.
    fn sent(&self) -> u64 {
        self.sent_before + self.managers.iter().map(|manager| manager.sent).sum::<u64>()
    }

    /// The manager of a number, which is one of those that were found to be there.
    fn with(&mut self, number: usize, act: impl FnOnce(&mut Manager, &mut Servers, Timestamp)) {
        let Self { managers, servers, now, .. } = self;
        if let Some(manager) = managers.get_mut(number) {
            act(manager, servers, *now);
        }
    }
}

/// The time at which each run begins.
fn start() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What may go wrong by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    TimePasses,
    RequestLost,
    AnswerLost,
    RequestRefused,
    WatchFails,
    WatchListsAnew,
    PlaneBreaks,
    ManagerCrashes,
    LeadershipPasses,
}

impl Failure {
    const ALL: [Self; 9] = [
        Self::TimePasses,
        Self::RequestLost,
        Self::AnswerLost,
        Self::RequestRefused,
        Self::WatchFails,
        Self::WatchListsAnew,
        Self::PlaneBreaks,
        Self::ManagerCrashes,
        Self::LeadershipPasses,
    ];
}

struct Simulation<'a> {
    scenario: &'a mut dyn Scenario,
    stage: Stage,
    storm: &'a Storm,
}

impl<'a> Simulation<'a> {
    fn new(scenario: &'a mut dyn Scenario, choices: Choices, storm: &'a Storm, has_trace: bool) -> Self {
        let platform = scenario.platform();
        let control: Vec<Kind> = platform.control_kinds().into_iter().collect();
        let remote: Vec<Kind> = platform.remote_watches().into_keys().collect();
        let mut servers = BTreeMap::from([(CONTROL.to_owned(), Server::new(0, CONTROL, &control))]);
        for (number, name) in (1..).zip(scenario.clusters()) {
            servers.insert(name.clone(), Server::new(number, &format!("cluster-{name}"), &remote));
        }
        servers.values_mut().for_each(|server| server.has_namespaces = true);
        let managers = (0..storm.managers.max(1)).map(|_| Manager::new(&platform, &storm.core)).collect();
        let stage = Stage {
            now: start(),
            servers,
            choices,
            managers,
            leader: 0,
            platform,
            settings: storm.core.clone(),
            seen: BTreeMap::new(),
            storm_choices: Vec::new(),
            trace: Vec::new(),
            has_trace,
            sent_before: 0,
            turns: 0,
        };
        Self { scenario, stage, storm }
    }

    fn live(&mut self) -> Result<(), Violation> {
        self.stage.servers_know_the_time();
        self.stage.choices.next_turn();
        self.scenario.begin(&mut self.stage);
        // Chosen before the storm, so that it is the same whatever is taken out of the storm.
        self.stage.choices.next_turn();
        let last_word = self.stage.choices.clone();
        let (leader, now) = (self.stage.leader, self.stage.now);
        self.stage.with(leader, |manager, _, _| manager.handle(Event::Leading(true), now));
        let storm = self.storm();
        self.stage.storm_choices = self.stage.choices.taken().to_vec();
        storm?;
        self.stage.note(|| "everything calms down".to_owned());
        self.stage.servers.values_mut().for_each(|server| server.is_down = false);
        self.stage.choices = last_word;
        self.scenario.last_word(&mut self.stage);
        self.stage.choices = Choices::given(Vec::new());
        self.calm(SignedDuration::from_mins(10))?;
        // What was going when it was said is said again.
        self.scenario.last_word(&mut self.stage);
        let before = self.stage.sent();
        self.calm(SignedDuration::from_mins(20))?;
        let sent = self.stage.sent() - before;
        if sent > self.storm.bound {
            return Err(Violation::new("bounded", format!("{sent} requests were sent after everything calmed down")));
        }
        self.rest()?;
        self.scenario.finally(&self.stage)
    }

    fn storm(&mut self) -> Result<(), Violation> {
        for _ in 0..self.storm.turns {
            if self.stage.choices.is_at_end() {
                break;
            }
            self.stage.choices.next_turn();
            let possible = self.possible();
            let kind = self.stage.choices.pick(100);
            let is_trouble = kind >= 100 - self.storm.trouble;
            if is_trouble {
                if self.stage.choices.pick(2) == 0 {
                    self.scenario.disturb(&mut self.stage);
                } else {
                    self.fail();
                }
            } else if possible.is_empty() {
                self.pass_time(None);
            } else {
                let is_in_order = kind < 100 - self.storm.trouble - self.storm.disorder;
                let number = if is_in_order { 0 } else { self.stage.choices.pick(possible.len()) };
                if let Some(happening) = possible.get(number) {
                    self.happen(happening);
                }
            }
            self.scenario.always(&self.stage)?;
        }
        Ok(())
    }

    /// Lets everything happen in order, for so long.
    fn calm(&mut self, time: SignedDuration) -> Result<(), Violation> {
        let end = self.stage.now + time;
        let limit = self.stage.turns + 20_000;
        loop {
            let possible = self.possible();
            match possible.first() {
                Some(happening) => self.happen(&happening.clone()),
                None if !self.pass_time(Some(end)) => return Ok(()),
                None => {}
            }
            self.scenario.always(&self.stage)?;
            if self.stage.turns > limit {
                return Err(Violation::new("bounded", "the platform does not come to rest"));
            }
        }
    }

    /// At rest, everything is planned anew, and nothing is sent; and what is known is what is there.
    fn rest(&mut self) -> Result<(), Violation> {
        let before = self.stage.sent();
        let leader = self.stage.leader;
        self.stage.with(leader, |manager, _, _| {
            manager.core.replan_all();
            manager.may_step = true;
        });
        self.calm(SignedDuration::from_mins(3))?;
        let sent = self.stage.sent() - before;
        if sent > 0 {
            return Err(Violation::new("silent", format!("{sent} requests were sent at rest")));
        }
        for (number, manager) in self.stage.managers.iter().enumerate() {
            let Some(problem) = unlike(manager, &self.stage.servers) else { continue };
            return Err(Violation::new("known", format!("manager {number} {problem}")));
        }
        Ok(())
    }

    /// What may happen next, the most ordinary first.
    fn possible(&mut self) -> Vec<Happening> {
        let Stage { managers, servers, seen, .. } = &mut self.stage;
        let mut possible = Vec::new();
        for (number, manager) in managers.iter_mut().enumerate() {
            if manager.may_step {
                possible.push(Happening::Step(number));
            }
            possible.extend(manager.listen(servers).into_iter().map(|watch| Happening::Tell(number, watch)));
            possible.extend((0..manager.answers.len()).map(|place| Happening::Answer(number, place)));
            possible.extend((0..manager.requests.len()).map(|place| Happening::Arrive(number, place)));
            possible.extend((0..manager.attempts.len()).map(|place| Happening::Connect(number, place)));
            possible.extend((0..manager.probes.len()).map(|place| Happening::Probe(number, place)));
        }
        for (name, server) in servers.iter() {
            let seen = seen.entry(name.clone()).or_default();
            while server.history.get(*seen).is_some_and(|happened| !self.scenario.reacts_to(happened)) {
                *seen += 1;
            }
            if *seen < server.history.len() && !server.is_down {
                possible.push(Happening::React(name.clone()));
            }
            possible.extend(server.ending().into_iter().map(|key| Happening::Tend(name.clone(), key)));
        }
        possible
    }

    fn happen(&mut self, happening: &Happening) {
        self.stage.turns += 1;
        let is_whole_list = match happening {
            Happening::Tell(..) => self.stage.choices.pick(8) < 7,
            _ => true,
        };
        if self.stage.has_trace
            && let Some(line) = self.describe(happening)
        {
            self.stage.note(|| line);
        }
        match happening {
            Happening::Step(number) => self.stage.with(*number, |manager, _, now| manager.step(now)),
            Happening::Tell(number, watch) => {
                self.stage.with(*number, |manager, _, now| manager.tell(*watch, is_whole_list, now));
            }
            Happening::Answer(number, place) => self.stage.with(*number, |manager, _, now| {
                if let Some((request, answer)) = manager.answers.remove(*place) {
                    manager.handle(Event::Answered { request, answer }, now);
                }
            }),
            Happening::Arrive(number, place) => self.stage.with(*number, |manager, servers, _| {
                if let Some(request) = manager.requests.remove(*place) {
                    let answer = ask(manager, &request, servers);
                    manager.answers.push_back((request.id, answer));
                }
            }),
            Happening::Connect(number, place) => {
                self.stage.with(*number, |manager, servers, now| manager.connect(*place, servers, now));
            }
            Happening::Probe(number, place) => {
                self.stage.with(*number, |manager, servers, now| manager.probe(*place, servers, now));
            }
            Happening::React(name) => {
                let seen = self.stage.seen.entry(name.clone()).or_default();
                if let Some(server) = self.stage.servers.get_mut(name)
                    && let Some(happened) = server.history.get(*seen).cloned()
                {
                    *seen += 1;
                    self.scenario.react(server, &happened);
                }
            }
            Happening::Tend(name, key) => self.stage.server(name).tend_namespaces(key),
        }
    }

    /// What happens, in words; nothing where it is not worth any.
    fn describe(&self, happening: &Happening) -> Option<String> {
        let manager = |number: &usize| self.stage.managers.get(*number);
        let line = match happening {
            Happening::Step(_) | Happening::Answer(..) => return None,
            Happening::Tell(number, watch) => format!("manager {number}: {}", manager(number)?.describe(*watch)),
            Happening::Arrive(number, place) => {
                format!("manager {number}: {}", line(manager(number)?.requests.get(*place)?))
            }
            Happening::Connect(number, _) => format!("manager {number} is told what became of a connection"),
            Happening::Probe(number, _) => format!("manager {number} is told what became of a probe"),
            Happening::React(name) => format!("a controller of {name} acts"),
            Happening::Tend(name, key) => format!("{name}: {key} goes with its namespace"),
        };
        Some(line)
    }

    /// Lets time pass until something is due, but not beyond an end. Whether it was not reached.
    fn pass_time(&mut self, end: Option<Timestamp>) -> bool {
        let times = self.stage.managers.iter().filter_map(|manager| manager.core.next_time());
        let next = times.min();
        let at = match (next, end) {
            (Some(next), None) => next,
            (Some(next), Some(end)) => next.min(end),
            (None, Some(end)) => end,
            (None, None) => self.stage.now + SignedDuration::from_secs(10),
        };
        let is_over = end.is_some_and(|end| at >= end);
        self.stage.now = at.max(self.stage.now);
        self.stage.servers_know_the_time();
        self.stage.managers.iter_mut().for_each(|manager| manager.may_step = true);
        self.stage.turns += 1;
        !is_over
    }

    /// Something goes wrong.
    fn fail(&mut self) {
        let failure = Failure::ALL.get(self.stage.choices.pick(Failure::ALL.len())).copied();
        self.stage.turns += 1;
        let number = self.stage.choices.pick(self.stage.managers.len());
        match failure {
            None | Some(Failure::TimePasses) => {
                self.stage.note(|| "time passes".to_owned());
                self.pass_time(None);
            }
            Some(failure @ (Failure::RequestLost | Failure::AnswerLost | Failure::RequestRefused)) => {
                self.fail_request(number, failure);
            }
            Some(failure @ (Failure::WatchFails | Failure::WatchListsAnew)) => self.fail_watch(number, failure),
            Some(Failure::PlaneBreaks) => {
                let names: Vec<String> = self.stage.servers.keys().cloned().collect();
                let place = self.stage.choices.pick(names.len());
                if let Some(name) = names.get(place) {
                    let server = self.stage.server(name);
                    server.is_down = !server.is_down;
                    let is_down = server.is_down;
                    self.stage.note(|| format!("{name} {}", if is_down { "breaks" } else { "is mended" }));
                }
            }
            Some(Failure::ManagerCrashes) => self.crash(number),
            Some(Failure::LeadershipPasses) => {
                let next = (self.stage.leader + 1) % self.stage.managers.len();
                self.hand_over(next);
            }
        }
    }

    fn fail_request(&mut self, number: usize, failure: Failure) {
        let waiting = self.stage.managers.get(number).map_or(0, |manager| manager.requests.len());
        if waiting == 0 {
            return;
        }
        let place = self.stage.choices.pick(waiting);
        let how = self.stage.choices.pick(3);
        let mut noted = String::new();
        self.stage.with(number, |manager, servers, _| {
            let Some(request) = manager.requests.remove(place) else { return };
            noted = format!("manager {number}: {} ({failure:?})", line(&request));
            let trouble = |cause, message: &str| Answer::Failed(Trouble { cause, message: message.to_owned() });
            let answer = match failure {
                Failure::AnswerLost => {
                    ask(manager, &request, servers);
                    Answer::Failed(no_answer())
                }
                Failure::RequestRefused if how == 0 => Answer::Conflict("it was changed meanwhile".to_owned()),
                Failure::RequestRefused if how == 1 => Answer::Refused("a webhook does not like it".to_owned()),
                Failure::RequestRefused => trouble(Disconnect::ServerError, "too many requests"),
                _ => Answer::Failed(no_answer()),
            };
            manager.answers.push_back((request.id, answer));
        });
        self.stage.note(|| noted);
    }

    fn fail_watch(&mut self, number: usize, failure: Failure) {
        let watches: Vec<WatchId> = self
            .stage
            .managers
            .get(number)
            .map_or_else(Vec::new, |manager| manager.followers.keys().copied().collect());
        let place = self.stage.choices.pick(watches.len());
        let Some(watch) = watches.get(place).copied() else { return };
        self.stage.note(|| format!("manager {number}: a watch goes wrong ({failure:?})"));
        self.stage.with(number, |manager, _, now| {
            if failure == Failure::WatchListsAnew
                && let Some(follower) = manager.followers.get_mut(&watch)
            {
                follower.relist();
            } else {
                manager.handle(Event::Watched { watch, news: News::Failed(no_answer()) }, now);
            }
        });
    }

    /// A manager ends without a word and begins anew; where another one waits, that one leads then. What it had sent may
    /// have arrived.
    fn crash(&mut self, number: usize) {
        self.stage.note(|| format!("manager {number} crashes"));
        self.drain(number);
        let fresh = Manager::new(&self.stage.platform, &self.stage.settings);
        let Some(manager) = self.stage.managers.get_mut(number) else { return };
        self.stage.sent_before += manager.sent;
        *manager = fresh;
        if number == self.stage.leader {
            let next = (number + 1) % self.stage.managers.len();
            self.stage.leader = next;
            self.stage.with(next, |manager, _, now| manager.handle(Event::Leading(true), now));
        }
    }

    /// Another manager leads. Whatever the one before has sent has arrived or is dropped before that.
    fn hand_over(&mut self, next: usize) {
        let before = self.stage.leader;
        self.stage.note(|| format!("manager {before} hands over to {next}"));
        self.stage.with(before, |manager, _, now| manager.handle(Event::Leading(false), now));
        self.drain(before);
        self.stage.leader = next;
        self.stage.with(next, |manager, _, now| manager.handle(Event::Leading(true), now));
    }

    /// What a manager has sent arrives or is dropped; nobody answers.
    fn drain(&mut self, number: usize) {
        let waiting = self.stage.managers.get(number).map_or(0, |manager| manager.requests.len());
        for _ in 0..waiting {
            let arrives = self.stage.choices.pick(2) == 0;
            self.stage.with(number, |manager, servers, _| {
                let Some(request) = manager.requests.pop_front() else { return };
                if arrives {
                    ask(manager, &request, servers);
                }
                manager.answers.push_back((request.id, Answer::Withheld));
            });
        }
    }
}

/// A server does what is asked, and answers.
fn ask(manager: &Manager, request: &Request, servers: &mut Servers) -> Answer {
    match manager.server_of(&request.plane).and_then(|name| servers.get_mut(name)) {
        Some(server) if !server.is_down => server.serve(&request.operation),
        _ => Answer::Failed(no_answer()),
    }
}

fn line(request: &Request) -> String {
    format!("{} {} in {}", request.operation.verb(), request.operation.key(), request.plane)
}

/// What the World of a manager has that is not there, or lacks that is.
fn unlike(manager: &Manager, servers: &Servers) -> Option<String> {
    let world = manager.core.world();
    for follower in manager.followers.values() {
        let (plane, kind) = (&follower.plane, follower.kind());
        let is_known = *plane == PlaneKey::Control || matches!(world.plane_state(plane), PlaneState::Connected { .. });
        if !is_known {
            return Some(format!("is not connected to {plane}: {:?}", world.plane_state(plane)));
        }
        let Some(server) = servers.get(follower.server()) else { continue };
        let there = server.objects.iter().filter(|(key, object)| key.kind == kind && follower.shows(object));
        let mut keys = world.keys(plane, kind);
        for (key, object) in there {
            let Some(live) = world.get(plane, key) else { return Some(format!("does not know {key} in {plane}")) };
            let mut object = follower.shown(object);
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
            }
            if live.json() != object {
                return Some(format!("knows {key} in {plane} otherwise: {} and {object}", live.json()));
            }
            keys.retain(|other| other != key);
        }
        if let Some(key) = keys.first() {
            return Some(format!("knows {key} in {plane}, which is not there"));
        }
    }
    None
}
