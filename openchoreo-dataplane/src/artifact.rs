//! Which image an artifact means.
//!
//! The planner of artifacts shows the answer, the planner of deployments runs it; both ask here. A Component names no
//! image of its own, so `fromImageRef.tag` must be a complete reference, such as `registry.example.com/shop/cart:v1`.

use std::sync::Arc;

use openchoreo_core::hierarchy::{ComponentScope, name_of, seniority};
use openchoreo_core::naming::{ImageReference, NameError};
use openchoreo_core::planner::PlanContext;
use openchoreo_core::world::Select;
use openchoreo_types::v1alpha1::{Build, BuildSelector, DeployableArtifact};

use crate::images;

/// Why the image of an artifact is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The artifact names no image, or two.
    #[error("`spec.targetArtifact` of DeployableArtifact `{artifact}` {problem}")]
    Selector {
        /// The artifact.
        artifact: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The Build does not exist, or is another component's.
    #[error(
        "{build} does not exist for Component `{component}`, which DeployableArtifact `{artifact}` takes its image from"
    )]
    BuildNotFound {
        /// The artifact.
        artifact: String,
        /// The Build, as the artifact names it.
        build: String,
        /// The component.
        component: String,
    },
    /// The Build has no image yet.
    #[error("Build `{build}` has no image yet; DeployableArtifact `{artifact}` waits for it")]
    NotBuilt {
        /// The artifact.
        artifact: String,
        /// The Build.
        build: String,
    },
    /// The image is none, by the way it is written.
    #[error("the image of {of}, which DeployableArtifact `{artifact}` takes, cannot be used")]
    Malformed {
        /// The artifact.
        artifact: String,
        /// What names the image, as kind and name or as field.
        of: String,
        /// Why not.
        #[source]
        source: NameError,
    },
    /// The component may not run the image.
    #[error("image `{image}` of {of}, which DeployableArtifact `{artifact}` takes, {problem}")]
    NotAllowed {
        /// The artifact.
        artifact: String,
        /// What names the image, as kind and name or as field.
        of: String,
        /// The image.
        image: String,
        /// Why not, and what would be right.
        problem: String,
    },
}

/// The image of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// As it was written, and as it is run.
    pub written: String,
    /// What that means.
    pub reference: ImageReference,
    /// What names it, as kind and name or as field.
    pub of: String,
}

/// The image of an artifact, complete with registry and tag, that the component may run.
///
/// # Errors
/// Why it is not known.
pub fn image(cx: &PlanContext<'_>, scope: &ComponentScope, artifact: &DeployableArtifact) -> Result<Image, ImageError> {
    let target = &artifact.spec.target_artifact;
    let name = || name_of(artifact).to_owned();
    let wrong = |problem: &str| ImageError::Selector { artifact: name(), problem: problem.to_owned() };
    let (written, of) = match (&target.from_build_ref, &target.from_image_ref) {
        (None, None) => return Err(wrong("names no image; give `fromBuildRef` or `fromImageRef`")),
        (Some(_), Some(_)) => return Err(wrong("names two images; keep `fromBuildRef` or `fromImageRef`")),
        (Some(selector), None) => built(cx, scope, artifact, selector)?,
        (None, Some(selector)) => {
            let tag = selector.tag.clone().unwrap_or_default();
            if !tag.is_empty() && !tag.contains(['/', ':', '@']) {
                let problem = format!(
                    "has the `fromImageRef.tag` `{tag}`, a tag alone; give the whole reference, such as `registry.example.com/shop/cart:{tag}`"
                );
                return Err(wrong(&problem));
            }
            (tag, "`spec.targetArtifact.fromImageRef.tag`".to_owned())
        }
    };
    let reference: ImageReference = match written.parse() {
        Ok(reference) => reference,
        Err(source) => return Err(ImageError::Malformed { artifact: name(), of, source }),
    };
    match images::check(cx, &scope.organization, &reference) {
        Ok(()) => Ok(Image { written, reference, of }),
        Err(problem) => Err(ImageError::NotAllowed { artifact: name(), of, image: written, problem }),
    }
}

/// The image of a Build, and what it is called.
fn built(
    cx: &PlanContext<'_>,
    scope: &ComponentScope,
    artifact: &DeployableArtifact,
    selector: &BuildSelector,
) -> Result<(String, String), ImageError> {
    let artifact_name = || name_of(artifact).to_owned();
    let (build, wanted) = match (&selector.name, &selector.git_revision) {
        (None, None) => {
            let problem = "has an empty `fromBuildRef`; give `name` or `gitRevision`".to_owned();
            return Err(ImageError::Selector { artifact: artifact_name(), problem });
        }
        (Some(name), _) => {
            let build = cx.get::<Build>(scope.namespace(), name).filter(|build| is_of(build, scope));
            (build, format!("Build `{name}`"))
        }
        (None, Some(revision)) => {
            (newest_of_revision(cx, scope, revision), format!("A Build of revision `{revision}`"))
        }
    };
    let Some(build) = build else {
        let component = name_of(&*scope.component).to_owned();
        return Err(ImageError::BuildNotFound { artifact: artifact_name(), build: wanted, component });
    };
    let image = build.status.as_ref().and_then(|status| status.image_status.as_ref()).map(|built| built.image.as_str());
    match image.filter(|image| !image.is_empty()) {
        Some(image) => Ok((image.to_owned(), format!("Build `{}`", name_of(&*build)))),
        None => Err(ImageError::NotBuilt { artifact: artifact_name(), build: name_of(&*build).to_owned() }),
    }
}

/// Whether a Build is of the component: an artifact must not run what another component has built.
fn is_of(build: &Build, scope: &ComponentScope) -> bool {
    let owner = &build.spec.owner;
    owner.component_name == name_of(&*scope.component) && owner.project_name == name_of(&*scope.project)
}

fn newest_of_revision(cx: &PlanContext<'_>, scope: &ComponentScope, revision: &str) -> Option<Arc<Build>> {
    let builds = cx.list::<Build>(Select::of::<Build>().namespace(scope.namespace()));
    builds
        .into_iter()
        .filter(|build| is_of(build, scope) && build.spec.repository.revision.commit.as_deref() == Some(revision))
        .max_by_key(|build| seniority(&**build))
}
