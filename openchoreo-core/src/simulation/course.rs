//! The course of a run: what may happen next, and that it happens.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::choices::Choices;
use super::manager::{CONTROL, Manager, Request, Servers, no_answer};
use super::server::Server;
use super::stage::{Stage, start};
use super::{Interruption, Scenario, Storm, Violation};
use crate::engine::core::{Answer, Event, News, Trouble, WatchId};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::world::{Disconnect, PlaneState};

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

pub(super) struct Course<'a> {
    scenario: &'a mut dyn Scenario,
    pub(super) stage: Stage,
    /// How much had happened in all servers at the last look.
    looked: usize,
    storm: &'a Storm,
}

impl<'a> Course<'a> {
    pub(super) fn new(scenario: &'a mut dyn Scenario, choices: Choices, storm: &'a Storm, has_trace: bool) -> Self {
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
        Self { scenario, stage, looked: 0, storm }
    }

    pub(super) fn live(&mut self) -> Result<(), Violation> {
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

    /// The course of a small scope, see [`super::run_small`]. Gives in how many turns all came to rest.
    pub(super) fn live_small(&mut self, interruptions: &[(u64, Interruption)]) -> Result<u64, Violation> {
        let (leader, now) = (self.stage.leader, self.stage.now);
        self.stage.servers_know_the_time();
        self.see_what_is_there();
        self.stage.with(leader, |manager, _, _| manager.handle(Event::Leading(true), now));
        self.calm(SignedDuration::from_secs(5))?;
        let begin = self.stage.turns;
        let end = self.stage.now + SignedDuration::from_mins(2);
        let mut left = interruptions.iter().peekable();
        loop {
            let next = self.first_possible();
            let is_idle = next.is_none();
            if let Some((_, interruption)) = left.next_if(|(turn, _)| is_idle || self.stage.turns - begin >= *turn) {
                self.interrupt(*interruption);
            } else if let Some(happening) = next {
                self.happen(&happening);
            } else if !self.pass_time(Some(end)) {
                break;
            }
            self.look()?;
        }
        let turns = self.stage.turns - begin;
        self.stage.note(|| "everything calms down".to_owned());
        self.stage.managers.iter_mut().for_each(|manager| manager.lagging.clear());
        self.calm(SignedDuration::from_mins(2))?;
        for _ in 0..2 {
            self.scenario.last_word(&mut self.stage);
            self.calm(SignedDuration::from_mins(3))?;
        }
        self.rest()?;
        self.scenario.finally(&self.stage)?;
        Ok(turns)
    }

    /// Controllers of the clusters have seen all that has happened so far.
    fn see_what_is_there(&mut self) {
        let Stage { servers, seen, .. } = &mut self.stage;
        *seen = servers.iter().map(|(name, server)| (name.clone(), server.history.len())).collect();
    }

    fn interrupt(&mut self, interruption: Interruption) {
        match interruption {
            Interruption::Act(number) => self.scenario.act(&mut self.stage, number),
            Interruption::Crash => self.crash(self.stage.leader),
            Interruption::Lag(number) => {
                let leader = self.stage.leader;
                self.stage.note(|| format!("manager {leader}: watch {number} lags"));
                self.stage.with(leader, |manager, _, _| {
                    manager.lagging.extend(manager.followers.keys().nth(number).copied());
                });
            }
        }
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
            self.look()?;
        }
        Ok(())
    }

    /// Lets everything happen in order, for so long.
    fn calm(&mut self, time: SignedDuration) -> Result<(), Violation> {
        let end = self.stage.now + time;
        let limit = self.stage.turns + 20_000;
        loop {
            match self.first_possible() {
                Some(happening) => self.happen(&happening),
                None if !self.pass_time(Some(end)) => return Ok(()),
                None => {}
            }
            self.look()?;
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

    /// Looks whether all that must always hold does, if anything has changed since the last look.
    fn look(&mut self) -> Result<(), Violation> {
        let happened = self.stage.servers.values().map(|server| server.history.len()).sum();
        if std::mem::replace(&mut self.looked, happened) == happened {
            return Ok(());
        }
        self.scenario.always(&self.stage)
    }

    /// What happens next where all is in order.
    fn first_possible(&mut self) -> Option<Happening> {
        let busy = self.stage.managers.iter().position(|manager| manager.may_step);
        busy.map(Happening::Step).or_else(|| self.possible().into_iter().next())
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
