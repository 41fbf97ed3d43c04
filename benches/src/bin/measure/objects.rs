//! What the platform makes of the population, by plane and kind: what a controller manager holds, and where its memory
//! goes.

use openchoreo_benches::offline;
use openchoreo_build::ArgoSettings;
use openchoreo_core::world::Select;

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
    let each = args.components;
    let per = |bytes: usize| ratio(u64::try_from(bytes).unwrap_or(u64::MAX), each);
    for (plane, kind, count, objects, index) in offline.world().sizes() {
        let held = offline.world().list(&plane, &Select::all(kind));
        let json: usize = held.iter().map(|(_, object)| object.json().to_string().len()).sum();
        row(
            &format!("{plane}: {kind}, for each of {each} components"),
            &format!(
                "{:.2} objects of {:.0} bytes of JSON; held in {:.0} bytes, found by {:.0} bytes of indexes",
                per(count),
                per(json),
                per(objects),
                per(index)
            ),
        );
    }
    let (reads, items) = offline.core().sizes();
    row("recorded reads, for each component", &format!("{:.0} bytes", per(reads)));
    row("objects that are planned, for each component", &format!("{:.2}", per(items)));
    Ok(())
}
