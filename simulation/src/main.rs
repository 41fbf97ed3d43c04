//! `simulate`: runs the shipped platform through schedules, by their seeds, and shows what breaks and how.
#![expect(clippy::print_stdout, reason = "a program that speaks to the person who runs it")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use openchoreo_core::platform::Platform;
use openchoreo_core::simulation::{Choices, Report, Scenario, Storm, run};
use openchoreo_simulation::Fleet;

/// Runs the shipped platform through schedules that a decade of production would not show
#[derive(Debug, Parser)]
#[command(name = "simulate", version)]
struct Args {
    /// Run this seed alone, and show what happens
    #[arg(long, conflicts_with_all = ["seeds", "minutes"])]
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
    /// How many seeds run at a time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let platform = Fleet::platform()?;
    let storm = Fleet::storm(args.turns);
    if let Some(seed) = args.seed {
        let report = one(&platform, &storm, seed, true);
        report.trace.iter().for_each(|line| println!("{line}"));
        println!("{} requests, {} turns", report.requests, report.turns);
        return Ok(shown(&platform, &storm, &args, seed, &report));
    }
    let (next, requests, turns) = (AtomicU64::new(args.from), AtomicU64::new(0), AtomicU64::new(0));
    let end = args.from.saturating_add(args.seeds);
    let begun = Instant::now();
    let limit = args.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let failed: Mutex<Option<(u64, Report)>> = Mutex::new(None);
    let ran = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let is_over = limit.is_some_and(|limit| begun.elapsed() > limit);
                    if seed >= end || is_over || failed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                        return;
                    }
                    let report = one(&platform, &storm, seed, false);
                    ran.fetch_add(1, Ordering::Relaxed);
                    requests.fetch_add(report.requests, Ordering::Relaxed);
                    turns.fetch_add(report.turns, Ordering::Relaxed);
                    if report.violation.is_some() {
                        *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((seed, report));
                    }
                }
            });
        }
    });
    println!(
        "{} seeds, {} things that happened, {} requests, {:.1} s",
        ran.into_inner(),
        turns.into_inner(),
        requests.into_inner(),
        begun.elapsed().as_secs_f64()
    );
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((seed, report)) => Ok(shown(&platform, &storm, &args, seed, &report)),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn one(platform: &Arc<Platform>, storm: &Storm, seed: u64, has_trace: bool) -> Report {
    run(&mut Fleet::new(platform), Choices::of_seed(seed), storm, has_trace)
}

/// Shows what a seed broke, as small as it can be made.
fn shown(platform: &Arc<Platform>, storm: &Storm, args: &Args, seed: u64, report: &Report) -> ExitCode {
    let Some(violation) = &report.violation else { return ExitCode::SUCCESS };
    println!("\nseed {seed} breaks a rule:\n  {violation}\n");
    let small = report.shrunk(storm, args.shrink, || Box::new(Fleet::new(platform)) as Box<dyn Scenario>);
    println!("the shortest way there that was found ({} choices of {}):", small.choices.len(), report.choices.len());
    small.trace.iter().for_each(|line| println!("  {line}"));
    if let Some(violation) = &small.violation {
        println!("\n  {violation}");
    }
    println!("\nagain: cargo xtask simulate --seed {seed} --turns {}", args.turns);
    ExitCode::FAILURE
}
