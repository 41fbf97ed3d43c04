//! The command line of OpenChoreo, as a library: [`Cli`] is the grammar, [`run`] does what was asked.
//!
//! It speaks to the planes directly, with the kubeconfig that `kubectl` uses too; there is no server of its own in
//! between and no configuration file of its own. Data goes to standard output, everything else to standard error.
//!
//! What it deliberately does not do: decide anything that the platform decides. Manifests are checked for what can be
//! known without a cluster, then the API server has the last word.

mod args;
mod cluster;
mod commands;
mod demo;
mod error;
pub mod install;
mod io;
mod manifest;
mod output;
pub mod stage;

use std::process::ExitCode;

pub use args::{Cli, Command, GlobalArgs};
pub use demo::DemoError;
pub use demo::request;
pub use error::CliError;
pub use io::Io;

/// Does what was asked, inside an async runtime that somebody else started.
///
/// # Errors
///
/// When the command could not do what was asked. [`CliError::hint`] may say what to do about it.
pub async fn run(cli: Cli, io: &mut Io) -> Result<ExitCode, CliError> {
    commands::run(cli, io).await
}

/// Does what was asked. Starts an async runtime only for commands that talk to a server.
///
/// # Errors
///
/// Those of [`run`], and when the runtime cannot be started.
pub fn run_blocking(cli: Cli, io: &mut Io) -> Result<ExitCode, CliError> {
    if cli.command.is_local() {
        return commands::run_local(cli, io);
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| CliError::Runtime { source })?
        .block_on(run(cli, io))
}
