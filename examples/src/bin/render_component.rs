//! Renders a component without a cluster: YAML in, the objects of its data plane out.
//!
//! Run it with `cargo run -p openchoreo-examples --bin render_component [FILE]`; without a file it takes
//! `examples/manifests/shop.yaml`. It prints every object that the platform would apply to the data plane
//! `acme/main`, as YAML documents, each under a comment that says which plan wants it.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::sync::Arc;

use jiff::Timestamp;
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::PlaneKey;
use openchoreo_core::offline::Offline;
use openchoreo_types::yaml;

const SHOP: &str = include_str!("../../manifests/shop.yaml");

fn main() -> Result<(), Box<dyn Error>> {
    let text = std::env::args().nth(1).map_or_else(|| Ok(SHOP.to_owned()), std::fs::read_to_string)?;

    // The platform as the controller manager runs it: what is printed here is what it would apply.
    let platform = controller_manager::default_platform(ArgoSettings::default()).build()?;
    let platform = Arc::new(platform);
    let mut offline = Offline::new(&platform, Timestamp::UNIX_EPOCH);

    // Nothing is planned for a plane that does not answer, so this one is said to.
    let plane = PlaneKey::data_plane("acme", "main");
    offline.connect(&plane);
    for document in yaml::documents(&text)? {
        offline.apply(document)?;
    }
    offline.settle()?;

    for (object, plan) in offline.plans() {
        for wanted in plan.wanted.iter().filter(|wanted| wanted.plane == plane) {
            println!("---\n# wanted by {object}");
            print!("{}", yaml::to_string(&wanted.marked(offline.world().installation()))?);
        }
    }
    Ok(())
}
