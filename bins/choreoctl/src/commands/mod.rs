//! What the commands do, one module each.

mod apply;
mod completion;
mod config;
mod create;
mod delete;
mod get;
mod resolve;
mod version;

use std::process::ExitCode;

use crate::args::{Cli, Command};
use crate::cluster::Cluster;
use crate::demo;
use crate::error::CliError;
use crate::io::Io;

/// Who the server records as the author of fields.
const FIELD_MANAGER: &str = "choreoctl";

/// Does what was asked.
pub(crate) async fn run(cli: Cli, io: &mut Io) -> Result<ExitCode, CliError> {
    let Cli { global, command } = cli;
    match command {
        Command::Apply(args) => apply::run(args, &global, io).await,
        Command::Get(args) => get::run(args, &mut Cluster::connect(&global, io).await?, io).await,
        Command::Create(args) => create::run(*args, &global, io).await,
        Command::Delete(args) => delete::run(args, &mut Cluster::connect(&global, io).await?, io).await,
        Command::Demo(args) => demo::run(&args, io).await,
        Command::Version(args) if !args.client => version::run(args, &global, io).await,
        command @ (Command::Config(_) | Command::Completion(_) | Command::Version(_)) => {
            run_local(Cli { global, command }, io)
        }
    }
}

/// Does what was asked without a server. Commands that need one are refused.
pub(crate) fn run_local(cli: Cli, io: &mut Io) -> Result<ExitCode, CliError> {
    let Cli { global, command } = cli;
    match command {
        Command::Config(args) => config::run(args, &global, io),
        Command::Completion(args) => completion::run(args, io),
        Command::Version(args) => version::run_client(args, io),
        Command::Apply(_) | Command::Get(_) | Command::Create(_) | Command::Delete(_) | Command::Demo(_) => {
            Err(CliError::Usage { message: "this command needs a server".to_owned(), hint: None })
        }
    }
}
