//! Build: one run in a build plane, and what comes out of it.
//!
//! A build is immutable once it has started and has an end that stays. While it has none, its run is wanted and read
//! back; a run that is lost is made again. At the end the status alone tells the result, so that the run may go (its
//! workflow system removes it after a time) and is not made again.
//!
//! The DeployableArtifact is wanted until it exists. From then on it belongs to people, who may edit or delete it; a
//! deleted one is reported and not made again. The end of a build is shown only when the artifact has been seen, so
//! that a crash at any line repeats at most what was not seen yet.
//!
//! Deploying the artifact is not done here.

mod artifact;
mod place;
mod reasons;

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use openchoreo_core::conditions::Finding;
use openchoreo_core::extension::{
    BuildContext, BuildEngine, BuildObservation, BuildPhase, BuildStep, IsolationContext, RenderError, chain,
};
use openchoreo_core::hierarchy::{ComponentScope, name_of};
use openchoreo_core::kind::PlaneKey;
use openchoreo_core::labels::{self, Owner, annotations, finalizers, plane};
use openchoreo_core::naming::{LabelValue, NamespaceName};
use openchoreo_core::plan::{Finalizer, Plan, Rendered, StatusDraft};
use openchoreo_core::planner::{PlanContext, Planner, Uses};
use openchoreo_core::remote::{settle, usable};
use openchoreo_core::world::Stored;
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{
    Build, BuildPlane, BuildStatus, BuiltImage, Component, DataPlane, DeployableArtifact, DeploymentTrack,
};
use serde_json::Value;

use crate::descriptor::{Descriptor, Exposure};
use reasons::{ARTIFACT_CREATED, COMPLETED, OF_THE_RUN, restored};

pub(crate) use reasons::rows as reason_rows;
pub use reasons::{
    ArtifactReason, BuildReason, BuildStepReason, CloneReason, CompletedReason, PushReason, UpToDateReason,
};

/// The longest reference to an image that a run may report, in bytes: far above what registries take, and within what a
/// status may hold.
const IMAGE_LIMIT: usize = 4 * 1024;

/// Runs builds, and makes artifacts of their results.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuildPlanner;

impl Planner for BuildPlanner {
    type Object = Build;

    fn name(&self) -> &'static str {
        "build"
    }

    fn uses(&self) -> Uses {
        Uses::new()
            .component_scope()
            .control::<DeploymentTrack>()
            .control::<DeployableArtifact>()
            .control::<BuildPlane>()
            .control::<DataPlane>()
    }

    fn plan(&self, cx: &PlanContext<'_>, build: &Build) -> Plan {
        let owner = Owner::object(Build::KIND, build.metadata.namespace.as_deref().unwrap_or_default(), name_of(build));
        let mut pass =
            Pass { cx, build, owner, plan: Plan::new(), draft: StatusDraft::of(build), built_generation: None };
        if build.metadata.deletion_timestamp.is_some() {
            pass.leave();
        } else {
            pass.plan.finalizer = Finalizer::Hold(finalizers::BUILD);
            match pass.end() {
                Some(end) => pass.stay_ended(&end),
                None => pass.advance(),
            }
        }
        pass.finish()
    }
}

/// One pass over one build.
struct Pass<'p, 'w> {
    cx: &'p PlanContext<'w>,
    build: &'p Build,
    owner: Owner,
    plan: Plan,
    draft: StatusDraft<BuildStatus>,
    /// The generation that the run was started from, where one was.
    built_generation: Option<i64>,
}

/// The end of a build as its status tells it.
struct End {
    succeeded: bool,
    message: String,
    built_generation: Option<i64>,
}

/// What a run needs to be made or read back.
struct Place<'w> {
    scope: ComponentScope,
    track: String,
    plane: PlaneKey,
    engine: &'w dyn BuildEngine,
}

impl<'w> Pass<'_, 'w> {
    /// The condition that the object shows now.
    fn shown(&self, type_: &str) -> Option<&Condition> {
        self.build.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == type_)
    }

    fn end(&self) -> Option<End> {
        let completed = self.shown(COMPLETED)?;
        let succeeded = match completed.status.as_str() {
            "True" => true,
            "False" => false,
            _ => return None,
        };
        Some(End { succeeded, message: completed.message.clone(), built_generation: completed.observed_generation })
    }

    /// Says again what these conditions said.
    fn restore(&mut self, conditions: &[&str]) {
        let again: Vec<_> = conditions.iter().filter_map(|type_| restored(self.shown(type_)?)).collect();
        again.into_iter().for_each(|finding| self.draft.add(finding));
    }

    /// A build at its end: nothing is built any more; only the artifact and the spec are looked at.
    fn stay_ended(&mut self, end: &End) {
        self.built_generation = end.built_generation;
        let component = match place::scope_of(self.cx, self.build) {
            Ok(scope) => {
                if let Some(finding) = place::missing_track(self.cx, &scope, self.build) {
                    self.draft.add(finding);
                }
                Some(scope.component)
            }
            Err(finding) => {
                self.draft.add(finding);
                None
            }
        };
        self.restore(&OF_THE_RUN);
        if !end.succeeded {
            self.restore(&[ARTIFACT_CREATED]);
            self.draft.find(BuildReason::BuildNotSuccessful, &end.message);
        } else if let Some(artifact) = self.artifact() {
            let described = artifact::describe(component.as_deref(), self.build, &artifact);
            self.draft.find(BuildReason::ImageAvailable, format!("{}; {described}", end.message));
            self.draft.find(ArtifactReason::ArtifactCreated, described);
        } else {
            let message = format!("DeployableArtifact `{}` was deleted; create a new Build", name_of(self.build));
            self.draft.find(ArtifactReason::ArtifactDeleted, &message);
            self.draft.find(BuildReason::ArtifactMissing, message);
        }
        // Where the plane stays, the run stays too until its own system removes it: its logs are there.
        let kept = self.recorded_plane();
        let _waiting = self.settle(kept.as_ref());
    }

    /// A build without an end: its run is wanted, or read back.
    fn advance(&mut self) {
        let recorded = self.recorded_plane();
        let place = match self.place(recorded.as_ref()) {
            Ok(place) => place,
            Err(finding) => return self.wait(finding, recorded.as_ref()),
        };
        if let Err(finding) = usable(self.cx, &place.plane) {
            return self.wait(finding, recorded.as_ref());
        }
        let run = self.cx.at(&place.plane).owned_by(&self.owner).into_iter().map(|(_, run)| run).next();
        if let Err(finding) = self.want_run(&place, run.as_deref()) {
            return self.wait(finding, recorded.as_ref());
        }
        match run {
            Some(run) => {
                let generation = run.annotation(labels::BUILD_GENERATION).and_then(|text| text.parse().ok());
                self.built_generation = generation.or(self.build.metadata.generation);
                let observation = place.engine.observe(&run.json());
                self.read_back(&place, &run, &observation);
            }
            None => {
                self.built_generation = self.build.metadata.generation;
                let message = format!("the run is being started in {}", place.plane);
                self.steps(&place, &BuildObservation::default());
                self.draft.find(BuildReason::BuildQueued, &message);
                self.draft.find(CompletedReason::BuildProgressing, message);
            }
        }
        for finding in self.settle(Some(&place.plane)) {
            self.draft.add(finding);
        }
    }

    /// Nothing can be done now; what was known stays, and so does the run.
    fn wait(&mut self, finding: Finding, recorded: Option<&PlaneKey>) {
        self.draft.add(finding);
        self.built_generation = self.shown(COMPLETED).and_then(|completed| completed.observed_generation);
        self.restore(&OF_THE_RUN);
        self.restore(&[ARTIFACT_CREATED]);
        for finding in self.settle(recorded) {
            self.draft.add(finding);
        }
    }

    fn place(&self, recorded: Option<&PlaneKey>) -> Result<Place<'w>, Finding> {
        let scope = place::scope_of(self.cx, self.build)?;
        let track = place::track_of_build(self.cx, &scope, self.build);
        let plane = match recorded {
            // A run stays where it was started, whatever planes come and go beside it.
            Some(plane) => plane.clone(),
            None => {
                // Its track is written into what a run makes, so it must stand before there is one.
                if let Some(finding) = place::missing_track(self.cx, &scope, self.build) {
                    return Err(finding);
                }
                place::choose_plane(self.cx, scope.id().organization, self.build)?
            }
        };
        let started_by = || {
            let (_, run) = self.cx.at(&plane).owned_by(&self.owner).into_iter().next()?;
            run.annotation(labels::BUILD_ENGINE)
        };
        let id = started_by().unwrap_or_else(|| self.build.spec.template_ref.engine().to_owned());
        let engine = self.cx.platform().build_engine(&id).ok_or_else(|| {
            let known = self.cx.platform().build_engine_ids().collect::<Vec<_>>().join(", ");
            let message = format!("the build engine is `{id}`; this platform has {known}");
            Finding::new(BuildReason::UnknownEngine, message)
        })?;
        let view = self.cx.at(&plane);
        if let Some(kind) = engine.kinds().into_iter().find(|kind| !view.serves(*kind)) {
            let message = format!("{plane} does not serve {kind}; install the build engine `{id}` there");
            return Err(Finding::new(BuildReason::EngineNotInstalled, message));
        }
        Ok(Place { scope, track, plane, engine })
    }

    /// Wants what builds share, and the run where there is none: what has been started is never changed.
    fn want_run(&mut self, place: &Place<'_>, run: Option<&Stored>) -> Result<(), Finding> {
        let labels = place::labels_of_run(&place.scope, self.build, &place.track)?;
        let namespace = build_namespace(self.cx, &place.scope).map_err(cannot_render)?;
        let registry = place::registry_of(self.cx, &place.plane);
        let id = place.scope.id();
        let context = BuildContext {
            id: id.build(name_of(self.build)),
            namespace: &namespace,
            naming: self.cx.platform().naming(),
            build: self.build,
            component: &place.scope.component,
            registry: registry.as_deref(),
            labels: &labels,
        };
        let shared = place.engine.prerequisites(&context).map_err(cannot_render)?;
        let run = match run {
            Some(_) => None,
            None => {
                exposure_of(&place.scope.component).map_err(cannot_render)?;
                Some(self.marked(&place.engine.run(&context).map_err(cannot_render)?, place.engine.id()))
            }
        };
        let isolation = self.isolation(place, &namespace)?;
        let shared_owner = place::shared_owner(id.organization);
        for rendered in shared.into_iter().chain(isolation) {
            self.plan.want_rendered(&place.plane, &shared_owner, rendered);
        }
        if let Some(run) = run {
            self.plan.want_rendered(&place.plane, &self.owner, run);
        }
        Ok(())
    }

    /// The network policies of the namespace, which do not depend on a single build.
    fn isolation(&self, place: &Place<'_>, namespace: &NamespaceName) -> Result<Vec<Rendered>, Finding> {
        let organization = place.scope.id().organization;
        let labels = [(plane::ORGANIZATION_NAME, organization), (plane::TARGET, plane::target::BUILD)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let not_isolated = |error: RenderError| Finding::new(BuildReason::NotIsolated, chain(&error));
        let isolation = self.cx.platform().settings().isolation_of_builds(organization).map_err(not_isolated)?;
        let context = IsolationContext { namespace, isolation: &isolation, labels: &labels };
        self.cx.isolate(&place.plane, &context).map_err(not_isolated)
    }

    /// A run that says what it was started from and by which engine.
    fn marked(&self, run: &Rendered, engine: &str) -> Rendered {
        let generation = self.build.metadata.generation.unwrap_or_default().to_string();
        let marks = [(labels::BUILD_GENERATION, generation), (labels::BUILD_ENGINE, engine.to_owned())];
        let mut object = run.json();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(Default::default()));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.extend(marks.map(|(key, value)| (key.to_owned(), Value::String(value))));
            }
        }
        Rendered::of_json(run.kind(), object)
    }

    fn read_back(&mut self, place: &Place<'_>, run: &Stored, observation: &BuildObservation) {
        self.steps(place, observation);
        match observation.phase {
            BuildPhase::Unknown => {
                self.draft
                    .find(BuildReason::RunNotUnderstood, "the build engine reports a state that is not known here");
                self.draft.find(CompletedReason::BuildProgressing, "in an unknown state");
            }
            BuildPhase::Queued => {
                self.draft.find(BuildReason::BuildQueued, format!("the run waits in {}", place.plane));
                self.draft.find(CompletedReason::BuildProgressing, "the run waits");
            }
            BuildPhase::Running => {
                self.draft.find(BuildReason::BuildInProgress, format!("the run is in progress in {}", place.plane));
                self.draft.find(CompletedReason::BuildProgressing, "the run is in progress");
            }
            BuildPhase::Failed => {
                let why = if observation.message.is_empty() { "the run failed" } else { &observation.message };
                self.fail(format!("{why}; {}; create a new Build when the cause is gone", self.where_to_look(place)));
            }
            BuildPhase::Succeeded => self.take_over(place, run, observation),
        }
    }

    /// Makes an artifact of what a successful run gave.
    fn take_over(&mut self, place: &Place<'_>, run: &Stored, observation: &BuildObservation) {
        let Some(image) = &observation.image else {
            let message = "the run succeeded but does not say which image it pushed; its template needs a step `push-step` with an output `image`";
            self.draft.find(ArtifactReason::ImageNotReported, message);
            return self.fail(message.to_owned());
        };
        if image.len() > IMAGE_LIMIT {
            let message = format!(
                "the run reports an image whose reference has {} bytes, and at most {IMAGE_LIMIT} can be one; correct the output `image` of its `push-step`",
                image.len()
            );
            self.draft.find(ArtifactReason::ImageNotReported, &message);
            return self.fail(message);
        }
        self.draft.status.image_status = Some(BuiltImage { image: image.clone() });
        let name = name_of(self.build);
        let namespace = self.build.metadata.namespace.as_deref().unwrap_or_default();
        match self.cx.get::<DeployableArtifact>(namespace, name) {
            Some(artifact) if !is_artifact_of(&artifact, self.build) => {
                let message = format!(
                    "DeployableArtifact `{name}` exists and is not of this Build; create a Build of another name"
                );
                self.draft.find(ArtifactReason::ArtifactNameTaken, &message);
                self.fail(message);
            }
            Some(artifact) if artifact.metadata.deletion_timestamp.is_none() => {
                let simulated =
                    if observation.simulated { "; the run was simulated, so no such image exists" } else { "" };
                let built = format!("image `{image}`{simulated}");
                let described = artifact::describe(Some(&place.scope.component), self.build, &artifact);
                self.draft.find(BuildReason::ImageAvailable, format!("{built}; {described}"));
                self.draft.find(ArtifactReason::ArtifactCreated, described);
                self.draft.find(CompletedReason::BuildCompleted, built);
            }
            leaving => {
                let descriptor = match observation.descriptor.as_deref().map(Descriptor::parse).transpose() {
                    Ok(descriptor) => descriptor,
                    Err(error) => {
                        let message = chain(&error);
                        self.draft.find(ArtifactReason::DescriptorInvalid, &message);
                        return self.fail(message);
                    }
                };
                if leaving.is_none() {
                    // The annotation was checked before the start; where it was spoiled since, nothing gets public.
                    let exposure = exposure_of(&place.scope.component).unwrap_or_default();
                    let track = run.label(plane::DEPLOYMENT_TRACK_NAME).unwrap_or_else(|| place.track.clone());
                    let artifact = artifact::artifact(&place.scope, self.build, &track, descriptor.as_ref(), exposure);
                    self.plan.want(&PlaneKey::Control, &self.owner, &artifact);
                }
                let message = format!("DeployableArtifact `{name}` is being created");
                self.draft.find(ArtifactReason::ArtifactPending, &message);
                self.draft.find(BuildReason::BuildInProgress, &message);
                self.draft.find(CompletedReason::BuildProgressing, message);
            }
        }
    }

    fn fail(&mut self, message: String) {
        self.draft.find(BuildReason::BuildNotSuccessful, &message);
        self.draft.find(CompletedReason::BuildFailed, message);
    }

    fn steps(&mut self, place: &Place<'_>, observation: &BuildObservation) {
        for step in [BuildStep::Clone, BuildStep::Build, BuildStep::Push] {
            let (phase, said) = observation.steps.get(&step).cloned().unwrap_or_default();
            let mut message = said;
            if phase == BuildPhase::Failed {
                let why = if message.is_empty() { "the step failed".to_owned() } else { message };
                message = format!("{why}; {}", self.where_to_look(place));
            } else if observation.simulated && phase == BuildPhase::Succeeded {
                "simulated: nothing really ran".clone_into(&mut message);
            }
            self.draft.add(step_finding(step, phase, message));
        }
    }

    /// Where the logs of a run are.
    fn where_to_look(&self, place: &Place<'_>) -> String {
        let namespace =
            build_namespace(self.cx, &place.scope).map_or_else(|_| String::new(), NamespaceName::into_string);
        format!(
            "its logs: `kubectl --context <{}> logs --namespace {namespace} --selector {}={},{}={} --all-containers`",
            place.plane,
            plane::COMPONENT_NAME,
            LabelValue::of(place.scope.id().component),
            plane::BUILD_NAME,
            LabelValue::of(name_of(self.build)),
        )
    }

    /// The artifact that was made of this build, unless it is going.
    fn artifact(&self) -> Option<Arc<DeployableArtifact>> {
        let namespace = self.build.metadata.namespace.as_deref().unwrap_or_default();
        let artifact = self.cx.get::<DeployableArtifact>(namespace, name_of(self.build))?;
        (artifact.metadata.deletion_timestamp.is_none() && is_artifact_of(&artifact, self.build)).then_some(artifact)
    }

    /// The plane that this build has begun to use, while it stays registered.
    fn recorded_plane(&self) -> Option<PlaneKey> {
        let recorded = &self.build.status.as_ref()?.planes;
        recorded.iter().find(|plane| place::is_registered(self.cx, plane)).cloned().map(PlaneKey::Remote)
    }

    /// A deleted build takes its run and its artifact with it, and, as the last of its organization, what they shared.
    fn leave(&mut self) {
        let artifact_left = self.plan.prune(self.cx, &PlaneKey::Control, &self.owner);
        let waiting = self.settle(None);
        let left = artifact_left || !self.draft.status.planes.is_empty();
        self.built_generation = self.shown(COMPLETED).and_then(|completed| completed.observed_generation);
        self.restore(&OF_THE_RUN);
        self.restore(&[ARTIFACT_CREATED]);
        let what = if artifact_left { "its DeployableArtifact is being deleted" } else { "its run is being deleted" };
        for finding in waiting {
            self.draft.add(finding);
        }
        self.draft.find(openchoreo_core::conditions::CommonReason::Deleting, what);
        if !left {
            self.plan.finalizer = Finalizer::Release(finalizers::BUILD);
        }
    }

    /// Cleans the recorded planes except the one to keep, and records what is left.
    fn settle(&mut self, kept: Option<&PlaneKey>) -> Vec<Finding> {
        let recorded = self.build.status.as_ref().map(|status| status.planes.clone()).unwrap_or_default();
        let mut planes: Vec<_> = kept.and_then(PlaneKey::remote).cloned().into_iter().collect();
        let mut waiting = Vec::new();
        for plane in recorded {
            let shared = place::organization_there(self.cx, self.build, &self.owner, &plane)
                .filter(|organization| place::is_last_there(self.cx, self.build, organization, &plane))
                .map(|organization| place::shared_owner(&organization));
            let owners: Vec<&Owner> = [&self.owner].into_iter().chain(&shared).collect();
            let settled = settle(self.cx, &mut self.plan, &owners, std::slice::from_ref(&plane), kept);
            planes.extend(settled.planes);
            waiting.extend(settled.waiting);
        }
        planes.sort();
        planes.dedup();
        self.draft.status.planes = planes;
        waiting
    }

    fn finish(mut self) -> Plan {
        let built = self.built_generation;
        if built.is_some() && built != self.build.metadata.generation {
            let message =
                "the spec was changed after the build had started; a Build is immutable from then on, create a new one";
            self.draft.find(UpToDateReason::SpecChangedAfterStart, message);
        }
        let mut status = self.draft.finish(self.cx.now());
        // What was built is what `Completed` speaks of; that it differs from the spec must not be forgotten.
        for condition in &mut status.conditions {
            if condition.type_ == COMPLETED && built.is_some() {
                condition.observed_generation = built;
            }
        }
        self.plan.report(&status);
        self.plan
    }
}

fn is_artifact_of(artifact: &DeployableArtifact, build: &Build) -> bool {
    let named = artifact.spec.target_artifact.from_build_ref.as_ref().and_then(|build| build.name.as_deref());
    named == Some(name_of(build))
}

fn build_namespace(cx: &PlanContext<'_>, scope: &ComponentScope) -> Result<NamespaceName, RenderError> {
    let organization = scope.id().project().organization();
    cx.platform().naming().build_namespace(&organization).map_err(RenderError::naming("the namespace for builds"))
}

fn exposure_of(component: &Component) -> Result<Exposure, RenderError> {
    artifact::default_exposure(component).map_err(|text| {
        let field = format!("metadata.annotations.{}", annotations::VISIBILITY);
        let problem = format!("is `{text}`; it can be `project`, `organization` or `public`");
        RenderError::field(format!("Component `{}`", name_of(component)), field, problem)
    })
}

#[expect(clippy::needless_pass_by_value, reason = "a function for `map_err`")]
fn cannot_render(error: RenderError) -> Finding {
    Finding::new(BuildReason::CannotRender, chain(&error))
}

fn step_finding(step: BuildStep, phase: BuildPhase, message: String) -> Finding {
    use BuildPhase::{Failed, Queued, Running, Succeeded, Unknown};
    match (step, phase) {
        (BuildStep::Clone, Queued | Unknown) => Finding::new(CloneReason::CloneQueued, message),
        (BuildStep::Clone, Running) => Finding::new(CloneReason::CloneProgressing, message),
        (BuildStep::Clone, Succeeded) => Finding::new(CloneReason::CloneSucceeded, message),
        (BuildStep::Clone, Failed) => Finding::new(CloneReason::CloneFailed, message),
        (BuildStep::Build, Queued | Unknown) => Finding::new(BuildStepReason::BuildStepQueued, message),
        (BuildStep::Build, Running) => Finding::new(BuildStepReason::BuildStepProgressing, message),
        (BuildStep::Build, Succeeded) => Finding::new(BuildStepReason::BuildStepSucceeded, message),
        (BuildStep::Build, Failed) => Finding::new(BuildStepReason::BuildStepFailed, message),
        (BuildStep::Push, Queued | Unknown) => Finding::new(PushReason::PushQueued, message),
        (BuildStep::Push, Running) => Finding::new(PushReason::PushProgressing, message),
        (BuildStep::Push, Succeeded) => Finding::new(PushReason::PushSucceeded, message),
        (BuildStep::Push, Failed) => Finding::new(PushReason::PushFailed, message),
    }
}
