//! What two planes are given before the platform runs on them: the manifests of `install/`, and simulators of what the
//! planes have not.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use choreoctl::install::{self, InstallSettings, Registration};
use openchoreo_embedded::simulators::{
    self, ArgoSettings, GatewayListener, GatewayProtocol, GatewaySettings, SimulatorSettings, WorkloadController,
};
use tokio::task::JoinHandle;

use crate::planes::Planes;

/// Registry that images of builds are pushed to.
const REGISTRY: &str = "registry.choreo-system:5000";

/// What is installed and simulated.
#[derive(Debug)]
pub struct Setup {
    /// The authority of the public gateway, in PEM.
    pub gateway_authority: String,
    simulators: Option<SimulatorSettings>,
    install: InstallSettings,
}

/// The simulators of a data plane; dropping this ends them.
#[derive(Debug)]
pub struct Simulators(JoinHandle<()>);

impl Drop for Simulators {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Setup {
    /// Simulators for everything, with a gateway on a free port of loopback.
    ///
    /// # Errors
    /// The gateway cannot listen.
    pub async fn simulated(workloads: WorkloadController) -> anyhow::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener =
            GatewayListener::bind("choreo-system", "choreo-external-gateway", address, GatewayProtocol::Https).await?;
        let gateway_authority = listener.authority_pem().unwrap_or_default().to_owned();
        let install = InstallSettings {
            gateway_port: Some(listener.address().port()),
            // The simulated gateway brings certificates of its own; the Secret only has to be there.
            gateway_certificate: Some(certificate()?),
            foreign_crds: true,
            ..InstallSettings::default()
        };
        let settings = SimulatorSettings {
            workloads,
            nodes: true,
            load_balancer: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            gateway: Some(GatewaySettings { listeners: vec![listener], ..GatewaySettings::default() }),
            argo: Some(ArgoSettings { step_duration: Duration::from_millis(20), registry: REGISTRY.to_owned() }),
        };
        Ok(Self { gateway_authority, simulators: Some(settings), install })
    }

    /// No simulator: the data plane has Envoy Gateway, which serves a certificate made here.
    pub(crate) fn real() -> anyhow::Result<Self> {
        let (certificate, key) = certificate()?;
        let install = InstallSettings {
            gateway_class: Some("envoy".to_owned()),
            gateway_certificate: Some((certificate.clone(), key)),
            ..InstallSettings::default()
        };
        Ok(Self { gateway_authority: certificate, simulators: None, install })
    }

    /// Installs both planes, and starts the simulators.
    ///
    /// # Errors
    /// A plane refuses something.
    pub async fn make(self, planes: &Planes) -> anyhow::Result<Option<Simulators>> {
        let (control, data) = (planes.control.client()?, planes.data.client()?);
        install::control_plane(&control).await.context("cannot install the control plane")?;
        install::data_plane(&data, &self.install).await.context("cannot install the data plane")?;
        Ok(self.simulators.map(|settings| {
            Simulators(tokio::spawn(async move {
                if let Err(error) = simulators::run(data, settings, std::future::pending()).await {
                    tracing::error!(%error, "the simulators ended");
                }
            }))
        }))
    }
}

/// How a data plane is registered for an organization, by the URL of its API server.
pub fn registration(organization: &str, name: &str, server: String) -> Registration {
    Registration {
        organization: organization.to_owned(),
        name: name.to_owned(),
        server,
        public_virtual_host: "choreoapps.localhost".to_owned(),
        organization_virtual_host: "choreoapps.internal".to_owned(),
        registry: REGISTRY.to_owned(),
    }
}

/// A certificate for the hosts of the data plane, and its key, in PEM.
fn certificate() -> anyhow::Result<(String, String)> {
    let hosts = ["*.choreoapps.localhost", "*.choreoapps.internal"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(hosts).context("cannot make a certificate")?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}
