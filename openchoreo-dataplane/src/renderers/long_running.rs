//! Components that run all the time: a Deployment, a Service where it listens, an autoscaler where it scales.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use openchoreo_core::extension::{ComponentRenderer, Health, RenderError, WorkloadContext};
use openchoreo_core::hierarchy::{name_of, track_part};
use openchoreo_core::kind::Kind;
use openchoreo_core::plan::Rendered;
use openchoreo_core::world::Stored;
use openchoreo_types::foreign::secrets_store::SecretProviderClass;
use openchoreo_types::v1alpha1::component_type;

use super::common;
use crate::health;
use crate::parts::pod::{RestartPolicy, pod_template};
use crate::parts::{WorkloadSettings, deployment, ports, scaling, service};

/// Renders component types that run all the time.
#[derive(Clone, Debug)]
pub struct LongRunningRenderer {
    component_type: &'static str,
    settings: WorkloadSettings,
}

impl LongRunningRenderer {
    /// The renderer of `Service` components.
    pub fn service(settings: WorkloadSettings) -> Self {
        Self { component_type: component_type::SERVICE, settings }
    }

    /// The renderer of `WebApplication` components.
    pub fn web_application(settings: WorkloadSettings) -> Self {
        Self { component_type: component_type::WEB_APPLICATION, settings }
    }
}

impl ComponentRenderer for LongRunningRenderer {
    fn component_type(&self) -> &str {
        self.component_type
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![
            Kind::of::<ConfigMap>(),
            Kind::of::<SecretProviderClass>(),
            Kind::of::<Deployment>(),
            Kind::of::<Service>(),
            Kind::of::<HorizontalPodAutoscaler>(),
        ]
    }

    fn render(&self, cx: &WorkloadContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        let common = common(cx, &self.settings)?;
        let name =
            cx.naming.workload(&cx.id, track_part(cx.naming, cx.track)).map_err(RenderError::naming("the workload"))?;
        let templates = cx.artifact.spec.configuration.as_ref().map_or(&[][..], |c| &c.endpoint_templates);
        let artifact = format!("DeployableArtifact `{}`", name_of(cx.artifact));
        let ports = ports::workload_ports(&artifact, templates)?;
        let restart = RestartPolicy::Always;
        let template = pod_template(cx, &common.application, &common.inputs, &ports, restart, common.pods)?;
        let style = self.settings.style;
        let mut objects = common.objects;
        objects.push(Rendered::new(&deployment::deployment(cx, &name, template, style)?));
        objects.extend(service::service(cx, &name, &ports, style).as_ref().map(Rendered::new));
        objects.extend(scaling::autoscaler(cx, &name, &common.application)?.as_ref().map(Rendered::new));
        Ok(objects)
    }

    fn health(&self, kind: Kind, live: &Stored) -> Health {
        health::health(kind, live)
    }
}
