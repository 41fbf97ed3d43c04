//! DeployableArtifact: says whether it could be deployed now. It makes nothing.

use openchoreo_core::extension::chain;
use openchoreo_core::hierarchy::{label_of, scope_by_label, track_of};
use openchoreo_core::labels;
use openchoreo_core::plan::{Plan, StatusDraft};
use openchoreo_core::planner::{PlanContext, Planner, Uses};
use openchoreo_types::v1alpha1::{Build, ConfigurationGroup, DataPlane, DeployableArtifact, DeploymentTrack};

use crate::artifact::{ImageError, image};
use crate::configuration::groups_of;

openchoreo_core::reasons! {
    /// Why a DeployableArtifact is or is not ready.
    pub enum DeployableArtifactReason for "DeployableArtifact" {
        DeployableArtifactAvailable => Ready = True, "the image is known and the configuration groups exist",
        BuildNotFound => Ready = False, "`spec.targetArtifact.fromBuildRef` names a Build that the component does not have; it is waited for",
        BuildNotFinished => Ready = Unknown, "the Build has no image yet",
        ImageInvalid => Ready = False, "`spec.targetArtifact` names no usable image; `fromImageRef.tag` is a complete reference",
        ImageNotAllowed => Ready = False, "the image is of another organization, or in a registry that the platform does not allow; name one that the message gives the path of",
        ConfigurationGroupNotFound => Ready = False, "a ConfigurationGroup that the artifact refers to does not exist; it is waited for",
    }
}

/// Checks artifacts.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeployableArtifactPlanner;

impl Planner for DeployableArtifactPlanner {
    type Object = DeployableArtifact;

    fn name(&self) -> &'static str {
        "deployable-artifact"
    }

    fn uses(&self) -> Uses {
        Uses::new()
            .component_scope()
            .control::<DeploymentTrack>()
            .control::<Build>()
            .control::<ConfigurationGroup>()
            .control::<DataPlane>()
    }

    fn plan(&self, cx: &PlanContext<'_>, artifact: &DeployableArtifact) -> Plan {
        let mut plan = Plan::new();
        let mut draft = StatusDraft::of(artifact);
        match scope_by_label(cx, artifact) {
            Err(error) => draft.add(error.into()),
            Ok(scope) => {
                if let Some(Err(error)) =
                    label_of(artifact, labels::DEPLOYMENT_TRACK).map(|name| track_of(cx, &scope, name))
                {
                    draft.add(error.into());
                }
                match image(cx, &scope, artifact) {
                    Ok(image) => {
                        let message = format!("image {}", image.written);
                        draft.find(DeployableArtifactReason::DeployableArtifactAvailable, message);
                    }
                    Err(error) => draft.find(reason(&error), chain(&error)),
                }
                let application = artifact.spec.configuration.as_ref().and_then(|c| c.application.as_ref());
                let groups = application.map(|application| groups_of(cx, &scope, application)).unwrap_or_default();
                if let Some(complaint) = groups.complaint(&scope) {
                    draft.find(DeployableArtifactReason::ConfigurationGroupNotFound, complaint);
                }
            }
        }
        plan.report(&draft.finish(cx.now()));
        plan
    }
}

fn reason(error: &ImageError) -> DeployableArtifactReason {
    match error {
        ImageError::Selector { .. } | ImageError::Malformed { .. } => DeployableArtifactReason::ImageInvalid,
        ImageError::NotAllowed { .. } => DeployableArtifactReason::ImageNotAllowed,
        ImageError::BuildNotFound { .. } => DeployableArtifactReason::BuildNotFound,
        ImageError::NotBuilt { .. } => DeployableArtifactReason::BuildNotFinished,
    }
}
