//! The Kubernetes Deployment of a component that runs all the time.
//!
//! It sets no number of replicas: that is Kubernetes' default of one, a HorizontalPodAutoscaler's, or a person's.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use openchoreo_core::extension::{RenderError, WorkloadContext};
use openchoreo_core::hierarchy::name_of;
use openchoreo_core::naming::ResourceName;

use super::style::WorkloadStyle;
use super::{check, metadata};

/// The Deployment that runs a pod template.
///
/// # Errors
/// The number of revisions to keep cannot be used.
pub fn deployment(
    cx: &WorkloadContext<'_>,
    name: &ResourceName,
    template: PodTemplateSpec,
    style: WorkloadStyle,
) -> Result<Deployment, RenderError> {
    let revision_history_limit = cx.deployment.spec.revision_history_limit;
    revision_history_limit.map_or(Ok(()), check::history_limit).map_err(|problem| {
        RenderError::field(format!("Deployment `{}`", name_of(cx.deployment)), "spec.revisionHistoryLimit", problem)
    })?;
    Ok(Deployment {
        metadata: metadata(cx, name.as_str()),
        spec: Some(DeploymentSpec {
            selector: LabelSelector { match_labels: Some(style.selector(cx.labels)), ..LabelSelector::default() },
            template,
            revision_history_limit,
            ..DeploymentSpec::default()
        }),
        status: None,
    })
}
