//! Cells that a Deployment leaves behind: namespaces in a data plane that nothing is deployed into any more.
//!
//! Which cells a Deployment was in must be known without living parents, and must not be taken from what its author can
//! write. So it is read from the plane: from the namespaces that hold the Deployment's own objects, which say in an
//! annotation of the platform's which cell they are. Beside them count the cells that the Deployment records, for the case
//! that its namespace was made and nothing in it: those of its own organization, which goes by the namespace of the control
//! plane. A cell is recorded before its namespace is made, and until it is seen that the Deployment has left it.
//!
//! A cell is never emptied under others because something is missing for a moment: not the Organization, the label of a
//! namespace, the Environment or a Component, and not because a Deployment in it cannot be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_core::hierarchy::{ComponentScope, children_of, claimed_organization, name_of, namespaces_of_project};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::labels::{self, Owner};
use openchoreo_core::planner::PlanContext;
use openchoreo_core::platform::INDEX_PROJECT;
use openchoreo_core::record;
use openchoreo_core::world::{Select, Stored};
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{Component, Deployment, Environment, Organization};

use super::owner_of;

/// A project in an environment of an organization.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    organization: String,
    project: String,
    environment: String,
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.organization, self.project, self.environment)
    }
}

impl Cell {
    /// Where a component is in an environment.
    pub(crate) fn of(scope: &ComponentScope, environment: &str) -> Self {
        let project = name_of(&*scope.project).to_owned();
        Self { organization: scope.organization.clone(), project, environment: environment.to_owned() }
    }

    fn of_words(words: &str) -> Option<Self> {
        let mut parts = words.splitn(3, '/').map(str::to_owned);
        Some(Self { organization: parts.next()?, project: parts.next()?, environment: parts.next()? })
    }

    pub(super) fn owner(&self) -> Owner {
        Owner::cell(&self.organization, &self.project, &self.environment)
    }

    /// The cell that a namespace of a plane says it is, if its owner label agrees.
    fn of_namespace(cx: &PlanContext<'_>, live: &Stored) -> Option<Self> {
        let metadata = live.metadata();
        let cell = Self::of_words(metadata.annotations.get(labels::OWNED_BY)?.strip_prefix("Cell/")?)?;
        (metadata.labels.get(labels::OWNER) == Some(&cx.label_of(&cell.owner()))).then_some(cell)
    }
}

/// The owners of the cells in a plane that go with a Deployment, except the one where it stays.
pub(super) fn left(
    cx: &PlanContext<'_>,
    deployment: &Deployment,
    plane: &PlaneKey,
    stays: Option<&Owner>,
) -> Vec<Owner> {
    let mut cells = cells_of(cx, &owner_of(deployment), plane);
    cells.extend(recorded(cx, deployment));
    cells
        .iter()
        .filter(|cell| stays != Some(&cell.owner()))
        .filter(|cell| is_going(cx, cell, plane) || !has_others(cx, cell, plane, deployment))
        .map(Cell::owner)
        .collect()
}

/// The cells that a Deployment records. Those of other organizations are not its to leave.
fn recorded(cx: &PlanContext<'_>, deployment: &Deployment) -> Vec<Cell> {
    let organization = claimed_organization(cx, deployment.metadata.namespace.as_deref().unwrap_or_default());
    let cells = recorded_words(deployment).into_iter().filter_map(|words| Cell::of_words(&words));
    cells.filter(|cell| organization.as_ref().is_none_or(|organization| cell.organization == *organization)).collect()
}

/// The cells that a Deployment records, as it does.
pub(super) fn recorded_words(deployment: &Deployment) -> Vec<String> {
    record::recorded_cells_by(deployment, |status| &status.cells)
}

/// Whether a cell goes with its organization, environment or plane, whoever is still in it. What is merely missing
/// decides nothing.
fn is_going(cx: &PlanContext<'_>, cell: &Cell, plane: &PlaneKey) -> bool {
    let is_deleting = |key: &ObjectKey| cx.control().stored_written(key).is_some_and(|live| live.is_deleting());
    is_deleting(&ObjectKey::of::<Organization>("", cell.organization.as_str()))
        || is_deleting(&ObjectKey::of::<Environment>(cell.organization.as_str(), cell.environment.as_str()))
        || plane.remote().is_some_and(|plane| is_deleting(&ObjectKey::registration(plane)))
}

/// Whether the environment of a cell names another plane than this one. All who can leave this one then do, and who
/// cannot keeps what it has here.
fn is_served_elsewhere(cx: &PlanContext<'_>, cell: &Cell, plane: &PlaneKey) -> bool {
    cx.written::<Environment>(&cell.organization, &cell.environment).is_some_and(|environment| {
        let serving = environment.spec.data_plane_ref.as_deref().unwrap_or_default();
        !cx.may_be_same_cluster(&PlaneKey::data_plane(&cell.organization, serving), plane)
    })
}

/// Whether another Deployment that stays has, or is about to have, objects in the cell. Who may is looked up, so that
/// neither other projects nor other organizations are looked at.
fn has_others(cx: &PlanContext<'_>, cell: &Cell, plane: &PlaneKey, deployment: &Deployment) -> bool {
    let own =
        ObjectKey::of::<Deployment>(deployment.metadata.namespace.as_deref().unwrap_or_default(), name_of(deployment));
    // As it was seen, since one that cannot be read has its objects there too.
    let stays = |key: &ObjectKey, other: &Stored| {
        *key != own
            && !other.is_deleting()
            && other.has_label(labels::ENVIRONMENT, &cell.environment)
            && records(cx, other, plane)
    };
    !is_served_elsewhere(cx, cell, plane) && deployments_of(cx, cell).iter().any(|(key, other)| stays(key, other))
        || residents(cx, cell, plane).iter().any(|key| cx.control().stored(key).is_some_and(|other| stays(key, &other)))
}

/// The Deployments that belong in a cell by the project of their component, whatever is there of them.
fn deployments_of(cx: &PlanContext<'_>, cell: &Cell) -> Vec<(ObjectKey, Arc<Stored>)> {
    let namespaces = namespaces_of_project(cx, &cell.organization, &cell.project);
    let components = namespaces.into_iter().flat_map(|namespace| {
        let select = Select::of::<Component>().namespace(namespace).index(INDEX_PROJECT, cell.project.as_str());
        cx.control().list_stored_written(&select)
    });
    let of_component = |(key, _): (ObjectKey, _)| {
        let select = children_of(&key.namespace, &key.name).label(labels::ENVIRONMENT, cell.environment.as_str());
        cx.control().list_stored(&Select { kind: Kind::of::<Deployment>(), ..select })
    };
    components.flat_map(of_component).collect()
}

/// The Deployments that have objects in a cell, by what these say: of whose parents nothing is known any more, it is known
/// by this where they are.
fn residents(cx: &PlanContext<'_>, cell: &Cell, plane: &PlaneKey) -> BTreeSet<ObjectKey> {
    let shared = cx.at(plane).owned_by(&cell.owner()).into_iter().map(|(key, _)| key);
    let namespaces: BTreeSet<String> =
        shared.map(|key| if key.kind.namespaced { key.namespace } else { key.name }).collect();
    let objects = namespaces.iter().flat_map(|namespace| cx.at(plane).in_namespace(namespace));
    objects.filter_map(|(_, live)| deployment_of(cx, &live)).collect()
}

/// The Deployment that an object of a plane says it is of, if its owner label agrees.
fn deployment_of(cx: &PlanContext<'_>, live: &Stored) -> Option<ObjectKey> {
    let metadata = live.metadata();
    let (namespace, name) = metadata.annotations.get(labels::OWNED_BY)?.strip_prefix("Deployment/")?.split_once('/')?;
    let owner = Owner::object(Deployment::KIND, namespace, name);
    let is_marked = metadata.labels.get(labels::OWNER) == Some(&cx.label_of(&owner));
    is_marked.then(|| ObjectKey::of::<Deployment>(namespace, name))
}

/// The cells that objects of an owner are in.
fn cells_of(cx: &PlanContext<'_>, owner: &Owner, plane: &PlaneKey) -> BTreeSet<Cell> {
    let owned = cx.at(plane).owned_by(owner);
    let namespaces =
        owned.into_iter().filter_map(|(key, _)| cx.at(plane).stored(&ObjectKey::of::<Namespace>("", key.namespace)));
    namespaces.filter_map(|live| Cell::of_namespace(cx, &live)).collect()
}

/// Whether a Deployment records a plane, or another registration of its cluster.
fn records(cx: &PlanContext<'_>, deployment: &Stored, plane: &PlaneKey) -> bool {
    let mut recorded = record::recorded(&deployment.json()).into_iter().map(PlaneKey::Remote);
    recorded.any(|other| cx.may_be_same_cluster(&other, plane))
}
