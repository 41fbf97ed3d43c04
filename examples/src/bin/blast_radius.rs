//! Asks who depends on an object, without anyone having declared it: recorded reads, inverted.
//!
//! Run it with `cargo run -p openchoreo-examples --bin blast_radius`. It plans the objects of
//! `examples/manifests/shop.yaml` offline, and prints for some of them whose plans read them, and so would be made anew
//! by a change of them.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::collections::BTreeSet;
use std::error::Error;

use jiff::Timestamp;
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::{ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use openchoreo_core::planner::PlanContext;
use openchoreo_core::platform::Platform;
use openchoreo_core::world::wake::WakeIndex;
use openchoreo_types::v1alpha1::{DataPlane, Environment, Project};
use openchoreo_types::yaml;

const SHOP: &str = include_str!("../../manifests/shop.yaml");

fn main() -> Result<(), Box<dyn Error>> {
    let platform = controller_manager::default_platform(ArgoSettings::default()).build()?;
    let mut offline = Offline::new(&platform, Timestamp::UNIX_EPOCH);
    offline.connect(&PlaneKey::data_plane("acme", "main"));
    for document in yaml::documents(SHOP)? {
        offline.apply(document)?;
    }
    offline.settle()?;

    let asked = [
        ObjectKey::of::<Environment>("acme", "development"),
        ObjectKey::of::<DataPlane>("acme", "main"),
        ObjectKey::of::<Project>("acme", "shop"),
    ];
    for key in asked {
        println!("{key} is read by");
        for reader in readers(&platform, &offline, &key)? {
            println!("  {reader}");
        }
    }
    Ok(())
}

/// Whose plans would be made anew if an object of the control plane changed.
fn readers(platform: &Platform, offline: &Offline<'_>, key: &ObjectKey) -> Result<BTreeSet<ObjectKey>, String> {
    let mut wake = WakeIndex::default();
    for (reader, live) in offline.world().all(&PlaneKey::Control) {
        for planner in platform.planners().iter().filter(|planner| planner.kind() == reader.kind) {
            let cx = PlanContext::new(offline.world(), platform, Timestamp::UNIX_EPOCH);
            planner.plan_stored(&cx, &live)?;
            wake.record(&reader, cx.into_reads());
        }
    }
    // A World of its own, in which the object changes: the change knows whom it concerns.
    let mut world = platform.new_world();
    let live = offline.world().get(&PlaneKey::Control, key).ok_or_else(|| format!("{key} does not exist"))?;
    let mut changed = live.json().clone();
    world.put(&PlaneKey::Control, key.kind, changed.clone());
    changed["metadata"]["annotations"]["example"] = "changed".into();
    let change = world.put(&PlaneKey::Control, key.kind, changed);
    Ok(change.map(|change| wake.woken(&world, &change)).unwrap_or_default())
}
