//! One change to what all components depend on, and exactly what it would change in all planes.
//!
//! The change is the domain of public hosts of the one DataPlane: every Endpoint and every route gets another host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use openchoreo_benches::{offline, population};
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::{ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use serde_json::Value;

use crate::report::{milliseconds, row};

/// What `what-if` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Components that depend on what is changed
    #[arg(long, default_value_t = 10_000)]
    components: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let platform = Arc::new(controller_manager::default_platform(ArgoSettings::default()).build()?);
    let mut offline = offline::settled(&platform, args.components)?;
    let mut changed = population::data_plane();
    changed["spec"]["gateway"]["publicVirtualHost"] = "changed.example.com".into();

    // What was before is copied first, since a run keeps only what is now. A World that can be branched needs no copy:
    // then this belongs into the time.
    let before = objects(&offline);
    let started = Instant::now();
    offline.apply(changed)?;
    offline.settle()?;
    let planned = started.elapsed();
    let differing = difference(&before, &objects(&offline));
    let compared = started.elapsed();

    ensure!(differing >= 2 * args.components, "only {differing} objects changed: the change reached too few");
    row(
        &format!("what-if: one change to what {} components depend on", args.components),
        &format!(
            "{:.0} ms, of which {:.0} ms until all was planned; {differing} of {} objects differ",
            milliseconds(compared),
            milliseconds(planned),
            before.len()
        ),
    );
    Ok(())
}

/// Every object of all planes.
fn objects(offline: &Offline) -> BTreeMap<(PlaneKey, ObjectKey), Value> {
    let planes = [PlaneKey::Control, offline::data_plane()];
    let all = planes.into_iter().flat_map(|plane| {
        let held = offline.world().all(&plane);
        held.into_iter().map(move |(key, object)| ((plane.clone(), key), object.json()))
    });
    all.collect()
}

/// How many objects were made, removed or changed.
fn difference<K: Ord>(before: &BTreeMap<K, Value>, after: &BTreeMap<K, Value>) -> usize {
    let removed = before.keys().filter(|key| !after.contains_key(key)).count();
    removed + after.iter().filter(|(key, object)| before.get(key) != Some(object)).count()
}
