//! Where an endpoint belongs: its component, its deployment, its environment and the names in the data plane.
//!
//! A parent that is missing is something else than one that goes: routes stay for the first and go for the second. That
//! nothing says (any more) of which organization the namespace is, is a parent missing; that the organization is being
//! deleted, one that goes. A Deployment that is missing decides nothing while the workload that it made is there: both
//! may come back from a backup in any order. Without a workload there is nothing to reach, and the routes go.
//!
//! A Deployment that is being deleted takes the routes of an endpoint that a person wrote for it. An endpoint that it made
//! itself, it deletes itself, unless a successor takes that over and its address must not go meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use openchoreo_core::conditions::{CommonReason, Finding};
use openchoreo_core::extension::chain;
use openchoreo_core::hierarchy::{
    ComponentScope, EnvironmentScope, HierarchyError, children, environment_of, label_of, name_of, required_label,
    scope_by_label, track_of,
};
use openchoreo_core::kind::ObjectKey;
use openchoreo_core::labels::{self, plane};
use openchoreo_core::naming::{EndpointId, LabelValue, NameError, NamespaceName, ResourceName};
use openchoreo_core::planner::PlanContext;
use openchoreo_types::v1alpha1::{DataPlane, Deployment, Endpoint, Environment};

use super::EndpointReason;

/// Where an endpoint belongs.
#[derive(Debug)]
pub(super) struct Placement {
    /// Its component, with parents.
    pub scope: ComponentScope,
    /// Its environment and data plane.
    pub environment: EnvironmentScope,
    /// Name of the object.
    pub name: String,
    /// Namespace of the workload in the data plane.
    pub namespace: NamespaceName,
    /// The Service in front of the workload.
    pub service: ResourceName,
    /// Labels of its objects in the data plane.
    pub labels: BTreeMap<String, String>,
}

impl Placement {
    /// The names that identify the endpoint.
    pub(super) fn id(&self) -> EndpointId<'_> {
        self.scope.id().endpoint(name_of(&*self.environment.environment), &self.name)
    }
}

/// Why an endpoint cannot be placed, and what becomes of its routes.
#[derive(Debug)]
pub(super) enum Standstill {
    /// They stay: a parent is missing, perhaps for a moment.
    Keep(Finding),
    /// They go.
    Withdraw(Finding),
}

impl From<HierarchyError> for Standstill {
    fn from(error: HierarchyError) -> Self {
        match &error {
            // With an organization that goes, or as the younger of two that claim one identity, it has no right to an
            // address.
            HierarchyError::OrganizationDeleting { .. } | HierarchyError::Duplicate { .. } => {
                Self::Withdraw(error.into())
            }
            _ => Self::Keep(error.into()),
        }
    }
}

/// Finds out where an endpoint belongs.
pub(super) fn place(cx: &PlanContext<'_>, endpoint: &Endpoint) -> Result<Placement, Standstill> {
    let scope = scope_by_label(cx, endpoint)?;
    let going = |what: &str, name: &str| {
        let message = format!("{what} `{name}` is being deleted; the routes of the endpoint are removed");
        Standstill::Withdraw(Finding::new(EndpointReason::ParentDeleting, message))
    };
    if scope.component.metadata.deletion_timestamp.is_some() {
        return Err(going("Component", name_of(&*scope.component)));
    }
    let environment_name = required_label(endpoint, labels::ENVIRONMENT, "Environment")?;
    if let Some(environment) = cx.written::<Environment>(&scope.organization, environment_name) {
        if environment.metadata.deletion_timestamp.is_some() {
            return Err(going("Environment", environment_name));
        }
        let plane = environment.spec.data_plane_ref.as_deref().unwrap_or_default();
        if cx.written::<DataPlane>(&scope.organization, plane).is_some_and(|p| p.metadata.deletion_timestamp.is_some())
        {
            return Err(going("DataPlane", plane));
        }
    }
    let deployment = deployment_of(cx, &scope, endpoint, environment_name)?;
    if let Some(deployment) = &deployment
        && deployment.metadata.deletion_timestamp.is_some()
        && label_of(endpoint, labels::OWNER).is_none()
    {
        return Err(gone(format!("Deployment `{}` is being deleted", name_of(&**deployment))));
    }
    let environment = environment_of(cx, &scope.organization, environment_name)?;
    let track = required_label(endpoint, labels::DEPLOYMENT_TRACK, "DeploymentTrack")?;
    let naming = cx.platform().naming();
    let namespace = naming.cell_namespace(&scope.cell(environment_name)).map_err(unnamed("the cell's namespace"))?;
    let part =
        if naming.reads_object_names() { name_of(&*track_of(cx, &scope, track)?).to_owned() } else { track.to_owned() };
    let service = naming.workload(&scope.id(), &part).map_err(unnamed("the Service"))?;
    let Some(deployment) = deployment else {
        let message = format!(
            "component `{}` has no Deployment `{}` in environment `{environment_name}`",
            name_of(&*scope.component),
            label_of(endpoint, labels::DEPLOYMENT).unwrap_or_default()
        );
        let workload = ObjectKey::of::<Service>(namespace.as_str(), service.as_str());
        if cx.at(&environment.plane).stored(&workload).is_none() {
            return Err(gone(message));
        }
        let message = format!("{message}; routes stay while Service `{service}` is there");
        return Err(Standstill::Keep(Finding::new(EndpointReason::DeploymentNotFound, message)));
    };
    let labels = plane_labels(&scope, environment_name, track, &deployment);
    Ok(Placement { name: name_of(endpoint).to_owned(), environment, namespace, service, labels, scope })
}

fn unnamed(what: &'static str) -> impl FnOnce(NameError) -> Standstill {
    move |error| {
        let message = format!("{what} cannot be named: {}", chain(&error));
        Standstill::Withdraw(Finding::new(CommonReason::InvalidName, message))
    }
}

/// The deployment that the endpoint's labels name, by its object name or by the name that it goes by.
fn deployment_of(
    cx: &PlanContext<'_>,
    scope: &ComponentScope,
    endpoint: &Endpoint,
    environment: &str,
) -> Result<Option<Arc<Deployment>>, HierarchyError> {
    let name = required_label(endpoint, labels::DEPLOYMENT, "Deployment")?;
    let mut select = children(scope).label(labels::ENVIRONMENT, environment);
    if let Some(track) = label_of(endpoint, labels::DEPLOYMENT_TRACK) {
        select = select.label(labels::DEPLOYMENT_TRACK, track);
    }
    let deployments = cx.list_written::<Deployment>(select);
    let is_named = |own: &str| LabelValue::of(own).as_str() == name || own == name;
    let by_object = deployments.iter().find(|deployment| is_named(name_of(&***deployment)));
    let by_label =
        || deployments.iter().find(|deployment| label_of(&***deployment, labels::NAME).is_some_and(is_named));
    Ok(by_object.or_else(by_label).cloned())
}

fn gone(message: String) -> Standstill {
    Standstill::Withdraw(Finding::new(EndpointReason::DeploymentNotFound, message))
}

/// The labels by which people find the objects of an endpoint in a data plane.
fn plane_labels(
    scope: &ComponentScope,
    environment: &str,
    track: &str,
    deployment: &Deployment,
) -> BTreeMap<String, String> {
    let id = scope.id();
    let pairs = [
        (plane::ORGANIZATION_NAME, id.organization),
        (plane::PROJECT_NAME, id.project),
        (plane::COMPONENT_NAME, id.component),
        (plane::COMPONENT_TYPE, &scope.component.spec.type_),
        (plane::ENVIRONMENT_NAME, environment),
        (plane::DEPLOYMENT_TRACK_NAME, track),
        (plane::DEPLOYMENT_NAME, label_of(deployment, labels::NAME).unwrap_or_else(|| name_of(deployment))),
        (plane::MANAGED_BY, plane::DEPLOYMENT_CONTROLLER),
        (plane::BELONG_TO, plane::USER_WORKLOADS),
        (plane::TARGET, plane::target::GATEWAY),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), LabelValue::of(value).into_string())).collect()
}
