//! Builds as Argo Workflows: each build is one Workflow of a ClusterWorkflowTemplate.
//!
//! The template does the work; this engine fills in its arguments and reads the steps back. It makes no template and
//! knows no steps besides `clone-step`, `build-step` and `push-step`.

mod observe;
mod prerequisites;
mod run;

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use openchoreo_core::extension::{BuildContext, BuildEngine, BuildObservation, RenderError};
use openchoreo_core::kind::Kind;
use openchoreo_core::plan::Rendered;
use openchoreo_types::foreign::argo::Workflow;
use serde_json::Value;

/// What an installation chooses for its builds. What is `None` is not passed, so that the template's own default holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgoSettings {
    /// Image of the clone step.
    pub clone_image: Option<String>,
    /// Image of the build and push steps.
    pub build_image: Option<String>,
    /// Registry that images are pushed to, where the plane's registration names none.
    pub registry: Option<String>,
    /// Whether the registry is spoken to without verified TLS.
    pub registry_insecure: Option<bool>,
    /// ServiceAccount that the pods of a build run as.
    pub service_account: String,
}

impl Default for ArgoSettings {
    fn default() -> Self {
        Self {
            clone_image: None,
            build_image: None,
            registry: None,
            registry_insecure: None,
            service_account: "workflow-sa".to_owned(),
        }
    }
}

/// The build engine `argo`.
#[derive(Clone, Debug, Default)]
pub struct ArgoWorkflows {
    settings: ArgoSettings,
}

impl ArgoWorkflows {
    /// The value of `templateRef.engine` that selects this engine.
    pub const ID: &'static str = "argo";

    /// The engine with an installation's settings.
    pub fn new(settings: ArgoSettings) -> Self {
        Self { settings }
    }
}

impl BuildEngine for ArgoWorkflows {
    fn id(&self) -> &str {
        Self::ID
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![
            Kind::of::<Namespace>(),
            Kind::of::<ServiceAccount>(),
            Kind::of::<Role>(),
            Kind::of::<RoleBinding>(),
            Kind::of::<Workflow>(),
        ]
    }

    fn prerequisites(&self, cx: &BuildContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        Ok(prerequisites::render(cx, &self.settings))
    }

    fn run(&self, cx: &BuildContext<'_>) -> Result<Rendered, RenderError> {
        run::render(cx, &self.settings)
    }

    fn observe(&self, run: &Value) -> BuildObservation {
        observe::observe(run)
    }
}
