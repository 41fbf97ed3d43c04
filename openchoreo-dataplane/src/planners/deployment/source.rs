//! What a Deployment runs: the artifact, its image, its configuration groups, and the renderer of its component type.

use std::collections::BTreeMap;
use std::sync::Arc;

use openchoreo_core::conditions::Finding;
use openchoreo_core::extension::{ComponentRenderer, chain};
use openchoreo_core::hierarchy::{label_of, name_of, track_name};
use openchoreo_core::labels;
use openchoreo_core::planner::PlanContext;
use openchoreo_types::v1alpha1::{ConfigurationGroup, DeployableArtifact, Deployment};

use super::place::Place;
use super::{DeploymentReason, Draft, Stop};
use crate::artifact::{Image, ImageError, image};
use crate::configuration::groups_of;
use crate::images;
use crate::parts::application;

/// What a Deployment runs.
pub(super) struct Source<'p> {
    pub(super) artifact: Arc<DeployableArtifact>,
    pub(super) image: Image,
    pub(super) groups: BTreeMap<String, Arc<ConfigurationGroup>>,
    pub(super) renderer: &'p dyn ComponentRenderer,
}

/// Resolves what a Deployment runs; says on the way how that went.
pub(super) fn resolve<'p>(
    cx: &PlanContext<'p>,
    deployment: &Deployment,
    place: &Place,
    draft: &mut Draft,
) -> Result<Source<'p>, Stop> {
    let (artifact, image) = match resolve_artifact(cx, deployment, place) {
        Ok(resolved) => resolved,
        Err(finding) => {
            let message = finding.message.clone();
            draft.add(finding);
            return Err(Stop::keep(Finding::new(DeploymentReason::ArtifactNotResolved, message)));
        }
    };
    let message = format!("DeployableArtifact `{}` with image {}", name_of(&*artifact), image.written);
    draft.find(DeploymentReason::ArtifactResolvedSuccessfully, message);
    let groups = groups_of(cx, &place.scope, &application::effective(&artifact, deployment));
    if let Some(complaint) = groups.complaint(&place.scope) {
        return Err(Stop::keep(Finding::new(DeploymentReason::ConfigurationGroupNotFound, complaint)));
    }
    let component_type = &place.scope.component.spec.type_;
    let Some(renderer) = cx.platform().renderer(component_type) else {
        let known = cx.platform().component_types().collect::<Vec<_>>().join(", ");
        let message = format!("component type `{component_type}` has no renderer; this platform deploys {known}");
        return Err(Stop::keep(Finding::new(DeploymentReason::NoRenderer, message)));
    };
    Ok(Source { artifact, image, groups: groups.found, renderer })
}

/// The artifact that a Deployment names, if it is one of its component and track.
pub(super) fn artifact(
    cx: &PlanContext<'_>,
    deployment: &Deployment,
    place: &Place,
) -> Option<Arc<DeployableArtifact>> {
    let (component, track) = (name_of(&*place.scope.component), track_name(&place.track));
    let artifact = cx.get::<DeployableArtifact>(place.scope.namespace(), &deployment.spec.deployment_artifact_ref)?;
    let is_ours = label_of(&*artifact, labels::COMPONENT) == Some(component)
        && label_of(&*artifact, labels::DEPLOYMENT_TRACK).is_none_or(|of| of == track);
    is_ours.then_some(artifact)
}

fn resolve_artifact(
    cx: &PlanContext<'_>,
    deployment: &Deployment,
    place: &Place,
) -> Result<(Arc<DeployableArtifact>, Image), Finding> {
    let artifact = artifact(cx, deployment, place).ok_or_else(|| {
        let wanted = deployment.spec.deployment_artifact_ref.as_str();
        let (component, track) = (name_of(&*place.scope.component), track_name(&place.track));
        let message = format!("DeployableArtifact `{wanted}` of component `{component}` and track `{track}` does not exist in namespace `{}`", place.scope.namespace());
        Finding::new(DeploymentReason::ArtifactNotFound, message)
    })?;
    let allowed = image(cx, &place.scope, &artifact).and_then(|image| {
        match images::check_environment(&place.target.environment, &image.reference) {
            Ok(()) => Ok(image),
            Err(problem) => {
                let (artifact, image, of) = (name_of(&*artifact).to_owned(), image.written, image.of);
                Err(ImageError::NotAllowed { artifact, of, image, problem })
            }
        }
    });
    match allowed {
        Ok(image) => Ok((artifact, image)),
        Err(error) => Err(Finding::new(reason(&error), chain(&error))),
    }
}

fn reason(error: &ImageError) -> DeploymentReason {
    match error {
        ImageError::Selector { .. } | ImageError::Malformed { .. } => DeploymentReason::ArtifactImageInvalid,
        ImageError::NotAllowed { .. } => DeploymentReason::ArtifactImageNotAllowed,
        ImageError::BuildNotFound { .. } => DeploymentReason::ArtifactBuildNotFound,
        ImageError::NotBuilt { .. } => DeploymentReason::ArtifactBuildNotFinished,
    }
}
