//! The program `openchoreo-e2e`: a lane in, a line for each scenario out.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use openchoreo_e2e::Lane;
use tracing_subscriber::EnvFilter;

/// Runs the end-to-end scenarios on a lane
#[derive(Debug, Parser)]
struct Args {
    /// Where to run them
    #[arg(long, value_enum)]
    lane: Lane,
    /// Only scenarios whose names contain one of these
    only: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    let args = Args::parse();
    let outcomes = openchoreo_e2e::run(args.lane, &args.only).await?;
    std::io::stdout().write_all(openchoreo_e2e::report(args.lane, &outcomes).as_bytes())?;
    let failed = outcomes.is_empty() || outcomes.iter().any(|outcome| outcome.failure.is_some());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
