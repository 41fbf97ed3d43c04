//! A whole platform in one process: two embedded Kubernetes APIs on loopback TLS, what they need installed, the
//! simulators a laptop needs, and the controllers, run through the same entry as the shipped controller manager.
//!
//! The demo, the examples, the benches and the embedded lane of the end-to-end tests stand on it. The data plane is
//! reached only as any data plane is: by its registration, over TLS, with a token.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use controller_manager::core::client::{ClientError, PlaneHosts, of_config};
use controller_manager::core::engine::{EngineHandle, EngineSettings};
use controller_manager::core::platform::{Platform, PlatformError};
use controller_manager::{Listen, RunError};
use kube::Client;
use kube::config::{KubeConfigOptions, KubeconfigError};
use openchoreo_embedded::kubeconfig::{Kubeconfig, KubeconfigError as WriteError};
use openchoreo_embedded::simulators::{
    self, ArgoSettings, GatewayListener, GatewayListenerError, GatewayProtocol, GatewaySettings, SimulatorSettings,
};
use openchoreo_embedded::{ListenError, Listener, ListenerSettings, Server};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::install::{self, InstallError, InstallSettings, Registration};

/// Context of the control plane in the kubeconfig.
pub const CONTROL_CONTEXT: &str = "kind-choreo-cp";
/// Context of the data plane in the kubeconfig.
pub const DATA_CONTEXT: &str = "kind-choreo-dp";
/// Registry that simulated builds push to.
const REGISTRY: &str = "registry.choreo-system:5000";

/// What a stage chooses.
#[derive(Clone, Debug)]
pub struct StageSettings {
    /// Port of the public gateway on loopback; 0 takes a free one.
    pub gateway_port: u16,
    /// Folder for the kubeconfig.
    pub folder: PathBuf,
    /// How long each simulated build step takes.
    pub build_step: Duration,
    /// How the engine runs.
    pub engine: EngineSettings,
}

impl StageSettings {
    /// The defaults, with a kubeconfig in a folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            gateway_port: 0,
            folder: folder.into(),
            build_step: Duration::from_millis(20),
            // The planes of a stage listen on loopback.
            engine: EngineSettings { plane_hosts: PlaneHosts::with_loopback(), ..EngineSettings::default() },
        }
    }
}

/// Why a stage cannot be set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    /// A plane cannot listen.
    #[error("cannot start an embedded API server")]
    Listen(#[source] ListenError),
    /// The gateway cannot listen.
    #[error("cannot start the simulated gateway")]
    Gateway(#[source] GatewayListenerError),
    /// The kubeconfig cannot be written.
    #[error("cannot write the kubeconfig")]
    Write(#[source] WriteError),
    /// The folder cannot be made.
    #[error("cannot make folder `{}`", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The kubeconfig just written cannot be read.
    #[error("cannot use the kubeconfig")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    /// A client cannot be made.
    #[error("cannot make a client")]
    Client(#[source] ClientError),
    /// Something cannot be installed.
    #[error("cannot install")]
    Install(#[source] InstallError),
    /// The platform is not consistent.
    #[error("cannot build the platform")]
    Platform(#[source] PlatformError),
    /// The controllers ended.
    #[error("the controllers ended")]
    Controllers(#[source] RunError),
}

/// A platform that runs.
pub struct Stage {
    /// The control plane, as an administrator, over TLS.
    pub control: Client,
    /// The data plane, as an administrator, over TLS.
    pub data: Client,
    /// The kubeconfig with both contexts.
    pub kubeconfig: PathBuf,
    /// Where the public gateway listens.
    pub gateway: SocketAddr,
    /// The certificate authority of the gateway, in PEM.
    pub gateway_authority: String,
    /// A view of the engine.
    pub engine: EngineHandle,
    control_listener: Listener,
    data_listener: Listener,
    stop: Option<oneshot::Sender<()>>,
    controllers: JoinHandle<Result<(), RunError>>,
    simulators: JoinHandle<()>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage")
            .field("kubeconfig", &self.kubeconfig)
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

impl Stage {
    /// Sets the stage: planes, installation, simulators, controllers. Nothing is registered or deployed yet.
    ///
    /// # Errors
    /// A part cannot be started.
    pub async fn set(settings: StageSettings, platform: Platform) -> Result<Self, StageError> {
        std::fs::create_dir_all(&settings.folder)
            .map_err(|source| StageError::Folder { path: settings.folder.clone(), source })?;
        let (control_listener, data_listener) = tokio::try_join!(
            Listener::start(Server::default(), ListenerSettings::default()),
            Listener::start(Server::default(), ListenerSettings::default()),
        )
        .map_err(StageError::Listen)?;
        let kubeconfig =
            control_listener.admin_kubeconfig(CONTROL_CONTEXT).merge(data_listener.admin_kubeconfig(DATA_CONTEXT));
        let path = settings.folder.join("kubeconfig");
        write(&kubeconfig, &path)?;
        let (control, data) = tokio::try_join!(client(&path, CONTROL_CONTEXT), client(&path, DATA_CONTEXT))?;

        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.gateway_port));
        let gateway_listener =
            GatewayListener::bind("choreo-system", "choreo-external-gateway", address, GatewayProtocol::Https)
                .await
                .map_err(StageError::Gateway)?;
        let gateway = gateway_listener.address();
        let gateway_authority = gateway_listener.authority_pem().unwrap_or_default().to_owned();
        let install = InstallSettings {
            gateway_port: Some(gateway.port()),
            foreign_crds: true,
            // The simulated gateway brings certificates of its own; the Secret only has to be there.
            gateway_certificate: Some((String::new(), String::new())),
            ..InstallSettings::default()
        };
        tokio::try_join!(install::control_plane(&control), install::data_plane(&data, &install))
            .map_err(StageError::Install)?;

        let simulated = SimulatorSettings {
            gateway: Some(GatewaySettings { listeners: vec![gateway_listener], ..GatewaySettings::default() }),
            argo: Some(ArgoSettings { step_duration: settings.build_step, registry: REGISTRY.to_owned() }),
            ..SimulatorSettings::default()
        };
        let simulator_client = data.clone();
        let simulators = tokio::spawn(async move {
            if let Err(error) = simulators::run(simulator_client, simulated, std::future::pending()).await {
                tracing::error!(%error, "the simulators ended");
            }
        });
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        let controllers = tokio::spawn({
            let client = control.clone();
            async move {
                let started = |handle| {
                    let _ = tell.send(handle);
                };
                let stopped = async {
                    let _ = stopped.await;
                };
                controller_manager::run(platform, client, settings.engine, Listen::default(), started, stopped).await
            }
        });
        let Ok(engine) = told.await else {
            return Err(match controllers.await {
                Ok(Err(error)) => StageError::Controllers(error),
                // The task ended without telling and without an error: it was cancelled with the runtime.
                Ok(Ok(())) | Err(_) => StageError::Controllers(RunError::Engine(
                    controller_manager::core::engine::EngineError::QueueClosed,
                )),
            });
        };
        Ok(Self {
            control,
            data,
            kubeconfig: path,
            gateway,
            gateway_authority,
            engine,
            control_listener,
            data_listener,
            stop: Some(stop),
            controllers,
            simulators,
        })
    }

    /// Registers the data plane as `default-dataplane` of an organization.
    ///
    /// # Errors
    /// The planes refuse an object.
    pub async fn register_data_plane(&self, organization: &str) -> Result<(), StageError> {
        let registration = Registration {
            organization: organization.to_owned(),
            name: "default-dataplane".to_owned(),
            server: self.data_server(),
            public_virtual_host: "choreoapps.localhost".to_owned(),
            organization_virtual_host: "choreoapps.internal".to_owned(),
            registry: REGISTRY.to_owned(),
        };
        install::register_data_plane(&self.control, &self.data, &registration).await.map_err(StageError::Install)
    }

    /// URL of the data plane's API server.
    pub fn data_server(&self) -> String {
        self.data_listener.url()
    }

    /// Ends everything, gracefully.
    pub async fn strike(mut self) {
        drop(self.stop.take());
        let _ = (&mut self.controllers).await;
        self.simulators.abort();
        self.control_listener.stop().await;
        self.data_listener.stop().await;
    }
}

fn write(kubeconfig: &Kubeconfig, path: &Path) -> Result<(), StageError> {
    kubeconfig.write(path).map_err(StageError::Write)
}

async fn client(path: &Path, context: &str) -> Result<Client, StageError> {
    let boxed = |error: KubeconfigError| StageError::Kubeconfig(Box::new(error));
    let kubeconfig = kube::config::Kubeconfig::read_from(path).map_err(boxed)?;
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(boxed)?;
    of_config(config).map_err(StageError::Client)
}
