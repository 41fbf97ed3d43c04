//! A new start of the controller manager with everything applied: until it is of use, and what it sends.

use std::time::{Duration, Instant};

use crate::change;
use crate::process::{cpu_seconds, memory};
use crate::report::row;
use crate::site::{SETTLING, Site, SiteArgs};
use crate::watching::Images;

/// What `restart` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    site: SiteArgs,
    /// Components that are there
    #[arg(long, default_value_t = 10_000)]
    components: usize,
    /// People who write them at once
    #[arg(long, default_value_t = 16)]
    writers: usize,
    /// Seconds after the start in which requests are counted
    #[arg(long, default_value_t = 60)]
    rest: u64,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.site, Duration::ZERO).await?;
    let mut manager = site.start_child().await?;
    manager.ready().await?;
    site.register().await?;
    site.fill(args.components, args.writers).await?;
    manager.quiet(SETTLING).await?;
    manager.stop().await?;
    let what = format!("restart with {} components, {}", args.components, args.site.words());

    // Once for what it does when nobody does anything.
    let started = Instant::now();
    let mut manager = site.start_child().await?;
    manager.ready().await?;
    let ready = started.elapsed();
    tokio::time::sleep(Duration::from_secs(args.rest)).await;
    let counts = manager.counts().await?;
    let process = manager.process()?;
    row(&format!("{what}: until ready"), &format!("{:.2} s", ready.as_secs_f64()));
    row(
        &format!("{what}: until {} s after that", args.rest),
        &format!("{} requests, {} passes, {:.2} s of CPU time", counts.requests, counts.passes, cpu_seconds(process)?),
    );
    row(&format!("{what}: memory"), &memory(process)?);
    manager.stop().await?;

    // And once with something to do: a change that nobody has seen yet.
    let control = site.planes.control.client()?;
    let mut images = Images::follow(site.planes.data.client()?).await?;
    let image = change::write(&control, args.components / 2, 1).await?;
    let started = Instant::now();
    let manager = site.start_child().await?;
    images.appears(&image).await?;
    row(
        &format!("{what}: until the first useful pass has been applied"),
        &format!("{:.2} s", started.elapsed().as_secs_f64()),
    );
    manager.stop().await
}
