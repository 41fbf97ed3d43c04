//! Random schedules, by their seeds.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use openchoreo_core::platform::Platform;
use openchoreo_core::simulation::{Choices, Report, Scenario, Storm, run};
use openchoreo_simulation::Fleet;

use crate::Args;

/// Runs one seed, or many until one breaks a rule.
pub(crate) fn all(platform: &Arc<Platform>, args: &Args) -> ExitCode {
    let storm = Fleet::storm(args.turns);
    if let Some(seed) = args.seed {
        let report = one(platform, &storm, seed, true);
        report.trace.iter().for_each(|line| println!("{line}"));
        println!("{} requests, {} turns", report.requests, report.turns);
        return shown(platform, &storm, args, seed, &report);
    }
    let (next, ran) = (AtomicU64::new(args.from), AtomicU64::new(0));
    let (requests, turns) = (AtomicU64::new(0), AtomicU64::new(0));
    let failed: Mutex<Option<(u64, Report)>> = Mutex::new(None);
    let (begun, end) = (Instant::now(), args.from.saturating_add(args.seeds));
    let limit = args.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let is_over = limit.is_some_and(|limit| begun.elapsed() > limit);
            if seed >= end || is_over || failed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                return;
            }
            let report = one(platform, &storm, seed, false);
            ran.fetch_add(1, Ordering::Relaxed);
            requests.fetch_add(report.requests, Ordering::Relaxed);
            turns.fetch_add(report.turns, Ordering::Relaxed);
            if report.violation.is_some() {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((seed, report));
            }
        }
    };
    std::thread::scope(|scope| (0..args.jobs.max(1)).for_each(|_| drop(scope.spawn(work))));
    println!(
        "{} seeds from {}, {} turns, {} requests, {:.1} s",
        ran.load(Ordering::Relaxed),
        args.from,
        turns.load(Ordering::Relaxed),
        requests.load(Ordering::Relaxed),
        begun.elapsed().as_secs_f64()
    );
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((seed, report)) => shown(platform, &storm, args, seed, &report),
        None => ExitCode::SUCCESS,
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
    println!("the shortest way there that was found ({} turns of {}):", small.choices.len(), report.choices.len());
    small.trace.iter().for_each(|line| println!("  {line}"));
    if let Some(violation) = &small.violation {
        println!("\n  {violation}");
    }
    println!("\nagain: cargo xtask simulate --seed {seed} --turns {}", args.turns);
    ExitCode::FAILURE
}
