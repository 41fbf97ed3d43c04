//! The change of an image until it is applied in the data plane, one at a time.

use std::time::{Duration, Instant};

use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use openchoreo_benches::population;
use openchoreo_types::v1alpha1::DeployableArtifact;
use serde_json::json;

use crate::report::{Times, milliseconds, row};
use crate::site::{SETTLING, Site, SiteArgs};
use crate::watching::Images;

/// How long controllers must have done nothing before the next change.
const PAUSE: Duration = Duration::from_millis(100);

/// What `change` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    site: SiteArgs,
    /// Components that are there
    #[arg(long, default_value_t = 100)]
    components: usize,
    /// People who write them at once
    #[arg(long, default_value_t = 8)]
    writers: usize,
    /// Milliseconds added to each request of the controller manager
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 5)]
    delay: u64,
    /// Changes to make
    #[arg(long, default_value_t = 50)]
    changes: usize,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let site = Site::open(&args.site, Duration::from_millis(args.delay)).await?;
    let mut manager = site.start_child().await?;
    manager.ready().await?;
    site.register().await?;
    site.fill(args.components, args.writers).await?;
    manager.quiet(SETTLING).await?;

    let control = site.planes.control.client()?;
    let mut images = Images::follow(site.planes.data.client()?).await?;
    let (mut applied, mut written) = (Vec::new(), Vec::new());
    let before = manager.counts().await?;
    for change in 0..args.changes {
        let started = Instant::now();
        let image = write(&control, change % args.components, change + 1).await?;
        written.push(started.elapsed());
        images.appears(&image).await?;
        applied.push(started.elapsed());
        // What follows in the status must not slow the next one.
        manager.quiet(PAUSE).await?;
    }
    let after = manager.counts().await?;
    let (applied, written) = (Times::of(applied), Times::of(written));
    row(
        &format!(
            "change of one image until it is applied, {} ms added to each request, {} components, {}",
            args.delay,
            args.components,
            args.site.words()
        ),
        &format!(
            "p50 {:.1} ms, p99 {:.1} ms, of {} changes; of which writing it took p50 {:.1} ms",
            milliseconds(applied.percentile(50)),
            milliseconds(applied.percentile(99)),
            args.changes,
            milliseconds(written.median())
        ),
    );
    row(
        "requests and passes for all of these changes",
        &format!("{} requests, {} passes", after.requests - before.requests, after.passes - before.passes),
    );
    manager.stop().await
}

/// Writes a new image of a component; gives it.
pub(crate) async fn write(control: &Client, number: usize, version: usize) -> anyhow::Result<String> {
    let image = population::image(number, version);
    let artifacts: Api<DeployableArtifact> = Api::namespaced(control.clone(), &population::namespace(number));
    let patch = json!({ "spec": { "targetArtifact": { "fromImageRef": { "tag": image } } } });
    artifacts.patch(&population::artifact_name(number), &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(image)
}
