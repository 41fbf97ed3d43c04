//! Where two planes come from: this process, or a kubeconfig.

use std::any::Any;
use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use openchoreo_embedded::simulators::WorkloadController;
use openchoreo_embedded::{Listener, ListenerSettings, Server};

/// The kubeconfig of real planes, in the form of the variable `KUBECONFIG`.
const KUBECONFIG: [&str; 2] = ["OPENCHOREO_E2E_KUBECONFIG", "KUBECONFIG"];
/// The contexts of the control plane and the data plane, separated by a comma.
const CONTEXTS: &str = "OPENCHOREO_E2E_CONTEXTS";
/// The contexts without that variable.
const DEFAULT_CONTEXTS: [&str; 2] = ["kind-choreo-cp", "kind-choreo-dp"];

/// Two planes, as an administrator. The embedded ones live as long as this.
pub struct Planes {
    /// The control plane.
    pub control: Plane,
    /// The data plane.
    pub data: Plane,
    /// Who turns Deployments into pods in the data plane.
    pub workloads: WorkloadController,
    /// The kubeconfig of both, in the form of the variable `KUBECONFIG`.
    pub kubeconfig: OsString,
    _kept: Box<dyn Any + Send + Sync>,
}

/// A plane, as an administrator.
#[derive(Debug)]
pub struct Plane {
    /// Its context in the kubeconfig.
    pub context: String,
    /// Where its API server listens.
    pub address: SocketAddr,
    config: Config,
}

impl std::fmt::Debug for Planes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planes").field("control", &self.control).field("data", &self.data).finish_non_exhaustive()
    }
}

impl Planes {
    /// Planes in this process.
    ///
    /// # Errors
    /// They cannot listen.
    pub async fn embedded() -> anyhow::Result<Self> {
        let start = || Listener::start(Server::default(), ListenerSettings::default());
        let (control, data) = tokio::try_join!(start(), start()).context("cannot start the embedded planes")?;
        let [control_context, data_context] = DEFAULT_CONTEXTS;
        let folder = tempfile::tempdir().context("cannot make a folder for the kubeconfig")?;
        let path = folder.path().join("kubeconfig");
        let kubeconfig = control.admin_kubeconfig(control_context).merge(data.admin_kubeconfig(data_context));
        kubeconfig.write(&path).context("cannot write the kubeconfig")?;
        let mut planes = Self::of_kubeconfig(path.as_os_str(), DEFAULT_CONTEXTS).await?;
        planes.workloads = WorkloadController::Simulate;
        planes._kept = Box::new((control, data, folder));
        Ok(planes)
    }

    /// Planes that somebody else runs, with controllers of their own, by a kubeconfig in the form of the variable
    /// `KUBECONFIG` and the contexts of the control plane and the data plane.
    ///
    /// # Errors
    /// The kubeconfig has no such contexts, or none of an API server at an IP address.
    pub async fn of_kubeconfig(kubeconfig: &OsStr, contexts: [&str; 2]) -> anyhow::Result<Self> {
        let read = read(kubeconfig)?;
        let [control, data] = contexts;
        Ok(Self {
            control: Plane::of(&read, control).await?,
            data: Plane::of(&read, data).await?,
            workloads: WorkloadController::ClusterHasOne,
            kubeconfig: kubeconfig.to_owned(),
            _kept: Box::new(()),
        })
    }

    /// Planes that somebody else runs, named by variables of the environment.
    pub(crate) async fn from_environment() -> anyhow::Result<Self> {
        let Some(kubeconfig) = KUBECONFIG.iter().find_map(std::env::var_os) else {
            bail!("no planes are given: set {} to a kubeconfig with both of them", KUBECONFIG.join(" or "));
        };
        let named = std::env::var(CONTEXTS).unwrap_or_else(|_| DEFAULT_CONTEXTS.join(","));
        let Some((control, data)) = named.split_once(',') else {
            bail!("{CONTEXTS} is `{named}`; give two contexts with a comma between them");
        };
        Self::of_kubeconfig(&kubeconfig, [control, data]).await
    }

    /// The content of the kubeconfig.
    ///
    /// # Errors
    /// It cannot be read any more.
    pub fn read_kubeconfig(&self) -> anyhow::Result<Kubeconfig> {
        read(&self.kubeconfig)
    }
}

impl Plane {
    async fn of(kubeconfig: &Kubeconfig, context: &str) -> anyhow::Result<Self> {
        let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options)
            .await
            .with_context(|| format!("cannot use context `{context}`"))?;
        let address = config.cluster_url.authority().and_then(|authority| authority.as_str().parse().ok());
        let address = address.with_context(|| format!("the URL of context `{context}` has no IP address and port"))?;
        Ok(Self { context: context.to_owned(), address, config })
    }

    /// A client with connections of its own.
    ///
    /// # Errors
    /// The credentials cannot be used.
    pub fn client(&self) -> anyhow::Result<Client> {
        Client::try_from(self.config.clone()).with_context(|| format!("cannot make a client of `{}`", self.context))
    }
}

fn read(kubeconfig: &OsStr) -> anyhow::Result<Kubeconfig> {
    let mut read = Kubeconfig::default();
    for path in std::env::split_paths(kubeconfig) {
        let next = Kubeconfig::read_from(&path).with_context(|| format!("cannot read {}", path.display()))?;
        read = read.merge(next).context("cannot join the kubeconfigs")?;
    }
    Ok(read)
}
