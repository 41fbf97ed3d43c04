//! Where the memory of a controller manager was when it held most, by the profile that a build with feature `dhat` writes.
//!
//! An allocation counts for the innermost function of the platform that asked for it, through whatever libraries; one
//! that no such function asked for counts for the library in which it was made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;

use crate::report::{mebibytes, row};

/// How the crates of the platform begin.
const OURS: [&str; 2] = ["openchoreo_", "controller_manager"];

/// Crates that allocate for everybody.
const STANDARD: [&str; 6] = ["alloc", "core", "std", "hashbrown", "dhat", "__rustc"];

/// What `heap` is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The profile
    #[arg(default_value = "dhat-heap.json")]
    file: PathBuf,
    /// Rows to print, the largest first
    #[arg(long, default_value_t = 30)]
    rows: usize,
}

/// What is read of a profile.
#[derive(Deserialize)]
struct Profile {
    /// Points in the program that allocate.
    #[serde(rename = "pps")]
    points: Vec<Point>,
    /// Lines of backtraces.
    #[serde(rename = "ftbl")]
    frames: Vec<String>,
}

#[derive(Deserialize)]
struct Point {
    /// Bytes when the whole program held most.
    #[serde(rename = "gb")]
    bytes: u64,
    /// Blocks at that time.
    #[serde(rename = "gbk")]
    blocks: u64,
    /// The backtrace, from the allocation outwards.
    #[serde(rename = "fs")]
    backtrace: Vec<usize>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let text = std::fs::read(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    let profile: Profile = serde_json::from_slice(&text).context("it is not a profile of a heap")?;
    let mut parts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for point in &profile.points {
        let (bytes, blocks) = parts.entry(profile.part(point)).or_default();
        *bytes += point.bytes;
        *blocks += point.blocks;
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    parts.sort_by_key(|(_, (bytes, _))| std::cmp::Reverse(*bytes));
    let all: u64 = parts.iter().map(|(_, (bytes, _))| bytes).sum();
    row("all of the heap", &format!("{:.2} MiB", mebibytes(all)));
    for (part, (bytes, blocks)) in parts.into_iter().take(args.rows) {
        row(&format!("`{part}`"), &format!("{:.2} MiB in {blocks} blocks", mebibytes(bytes)));
    }
    Ok(())
}

impl Profile {
    /// The function that an allocation counts for, or the library.
    fn part(&self, point: &Point) -> &str {
        let functions =
            || point.backtrace.iter().filter_map(|frame| self.frames.get(*frame)).map(|line| function(line));
        let is_ours = |function: &&str| {
            let path = function.trim_start_matches(['<', '&']);
            OURS.iter().any(|prefix| path.starts_with(prefix))
        };
        functions().find(is_ours).or_else(|| functions().find_map(library)).unwrap_or("other")
    }
}

/// The function of a line `ADDRESS: FUNCTION (FILE:LINE:COLUMN)`.
fn function(line: &str) -> &str {
    let named = line.split_once(": ").map_or(line, |(_, named)| named);
    named.rsplit_once(" (").map_or(named, |(function, _)| function)
}

/// The crate of a function, unless it is one that allocates for everybody.
fn library(function: &str) -> Option<&str> {
    let (name, _) = function.trim_start_matches(['<', '&']).split_once("::")?;
    let is_name = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    (is_name && !STANDARD.contains(&name)).then_some(name)
}
