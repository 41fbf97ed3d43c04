//! Which requests a plan still needs of the object that it is for.

use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::plan::effects::{Effect, effects};
use openchoreo_core::plan::{Finalizer, Plan};
use openchoreo_core::platform::Platform;
use openchoreo_types::v1alpha1::Project;
use serde_json::json;

const OURS: &str = "openchoreo.dev/project-cleanup";
const FOREIGN: &str = "example.com/backup";

/// The finalizers that an object is left with, if a request is sent about them at all.
fn left(wanted: Finalizer, held: &[&str], is_deleting: bool) -> Option<Vec<String>> {
    let mut world = Platform::builder().build().expect("the core alone is a platform").new_world();
    let mut object = json!({ "metadata": { "name": "shop", "namespace": "acme", "uid": "u", "finalizers": held } });
    if is_deleting {
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    }
    world.put(&PlaneKey::Control, Kind::of::<Project>(), object);
    let plan = Plan { finalizer: wanted, ..Plan::new() };
    let sent = effects(&plan, &world, &ObjectKey::of::<Project>("acme", "shop"));
    sent.into_iter().flatten().find_map(|effect| match effect {
        Effect::Finalizers { finalizers, .. } => Some(finalizers),
        _ => None,
    })
}

#[test]
fn a_finalizer_is_asked_for_where_it_is_not_held_and_not_of_what_is_going() {
    let held = |finalizers: &[&str]| Some(finalizers.iter().map(|held| (*held).to_owned()).collect::<Vec<_>>());
    assert_eq!(left(Finalizer::Hold(OURS), &[FOREIGN], false), held(&[FOREIGN, OURS]));
    assert_eq!(left(Finalizer::Hold(OURS), &[OURS], false), None);
    assert_eq!(left(Finalizer::Hold(OURS), &[FOREIGN], true), None, "a server refuses that");
}

#[test]
fn what_is_released_is_ours_and_nothing_is_sent_where_none_is_held() {
    for ours in [Finalizer::Release(OURS), Finalizer::ReleaseAll] {
        assert_eq!(left(ours, &[OURS, FOREIGN], true), Some(vec![FOREIGN.to_owned()]));
        assert_eq!(left(ours, &[FOREIGN], true), None);
    }
    let another = "openchoreo.dev/another-cleanup";
    assert_eq!(left(Finalizer::Release(OURS), &[another], true), None, "each planner releases its own");
}
