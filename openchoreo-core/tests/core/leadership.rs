//! Several engines over one control plane, each behind a gate that notes what it writes and can keep it from the server.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, PostParams};
use kube::client::Body;
use kube::runtime::wait::await_condition;
use kube::{Client, ResourceExt};
use openchoreo_core::engine::{Engine, EngineError, EngineHandle, EngineSettings, LeaderSettings};
use openchoreo_core::platform::Platform;
use openchoreo_embedded::Server;
use openchoreo_types::v1alpha1::Organization;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tower::Service;

/// How long anything may take that normally takes a moment.
const PATIENCE: Duration = Duration::from_secs(60);
/// Renewed and waited for in moments.
const SHORT: (Duration, Duration, Duration) =
    (Duration::from_secs(2), Duration::from_secs(1), Duration::from_millis(100));
/// Never over while a test runs.
const LONG: (Duration, Duration, Duration) =
    (Duration::from_secs(3600), Duration::from_secs(1800), Duration::from_millis(100));

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// What reached the server, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// The lease was written.
    Lease,
    /// Something else was written.
    Write,
}

type Log = Arc<Mutex<Vec<(&'static str, Act)>>>;

/// What a gate keeps from the server; it is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeps {
    Nothing,
    Leases,
    LeasesAndWrites,
}

/// The way of one engine to the server.
#[derive(Clone)]
struct Gate {
    who: &'static str,
    log: Log,
    keeps: watch::Sender<Keeps>,
    /// Writes that were kept and are still waited for.
    kept: Arc<AtomicUsize>,
    has_kept: watch::Sender<bool>,
}

/// Counts a write while somebody waits for it.
struct Kept(Arc<AtomicUsize>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    fn new(who: &'static str, log: &Log) -> Self {
        let (keeps, has_kept) = (watch::Sender::new(Keeps::Nothing), watch::Sender::new(false));
        Self { who, log: Arc::clone(log), keeps, kept: Arc::default(), has_kept }
    }

    fn client(&self, server: &Server) -> Client {
        let (gate, server) = (self.clone(), server.clone());
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let (gate, mut server) = (gate.clone(), server.clone());
            async move {
                let is_lease = request.uri().path().contains("/leases");
                let is_write = request.method() != http::Method::GET;
                let keeps = *gate.keeps.borrow();
                match keeps {
                    Keeps::Leases | Keeps::LeasesAndWrites if is_lease => std::future::pending().await,
                    Keeps::LeasesAndWrites if is_write => {
                        gate.kept.fetch_add(1, Ordering::SeqCst);
                        let _kept = Kept(Arc::clone(&gate.kept));
                        gate.has_kept.send_replace(true);
                        std::future::pending().await
                    }
                    Keeps::Nothing | Keeps::Leases | Keeps::LeasesAndWrites => {}
                }
                if is_write && !is_lease {
                    gate.log.lock().push((gate.who, Act::Write));
                }
                let answer = server.call(request).await?;
                if is_write && is_lease && answer.status().is_success() {
                    gate.log.lock().push((gate.who, Act::Lease));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        Client::new(service, "default")
    }
}

/// One engine of several.
struct Manager {
    gate: Gate,
    handle: EngineHandle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), EngineError>>,
}

impl Manager {
    async fn start(who: &'static str, stage: &Stage) -> Self {
        let gate = Gate::new(who, &stage.log);
        let (lease_duration, renew_deadline, retry_period) = stage.periods;
        let leader = LeaderSettings { lease_duration, renew_deadline, retry_period, ..LeaderSettings::new(who) };
        let platform = Arc::new(Platform::builder().build().expect("a platform"));
        let settings = EngineSettings { leader: Some(leader), ..EngineSettings::default() };
        let engine = Engine::new(platform, gate.client(&stage.server), settings);
        let mut handle = engine.handle();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(engine.run(async {
            let _ = stopped.await;
        }));
        soon("a list of the control plane", handle.wait_ready()).await;
        Self { gate, handle, stop, task }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        soon("the stop", self.task).await.expect("no panic").expect("a good end");
    }
}

struct Stage {
    server: Server,
    client: Client,
    log: Log,
    periods: (Duration, Duration, Duration),
}

impl Stage {
    async fn set(periods: (Duration, Duration, Duration)) -> Self {
        let server = Server::default();
        let client = server.client();
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        for crd in openchoreo_core::types::crds() {
            crds.create(&PostParams::default(), &crd).await.expect("a definition");
        }
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace =
            serde_json::from_value(json!({ "metadata": { "name": "choreo-system" } })).expect("a namespace");
        namespaces.create(&PostParams::default(), &namespace).await.expect("a namespace");
        Self { server, client, log: Log::default(), periods }
    }

    /// Waits until a manager holds the lease.
    async fn led_by(&self, who: &str) {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), "choreo-system");
        let is_held = |lease: Option<&Lease>| {
            let spec = lease.and_then(|lease| lease.spec.as_ref());
            spec.is_some_and(|spec| spec.holder_identity.as_deref() == Some(who))
        };
        let held = await_condition(leases, "choreo-control-plane-controller-manager", is_held);
        soon("the lease", held).await.expect("a watch");
    }

    async fn write(&self, name: &str) {
        let organizations: Api<Organization> = Api::all(self.client.clone());
        let organization = serde_json::from_value(json!({ "metadata": { "name": name } })).expect("an organization");
        organizations.create(&PostParams::default(), &organization).await.expect("an organization");
    }

    /// Waits until somebody has planned an organization.
    async fn planned(&self, name: &str) {
        let organizations: Api<Organization> = Api::all(self.client.clone());
        let is_ready = |organization: Option<&Organization>| {
            let conditions = organization.and_then(|seen| seen.status.as_ref()).map(|status| &status.conditions);
            conditions
                .is_some_and(|conditions| conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
        };
        soon("a verdict", await_condition(organizations, name, is_ready)).await.expect("a watch");
    }

    fn writers(&self) -> BTreeSet<&'static str> {
        self.log.lock().iter().filter(|(_, act)| *act == Act::Write).map(|(who, _)| *who).collect()
    }

    /// After the successor's first write of the lease, its predecessor has written nothing.
    fn assert_handed_over(&self, from: &str, to: &str) {
        let log = self.log.lock();
        let acquired = log.iter().position(|entry| entry.0 == to && entry.1 == Act::Lease).expect("it took the lease");
        let (before, after) = log.split_at(acquired);
        assert!(before.contains(&("first", Act::Write)), "the first has acted");
        assert!(before.iter().all(|(who, _)| *who == from), "{before:?}");
        assert!(after.iter().all(|(who, _)| *who == to), "{after:?}");
    }
}

#[tokio::test]
async fn one_of_two_acts_and_the_other_follows_at_once_when_it_stops() {
    let stage = Stage::set(LONG).await;
    let first = Manager::start("first", &stage).await;
    stage.led_by("first").await;
    let second = Manager::start("second", &stage).await;
    for name in ["acme", "globex", "initech"] {
        stage.write(name).await;
        stage.planned(name).await;
    }
    assert_eq!(stage.writers(), BTreeSet::from(["first"]));
    assert!(first.handle.is_leading() && !second.handle.is_leading());
    assert!(second.handle.is_ready(), "who follows is ready to take over");

    first.stop().await;
    stage.led_by("second").await;
    stage.write("umbrella").await;
    stage.planned("umbrella").await;
    assert!(second.handle.is_leading());
    stage.assert_handed_over("first", "second");
    second.stop().await;
    let lease = Api::<Lease>::namespaced(stage.client.clone(), "choreo-system")
        .get("choreo-control-plane-controller-manager")
        .await
        .expect("the lease stays");
    assert_eq!(lease.spec.expect("a spec").lease_transitions, Some(1), "taken over once");
}

#[tokio::test]
async fn who_cannot_renew_its_lease_stops_before_another_begins() {
    let stage = Arc::new(Stage::set(SHORT).await);
    let first = Manager::start("first", &stage).await;
    stage.led_by("first").await;
    let second = Manager::start("second", &stage).await;
    stage.write("acme").await;
    stage.planned("acme").await;

    // There is always something to do, and the first could do it: only the lease does not answer.
    let busy = tokio::spawn({
        let stage = Arc::clone(&stage);
        async move {
            for number in 0.. {
                stage.write(&format!("tenant-{number}")).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    first.gate.keeps.send_replace(Keeps::Leases);
    stage.led_by("second").await;
    assert!(!first.handle.is_leading());
    busy.abort();
    stage.write("globex").await;
    stage.planned("globex").await;
    stage.assert_handed_over("first", "second");
    assert!(first.handle.is_ready());

    // It goes on as one that follows, and leads again when it is its turn.
    first.gate.keeps.send_replace(Keeps::Nothing);
    second.stop().await;
    stage.led_by("first").await;
    stage.write("initech").await;
    stage.planned("initech").await;
    first.stop().await;
}

#[tokio::test]
async fn what_is_on_its_way_when_the_lease_ends_is_dropped() {
    let stage = Stage::set(SHORT).await;
    let first = Manager::start("first", &stage).await;
    stage.led_by("first").await;
    let second = Manager::start("second", &stage).await;
    first.gate.keeps.send_replace(Keeps::LeasesAndWrites);
    stage.write("acme").await;
    let mut has_kept = first.gate.has_kept.subscribe();
    soon("a write", has_kept.wait_for(|has_kept| *has_kept)).await.expect("the gate stands");
    stage.led_by("second").await;
    assert_eq!(first.gate.kept.load(Ordering::SeqCst), 0, "nobody waits for an answer any more");
    stage.planned("acme").await;
    assert_eq!(stage.writers(), BTreeSet::from(["second"]));
    first.gate.keeps.send_replace(Keeps::Nothing);
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn the_lease_of_one_that_died_runs_out() {
    let stage = Stage::set(SHORT).await;
    let first = Manager::start("first", &stage).await;
    stage.led_by("first").await;
    first.task.abort();
    let second = Manager::start("second", &stage).await;
    stage.led_by("second").await;
    second.stop().await;
}

#[tokio::test]
async fn a_lease_that_is_removed_goes_on_with_its_holder() {
    let stage = Stage::set(SHORT).await;
    let first = Manager::start("first", &stage).await;
    stage.led_by("first").await;
    let second = Manager::start("second", &stage).await;
    let leases: Api<Lease> = Api::namespaced(stage.client.clone(), "choreo-system");
    let name = "choreo-control-plane-controller-manager";
    let old = leases.get(name).await.expect("a lease").uid();
    leases.delete(name, &kube::api::DeleteParams::default()).await.expect("removed");
    let is_new = |lease: Option<&Lease>| lease.is_some_and(|lease| lease.uid() != old);
    let new = soon("a new lease", await_condition(leases, name, is_new)).await.expect("a watch").expect("a lease");
    assert_eq!(new.spec.and_then(|spec| spec.holder_identity).as_deref(), Some("first"));
    assert!(first.handle.is_leading() && !second.handle.is_leading());
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn settings_that_let_two_lead_are_refused() {
    let good = LeaderSettings::new("one");
    let cases = [
        (LeaderSettings { identity: String::new(), ..good.clone() }, "`identity`"),
        (LeaderSettings { renew_deadline: good.lease_duration, ..good.clone() }, "`renew_deadline`"),
        (LeaderSettings { retry_period: good.renew_deadline, ..good.clone() }, "`retry_period`"),
    ];
    for (settings, word) in cases {
        let platform = Arc::new(Platform::builder().build().expect("a platform"));
        let settings = EngineSettings { leader: Some(settings), ..EngineSettings::default() };
        let engine = Engine::new(platform, Server::default().client(), settings);
        let error = engine.run(std::future::pending()).await.expect_err("refused").to_string();
        assert!(error.contains(word), "{error}");
    }
}
