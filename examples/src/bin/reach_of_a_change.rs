//! Says what an edit lets whom reach, before anybody applies it.
//!
//! Run it with `cargo run -p openchoreo-examples --bin reach_of_a_change`. It plans the objects of
//! `examples/manifests/shop.yaml` offline, prints who may reach what then, makes one edit that looks harmless, and
//! prints what is different.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::PlaneKey;
use openchoreo_core::offline::Offline;
use openchoreo_net::reach::Reach;
use openchoreo_types::yaml;

const SHOP: &str = include_str!("../../manifests/shop.yaml");

fn main() -> Result<(), Box<dyn Error>> {
    let platform = Arc::new(controller_manager::default_platform(ArgoSettings::default()).build()?);
    let mut offline = Offline::new(&platform, Timestamp::UNIX_EPOCH);
    offline.connect(&PlaneKey::data_plane("acme", "main"));

    apply(&mut offline, SHOP)?;
    let before = Reach::of(&platform, offline.world());
    println!("before:");
    for access in before.accesses() {
        println!("  {access}");
    }

    apply(&mut offline, &SHOP.replace("basePath: /cart", "basePath: /"))?;
    println!("the edit:");
    for change in Reach::of(&platform, offline.world()).since(&before) {
        println!("  {change}");
    }
    Ok(())
}

fn apply(offline: &mut Offline, manifests: &str) -> Result<(), Box<dyn Error>> {
    for document in yaml::documents(manifests)? {
        offline.apply(document)?;
    }
    Ok(offline.settle()?)
}
