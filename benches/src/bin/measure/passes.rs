//! One pass of the Deployment planner for every Deployment of a World at rest.

use std::time::{Duration, Instant};

use openchoreo_benches::warm::Warm;

use crate::report::{Times, microseconds, row};

/// What `passes` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Components of the World
    #[arg(long, default_value_t = 10_000)]
    components: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let components = args.components;
    let warm = Warm::of(components)?;
    let mut times: Vec<Duration> = Vec::with_capacity(components);
    for key in &warm.deployments {
        let started = Instant::now();
        let plan = warm.plan(key);
        times.push(started.elapsed());
        drop(plan);
    }
    let times = Times::of(times);
    let at = |share| microseconds(times.percentile(share));
    row(
        &format!("one plan pass of a Deployment, World of {components} components"),
        &format!("p50 {:.0} µs, p99 {:.0} µs", at(50), at(99)),
    );
    Ok(())
}
