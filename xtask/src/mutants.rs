//! Whether the tests would notice what a change may have got wrong: cargo-mutants on what the change touches.
//!
//! It breaks the changed code in one place at a time and runs the tests of its crate, and of the crates above it. What
//! no test notices fails the task, unless `docs/reliability.md` explains it. It tries what the minutes allow, in the
//! order of the code, and says how much that was.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::root;

/// The crates whose code is broken on purpose. Each is used by those after it, but the last three by none of them.
const CRATES: [&str; 5] =
    ["openchoreo-types", "openchoreo-core", "openchoreo-dataplane", "openchoreo-build", "openchoreo-net"];
/// Where the crates begin that do not use each other.
const TOP: usize = 2;
/// Where survivors are explained, from the root.
pub const EXPLAINED: &str = "docs/reliability.md";
/// What cargo-mutants ends with where the unchanged code does not pass its tests.
const BASELINE_FAILED: i32 = 4;
/// What it ends with otherwise: all are noticed, some are not, or some make tests wait too long.
const OUTCOMES: [i32; 3] = [0, 2, 3];

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// Nothing was tried, for a reason.
    Skipped(String),
    /// Something was tried.
    Tried {
        /// How much, in words.
        summary: String,
        /// Mutants that no test noticed and nobody explained.
        survivors: Vec<String>,
    },
}

/// Tries what differs from a commit, for so many minutes.
///
/// # Errors
/// Git or cargo-mutants cannot be run, or the unchanged code does not pass its tests.
pub fn since(reference: &str, minutes: u64) -> anyhow::Result<Outcome> {
    let deadline = Instant::now() + Duration::from_secs(minutes.saturating_mul(60));
    if !succeeds(Command::new(env!("CARGO")).args(["mutants", "--version"])) {
        let remedy = "`cargo install --locked cargo-mutants` installs it";
        return Ok(Outcome::Skipped(format!("cargo-mutants is not installed; {remedy}")));
    }
    let commit = format!("{reference}^{{commit}}");
    if !succeeds(Command::new("git").args(["rev-parse", "--quiet", "--verify", &commit]).current_dir(root())) {
        return Ok(Outcome::Skipped(format!("there is no commit `{reference}` to compare with")));
    }
    let diff = difference(reference)?;
    let tested = tested(&diff);
    if tested.is_empty() {
        return Ok(Outcome::Skipped(format!("no code of {} differs from `{reference}`", CRATES.join(", "))));
    }
    let folder = root().join("target/mutants");
    let results = folder.join("mutants.out");
    if results.exists() {
        std::fs::remove_dir_all(&results).with_context(|| format!("cannot remove {}", results.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join("since.diff");
    std::fs::write(&path, &diff).with_context(|| format!("cannot write {}", path.display()))?;

    let mut command = Command::new(env!("CARGO"));
    command.args(["mutants", "--in-diff"]).arg(&path).arg("--output").arg(&folder).current_dir(root());
    command.args(tested.iter().flat_map(|name| ["--test-package", name]));
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        // Its copy of the tree has another path, but dependencies that are built need not be built again.
        command.env("CARGO_TARGET_DIR", root().join("target"));
    }
    if let Some(status) = run_until(&mut command, deadline)? {
        let code = status.code();
        ensure!(code != Some(BASELINE_FAILED), "the tests of {} fail without a mutant", tested.join(", "));
        ensure!(code.is_some_and(|code| OUTCOMES.contains(&code)), "cargo mutants failed ({status})");
    }
    if !results.join("mutants.json").exists() {
        return Ok(Outcome::Skipped(format!("nothing that differs from `{reference}` can be broken on purpose")));
    }
    outcome(&results)
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// How the code of the crates differs from a commit.
fn difference(reference: &str) -> anyhow::Result<String> {
    let output = Command::new("git")
        .args(["diff", "--no-ext-diff", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", reference, "--"])
        .args(CRATES.map(|name| format!("{name}/src")))
        .current_dir(root())
        .output()
        .context("cannot run git diff")?;
    ensure!(output.status.success(), "git diff failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The crates whose tests may notice a mistake in what a diff touches.
fn tested(diff: &str) -> Vec<&'static str> {
    let is_touched = |name: &str| diff.contains(&format!("+++ b/{name}/src/"));
    let used = CRATES.iter().take(TOP).position(|name| is_touched(name)).unwrap_or(CRATES.len());
    let noticing = CRATES.iter().enumerate().filter(|(at, name)| *at >= used || is_touched(name));
    noticing.map(|(_, name)| *name).collect()
}

/// Runs a command to its end; or interrupts it when its time is over, and gives nothing.
fn run_until(command: &mut Command, deadline: Instant) -> anyhow::Result<Option<ExitStatus>> {
    let mut child = command.spawn().context("cannot run cargo mutants")?;
    let mut is_interrupted = false;
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for cargo mutants")? {
            return Ok((!is_interrupted).then_some(status));
        }
        if !is_interrupted && Instant::now() >= deadline {
            // It ends the tests that it began, and removes its copy of the tree.
            is_interrupted = succeeds(Command::new("kill").args(["-INT", &child.id().to_string()]));
            ensure!(is_interrupted, "cannot interrupt cargo mutants");
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// What cargo-mutants left in its folder.
fn outcome(folder: &Path) -> anyhow::Result<Outcome> {
    let lines = |file: &str| -> anyhow::Result<Vec<String>> {
        let path = folder.join(file);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let mutants = std::fs::read_to_string(folder.join("mutants.json")).context("cargo mutants made no list")?;
    let made = serde_json::from_str::<Vec<serde_json::Value>>(&mutants).context("its list is none")?.len();
    let missed = lines("missed.txt")?;
    let caught = lines("caught.txt")?.len() + lines("timeout.txt")?.len();
    let unviable = lines("unviable.txt")?.len();
    let tried = caught + missed.len() + unviable;
    if tried == 0 {
        return Ok(Outcome::Skipped(format!("the time was over before one of {made} was tried")));
    }
    let summary = format!(
        "{tried} of {made} mutants were tried: {caught} noticed, {} not, {unviable} do not compile",
        missed.len()
    );
    let explained = explained(&read_explanations()?);
    let survivors = missed.into_iter().filter(|name| !explained.contains(&without_place(name))).collect();
    Ok(Outcome::Tried { summary, survivors })
}

fn read_explanations() -> anyhow::Result<String> {
    let path = root().join(EXPLAINED);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// The mutants that a text explains: rows of tables that begin with the name of one, without its line and column.
fn explained(text: &str) -> BTreeSet<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    cells.map(|(cell, _)| cell.replace(r"\|", "|")).filter(|cell| cell.contains(".rs: ")).collect()
}

/// The name of a mutant without the line and column, which move: `src/lib.rs:3:5: replace f` becomes
/// `src/lib.rs: replace f`.
fn without_place(name: &str) -> String {
    match name.split_once(": ") {
        Some((place, what)) => format!("{}: {what}", place.split(':').next().unwrap_or_default()),
        None => name.to_owned(),
    }
}

/// Explanations of mutants of functions that are not there any more.
///
/// # Errors
/// A file cannot be read.
pub fn stale() -> anyhow::Result<Vec<String>> {
    let mut stale = Vec::new();
    for name in explained(&read_explanations()?) {
        let (file, what) = name.split_once(": ").unwrap_or((&name, ""));
        let code = std::fs::read_to_string(root().join(file)).unwrap_or_default();
        let function = function(what);
        if !code.contains(&format!("fn {function}")) {
            stale.push(format!("{EXPLAINED} explains `{name}`, but {file} has no function `{function}`"));
        }
    }
    Ok(stale)
}

/// The function that a mutant is in: `replace < with <= in Range::is_in` or `replace Range::is_in -> bool with true`.
fn function(what: &str) -> &str {
    let path = match what.rsplit_once(" in ") {
        Some((_, path)) => path,
        None => what.split(' ').nth(1).unwrap_or_default(),
    };
    path.rsplit("::").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_a_crate_may_be_noticed_by_those_that_use_it() {
        let touching = |name: &str| format!("--- a/{name}/src/lib.rs\n+++ b/{name}/src/lib.rs\n");
        let tests = |names: &[&str]| tested(&names.iter().map(|name| touching(name)).collect::<String>());
        assert_eq!(tests(&["openchoreo-net"]), ["openchoreo-net"]);
        assert_eq!(tests(&["openchoreo-core", "openchoreo-net"]), CRATES[1..]);
        assert_eq!(tests(&["openchoreo-types"]), CRATES);
        assert_eq!(tests(&["openchoreo-embedded"]), [""; 0]);
    }

    #[test]
    fn an_explanation_is_found_wherever_its_mutant_has_moved_to() {
        let text = "| mutant | why |\n|---|---|\n| `a/src/b.rs: replace \\|\\| with && in C::d` | equal |\n| `x` | y |";
        assert_eq!(explained(text), BTreeSet::from([without_place("a/src/b.rs:30:21: replace || with && in C::d")]));
    }

    #[test]
    fn a_mutant_names_its_function() {
        let names = [
            "replace < with <= in Range::holds",
            "replace Range::holds -> bool with true",
            "replace holds -> Result<bool, String> with Ok(true)",
            "delete match arm Some(x) in <impl Holder for Range>::holds",
        ];
        for name in names {
            assert_eq!(function(name), "holds", "{name}");
        }
    }
}
