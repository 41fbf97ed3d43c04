//! Which of several Deployments in one place, an environment for a track of a component, is deployed there.
//!
//! A Deployment that a person wrote goes before that of the track, and an older one before a younger. One that is refused
//! or cannot be rendered takes no place that another has; one that has the place keeps it through whatever breaks it
//! later.
//!
//! The objects of all of them have the same names, so a successor takes them over by applying them as its own: for
//! Kubernetes an update like any other. Nobody else touches them meanwhile, because every planner asks here, and the
//! answer depends on nothing but the World: what could be rendered, and whose the objects in the plane are. What only
//! the predecessor had, its pods may still need; it goes when the successor is ready. One that is being deleted lets
//! the next in order take over before it withdraws.

use std::sync::Arc;

use openchoreo_core::conditions::{CommonReason, ConditionStatus, Finding, Reason};
use openchoreo_core::hierarchy::{children, label_of, name_of, seniority, track_name};
use openchoreo_core::kind::ObjectKey;
use openchoreo_core::labels;
use openchoreo_core::plan::{StatusDraft, Wanted};
use openchoreo_core::planner::PlanContext;
use openchoreo_core::world::Stored;
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{Deployment, DeploymentTrack};

use super::super::deployment_track;
use super::place::Place;
use super::{DeploymentReason, Outcome, Stop, owner_of};

/// How a Deployment stands to its place.
enum Standing<'p> {
    /// It cannot be deployed, and nothing in the place is its own.
    Unable,
    /// It has the place and cannot be deployed any more: what it runs stays.
    Broken,
    /// It can be deployed.
    Able(Outcome<'p>),
}

/// Makes way for the Deployments that go before this one; gives what people should know of those that do not take the
/// place yet.
pub(super) fn make_way(cx: &PlanContext<'_>, deployment: &Deployment, place: &Place) -> Result<Vec<String>, Stop> {
    let mut waiting = Vec::new();
    for rival in rivals(cx, deployment, place).iter().filter(|rival| precedes(rival, deployment)) {
        let name = name_of(&**rival);
        match standing(cx, rival) {
            Standing::Unable => waiting.push(format!("Deployment `{name}` takes its place once it can be deployed")),
            Standing::Able(outcome) if is_ready(cx, &outcome) => {
                let message = format!("{}; delete one of them", first(rival, place));
                return Err(Stop::withdraw(Finding::new(DeploymentReason::AnotherDeploymentFirst, message)));
            }
            Standing::Broken | Standing::Able(_) => {
                let message = format!("{}; what this one runs stays until that is ready", first(rival, place));
                return Err(Stop::keep(Finding::new(DeploymentReason::AnotherDeploymentFirst, message)));
            }
        }
    }
    Ok(waiting)
}

fn first(rival: &Deployment, place: &Place) -> String {
    let (name, environment, track) = (name_of(rival), &place.environment, track_name(&place.track));
    format!("Deployment `{name}` is in environment `{environment}` for track `{track}` and goes before this one")
}

/// Says beside why a Deployment cannot take its place what runs there meanwhile.
pub(super) fn with_what_runs(cx: &PlanContext<'_>, deployment: &Deployment, place: &Place, stop: Stop) -> Stop {
    let Stop { mut finding, withdraw } = stop;
    if !owns_any(cx, deployment, place)
        && let Some(rival) = rivals(cx, deployment, place).iter().find(|rival| owns_any(cx, rival, place))
    {
        finding.message = format!("{}; Deployment `{}` keeps running meanwhile", finding.message, name_of(&**rival));
    }
    Stop { finding, withdraw }
}

/// Whether a Deployment has its place, or takes it as soon as it is planned.
pub(in super::super) fn stands(cx: &PlanContext<'_>, deployment: &Deployment) -> bool {
    !matches!(standing(cx, deployment), Standing::Unable)
}

/// The Deployment that takes over from one that is being deleted, while there is something to take over; the track's own
/// may be about to be made. One that is broken or whose objects are refused is not waited for.
pub(super) fn heir(cx: &PlanContext<'_>, deployment: &Deployment) -> Option<String> {
    let place = super::place::place(cx, deployment).ok()?;
    let mut rivals = rivals(cx, deployment, &place);
    rivals.sort_by_cached_key(|rival| rank(rival));
    for rival in &rivals {
        let outcome = match standing(cx, rival) {
            Standing::Unable => continue,
            // It keeps those behind it from the place too.
            Standing::Broken => return None,
            Standing::Able(outcome) => outcome,
        };
        let ours = cx.label_of(&owner_of(deployment));
        let is_left = |wanted: &Wanted| live(cx, wanted).is_some_and(|live| live.has_label(labels::OWNER, &ours));
        let whole = cx.get::<Deployment>(place.scope.namespace(), name_of(&**rival))?;
        return (!is_refused(&*whole) && outcome.own().iter().any(is_left)).then(|| name_of(&*whole).to_owned());
    }
    upcoming(cx, &place).filter(|_| owns_any(cx, deployment, &place))
}

/// The Deployment that the track is about to make in a place, by its name.
fn upcoming(cx: &PlanContext<'_>, place: &Place) -> Option<String> {
    let track = cx.get::<DeploymentTrack>(place.scope.namespace(), name_of(&*place.track))?;
    let name = deployment_track::deploys_to(cx, &place.scope, &track, &place.environment)?;
    let key = ObjectKey::of::<Deployment>(place.scope.namespace(), name.as_str());
    (!is_refused(&*track) && cx.control().stored_written(&key).is_none()).then_some(name)
}

/// Whether an object shows that it cannot have what it wants.
fn is_refused<K: PlatformKind>(object: &K) -> bool {
    let refused = [CommonReason::ApplyFailed, CommonReason::PlannerFailed].map(|reason| reason.info().reason);
    object.condition("Ready").is_some_and(|ready| refused.contains(&ready.reason.as_str()))
}

/// The other Deployments in a place that are not being deleted, without their status: what they report decides nothing.
fn rivals(cx: &PlanContext<'_>, deployment: &Deployment, place: &Place) -> Vec<Arc<Deployment>> {
    let select = children(&place.scope)
        .label(labels::DEPLOYMENT_TRACK, track_name(&place.track))
        .label(labels::ENVIRONMENT, place.environment.as_str());
    let mut all = cx.list_written::<Deployment>(select);
    all.retain(|other| name_of(&**other) != name_of(deployment) && other.metadata.deletion_timestamp.is_none());
    all
}

/// What a Deployment is ordered by among those in its place: who made it, then which is the elder.
fn rank(deployment: &Deployment) -> impl Ord + use<> {
    (label_of(deployment, labels::OWNER).is_some(), seniority(deployment))
}

fn precedes(one: &Deployment, other: &Deployment) -> bool {
    rank(one) < rank(other)
}

fn standing<'p>(cx: &PlanContext<'p>, deployment: &Deployment) -> Standing<'p> {
    let Ok(place) = super::place::place(cx, deployment) else { return Standing::Unable };
    match super::outcome(cx, deployment, &place, &mut StatusDraft::of(deployment)) {
        Ok(outcome) => Standing::Able(outcome),
        Err(_) if owns_any(cx, deployment, &place) => Standing::Broken,
        Err(_) => Standing::Unable,
    }
}

fn is_ready(cx: &PlanContext<'_>, outcome: &Outcome<'_>) -> bool {
    outcome.own().iter().all(|wanted| is_there(cx, wanted))
        && outcome.ready(cx, &[]).reason.status == ConditionStatus::True
}

/// Whether an object is as it is wanted.
pub(super) fn is_there(cx: &PlanContext<'_>, wanted: &Wanted) -> bool {
    live(cx, wanted).is_some_and(|live| cx.is_held(wanted, &live))
}

/// A wanted object as it is.
fn live(cx: &PlanContext<'_>, wanted: &Wanted) -> Option<Arc<Stored>> {
    cx.at(&wanted.plane).stored_written(wanted.key())
}

/// Whether an object in the place's namespace of the plane is a Deployment's own.
fn owns_any(cx: &PlanContext<'_>, deployment: &Deployment, place: &Place) -> bool {
    let Ok(namespace) = cx.platform().naming().cell_namespace(&place.scope.cell(&place.environment)) else {
        return false;
    };
    let owned = cx.at(&place.target.plane).owned_by(&owner_of(deployment));
    owned.iter().any(|(key, _)| key.namespace == namespace.as_str())
}
