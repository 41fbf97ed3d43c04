//! Labels of objects in data planes, and the few of them that selectors use.
//!
//! A selector of a Kubernetes Deployment cannot be changed, so it holds only what identifies a workload for ever; the
//! name of the platform's Deployment and the component type are labels, but never selected by.

use std::collections::BTreeMap;

use openchoreo_core::labels::plane;
use openchoreo_core::naming::{CellId, ComponentId, LabelValue};

/// The labels that selectors use: they identify a workload in its data plane and never change.
const SELECTED: [&str; 5] = [
    plane::ORGANIZATION_NAME,
    plane::PROJECT_NAME,
    plane::ENVIRONMENT_NAME,
    plane::COMPONENT_NAME,
    plane::DEPLOYMENT_TRACK_NAME,
];

/// Labels of what a whole cell shares: its namespace and its network policies.
pub fn cell_labels(cell: &CellId<'_>) -> BTreeMap<String, String> {
    labels([
        (plane::ORGANIZATION_NAME, cell.organization),
        (plane::PROJECT_NAME, cell.project),
        (plane::ENVIRONMENT_NAME, cell.environment),
        (plane::MANAGED_BY, plane::DEPLOYMENT_CONTROLLER),
        (plane::BELONG_TO, plane::USER_WORKLOADS),
    ])
}

/// Labels of all objects of a workload.
pub fn workload_labels(
    component: &ComponentId<'_>,
    component_type: &str,
    track: &str,
    environment: &str,
    deployment: &str,
) -> BTreeMap<String, String> {
    let mut all = cell_labels(&component.project().cell(environment));
    all.extend(labels([
        (plane::COMPONENT_NAME, component.component),
        (plane::COMPONENT_TYPE, component_type),
        (plane::DEPLOYMENT_TRACK_NAME, track),
        (plane::DEPLOYMENT_NAME, deployment),
    ]));
    all
}

/// The labels by which pods of a workload are selected.
pub fn selector(workload: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let selected = |key: &&str| workload.get(*key).map(|value| ((*key).to_owned(), value.clone()));
    SELECTED.iter().filter_map(selected).collect()
}

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), LabelValue::of(value).into_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_hold_nothing_that_changes() {
        let id = ComponentId::new("acme", "shop", "cart");
        let one = selector(&workload_labels(&id, "Service", "main", "dev", "first"));
        let two = selector(&workload_labels(&id, "WebApplication", "main", "dev", "second"));
        assert_eq!(one, two);
        assert_eq!(one.len(), 5);
    }
}
