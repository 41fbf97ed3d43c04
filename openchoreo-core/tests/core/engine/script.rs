//! A script: a core, a virtual clock, and modelled servers that do what the core asks for, or what a test says instead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use openchoreo_core::engine::core::{
    Answer, Command, Core, CoreSettings, Event, Facts, News, Operation, RequestId, Scope, Step, Trouble, WatchId,
};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::platform::Platform;
use openchoreo_core::types::common::PlaneRef;
use openchoreo_core::types::v1alpha1::{DataPlane, Environment, Organization};
use openchoreo_core::world::{Disconnect, PlaneState, Stored};
use serde_json::{Value, json};

use super::wanting::{route, wanting};
use openchoreo_core::simulation::Server;

/// Where the control plane's server is found among the servers.
const CONTROL: &str = "control";
/// More steps at one moment than any script takes.
const STEPS: usize = 20_000;

/// What becomes of a request.
#[expect(clippy::large_enum_variant, reason = "there are few of them, and each lives for a moment")]
pub(super) enum Fate {
    /// The server does it and answers.
    Served,
    /// It waits until the test lets it go on, see [`Script::held`].
    Held,
    /// The server does it, and the answer is lost.
    Unheard,
    /// The server does it, and the answer waits until the test delivers it, see [`Script::late`].
    Late,
    /// The server does not see it; this is the answer.
    Answered(Answer),
}

type Rule = Box<dyn FnMut(&PlaneKey, &Operation) -> Fate>;

/// A request that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) at: Timestamp,
    pub(super) plane: PlaneKey,
    pub(super) operation: Operation,
}

impl Sent {
    /// `verb name plane`.
    pub(super) fn line(&self) -> String {
        format!("{} {} {}", self.operation.verb(), self.operation.key().name, plane_name(&self.plane))
    }
}

fn plane_name(plane: &PlaneKey) -> &str {
    plane.remote().map_or(CONTROL, |plane| &plane.name)
}

/// A watch that the core asked for.
#[derive(Debug)]
struct Follower {
    plane: PlaneKey,
    server: String,
    kind: Kind,
    scope: Scope,
    /// How much of the server's history it has told; nothing before its list.
    told: Option<usize>,
    /// The uids that it has told of and not told to be gone.
    shown: BTreeSet<String>,
}

/// See the module.
pub(super) struct Script {
    pub(super) core: Core,
    pub(super) now: Timestamp,
    /// By the first label of their host.
    pub(super) servers: BTreeMap<String, Server>,
    pub(super) sent: Vec<Sent>,
    /// All commands as text, in order.
    pub(super) commands: Vec<String>,
    /// Requests that wait for the test.
    pub(super) held: Vec<(RequestId, PlaneKey, Operation)>,
    /// Answers on their way.
    pub(super) late: Vec<(RequestId, Answer)>,
    /// Planes whose attempts to connect wait for the test, and those attempts.
    pub(super) holds_connections: bool,
    pub(super) attempts: Vec<(PlaneRef, u64, String)>,
    /// What the next probes find; the state of the server after that.
    pub(super) probes: Vec<Result<(), Trouble>>,
    pub(super) probed: usize,
    /// Watches of these kinds tell nothing for now.
    pub(super) silent: BTreeSet<(String, Kind)>,
    rule: Rule,
    settings: CoreSettings,
    watches: BTreeMap<WatchId, Follower>,
    leads_to: BTreeMap<PlaneKey, String>,
}

pub(super) fn noon() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("a timestamp")
}

pub(super) fn no_answer(message: &str) -> Trouble {
    Trouble { cause: Disconnect::NoAnswer, message: message.to_owned() }
}

pub(super) fn plane(name: &str) -> PlaneKey {
    PlaneKey::data_plane("acme", name)
}

pub(super) fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: wanting(), namespace: "acme".to_owned(), name: name.to_owned() }
}

pub(super) fn map_key(name: &str) -> ObjectKey {
    ObjectKey::of::<ConfigMap>("work", name)
}

pub(super) fn route_key(name: &str) -> ObjectKey {
    ObjectKey { kind: route(), namespace: "work".to_owned(), name: name.to_owned() }
}

/// Wants config maps of these names and values.
pub(super) fn maps(values: &[(&str, u8)]) -> Value {
    values.iter().map(|(name, value)| json!({ "kind": "ConfigMap", "name": name, "value": value })).collect()
}

impl Script {
    /// A core that leads, has listed the control plane and is connected to the planes of these names, each at the
    /// server of its name.
    pub(super) fn new(platform: Arc<Platform>, planes: &[&str]) -> Self {
        // Every status is written at once here, so that a script sees each.
        let settings = CoreSettings { progress: SignedDuration::ZERO, ..CoreSettings::default() };
        Self::with(platform, settings, planes)
    }

    pub(super) fn with(platform: Arc<Platform>, settings: CoreSettings, planes: &[&str]) -> Self {
        let mut script = Self::before(platform, settings);
        script.register_all(planes);
        script.handle(Event::Leading(true));
        script.run();
        script
    }

    /// A core that does not lead yet and has listed nothing, and a control plane with an organization.
    pub(super) fn before(platform: Arc<Platform>, settings: CoreSettings) -> Self {
        let mut core = Core::new(Arc::clone(&platform), settings.clone());
        core.start();
        let control: Vec<Kind> = platform.control_kinds().into_iter().collect();
        let mut script = Self {
            core,
            now: noon(),
            servers: BTreeMap::from([(CONTROL.to_owned(), Server::new(0, "control", &control))]),
            sent: Vec::new(),
            commands: Vec::new(),
            held: Vec::new(),
            late: Vec::new(),
            holds_connections: false,
            attempts: Vec::new(),
            probes: Vec::new(),
            probed: 0,
            silent: BTreeSet::new(),
            rule: Box::new(|_, _| Fate::Served),
            settings,
            watches: BTreeMap::new(),
            leads_to: BTreeMap::from([(PlaneKey::Control, CONTROL.to_owned())]),
        };
        let labels = json!({ "openchoreo.dev/organization": "acme" });
        script.write(Kind::of::<Namespace>(), json!({ "metadata": { "name": "acme", "labels": labels } }));
        script.write(Kind::of::<Organization>(), json!({ "metadata": { "name": "acme" }, "spec": {} }));
        script
    }

    /// Servers and registrations of these names.
    pub(super) fn register_all(&mut self, planes: &[&str]) {
        for name in planes {
            self.add_server(name);
            self.register(name, name);
        }
    }

    /// A server that serves what scripts want.
    pub(super) fn add_server(&mut self, name: &str) {
        let kinds = [Kind::of::<ConfigMap>(), Kind::of::<Namespace>(), route()];
        let number = self.servers.len() as u64;
        self.servers.insert(name.to_owned(), Server::new(number, &format!("cluster-{name}"), &kinds));
    }

    /// Registers a plane at a server, or edits the registration to lead there.
    pub(super) fn register(&mut self, name: &str, server: &str) {
        self.register_with(name, server, "token");
    }

    pub(super) fn register_with(&mut self, name: &str, server: &str, token: &str) {
        let credentials = json!({ "apiServerURL": format!("https://{server}.example:6443"), "token": token });
        let spec = json!({ "kubernetesCluster": { "credentials": credentials } });
        self.write(Kind::of::<DataPlane>(), json!({ "metadata": { "name": name, "namespace": "acme" }, "spec": spec }));
    }

    pub(super) fn environment(&mut self, name: &str, plane: &str) {
        let spec = json!({ "dataPlaneRef": plane });
        self.write(
            Kind::of::<Environment>(),
            json!({ "metadata": { "name": name, "namespace": "acme" }, "spec": spec }),
        );
    }

    /// Writes an object of the control plane, as a person would.
    pub(super) fn write(&mut self, kind: Kind, object: Value) {
        self.server(CONTROL).write(kind, object);
    }

    /// Writes a `Wanting`.
    pub(super) fn want(&mut self, name: &str, spec: Value) {
        self.write(wanting(), json!({ "metadata": { "name": name, "namespace": "acme" }, "spec": spec }));
    }

    /// Begins the deletion of an object of the control plane.
    pub(super) fn delete(&mut self, key: &ObjectKey) {
        self.server(CONTROL).delete(key);
    }

    pub(super) fn server(&mut self, name: &str) -> &mut Server {
        self.servers.get_mut(name).unwrap_or_else(|| panic!("there is a server {name}"))
    }

    pub(super) fn control(&mut self) -> &mut Server {
        self.server(CONTROL)
    }

    /// What becomes of requests from now on.
    pub(super) fn requests(&mut self, rule: impl FnMut(&PlaneKey, &Operation) -> Fate + 'static) {
        self.rule = Box::new(rule);
    }

    /// Requests are served from now on.
    pub(super) fn serve(&mut self) {
        self.rule = Box::new(|_, _| Fate::Served);
    }

    pub(super) fn handle(&mut self, event: Event) {
        self.core.handle(event, self.now);
    }

    /// Does all that is to be done at this moment.
    pub(super) fn run(&mut self) {
        for _ in 0..STEPS {
            let is_idle = self.core.step(self.now) == Step::Idle;
            let mut is_news = false;
            while let Some(command) = self.core.take_command() {
                is_news = true;
                self.execute(command);
            }
            is_news |= self.follow();
            if is_idle && !is_news {
                return;
            }
        }
        panic!("the core does not come to rest");
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, time: SignedDuration) {
        let end = self.now + time;
        self.run();
        while let Some(at) = self.core.next_time().filter(|at| *at <= end) {
            assert!(at > self.now, "the core asks for a time that has passed, so its driver would spin");
            self.now = at;
            self.run();
        }
        self.now = end;
        self.run();
    }

    pub(super) fn pass_seconds(&mut self, seconds: i64) {
        self.pass(SignedDuration::from_secs(seconds));
    }

    fn execute(&mut self, command: Command) {
        self.commands.push(format!("{command:?}"));
        match command {
            Command::Watch { watch, plane, kind, scope } => {
                let server = self.leads_to.get(&plane).expect("only planes that answered are watched").clone();
                self.watches.insert(watch, Follower { plane, server, kind, scope, told: None, shown: BTreeSet::new() });
            }
            Command::StopWatching(watch) => {
                self.watches.remove(&watch).expect("what is stopped was begun");
            }
            Command::Connect { plane, attempt, credentials } => {
                let host = credentials.server().trim_start_matches("https://");
                let server = host.split('.').next().unwrap_or_default().to_owned();
                self.attempts.push((plane, attempt, server));
                if !self.holds_connections {
                    self.connect_all();
                }
            }
            Command::Probe { plane, attempt } => {
                self.probed += 1;
                let server = self.leads_to.get(&PlaneKey::Remote(plane.clone())).cloned().unwrap_or_default();
                let is_down = self.servers.get(&server).is_none_or(|server| server.is_down);
                let found = if is_down { Err(no_answer("refused")) } else { Ok(()) };
                let outcome = if self.probes.is_empty() { found } else { self.probes.remove(0) };
                self.handle(Event::Probed { plane, attempt, outcome });
            }
            Command::Disconnect(plane) => {
                self.leads_to.remove(&PlaneKey::Remote(plane));
            }
            Command::Send { request, plane, operation } => {
                self.sent.push(Sent { at: self.now, plane: plane.clone(), operation: operation.clone() });
                match (self.rule)(&plane, &operation) {
                    Fate::Served => self.let_go(request, &plane, &operation),
                    Fate::Held => self.held.push((request, plane, operation)),
                    Fate::Late => {
                        let answer = self.asked(&plane, &operation);
                        self.late.push((request, answer));
                    }
                    Fate::Unheard => {
                        self.asked(&plane, &operation);
                        self.handle(Event::Answered { request, answer: Answer::Failed(no_answer("lost")) });
                    }
                    Fate::Answered(answer) => self.handle(Event::Answered { request, answer }),
                }
            }
        }
    }

    /// The server does a request, and answers.
    pub(super) fn let_go(&mut self, request: RequestId, plane: &PlaneKey, operation: &Operation) {
        let answer = self.asked(plane, operation);
        self.handle(Event::Answered { request, answer });
    }

    /// The server does a request; its answer is still to be given.
    pub(super) fn asked(&mut self, plane: &PlaneKey, operation: &Operation) -> Answer {
        let server = self.leads_to.get(plane).cloned().unwrap_or_default();
        match self.servers.get_mut(&server) {
            Some(server) if !server.is_down => server.serve(operation),
            _ => Answer::Failed(no_answer("connection refused")),
        }
    }

    /// Answers that are on their way arrive, the latest first.
    pub(super) fn deliver(&mut self) {
        while let Some((request, answer)) = self.late.pop() {
            self.answer(request, answer);
        }
    }

    /// The controllers end and begin anew; what is under way is lost.
    pub(super) fn restart(&mut self) {
        self.core = Core::new(Arc::clone(self.core.platform()), self.settings.clone());
        self.watches.clear();
        self.held.clear();
        self.late.clear();
        self.attempts.clear();
        self.leads_to.retain(|plane, _| *plane == PlaneKey::Control);
        self.core.start();
        self.handle(Event::Leading(true));
    }

    /// Takes the only request that is held.
    pub(super) fn held_one(&mut self) -> (RequestId, PlaneKey, Operation) {
        assert_eq!(self.held.len(), 1, "{:?}", self.held);
        self.held.remove(0)
    }

    /// Every request that is held goes on, in order.
    pub(super) fn release_all(&mut self) {
        for (request, plane, operation) in std::mem::take(&mut self.held) {
            self.let_go(request, &plane, &operation);
        }
    }

    pub(super) fn answer(&mut self, request: RequestId, answer: Answer) {
        self.handle(Event::Answered { request, answer });
    }

    /// Every attempt to connect that waits comes to its end, in order.
    pub(super) fn connect_all(&mut self) {
        for (plane, attempt, server) in std::mem::take(&mut self.attempts) {
            let outcome = match self.servers.get(&server) {
                Some(found) if !found.is_down => Ok(Facts {
                    server: format!("https://{server}.example:6443"),
                    version: "v1.36.0".to_owned(),
                    identity: found.identity.clone(),
                    kinds: found.kinds.clone(),
                }),
                _ => Err(no_answer("connection refused")),
            };
            if outcome.is_ok() {
                self.leads_to.insert(PlaneKey::Remote(plane.clone()), server);
            }
            self.handle(Event::Connected { plane, attempt, outcome });
        }
    }

    /// Watches tell what they have not told yet; whether there was anything.
    fn follow(&mut self) -> bool {
        let mut news = Vec::new();
        for (watch, follower) in &mut self.watches {
            let Some(server) = self.servers.get(&follower.server).filter(|server| !server.is_down) else { continue };
            let kind = follower.kind;
            let is_served =
                server.kinds.contains(&(kind.group.to_owned(), kind.version.to_owned(), kind.kind.to_owned()));
            if !is_served || self.silent.contains(&(follower.server.clone(), kind)) {
                continue;
            }
            let is_in = |object: &Value| match follower.scope {
                Scope::All | Scope::WithoutStatus => true,
                Scope::Has(label) => object["metadata"]["labels"].get(label).is_some(),
                Scope::Labelled(label, value) => object["metadata"]["labels"][label] == value,
            };
            let stored = |object: &Value| Stored::new(kind, object.clone()).expect("it has a name");
            let uid = |object: &Value| object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            match follower.told {
                None => {
                    news.push((*watch, News::ListBegins));
                    let listed = server.objects.iter().filter(|(key, object)| key.kind == kind && is_in(object));
                    for (_, object) in listed {
                        follower.shown.insert(uid(object));
                        news.push((*watch, News::Listed(stored(object))));
                    }
                    news.push((*watch, News::ListEnds));
                }
                Some(told) => {
                    let new = server.history.iter().skip(told);
                    for happened in new.filter(|happened| happened.key.kind == kind) {
                        let (object, uid) = (stored(&happened.object), uid(&happened.object));
                        if is_in(&happened.object) && !happened.is_gone {
                            follower.shown.insert(uid);
                            news.push((*watch, News::Put(object)));
                        } else if follower.shown.remove(&uid) {
                            // What leaves the scope of a watch is gone for it.
                            news.push((*watch, News::Gone(object)));
                        }
                    }
                }
            }
            follower.told = Some(server.history.len());
        }
        let is_news = !news.is_empty();
        for (watch, news) in news {
            self.handle(Event::Watched { watch, news });
        }
        is_news
    }

    /// The watch of a kind at a server.
    pub(super) fn watch_of(&self, server: &str, kind: Kind) -> WatchId {
        let mut watches = self.watches.iter().filter(|(_, watch)| watch.server == server && watch.kind == kind);
        let watch = watches.next().map(|(watch, _)| *watch);
        assert!(watches.next().is_none(), "{kind} of {server} is watched twice");
        watch.unwrap_or_else(|| panic!("{kind} of {server} is watched"))
    }

    /// The planes through which a server is watched, with the kinds.
    pub(super) fn watched_at(&self, server: &str) -> Vec<(String, &'static str)> {
        let watches = self.watches.values().filter(|watch| watch.server == server);
        watches.map(|watch| (plane_name(&watch.plane).to_owned(), watch.kind.kind)).collect()
    }

    /// A watch tells something that the model would not.
    pub(super) fn tell(&mut self, server: &str, kind: Kind, news: News) {
        let watch = self.watch_of(server, kind);
        self.handle(Event::Watched { watch, news });
    }

    /// A watch loses its place and lists again, when it next tells something.
    pub(super) fn relist(&mut self, server: &str, kind: Kind) {
        let watch = self.watch_of(server, kind);
        self.watches.get_mut(&watch).expect("it is there").told = None;
    }

    /// Every watch of a server lists again.
    pub(super) fn relist_all(&mut self, server: &str) {
        for follower in self.watches.values_mut().filter(|follower| follower.server == server) {
            follower.told = None;
        }
    }

    /// What a watch has still to tell is taken as told.
    pub(super) fn skip(&mut self, server: &str, kind: Kind) {
        let watch = self.watch_of(server, kind);
        let told = self.servers[server].history.len();
        self.watches.get_mut(&watch).expect("it is there").told = Some(told);
    }

    pub(super) fn watches_at(&self, server: &str) -> Vec<WatchId> {
        self.watches.iter().filter(|(_, watch)| watch.server == server).map(|(id, _)| *id).collect()
    }

    pub(super) fn state(&self, name: &str) -> PlaneState {
        self.core.world().plane_state(&plane(name))
    }

    pub(super) fn is_connected(&self, name: &str) -> bool {
        matches!(self.state(name), PlaneState::Connected { .. })
    }

    /// What the core has been shown of an object of a plane.
    pub(super) fn seen(&self, plane: &PlaneKey, key: &ObjectKey) -> Option<Value> {
        self.core.world().get(plane, key).map(|object| object.json())
    }

    /// Status, reason and message of the condition Ready of a `Wanting` at the server.
    pub(super) fn ready(&self, name: &str) -> (String, String, String) {
        let object = self.servers[CONTROL].get(&key(name)).unwrap_or_else(|| panic!("{name} is there"));
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default();
        let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }

    /// The requests since some were counted, as `verb name plane`.
    pub(super) fn lines(&self, since: usize) -> Vec<String> {
        self.sent.iter().skip(since).map(Sent::line).collect()
    }
}
