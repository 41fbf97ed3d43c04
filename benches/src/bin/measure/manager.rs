//! The controllers that are measured: the shipped program in a process of its own, or the same library in this one.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use controller_manager::core::client::PlaneHosts;
use controller_manager::core::engine::{EngineHandle, EngineSettings};
use controller_manager::{Listen, RunError};
use kube::Client;
use openchoreo_build::ArgoSettings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::site::PATIENCE;

/// How often a starting process is asked whether it is ready.
const PAUSE: Duration = Duration::from_millis(2);

/// What controllers have done since their start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Requests that change a plane.
    pub(crate) requests: u64,
    /// Plans made.
    pub(crate) passes: u64,
    /// Passes under way.
    running: u64,
}

/// Running controllers.
pub(crate) enum Manager {
    /// The shipped program.
    Child(Child),
    /// The library, in this process.
    Inside(Inside),
}

impl Manager {
    /// Waits until the control plane is listed.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Child(child) => child.ready().await,
            Self::Inside(inside) => {
                inside.engine.wait_ready().await;
                Ok(())
            }
        }
    }

    /// What they have done.
    pub(crate) async fn counts(&self) -> anyhow::Result<Counts> {
        match self {
            Self::Child(child) => child.counts().await,
            Self::Inside(inside) => Ok(inside.counts()),
        }
    }

    /// Waits until they have done nothing for a while.
    pub(crate) async fn quiet(&self, duration: Duration) -> anyhow::Result<()> {
        let started = Instant::now();
        let mut seen = self.counts().await?;
        loop {
            tokio::time::sleep(duration).await;
            let now = self.counts().await?;
            if now == seen && now.running == 0 {
                return Ok(());
            }
            ensure!(started.elapsed() < PATIENCE, "the controllers do not come to rest: {now:?}");
            seen = now;
        }
    }

    /// The process that they run in.
    pub(crate) fn process(&self) -> anyhow::Result<u32> {
        match self {
            Self::Child(child) => child.process.id().context("the controller manager has ended"),
            Self::Inside(_) => Ok(std::process::id()),
        }
    }

    /// What is measured where a whole process is.
    pub(crate) fn words(&self) -> &'static str {
        match self {
            Self::Child(_) => "`controller-manager`",
            Self::Inside(_) => "the process with planes, simulators and controllers",
        }
    }

    /// Ends them, work that has begun first.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        match self {
            Self::Child(child) => child.stop().await,
            Self::Inside(inside) => inside.stop().await,
        }
    }
}

/// The shipped program. It does not outlive this.
pub(crate) struct Child {
    process: tokio::process::Child,
    address: SocketAddr,
}

impl Child {
    /// Starts it. What it logs as a warning or worse is seen on standard error.
    pub(crate) async fn start(program: &Path, kubeconfig: &Path, context: &str) -> anyhow::Result<Self> {
        // Nobody else takes a port that was free a moment ago, most likely.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?;
        let mut command = Command::new(program);
        command.arg("--kubeconfig").arg(kubeconfig).args(["--context", context]);
        // The planes of a measurement are on this machine.
        command.arg("--plane-hosts").arg(PlaneHosts::with_loopback().to_string());
        for flag in ["--health-probe-bind-address", "--metrics-bind-address"] {
            command.arg(flag).arg(address.to_string());
        }
        if std::env::var_os("RUST_LOG").is_none() {
            command.env("RUST_LOG", "warn");
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).spawn();
        Ok(Self { process: process.with_context(|| format!("cannot start {}", program.display()))?, address })
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            // Before it listens, it cannot be asked.
            if let Ok((200, _)) = get(self.address, "/readyz").await {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("the controller manager ended: {status}");
            }
            ensure!(started.elapsed() < PATIENCE, "the controller manager is not ready after {PATIENCE:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn counts(&self) -> anyhow::Result<Counts> {
        let (status, text) = get(self.address, "/metrics").await.context("the controller manager tells no metrics")?;
        ensure!(status == 200, "/metrics answers with {status}");
        let sum = |metric: &str| {
            let of_metric = |line: &&str| line.strip_prefix(metric).is_some_and(|rest| rest.starts_with(['{', ' ']));
            let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok());
            text.lines().filter(of_metric).filter_map(value).sum()
        };
        Ok(Counts {
            requests: sum("openchoreo_requests_total"),
            passes: sum("openchoreo_passes_total"),
            running: sum("openchoreo_running"),
        })
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(id) = self.process.id() {
            // Without a crate for signals, the program that everyone has.
            Command::new("kill").args(["-TERM", &id.to_string()]).status().await.context("cannot run `kill`")?;
        }
        let status = self.process.wait().await?;
        ensure!(status.success(), "the controller manager ended with {status}");
        Ok(())
    }
}

/// An HTTP request to a server on loopback: status and body.
async fn get(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    // By HTTP/1.0 the server closes after its answer, which ends the reading.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no end of its head")?;
    let status = head.split(' ').nth(1).context("the answer has no status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// The library, run through the entry of the shipped program.
pub(crate) struct Inside {
    engine: EngineHandle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

impl Inside {
    /// Starts it.
    pub(crate) async fn start(control: Client) -> anyhow::Result<Self> {
        let platform = controller_manager::default_platform(ArgoSettings::default()).build()?;
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let task = tokio::spawn(async move {
            let started = |handle| {
                let _ = tell.send(handle);
            };
            let stopped = async {
                let _ = stopped.await;
            };
            let settings = EngineSettings { plane_hosts: PlaneHosts::with_loopback(), ..EngineSettings::default() };
            controller_manager::run(platform, control, settings, Listen::default(), started, stopped).await
        });
        Ok(Self { engine: told.await.context("the controllers did not start")?, stop, task })
    }

    fn counts(&self) -> Counts {
        let metrics = self.engine.metrics();
        let running = u64::try_from(metrics.running()).unwrap_or_default();
        Counts { requests: metrics.requests(), passes: metrics.passes(), running }
    }

    async fn stop(self) -> anyhow::Result<()> {
        let _ = self.stop.send(());
        self.task.await.context("the controllers ended abnormally")?.context("the controllers failed")
    }
}
