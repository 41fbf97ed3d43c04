//! A workload is deployed only into a cell that is isolated.

use std::sync::Arc;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use openchoreo_core::extension::{CellContext, NetworkPolicyDialect, RenderError};
use openchoreo_core::kind::Kind;
use openchoreo_core::plan::Rendered;
use openchoreo_core::platform::Platform;
use serde_json::json;

use crate::lab::{Lab, component, verdict};

/// One policy for each cell, or none at all.
#[derive(Debug)]
struct Dialect {
    fails: bool,
}

impl NetworkPolicyDialect for Dialect {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<NetworkPolicy>()]
    }

    fn policies(&self, cx: &CellContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        if self.fails {
            return Err(RenderError::field("NetworkPolicy `deny`", "spec", "cannot be written"));
        }
        let object = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "deny", "namespace": cx.namespace.as_str(), "labels": cx.labels},
        });
        Ok(vec![Rendered::of_json(Kind::of::<NetworkPolicy>(), object)])
    }
}

fn platform(fails: bool) -> Arc<Platform> {
    Platform::builder()
        .renderers(openchoreo_dataplane::builtin_renderers())
        .planners(openchoreo_dataplane::planners())
        .dialects([Arc::new(Dialect { fails }) as Arc<dyn NetworkPolicyDialect>])
        .build()
        .map(Arc::new)
        .expect("the platform fits together")
}

#[test]
fn policies_come_with_the_namespace_and_stay_until_the_last_workload_leaves() {
    let platform = platform(false);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    lab.apply(&component("acme", "pay"));
    assert_eq!(lab.of_kind("acme", "NetworkPolicy").len(), 1);
    lab.delete::<openchoreo_types::v1alpha1::Deployment>("acme", "cart-development");
    assert_eq!(lab.of_kind("acme", "NetworkPolicy").len(), 1);
    assert!(lab.is_at_rest());
}

#[test]
fn a_policy_that_cannot_be_rendered_holds_everything_back() {
    let platform = platform(true);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"));
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}
