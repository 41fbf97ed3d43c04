//! Figures of the whole system, as a Markdown table.
//!
//! Run it with `cargo build --release -p choreoctl -p controller-manager` and then
//! `cargo run --release -p openchoreo-benches --bin measure`, on a machine that does nothing else. It starts the two
//! programs that lie beside it, and a whole platform in this process: two embedded API servers on loopback TLS, the
//! simulators, and the engine. `-- --quick` takes one small sample of everything, to see that it still works;
//! `--components=NUMBER` fills the platform with another number of components.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use choreoctl::stage::{CONTROL_CONTEXT, Stage, StageSettings};
use futures::stream::{StreamExt, TryStreamExt};
use openchoreo_benches::population;
use openchoreo_benches::warm::Warm;
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::PlaneKey;
use openchoreo_core::world::Select;
use openchoreo_types::v1alpha1::Endpoint;

/// How much is measured.
struct Extent {
    components: usize,
    planned: usize,
    starts: usize,
    demos: usize,
    rest: Duration,
}

const FULL: Extent = Extent { components: 1_000, planned: 10_000, starts: 20, demos: 5, rest: Duration::from_secs(10) };
const QUICK: Extent = Extent { components: 10, planned: 10, starts: 1, demos: 1, rest: Duration::from_secs(1) };

/// Objects written at a time, as many hands would.
const WRITERS: usize = 16;
/// How long anything may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a process is left alone before its memory is read.
const SETTLING: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let extent = extent(std::env::args().skip(1))?;
    println!("| what | measured |\n|---|---|");
    programs(&extent)?;
    passes(extent.planned)?;
    platform(&extent).await
}

/// What the arguments ask for.
fn extent(arguments: impl Iterator<Item = String>) -> anyhow::Result<Extent> {
    let mut extent = FULL;
    for argument in arguments {
        match argument.split_once('=') {
            None if argument == "--quick" => extent = QUICK,
            Some(("--components", number)) => {
                extent.components = number.parse().context("`--components` takes a number")?
            }
            _ => anyhow::bail!("`{argument}` is neither `--quick` nor `--components=NUMBER`"),
        }
    }
    Ok(extent)
}

/// A row of the table.
fn row(what: &str, measured: &str) {
    println!("| {what} | {measured} |");
}

/// Start times and sizes of the programs.
fn programs(extent: &Extent) -> anyhow::Result<()> {
    let choreoctl = program("choreoctl")?;
    let starts = repeated(extent.starts, || {
        let started = Instant::now();
        let status = Command::new(&choreoctl).args(["version", "--client"]).stdout(Stdio::null()).status()?;
        ensure!(status.success(), "`choreoctl version --client` failed");
        Ok(started.elapsed())
    })?;
    row("`choreoctl version --client`, start to end", &format!("{:.1} ms", milliseconds(median(starts))));
    for name in ["choreoctl", "controller-manager"] {
        let bytes = std::fs::metadata(program(name)?)?.len();
        row(&format!("size of `{name}`"), &format!("{:.1} MiB", mebibytes(bytes)));
    }
    let mut answered = Vec::new();
    let walls = repeated(extent.demos, || {
        let started = Instant::now();
        let output = Command::new(&choreoctl).args(["demo", "--output", "json"]).stderr(Stdio::null()).output()?;
        ensure!(output.status.success(), "`choreoctl demo` failed");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let seconds = report.get("seconds").and_then(serde_json::Value::as_f64).context("the report has `seconds`")?;
        answered.push(Duration::from_secs_f64(seconds));
        Ok(started.elapsed())
    })?;
    let (answered, wall) = (median(answered).as_secs_f64(), median(walls).as_secs_f64());
    row("from process start to the URL that answers", &format!("{answered:.2} s; process to its end {wall:.2} s"));
    Ok(())
}

/// One pass of the Deployment planner for every Deployment of a World at rest.
fn passes(components: usize) -> anyhow::Result<()> {
    let warm = Warm::of(components)?;
    let mut times: Vec<Duration> = Vec::with_capacity(components);
    for key in &warm.deployments {
        let started = Instant::now();
        let plan = warm.plan(key);
        times.push(started.elapsed());
        drop(plan);
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    row(
        &format!("one plan pass of a Deployment, World of {components} components"),
        &format!("p50 {:.0} µs, p99 {:.0} µs", milliseconds(at(50)) * 1e3, milliseconds(at(99)) * 1e3),
    );
    Ok(())
}

/// A whole platform in this process, from empty to every Endpoint Ready, and then at rest.
async fn platform(extent: &Extent) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let platform = controller_manager::default_platform(ArgoSettings::default()).build()?;
    let stage = Stage::set(StageSettings::in_folder(folder.path()), platform).await?;
    stage.register_data_plane(population::ORGANIZATION).await?;
    stage.engine.quiet(Duration::from_millis(500)).await;
    row("memory, idle: one process with both API servers, simulators and engine", &memory(std::process::id())?);
    row("memory, idle: `controller-manager`", &manager_memory(&stage.kubeconfig).await?);

    let metrics = stage.engine.metrics();
    let (requests, plans) = (metrics.requests(), metrics.passes());
    let started = Instant::now();
    let client = stage.control.clone();
    choreoctl::install::apply(&client, population::organization()).await?;
    choreoctl::install::apply(&client, population::projects(extent.components)).await?;
    futures::stream::iter(0..extent.components)
        .map(|number| choreoctl::install::apply(&client, population::component(number).into()))
        .buffer_unordered(WRITERS)
        .try_collect::<Vec<()>>()
        .await?;
    let written = started.elapsed();
    while ready_endpoints(&stage) < extent.components {
        ensure!(started.elapsed() < PATIENCE, "{} Endpoints are Ready after {PATIENCE:?}", ready_endpoints(&stage));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ready = started.elapsed();
    stage.engine.quiet(Duration::from_millis(500)).await;
    let components = extent.components;
    row(
        &format!("{components} components from cold to Ready, in one process"),
        &format!("{:.1} s, of which {:.1} s until the last was written", ready.as_secs_f64(), written.as_secs_f64()),
    );
    row("requests sent for one component", &format!("{:.1}", ratio(metrics.requests() - requests, components)));
    row("passes for one component", &format!("{:.1}", ratio(metrics.passes() - plans, components)));
    // Before a second controller manager is started for its memory: two of them would measure each other.
    let before = (stage.engine.metrics().requests(), stage.engine.metrics().passes());
    tokio::time::sleep(extent.rest).await;
    let after = (stage.engine.metrics().requests(), stage.engine.metrics().passes());
    row(
        &format!("at rest, in {} s", extent.rest.as_secs()),
        &format!("{} requests, {} passes", after.0 - before.0, after.1 - before.1),
    );
    row(&format!("memory, after {components} components: the whole process"), &memory(std::process::id())?);
    row(
        &format!("memory, after {components} components: `controller-manager`"),
        &manager_memory(&stage.kubeconfig).await?,
    );
    stage.strike().await;
    Ok(())
}

/// How many Endpoints the engine knows as Ready.
fn ready_endpoints(stage: &Stage) -> usize {
    let is_ready = |object: &serde_json::Value| {
        let conditions = object.pointer("/status/conditions").and_then(serde_json::Value::as_array);
        conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    stage.engine.with_world(|world| {
        let endpoints = world.list(&PlaneKey::Control, &Select::of::<Endpoint>());
        endpoints.iter().filter(|(_, endpoint)| is_ready(endpoint.json())).count()
    })
}

/// Resident memory of the shipped controller manager, beside the engine of this process: everything is done already,
/// so it watches and sends nothing.
async fn manager_memory(kubeconfig: &Path) -> anyhow::Result<String> {
    let mut manager = Command::new(program("controller-manager")?)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["--context", CONTROL_CONTEXT, "--health-probe-bind-address", "0", "--metrics-bind-address", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    tokio::time::sleep(SETTLING).await;
    let memory = memory(manager.id());
    manager.kill()?;
    manager.wait()?;
    memory
}

/// Resident memory of a process.
fn memory(process: u32) -> anyhow::Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).context("cannot read /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("/proc has no VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(format!("{:.0} MiB", mebibytes(kibibytes * 1024)))
}

/// A program that was built beside this one.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(path.exists(), "`{}` is missing; build it with `cargo build --release -p {name}`", path.display());
    Ok(path)
}

fn repeated<T>(times: usize, mut once: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    (0..times).map(|_| once()).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts far below 2^52")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts far below 2^52")]
fn ratio(count: u64, of: usize) -> f64 {
    count as f64 / of as f64
}
