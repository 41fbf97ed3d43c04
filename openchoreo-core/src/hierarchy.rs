//! Who an object belongs to: its organization, project and component, decided by where it is.
//!
//! An object's organization is decided by the namespace that it is in: the one that an administrator labelled it for,
//! and of a namespace without that label, the Organization of its name. So an Organization that somebody names like a
//! namespace of another takes nothing from it. Labels that the object's author chose never decide; one that contradicts
//! is an error that the object shows.
//!
//! A parent that is *missing* is something else than one that is *going*. A label that is stripped for a moment, an
//! Organization that is restored last, an object that cannot be read: these are missing, nothing new is made, and what
//! runs stays. Only what is being deleted takes away what runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{
    Component, DataPlane, DeploymentPipeline, DeploymentTrack, Environment, Organization, Project,
};

use crate::conditions::{CommonReason, Finding};
use crate::kind::{ObjectKey, PlaneKey};
use crate::labels;
use crate::naming::{CellId, ComponentId, LabelValue, NamingScheme};
use crate::planner::PlanContext;
use crate::world::Select;
use crate::world::indexes::INDEX_HOME;

/// Why an object cannot be placed in the hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HierarchyError {
    /// The namespace is of no organization.
    #[error(
        "namespace `{namespace}` belongs to no organization; create Organization `{namespace}`, or label the namespace `openchoreo.dev/organization`"
    )]
    NoOrganization {
        /// The namespace.
        namespace: String,
    },
    /// The namespace is labelled for an organization that does not exist.
    #[error(
        "namespace `{namespace}` is labelled for Organization `{organization}`, which does not exist; create it, or correct the label `openchoreo.dev/organization`"
    )]
    OrganizationNotFound {
        /// The namespace.
        namespace: String,
        /// The organization that its label names.
        organization: String,
    },
    /// The organization of the namespace is going.
    #[error("Organization `{organization}`, which namespace `{namespace}` is of, is being deleted")]
    OrganizationDeleting {
        /// The namespace.
        namespace: String,
        /// The organization.
        organization: String,
    },
    /// A label names another parent than the one that the namespace decides.
    #[error("label `{label}` says `{claimed}`, but the object is in {actual}; correct the label or move the object")]
    Contradiction {
        /// The label.
        label: &'static str,
        /// What it says.
        claimed: String,
        /// What the namespace decides.
        actual: String,
    },
    /// A label that says which parent is meant is absent.
    #[error("label `{label}` is missing; it names the {kind} that this object belongs to")]
    MissingLabel {
        /// The label.
        label: &'static str,
        /// Kind of the parent.
        kind: &'static str,
    },
    /// Another object claims the same identity and was there first.
    #[error("Component `{name}` of the same project exists in namespace `{elder}` and was there first; rename one")]
    Duplicate {
        /// Name of both.
        name: String,
        /// Namespace of the one that was there first.
        elder: String,
    },
    /// A parent does not exist.
    #[error("{kind} `{name}` does not exist in namespace `{namespace}`")]
    NotFound {
        /// Kind of the parent.
        kind: &'static str,
        /// Where it was looked for.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The component does not have the track that is meant.
    #[error(
        "Component `{component}` has no DeploymentTrack `{track}`; name one that it has with label `openchoreo.dev/deployment-track`, or create this one"
    )]
    TrackNotFound {
        /// The component.
        component: String,
        /// The name that the track would go by.
        track: String,
    },
}

impl From<HierarchyError> for Finding {
    fn from(error: HierarchyError) -> Self {
        let reason = match &error {
            HierarchyError::NoOrganization { .. } | HierarchyError::OrganizationNotFound { .. } => {
                CommonReason::NamespaceNotInOrganization
            }
            HierarchyError::OrganizationDeleting { .. } => CommonReason::OrganizationDeleting,
            HierarchyError::Contradiction { .. } => CommonReason::LabelContradiction,
            HierarchyError::Duplicate { .. } => CommonReason::DuplicateIdentity,
            HierarchyError::MissingLabel { .. }
            | HierarchyError::NotFound { .. }
            | HierarchyError::TrackNotFound { .. } => CommonReason::ParentNotFound,
        };
        Self::new(reason, error.to_string())
    }
}

/// What a namespace of the control plane is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The organization; also the name of the organization's own namespace, where Projects, Environments, DataPlanes
    /// and DeploymentPipelines are.
    pub organization: String,
    /// The project, where an administrator labelled the namespace for one.
    pub project: Option<String>,
}

/// Finds out what a namespace is for.
///
/// # Errors
/// The namespace belongs to no organization, or to one that is being deleted.
pub fn home(cx: &PlanContext<'_>, namespace: &str) -> Result<Home, HierarchyError> {
    let in_namespace = namespace.to_owned();
    let live = cx.get::<Namespace>("", namespace);
    let label = |key: &str| live.as_deref().and_then(|live| label_of(live, key));
    let (organization, is_labelled) = match label(labels::ORGANIZATION) {
        Some(organization) => (organization, true),
        None => (namespace, false),
    };
    match cx.control().stored_written(&ObjectKey::of::<Organization>("", organization)) {
        None if is_labelled => {
            Err(HierarchyError::OrganizationNotFound { namespace: in_namespace, organization: organization.to_owned() })
        }
        None => Err(HierarchyError::NoOrganization { namespace: in_namespace }),
        Some(found) if found.is_deleting() => {
            Err(HierarchyError::OrganizationDeleting { namespace: in_namespace, organization: organization.to_owned() })
        }
        Some(_) => Ok(Home {
            organization: organization.to_owned(),
            // The organization's own namespace is of no one project.
            project: label(labels::PROJECT).filter(|_| organization != namespace).map(str::to_owned),
        }),
    }
}

/// Finds out what the namespace of an object is for, and holds the object's own labels against it.
///
/// # Errors
/// The namespace belongs to no organization, or a label contradicts it.
pub fn home_of<K: PlatformKind>(cx: &PlanContext<'_>, object: &K) -> Result<Home, HierarchyError> {
    let home = home(cx, object.meta().namespace.as_deref().unwrap_or_default())?;
    let claimed = |label: &'static str| object.meta().labels.as_ref().and_then(|labels| labels.get(label));
    if let Some(claimed) = claimed(labels::ORGANIZATION)
        && *claimed != home.organization
    {
        let actual = format!("organization `{}`", home.organization);
        return Err(HierarchyError::Contradiction { label: labels::ORGANIZATION, claimed: claimed.clone(), actual });
    }
    if let (Some(project), Some(claimed)) = (&home.project, claimed(labels::PROJECT))
        && claimed != project
    {
        let actual = format!("a namespace of project `{project}`");
        return Err(HierarchyError::Contradiction { label: labels::PROJECT, claimed: claimed.clone(), actual });
    }
    Ok(home)
}

/// A component with its ancestors.
#[derive(Clone, Debug)]
pub struct ComponentScope {
    /// Organization name.
    pub organization: String,
    /// The project.
    pub project: Arc<Project>,
    /// The component.
    pub component: Arc<Component>,
}

impl ComponentScope {
    /// The names that identify the component.
    pub fn id(&self) -> ComponentId<'_> {
        ComponentId::new(&self.organization, name_of(&*self.project), name_of(&*self.component))
    }

    /// Namespace of the component and all that is made for it.
    pub fn namespace(&self) -> &str {
        self.component.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// The project in an environment.
    pub fn cell<'a>(&'a self, environment: &'a str) -> CellId<'a> {
        CellId::new(&self.organization, name_of(&*self.project), environment)
    }
}

/// The name of an object; empty where it has none yet.
pub fn name_of<K: Resource<DynamicType = ()>>(object: &K) -> &str {
    object.meta().name.as_deref().unwrap_or_default()
}

/// A label of an object.
pub fn label_of<'a, K: Resource<DynamicType = ()>>(object: &'a K, label: &str) -> Option<&'a str> {
    object.meta().labels.as_ref()?.get(label).map(String::as_str)
}

/// Places a component: its organization by its namespace, its project by `spec.owner.projectName`.
///
/// # Errors
/// No organization, a contradiction, or no such project.
pub fn scope_of_component(cx: &PlanContext<'_>, component: &Arc<Component>) -> Result<ComponentScope, HierarchyError> {
    let home = home_of(cx, &**component)?;
    let wanted = &component.spec.owner.project_name;
    if let Some(project) = &home.project
        && project != wanted
    {
        return Err(HierarchyError::NotFound {
            kind: "Project",
            namespace: home.organization.clone(),
            name: format!("{wanted} (this namespace is of project {project}; `spec.owner.projectName` must say so)"),
        });
    }
    let project = cx.written::<Project>(&home.organization, wanted).ok_or_else(|| HierarchyError::NotFound {
        kind: "Project",
        namespace: home.organization.clone(),
        name: wanted.clone(),
    })?;
    if let Some(claimed) = label_of(&**component, labels::PROJECT)
        && claimed != wanted
    {
        let actual = format!("project `{wanted}` by `spec.owner.projectName`");
        return Err(HierarchyError::Contradiction { label: labels::PROJECT, claimed: claimed.to_owned(), actual });
    }
    if let Some(elder) = elder_twin(cx, &home.organization, component) {
        return Err(HierarchyError::Duplicate { name: name_of(&**component).to_owned(), elder });
    }
    Ok(ComponentScope { organization: home.organization, project, component: Arc::clone(component) })
}

/// What objects of a kind are ordered by where the elder goes first: when they were made, then where, then their name.
pub fn seniority(object: &impl Resource) -> (Option<Time>, Option<String>, Option<String>) {
    let metadata = object.meta();
    (metadata.creation_timestamp.clone(), metadata.namespace.clone(), metadata.name.clone())
}

/// Another component of the same organization, project and name, in another namespace of the project, that was there first:
/// the two claim one identity, so only the elder is deployed.
fn elder_twin(cx: &PlanContext<'_>, organization: &str, component: &Component) -> Option<String> {
    let mut namespaces = namespaces_of_project(cx, organization, &component.spec.owner.project_name);
    namespaces.retain(|namespace| Some(namespace) != component.metadata.namespace.as_ref());
    namespaces.into_iter().find(|namespace| {
        let twin = cx.written::<Component>(namespace, name_of(component));
        twin.is_some_and(|twin| {
            twin.spec.owner.project_name == component.spec.owner.project_name
                && seniority(&*twin) < seniority(component)
        })
    })
}

/// The organization that a namespace is of, whether that organization exists (any more) or is going: for cleaning.
/// Nothing where that is not known, as while the label of a namespace is missing: then nothing may be concluded from it.
pub fn claimed_organization(cx: &PlanContext<'_>, namespace: &str) -> Option<String> {
    let live = cx.control().stored_written(&ObjectKey::of::<Namespace>("", namespace));
    if let Some(organization) = live.as_deref().and_then(|live| live.label(labels::ORGANIZATION)) {
        return Some(organization);
    }
    cx.control().stored_written(&ObjectKey::of::<Organization>("", namespace)).map(|_| namespace.to_owned())
}

/// The namespaces where components of a project can be, as far as that is known: the organization's own, and those that
/// are labelled for the organization, and for no other project.
pub fn namespaces_of_project(cx: &PlanContext<'_>, organization: &str, project: &str) -> BTreeSet<String> {
    let is_own = claimed_organization(cx, organization).is_none_or(|claimed| claimed == organization);
    let labelled = ["", project].into_iter().flat_map(|project| {
        let select = Select::of::<Namespace>().index(INDEX_HOME, format!("{organization}/{project}"));
        cx.control().list_stored_written(&select).into_iter().map(|(key, _)| key.name)
    });
    labelled.chain(is_own.then(|| organization.to_owned())).collect()
}

/// Places an object that names its component by label: a track, an artifact, a deployment, an endpoint.
///
/// # Errors
/// No label, no such component, or the component itself cannot be placed.
pub fn scope_by_label<K: PlatformKind>(cx: &PlanContext<'_>, object: &K) -> Result<ComponentScope, HierarchyError> {
    home_of(cx, object)?;
    let name = required_label(object, labels::COMPONENT, "Component")?;
    scope_by_name(cx, object.meta().namespace.as_deref().unwrap_or_default(), name)
}

/// Places the component of a name in a namespace.
///
/// # Errors
/// No such component, or it cannot be placed.
pub fn scope_by_name(cx: &PlanContext<'_>, namespace: &str, name: &str) -> Result<ComponentScope, HierarchyError> {
    let component = cx.written::<Component>(namespace, name).ok_or_else(|| HierarchyError::NotFound {
        kind: "Component",
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })?;
    scope_of_component(cx, &component)
}

/// A label that says which parent is meant.
///
/// # Errors
/// It is absent or empty.
pub fn required_label<'a, K: PlatformKind>(
    object: &'a K,
    label: &'static str,
    kind: &'static str,
) -> Result<&'a str, HierarchyError> {
    label_of(object, label).filter(|value| !value.is_empty()).ok_or(HierarchyError::MissingLabel { label, kind })
}

/// The track of a component by its name: the `openchoreo.dev/name` label of the track, or its object name. Of several
/// that go by one name the oldest is meant.
///
/// # Errors
/// The component has no such track.
pub fn track_of(
    cx: &PlanContext<'_>,
    scope: &ComponentScope,
    track: &str,
) -> Result<Arc<DeploymentTrack>, HierarchyError> {
    let named = tracks_of(cx, scope).into_iter().filter(|candidate| track_name(candidate) == track);
    named.min_by_key(|track| seniority(&**track)).ok_or_else(|| HierarchyError::TrackNotFound {
        component: name_of(&*scope.component).to_owned(),
        track: track.to_owned(),
    })
}

/// All tracks of a component that are not being deleted, by object name.
pub fn tracks_of(cx: &PlanContext<'_>, scope: &ComponentScope) -> Vec<Arc<DeploymentTrack>> {
    let select = children(scope);
    let tracks = cx.list_written::<DeploymentTrack>(select);
    tracks.into_iter().filter(|track| track.metadata.deletion_timestamp.is_none()).collect()
}

/// Objects in the namespace of a component that name it by label; the kind is filled in by the list that uses it.
pub fn children(scope: &ComponentScope) -> Select {
    children_of(scope.namespace(), name_of(&*scope.component))
}

/// Objects of a namespace that name a component by label; the kind is filled in by the list that uses it.
pub fn children_of(namespace: &str, component: &str) -> Select {
    Select::of::<DeploymentTrack>().namespace(namespace).label(labels::COMPONENT, LabelValue::of(component))
}

/// The name that a track goes by.
pub fn track_name(track: &DeploymentTrack) -> &str {
    label_of(track, labels::NAME).unwrap_or_else(|| name_of(track))
}

/// The part of names that an object is for a scheme: the name that it goes by, or that of the object.
pub fn part_of<'a, K: Resource<DynamicType = ()>>(
    naming: &dyn NamingScheme,
    goes_by: &'a str,
    object: &'a K,
) -> &'a str {
    if naming.reads_object_names() { name_of(object) } else { goes_by }
}

/// The part of names that a track is for a scheme.
pub fn track_part<'a>(naming: &dyn NamingScheme, track: &'a DeploymentTrack) -> &'a str {
    part_of(naming, track_name(track), track)
}

/// The labels of an object that is made for a component: its identity, and its own name.
pub fn child_labels(scope: &ComponentScope, name: &str, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let id = scope.id();
    let own = [
        (labels::ORGANIZATION, id.organization),
        (labels::PROJECT, id.project),
        (labels::COMPONENT, id.component),
        (labels::NAME, name),
    ];
    own.iter().chain(more).map(|(key, value)| ((*key).to_owned(), LabelValue::of(value).into_string())).collect()
}

/// The pipeline of a project.
///
/// # Errors
/// It does not exist.
pub fn pipeline_of(
    cx: &PlanContext<'_>,
    organization: &str,
    project: &Project,
) -> Result<Arc<DeploymentPipeline>, HierarchyError> {
    let name = &project.spec.deployment_pipeline_ref;
    cx.get(organization, name).ok_or_else(|| HierarchyError::NotFound {
        kind: "DeploymentPipeline",
        namespace: organization.to_owned(),
        name: name.clone(),
    })
}

/// An environment and the data plane that serves it.
#[derive(Clone, Debug)]
pub struct EnvironmentScope {
    /// The environment.
    pub environment: Arc<Environment>,
    /// The data plane.
    pub data_plane: Arc<DataPlane>,
    /// The key of its plane.
    pub plane: PlaneKey,
}

/// Resolves an environment of an organization and its data plane.
///
/// # Errors
/// Either does not exist, or is being deleted.
pub fn environment_of(
    cx: &PlanContext<'_>,
    organization: &str,
    name: &str,
) -> Result<EnvironmentScope, HierarchyError> {
    let not_found = |kind: &'static str, name: &str| HierarchyError::NotFound {
        kind,
        namespace: organization.to_owned(),
        name: name.to_owned(),
    };
    let environment = cx
        .get::<Environment>(organization, name)
        .filter(|environment| environment.metadata.deletion_timestamp.is_none())
        .ok_or_else(|| not_found("Environment", name))?;
    let plane_name = environment.spec.data_plane_ref.clone().unwrap_or_default();
    let data_plane = cx
        .get::<DataPlane>(organization, &plane_name)
        .filter(|plane| plane.metadata.deletion_timestamp.is_none())
        .ok_or_else(|| not_found("DataPlane", &plane_name))?;
    Ok(EnvironmentScope { environment, data_plane, plane: PlaneKey::data_plane(organization, plane_name) })
}
