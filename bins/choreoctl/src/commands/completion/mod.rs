//! `completion`: scripts that let shells complete our arguments.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell as Script;

use crate::args::{Cli, CompletionArgs, Shell};
use crate::error::CliError;
use crate::io::Io;

pub(crate) fn run(args: CompletionArgs, io: &mut Io) -> Result<ExitCode, CliError> {
    let shell = match args.shell {
        Shell::Bash => Script::Bash,
        Shell::Zsh => Script::Zsh,
        Shell::Fish => Script::Fish,
        Shell::PowerShell => Script::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "choreoctl", &mut script);
    io.data(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
