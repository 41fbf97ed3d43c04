//! What the platform makes of the population, by plane and kind: what a controller manager has to hold.

use std::collections::BTreeMap;

use openchoreo_benches::offline;
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::PlaneKey;

use crate::report::{ratio, row};

/// What `objects` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Components
    #[arg(long, default_value_t = 100)]
    components: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let platform = std::sync::Arc::new(controller_manager::default_platform(ArgoSettings::default()).build()?);
    let offline = offline::settled(&platform, args.components)?;
    for plane in [PlaneKey::Control, offline::data_plane()] {
        let mut kinds: BTreeMap<_, (u64, u64)> = BTreeMap::new();
        for (key, object) in offline.world().all(&plane) {
            let (count, bytes) = kinds.entry(key.kind).or_default();
            *count += 1;
            *bytes += u64::try_from(object.json().to_string().len())?;
        }
        for (kind, (count, bytes)) in kinds {
            row(
                &format!("{plane}: {kind}, for each of {} components", args.components),
                &format!(
                    "{:.2} objects, {:.0} bytes of JSON",
                    ratio(count, args.components),
                    ratio(bytes, args.components)
                ),
            );
        }
    }
    Ok(())
}
