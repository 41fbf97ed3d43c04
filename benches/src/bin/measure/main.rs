//! Figures of the whole system. Each command takes those of one question and prints them as rows of a Markdown table.
//!
//! ```sh
//! cargo build --release -p choreoctl -p controller-manager     # the programs that are measured lie beside this one
//! cargo run --release -p openchoreo-benches --bin measure -- help
//! ```
//!
//! Without `--kubeconfig` the planes are embedded ones in this process, on loopback TLS; with it, real API servers.
//! Either way this process runs the simulators and plays the people who write, and the controller manager is the shipped
//! program in a process of its own. `docs/performance.md` names the command of each figure and says how to read it.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod change;
mod fleet;
mod heap;
mod manager;
mod objects;
mod passes;
mod process;
mod raw;
mod reach;
mod report;
mod restart;
mod site;
mod start;
mod watching;
mod what_if;
mod writing;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Figures of the whole system, as rows of a Markdown table
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start times and sizes of the programs
    Start(start::Args),
    /// One plan pass of a Deployment in a World at rest
    Passes(passes::Args),
    /// One change to what all components depend on, and the exact difference it makes, without a cluster
    WhatIf(what_if::Args),
    /// Who may reach what in a World at rest, and what an edit lets whom reach, without a cluster
    Reach(reach::Args),
    /// What the platform makes of a component, by plane and kind, without a cluster
    Objects(objects::Args),
    /// Components from cold to Ready: time, requests, passes, memory and CPU time of the controller manager
    Fleet(fleet::Args),
    /// The same objects written without a controller manager: what `fleet` is compared with
    Raw(raw::Args),
    /// The change of an image until it is applied in the data plane, with a delay added to each request
    Change(change::Args),
    /// Where the memory of a controller manager was, by its profile
    Heap(heap::Args),
    /// A new start of the controller manager with everything applied: until it is of use, and what it sends
    Restart(restart::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error,kube_client=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let command = Cli::parse().command;
    report::head();
    match command {
        Command::Start(args) => start::run(&args),
        Command::Passes(args) => passes::run(&args),
        Command::WhatIf(args) => what_if::run(&args),
        Command::Reach(args) => reach::run(&args),
        Command::Objects(args) => objects::run(&args),
        Command::Fleet(args) => fleet::run(&args).await,
        Command::Raw(args) => raw::run(&args).await,
        Command::Heap(args) => heap::run(&args),
        Command::Change(args) => change::run(&args).await,
        Command::Restart(args) => restart::run(&args).await,
    }
}
