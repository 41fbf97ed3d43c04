//! DeploymentTrack: a line of development, and with `autoDeploy` the deployment of its newest artifact into the first
//! environment of the project's pipeline.
//!
//! What runs stays: without an artifact, with a broken pipeline, and beside a person's Deployment until that has taken
//! everything over. Where the first environment becomes another, the new one is deployed to at once, and what runs in the
//! old one stays until somebody confirms that it may go. Switching `autoDeploy` off leaves the Deployment to people.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use openchoreo_core::conditions::{CommonReason, ConditionStatus, Finding, Reason, listed};
use openchoreo_core::extension::chain;
use openchoreo_core::hierarchy::{
    ComponentScope, child_labels, children, children_of, label_of, name_of, pipeline_of, scope_by_label, track_name,
    track_of,
};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels::{self, Owner, annotations, finalizers};
use openchoreo_core::naming::LabelValue;
use openchoreo_core::plan::{Finalizer, Plan, StatusDraft};
use openchoreo_core::planner::{PlanContext, Planner, Uses};
use openchoreo_core::planners::deletion::delete_all;
use openchoreo_core::planners::{DeploymentPipelineReason, first_environment};
use openchoreo_core::record;
use openchoreo_core::world::{Select, Stored};
use openchoreo_types::PlatformKind;
use openchoreo_types::common::PlaneRef;
use openchoreo_types::v1alpha1::{
    Build, ConfigurationGroup, DataPlane, DeployableArtifact, Deployment, DeploymentPipeline, DeploymentSpec,
    DeploymentTrack, Endpoint, Environment,
};

use super::deployment::{Cell, stands};

openchoreo_core::reasons! {
    /// Why a DeploymentTrack is or is not ready, and whether it deploys by itself.
    pub enum DeploymentTrackReason for "DeploymentTrack" {
        DeploymentTrackAvailable => Ready = True, "the track belongs to a component",
        DuplicateTrack => Ready = False, "an older track of the component has the same name, and is the one that is meant",
        ArtifactDeployed => AutoDeployed = True, "the newest ready artifact is what the Deployment of the first environment names",
        NothingToDeploy => AutoDeployed = Unknown, "the track has no artifact that is ready; what runs is kept",
        NoNewerArtifact => AutoDeployed = Unknown, "the artifact that was deployed is gone or no longer ready, and every other is older; what runs is kept until a newer one is ready",
        PipelineNotUsable => AutoDeployed = False, "the project's pipeline does not exist, names no environment or leads in a circle; correct it",
        FirstEnvironmentNotFound => AutoDeployed = False, "the pipeline's first environment does not exist or is being deleted; it is waited for",
        FirstEnvironmentChanged => AutoDeployed = False, "the first environment became another: it is deployed to, and what runs in the old one is kept; delete that Deployment, or name its environment in annotation `openchoreo.dev/left-environments` of the DeploymentPipeline",
        DeployedByPerson => AutoDeployed = False, "a Deployment that a person made has the place of the track's own, or its name, and is not overwritten; delete it, or switch `autoDeploy` off",
        DeploymentNotNameable => AutoDeployed = False, "no valid name can be made for the Deployment",
    }
}

/// Plans deployment tracks.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeploymentTrackPlanner;

impl Planner for DeploymentTrackPlanner {
    type Object = DeploymentTrack;

    fn name(&self) -> &'static str {
        "deployment-track"
    }

    fn uses(&self) -> Uses {
        Uses::new()
            .component_scope()
            .control::<DeploymentPipeline>()
            .control::<Environment>()
            .control::<Build>()
            .control::<DeployableArtifact>()
            .control::<Deployment>()
            // What says whether a person's Deployment can be deployed.
            .control::<DataPlane>()
            .control::<ConfigurationGroup>()
            .control::<Endpoint>()
            .control::<Secret>()
            .remote::<Namespace>()
    }

    fn plan(&self, cx: &PlanContext<'_>, track: &DeploymentTrack) -> Plan {
        let mut plan = Plan::new();
        let mut draft = StatusDraft::of(track);
        if track.metadata.deletion_timestamp.is_some() {
            let left = delete_children(cx, &mut plan, track);
            if left == 0 {
                plan.finalizer = Finalizer::Release(finalizers::DEPLOYMENT_TRACK);
            }
            draft.find(CommonReason::Deleting, format!("{left} objects of the track are left to delete"));
            plan.report(&draft.finish(cx.now()));
            return plan;
        }
        plan.finalizer = Finalizer::Hold(finalizers::DEPLOYMENT_TRACK);
        match scope_by_label(cx, track) {
            Err(error) => draft.add(error.into()),
            Ok(scope) => match elder_twin(cx, &scope, track) {
                Some(elder) => {
                    let message = format!(
                        "DeploymentTrack `{elder}` of the component has the name `{}` too; choose another `{}`",
                        track_name(track),
                        labels::NAME
                    );
                    draft.find(DeploymentTrackReason::DuplicateTrack, message);
                }
                None => {
                    let message =
                        format!("track `{}` of component `{}`", track_name(track), name_of(&*scope.component));
                    draft.find(DeploymentTrackReason::DeploymentTrackAvailable, message);
                    if let Err(error) = LabelValue::try_from(track_name(track)) {
                        // Everything that is of the track names it by label.
                        let message = format!("{}; give a label `{}` that can be one", chain(&error), labels::NAME);
                        draft.find(CommonReason::InvalidName, message);
                    } else if track.spec.auto_deploy {
                        draft.add(auto_deploy(cx, &mut plan, &scope, track));
                    }
                }
            },
        }
        plan.report(&draft.finish(cx.now()));
        plan
    }
}

/// Wants the Deployment of the newest artifact, and lets those go that it takes the place of. Of what the track had made
/// before nothing goes but what somebody lets go by name, and what has handed over all that it ran.
fn auto_deploy(cx: &PlanContext<'_>, plan: &mut Plan, scope: &ComponentScope, track: &DeploymentTrack) -> Finding {
    let owner = Owner::object(DeploymentTrack::KIND, scope.namespace(), name_of(track));
    let made = made_by(cx, scope, &owner);
    let outcome = target_of(cx, scope, track).and_then(|target| {
        let deployed = deploy_newest(cx, plan, scope, track, &owner, &target, &made);
        match leave(plan, &target, &made) {
            Some(left) if deployed.reason.status == ConditionStatus::True => {
                let message = format!("{}; {left}", deployed.message);
                Err(Finding::new(DeploymentTrackReason::FirstEnvironmentChanged, message))
            }
            Some(_) | None => Ok(deployed),
        }
    });
    outcome.unwrap_or_else(|blocked| with_what_runs(blocked, &made))
}

/// Where a track deploys to.
struct Target {
    pipeline: Arc<DeploymentPipeline>,
    environment: Arc<Environment>,
    /// Name of the Deployment.
    name: String,
}

impl Target {
    fn environment(&self) -> &str {
        name_of(&*self.environment)
    }
}

fn target_of(cx: &PlanContext<'_>, scope: &ComponentScope, track: &DeploymentTrack) -> Result<Target, Finding> {
    let (pipeline, environment) = environment_to_deploy_to(cx, scope)?;
    // The Deployment names it by label.
    LabelValue::try_from(name_of(&*environment))
        .map_err(|error| Finding::new(DeploymentTrackReason::DeploymentNotNameable, chain(&error)))?;
    let naming = cx.platform().naming();
    let name = naming
        .deployment(name_of(&*scope.component), track_name(track), name_of(&*environment))
        .map_err(|error| Finding::new(DeploymentTrackReason::DeploymentNotNameable, chain(&error)))?
        .into_string();
    Ok(Target { pipeline, environment, name })
}

/// The name of the Deployment that a track wants in an environment where it has none.
pub(super) fn deploys_to(
    cx: &PlanContext<'_>,
    scope: &ComponentScope,
    track: &DeploymentTrack,
    environment: &str,
) -> Option<String> {
    let target = target_of(cx, scope, track).ok().filter(|target| target.environment() == environment)?;
    let has_artifact = artifact_to_deploy(cx, scope, track, None).is_ok();
    (track.spec.auto_deploy && has_artifact).then_some(target.name)
}

/// Deployments of a track, as they were seen.
type Made = Vec<(ObjectKey, Arc<Stored>)>;

/// The Deployments that a track has made and that are not being deleted.
fn made_by(cx: &PlanContext<'_>, scope: &ComponentScope, owner: &Owner) -> Made {
    let select = children(scope).label(labels::OWNER, cx.label_of(owner));
    let mut made = cx.control().list_stored_written(&Select { kind: Kind::of::<Deployment>(), ..select });
    made.retain(|(_, live)| !live.is_deleting());
    made
}

/// Says beside why nothing is deployed what runs meanwhile.
fn with_what_runs(mut blocked: Finding, made: &Made) -> Finding {
    if !made.is_empty() {
        let names = listed(made.iter().map(|(key, _)| format!("`{}`", key.name)), ", ");
        blocked.message = format!("{}; Deployment {names} stays as it is until it is deleted by name", blocked.message);
    }
    blocked
}

/// Lets go what the track deployed elsewhere before, where somebody has confirmed it; says what stays.
fn leave(plan: &mut Plan, target: &Target, made: &Made) -> Option<String> {
    let confirmed =
        target.pipeline.annotations().get(labels::LEFT_ENVIRONMENTS).map(String::as_str).unwrap_or_default();
    let is_confirmed = |environment: &str| confirmed.split(',').any(|name| name.trim() == environment);
    let mut staying = Vec::new();
    for (key, live) in made.iter().filter(|(key, _)| key.name != target.name) {
        let environment = live.label(labels::ENVIRONMENT).unwrap_or_default();
        if is_confirmed(&environment) {
            plan.delete(&PlaneKey::Control, key.clone(), &live.uid(), false);
        } else {
            staying.push(format!("`{}` in environment `{environment}`", key.name));
        }
    }
    if staying.is_empty() {
        return None;
    }
    Some(format!(
        "the first environment of DeploymentPipeline `{}` is `{}` now, and Deployment {} keeps running; to take it down, delete it, or name its environment in annotation `{}` of the pipeline",
        name_of(&*target.pipeline),
        target.environment(),
        listed(staying, ", "),
        labels::LEFT_ENVIRONMENTS
    ))
}

/// Wants the Deployment of the newest artifact in its target, unless a person's has the place.
fn deploy_newest(
    cx: &PlanContext<'_>,
    plan: &mut Plan,
    scope: &ComponentScope,
    track: &DeploymentTrack,
    owner: &Owner,
    target: &Target,
    made: &Made,
) -> Finding {
    let own = made.iter().find(|(key, _)| key.name == target.name);
    let written = written_by_person(cx, scope, track, owner, target);
    if let Some(first) = written.iter().find(|written| written.has_place) {
        // It goes when it has handed over all that it ran.
        if let Some(own) = own.and_then(|(key, _)| cx.control().stored(key))
            && record::recorded(&own.json()).is_empty()
        {
            plan.delete(&PlaneKey::Control, own.key(Kind::of::<Deployment>()), &own.uid(), false);
        }
        let message = format!(
            "Deployment `{}` was not made by this track and has environment `{}`; delete it to let the track deploy",
            first.name,
            target.environment()
        );
        return Finding::new(DeploymentTrackReason::DeployedByPerson, message);
    }
    let artifact = match artifact_to_deploy(cx, scope, track, own.map(|(_, live)| &**live)) {
        Ok(artifact) => artifact,
        Err(blocked) => return with_what_runs(blocked, made),
    };
    plan.want(&PlaneKey::Control, owner, &deployment(cx, scope, track, target, &artifact));
    let mut message = format!("DeployableArtifact `{}` in environment `{}`", name_of(&*artifact), target.environment());
    if let Some(waiting) = written.first() {
        message.push_str(&format!("; Deployment `{}` takes its place once it can be deployed", waiting.name));
    }
    Finding::new(DeploymentTrackReason::ArtifactDeployed, message)
}

/// The newest artifact that is ready, where it is not older than the one that is deployed: what runs is not replaced by
/// its predecessor because it was deleted or spoiled.
fn artifact_to_deploy(
    cx: &PlanContext<'_>,
    scope: &ComponentScope,
    track: &DeploymentTrack,
    own: Option<&Stored>,
) -> Result<Arc<DeployableArtifact>, Finding> {
    let artifacts = artifacts_of(cx, scope, track);
    let newest = artifacts.iter().rfind(|artifact| is_ready(&***artifact)).ok_or_else(|| {
        let message = if artifacts.is_empty() {
            "the track has no artifact that can be read; a finished Build makes one"
        } else {
            "no artifact of the track is ready; see their conditions"
        };
        Finding::new(DeploymentTrackReason::NothingToDeploy, message)
    })?;
    let deployed = own.and_then(|own| own.annotation(labels::ARTIFACT_SINCE));
    match deployed.as_deref().map(age_in_words) {
        Some(deployed) if age(newest) < deployed => {
            let message = format!(
                "DeployableArtifact `{}` was deployed and is gone or no longer ready, and `{}` is older; make a newer one, or write a Deployment of that",
                deployed.1,
                name_of(&**newest)
            );
            Err(Finding::new(DeploymentTrackReason::NoNewerArtifact, message))
        }
        Some(_) | None => Ok(Arc::clone(newest)),
    }
}

/// What artifacts are ordered by: since when they exist, and their names.
type Age = (Option<Timestamp>, String);

fn age(artifact: &DeployableArtifact) -> Age {
    let since = artifact.metadata.creation_timestamp.as_ref().map(|time| time.0);
    (since, name_of(artifact).to_owned())
}

/// An age as [`labels::ARTIFACT_SINCE`] has it: `<time> <name>`, or the name alone.
fn age_in_words(text: &str) -> Age {
    match text.split_once(' ') {
        Some((since, name)) => (since.parse().ok(), name.to_owned()),
        None => (None, text.to_owned()),
    }
}

fn words_of((since, name): &Age) -> String {
    since.map_or_else(|| name.clone(), |since| format!("{since} {name}"))
}

/// The Deployment of an artifact.
fn deployment(
    cx: &PlanContext<'_>,
    scope: &ComponentScope,
    track: &DeploymentTrack,
    target: &Target,
    artifact: &DeployableArtifact,
) -> Deployment {
    let environment = target.environment();
    let own = [(labels::DEPLOYMENT_TRACK, track_name(track)), (labels::ENVIRONMENT, environment)];
    let mut told = BTreeMap::from([(labels::ARTIFACT_SINCE.to_owned(), words_of(&age(artifact)))]);
    if let Some(plane) = plane_of(scope, &target.environment) {
        let cell = Cell::of(scope, environment);
        told.extend([record::annotation(&plane), (annotations::CELLS.to_owned(), cell.to_string())]);
    }
    Deployment {
        metadata: ObjectMeta {
            name: Some(target.name.clone()),
            namespace: Some(scope.namespace().to_owned()),
            labels: Some(child_labels(scope, &format!("{environment}-deployment"), &own)),
            owner_references: track.controller_owner_ref(&()).map(|reference| vec![reference]),
            // What its own first pass would add, so that it need not.
            finalizers: cx.finalizer_of::<Deployment>(finalizers::DEPLOYMENT),
            annotations: Some(told),
            ..ObjectMeta::default()
        },
        spec: DeploymentSpec { deployment_artifact_ref: name_of(artifact).to_owned(), ..DeploymentSpec::default() },
        status: None,
    }
}

/// The project's pipeline and its first environment, if that can be deployed to.
fn environment_to_deploy_to(
    cx: &PlanContext<'_>,
    scope: &ComponentScope,
) -> Result<(Arc<DeploymentPipeline>, Arc<Environment>), Finding> {
    let unusable = |message: String| Finding::new(DeploymentTrackReason::PipelineNotUsable, message);
    let pipeline = pipeline_of(cx, &scope.organization, &scope.project).map_err(|error| unusable(error.to_string()))?;
    let named = name_of(&*pipeline);
    let Some(ready) = pipeline.condition("Ready") else {
        return Err(unusable(format!("DeploymentPipeline `{named}` has not been checked yet")));
    };
    if ready.reason == DeploymentPipelineReason::PromotionCycle.info().reason {
        return Err(unusable(format!("DeploymentPipeline `{named}`: {}", ready.message)));
    }
    let Some(environment) = first_environment(&pipeline) else {
        return Err(unusable(format!("DeploymentPipeline `{named}` names no environment; give `spec.promotionPaths`")));
    };
    let found = cx.written::<Environment>(&scope.organization, environment);
    let found = found.filter(|environment| environment.metadata.deletion_timestamp.is_none()).ok_or_else(|| {
        let message = format!(
            "Environment `{environment}`, the first of DeploymentPipeline `{named}`, does not exist or is being deleted"
        );
        Finding::new(DeploymentTrackReason::FirstEnvironmentNotFound, message)
    })?;
    Ok((pipeline, found))
}

/// The data plane that an environment names.
fn plane_of(scope: &ComponentScope, environment: &Environment) -> Option<PlaneRef> {
    PlaneKey::data_plane(&scope.organization, environment.spec.data_plane_ref.clone()?).remote().cloned()
}

/// The artifacts of a track that are not being deleted, the newest last.
fn artifacts_of(cx: &PlanContext<'_>, scope: &ComponentScope, track: &DeploymentTrack) -> Vec<Arc<DeployableArtifact>> {
    let select = children(scope).label(labels::DEPLOYMENT_TRACK, track_name(track));
    let mut artifacts = cx.list::<DeployableArtifact>(select);
    artifacts.retain(|artifact| artifact.metadata.deletion_timestamp.is_none());
    artifacts.sort_by_cached_key(|artifact| age(artifact));
    artifacts
}

fn is_ready<K: PlatformKind>(object: &K) -> bool {
    object.condition("Ready").is_some_and(|condition| condition.status == "True")
}

/// A Deployment that this track has not made.
struct Written {
    name: String,
    /// Whether it has the place of the track's own, or takes it at once.
    has_place: bool,
}

/// The Deployments of the same track and environment, or of the same name, that this track has not made.
fn written_by_person(
    cx: &PlanContext<'_>,
    scope: &ComponentScope,
    track: &DeploymentTrack,
    owner: &Owner,
    target: &Target,
) -> Vec<Written> {
    let ours = cx.label_of(owner);
    let select = children(scope)
        .label(labels::DEPLOYMENT_TRACK, track_name(track))
        .label(labels::ENVIRONMENT, target.environment());
    let mut same_place = cx.list_written::<Deployment>(select);
    same_place.retain(|other| {
        label_of(&**other, labels::OWNER) != Some(ours.as_str()) && other.metadata.deletion_timestamp.is_none()
    });
    let key = ObjectKey::of::<Deployment>(scope.namespace(), target.name.as_str());
    let same_name = cx.control().stored_written(&key).filter(|live| !live.has_label(labels::OWNER, &ours));
    let same_name = same_name.map(|_| Written { name: key.name, has_place: true });
    let of = |other: &Arc<Deployment>| Written { name: name_of(&**other).to_owned(), has_place: stands(cx, other) };
    same_name.into_iter().chain(same_place.iter().map(of)).collect()
}

/// Another track of the component that is meant by the same name.
fn elder_twin(cx: &PlanContext<'_>, scope: &ComponentScope, track: &DeploymentTrack) -> Option<String> {
    let meant = track_of(cx, scope, track_name(track)).ok()?;
    (name_of(&*meant) != name_of(track)).then(|| name_of(&*meant).to_owned())
}

/// Deletes what is of the track: its Deployments, and then what they were made from. Gives how much is left.
fn delete_children(cx: &PlanContext<'_>, plan: &mut Plan, track: &DeploymentTrack) -> usize {
    let (Some(component), Some(namespace)) = (label_of(track, labels::COMPONENT), track.metadata.namespace.as_deref())
    else {
        return 0;
    };
    let same_name = cx.list::<DeploymentTrack>(children_of(namespace, component));
    let survivor = |other: &Arc<DeploymentTrack>| {
        other.metadata.deletion_timestamp.is_none()
            && track_name(other) == track_name(track)
            && name_of(&**other) != name_of(track)
    };
    if same_name.iter().any(survivor) {
        // Another track of this name stays, and what names the track by its label is as much that one's.
        return 0;
    }
    let of_track = || children_of(namespace, component).label(labels::DEPLOYMENT_TRACK, track_name(track));
    delete_all::<Deployment>(cx, plan, of_track())
        + delete_all::<Build>(cx, plan, of_track())
        + delete_all::<DeployableArtifact>(cx, plan, of_track())
}
