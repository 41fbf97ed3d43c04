//! DeploymentTrack: a line of development, and with `autoDeploy` the deployment of its newest artifact into the first
//! environment of the project's pipeline.
//!
//! What runs is never taken away because something else is missing for a moment: the Deployment goes only when the
//! track has no artifact left, the track goes, or the first environment becomes another. Switching `autoDeploy` off
//! leaves the Deployment to people.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use openchoreo_core::conditions::{CommonReason, Finding, Reason};
use openchoreo_core::extension::chain;
use openchoreo_core::hierarchy::{
    ComponentScope, child_labels, children, children_of, label_of, name_of, pipeline_of, scope_by_label, track_name,
};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels::{self, Owner, finalizers};
use openchoreo_core::plan::{Finalizer, Plan, StatusDraft};
use openchoreo_core::planner::{PlanContext, Planner, Uses};
use openchoreo_core::planners::deletion::delete_all;
use openchoreo_core::planners::{DeploymentPipelineReason, first_environment};
use openchoreo_core::record;
use openchoreo_core::world::{Select, Stored};
use openchoreo_types::PlatformKind;
use openchoreo_types::common::PlaneRef;
use openchoreo_types::v1alpha1::{
    Build, DeployableArtifact, Deployment, DeploymentPipeline, DeploymentSpec, DeploymentTrack, Environment,
};

openchoreo_core::reasons! {
    /// Why a DeploymentTrack is or is not ready, and whether it deploys by itself.
    pub enum DeploymentTrackReason for "DeploymentTrack" {
        DeploymentTrackAvailable => Ready = True, "the track belongs to a component",
        DuplicateTrack => Ready = False, "an older track of the component has the same name, and is the one that is meant",
        ArtifactDeployed => AutoDeployed = True, "the newest ready artifact is what the Deployment of the first environment names",
        NothingToDeploy => AutoDeployed = Unknown, "the track has no artifact that is ready yet",
        PipelineNotUsable => AutoDeployed = False, "the project's pipeline does not exist, names no environment or leads in a circle; correct it",
        FirstEnvironmentNotFound => AutoDeployed = False, "the pipeline's first environment does not exist or is being deleted; it is waited for",
        DeployedByPerson => AutoDeployed = False, "a Deployment that a person made is in the place of the track's own and is not overwritten; delete it, or switch `autoDeploy` off",
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
                    if track.spec.auto_deploy {
                        let outcome = auto_deploy(cx, &mut plan, &scope, track);
                        draft.add(outcome.unwrap_or_else(|blocked| blocked));
                    }
                }
            },
        }
        plan.report(&draft.finish(cx.now()));
        plan
    }
}

/// Wants the Deployment of the newest artifact; `Err` says why nothing is decided, and nothing is pruned then.
fn auto_deploy(
    cx: &PlanContext<'_>,
    plan: &mut Plan,
    scope: &ComponentScope,
    track: &DeploymentTrack,
) -> Result<Finding, Finding> {
    let owner = Owner::object(DeploymentTrack::KIND, scope.namespace(), name_of(track));
    let target = environment_to_deploy_to(cx, scope)?;
    let environment = name_of(&*target).to_owned();
    let artifacts = artifacts_of(cx, scope, track);
    if artifacts.is_empty() {
        // One that cannot be read is still there, and what runs may be of it.
        let any = stored_of_track::<DeployableArtifact>(cx, scope, track).iter().any(|(_, live)| !live.is_deleting());
        if any {
            let message = "no artifact of the track can be read; see their conditions";
            return Err(Finding::new(DeploymentTrackReason::NothingToDeploy, message));
        }
        plan.prune(cx, &PlaneKey::Control, &owner);
        return Ok(Finding::new(
            DeploymentTrackReason::NothingToDeploy,
            "the track has no artifact; a finished Build makes one",
        ));
    }
    let Some(newest) = artifacts.iter().rfind(|artifact| is_ready(&***artifact)) else {
        let message = "no artifact of the track is ready; see their conditions";
        return Err(Finding::new(DeploymentTrackReason::NothingToDeploy, message));
    };
    let naming = cx.platform().naming();
    let name = naming
        .deployment(name_of(&*scope.component), track_name(track), &environment)
        .map_err(|error| Finding::new(DeploymentTrackReason::DeploymentNotNameable, chain(&error)))?;
    if let Some(written) = written_by_person(cx, scope, track, &environment, name.as_str(), &owner) {
        plan.prune(cx, &PlaneKey::Control, &owner);
        let message = format!(
            "Deployment `{written}` was not made by this track and is not overwritten; delete it to let the track deploy"
        );
        return Err(Finding::new(DeploymentTrackReason::DeployedByPerson, message));
    }
    let own = [(labels::DEPLOYMENT_TRACK, track_name(track)), (labels::ENVIRONMENT, environment.as_str())];
    let deployment = Deployment {
        metadata: ObjectMeta {
            name: Some(name.to_string()),
            namespace: Some(scope.namespace().to_owned()),
            labels: Some(child_labels(scope, &format!("{environment}-deployment"), &own)),
            owner_references: track.controller_owner_ref(&()).map(|reference| vec![reference]),
            // What its own first pass would add, so that it need not.
            finalizers: cx.finalizer_of::<Deployment>(finalizers::DEPLOYMENT),
            annotations: plane_of(scope, &target).map(|plane| [record::annotation(&plane)].into()),
            ..ObjectMeta::default()
        },
        spec: DeploymentSpec { deployment_artifact_ref: name_of(&**newest).to_owned(), ..DeploymentSpec::default() },
        status: None,
    };
    plan.want(&PlaneKey::Control, &owner, &deployment);
    plan.prune(cx, &PlaneKey::Control, &owner);
    let message = format!("DeployableArtifact `{}` in environment `{environment}`", name_of(&**newest));
    Ok(Finding::new(DeploymentTrackReason::ArtifactDeployed, message))
}

/// The first environment of the project's pipeline, if it can be deployed to.
fn environment_to_deploy_to(cx: &PlanContext<'_>, scope: &ComponentScope) -> Result<Arc<Environment>, Finding> {
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
    found.filter(|environment| environment.metadata.deletion_timestamp.is_none()).ok_or_else(|| {
        let message = format!(
            "Environment `{environment}`, the first of DeploymentPipeline `{named}`, does not exist or is being deleted"
        );
        Finding::new(DeploymentTrackReason::FirstEnvironmentNotFound, message)
    })
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
    artifacts
        .sort_by_cached_key(|artifact| (artifact.metadata.creation_timestamp.clone(), artifact.metadata.name.clone()));
    artifacts
}

/// The objects of a kind that are of a track, those that cannot be read too.
fn stored_of_track<K>(
    cx: &PlanContext<'_>,
    scope: &ComponentScope,
    track: &DeploymentTrack,
) -> Vec<(ObjectKey, Arc<Stored>)>
where
    K: PlatformKind,
    K::Scope: 'static,
{
    let select = children(scope).label(labels::DEPLOYMENT_TRACK, track_name(track));
    cx.control().list_stored_written(&Select { kind: Kind::of::<K>(), ..select })
}

fn is_ready<K: PlatformKind>(object: &K) -> bool {
    object.condition("Ready").is_some_and(|condition| condition.status == "True")
}

/// A Deployment of the same track and environment, or of the same name, that this track has not made.
fn written_by_person(
    cx: &PlanContext<'_>,
    scope: &ComponentScope,
    track: &DeploymentTrack,
    environment: &str,
    name: &str,
    owner: &Owner,
) -> Option<String> {
    let same_place = stored_of_track::<Deployment>(cx, scope, track)
        .into_iter()
        .filter(|(_, live)| live.has_label(labels::ENVIRONMENT, environment));
    let key = ObjectKey::of::<Deployment>(scope.namespace(), name);
    let same_name = cx.control().stored_written(&key).map(|live| (key, live));
    let ours = owner.label_value();
    same_place
        .chain(same_name)
        .find(|(_, deployment)| !deployment.has_label(labels::OWNER, &ours))
        .map(|(key, _)| key.name)
}

/// Another track of the component with the same name that was there first.
fn elder_twin(cx: &PlanContext<'_>, scope: &ComponentScope, track: &DeploymentTrack) -> Option<String> {
    let age = |of: &DeploymentTrack| (of.metadata.creation_timestamp.clone(), of.metadata.name.clone());
    let tracks = openchoreo_core::hierarchy::tracks_of(cx, scope);
    let elder = tracks.iter().find(|other| track_name(other) == track_name(track) && age(other) < age(track));
    elder.map(|other| name_of(&**other).to_owned())
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
