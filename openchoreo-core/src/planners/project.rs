//! Project: a group of components with one deployment pipeline.

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_types::v1alpha1::{Component, DeploymentPipeline, Organization, Project};

use crate::conditions::CommonReason;
use crate::hierarchy::{claimed_organization, home_of, name_of, pipeline_of};
use crate::kind::ObjectKey;
use crate::labels::finalizers;
use crate::plan::{Finalizer, Plan, StatusDraft};
use crate::planner::{PlanContext, Planner, Uses};
use crate::planners::deletion::delete_those;
use crate::world::indexes::INDEX_PROJECT;
use crate::world::{Select, Stored};

crate::reasons! {
    /// Why a Project is or is not ready.
    pub enum ProjectReason for "Project" {
        ProjectCreated => Ready = True, "the project and its deployment pipeline are there",
        PipelineNotFound => Ready = False, "`spec.deploymentPipelineRef` names a DeploymentPipeline that does not exist in the organization's namespace",
        NotInOrganizationNamespace => Ready = False, "a Project lives in its organization's own namespace, and this one is elsewhere",
    }
}

/// Checks projects, and removes their components with them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectPlanner;

impl Planner for ProjectPlanner {
    type Object = Project;

    fn name(&self) -> &'static str {
        "project"
    }

    fn uses(&self) -> Uses {
        Uses::new()
            .control::<Namespace>()
            .control::<Organization>()
            .control::<DeploymentPipeline>()
            .control::<Component>()
    }

    fn plan(&self, cx: &PlanContext<'_>, project: &Project) -> Plan {
        let name = name_of(project);
        let namespace = project.metadata.namespace.as_deref().unwrap_or_default();
        let mut plan = Plan::new();
        let mut draft = StatusDraft::of(project);
        if project.metadata.deletion_timestamp.is_some() {
            let ours = |key: &ObjectKey, _: &Stored| {
                key.namespace == namespace || claimed_organization(cx, &key.namespace).as_deref() == Some(namespace)
            };
            let select = Select::of::<Component>().index(INDEX_PROJECT, name);
            let left = delete_those::<Component>(cx, &mut plan, select, ours);
            if left.is_empty() {
                plan.finalizer = Finalizer::Release(finalizers::PROJECT);
            }
            draft.find(CommonReason::Deleting, format!("{} components are left to delete", left.len()));
            plan.report(&draft.finish(cx.now()));
            return plan;
        }
        plan.finalizer = Finalizer::Hold(finalizers::PROJECT);
        match home_of(cx, project) {
            Err(error) => draft.add(error.into()),
            Ok(home) if home.organization != namespace => {
                let message =
                    format!("the organization's own namespace is `{}`; create the Project there", home.organization);
                draft.find(ProjectReason::NotInOrganizationNamespace, message);
            }
            Ok(home) => match pipeline_of(cx, &home.organization, project) {
                Ok(_) => draft.find(
                    ProjectReason::ProjectCreated,
                    format!("project `{name}` of organization `{}`", home.organization),
                ),
                Err(error) => {
                    draft.find(ProjectReason::PipelineNotFound, format!("`spec.deploymentPipelineRef`: {error}"))
                }
            },
        }
        plan.report(&draft.finish(cx.now()));
        plan
    }
}
