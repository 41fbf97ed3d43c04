//! Where the two planes of a lane come from: this process, or a kubeconfig.

use std::any::Any;
use std::ffi::OsString;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use controller_manager::core::client::of_config;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use openchoreo_embedded::{Listener, ListenerSettings, Server};

/// The kubeconfig of real planes, in the form of the variable `KUBECONFIG`.
const KUBECONFIG: [&str; 2] = ["OPENCHOREO_E2E_KUBECONFIG", "KUBECONFIG"];
/// The contexts of the control plane and the data plane, separated by a comma.
const CONTEXTS: &str = "OPENCHOREO_E2E_CONTEXTS";
/// The contexts without that variable.
const DEFAULT_CONTEXTS: [&str; 2] = ["kind-choreo-cp", "kind-choreo-dp"];

/// Two planes, as an administrator.
pub(super) struct Planes {
    pub(super) control: Client,
    pub(super) data: Client,
    /// Where the data plane's API server listens.
    pub(super) data_address: SocketAddr,
    /// The kubeconfig of both, in the form of the variable `KUBECONFIG`.
    pub(super) kubeconfig: OsString,
    /// The context of the control plane.
    pub(super) context: String,
    /// What must live as long as the planes.
    pub(super) kept: Box<dyn Any + Send + Sync>,
}

impl Planes {
    /// Planes in this process.
    pub(super) async fn embedded() -> anyhow::Result<Self> {
        let start = || Listener::start(Server::default(), ListenerSettings::default());
        let (control, data) = tokio::try_join!(start(), start()).context("cannot start the embedded planes")?;
        let [control_context, data_context] = DEFAULT_CONTEXTS;
        let folder = tempfile::tempdir().context("cannot make a folder for the kubeconfig")?;
        let path = folder.path().join("kubeconfig");
        let kubeconfig = control.admin_kubeconfig(control_context).merge(data.admin_kubeconfig(data_context));
        kubeconfig.write(&path).context("cannot write the kubeconfig")?;
        let read = Kubeconfig::read_from(&path).context("cannot read the kubeconfig")?;
        Ok(Self {
            control: connect(&read, control_context).await?.0,
            data: connect(&read, data_context).await?.0,
            data_address: data.address(),
            kubeconfig: path.into_os_string(),
            context: control_context.to_owned(),
            kept: Box::new((control, data, folder)),
        })
    }

    /// Planes that somebody else runs.
    pub(super) async fn from_environment() -> anyhow::Result<Self> {
        let Some(kubeconfig) = KUBECONFIG.iter().find_map(std::env::var_os) else {
            bail!("no planes are given: set {} to a kubeconfig with both of them", KUBECONFIG.join(" or "));
        };
        let mut read = Kubeconfig::default();
        for path in std::env::split_paths(&kubeconfig) {
            let next = Kubeconfig::read_from(&path).with_context(|| format!("cannot read {}", path.display()))?;
            read = read.merge(next).context("cannot join the kubeconfigs")?;
        }
        let named = std::env::var(CONTEXTS).unwrap_or_else(|_| DEFAULT_CONTEXTS.join(","));
        let Some((control_context, data_context)) = named.split_once(',') else {
            bail!("{CONTEXTS} is `{named}`; give two contexts with a comma between them");
        };
        let (data, data_address) = connect(&read, data_context).await?;
        Ok(Self {
            control: connect(&read, control_context).await?.0,
            data,
            data_address: data_address.context("the data plane's URL has no IP address")?,
            kubeconfig,
            context: control_context.to_owned(),
            kept: Box::new(()),
        })
    }
}

async fn connect(kubeconfig: &Kubeconfig, context: &str) -> anyhow::Result<(Client, Option<SocketAddr>)> {
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &options)
        .await
        .with_context(|| format!("cannot use context `{context}`"))?;
    let address = config.cluster_url.authority().and_then(|authority| authority.as_str().parse().ok());
    Ok((of_config(config).context("cannot make a client")?, address))
}
