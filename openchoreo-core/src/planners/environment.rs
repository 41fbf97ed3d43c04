//! Environment: a stage of an organization, served by a data plane.

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use openchoreo_types::v1alpha1::{DataPlane, Deployment, Environment, Organization};

use crate::conditions::CommonReason;
use crate::extension::chain;
use crate::hierarchy::{claimed_organization, environment_of, home_of, name_of};
use crate::kind::ObjectKey;
use crate::labels::annotations::ALLOWED_REGISTRIES;
use crate::labels::{self, finalizers};
use crate::naming::{ImagePrefix, LabelValue};
use crate::plan::{Finalizer, Plan, StatusDraft};
use crate::planner::{PlanContext, Planner, Uses};
use crate::planners::deletion::delete_those;
use crate::pod_security::PodSecurity;
use crate::remote::usable;
use crate::resources::ResourceBounds;
use crate::world::{Select, Stored};

crate::reasons! {
    /// Why an Environment is or is not ready.
    pub enum EnvironmentReason for "Environment" {
        EnvironmentReady => Ready = True, "the environment's data plane is connected",
        DataPlaneNotFound => Ready = False, "`spec.dataPlaneRef` names a DataPlane that does not exist in the organization's namespace; it is waited for",
        PodSecurityInvalid => Ready = False, "annotation `openchoreo.dev/pod-security` is no level, or a wider one than that of the platform, so nothing is deployed here anew; what runs is kept",
        ResourceBoundsInvalid => Ready = False, "annotation `openchoreo.dev/quota` or `openchoreo.dev/container-limits` cannot be read, contradicts itself, or is wider than the platform, so nothing is deployed here anew; what runs is kept",
        AllowedRegistriesInvalid => Ready = False, "annotation `openchoreo.dev/allowed-registries` cannot be read, so nothing is deployed here anew; give registries or paths in them with commas between",
    }
}

/// Checks environments, and removes the deployments in them with them.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvironmentPlanner;

impl Planner for EnvironmentPlanner {
    type Object = Environment;

    fn name(&self) -> &'static str {
        "environment"
    }

    fn uses(&self) -> Uses {
        Uses::new().control::<Namespace>().control::<Organization>().control::<DataPlane>().control::<Deployment>()
    }

    fn plan(&self, cx: &PlanContext<'_>, environment: &Environment) -> Plan {
        let name = name_of(environment);
        let namespace = environment.metadata.namespace.as_deref().unwrap_or_default();
        let mut plan = Plan::new();
        let mut draft = StatusDraft::of(environment);
        if environment.metadata.deletion_timestamp.is_some() {
            let ours = |key: &ObjectKey, _: &Stored| {
                key.namespace == namespace || claimed_organization(cx, &key.namespace).as_deref() == Some(namespace)
            };
            let select = Select::of::<Deployment>().label(labels::ENVIRONMENT, name);
            let left = delete_those::<Deployment>(cx, &mut plan, select, ours);
            if left.is_empty() {
                plan.finalizer = Finalizer::Release(finalizers::ENVIRONMENT);
            }
            draft.find(CommonReason::Deleting, format!("{} deployments are left to delete", left.len()));
            plan.report(&draft.finish(cx.now()));
            return plan;
        }
        plan.finalizer = Finalizer::Hold(finalizers::ENVIRONMENT);
        if let Some(Err(error)) = environment.annotations().get(ALLOWED_REGISTRIES).map(|text| ImagePrefix::list(text))
        {
            let message = format!("annotation `{ALLOWED_REGISTRIES}`: {error}");
            draft.find(EnvironmentReason::AllowedRegistriesInvalid, message);
        }
        if let Err(problem) = PodSecurity::of(environment, cx.platform().settings().pod_security) {
            draft.find(EnvironmentReason::PodSecurityInvalid, format!("`{}` {problem}", PodSecurity::field()));
        }
        if let Err(error) = ResourceBounds::of(environment, &cx.platform().settings().resources) {
            draft.find(EnvironmentReason::ResourceBoundsInvalid, error.to_string());
        }
        if let Err(error) = LabelValue::try_from(name) {
            // Deployments name their environment by label.
            draft.find(CommonReason::InvalidName, chain(&error));
        }
        match home_of(cx, environment) {
            Err(error) => draft.add(error.into()),
            Ok(home) => match environment_of(cx, &home.organization, name) {
                Err(error) => draft.find(EnvironmentReason::DataPlaneNotFound, format!("`spec.dataPlaneRef`: {error}")),
                Ok(scope) => match usable(cx, &scope.plane) {
                    Ok(()) => draft.find(EnvironmentReason::EnvironmentReady, format!("{} is connected", scope.plane)),
                    Err(finding) => draft.add(finding),
                },
            },
        }
        plan.report(&draft.finish(cx.now()));
        plan
    }
}
