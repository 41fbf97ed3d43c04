//! Two planes made ready for a measurement, and an organization that is written into them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use choreoctl::install;
use kube::api::{Api, ListParams};
use kube::runtime::wait::await_condition;
use openchoreo_benches::population;
use openchoreo_e2e::{Plane, Planes, Proxy, Setup, Simulators};
use openchoreo_types::v1alpha1::{DataPlane, Endpoint};
use openchoreo_types::{PlatformKind as _, yaml};
use tempfile::TempDir;

use crate::manager::{Child, Inside, Manager};
use crate::process::program;
use crate::watching::{is_true, ready_endpoints};
use crate::writing::Writers;

/// How long anything may take before the measurement is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1800);
/// How long controllers must have done nothing to be at rest.
pub(crate) const SETTLING: Duration = Duration::from_secs(2);

/// What to measure, and on which planes.
#[derive(Debug, clap::Args)]
pub(crate) struct SiteArgs {
    /// Kubeconfig of two empty planes, in the form of the variable `KUBECONFIG`; embedded ones where absent
    #[arg(long, value_name = "FILES")]
    kubeconfig: Option<OsString>,
    /// Context of the control plane
    #[arg(long, value_name = "CONTEXT", default_value = "kind-choreo-cp", requires = "kubeconfig")]
    control_context: String,
    /// Context of the data plane
    #[arg(long, value_name = "CONTEXT", default_value = "kind-choreo-dp", requires = "kubeconfig")]
    data_context: String,
    /// Another build of the controller manager than the one beside this program
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

impl SiteArgs {
    /// The planes in words.
    pub(crate) fn words(&self) -> &'static str {
        if self.kubeconfig.is_some() { "real API servers" } else { "embedded planes" }
    }
}

/// Planes with everything installed, simulators, and an organization that has no project yet. No controller manager runs,
/// and no data plane is registered.
pub(crate) struct Site {
    pub(crate) planes: Planes,
    /// The controller manager.
    program: PathBuf,
    /// How it reaches the control plane.
    kubeconfig: PathBuf,
    /// How it reaches the data plane.
    data_server: String,
    _ways: Vec<Proxy>,
    _folder: TempDir,
    _simulators: Option<Simulators>,
}

/// How long it took to fill a site.
pub(crate) struct Filled {
    /// Until the last object was written.
    pub(crate) written: Duration,
    /// Until the last Endpoint was Ready.
    pub(crate) ready: Duration,
}

impl Site {
    /// Makes planes ready. A delay is added to each request of the controller manager, and to nobody else's.
    pub(crate) async fn open(args: &SiteArgs, delay: Duration) -> anyhow::Result<Self> {
        let program = args.program.clone().map_or_else(|| program("controller-manager"), Ok)?;
        let planes = match &args.kubeconfig {
            Some(kubeconfig) => Planes::of_kubeconfig(kubeconfig, [&args.control_context, &args.data_context]).await?,
            None => Planes::embedded().await?,
        };
        let simulators = Setup::simulated(planes.workloads).await?.make(&planes).await?;
        let control = planes.control.client()?;
        let endpoints: Api<Endpoint> = Api::all(control.clone());
        let found = endpoints.list_metadata(&ListParams::default().limit(1)).await?;
        ensure!(found.items.is_empty(), "the planes hold Endpoints already; give empty ones");

        let organized = install::apply(&control, population::organization()).await;
        organized.context("cannot write the organization")?;

        let folder = tempfile::tempdir().context("cannot make a folder for the kubeconfig")?;
        let kubeconfig = folder.path().join("kubeconfig");
        let mut written = planes.read_kubeconfig()?;
        let mut ways = Vec::new();
        let mut data_server = url(&planes.data);
        if !delay.is_zero() {
            let way = Proxy::with_delay(planes.control.address, delay).await?;
            let data = Proxy::with_delay(planes.data.address, delay).await?;
            let context = written.contexts.iter().find(|named| named.name == planes.control.context);
            let cluster = context.and_then(|named| named.context.as_ref()).map(|context| context.cluster.clone());
            for named in written.clusters.iter_mut().filter(|named| Some(&named.name) == cluster.as_ref()) {
                named.cluster.get_or_insert_default().server = Some(way.url());
            }
            data_server = data.url();
            ways.extend([way, data]);
        }
        std::fs::write(&kubeconfig, yaml::to_string(&written)?).context("cannot write the kubeconfig")?;
        Ok(Self { planes, program, kubeconfig, data_server, _ways: ways, _folder: folder, _simulators: simulators })
    }

    /// Starts the shipped controller manager.
    pub(crate) async fn start_child(&self) -> anyhow::Result<Manager> {
        Child::start(&self.program, &self.kubeconfig, &self.planes.control.context).await.map(Manager::Child)
    }

    /// Starts the same controllers in this process.
    pub(crate) async fn start_inside(&self) -> anyhow::Result<Manager> {
        Inside::start(self.planes.control.client()?).await.map(Manager::Inside)
    }

    /// Registers the data plane, and waits until the controllers have connected it.
    pub(crate) async fn register(&self) -> anyhow::Result<()> {
        let registration =
            openchoreo_e2e::registration(population::ORGANIZATION, population::DATA_PLANE, self.data_server.clone());
        let (control, data) = (self.planes.control.client()?, self.planes.data.client()?);
        let registered = install::register_data_plane(&control, &data, &registration).await;
        registered.context("cannot register the data plane")?;
        let planes: Api<DataPlane> = Api::namespaced(control, population::ORGANIZATION);
        let is_ready =
            |plane: Option<&DataPlane>| plane.and_then(|plane| plane.condition("Ready")).is_some_and(is_true);
        let connected = await_condition(planes, population::DATA_PLANE, is_ready);
        let connected = tokio::time::timeout(PATIENCE, connected).await;
        connected.context("the data plane is not connected")?.context("cannot watch the data plane")?;
        Ok(())
    }

    /// Writes the population, by a number of writers at once, and waits until every Endpoint is Ready.
    pub(crate) async fn fill(&self, components: usize, writers: usize) -> anyhow::Result<Filled> {
        let (shared, own) = inputs(components);
        let writers = Writers::gather(&self.planes.control, writers, shared.iter().chain(own.iter().flatten())).await?;
        let mut endpoints = ready_endpoints(self.planes.control.client()?);
        let started = Instant::now();
        writers.write(vec![shared]).await?;
        writers.write(own).await?;
        let written = started.elapsed();
        endpoints.reach(components).await?;
        Ok(Filled { written, ready: started.elapsed() })
    }
}

/// What people write: the projects, in order, and that of each component.
pub(crate) fn inputs(components: usize) -> (Vec<serde_json::Value>, Vec<Vec<serde_json::Value>>) {
    (population::projects(components), (0..components).map(|number| population::component(number).into()).collect())
}

fn url(plane: &Plane) -> String {
    format!("https://{}", plane.address)
}
