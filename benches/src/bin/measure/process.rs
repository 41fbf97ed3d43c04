//! What Linux tells of a process.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use crate::report::mebibytes;

/// Ticks of a second in `/proc`: the same on every architecture that Linux runs on today.
const TICKS: f64 = 100.0;

/// A program that was built beside this one.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(
        path.exists(),
        "`{}` is missing; build it with `cargo build -p {name}`, and `--release` for figures",
        path.display()
    );
    Ok(path)
}

/// Resident memory of a process, now and at its highest, in words.
pub(crate) fn memory(process: u32) -> anyhow::Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).context("cannot read /proc")?;
    let bytes = |field: &str| -> anyhow::Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let line = line.with_context(|| format!("/proc has no {field}"))?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    };
    Ok(format!("{:.1} MiB, at most {:.1} MiB", mebibytes(bytes("VmRSS:")?), mebibytes(bytes("VmHWM:")?)))
}

/// Seconds of CPU time that a process has taken.
pub(crate) fn cpu_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).context("cannot read /proc")?;
    // The name of the program, in parentheses, may hold anything; the fields after it are numbers.
    let (_, fields) = stat.rsplit_once(") ").context("/proc is not as expected")?;
    let ticks: Vec<f64> = fields.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.into_iter().sum::<f64>() / TICKS)
}
