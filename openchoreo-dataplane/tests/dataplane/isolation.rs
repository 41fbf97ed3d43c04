//! A workload is deployed only into a cell that is isolated, and the isolation outlasts it.

use crate::lab::{Lab, component, isolating, verdict};

#[test]
fn policies_come_with_the_namespace_and_stay_until_the_last_workload_leaves() {
    let platform = isolating(false);
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
    let platform = isolating(true);
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"));
    assert_eq!(lab.in_plane("acme"), Vec::<String>::new());
}
