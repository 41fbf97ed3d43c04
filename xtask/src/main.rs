//! `cargo xtask codegen [--check]`: the files that are made from code. `cargo xtask tidy`: rules no compiler checks.
//! `cargo xtask pure`: the libraries stay free of I/O. `cargo xtask e2e --lane …`: the walk on a lane.
//! `cargo xtask mutants --since … --minutes …`: whether tests would notice what a change may have got wrong.
#![expect(clippy::print_stderr, reason = "tasks speak to the person who runs them")]

use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use xtask::mutants::Outcome;
use xtask::{codegen, mutants, pure, tidy};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> anyhow::Result<()> {
    match args {
        ["codegen"] => codegen::write(),
        ["codegen", "--check"] => report("generated files", codegen::check()?),
        ["tidy"] => report("tidy", tidy::problems()?),
        ["pure"] => report("pure", pure::problems()?),
        ["e2e", "--lane", lane @ ("embedded" | "planes" | "data-plane")] => {
            run_program(&["-p", "openchoreo-e2e", "--", "--lane", lane]).with_context(|| format!("lane {lane} failed"))
        }
        ["simulate", arguments @ ..] => {
            run_program(&[&["--release", "-p", "openchoreo-simulation", "--"], arguments].concat())
        }
        ["mutants", "--since", reference, "--minutes", minutes] => {
            match mutants::since(reference, minutes.parse().context("`--minutes` takes a whole number")?)? {
                Outcome::Skipped(why) => eprintln!("!!! mutants are skipped: {why}"),
                Outcome::Tried { summary, survivors } => {
                    eprintln!("{summary}");
                    report(&format!("no test notices, and {} does not explain", mutants::EXPLAINED), survivors)?;
                }
            }
            Ok(())
        }
        _ => bail!(
            "usage: cargo xtask codegen [--check] | tidy | pure | e2e --lane embedded|planes|data-plane | \
             mutants --since COMMIT --minutes N"
        ),
    }
}

/// Runs a program of the workspace.
fn run_program(arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(env!("CARGO")).args(["run", "--quiet"]).args(arguments).status();
    let status = status.context("cannot run cargo")?;
    if status.success() { Ok(()) } else { bail!("it ended with {status}") }
}

fn report(what: &str, problems: Vec<String>) -> anyhow::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    bail!("{what}:\n  {}", problems.join("\n  "))
}
