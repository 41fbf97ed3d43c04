//! Labels and annotations by which OpenChoreo knows its own objects, across clusters.
//!
//! The keys that people write are in [`openchoreo_types::labels`], re-exported here. An owner reference cannot cross
//! clusters, so every object that a plan wants carries the label [`OWNER`]: a digest of the owner's kind, namespace
//! and name, by which its objects are listed and pruned, and the annotation [`OWNED_BY`] that says the same to people.

pub use openchoreo_types::labels::*;

use crate::naming::hash::digest16;

/// What labels, annotations and finalizers of the platform's begin with.
pub const PREFIX: &str = "openchoreo.dev/";
/// Label on every object that a plan wants: the digest of its owner, see [`Owner::label_value`].
pub const OWNER: &str = "openchoreo.dev/owner";
/// Annotation beside [`OWNER`]: the owner in words, `<Kind>/<namespace>/<name>`.
pub const OWNED_BY: &str = "openchoreo.dev/owned-by";
/// Annotation on every object that a plan wants: the digest of what was wanted, so that a field which is no longer
/// wanted is noticed although the rest still matches.
pub const WANTED_DIGEST: &str = "openchoreo.dev/wanted-digest";
/// Annotation by which a person gives up what a plane that no longer answers still holds: `"true"` on a DataPlane or
/// BuildPlane that is being deleted lets the deletion finish without cleaning it.
pub const ABANDON: &str = "openchoreo.dev/abandon";
/// Annotation by which a person confirms on a DeploymentPipeline that tracks take down what they deployed into
/// environments that were its first before: their names, with commas between several.
pub const LEFT_ENVIRONMENTS: &str = "openchoreo.dev/left-environments";
/// Annotation on a Deployment that a track made: since when the artifact exists that it names, and the artifact's name.
pub const ARTIFACT_SINCE: &str = "openchoreo.dev/artifact-since";

/// Who owns an object of a plan: an OpenChoreo object, or a cell (a project in an environment), whose namespace and
/// policies are shared by all that is deployed into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    kind: &'static str,
    namespace: String,
    name: String,
    /// The part of it that a planner beside the first has; empty for the first.
    part: &'static str,
}

impl Owner {
    /// An OpenChoreo object as owner.
    pub fn object(kind: &'static str, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into(), part: "" }
    }

    /// A project in an environment of an organization as owner.
    pub fn cell(organization: &str, project: &str, environment: &str) -> Self {
        Self { kind: "Cell", namespace: organization.to_owned(), name: format!("{project}/{environment}"), part: "" }
    }

    /// The part of this owner that belongs to a further planner of its kind, by the planner's name: what it has is pruned
    /// apart from what the first has.
    #[must_use]
    pub fn part(self, planner: &'static str) -> Self {
        Self { part: planner, ..self }
    }

    /// The value of [`OWNER`]: 16 hexadecimal digits over length-prefixed parts, so that no two owners share one.
    pub fn label_value(&self) -> String {
        match self.part {
            "" => digest16(&[self.kind, &self.namespace, &self.name]),
            part => digest16(&[self.kind, &self.namespace, &self.name, part]),
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)?;
        if self.part.is_empty() { Ok(()) } else { write!(f, " ({})", self.part) }
    }
}
