//! The HorizontalPodAutoscaler of a component that scales with its load.
//!
//! Scaling down to none (`s2z`) needs something that holds requests while nothing runs; it is refused, not ignored.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
    ResourceMetricSource,
};
use openchoreo_core::extension::{RenderError, WorkloadContext};
use openchoreo_core::naming::ResourceName;
use openchoreo_types::common::{Application, HorizontalScaling};

use super::inputs::{self, application_field};
use super::metadata;

/// Wanted use of CPU in percent of the request, where a component names neither threshold; Kubernetes' own default.
const DEFAULT_CPU_THRESHOLD: i32 = 80;

/// The autoscaler of a workload, where its application section asks for one.
///
/// # Errors
/// The bounds do not fit, a threshold has no limit to be measured against, or the component wants to scale to zero.
pub fn autoscaler(
    cx: &WorkloadContext<'_>,
    name: &ResourceName,
    application: &Application,
) -> Result<Option<HorizontalPodAutoscaler>, RenderError> {
    let Some(scaling) = &application.scaling else { return Ok(None) };
    if scaling.s2z.is_some() {
        return Err(RenderError::Unsupported {
            what: format!("`{}` of {}", application_field("scaling.s2z"), inputs::object(cx)),
            by: format!("the renderer of component type `{}`", cx.component.spec.type_),
        });
    }
    let Some(horizontal) = &scaling.hpa else { return Ok(None) };
    let minimum = horizontal.min_replicas.unwrap_or(1);
    let wrong = |field: &str, problem: String| {
        Err(RenderError::field(inputs::object(cx), application_field(&format!("scaling.hpa.{field}")), problem))
    };
    if minimum < 1 {
        return wrong("minReplicas", format!("is {minimum}; at least one replica runs"));
    }
    let Some(maximum) = horizontal.max_replicas else {
        return wrong("maxReplicas", "is missing; give the most replicas that may run".to_owned());
    };
    if maximum < minimum {
        return wrong("maxReplicas", format!("is {maximum}, less than the {minimum} of minReplicas"));
    }
    Ok(Some(HorizontalPodAutoscaler {
        metadata: metadata(cx, name.as_str()),
        spec: HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name: name.to_string(),
            },
            min_replicas: Some(minimum),
            max_replicas: maximum,
            metrics: Some(metrics(cx, application, horizontal)?),
            ..HorizontalPodAutoscalerSpec::default()
        },
        status: None,
    }))
}

fn metrics(
    cx: &WorkloadContext<'_>,
    application: &Application,
    horizontal: &HorizontalScaling,
) -> Result<Vec<MetricSpec>, RenderError> {
    let limits = application.resource_limits.clone().unwrap_or_default();
    let cpu = match (horizontal.cpu_threshold, horizontal.memory_threshold) {
        (None, None) => Some(DEFAULT_CPU_THRESHOLD),
        (cpu, _) => cpu,
    };
    let asked = [("cpu", cpu, limits.cpu), ("memory", horizontal.memory_threshold, limits.memory)];
    let mut metrics = Vec::new();
    for (resource, threshold, limit) in asked {
        let Some(threshold) = threshold else { continue };
        let field = application_field(&format!("scaling.hpa.{resource}Threshold"));
        if threshold < 1 {
            return Err(RenderError::field(
                inputs::object(cx),
                field,
                format!("is {threshold}; give a percentage above 0"),
            ));
        }
        if limit.is_none() {
            let problem = format!("is measured against `resourceLimits.{resource}`, which is not given; give it");
            return Err(RenderError::field(inputs::object(cx), field, problem));
        }
        metrics.push(MetricSpec {
            type_: "Resource".to_owned(),
            resource: Some(ResourceMetricSource {
                name: resource.to_owned(),
                target: MetricTarget {
                    type_: "Utilization".to_owned(),
                    average_utilization: Some(threshold),
                    ..MetricTarget::default()
                },
            }),
            ..MetricSpec::default()
        });
    }
    Ok(metrics)
}
