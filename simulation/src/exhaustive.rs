//! Small scopes, all of them.

use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use openchoreo_core::platform::Platform;
use openchoreo_core::simulation::Interruption;
use openchoreo_simulation::Scope;

use crate::Args;

/// What happens beside the two things that are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Besides {
    /// The manager crashes
    Crash,
    /// A watch tells nothing until all is quiet
    Lag,
}

/// Does each thing, and each other thing at every turn of the course of the first.
pub(crate) fn all(platform: &Arc<Platform>, args: &Args) -> anyhow::Result<ExitCode> {
    let scope = Scope::new(platform).map_err(|violation| anyhow!("a small scope cannot begin: {violation}"))?;
    let names: Vec<&str> = scope.acts().collect();
    if let Some(script) = &args.replay {
        return Ok(replay(&scope, script, &names));
    }
    let firsts: Vec<usize> = (0..names.len()).filter(|number| args.first.is_none_or(|only| only == *number)).collect();
    let (next, runs, turns) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let failures: Mutex<Vec<(Script, String)>> = Mutex::new(Vec::new());
    let begun = Instant::now();
    let limit = args.minutes.map(|minutes| Duration::from_secs(60 * minutes));
    let is_over = || limit.is_some_and(|limit| begun.elapsed() > limit);
    let run = |script: &[(u64, Interruption)]| {
        let (report, length) = scope.run(script, false);
        runs.fetch_add(1, Ordering::Relaxed);
        turns.fetch_add(report.turns, Ordering::Relaxed);
        if let Some(violation) = report.violation {
            let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.push((Script(script.to_vec()), violation.to_string()));
        }
        (length, report.watches)
    };
    let work = || {
        while let Some(first) = firsts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let begin = (0, Interruption::Act(*first));
            let (length, _) = run(&[begin]);
            for second in (0..names.len()).filter(|second| second != first) {
                for turn in (0..=length).take_while(|_| !is_over()) {
                    let both = [begin, (turn, Interruption::Act(second))];
                    let (all, watches) = run(&both);
                    besides(args.besides, all, watches).into_iter().for_each(|third| {
                        let mut script = both.to_vec();
                        script.push(third);
                        script.sort_by_key(|(turn, _)| *turn);
                        run(&script);
                    });
                }
            }
        }
    };
    std::thread::scope(|scope| (0..args.jobs.max(1)).for_each(|_| drop(scope.spawn(work))));
    println!(
        "{} things that can be done, {} runs, {} turns, {:.1} s{}",
        names.len(),
        runs.load(Ordering::Relaxed),
        turns.load(Ordering::Relaxed),
        begun.elapsed().as_secs_f64(),
        if is_over() { ", and not all of them" } else { "" }
    );
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Some((script, _)) = failures.first() else { return Ok(ExitCode::SUCCESS) };
    println!("\n{} runs break a rule:", failures.len());
    let told = |(script, what): &(Script, String)| println!("  {script} ({}): {what}", script.in_words(&names));
    failures.iter().take(40).for_each(told);
    println!("\nthe first of them:");
    Ok(replay(&scope, script, &names))
}

/// Runs a script, and shows what happens.
fn replay(scope: &Scope, script: &Script, names: &[&str]) -> ExitCode {
    let (report, _) = scope.run(&script.0, true);
    report.trace.iter().for_each(|line| println!("  {line}"));
    println!("\n{}", script.in_words(names));
    println!("again: cargo xtask simulate --exhaustive --replay {script}");
    let Some(violation) = report.violation else { return ExitCode::SUCCESS };
    println!("{violation}");
    ExitCode::FAILURE
}

/// Everything that happens beside, of a course of a length and with so many watches.
fn besides(what: Option<Besides>, length: u64, watches: usize) -> Vec<(u64, Interruption)> {
    match what {
        None => Vec::new(),
        Some(Besides::Crash) => (0..=length).map(|turn| (turn, Interruption::Crash)).collect(),
        Some(Besides::Lag) => (0..watches).map(|watch| (0, Interruption::Lag(watch))).collect(),
    }
}

/// Interruptions and the turns at which they come: `9@0,crash@11,1@12`.
#[derive(Clone, Debug)]
pub(crate) struct Script(Vec<(u64, Interruption)>);

impl Script {
    fn in_words(&self, names: &[&str]) -> String {
        let words = self.0.iter().map(|(turn, interruption)| match interruption {
            Interruption::Act(number) => format!("{} at {turn}", names.get(*number).unwrap_or(&"nothing")),
            Interruption::Crash => format!("crash at {turn}"),
            Interruption::Lag(watch) => format!("watch {watch} lags from {turn}"),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.0.iter().map(|(turn, interruption)| match interruption {
            Interruption::Act(number) => format!("{number}@{turn}"),
            Interruption::Crash => format!("crash@{turn}"),
            Interruption::Lag(watch) => format!("lag{watch}@{turn}"),
        });
        f.write_str(&words.collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let interruption = |text: &str| {
            let number = |digits: &str| digits.parse().ok();
            let (what, turn) = text.split_once('@')?;
            let what = match (what, what.strip_prefix("lag")) {
                ("crash", _) => Interruption::Crash,
                (_, Some(watch)) => Interruption::Lag(number(watch)?),
                (act, None) => Interruption::Act(number(act)?),
            };
            Some((turn.parse().ok()?, what))
        };
        let all = text.split(',').map(|part| {
            interruption(part).ok_or_else(|| format!("`{part}` is none of NUMBER@TURN, crash@TURN, lagNUMBER@TURN"))
        });
        all.collect::<Result<_, _>>().map(Self)
    }
}
