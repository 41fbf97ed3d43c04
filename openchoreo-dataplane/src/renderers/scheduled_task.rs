//! Tasks that run by a schedule: a CronJob.

use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::ConfigMap;
use openchoreo_core::extension::{ComponentRenderer, Health, RenderError, WorkloadContext};
use openchoreo_core::hierarchy::track_part;
use openchoreo_core::kind::Kind;
use openchoreo_core::plan::Rendered;
use openchoreo_core::world::Stored;
use openchoreo_types::foreign::secrets_store::SecretProviderClass;
use openchoreo_types::v1alpha1::component_type;

use super::common;
use crate::health;
use crate::parts::inputs::{application_field, object};
use crate::parts::pod::{RestartPolicy, pod_template};
use crate::parts::{WorkloadSettings, cron_job};

/// Renders `ScheduledTask` components.
#[derive(Clone, Debug)]
pub struct ScheduledTaskRenderer {
    settings: WorkloadSettings,
}

impl ScheduledTaskRenderer {
    /// The renderer of `ScheduledTask` components.
    pub fn new(settings: WorkloadSettings) -> Self {
        Self { settings }
    }
}

impl ComponentRenderer for ScheduledTaskRenderer {
    fn component_type(&self) -> &str {
        component_type::SCHEDULED_TASK
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<ConfigMap>(), Kind::of::<SecretProviderClass>(), Kind::of::<CronJob>()]
    }

    fn render(&self, cx: &WorkloadContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        let common = common(cx, &self.settings)?;
        if common.application.scaling.is_some() {
            return Err(RenderError::Unsupported {
                what: format!("`{}` of {}", application_field("scaling"), object(cx)),
                by: "scheduled tasks, of which one runs at a time".to_owned(),
            });
        }
        let name = cx
            .naming
            .cron_job(&cx.id, track_part(cx.naming, cx.track))
            .map_err(RenderError::naming("the scheduled task"))?;
        let restart = RestartPolicy::Never;
        let template = pod_template(cx, &common.application, &common.inputs, &[], restart, common.pods)?;
        let mut objects = common.objects;
        objects.push(Rendered::new(&cron_job::cron_job(cx, &name, &common.application, template)?));
        Ok(objects)
    }

    fn health(&self, kind: Kind, live: &Stored) -> Health {
        health::health(kind, live)
    }
}
