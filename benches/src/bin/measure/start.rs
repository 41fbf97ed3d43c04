//! Start times and sizes of the programs.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::process::program;
use crate::report::{Times, mebibytes, milliseconds, row};

/// What `start` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Starts of `choreoctl version --client`
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// Runs of `choreoctl demo`
    #[arg(long, default_value_t = 5)]
    demos: usize,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let choreoctl = program("choreoctl")?;
    let starts = repeated(args.starts, || {
        let started = Instant::now();
        let status = Command::new(&choreoctl).args(["version", "--client"]).stdout(Stdio::null()).status()?;
        ensure!(status.success(), "`choreoctl version --client` failed");
        Ok(started.elapsed())
    })?;
    row("`choreoctl version --client`, start to end", &format!("{:.1} ms", milliseconds(starts.median())));
    for name in ["choreoctl", "controller-manager"] {
        let bytes = std::fs::metadata(program(name)?)?.len();
        row(&format!("size of `{name}`"), &format!("{:.1} MiB", mebibytes(bytes)));
    }
    let mut answered = Vec::new();
    let walls = repeated(args.demos, || {
        let started = Instant::now();
        let output = Command::new(&choreoctl).args(["demo", "--output", "json"]).stderr(Stdio::null()).output()?;
        ensure!(output.status.success(), "`choreoctl demo` failed");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let seconds = report.get("seconds").and_then(serde_json::Value::as_f64).context("the report has `seconds`")?;
        answered.push(Duration::from_secs_f64(seconds));
        Ok(started.elapsed())
    })?;
    let (answered, wall) = (Times::of(answered).median().as_secs_f64(), walls.median().as_secs_f64());
    row("from process start to the URL that answers", &format!("{answered:.2} s; process to its end {wall:.2} s"));
    Ok(())
}

fn repeated(times: usize, mut once: impl FnMut() -> anyhow::Result<Duration>) -> anyhow::Result<Times> {
    (0..times).map(|_| once()).collect::<anyhow::Result<_>>().map(Times::of)
}
