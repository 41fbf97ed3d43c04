//! A controller manager at work: a core, and what is on its way between it and the servers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use openchoreo_types::common::PlaneRef;
use serde_json::Value;

use super::server::Server;
use crate::engine::core::{
    Answer, Command, Core, CoreSettings, Event, Facts, News, Operation, RequestId, Scope, Step, Trouble, WatchId,
};
use crate::kind::{Kind, PlaneKey};
use crate::platform::Platform;
use crate::world::{Disconnect, Stored};

/// Where the server of the control plane is found among the servers.
pub const CONTROL: &str = "control";

pub(super) type Servers = BTreeMap<String, Server>;

/// A request on its way to a server.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) id: RequestId,
    pub(super) plane: PlaneKey,
    pub(super) operation: Operation,
}

/// A watch that the core asked for.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) plane: PlaneKey,
    server: String,
    kind: Kind,
    scope: Scope,
    /// How much of the server's history it has taken; nothing before its list.
    taken: Option<usize>,
    /// The uids that it has told of and not told to be gone.
    shown: BTreeSet<String>,
    /// What it has still to tell of what it has taken.
    news: VecDeque<News>,
}

impl Follower {
    fn new(plane: PlaneKey, server: String, kind: Kind, scope: Scope) -> Self {
        Self { plane, server, kind, scope, taken: None, shown: BTreeSet::new(), news: VecDeque::new() }
    }

    /// Takes what a server has to tell.
    fn take(&mut self, server: &Server) {
        let (kind, scope) = (self.kind, self.scope);
        if server.is_down || !server.serves(kind) || !self.news.is_empty() {
            return;
        }
        let read = |object: &Value| Stored::new(kind, shown(object, scope));
        match self.taken {
            None => {
                self.shown.clear();
                self.news.push_back(News::ListBegins);
                for (_, object) in
                    server.objects.iter().filter(|(key, object)| key.kind == kind && is_in(object, scope))
                {
                    self.shown.insert(uid(object));
                    self.news.extend(read(object).map(News::Listed));
                }
                self.news.push_back(News::ListEnds);
            }
            Some(taken) => {
                for happened in server.history.iter().skip(taken).filter(|happened| happened.key.kind == kind) {
                    let uid = uid(&happened.object);
                    if is_in(&happened.object, scope) && !happened.is_gone {
                        self.shown.insert(uid);
                        self.news.extend(read(&happened.object).map(News::Put));
                    } else if self.shown.remove(&uid) {
                        // What leaves the scope of a watch is gone for it.
                        self.news.extend(read(&happened.object).map(News::Gone));
                    }
                }
            }
        }
        self.taken = Some(server.history.len());
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Whether it tells of an object.
    pub(super) fn shows(&self, object: &Value) -> bool {
        is_in(object, self.scope)
    }

    /// An object as it tells of it.
    pub(super) fn shown(&self, object: &Value) -> Value {
        shown(object, self.scope)
    }

    /// It loses its place, and lists anew.
    pub(super) fn relist(&mut self) {
        self.taken = None;
        self.news.clear();
    }
}

fn is_in(object: &Value, scope: Scope) -> bool {
    match scope {
        Scope::All | Scope::WithoutStatus => true,
        Scope::Has(label) => object["metadata"]["labels"].get(label).is_some(),
        Scope::Labelled(label, value) => object["metadata"]["labels"][label] == value,
    }
}

fn shown(object: &Value, scope: Scope) -> Value {
    let mut object = object.clone();
    if scope == Scope::WithoutStatus
        && let Some(fields) = object.as_object_mut()
    {
        fields.remove("status");
    }
    object
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

/// See the module.
#[derive(Debug)]
pub(super) struct Manager {
    pub(super) core: Core,
    /// Whether the core has perhaps something to do.
    pub(super) may_step: bool,
    pub(super) requests: VecDeque<Request>,
    pub(super) answers: VecDeque<(RequestId, Answer)>,
    /// Attempts to connect, with the server that each goes to.
    pub(super) attempts: VecDeque<(PlaneRef, u64, String)>,
    pub(super) probes: VecDeque<(PlaneRef, u64)>,
    pub(super) followers: BTreeMap<WatchId, Follower>,
    /// Watches that tell nothing for now.
    pub(super) lagging: BTreeSet<WatchId>,
    leads_to: BTreeMap<PlaneKey, String>,
    /// How many requests it has sent.
    pub(super) sent: u64,
}

impl Manager {
    pub(super) fn new(platform: &Arc<Platform>, settings: &CoreSettings) -> Self {
        let mut core = Core::new(Arc::clone(platform), settings.clone());
        core.start();
        let mut manager = Self {
            core,
            may_step: true,
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            attempts: VecDeque::new(),
            probes: VecDeque::new(),
            followers: BTreeMap::new(),
            lagging: BTreeSet::new(),
            leads_to: BTreeMap::from([(PlaneKey::Control, CONTROL.to_owned())]),
            sent: 0,
        };
        manager.take_commands();
        manager
    }

    pub(super) fn handle(&mut self, event: Event, now: Timestamp) {
        self.core.handle(event, now);
        self.may_step = true;
        self.take_commands();
    }

    /// One step of the core.
    pub(super) fn step(&mut self, now: Timestamp) {
        self.may_step = self.core.step(now) != Step::Idle;
        self.take_commands();
    }

    fn take_commands(&mut self) {
        while let Some(command) = self.core.take_command() {
            match command {
                Command::Watch { watch, plane, kind, scope } => {
                    let server = self.leads_to.get(&plane).cloned().unwrap_or_default();
                    self.followers.insert(watch, Follower::new(plane, server, kind, scope));
                }
                Command::StopWatching(watch) => {
                    self.followers.remove(&watch);
                }
                Command::Connect { plane, attempt, credentials } => {
                    let host = credentials.server().trim_start_matches("https://");
                    let server = host.split('.').next().unwrap_or_default().to_owned();
                    self.attempts.push_back((plane, attempt, server));
                }
                Command::Probe { plane, attempt } => self.probes.push_back((plane, attempt)),
                Command::Disconnect(plane) => {
                    self.leads_to.remove(&PlaneKey::Remote(plane));
                }
                Command::Send { request: id, plane, operation } => {
                    self.sent += 1;
                    self.requests.push_back(Request { id, plane, operation });
                }
            }
        }
    }

    /// The server that a plane leads to.
    pub(super) fn server_of(&self, plane: &PlaneKey) -> Option<&str> {
        self.leads_to.get(plane).map(String::as_str)
    }

    /// An attempt to connect comes to its end.
    pub(super) fn connect(&mut self, number: usize, servers: &Servers, now: Timestamp) {
        let Some((plane, attempt, server)) = self.attempts.remove(number) else { return };
        let outcome = match servers.get(&server) {
            Some(found) if !found.is_down => Ok(Facts {
                server: format!("https://{server}.example:6443"),
                version: "v1.36.0".to_owned(),
                identity: found.identity.clone(),
                kinds: found.kinds.clone(),
            }),
            _ => Err(no_answer()),
        };
        if outcome.is_ok() {
            self.leads_to.insert(PlaneKey::Remote(plane.clone()), server);
        }
        self.handle(Event::Connected { plane, attempt, outcome }, now);
    }

    /// A probe comes to its end.
    pub(super) fn probe(&mut self, number: usize, servers: &Servers, now: Timestamp) {
        let Some((plane, attempt)) = self.probes.remove(number) else { return };
        let server = self.server_of(&PlaneKey::Remote(plane.clone())).and_then(|name| servers.get(name));
        let outcome = if server.is_some_and(|server| !server.is_down) { Ok(()) } else { Err(no_answer()) };
        self.handle(Event::Probed { plane, attempt, outcome }, now);
    }

    /// Watches take what there is to tell; those that have something to tell.
    pub(super) fn listen(&mut self, servers: &Servers) -> Vec<WatchId> {
        for follower in self.followers.values_mut() {
            if let Some(server) = servers.get(&follower.server) {
                follower.take(server);
            }
        }
        let is_lagging = |watch: &WatchId| self.lagging.contains(watch);
        let with_news =
            self.followers.iter().filter(|(watch, follower)| !follower.news.is_empty() && !is_lagging(watch));
        with_news.map(|(watch, _)| *watch).collect()
    }

    /// A watch tells its next news, or all of a list.
    pub(super) fn tell(&mut self, watch: WatchId, is_whole_list: bool, now: Timestamp) {
        while let Some(news) = self.followers.get_mut(&watch).and_then(|follower| follower.news.pop_front()) {
            let goes_on = is_whole_list && matches!(news, News::ListBegins | News::Listed(_));
            self.handle(Event::Watched { watch, news }, now);
            if !goes_on {
                return;
            }
        }
    }

    pub(super) fn describe(&self, watch: WatchId) -> String {
        self.followers.get(&watch).map_or_else(String::new, |follower| {
            let news = match follower.news.front() {
                Some(News::Put(object)) => format!("shows {}", object.key(follower.kind)),
                Some(News::Gone(object)) => format!("tells the end of {}", object.key(follower.kind)),
                Some(News::Listed(object)) => format!("lists {}", object.key(follower.kind)),
                Some(News::ListBegins) => format!("lists {}", follower.kind),
                Some(News::ListEnds) => format!("has listed {}", follower.kind),
                Some(News::Failed(_)) | None => format!("of {} fails", follower.kind),
            };
            format!("watch of {} {news}", follower.plane)
        })
    }
}

/// What becomes of a request to a server that does not answer.
pub(super) fn no_answer() -> Trouble {
    Trouble { cause: Disconnect::NoAnswer, message: "connection refused".to_owned() }
}
