//! The CronJob of a scheduled task.

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use openchoreo_core::extension::{RenderError, WorkloadContext};
use openchoreo_core::naming::ResourceName;
use openchoreo_types::check;
use openchoreo_types::common::Application;

use super::inputs::{self, application_field};
use super::{metadata, template_metadata};

/// How long one run may take, in seconds.
const RUN_LIMIT_SECONDS: i64 = 300;
/// How often a failed run is tried again.
const RETRIES: i32 = 4;
/// How long a finished run is kept, in seconds.
const KEPT_SECONDS: i32 = 360;
const DEFAULT_TIME_ZONE: &str = "Etc/UTC";

/// The CronJob that runs a pod template by the schedule of the application section.
///
/// # Errors
/// There is no schedule, or it cannot be used.
pub fn cron_job(
    cx: &WorkloadContext<'_>,
    name: &ResourceName,
    application: &Application,
    template: PodTemplateSpec,
) -> Result<CronJob, RenderError> {
    let task = application.task.clone().unwrap_or_default();
    let schedule = task.schedule.unwrap_or_default();
    let time_zone = schedule.timezone.as_deref().unwrap_or(DEFAULT_TIME_ZONE);
    let wrong =
        |field: &'static str| move |problem| RenderError::field(inputs::object(cx), application_field(field), problem);
    check::cron(&schedule.cron).map_err(wrong("task.schedule.cron"))?;
    check::time_zone(time_zone).map_err(wrong("task.schedule.timezone"))?;
    Ok(CronJob {
        metadata: metadata(cx, name.as_str()),
        spec: CronJobSpec {
            schedule: schedule.cron.clone(),
            time_zone: Some(time_zone.to_owned()),
            suspend: Some(task.disabled),
            concurrency_policy: Some("Forbid".to_owned()),
            job_template: JobTemplateSpec {
                metadata: Some(template_metadata(cx, std::collections::BTreeMap::new())),
                spec: Some(JobSpec {
                    active_deadline_seconds: Some(RUN_LIMIT_SECONDS),
                    backoff_limit: Some(RETRIES),
                    ttl_seconds_after_finished: Some(KEPT_SECONDS),
                    template,
                    ..JobSpec::default()
                }),
            },
            ..CronJobSpec::default()
        },
        status: None,
    })
}
