//! The libraries do no I/O unless asked: no async runtime, no HTTP, no TLS among their default dependencies.

use std::process::Command;

use anyhow::Context;

use crate::root;

const PURE: [&str; 5] =
    ["openchoreo-types", "openchoreo-core", "openchoreo-dataplane", "openchoreo-build", "openchoreo-net"];
const IMPURE: [&str; 5] = ["tokio", "hyper", "rustls", "kube-client", "reqwest"];

/// Impure dependencies of pure libraries.
///
/// # Errors
/// Cargo cannot be asked.
pub fn problems() -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    for library in PURE {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}", "-p", library])
            .current_dir(root())
            .output()
            .context("cannot run cargo tree")?;
        anyhow::ensure!(output.status.success(), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8_lossy(&output.stdout);
        let named = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
        for dependency in tree.lines().map(named).filter(|name| IMPURE.contains(&name.as_str())) {
            problems.push(format!("{library} depends on {dependency}"));
        }
    }
    problems.sort();
    problems.dedup();
    Ok(problems)
}
