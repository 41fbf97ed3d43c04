//! Deployment: an artifact in an environment, as objects in the environment's data plane.
//!
//! The order of things in a pass:
//! 1. [`place`]: where it belongs. A parent that is missing for a moment stops the pass and leaves what runs; a parent
//!    that is going takes it away.
//!    [`succession`]: which of several Deployments has the place.
//! 2. [`source`]: what runs: artifact, image, configuration groups.
//! 3. [`render`]: the objects: the cell's namespace, quota and network policies, then the workload. All or nothing.
//! 4. [`endpoints`]: the Endpoints that it publishes, in the control plane.
//! 5. [`observe`]: whether the live objects are healthy.
//!
//! [`withdraw`] is the way back: Endpoints first, then the objects in every recorded plane, and with the last
//! Deployment of a cell the cell itself.

mod cells;
mod endpoints;
mod observe;
mod place;
mod render;
mod source;
mod succession;
mod withdraw;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota, Secret};
use openchoreo_core::conditions::{CommonReason, Finding};
use openchoreo_core::extension::ComponentRenderer;
use openchoreo_core::hierarchy::name_of;
use openchoreo_core::kind::PlaneKey;
use openchoreo_core::labels::{Owner, finalizers};
use openchoreo_core::plan::{Finalizer, Plan, StatusDraft, Wanted};
use openchoreo_core::planner::{PlanContext, Planner, Uses};
use openchoreo_core::record::recorded_by;
use openchoreo_core::remote::usable;
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{
    Build, ConfigurationGroup, DataPlane, DeployableArtifact, Deployment, DeploymentPipeline, DeploymentStatus,
    DeploymentTrack, Endpoint, Environment,
};

use crate::parts::WorkloadSettings;
use crate::parts::style::WorkloadStyle;
pub(super) use cells::Cell;
use place::Place;
use source::Source;
pub(super) use succession::stands;

openchoreo_core::reasons! {
    /// What a Deployment shows.
    pub enum DeploymentReason for "Deployment" {
        ArtifactResolvedSuccessfully => ArtifactResolved = True, "the artifact and its image are known",
        ArtifactNotFound => ArtifactResolved = False, "`spec.deploymentArtifactRef` names no DeployableArtifact of the component and track; it is waited for",
        ArtifactBuildNotFound => ArtifactResolved = False, "the Build that the artifact takes its image from does not exist; it is waited for",
        ArtifactBuildNotFinished => ArtifactResolved = Unknown, "the Build that the artifact takes its image from has no image yet",
        ArtifactImageInvalid => ArtifactResolved = False, "the artifact names no usable image; correct its `spec.targetArtifact`",
        ArtifactImageNotAllowed => ArtifactResolved = False, "the image is of another organization, or in a registry that the platform or the Environment does not allow; name one that the message gives the path of",
        DeploymentReady => Ready = True, "every object in the data plane is as it should be",
        DeploymentSuspended => Ready = True, "the workload is deployed and was stopped on purpose",
        DeploymentProgressing => Ready = False, "objects in the data plane are being made or are not ready yet; the message names them",
        WorkloadDegraded => Ready = False, "an object in the data plane failed and will not recover by itself; the message names it",
        ArtifactNotResolved => Ready = False, "the artifact cannot be deployed, see condition `ArtifactResolved`; what ran before is kept",
        ConfigurationGroupNotFound => Ready = False, "a ConfigurationGroup that the artifact refers to does not exist; it is waited for, and what ran before is kept",
        RenderFailed => Ready = False, "what was written cannot be rendered, or the plane cannot take it; correct the named field, what ran before is kept",
        PullSecretNotUsable => Ready = False, "the Secret that `spec.registry.secretRef` of the DataPlane names cannot be given to pods; the message says what it lacks, and what ran before is kept",
        NoRenderer => Ready = False, "the platform has no renderer for the component's type",
        AnotherDeploymentFirst => Ready = False, "another Deployment has the environment and track: one that a person wrote goes before that of the track, and an older one before a younger; this one deploys nothing while that is there, and leaves what it runs until that is ready",
        Withdrawn => Ready = False, "the environment, data plane, component or organization is going, so nothing is deployed any more",
    }
}

type Draft = StatusDraft<DeploymentStatus>;

/// Plans deployments.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeploymentPlanner {
    style: WorkloadStyle,
}

impl DeploymentPlanner {
    /// The planner for workloads with these settings.
    pub fn new(settings: &WorkloadSettings) -> Self {
        Self { style: settings.style }
    }
}

impl Planner for DeploymentPlanner {
    type Object = Deployment;

    fn name(&self) -> &'static str {
        "deployment"
    }

    fn uses(&self) -> Uses {
        Uses::new()
            .component_scope()
            .control::<DeploymentTrack>()
            .control::<DeploymentPipeline>()
            .control::<Environment>()
            .control::<DataPlane>()
            .control::<Build>()
            .control::<DeployableArtifact>()
            .control::<ConfigurationGroup>()
            .control::<Endpoint>()
            .control::<Secret>()
            .remote::<Namespace>()
            .remote::<ResourceQuota>()
            .remote::<LimitRange>()
    }

    fn plan(&self, cx: &PlanContext<'_>, deployment: &Deployment) -> Plan {
        let mut plan = Plan::new();
        let mut draft = StatusDraft::of(deployment);
        draft.status.planes = recorded_by(deployment, |status| &status.planes);
        draft.status.cells = cells::recorded_words(deployment);
        if deployment.metadata.deletion_timestamp.is_some() {
            if let Some(heir) = succession::heir(cx, deployment) {
                draft.find(CommonReason::Deleting, format!("Deployment `{heir}` takes its objects over first"));
            } else if withdraw::withdraw(cx, &mut plan, deployment, &mut draft) {
                plan.finalizer = Finalizer::Release(finalizers::DEPLOYMENT);
            }
            draft.find(CommonReason::Deleting, "nothing is left to remove");
        } else {
            plan.finalizer = Finalizer::Hold(finalizers::DEPLOYMENT);
            match deploy(cx, &mut plan, deployment, &mut draft, self.style) {
                Ok(()) => {}
                Err(Stop { finding, withdraw }) => {
                    draft.add(finding);
                    if withdraw {
                        withdraw::withdraw(cx, &mut plan, deployment, &mut draft);
                    }
                }
            }
        }
        plan.report(&draft.finish(cx.now()));
        plan
    }
}

/// Why nothing is deployed in a pass, and what becomes of what runs.
#[derive(Clone, Debug)]
struct Stop {
    finding: Finding,
    /// Whether what runs is taken away, or kept as it is.
    withdraw: bool,
}

impl Stop {
    fn keep(finding: impl Into<Finding>) -> Self {
        Self { finding: finding.into(), withdraw: false }
    }

    fn withdraw(finding: impl Into<Finding>) -> Self {
        Self { finding: finding.into(), withdraw: true }
    }
}

fn owner_of(deployment: &Deployment) -> Owner {
    Owner::object(Deployment::KIND, deployment.metadata.namespace.as_deref().unwrap_or_default(), name_of(deployment))
}

/// Deploys, or says why not. Nothing is wanted before everything is known, so that a stop leaves no half of a plan; only
/// what the artifact no longer lets in is taken away in any case.
fn deploy(
    cx: &PlanContext<'_>,
    plan: &mut Plan,
    deployment: &Deployment,
    draft: &mut Draft,
    style: WorkloadStyle,
) -> Result<(), Stop> {
    let owner = owner_of(deployment);
    let place = place::place(cx, deployment)?;
    let mut aside = succession::make_way(cx, deployment, &place)?;
    let outcome = outcome(cx, deployment, &place, draft);
    if !outcome.as_ref().is_ok_and(|outcome| outcome.are_endpoints_there(cx)) {
        endpoints::narrow(cx, plan, deployment, &place);
    }
    let outcome = outcome.map_err(|stop| succession::with_what_runs(cx, deployment, &place, stop))?;
    let plane = &place.target.plane;
    plan.prune(cx, &PlaneKey::Control, &owner);
    // What is in the namespace of a cell that is left goes with it, so that the cell is found until it is going.
    let cell = outcome.cell.owner();
    let mut has_left = false;
    for left in cells::left(cx, deployment, plane, Some(&cell)) {
        has_left |= plan.prune(cx, plane, &left);
    }
    plan.prune(cx, plane, &cell);
    plan.prune(cx, plane, &owner);
    let recorded = recorded_by(deployment, |status| &status.planes);
    let settled = withdraw::settle_planes(cx, plan, deployment, &recorded, Some(plane));
    if !has_left && settled.planes.iter().all(|recorded| plane.remote() == Some(recorded)) {
        draft.status.cells.clear();
    }
    draft.status.cells.push(outcome.cell.to_string());
    draft.status.cells.sort();
    draft.status.cells.dedup();
    draft.status.planes = settled.planes;
    aside.extend(settled.waiting.into_iter().map(|finding| finding.message));
    let component = &place.scope.component;
    aside.extend(style.pods(component).leaves_out(component, &outcome.artifact, deployment));
    draft.add(outcome.ready(cx, &aside));
    plan.wanted.extend(outcome.wanted);
    Ok(())
}

/// What a Deployment comes to in its place: everything that it wants.
struct Outcome<'p> {
    renderer: &'p dyn ComponentRenderer,
    artifact: Arc<DeployableArtifact>,
    /// Where it is.
    cell: Cell,
    /// What the cell shares, then the workload, then the Endpoints.
    wanted: Vec<Wanted>,
    first_of_workload: usize,
    end_of_workload: usize,
}

impl Outcome<'_> {
    /// How what is wanted in the plane is.
    fn ready(&self, cx: &PlanContext<'_>, aside: &[String]) -> Finding {
        let in_plane = self.wanted.get(..self.end_of_workload).unwrap_or_default();
        observe::ready(cx, self.renderer, in_plane, self.first_of_workload, aside)
    }

    /// Whether each Endpoint is as it is wanted.
    fn are_endpoints_there(&self, cx: &PlanContext<'_>) -> bool {
        let endpoints = self.wanted.get(self.end_of_workload..).unwrap_or_default();
        endpoints.iter().all(|wanted| succession::is_there(cx, wanted))
    }

    /// What belongs to the Deployment alone.
    fn own(&self) -> &[Wanted] {
        self.wanted.get(self.first_of_workload..).unwrap_or_default()
    }
}

/// Works out what a Deployment wants; says on the way what became of its artifact.
fn outcome<'p>(
    cx: &PlanContext<'p>,
    deployment: &Deployment,
    place: &Place,
    draft: &mut Draft,
) -> Result<Outcome<'p>, Stop> {
    let owner = owner_of(deployment);
    let source = source::resolve(cx, deployment, place, draft)?;
    let endpoints = endpoints::endpoints(cx, deployment, place, &source)?;
    let plane = &place.target.plane;
    usable(cx, plane).map_err(Stop::keep)?;
    let objects = render::objects(cx, deployment, place, &source)?;
    observe::namespace_stays(cx, plane, &objects.namespace)?;

    let cell = Cell::of(&place.scope, &place.environment);
    let mut wants = Plan::new();
    for rendered in objects.cell {
        wants.want_rendered(plane, &cell.owner(), rendered);
    }
    let first_of_workload = wants.wanted.len();
    for rendered in objects.workload {
        wants.want_rendered(plane, &owner, rendered);
    }
    let end_of_workload = wants.wanted.len();
    for endpoint in &endpoints {
        wants.want(&PlaneKey::Control, &owner, endpoint);
    }
    let Source { renderer, artifact, .. } = source;
    Ok(Outcome { renderer, artifact, cell, wanted: wants.wanted, first_of_workload, end_of_workload })
}
