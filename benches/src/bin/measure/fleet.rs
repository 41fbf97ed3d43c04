//! Components from cold to Ready, by people who write as fast as they can.

use std::time::Duration;

use crate::process::{cpu_seconds, memory};
use crate::report::{ratio, row};
use crate::site::{SETTLING, Site, SiteArgs};

/// What `fleet` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    site: SiteArgs,
    /// Components to write
    #[arg(long, default_value_t = 200)]
    components: usize,
    /// People who write at once, each over a connection of their own
    #[arg(long, default_value_t = 8)]
    writers: usize,
    /// Where the controllers run
    #[arg(long, value_enum, default_value_t = Place::Child)]
    manager: Place,
    /// Seconds at rest in which requests and passes are counted
    #[arg(long, default_value_t = 10)]
    rest: u64,
}

/// Where the controllers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Place {
    /// The shipped program, in a process of its own
    Child,
    /// In this process, beside the simulators and the embedded planes
    Inside,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let components = args.components;
    let site = Site::open(&args.site, Duration::ZERO).await?;
    let mut manager = match args.manager {
        Place::Child => site.start_child().await?,
        Place::Inside => site.start_inside().await?,
    };
    manager.ready().await?;
    site.register().await?;
    manager.quiet(SETTLING).await?;
    let (process, words) = (manager.process()?, manager.words());
    row(&format!("memory of {words}, idle"), &memory(process)?);

    let (before, cpu_before) = (manager.counts().await?, cpu_seconds(process)?);
    let filled = site.fill(components, args.writers).await?;
    let cpu_ready = cpu_seconds(process)?;
    manager.quiet(SETTLING).await?;
    let (after, cpu_after) = (manager.counts().await?, cpu_seconds(process)?);
    row(
        &format!("{components} components from cold to Ready, {} writers, {}", args.writers, args.site.words()),
        &format!(
            "{:.2} s, of which {:.2} s until the last was written",
            filled.ready.as_secs_f64(),
            filled.written.as_secs_f64()
        ),
    );
    let each = |count: u64| ratio(count, components);
    row("requests for one component", &format!("{:.1}", each(after.requests - before.requests)));
    row("passes for one component", &format!("{:.1}", each(after.passes - before.passes)));
    row(
        &format!("CPU time of {words}"),
        &format!("{:.2} s until Ready, {:.2} s until at rest", cpu_ready - cpu_before, cpu_after - cpu_before),
    );
    row(&format!("memory of {words} with {components} components"), &memory(process)?);

    let before = manager.counts().await?;
    tokio::time::sleep(Duration::from_secs(args.rest)).await;
    let after = manager.counts().await?;
    row(
        &format!("at rest, in {} s", args.rest),
        &format!("{} requests, {} passes", after.requests - before.requests, after.passes - before.passes),
    );
    manager.stop().await
}
