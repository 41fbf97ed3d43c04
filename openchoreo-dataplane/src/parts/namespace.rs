//! The namespace of a cell: one project in one environment, with everything that is deployed into it.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use openchoreo_core::naming::{CellId, NamespaceName};

use super::labels::cell_labels;

/// The namespace of a cell.
pub fn namespace(cell: &CellId<'_>, name: &NamespaceName) -> Namespace {
    Namespace {
        metadata: ObjectMeta { name: Some(name.to_string()), labels: Some(cell_labels(cell)), ..ObjectMeta::default() },
        ..Namespace::default()
    }
}
