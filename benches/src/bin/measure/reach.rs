//! Who may reach what in a World at rest, and what two edits let whom reach: one of a component, and one that all
//! endpoints depend on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use openchoreo_benches::{offline, population};
use openchoreo_build::ArgoSettings;
use openchoreo_core::offline::Offline;
use openchoreo_core::platform::Platform;
use openchoreo_net::reach::{Change, Reach};
use serde_json::Value;

use crate::report::{milliseconds, row};

/// What `reach` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Components of the World
    #[arg(long, default_value_t = 10_000)]
    components: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let components = args.components;
    let platform = Arc::new(controller_manager::default_platform(ArgoSettings::default()).build()?);
    let mut offline = offline::settled(&platform, components)?;

    let started = Instant::now();
    let before = Reach::of(&platform, offline.world());
    let judged = started.elapsed();
    let ways = before.accesses().len();
    let listed = started.elapsed();
    ensure!(ways > components, "only {ways} ways in were found");
    row(
        &format!("reach: who may reach what, World of {components} components"),
        &format!("{:.0} ms; {:.0} ms with the list of {ways} ways in", milliseconds(judged), milliseconds(listed)),
    );

    let [_, _, mut artifact] = population::component(0);
    let path = "/spec/configuration/endpointTemplates/0/spec/backendRef/basePath";
    if let Some(path) = artifact.pointer_mut(path) {
        *path = "/api".into();
    }
    let (changes, compared) = edited(&platform, &mut offline, artifact)?;
    ensure!(changes.len() == 1, "narrowing one endpoint makes {} changes", changes.len());
    row("reach: what one edit of one of them changes", &told(&changes, compared));

    let mut data_plane = population::data_plane();
    data_plane["spec"]["gateway"]["publicVirtualHost"] = "changed.example.com".into();
    let (changes, compared) = edited(&platform, &mut offline, data_plane)?;
    ensure!(changes.len() >= 2 * components, "a new domain makes only {} changes", changes.len());
    row("reach: what one edit of what all of them depend on changes", &told(&changes, compared));
    Ok(())
}

/// What an edit changes, and the time to judge the World after it and to compare it with the one before.
fn edited(platform: &Arc<Platform>, offline: &mut Offline, document: Value) -> anyhow::Result<(Vec<Change>, Duration)> {
    let before = Reach::of(platform, offline.world());
    offline.apply(document)?;
    offline.settle()?;
    let started = Instant::now();
    let changes = Reach::of(platform, offline.world()).since(&before);
    Ok((changes, started.elapsed()))
}

fn told(changes: &[Change], compared: Duration) -> String {
    format!("{:.0} ms, the new World judged and compared; {} changes", milliseconds(compared), changes.len())
}
