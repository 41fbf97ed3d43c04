//! `choreoctl demo`: the documents' hello-world on two embedded planes, from nothing to an answer through the gateway.
//!
//! Everything goes the ordinary way: manifests are applied through the API, the data plane is registered by a DataPlane
//! with a token in a Secret, controllers run through the same entry as the shipped controller manager, and the answer
//! comes by HTTPS from the URL that the Endpoint shows. What is simulated says so.

mod progress;
mod report;
pub mod request;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser as _;
use controller_manager::default_platform;
use openchoreo_build::ArgoSettings;
use openchoreo_types::v1alpha1::Endpoint;

use crate::args::{Cli, DemoArgs};
use crate::error::CliError;
use crate::io::Io;
use crate::stage::{CONTROL_CONTEXT, DATA_CONTEXT, Stage, StageError, StageSettings};
use progress::Progress;
use report::Report;

/// The manifests of the documents' walk, in their order.
const SAMPLE: [(&str, &str); 3] = [
    ("organization.yaml", include_str!("../../../../samples/hello-world/organization.yaml")),
    ("project.yaml", include_str!("../../../../samples/hello-world/project.yaml")),
    ("component.yaml", include_str!("../../../../samples/hello-world/component.yaml")),
];
const ORGANIZATION: &str = "default-org";
const NAMESPACE: &str = "default-project";
const COMPONENT: &str = "hello-world";

/// How long the URL may take before the demo says that it failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The stage could not be set.
    #[error("cannot start the demo's planes")]
    Stage(#[from] StageError),
    /// The URL did not come or did not answer in time.
    #[error("no answer within {} s; the last state is above", PATIENCE.as_secs())]
    NoAnswer,
    /// The gateway did not answer as it should.
    #[error("the gateway did not answer {url}")]
    Gateway {
        /// The URL that was asked.
        url: String,
        /// Why.
        #[source]
        source: request::RequestError,
    },
}

/// Runs the demo; gives success only where the URL answered.
pub(crate) async fn run(args: &DemoArgs, io: &mut Io) -> Result<ExitCode, CliError> {
    let started = Instant::now();
    let folder = std::env::temp_dir().join(format!("choreoctl-demo-{}", std::process::id()));
    let outcome = perform(args, io, started, folder.clone()).await;
    // The kubeconfig is of no use when its planes are gone.
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

async fn perform(args: &DemoArgs, io: &mut Io, started: Instant, folder: PathBuf) -> Result<ExitCode, CliError> {
    let settings = StageSettings { gateway_port: args.port.unwrap_or(0), ..StageSettings::in_folder(folder) };
    let platform =
        default_platform(ArgoSettings::default()).build().map_err(|error| demo(StageError::Platform(error).into()))?;
    let stage = Stage::set(settings, platform).await.map_err(|error| demo(error.into()))?;
    let mut progress = Progress::new(started, args.is_json());
    progress.line(io, "control plane", &format!("embedded Kubernetes API, context {CONTROL_CONTEXT}"))?;
    progress.line(
        io,
        "data plane",
        &format!("embedded Kubernetes API, context {DATA_CONTEXT}; pods, build steps and the gateway are simulated"),
    )?;
    progress.line(io, "kubeconfig", &stage.kubeconfig.display().to_string())?;
    stage.register_data_plane(ORGANIZATION).await.map_err(|error| demo(error.into()))?;
    progress.line(
        io,
        "data plane",
        &format!("registered as DataPlane {ORGANIZATION}/default-dataplane, by URL, CA and token"),
    )?;

    let code = if args.no_sample {
        if args.is_json() {
            io.line(&serde_json::json!({ "kubeconfig": stage.kubeconfig, "gateway": stage.gateway }).to_string())?;
        }
        ExitCode::SUCCESS
    } else {
        match walk(&stage, io, &mut progress).await {
            Ok(report) => {
                report.print(io, args.is_json())?;
                if report.answered() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(WalkError::Output(error)) => {
                stage.strike().await;
                return Err(error);
            }
            Err(WalkError::Demo(error)) => {
                let _ = Report::unfinished(&stage, started.elapsed()).await.print(io, args.is_json());
                stage.strike().await;
                return Err(demo(error));
            }
        }
    };
    if args.keep {
        progress.line(io, "running", &format!("until Ctrl-C; export KUBECONFIG={}", stage.kubeconfig.display()))?;
        let _ = tokio::signal::ctrl_c().await;
    }
    stage.strike().await;
    Ok(code)
}

fn demo(source: DemoError) -> CliError {
    CliError::Demo { source: Box::new(source) }
}

enum WalkError {
    Demo(DemoError),
    Output(CliError),
}

impl From<DemoError> for WalkError {
    fn from(error: DemoError) -> Self {
        Self::Demo(error)
    }
}

impl From<CliError> for WalkError {
    fn from(error: CliError) -> Self {
        Self::Output(error)
    }
}

/// The documents' walk, and the request to the URL it ends with.
async fn walk(stage: &Stage, io: &mut Io, progress: &mut Progress) -> Result<Report, WalkError> {
    for (file, manifest) in SAMPLE {
        command(stage, &["apply", "-f", "-"], manifest).await?;
        progress.line(io, "applied", &format!("samples/hello-world/{file}"))?;
    }
    let created = command(stage, &["create", "build", "--component", COMPONENT, "--namespace", NAMESPACE], "").await?;
    progress.line(io, "created", created.trim())?;
    let endpoint = tokio::time::timeout(PATIENCE, progress.follow(io, &stage.control, NAMESPACE))
        .await
        .map_err(|_| WalkError::Demo(DemoError::NoAnswer))??;
    let url = address_of(&endpoint);
    let answer = request::get(stage.gateway, &stage.gateway_authority, &url, None)
        .await
        .map_err(|source| DemoError::Gateway { url: url.clone(), source })?;
    progress.line(io, "answered", &format!("{url} with {}", answer.status))?;
    Ok(Report::of(stage, progress.elapsed(), url, answer).await)
}

/// Runs a command of this command line against the control plane; gives what it printed.
async fn command(stage: &Stage, words: &[&str], input: &'static str) -> Result<String, CliError> {
    let kubeconfig = stage.kubeconfig.display().to_string();
    let place = ["choreoctl", "--kubeconfig", &kubeconfig, "--context", CONTROL_CONTEXT];
    let cli = Cli::try_parse_from(place.iter().chain(words))
        .map_err(|error| CliError::Usage { message: error.to_string(), hint: None })?;
    let printed = Printed::default();
    let mut io = Io::new(input.as_bytes(), printed.clone(), std::io::sink());
    // Commands nest here, though only by one: the demo runs no demo.
    Box::pin(crate::run(cli, &mut io)).await?;
    Ok(printed.text())
}

/// Standard output of a command that is run inside.
#[derive(Clone, Debug, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl std::io::Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn address_of(endpoint: &Endpoint) -> String {
    endpoint.status.as_ref().and_then(|status| status.address.clone()).unwrap_or_default()
}
