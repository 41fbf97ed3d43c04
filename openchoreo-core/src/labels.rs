//! Labels and annotations by which OpenChoreo knows its own objects, across clusters.
//!
//! The keys that people write are in [`openchoreo_types::labels`], re-exported here. An owner reference cannot cross
//! clusters, so every object that a plan wants carries the label [`OWNER`]: a digest of the installation and of the
//! owner's kind, namespace and name, by which its objects are listed and pruned, and the annotation [`OWNED_BY`] that
//! says the same to people.

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
/// What the field managers of the platform's planners begin with.
pub const MANAGER_PREFIX: &str = "openchoreo/";
/// Annotation by which a person lets the platform have an object of a plane that somebody else made: `"true"` on the object.
pub const ADOPT: &str = "openchoreo.dev/adopt";
/// Annotation by which a person gives up what a plane that no longer answers still holds: `"true"` on a DataPlane or
/// BuildPlane that is being deleted lets the deletion finish without cleaning it.
pub const ABANDON: &str = "openchoreo.dev/abandon";
/// Annotation by which a person confirms on a DeploymentPipeline that tracks take down what they deployed into
/// environments that were its first before: their names, with commas between several.
pub const LEFT_ENVIRONMENTS: &str = "openchoreo.dev/left-environments";
/// Annotation on a Deployment that a track made: since when the artifact exists that it names, and the artifact's name.
pub const ARTIFACT_SINCE: &str = "openchoreo.dev/artifact-since";

/// Annotation on a run of a build: the generation of the Build that it was started from.
pub const BUILD_GENERATION: &str = "openchoreo.dev/build-generation";
/// Annotation on a run of a build: the engine that started it, and that reads it back.
pub const BUILD_ENGINE: &str = "openchoreo.dev/build-engine";
/// Annotation by which a simulator says that nothing really ran: `"true"`.
pub const SIMULATED: &str = "openchoreo.dev/simulated";
/// Annotation on a pod template: the digest of the configuration that pods read only when they start. A change of it
/// replaces the pods.
pub const CONFIGURATION_DIGEST: &str = "openchoreo.dev/configuration-digest";
/// Label on a route: the digest of the gateway, the host and the part of the host that its component alone may use.
pub const ROUTE_CLAIM: &str = "openchoreo.dev/route-claim";
/// Annotation on a route: when its Endpoint was created.
pub const ROUTE_CLAIMED_SINCE: &str = "openchoreo.dev/route-claimed-since";
/// Annotation on a route: `<organization>/<project>/<component>/<environment>/<endpoint>`.
pub const ROUTE_CLAIMED_FOR: &str = "openchoreo.dev/route-claimed-for";

/// What tells this installation's objects from those of others in the same cluster: a part of every owner's digest.
///
/// It is the uid of the control plane's namespace `kube-system`, unless an operator gives another text. Whoever does not
/// know it cannot mark an object as somebody else's, and two control planes that share a data plane leave each other's
/// objects alone. Offline it is empty where the manifests hold no namespace `kube-system`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Installation(String);

impl Installation {
    /// The installation of an identity.
    pub fn new(identity: impl Into<String>) -> Self {
        Self(identity.into())
    }

    /// That of an offline run whose manifests hold no namespace `kube-system`.
    pub(crate) const fn none() -> Self {
        Self(String::new())
    }

    /// Whether an object with this owner in words, by [`OWNED_BY`], and this one in [`OWNER`] is of this installation.
    pub(crate) fn has_marked(&self, words: &str, label: &str) -> bool {
        let (words, part) = words.strip_suffix(')').and_then(|words| words.split_once(" (")).unwrap_or((words, ""));
        let mut parts = words.splitn(3, '/');
        let (Some(kind), Some(namespace), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        digest16(&[&self.0, kind, namespace, name, part]) == label
    }
}

impl std::fmt::Debug for Installation {
    /// Without the identity: it need not stand in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Installation")
    }
}

/// Who owns an object of a plan: an OpenChoreo object, or a cell (a project in an environment), whose namespace and
/// policies are shared by all that is deployed into it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    pub fn label_value(&self, installation: &Installation) -> String {
        digest16(&[&installation.0, self.kind, &self.namespace, &self.name, self.part])
    }
}

impl serde::Serialize for Owner {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)?;
        if self.part.is_empty() { Ok(()) } else { write!(f, " ({})", self.part) }
    }
}
