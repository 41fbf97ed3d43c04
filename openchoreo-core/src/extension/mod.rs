//! What a platform team may bring: renderers of component types, build engines, gateways, policy dialects.
//!
//! The traits are synchronous and pure: a context in, objects out. The shipped implementations are in
//! `openchoreo-dataplane`, `openchoreo-build` and `openchoreo-net`; they use nothing that others cannot.

mod set;

use std::collections::BTreeMap;
use std::fmt;

use openchoreo_types::v1alpha1::{
    Build, Component, ConfigurationGroup, DataPlane, DeployableArtifact, Deployment, DeploymentTrack, Endpoint,
    Environment, Project,
};
use serde_json::Value;

use crate::isolation::Isolation;
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::naming::{
    BuildId, CellId, ComponentId, EndpointId, Hostname, NameError, NamespaceName, NamingScheme, ResourceName,
    Visibility,
};
use crate::plan::Rendered;
use crate::pod_security::PodSecurity;
use crate::reach::{Admission, Passage, unknown_admissions, unknown_passages};
use crate::resources::ResourceBounds;
use crate::world::{Stored, World};

pub use set::{Extensions, ImageRules, PlatformSettings, UnknownGateway, chosen_gateway};

/// Why something cannot be rendered: terminal until what was written changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// A field of an object cannot be used.
    #[error("`{field}` of {object}: {problem}")]
    Field {
        /// The object, as kind and name.
        object: String,
        /// Path of the field.
        field: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A name cannot be made.
    #[error("cannot name {what}")]
    Name {
        /// What was to be named.
        what: String,
        /// Why not.
        #[source]
        source: NameError,
    },
    /// Something that is referred to is missing.
    #[error("{kind} `{name}` does not exist")]
    Missing {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// What is asked for is not offered.
    #[error("{what} is not supported by {by}")]
    Unsupported {
        /// What is asked for.
        what: String,
        /// By what it is not offered.
        by: String,
    },
}

impl RenderError {
    /// A field that cannot be used.
    pub fn field(object: impl Into<String>, field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Field { object: object.into(), field: field.into(), problem: problem.into() }
    }

    /// For `map_err`: a name that cannot be made.
    pub fn naming(what: impl Into<String>) -> impl FnOnce(NameError) -> Self {
        let what = what.into();
        |source| Self::Name { what, source }
    }
}

/// An error and its causes, in one line: for conditions, logs and the command line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// How an observed object is doing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// It failed and will not recover by itself.
    Degraded(String),
    /// It is not there yet.
    Progressing(String),
    /// It was stopped on purpose.
    Suspended(String),
    /// As it should be.
    Healthy,
}

/// What a renderer of a component type is given: everything that decides the workload, resolved.
#[derive(Clone, Debug)]
pub struct WorkloadContext<'a> {
    /// The component's identity.
    pub id: ComponentId<'a>,
    /// The project in the environment.
    pub cell: CellId<'a>,
    /// Namespace in the data plane.
    pub namespace: &'a NamespaceName,
    /// The naming scheme of the platform.
    pub naming: &'a dyn NamingScheme,
    /// The project.
    pub project: &'a Project,
    /// The component.
    pub component: &'a Component,
    /// The track.
    pub track: &'a DeploymentTrack,
    /// The environment.
    pub environment: &'a Environment,
    /// The data plane.
    pub data_plane: &'a DataPlane,
    /// The artifact that is deployed.
    pub artifact: &'a DeployableArtifact,
    /// The deployment.
    pub deployment: &'a Deployment,
    /// The image to run, complete with registry and tag.
    pub image: &'a str,
    /// What the namespace admits of pods.
    pub pod_security: PodSecurity,
    /// What pods may use there; [`ResourceBounds::check`] says whether some fit.
    pub resources: &'a ResourceBounds,
    /// The configuration groups that the artifact refers to, by name.
    pub configuration_groups: &'a BTreeMap<String, std::sync::Arc<ConfigurationGroup>>,
    /// Labels for every object of the workload.
    pub labels: &'a BTreeMap<String, String>,
}

/// Renders the workload of one component type.
pub trait ComponentRenderer: fmt::Debug + Send + Sync {
    /// The value of `Component.spec.type` that it renders.
    fn component_type(&self) -> &str;

    /// The kinds that it renders: what is watched and pruned in data planes.
    fn kinds(&self) -> Vec<Kind>;

    /// The objects of the workload, in the order in which they are applied.
    ///
    /// # Errors
    /// What was written cannot be rendered; nothing is applied then.
    fn render(&self, cx: &WorkloadContext<'_>) -> Result<Vec<Rendered>, RenderError>;

    /// How one of its objects is doing, by what was observed.
    fn health(&self, kind: Kind, live: &Stored) -> Health;
}

/// What a dialect of network policies is given: the namespace that is to be isolated, and how.
#[derive(Clone, Debug)]
pub struct IsolationContext<'a> {
    /// The namespace.
    pub namespace: &'a NamespaceName,
    /// Who may reach whom there.
    pub isolation: &'a Isolation,
    /// Labels for every policy.
    pub labels: &'a BTreeMap<String, String>,
}

/// Writes the isolation of a namespace, a cell's or one of builds, in one dialect of network policies.
pub trait NetworkPolicyDialect: fmt::Debug + Send + Sync {
    /// The kinds that it renders. It is used in the planes that serve all of them.
    fn kinds(&self) -> Vec<Kind>;

    /// The policies of a namespace: all of its pods may do what the table allows, and nothing else.
    ///
    /// # Errors
    /// A policy cannot be rendered; nothing is run in the namespace then.
    fn policies(&self, cx: &IsolationContext<'_>) -> Result<Vec<Rendered>, RenderError>;

    /// What objects of its kinds let through, all that there are in a namespace, whoever wrote them: every connection
    /// of its pods, and where none of the objects is in the way, all. What is not understood counts as open.
    ///
    /// A dialect that does not tell is taken to keep nobody out.
    fn passages(&self, namespace: &str, policies: &[(ObjectKey, Value)]) -> Vec<Passage> {
        unknown_passages(namespace, policies)
    }
}

/// What a build engine is given.
#[derive(Clone, Debug)]
pub struct BuildContext<'a> {
    /// The build's identity.
    pub id: BuildId<'a>,
    /// Namespace for builds in the build plane.
    pub namespace: &'a NamespaceName,
    /// The naming scheme of the platform.
    pub naming: &'a dyn NamingScheme,
    /// The build.
    pub build: &'a Build,
    /// The component.
    pub component: &'a Component,
    /// Registry and repository prefix for the image, from the plane's registration, where it has one.
    pub registry: Option<&'a str>,
    /// Labels for every object of the build.
    pub labels: &'a BTreeMap<String, String>,
}

/// A step of a build as people know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BuildStep {
    /// Getting the source.
    Clone,
    /// Building the image.
    Build,
    /// Pushing the image.
    Push,
}

/// How far a step or a build is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum BuildPhase {
    /// Not known: the engine reports something else.
    Unknown,
    /// Not started.
    #[default]
    Queued,
    /// Running.
    Running,
    /// Done.
    Succeeded,
    /// Failed.
    Failed,
}

/// What an engine reads back from a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildObservation {
    /// Phase of the whole run.
    pub phase: BuildPhase,
    /// Phase and message of each step.
    pub steps: BTreeMap<BuildStep, (BuildPhase, String)>,
    /// Message of the run, where it failed.
    pub message: String,
    /// The image that was pushed, with registry and tag.
    pub image: Option<String>,
    /// The component descriptor (`workload.yaml`) in the repository, as text.
    pub descriptor: Option<String>,
    /// Whether the run was simulated.
    pub simulated: bool,
}

/// Runs builds on some workflow system.
pub trait BuildEngine: fmt::Debug + Send + Sync {
    /// The value of `templateRef.engine` that selects it.
    fn id(&self) -> &str;

    /// The kinds that it renders: what is watched and pruned in build planes.
    fn kinds(&self) -> Vec<Kind>;

    /// Objects that must exist before a run and that all builds of an organization share: accounts, roles.
    ///
    /// # Errors
    /// They cannot be rendered.
    fn prerequisites(&self, cx: &BuildContext<'_>) -> Result<Vec<Rendered>, RenderError>;

    /// The run.
    ///
    /// # Errors
    /// The build cannot be expressed for this engine.
    fn run(&self, cx: &BuildContext<'_>) -> Result<Rendered, RenderError>;

    /// Reads a run back. Total: what is not understood is [`BuildPhase::Unknown`].
    fn observe(&self, run: &Value) -> BuildObservation;
}

/// What a gateway is given.
#[derive(Clone, Debug)]
pub struct EndpointContext<'a> {
    /// The endpoint's identity.
    pub id: EndpointId<'a>,
    /// Namespace of the workload in the data plane.
    pub namespace: &'a NamespaceName,
    /// The naming scheme of the platform.
    pub naming: &'a dyn NamingScheme,
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// The environment.
    pub environment: &'a Environment,
    /// The component type, `Component.spec.type`.
    pub component_type: &'a str,
    /// Who may reach the route.
    pub visibility: Visibility,
    /// Name of the Gateway object that serves this visibility.
    pub gateway: &'a str,
    /// Namespace of that Gateway.
    pub gateway_namespace: &'a str,
    /// Host of the route.
    pub hostname: &'a Hostname,
    /// The Service in front of the workload.
    pub service: &'a ResourceName,
    /// Labels for every object of the endpoint.
    pub labels: &'a BTreeMap<String, String>,
}

/// How a gateway takes a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteState {
    /// It serves it.
    Accepted,
    /// It has not said anything yet.
    Pending,
    /// It does not serve it, and says why.
    Refused(String),
}

/// Publishes endpoints on some gateway.
pub trait Gateway: fmt::Debug + Send + Sync {
    /// The name by which a DataPlane chooses it, where the platform has several.
    fn name(&self) -> &str;

    /// The kinds that it renders: what is watched and pruned in data planes.
    fn kinds(&self) -> Vec<Kind>;

    /// The objects that publish an endpoint at one visibility, in the order in which they are applied: what protects
    /// a route before the route.
    ///
    /// # Errors
    /// The route or something that protects it cannot be expressed; nothing is published then.
    fn render(&self, cx: &EndpointContext<'_>) -> Result<Vec<Rendered>, RenderError>;

    /// How the gateway takes one of its objects.
    fn observe(&self, kind: Kind, live: &Stored) -> RouteState;

    /// Whom the objects of its kinds in a plane let in, whoever wrote them and whether it serves them already. What is
    /// closed on purpose is told as [`Protection::Closed`](crate::reach::Protection::Closed), since it may stand before
    /// something that is open; what is not understood counts as open.
    ///
    /// A gateway that does not tell is taken to let in everybody, to anything, by each of its objects.
    fn admissions(&self, world: &World, plane: &PlaneKey) -> Vec<Admission> {
        unknown_admissions(&self.kinds(), world, plane)
    }
}
