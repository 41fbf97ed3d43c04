//! The controller manager of OpenChoreo.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use controller_manager::{Args, run};
use tracing::info;
use tracing_subscriber::EnvFilter;

/// Keeps count of every allocation, in builds made to find out where memory goes.
#[cfg(feature = "dhat")]
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn main() -> ExitCode {
    #[cfg(feature = "dhat")]
    let _profile = dhat::Profiler::builder().trim_backtraces(Some(32)).build();
    let args = Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match start(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn start(args: &Args) -> anyhow::Result<()> {
    // The only failure is that a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let platform = args.platform().build().context("the platform cannot be built")?;
    let client = args.client().await?;
    run(platform, client, args.engine(), args.listen(), |_| info!("started"), stop_signal()).await?;
    Ok(())
}

/// Resolves on SIGTERM or Ctrl-C.
async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
    info!("stopping");
}
