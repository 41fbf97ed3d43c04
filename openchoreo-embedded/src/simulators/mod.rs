//! Stand-ins for what a laptop has not: pods that become ready, build steps that succeed, a gateway that answers.
//!
//! Each simulator is an ordinary Kubernetes client. It watches, decides in a pure function, and writes, so it serves
//! any API server: the one of this crate, or a real one that has no nodes. Whatever a simulator produces says so:
//! objects and statuses carry the annotation [`SIMULATED_ANNOTATION`] where the kind allows it, messages start with
//! `simulated:`, and all writes come from the field manager [`FIELD_MANAGER`].
//!
//! Deliberately not here: anything that knows the platform above Kubernetes, anything that runs a container, and
//! kinds that nobody needs for a first run (replica sets, stateful sets, daemon sets, cron jobs, volumes). A cron job
//! stays as it is written: it never fires.

mod argo;
mod conditions;
pub mod gateway;
mod hash;
mod load_balancers;
mod nodes;
mod observe;
mod workloads;

pub use argo::ArgoSettings;
pub use gateway::{GatewayListener, GatewayListenerError, GatewayProtocol, GatewaySettings};

use std::net::{IpAddr, Ipv4Addr};

use futures::FutureExt;
use futures::future::{BoxFuture, join_all, select};
use kube::Client;

/// The annotation, with the value `true`, on objects that a simulator made or whose status it wrote.
pub const SIMULATED_ANNOTATION: &str = "openchoreo.dev/simulated";

/// The field manager of every write of a simulator.
pub const FIELD_MANAGER: &str = "simulator";

/// Who turns Deployments and Jobs into pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadController {
    /// The simulator does: for a server without controllers, as the one of this crate.
    Simulate,
    /// The cluster has its own controllers; the simulator keeps its hands off.
    ClusterHasOne,
}

/// What to simulate. The default simulates pods and load balancers and nothing else.
#[derive(Debug)]
pub struct SimulatorSettings {
    /// Who turns Deployments and Jobs into pods.
    pub workloads: WorkloadController,
    /// Whether pods become ready (or succeed, when a Job owns them) although no node runs them.
    pub nodes: bool,
    /// The address that Services of type `LoadBalancer` get; `None` leaves them alone.
    pub load_balancer: Option<IpAddr>,
    /// A Gateway API implementation that answers in the place of the workloads.
    pub gateway: Option<GatewaySettings>,
    /// An Argo Workflows controller whose steps succeed without running.
    pub argo: Option<ArgoSettings>,
}

impl Default for SimulatorSettings {
    fn default() -> Self {
        Self {
            workloads: WorkloadController::Simulate,
            nodes: true,
            load_balancer: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            gateway: None,
            argo: None,
        }
    }
}

/// Why the simulators could not start.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The API server did not answer the first question.
    #[error("cannot reach the API server that the simulators should serve")]
    Unreachable {
        /// What the client met.
        #[source]
        source: Box<kube::Error>,
    },
}

/// Runs the chosen simulators until `shutdown` completes.
///
/// Kinds that are not installed yet (Gateway API, Argo Workflows) are waited for. Errors after the start are logged
/// and retried: a simulator outlives restarts of its API server.
///
/// ```no_run
/// # async fn example(client: kube::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use openchoreo_embedded::simulators::{self, SimulatorSettings};
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let running = simulators::run(client, SimulatorSettings::default(), async { stopped.await.unwrap_or(()) });
/// # drop(stop);
/// running.await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`SimulatorError::Unreachable`] when the API server does not answer at the start.
pub async fn run(
    client: Client,
    settings: SimulatorSettings,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), SimulatorError> {
    client.apiserver_version().await.map_err(|error| SimulatorError::Unreachable { source: Box::new(error) })?;
    let SimulatorSettings { workloads, nodes, load_balancer, gateway, argo } = settings;
    let mut running: Vec<BoxFuture<'_, ()>> = Vec::new();
    match workloads {
        WorkloadController::Simulate => {
            running.push(workloads::run_deployments(client.clone()).boxed());
            running.push(workloads::run_jobs(client.clone()).boxed());
        }
        WorkloadController::ClusterHasOne => {}
    }
    if nodes {
        running.push(nodes::run(client.clone()).boxed());
    }
    if let Some(address) = load_balancer {
        running.push(load_balancers::run(client.clone(), address).boxed());
    }
    if let Some(gateway) = gateway {
        running.push(gateway::run(client.clone(), gateway).boxed());
    }
    if let Some(argo) = argo {
        running.push(argo::run(client, argo).boxed());
    }
    // With nothing to simulate the shutdown alone decides, hence the future that never ends.
    running.push(std::future::pending().boxed());
    select(join_all(running), shutdown.boxed()).await;
    Ok(())
}
