//! What the platform renders and decides, held to recorded cases of the compatible system.
//!
//! Every recorded case is run, by the one module that knows its family, and compared whole. Where the two differ, the
//! difference stands in `departures.yaml`, exactly, with its reason: one that is not listed fails, one that is listed and
//! no longer there fails, and so does a case that the list does not know. The cases themselves are not part of the
//! project; where they are absent, the test says so and passes.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says when it is skipped"
)]

mod compare;
mod decisions;
mod departures;
mod routes;
mod stage;
mod takeover;
mod workloads;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Parser as _;
use compare::{Difference, differences};
use controller_manager::Args;
use departures::{Departures, Listed};
use openchoreo_core::platform::PlatformBuilder;
use serde_json::Value;

/// A recorded case.
struct Case {
    id: String,
    family: String,
    /// Whether only a part of what the compatible system makes is recorded.
    is_partial: bool,
    /// Lists whose order says nothing, as paths with dots.
    unordered: Vec<String>,
    input: Value,
    expected: Value,
}

/// How the shipped binary is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Without arguments.
    Plain,
    /// To take over what the compatible system runs.
    Compatible,
}

impl Start {
    /// The platform of the shipped binary.
    fn platform(self) -> PlatformBuilder {
        let arguments: &[&str] = match self {
            Self::Plain => &["controller-manager"],
            Self::Compatible => &["controller-manager", "--compatible-with=openchoreo"],
        };
        Args::try_parse_from(arguments).expect("arguments").platform()
    }
}

/// What comes of a case here, in the form of what is recorded of it; nothing where the family is not known.
fn run(case: &Case, start: Start) -> Option<Value> {
    workloads::run(case, start).or_else(|| routes::run(case)).or_else(|| decisions::run(case, start))
}

#[test]
fn recorded_cases_come_out_as_recorded_but_for_the_listed_departures() {
    let Some(cases) = cases() else {
        eprintln!("SKIPPED: no recorded cases; set OPENCHOREO_SHARED_DATA to run this test");
        return;
    };
    let departures = Departures::read();
    let mut problems: Vec<String> = departures.unknown_cases(cases.iter().map(|case| case.id.as_str()));
    for (case, start) in cases.iter().flat_map(|case| [(case, Start::Plain), (case, Start::Compatible)]) {
        let Some(actual) = run(case, start) else {
            problems.push(format!("{}: nothing here knows the family `{}`", case.id, case.family));
            continue;
        };
        let found = differences(case, &actual);
        let problem = match departures.of(&case.id, start) {
            Some(listed) => disagreement(case, &found, listed),
            None => Some(format!("{}: is in no list; it differs by\n{}", case.id, shown(&found))),
        };
        problems.extend(problem.map(|problem| format!("{start:?}: {problem}")));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Whether what differs is what is listed, in words where it is not.
fn disagreement(case: &Case, found: &[Difference], listed: &[Listed]) -> Option<String> {
    let unrecorded = |entry: &&Listed| entry.why == departures::UNRECORDED;
    let wrongly = listed.iter().filter(unrecorded).any(|entry| !case.is_partial || entry.difference.upstream.is_some());
    if wrongly {
        return Some(format!("{}: calls unrecorded what is recorded", case.id));
    }
    let listed: Vec<Difference> = listed.iter().map(|entry| entry.difference.clone()).collect();
    let less = |one: &[Difference], other: &[Difference]| -> Vec<Difference> {
        one.iter().filter(|difference| !other.contains(difference)).cloned().collect()
    };
    let (new, gone) = (less(found, &listed), less(&listed, found));
    let is_agreed = new.is_empty() && gone.is_empty() && found.len() == listed.len();
    (!is_agreed).then(|| format!("{}: not listed:\n{}  listed and not so:\n{}", case.id, shown(&new), shown(&gone)))
}

fn shown(differences: &[Difference]) -> String {
    differences.iter().map(|difference| format!("    - {}\n", difference.shown())).collect()
}

fn cases() -> Option<Vec<Case>> {
    let named = std::env::var_os("OPENCHOREO_SHARED_DATA").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = named.into_iter().chain([beside]).map(|folder| folder.join("render_cases")).find(|f| f.is_dir())?;
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let cases: BTreeMap<PathBuf, Case> = files.map(|path| (path.clone(), read(&path))).collect();
    Some(cases.into_values().collect())
}

fn read(path: &PathBuf) -> Case {
    let mut case: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    let text =
        |name: &str| case[name].as_str().unwrap_or_else(|| panic!("{} has no {name}", path.display())).to_owned();
    let unordered = case["unordered"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Case {
        id: text("id"),
        family: text("renderer"),
        is_partial: text("match") == "partial",
        unordered: unordered.map(str::to_owned).collect(),
        input: case["input"].take(),
        expected: case["expected"].take(),
    }
}

/// The text at a path of a value; empty where there is none.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
