//! `simulate`: runs the shipped platform through schedules, by their seeds, and shows what breaks and how.
#![expect(clippy::print_stdout, reason = "a program that speaks to the person who runs it")]

mod exhaustive;
mod seeds;

use std::process::ExitCode;

use clap::Parser;
use openchoreo_simulation::Fleet;

/// Runs the shipped platform through schedules that a decade of production would not show
#[derive(Debug, Parser)]
#[command(name = "simulate", version)]
struct Args {
    /// Run this seed alone, and show what happens
    #[arg(long, conflicts_with_all = ["seeds", "minutes", "exhaustive"])]
    seed: Option<u64>,
    /// Run so many seeds
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Stop after so many minutes
    #[arg(long)]
    minutes: Option<u64>,
    /// How many things happen before everything calms down
    #[arg(long, default_value_t = 600)]
    turns: usize,
    /// How many runs may be spent to make a failure small
    #[arg(long, default_value_t = 600)]
    shrink: usize,
    /// How many runs there are at a time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Try all of a small scope instead: each thing that can be done to one component or what it needs, and each other
    /// thing at every turn of its course
    #[arg(long)]
    exhaustive: bool,
    /// In small scopes, let the manager crash at each turn, or each watch lag, besides
    #[arg(long, requires = "exhaustive")]
    besides: Option<exhaustive::Besides>,
    /// In small scopes, only what begins with the thing of this number
    #[arg(long, requires = "exhaustive")]
    first: Option<usize>,
    /// In small scopes, only this script, such as `9@0,crash@11,1@12`, and show what happens
    #[arg(long, requires = "exhaustive")]
    replay: Option<exhaustive::Script>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let platform = Fleet::platform()?;
    if args.exhaustive { exhaustive::all(&platform, &args) } else { Ok(seeds::all(&platform, &args)) }
}
