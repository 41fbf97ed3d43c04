//! The namespace of a cell: one project in one environment, with everything that is deployed into it.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use openchoreo_core::naming::{CellId, NamespaceName};
use openchoreo_core::pod_security::PodSecurity;

use super::labels::cell_labels;

/// The namespace of a cell, and what it admits of pods.
pub fn namespace(cell: &CellId<'_>, name: &NamespaceName, security: PodSecurity) -> Namespace {
    let mut labels = cell_labels(cell);
    labels.extend(security.labels());
    Namespace {
        metadata: ObjectMeta { name: Some(name.to_string()), labels: Some(labels), ..ObjectMeta::default() },
        ..Namespace::default()
    }
}
