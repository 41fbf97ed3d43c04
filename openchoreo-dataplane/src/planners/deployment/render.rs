//! The objects of a Deployment in its data plane: all of them, or an error and none.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use openchoreo_core::client::PullCredentials;
use openchoreo_core::conditions::Finding;
use openchoreo_core::extension::{IsolationContext, RenderError, WorkloadContext, chain};
use openchoreo_core::hierarchy::{label_of, name_of, track_name};
use openchoreo_core::labels;
use openchoreo_core::naming::{CellId, NamespaceName};
use openchoreo_core::plan::Rendered;
use openchoreo_core::planner::PlanContext;
use openchoreo_core::pod_security::PodSecurity;
use openchoreo_core::resources::ResourceBounds;
use openchoreo_types::v1alpha1::Deployment;

use super::place::Place;
use super::source::Source;
use super::{DeploymentReason, Stop};
use crate::parts::labels::{cell_labels, workload_labels};
use crate::parts::namespace::namespace;
use crate::parts::resources::{limit_range, resource_quota};

/// The objects of a Deployment.
pub(super) struct Objects {
    /// Name of the cell's namespace.
    pub(super) namespace: NamespaceName,
    /// What the whole cell shares: its namespace, then what its pods may use, its network policies and what its pods pull
    /// images with.
    pub(super) cell: Vec<Rendered>,
    /// The workload.
    pub(super) workload: Vec<Rendered>,
}

/// Renders a Deployment.
pub(super) fn objects(
    cx: &PlanContext<'_>,
    deployment: &Deployment,
    place: &Place,
    source: &Source<'_>,
) -> Result<Objects, Stop> {
    let failed = |error| Stop::keep(Finding::new(DeploymentReason::RenderFailed, chain(&error)));
    let mut objects = render(cx, deployment, place, source).map_err(failed)?;
    objects.cell.extend(pull_secret(cx, place, &objects.namespace)?);
    Ok(objects)
}

/// The Secret that pods of the cell pull images with, where the data plane names one.
fn pull_secret(cx: &PlanContext<'_>, place: &Place, namespace: &NamespaceName) -> Result<Option<Rendered>, Stop> {
    let plane = &place.target.data_plane;
    let stop = |problem: String| {
        let message = format!("`spec.registry.secretRef` of DataPlane `{}`: {problem}", name_of(&**plane));
        Stop::keep(Finding::new(DeploymentReason::PullSecretNotUsable, message))
    };
    let is_named = plane.spec.registry.as_ref().is_some_and(|registry| registry.pull_secret().is_some());
    if is_named && !cx.platform().settings().pull_secrets {
        let problem = "this platform makes no pull Secrets, so that it need not be allowed to write Secrets; apply `install/data-plane/optional/pull-secrets.yaml` in all data planes, and then start the controller manager with `--pull-secrets`";
        return Err(stop(problem.to_owned()));
    }
    let Some(credentials) = PullCredentials::resolve(cx, plane).map_err(|error| stop(chain(&error)))? else {
        return Ok(None);
    };
    let name = cx.platform().naming().pull_secret(credentials.secret()).map_err(|error| stop(chain(&error)))?;
    let metadata = ObjectMeta {
        name: Some(name.into_string()),
        namespace: Some(namespace.to_string()),
        labels: Some(cell_labels(&place.scope.cell(&place.environment))),
        ..ObjectMeta::default()
    };
    Ok(Some(Rendered::new(&credentials.to_secret(metadata))))
}

fn render(
    cx: &PlanContext<'_>,
    deployment: &Deployment,
    place: &Place,
    source: &Source<'_>,
) -> Result<Objects, RenderError> {
    let naming = cx.platform().naming();
    let cell = place.scope.cell(&place.environment);
    let namespace_name =
        naming.cell_namespace(&cell).map_err(RenderError::naming("the namespace in the data plane"))?;
    let environment = &*place.target.environment;
    let wrong = |field, problem| RenderError::field(format!("Environment `{}`", name_of(environment)), field, problem);
    let pod_security = PodSecurity::of(environment, cx.platform().settings().pod_security)
        .map_err(|problem| wrong(PodSecurity::field(), problem))?;
    let resources = ResourceBounds::of(environment, &cx.platform().settings().resources)
        .map_err(|error| wrong(error.field, error.problem))?;
    let mut shared = vec![Rendered::new(&namespace(&cell, &namespace_name, pod_security))];
    shared.extend(resource_quota(&cell, &namespace_name, &resources.quota).as_ref().map(Rendered::new));
    shared.extend(limit_range(&cell, &namespace_name, &resources.containers).as_ref().map(Rendered::new));
    shared.extend(policies(cx, place, &cell, &namespace_name)?);
    let id = place.scope.id();
    let component_type = place.scope.component.spec.type_.as_str();
    let own_name = label_of(deployment, labels::NAME).unwrap_or_else(|| name_of(deployment));
    let workload_labels = workload_labels(&id, component_type, track_name(&place.track), &place.environment, own_name);
    let workload = source.renderer.render(&WorkloadContext {
        id,
        cell,
        namespace: &namespace_name,
        naming,
        project: &place.scope.project,
        component: &place.scope.component,
        track: &place.track,
        environment,
        data_plane: &place.target.data_plane,
        artifact: &source.artifact,
        deployment,
        image: &source.image.written,
        pod_security,
        resources: &resources,
        configuration_groups: &source.groups,
        labels: &workload_labels,
    })?;
    check(cx, place, source, &namespace_name, &workload)?;
    Ok(Objects { namespace: namespace_name, cell: shared, workload })
}

/// The network policies of the cell, in every dialect that the plane understands. A platform that has dialects does not
/// deploy where none of them is understood: the cell would stand open.
fn policies(
    cx: &PlanContext<'_>,
    place: &Place,
    cell: &CellId<'_>,
    namespace: &NamespaceName,
) -> Result<Vec<Rendered>, RenderError> {
    let isolation = cx.platform().settings().isolation_of_cell(cell.organization)?;
    let labels = cell_labels(cell);
    cx.isolate(&place.target.plane, &IsolationContext { namespace, isolation: &isolation, labels: &labels })
}

/// Holds what a renderer made against what any renderer may make: objects of its own kinds, in the cell's namespace,
/// each once, and of kinds that the plane serves.
fn check(
    cx: &PlanContext<'_>,
    place: &Place,
    source: &Source<'_>,
    namespace: &NamespaceName,
    workload: &[Rendered],
) -> Result<(), RenderError> {
    let renderer = || format!("the renderer of component type `{}`", source.renderer.component_type());
    let kinds = source.renderer.kinds();
    let plane = cx.at(&place.target.plane);
    let mut seen = BTreeSet::new();
    for rendered in workload {
        let key = rendered.key();
        let object = format!("{} `{}`", key.kind.kind, key.name);
        if !kinds.contains(&key.kind) {
            return Err(RenderError::Unsupported { what: object, by: renderer() });
        }
        if key.namespace != namespace.as_str() {
            let problem = format!("must be `{namespace}`, the namespace of the project in the environment");
            return Err(RenderError::field(object, "metadata.namespace", problem));
        }
        if !plane.serves(key.kind) {
            return Err(RenderError::Unsupported { what: object, by: place.target.plane.to_string() });
        }
        if key.name.is_empty() {
            return Err(RenderError::field(object, "metadata.name", format!("is not given by {}", renderer())));
        }
        if !seen.insert(key) {
            return Err(RenderError::field(object, "metadata.name", format!("is given twice by {}", renderer())));
        }
    }
    Ok(())
}
