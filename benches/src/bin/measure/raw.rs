//! The same inputs written, and the same objects of the data plane applied, without a controller manager: what the
//! planes alone need for a fleet.

use std::time::{Duration, Instant};

use openchoreo_benches::offline;
use openchoreo_build::ArgoSettings;
use serde_json::Value;

use crate::report::row;
use crate::site::{Site, SiteArgs, inputs};
use crate::watching::available_deployments;
use crate::writing::Writers;

/// What `raw` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    site: SiteArgs,
    /// Components whose objects are written
    #[arg(long, default_value_t = 200)]
    components: usize,
    /// Connections to each plane, used at once
    #[arg(long, default_value_t = 8)]
    writers: usize,
    /// Seconds that `fleet` took from cold to Ready with the same arguments on planes as fresh as these
    #[arg(long, value_name = "SECONDS")]
    fleet: Option<f64>,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let Args { site: on, components, writers, .. } = args;
    let (namespaces, remote) = remote(*components)?;
    let (shared, own) = inputs(*components);
    let counts = (shared.len() + own.iter().map(Vec::len).sum::<usize>(), namespaces.len() + remote.len());

    let site = Site::open(on, Duration::ZERO).await?;
    let control = Writers::gather(&site.planes.control, *writers, shared.iter().chain(own.iter().flatten())).await?;
    let data = Writers::gather(&site.planes.data, *writers, namespaces.iter().chain(&remote)).await?;
    let mut available = available_deployments(site.planes.data.client()?);
    let one_by_one = |documents: Vec<Value>| documents.into_iter().map(|document| vec![document]).collect();

    let started = Instant::now();
    control.write(vec![shared]).await?;
    control.write(own).await?;
    let written = started.elapsed();
    data.write(one_by_one(namespaces)).await?;
    data.write(one_by_one(remote)).await?;
    let applied = started.elapsed();
    available.reach(*components).await?;
    let running = started.elapsed();

    row(
        &format!(
            "{components} components raw: {} inputs and {} objects of the data plane, {writers} writers, {}",
            counts.0,
            counts.1,
            on.words()
        ),
        &format!(
            "{:.2} s, of which {:.2} s for the inputs; {:.2} s until every Deployment was available",
            applied.as_secs_f64(),
            written.as_secs_f64(),
            running.as_secs_f64()
        ),
    );
    if let Some(fleet) = args.fleet {
        row(
            "`fleet` ÷ raw",
            &format!(
                "{:.2}; {:.2} until every Deployment was available",
                fleet / applied.as_secs_f64(),
                fleet / running.as_secs_f64()
            ),
        );
    }
    Ok(())
}

/// What the platform makes in the data plane: namespaces, and what is in them.
fn remote(components: usize) -> anyhow::Result<(Vec<Value>, Vec<Value>)> {
    let platform = std::sync::Arc::new(controller_manager::default_platform(ArgoSettings::default()).build()?);
    let offline = offline::settled(&platform, components)?;
    let objects = offline.world().all(&offline::data_plane()).into_iter();
    let written = objects.map(|(_, object)| as_written(object.json()));
    Ok(written.partition(|object| object["kind"] == "Namespace"))
}

/// An object without what a server adds.
fn as_written(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for name in ["uid", "generation", "resourceVersion", "creationTimestamp"] {
            metadata.remove(name);
        }
    }
    object
}
