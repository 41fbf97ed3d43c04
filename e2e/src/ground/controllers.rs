//! The controllers of a lane, which can be stopped and started anew.

use std::time::Duration;

use anyhow::Context as _;
use controller_manager::core::client::PlaneHosts;
use controller_manager::core::engine::core::CoreSettings;
use controller_manager::core::engine::{EngineHandle, EngineSettings};
use controller_manager::core::k8s_openapi::jiff::SignedDuration;
use controller_manager::core::platform::PlatformBuilder;
use controller_manager::{Listen, RunError};
use kube::Client;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Controllers that run in this process, through the entry of the shipped controller manager.
#[derive(Debug)]
pub(super) struct Controllers {
    pub(super) engine: EngineHandle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

impl Controllers {
    pub(super) async fn start(control: Client, platform: PlatformBuilder) -> anyhow::Result<Self> {
        let platform = platform.build().context("cannot build the platform")?;
        let settings = EngineSettings {
            request_timeout: Duration::from_secs(10),
            core: CoreSettings {
                // Scenarios wait for retries, so these are short.
                backoff: (SignedDuration::from_millis(50), SignedDuration::from_secs(2)),
                reconnect: (SignedDuration::from_millis(50), SignedDuration::from_secs(1)),
                ..CoreSettings::default()
            },
            plane_hosts: PlaneHosts::with_loopback(),
            ..EngineSettings::default()
        };
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let task = tokio::spawn(async move {
            let started = |handle| {
                let _ = tell.send(handle);
            };
            let stopped = async {
                let _ = stopped.await;
            };
            controller_manager::run(platform, control, settings, Listen::default(), started, stopped).await
        });
        let engine = told.await.context("the controllers did not start")?;
        Ok(Self { engine, stop, task })
    }

    /// Stops them, work that has begun first.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        let _ = self.stop.send(());
        self.task.await.context("the controllers ended abnormally")?.context("the controllers failed")
    }
}
