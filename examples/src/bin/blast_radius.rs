//! Asks who depends on an object, without anyone having declared it: recorded reads, inverted.
//!
//! Run it with `cargo run -p openchoreo-examples --bin blast_radius`. It plans the objects of
//! `examples/manifests/shop.yaml` offline, and prints for some of them whose plans read them, and so would be made anew
//! by a change of them.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::{ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use openchoreo_types::v1alpha1::{DataPlane, Environment, Project};
use openchoreo_types::yaml;

const SHOP: &str = include_str!("../../manifests/shop.yaml");

fn main() -> Result<(), Box<dyn Error>> {
    let platform = controller_manager::default_platform(ArgoSettings::default()).build()?;
    let platform = Arc::new(platform);
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
        for reader in offline.core().readers_of(&PlaneKey::Control, &key) {
            println!("  {reader}");
        }
    }
    Ok(())
}
