//! A lane made ready, and what scenarios do on it.

mod commands;
mod controllers;
pub(crate) mod remote;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use choreoctl::install;
use choreoctl::request;
use clap::Parser as _;
use controller_manager::core::engine::EngineHandle;
use controller_manager::core::kind::Kind;
use controller_manager::core::platform::{PlatformBuilder, PlatformSettings};
use controller_manager::{Args, default_platform};
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DeleteParams};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource};
use openchoreo_build::ArgoSettings;
use openchoreo_types::{PlatformKind, yaml};
use tokio::sync::Mutex;

use crate::planes::Planes;
use crate::setup::{Setup, Simulators, registration};
use crate::waiting::eventually;
use controllers::Controllers;

/// Image with the tools of a build, as the real data plane of the tests has it.
pub(crate) const TOOLS: &str = "registry.choreo-system:5000/ci-tools:1";

/// Where scenarios run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lane {
    /// Embedded planes, everything else simulated.
    Embedded,
    /// Real API servers, everything else simulated.
    Planes,
    /// Nothing simulated.
    DataPlane,
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Planes => "planes",
            Self::DataPlane => "data-plane",
        })
    }
}

/// A lane made ready.
pub struct Ground {
    /// Which.
    pub lane: Lane,
    /// The control plane, as an administrator.
    pub control: Client,
    /// The data plane, as an administrator.
    pub data: Client,
    planes: Planes,
    gateway_authority: String,
    builds: ArgoSettings,
    remote_kinds: Vec<Kind>,
    controllers: Mutex<Option<Controllers>>,
    simulators: Option<Simulators>,
}

impl std::fmt::Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").field("lane", &self.lane).finish_non_exhaustive()
    }
}

impl Ground {
    /// Makes a lane ready: planes installed, simulators where it needs them, controllers running.
    ///
    /// # Errors
    /// Something cannot be started or installed.
    pub async fn prepare(lane: Lane) -> anyhow::Result<Self> {
        let planes = match lane {
            Lane::Embedded => Planes::embedded().await?,
            Lane::Planes | Lane::DataPlane => Planes::from_environment().await?,
        };
        let setup = match lane {
            Lane::Embedded | Lane::Planes => Setup::simulated(planes.workloads).await?,
            Lane::DataPlane => Setup::real()?,
        };
        let gateway_authority = setup.gateway_authority.clone();
        let simulators = setup.make(&planes).await?;
        let builds = match lane {
            Lane::Embedded | Lane::Planes => ArgoSettings::default(),
            Lane::DataPlane => ArgoSettings {
                clone_image: Some(TOOLS.to_owned()),
                build_image: Some(TOOLS.to_owned()),
                registry_insecure: Some(true),
                ..ArgoSettings::default()
            },
        };
        let platform = default_platform(builds.clone()).build().context("cannot build the platform")?;
        let remote_kinds = platform.remote_watches().into_iter().filter(|(_, owned)| *owned).map(|(kind, _)| kind);
        let (control, data) = (planes.control.client()?, planes.data.client()?);
        let controllers = Controllers::start(control.clone(), default_platform(builds.clone())).await?;
        Ok(Self {
            lane,
            control,
            data,
            planes,
            gateway_authority,
            builds,
            remote_kinds: remote_kinds.collect(),
            controllers: Mutex::new(Some(controllers)),
            simulators,
        })
    }

    /// Ends what runs in this process.
    pub(crate) async fn leave(self) {
        if let Some(controllers) = self.controllers.lock().await.take() {
            let _ = controllers.stop().await;
        }
        drop(self.simulators);
    }

    /// How long something may take that normally takes a moment.
    pub(crate) fn patience(&self) -> Duration {
        match self.lane {
            Lane::Embedded => Duration::from_secs(30),
            Lane::Planes => Duration::from_secs(60),
            Lane::DataPlane => Duration::from_secs(240),
        }
    }

    /// Waits for something as long as the lane allows.
    pub(crate) async fn eventually<T>(
        &self,
        what: &str,
        look: impl AsyncFnMut() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        eventually(what, self.patience(), look).await
    }

    /// A view of the controllers that run now.
    pub(crate) async fn engine(&self) -> anyhow::Result<EngineHandle> {
        let controllers = self.controllers.lock().await;
        controllers.as_ref().map(|controllers| controllers.engine.clone()).context("the controllers are stopped")
    }

    /// Stops the controllers.
    pub(crate) async fn stop_controllers(&self) -> anyhow::Result<()> {
        let running = self.controllers.lock().await.take();
        running.context("the controllers are stopped already")?.stop().await
    }

    /// Starts controllers that know nothing yet.
    pub(crate) async fn start_controllers(&self) -> anyhow::Result<()> {
        self.start(default_platform(self.builds.clone())).await
    }

    /// The same with settings of a platform.
    pub(crate) async fn start_controllers_with(&self, settings: PlatformSettings) -> anyhow::Result<()> {
        self.start(default_platform(self.builds.clone()).settings(settings)).await
    }

    /// Starts controllers as they are where what upstream runs is taken over.
    pub(crate) async fn start_compatible_controllers(&self) -> anyhow::Result<()> {
        let args = Args::try_parse_from(["controller-manager", "--compatible-with=openchoreo"])?;
        self.start(args.platform()).await
    }

    async fn start(&self, platform: PlatformBuilder) -> anyhow::Result<()> {
        let mut controllers = self.controllers.lock().await;
        ensure!(controllers.is_none(), "the controllers run already");
        *controllers = Some(Controllers::start(self.control.clone(), platform).await?);
        Ok(())
    }

    /// Where the data plane's API server listens.
    pub(crate) fn data_address(&self) -> SocketAddr {
        self.planes.data.address
    }

    /// Registers the data plane for an organization.
    pub(crate) async fn register(&self, organization: &str, name: &str, server: Option<String>) -> anyhow::Result<()> {
        let server = server.unwrap_or_else(|| format!("https://{}", self.data_address()));
        let registration = registration(organization, name, server);
        let registered = install::register_data_plane(&self.control, &self.data, &registration).await;
        registered.context("cannot register the data plane")
    }

    /// The API of a kind in a namespace of the control plane.
    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.control.clone(), namespace)
    }

    /// Waits until an object shows Ready with a status and a reason for its newest generation.
    pub(crate) async fn shows<K>(&self, namespace: &str, name: &str, status: &str, reason: &str) -> anyhow::Result<K>
    where
        K: PlatformKind<Scope = NamespaceResourceScope>,
    {
        let api = self.api::<K>(namespace);
        let what = format!("{} `{namespace}/{name}` with Ready={status} ({reason})", K::KIND);
        self.eventually(&what, async || {
            let object = api.get(name).await?;
            let is_so = object.condition("Ready").is_some_and(|ready| {
                ready.status == status
                    && (reason.is_empty() || ready.reason == reason)
                    && ready.observed_generation == object.meta().generation
            });
            ensure!(is_so, "it is\n{}", shown(object));
            Ok(object)
        })
        .await
    }

    /// Waits until an object shows Ready=True.
    pub(crate) async fn ready<K>(&self, namespace: &str, name: &str) -> anyhow::Result<K>
    where
        K: PlatformKind<Scope = NamespaceResourceScope>,
    {
        self.shows(namespace, name, "True", "").await
    }

    /// Asks for the deletion of an object, which may be gone already.
    pub(crate) async fn delete<K>(&self, namespace: &str, name: &str) -> anyhow::Result<()>
    where
        K: PlatformKind<Scope = NamespaceResourceScope>,
    {
        match self.api::<K>(namespace).delete(name, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot delete {} `{namespace}/{name}`", K::KIND)),
        }
    }

    /// Sends an HTTPS request for a URL to the public gateway, at the address that its Service shows.
    pub(crate) async fn ask(&self, url: &str) -> anyhow::Result<request::Answer> {
        self.ask_with(url, None).await
    }

    /// Sends such a request with a token, perhaps.
    pub(crate) async fn ask_with(&self, url: &str, token: Option<&str>) -> anyhow::Result<request::Answer> {
        let services: Api<Service> = Api::namespaced(self.data.clone(), "choreo-system");
        let service = services.get("choreo-external-gateway").await.context("the gateway has no Service")?;
        let address = service
            .status
            .and_then(|status| status.load_balancer)
            .and_then(|balancer| balancer.ingress?.into_iter().find_map(|ingress| ingress.ip))
            .context("Service `choreo-external-gateway` has no address")?;
        let port = url.parse::<http::Uri>().context("the URL does not parse")?.port_u16().unwrap_or(443);
        let gateway = SocketAddr::new(address.parse()?, port);
        let asked = request::get(gateway, &self.gateway_authority, url, token).await;
        asked.with_context(|| format!("no answer from {url}"))
    }
}

/// An object as text, for messages: without the record of who wrote which field.
pub(crate) fn shown<K: PlatformKind>(mut object: K) -> String {
    object.meta_mut().managed_fields = None;
    yaml::to_string(&object).unwrap_or_default()
}
