//! One pass: plan under the World's lock, then send what the plan still needs.
//!
//! Answers are put into the World at once, so that the next pass sees what this one did before the watch tells. An
//! error is shown on the object and decides by its class when the object is tried again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use openchoreo_types::common::PlaneRef;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::lane::{Lane, cause_of};
use super::metrics::RequestLabels;
use super::shared::{AppliedMemory, Failure, Shared, Work};
use super::watch::api;
use crate::client::{Connector as _, Credentials, DirectConnector};
use crate::conditions::{CommonReason, Finding, READY, merge};
use crate::extension::chain;
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::offline::invalid_object;
use crate::plan::effects::{Applied, Effect, effects, list_repairs};
use crate::plan::{Plan, Wanted};
use crate::planner::PlanContext;
use crate::world::{Disconnect, PlaneState, Stored, World};

/// How long a plane whose credentials are gone keeps its connection, in case it turns out to be going itself.
const ORPHAN_GRACE: Duration = Duration::from_secs(2);

/// Does one piece of work.
pub(super) async fn run(shared: &Arc<Shared>, work: &Work) {
    match work {
        Work::Plan { planner, key } => plan(shared, work, *planner, key).await,
        Work::Connect(plane) => connect(shared, work, plane).await,
    }
}

async fn plan(shared: &Arc<Shared>, work: &Work, planner: usize, key: &ObjectKey) {
    let Some(planner) = shared.platform.planners().get(planner).cloned() else { return };
    let (plan, wanted) = {
        let world = shared.world.read();
        let Some(live) = world.get(&PlaneKey::Control, key).cloned() else {
            drop(world);
            shared.wake.lock().forget(work);
            shared.failures.lock().remove(work);
            return;
        };
        let now = shared.now();
        let started = Instant::now();
        let cx = PlanContext::new(&world, &shared.platform, now);
        let mut plan = planner.plan_stored(&cx, &live).unwrap_or_else(|error| invalid_object(&live, &error, now));
        let reads = cx.into_reads();
        let settling = shows_its_state(&live) && reads.planes.iter().any(|plane| is_being_connected(&world, plane));
        shared.wake.lock().record(work, reads);
        if let Some(failure) = shared.failures.lock().get(work) {
            show_failure(&mut plan, &live, failure, now);
        }
        // A start of the controllers is no news about the object: it keeps its status until the plane's state is known,
        // which wakes it.
        let wanted =
            if settling { Vec::new() } else { effects(&plan, &world, key, &Remembered(&shared.applied.lock())) };
        shared.metrics.count_pass(planner.name(), started.elapsed());
        (plan, wanted)
    };
    if let Some(at) = plan.look_again {
        let wait = Duration::try_from(at.duration_since(shared.now())).unwrap_or_default();
        shared.schedule(work.clone(), Instant::now() + wait);
    }
    let manager = format!("openchoreo/{}", planner.name());
    for effect in wanted {
        if let Err(trouble) = send(shared, &effect, &manager).await {
            fail(shared, work, key, &plan, &effect, trouble, &manager).await;
            return;
        }
    }
    if shared.failures.lock().remove(work).is_some() {
        // The status still speaks of the failure.
        shared.schedule(work.clone(), Instant::now());
    }
}

/// Whether an object shows a status of its newest generation.
fn shows_its_state(live: &Stored) -> bool {
    let generation = live.json().pointer("/metadata/generation");
    generation.is_some() && live.json().pointer("/status/observedGeneration") == generation
}

/// Whether a plane is registered and the outcome of its first connection is still to come.
fn is_being_connected(world: &World, plane: &PlaneKey) -> bool {
    let Some(remote) = plane.remote() else { return false };
    matches!(world.plane_state(plane), PlaneState::Unknown)
        && world.get(&PlaneKey::Control, &ObjectKey::registration(remote)).is_some()
}

/// Puts the last refusal in the place of the planner's verdict on Ready.
fn show_failure(plan: &mut Plan, live: &Stored, failure: &Failure, now: Timestamp) {
    let read = |status: Option<&Value>| -> Vec<Condition> {
        let list = status.and_then(|status| status.get("conditions")).cloned().unwrap_or_default();
        serde_json::from_value(list).unwrap_or_default()
    };
    let Some(status) = &mut plan.status else { return };
    let generation = live.json().pointer("/metadata/generation").and_then(Value::as_i64);
    let finding = Finding::new(CommonReason::ApplyFailed, &failure.message);
    let failed = merge(&read(live.json().get("status")), &[finding], generation, now);
    let mut conditions = read(Some(status));
    match conditions.iter_mut().find(|condition| condition.type_ == READY) {
        Some(ready) => *ready = failed.into_iter().next().unwrap_or_else(|| ready.clone()),
        None => conditions.extend(failed),
    }
    status["conditions"] = serde_json::to_value(conditions).unwrap_or_default();
}

/// How an error is dealt with.
enum Trouble {
    /// The object has changed or gone meanwhile: the watch brings the news.
    Stale,
    /// It may work the next time.
    Transient(String),
    /// It will not work before something changes.
    Terminal(String),
}

async fn fail(
    shared: &Shared,
    work: &Work,
    key: &ObjectKey,
    plan: &Plan,
    effect: &Effect,
    trouble: Trouble,
    manager: &str,
) {
    let (message, retry) = match trouble {
        Trouble::Stale => {
            shared.schedule(work.clone(), Instant::now() + shared.settings.backoff.0);
            return;
        }
        Trouble::Transient(message) => (message, true),
        Trouble::Terminal(message) => (message, false),
    };
    let message = format!("{}: {message}", describe(effect));
    warn!(object = %key, %message, "a plan could not be applied");
    let attempts = {
        let mut failures = shared.failures.lock();
        let failure = failures.entry(work.clone()).or_insert_with(|| Failure { message: String::new(), attempts: 0 });
        failure.attempts = failure.attempts.saturating_add(1);
        failure.message.clone_from(&message);
        failure.attempts
    };
    // The refusal is shown at once, whatever becomes of the next try.
    let status = {
        let world = shared.world.read();
        world.get(&PlaneKey::Control, key).and_then(|live| {
            let mut shown = Plan { status: plan.status.clone(), ..Plan::new() };
            show_failure(&mut shown, live, &Failure { message, attempts }, shared.now());
            let shown = effects(&shown, &world, key, &crate::plan::effects::NothingApplied);
            shown.into_iter().find(|effect| matches!(effect, Effect::Status { .. }))
        })
    };
    if let Some(status) = status
        && !matches!(effect, Effect::Status { .. })
    {
        let _ = send(shared, &status, manager).await;
    }
    let (first, longest) = shared.settings.backoff;
    let wait = first.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1).min(16))).min(longest);
    // What is refused for good is tried again too, though seldom: a webhook or a quota may have refused it.
    shared.schedule(work.clone(), Instant::now() + if retry { wait } else { longest });
}

fn describe(effect: &Effect) -> String {
    match effect {
        Effect::Finalizers { .. } => "cannot set the finalizer".to_owned(),
        Effect::Status { .. } => "cannot write the status".to_owned(),
        Effect::Apply(wanted) => format!("cannot apply {} to {}", wanted.key, wanted.plane),
        Effect::Delete(deletion) => format!("cannot delete {} from {}", deletion.key, deletion.plane),
    }
}

async fn send(shared: &Shared, effect: &Effect, manager: &str) -> Result<(), Trouble> {
    let (client, room) = route(shared, effect.plane())?;
    let _room = room.acquire_owned().await.map_err(|_| Trouble::Stale)?;
    let request = request(shared, effect, client, manager);
    let outcome = tokio::time::timeout(shared.settings.request_timeout, request).await;
    let (verb, plane) = (verb(effect), effect.plane());
    let is_ok = matches!(outcome, Ok(Ok(())));
    count(shared, plane, verb, is_ok);
    debug!(%verb, %plane, object = %object_of(effect), is_ok, "request");
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(classify(shared, effect, &error)),
        Err(_) => {
            raise_trouble(shared, plane);
            Err(Trouble::Transient(format!("no answer within {} s", shared.settings.request_timeout.as_secs())))
        }
    }
}

fn object_of(effect: &Effect) -> &ObjectKey {
    match effect {
        Effect::Finalizers { key, .. } | Effect::Status { key, .. } => key,
        Effect::Apply(wanted) => &wanted.key,
        Effect::Delete(deletion) => &deletion.key,
    }
}

fn count(shared: &Shared, plane: &PlaneKey, verb: &'static str, is_ok: bool) {
    let plane =
        plane.remote().map_or_else(|| "control".to_owned(), |plane| format!("{}/{}", plane.namespace, plane.name));
    shared.metrics.count_request(&RequestLabels { plane, verb, result: if is_ok { "ok" } else { "error" } });
}

fn verb(effect: &Effect) -> &'static str {
    match effect {
        Effect::Finalizers { .. } => "finalizers",
        Effect::Status { .. } => "status",
        Effect::Apply(_) => "apply",
        Effect::Delete(_) => "delete",
    }
}

/// The client and the room for requests of a plane.
fn route(shared: &Shared, plane: &PlaneKey) -> Result<(Client, Arc<Semaphore>), Trouble> {
    match plane {
        PlaneKey::Control => Ok((shared.control.clone(), Arc::clone(&shared.control_room))),
        PlaneKey::Remote(remote) => {
            let lanes = shared.lanes.lock();
            let lane = lanes.get(remote).ok_or_else(|| Trouble::Transient(format!("{plane} is not connected")))?;
            Ok((lane.client.clone(), Arc::clone(&lane.room)))
        }
    }
}

/// Lets the lane of a plane find out whether the plane still answers.
fn raise_trouble(shared: &Shared, plane: &PlaneKey) {
    if let Some(lane) =
        plane.remote().and_then(|remote| shared.lanes.lock().get(remote).map(|lane| Arc::clone(&lane.trouble)))
    {
        lane.notify_one();
    }
}

async fn request(shared: &Shared, effect: &Effect, client: Client, manager: &str) -> Result<(), kube::Error> {
    let put = |kind: Kind, answer: kube::api::DynamicObject| {
        if let Ok(json) = serde_json::to_value(answer) {
            shared.put_answer(effect.plane(), kind, json);
        }
    };
    match effect {
        Effect::Finalizers { key, patch } => {
            let patch = Patch::Merge(patch);
            let answer =
                api(client, key.kind, &key.namespace).patch(&key.name, &PatchParams::default(), &patch).await?;
            if answer.metadata.deletion_timestamp.is_none()
                || answer.metadata.finalizers.as_ref().is_some_and(|f| !f.is_empty())
            {
                put(key.kind, answer);
            }
        }
        Effect::Status { key, object } => {
            let params = PatchParams::apply(manager).force();
            let answer =
                api(client, key.kind, &key.namespace).patch_status(&key.name, &params, &Patch::Apply(object)).await?;
            put(key.kind, answer);
        }
        Effect::Apply(wanted) => {
            let key = &wanted.key;
            let params = PatchParams::apply(manager).force();
            let api = api(client, key.kind, &key.namespace);
            if let Some(repair) = repair(shared, wanted) {
                // Whether it was of use shows when the wanted object is applied.
                let repaired = api.patch(&key.name, &PatchParams::default(), &repair).await;
                count(shared, &wanted.plane, "repair", repaired.is_ok());
            }
            let answer = api.patch(&key.name, &params, &Patch::Apply(&wanted.object)).await?;
            if let Ok(json) = serde_json::to_value(answer) {
                remember(shared, wanted, &json);
                shared.put_answer(&wanted.plane, key.kind, json);
            }
        }
        Effect::Delete(deletion) => {
            let key = &deletion.key;
            let params = DeleteParams {
                preconditions: Some(Preconditions {
                    uid: Some(deletion.uid.clone()).filter(|uid| !uid.is_empty()),
                    resource_version: None,
                }),
                propagation_policy: Some(PropagationPolicy::Background),
                ..DeleteParams::default()
            };
            if let Some(answer) = api(client, key.kind, &key.namespace).delete(&key.name, &params).await?.left() {
                // What the answer shows is still there only where something holds it.
                if answer.metadata.deletion_timestamp.is_some() {
                    put(key.kind, answer);
                }
            }
        }
    }
    Ok(())
}

/// A patch of lists that a server-side apply would not put right; nothing where there is none.
fn repair(shared: &Shared, wanted: &Wanted) -> Option<Patch<()>> {
    let world = shared.world.read();
    let operations = list_repairs(world.get(&wanted.plane, &wanted.key)?, &wanted.object);
    if operations.is_empty() {
        return None;
    }
    serde_json::from_value(operations.into()).ok().map(Patch::Json)
}

fn classify(shared: &Shared, effect: &Effect, error: &kube::Error) -> Trouble {
    let kube::Error::Api(status) = error else {
        raise_trouble(shared, effect.plane());
        return Trouble::Transient(chain(error));
    };
    match (effect, status.code) {
        // Somebody was faster, or the object is gone or another one: planned again with what is then seen.
        (Effect::Finalizers { .. } | Effect::Status { .. } | Effect::Delete(_), 404 | 409) => Trouble::Stale,
        (_, 400 | 422) => Trouble::Terminal(status.message.clone()),
        _ => {
            if effect.plane() != &PlaneKey::Control && cause_of(error) == Disconnect::CredentialsRefused {
                raise_trouble(shared, effect.plane());
            }
            Trouble::Transient(status.message.clone())
        }
    }
}

/// Remembers that a live object came of applying a wanted one.
fn remember(shared: &Shared, wanted: &Wanted, answer: &Value) {
    let mut live = answer.clone();
    settle_live(&mut live);
    shared.applied.lock().insert((wanted.plane.clone(), wanted.key.clone()), (digest(&wanted.object), digest(&live)));
}

/// What the memory of applies says.
struct Remembered<'m>(&'m AppliedMemory);

impl Applied for Remembered<'_> {
    fn is_result_of(&self, wanted: &Wanted, live: &Stored) -> bool {
        let Some((applied, result)) = self.0.get(&(wanted.plane.clone(), wanted.key.clone())) else { return false };
        let mut json = live.json().clone();
        settle_live(&mut json);
        *applied == digest(&wanted.object) && *result == digest(&json)
    }
}

/// Takes away what changes without anyone changing what was applied.
fn settle_live(live: &mut Value) {
    if let Some(object) = live.as_object_mut() {
        object.remove("status");
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
            metadata.remove("managedFields");
            metadata.remove("generation");
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                // Written by controllers of the cluster, such as the deployment controller's revision.
                annotations.retain(|key, _| !key.contains("kubernetes.io/"));
            }
        }
    }
}

fn digest(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}

async fn connect(shared: &Arc<Shared>, work: &Work, plane: &PlaneRef) {
    let key = PlaneKey::Remote(plane.clone());
    let resolved = {
        let world = shared.world.read();
        let cx = PlanContext::new(&world, &shared.platform, shared.now());
        let resolved = Credentials::resolve(&cx, plane);
        shared.wake.lock().record(work, cx.into_reads());
        resolved
    };
    let credentials = match resolved {
        Ok(Some(credentials)) => credentials,
        Ok(None) => {
            shared.lanes.lock().remove(plane);
            shared.wake.lock().forget(work);
            shared.change(|world| world.forget_plane(&key));
            return;
        }
        Err(error) => return misconfigured(shared, work, plane, &key, chain(&error)),
    };
    let fingerprint = credentials.fingerprint();
    if let Some(lane) = shared.lanes.lock().get_mut(plane)
        && lane.fingerprint == fingerprint
    {
        lane.orphaned = None;
        return;
    }
    let hosts = &shared.settings.plane_hosts;
    let client = match DirectConnector::new(hosts.clone()).connect(plane, &credentials).await {
        Ok(client) => client,
        Err(error) => return misconfigured(shared, work, plane, &key, chain(&error)),
    };
    shared.change(|world| world.set_plane_state(&key, PlaneState::Unknown));
    let lane = Lane::open(shared, plane.clone(), credentials.server().to_owned(), client, fingerprint);
    shared.lanes.lock().insert(plane.clone(), lane);
}

/// A plane that goes, alone or with its namespace, keeps the client that it has when its credentials go first: it is
/// needed for cleaning. Since watches of different kinds are not ordered, a little while is waited for that news.
fn misconfigured(shared: &Shared, work: &Work, plane: &PlaneRef, key: &PlaneKey, error: String) {
    let registration = ObjectKey::registration(plane);
    let namespace = ObjectKey::of::<Namespace>("", &plane.namespace);
    let is_going = {
        let world = shared.world.read();
        [registration, namespace]
            .iter()
            .any(|key| world.get(&PlaneKey::Control, key).is_some_and(|live| live.is_deleting()))
    };
    if let Some(lane) = shared.lanes.lock().get_mut(plane) {
        let now = Instant::now();
        let since = *lane.orphaned.get_or_insert(now);
        if is_going {
            return;
        }
        if now < since + ORPHAN_GRACE {
            shared.schedule(work.clone(), since + ORPHAN_GRACE);
            return;
        }
    }
    shared.lanes.lock().remove(plane);
    shared.change(|world| world.set_plane_state(key, PlaneState::Misconfigured { error }));
}
