//! What holds the pods of a cell to its [bounds](openchoreo_core::resources): a ResourceQuota for all of them and a
//! LimitRange for each container, none where nothing is bounded.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem, LimitRangeSpec, ResourceQuota, ResourceQuotaSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use openchoreo_core::naming::{CellId, NamespaceName};
use openchoreo_core::resources::{ContainerLimits, Limit, Quota, Resource};
use openchoreo_types::quantity::Amount;

use super::labels::cell_labels;

/// Name of both objects in the namespace of a cell.
pub const NAME: &str = "openchoreo";

/// The quota of a cell.
pub fn resource_quota(cell: &CellId<'_>, namespace: &NamespaceName, quota: &Quota) -> Option<ResourceQuota> {
    let hard: BTreeMap<String, Quantity> =
        quota.amounts().map(|(counted, amount)| (counted.to_string(), quantity(amount))).collect();
    (!hard.is_empty()).then(|| ResourceQuota {
        metadata: metadata(cell, namespace),
        spec: Some(ResourceQuotaSpec { hard: Some(hard), ..ResourceQuotaSpec::default() }),
        status: None,
    })
}

/// The limits of each container of a cell, all that Kubernetes would conclude written out.
pub fn limit_range(cell: &CellId<'_>, namespace: &NamespaceName, limits: &ContainerLimits) -> Option<LimitRange> {
    let mut by_limit: BTreeMap<Limit, BTreeMap<String, Quantity>> = BTreeMap::new();
    for ((resource, limit), amount) in limits.amounts() {
        by_limit.entry(limit).or_default().insert(Resource::to_string(&resource), quantity(&amount));
    }
    (!by_limit.is_empty()).then(|| LimitRange {
        metadata: metadata(cell, namespace),
        spec: Some(LimitRangeSpec {
            limits: vec![LimitRangeItem {
                type_: "Container".to_owned(),
                min: by_limit.remove(&Limit::Min),
                default_request: by_limit.remove(&Limit::DefaultRequest),
                default: by_limit.remove(&Limit::Default),
                max: by_limit.remove(&Limit::Max),
                ..LimitRangeItem::default()
            }],
        }),
    })
}

fn quantity(amount: &Amount) -> Quantity {
    Quantity(amount.to_string())
}

fn metadata(cell: &CellId<'_>, namespace: &NamespaceName) -> ObjectMeta {
    ObjectMeta {
        name: Some(NAME.to_owned()),
        namespace: Some(namespace.to_string()),
        labels: Some(cell_labels(cell)),
        ..ObjectMeta::default()
    }
}
