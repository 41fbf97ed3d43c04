//! The `choreoctl` program: arguments in, exit code out. Everything else is in the library.

use std::process::ExitCode;

use choreoctl::{Cli, Io};
use clap::Parser;

fn main() -> ExitCode {
    // The TLS code looks for a default provider; a second one in the process would be an error of ours, not the user's.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let mut io = Io::from_process();
    match choreoctl::run_blocking(cli, &mut io) {
        Ok(code) => code,
        Err(error) => io.fail(&error),
    }
}
