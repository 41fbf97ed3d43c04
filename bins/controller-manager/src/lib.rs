//! The controller manager as a library: the default platform, settings from arguments, and a run that ends gracefully.
//!
//! A platform team writes its own `main` with its own [`Platform`] and calls [`run`]; the shipped binary and
//! `choreoctl demo` call the same function. No rule of the platform lives here.

mod network;
mod probes;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use kube::config::{KubeConfigOptions, Kubeconfig};
use openchoreo_build::ArgoSettings;
use openchoreo_core::client::{PlaneHosts, of_config};
use openchoreo_core::engine::core::{CoreSettings, PlaneBounds};
use openchoreo_core::engine::{Engine, EngineError, EngineHandle, EngineSettings, LeaderSettings};
use openchoreo_core::extension::Gateway;
use openchoreo_core::labels::Installation;
use openchoreo_core::naming::{CompatNaming, ImagePrefix, UpstreamHostnames};
use openchoreo_core::platform::{ImageRules, Platform, PlatformBuilder, PlatformSettings};
use openchoreo_core::pod_security::PodSecurity;
use openchoreo_core::resources::{ContainerLimits, Quota, ResourceBounds};
use openchoreo_dataplane::parts::vault::VaultPrefix;
use openchoreo_dataplane::{WorkloadSettings, WorkloadStyle};
use openchoreo_net::{EnvoyGateway, GatewayApi, PathStyle};
use prometheus_client::registry::Registry;
use uuid::Uuid;

pub use network::{GatewayPodsLabel, List, NetworkArgs};
pub use openchoreo_core as core;

/// Arguments of the controller manager; flatten them into your own.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "controller-manager", version, about = "Runs the planners of OpenChoreo against a control plane")]
pub struct Args {
    /// Kubeconfig of the control plane; in a cluster the service account is used
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long)]
    pub context: Option<String>,
    /// Address of /healthz and /readyz; `0` turns them off
    #[arg(long, default_value = "0.0.0.0:8081", value_parser = address)]
    pub health_probe_bind_address: Address,
    /// Address of /metrics; `0` turns it off
    #[arg(long, default_value = "0.0.0.0:8080", value_parser = address)]
    pub metrics_bind_address: Address,
    /// Act only while this process holds a Lease of the control plane, so that several may run; on in a cluster, off
    /// elsewhere, unless said
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub leader_elect: Option<bool>,
    /// Namespace of that Lease; in a cluster the one that this process runs in, elsewhere the system namespace, unless
    /// said
    #[arg(long, value_name = "NAMESPACE")]
    pub leader_election_namespace: Option<String>,
    /// Identity of this installation, by which its objects in planes are told from those of others; the uid of the
    /// control plane's namespace `kube-system`, unless said. A control plane that was restored elsewhere needs the old one
    #[arg(long, value_name = "TEXT")]
    pub installation: Option<String>,
    /// Run planes that another system has filled, without touching what runs there: names, hosts, labels, selectors and
    /// pods are written as that system writes them; see docs/takeover.md for what pods lack then
    #[arg(long, value_name = "SYSTEM")]
    pub compatible_with: Option<System>,
    /// Namespace of the platform's own objects in every plane
    #[arg(long, default_value = "choreo-system")]
    pub system_namespace: String,
    /// Gateway for public routes
    #[arg(long, default_value = "choreo-external-gateway", value_parser = network::gateway)]
    #[arg(default_value_if("compatible_with", System::OPENCHOREO, "gateway-external"))]
    pub external_gateway: String,
    /// Gateway for routes within an organization; with `{organization}` in its name, each organization has one of its own
    #[arg(long, default_value = "choreo-internal-gateway", value_parser = network::gateway_or_pattern)]
    #[arg(default_value_if("compatible_with", System::OPENCHOREO, "gateway-internal"))]
    pub internal_gateway: String,
    /// Domain of public hosts where the DataPlane names none
    #[arg(long, default_value = "choreoapps.localhost")]
    pub domain: String,
    /// Hosts that planes may have: `*` (all but loopback, link-local and in-cluster ones), names, `*.domain`, addresses
    /// and networks, with commas between them
    #[arg(long, default_value = "*", value_name = "PATTERNS")]
    pub plane_hosts: PlaneHosts,
    /// Objects that are taken of one plane; one that holds more is unreachable until it holds less
    #[arg(long, default_value_t = PlaneBounds::default().objects, value_name = "NUMBER")]
    pub plane_objects: usize,
    /// MiB that the objects of one plane may take here; one that needs more is unreachable until it needs less
    #[arg(long, default_value_t = PlaneBounds::default().bytes >> 20, value_name = "NUMBER")]
    pub plane_mebibytes: usize,
    /// Image of the clone step of builds; the template's own where absent
    #[arg(long, value_name = "IMAGE")]
    pub clone_image: Option<String>,
    /// Image of the build and push steps of builds; the template's own where absent
    #[arg(long, value_name = "IMAGE")]
    pub build_image: Option<String>,
    /// Registry for images of planes that name none; there an organization runs only what is below its own path
    #[arg(long, value_name = "PREFIX")]
    pub registry: Option<ImagePrefix>,
    /// What everybody may run although it is in that registry: registries or paths in them, with commas between them
    #[arg(long, value_name = "PREFIXES", value_delimiter = ',')]
    pub shared_images: Vec<ImagePrefix>,
    /// What images must be below to be deployed: registries or paths in them, with commas between them; every registry
    /// where absent
    #[arg(long, value_name = "PREFIXES", value_delimiter = ',')]
    pub allowed_registries: Vec<ImagePrefix>,
    /// Give pods the credentials to pull images that DataPlanes name; needs `install/data-plane/optional/pull-secrets.yaml`
    /// in every data plane
    #[arg(long)]
    pub pull_secrets: bool,
    /// What the pods of workloads may do, as a level of Kubernetes' Pod Security Standards: `privileged`, `baseline` or
    /// `restricted`. An Environment may be narrower
    #[arg(long, default_value_t, value_name = "LEVEL")]
    pub pod_security: PodSecurity,
    /// What all pods of a project may use together in an environment, such as `limits.cpu=4,limits.memory=8Gi,pods=50`:
    /// `requests.` and `limits.` of `cpu`, `memory` and `ephemeral-storage`, and `pods`. An Environment may be narrower
    #[arg(long, default_value = "", value_name = "LIST", hide_default_value = true)]
    pub quota: Quota,
    /// What each container may use and gets that does not say, such as `max.memory=2Gi,default.memory=256Mi`: `min.`,
    /// `defaultRequest.`, `default.` and `max.` of `cpu`, `memory` and `ephemeral-storage`. An Environment may be narrower
    #[arg(long, default_value = "", value_name = "LIST", hide_default_value = true)]
    pub container_limits: ContainerLimits,
    /// Address of the Vault with the secrets of configuration groups, as seen from data planes
    #[arg(long, default_value = "http://choreo-dataplane-vault:8200", value_name = "URL")]
    pub vault_address: String,
    /// Vault role of workloads
    #[arg(long, default_value = "choreo-secret-reader-role", value_name = "ROLE")]
    pub vault_role: String,
    /// Path in the Vault that secrets must be below, such as `secret/data/{organization}/{environment}`; with
    /// `{project}` too where wanted. Without it, the role alone decides what may be read
    #[arg(long, value_name = "TEMPLATE")]
    pub vault_prefix: Option<VaultPrefix>,
    /// Push to the registry without verifying its certificate, or over plain HTTP
    #[arg(long)]
    pub registry_insecure: bool,
    /// What the isolation of cells and builds must know of clusters
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// A system that planes may have been filled by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    /// OpenChoreo as it is released upstream
    Openchoreo,
}

impl System {
    const OPENCHOREO: &str = "openchoreo";
}

/// Where to listen; nothing for not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub Option<SocketAddr>);

/// `host:port`, `:port`, or `0` for off, as controllers take it.
fn address(text: &str) -> Result<Address, String> {
    if text == "0" {
        return Ok(Address(None));
    }
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    full.parse().map(|address| Address(Some(address))).map_err(|_| "give `IP:PORT`, `:PORT`, or `0` for off".to_owned())
}

impl Args {
    /// The default platform with the settings of the arguments.
    pub fn platform(&self) -> PlatformBuilder {
        let settings = PlatformSettings {
            system_namespace: self.system_namespace.clone(),
            external_gateway: self.external_gateway.clone(),
            internal_gateway: self.internal_gateway.clone(),
            domain: self.domain.clone(),
            pull_secrets: self.pull_secrets,
            pod_security: self.pod_security,
            resources: ResourceBounds { quota: self.quota.clone(), containers: self.container_limits.clone() },
            images: ImageRules {
                own: self.registry.iter().cloned().collect(),
                shared: self.shared_images.clone(),
                allowed: self.allowed_registries.clone(),
            },
            network: self.network.settings(),
            takes_over: self.compatible_with.and_then(|System::Openchoreo| WorkloadStyle::Upstream.takes_over()),
            ..PlatformSettings::default()
        };
        let builds = ArgoSettings {
            clone_image: self.clone_image.clone(),
            build_image: self.build_image.clone(),
            registry: self.registry.as_ref().map(ToString::to_string),
            registry_insecure: self.registry_insecure.then_some(true),
            ..ArgoSettings::default()
        };
        let workloads = WorkloadSettings {
            vault_address: self.vault_address.clone(),
            vault_role: self.vault_role.clone(),
            vault_prefix: self.vault_prefix.clone(),
            ..WorkloadSettings::default()
        };
        let platform = match self.compatible_with {
            None => default_platform_with(builds, &workloads),
            Some(System::Openchoreo) => compatible_platform(builds, workloads, self.domain.clone()),
        };
        platform.settings(settings)
    }

    /// A client of the control plane.
    ///
    /// # Errors
    /// The kubeconfig cannot be read, or there is none and this is no cluster.
    pub async fn client(&self) -> Result<kube::Client, RunError> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let boxed = |error: kube::config::KubeconfigError| RunError::Config(Box::new(error));
        let config = match &self.kubeconfig {
            Some(path) => {
                let kubeconfig = Kubeconfig::read_from(path).map_err(boxed)?;
                kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(boxed)?
            }
            None if self.context.is_some() => kube::Config::from_kubeconfig(&options).await.map_err(boxed)?,
            None => kube::Config::infer().await.map_err(|error| RunError::Config(Box::new(error)))?,
        };
        of_config(config).map_err(|error| RunError::Config(Box::new(error)))
    }

    /// How the engine runs.
    pub fn engine(&self) -> EngineSettings {
        let leader = self.leader(&Surroundings::of_process());
        let core = CoreSettings {
            installation: self.installation.clone().map(Installation::new),
            plane_bounds: PlaneBounds {
                objects: self.plane_objects,
                bytes: self.plane_mebibytes.saturating_mul(1 << 20),
            },
            ..CoreSettings::default()
        };
        EngineSettings { core, plane_hosts: self.plane_hosts.clone(), leader, ..EngineSettings::default() }
    }

    /// How this process agrees with others on who acts, where it does.
    fn leader(&self, around: &Surroundings) -> Option<LeaderSettings> {
        // A kubeconfig leads to a control plane that this process may be no part of.
        let is_inside = around.is_in_cluster && self.kubeconfig.is_none() && self.context.is_none();
        if !self.leader_elect.unwrap_or(is_inside) {
            return None;
        }
        let own = around.namespace.clone().filter(|_| is_inside);
        let namespace = self.leader_election_namespace.clone().or(own).unwrap_or(self.system_namespace.clone());
        // A process that is started anew on the same host is another one.
        let identity = format!("{}_{}", around.host, Uuid::new_v4());
        Some(LeaderSettings { namespace, ..LeaderSettings::new(identity) })
    }

    /// Where the probes and the metrics listen.
    pub fn listen(&self) -> Listen {
        Listen { probes: self.health_probe_bind_address.0, metrics: self.metrics_bind_address.0 }
    }
}

/// Where this process runs.
#[derive(Clone, Debug, Default)]
struct Surroundings {
    is_in_cluster: bool,
    /// The namespace of its pod.
    namespace: Option<String>,
    /// The name of its pod or host.
    host: String,
}

impl Surroundings {
    fn of_process() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let host = std::env::var("HOSTNAME").ok().or_else(|| read("/proc/sys/kernel/hostname"));
        Self {
            is_in_cluster: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
            namespace: read("/var/run/secrets/kubernetes.io/serviceaccount/namespace"),
            host: host.unwrap_or_else(|| "controller-manager".to_owned()),
        }
    }
}

/// The platform as shipped: every renderer, engine, gateway and dialect of this workspace.
pub fn default_platform(builds: ArgoSettings) -> PlatformBuilder {
    default_platform_with(builds, &WorkloadSettings::default())
}

/// The platform as shipped, writing what upstream OpenChoreo writes: its names, its hosts with a domain for web
/// applications, its paths, labels, selectors and pods, so that it takes over planes that upstream has filled, where
/// [`PlatformSettings::takes_over`] says so.
pub fn compatible_platform(
    builds: ArgoSettings,
    workloads: WorkloadSettings,
    web_application_domain: String,
) -> PlatformBuilder {
    let workloads = WorkloadSettings { style: WorkloadStyle::Upstream, ..workloads };
    platform_with(builds, &workloads, PathStyle::ProjectAndComponent)
        .naming(CompatNaming)
        .hostnames(UpstreamHostnames { web_application_domain })
}

/// The platform as shipped, with settings of workloads.
pub fn default_platform_with(builds: ArgoSettings, workloads: &WorkloadSettings) -> PlatformBuilder {
    platform_with(builds, workloads, PathStyle::default())
}

fn platform_with(builds: ArgoSettings, workloads: &WorkloadSettings, paths: PathStyle) -> PlatformBuilder {
    let plain: Arc<dyn Gateway> = Arc::new(GatewayApi::with_paths(paths));
    Platform::builder()
        .renderers(openchoreo_dataplane::builtin_renderers_with(workloads))
        .planners(openchoreo_dataplane::planners_with(workloads))
        .build_engines(openchoreo_build::builtin_engines(builds))
        .planners(openchoreo_build::planners())
        .gateway(EnvoyGateway::with_paths(paths))
        .gateways([plain])
        .dialects(openchoreo_net::builtin_dialects())
        .planners(openchoreo_net::planners())
}

/// Addresses to listen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// For `/healthz` and `/readyz`.
    pub probes: Option<SocketAddr>,
    /// For `/metrics`.
    pub metrics: Option<SocketAddr>,
}

/// Why a run could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no usable configuration of the control plane.
    #[error("cannot find the control plane: no usable kubeconfig and no cluster around")]
    Config(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An address is taken or not allowed.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The engine stopped.
    #[error("the engine stopped")]
    Engine(#[source] EngineError),
}

/// Runs a platform against a control plane until `shutdown` resolves. `started` gets a view of the engine before the
/// first pass.
///
/// # Errors
/// An address cannot be listened on, or the engine cannot go on.
pub async fn run(
    platform: Platform,
    client: kube::Client,
    settings: EngineSettings,
    listen: Listen,
    started: impl FnOnce(EngineHandle),
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let engine = Engine::new(Arc::new(platform), client, settings);
    let handle = engine.handle();
    let mut registry = Registry::default();
    handle.metrics().register(&mut registry);
    let servers = probes::serve(listen, handle.clone(), registry).await?;
    started(handle);
    let outcome = engine.run(shutdown).await.map_err(RunError::Engine);
    drop(servers);
    outcome
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

    use clap::Parser;
    use openchoreo_core::isolation::AddressRange;
    use openchoreo_core::platform::PlatformSettings;

    use super::{Args, Surroundings};

    fn parse(arguments: &[&str]) -> Result<Args, String> {
        Args::try_parse_from([&["controller-manager"], arguments].concat()).map_err(|error| error.to_string())
    }

    #[test]
    fn without_arguments_the_settings_are_the_defaults() {
        let platform = parse(&[]).expect("arguments").platform().build().expect("a platform");
        assert_eq!(*platform.settings(), PlatformSettings::default());
    }

    #[test]
    fn what_clusters_are_like_is_said_by_arguments() {
        let arguments = [
            "--name-service=kube-system/k8s-app=kube-dns",
            "--name-service=openshift-dns/dns.operator.openshift.io/daemonset-dns=default:5353",
            "--name-addresses=169.254.20.10,10.96.0.10",
            "--private-ranges=10.0.0.0/8, fc00::/7",
            "--pod-ranges=10.42.0.0/16",
            "--machine-ranges=10.50.0.0/16",
            "--gateway-pods-label=",
            "--gateway-ports=10443",
            "--cells-call-shared-gateway",
            "--builds-reach-cluster=false",
            "--build-ranges=",
            "--internal-gateway=internal-{organization}",
        ];
        let platform = parse(&arguments).expect("arguments").platform().build().expect("a platform");
        let PlatformSettings { network, internal_gateway, .. } = platform.settings();
        let texts = |ranges: &[AddressRange]| ranges.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(network.name_services.iter().map(|pods| pods.port).collect::<Vec<_>>(), [53, 5353]);
        assert_eq!(network.name_addresses.len(), 2);
        assert_eq!(texts(&network.private_ranges), ["10.0.0.0/8", "fc00::/7"]);
        assert_eq!(texts(&network.pod_ranges), ["10.42.0.0/16"]);
        assert_eq!(texts(&network.machine_ranges), ["10.50.0.0/16"]);
        assert_eq!((&network.gateway_pods_label, network.gateway_ports.as_slice()), (&None, [10443].as_slice()));
        assert!(network.cells_call_shared_gateway && !network.builds_reach_cluster);
        assert_eq!(network.build_ranges, []);
        assert_eq!(internal_gateway, "internal-{organization}");
    }

    #[test]
    fn a_value_that_cannot_be_used_is_refused_with_its_flag_and_what_is_right() {
        let cases = [
            ("--name-service", "kube-system:dns", "NAMESPACE[/KEY=VALUE"),
            ("--name-addresses", "10.96.0.0/16", "`10.96.0.0/16` is not an address"),
            ("--private-ranges", "10.0.0.0/8,10.0.0.0/33", "`10.0.0.0/33` is not a range of addresses"),
            ("--pod-ranges", "10.0.0.0/8,", "`` is not a range of addresses"),
            ("--machine-ranges", "nodes", "`address/bits`"),
            ("--gateway-pods-label", "a/b/c", "label key `a/b/c` is not valid"),
            ("--gateway-ports", "80,0", "`0` is not a port: give a number from 1 to 65535"),
            ("--builds-reach-cluster", "maybe", "true, false"),
            ("--build-ranges", "10.0.0.0/8/8", "a range of addresses"),
            ("--external-gateway", "{organization}", "at most 63 lower-case letters"),
            ("--internal-gateway", "{org}", "`{organization}` in it"),
            ("--quota", "limits.memry=8Gi", "was `limits.memory` meant?"),
            ("--container-limits", "max.cpu=1,default.cpu=2", "more than `max.cpu=1`"),
        ];
        for (flag, value, right) in cases {
            let error = parse(&[&format!("{flag}={value}")]).expect_err(flag);
            assert!(error.contains(flag) && error.contains(right), "{flag}: {error}");
        }
    }

    #[test]
    fn one_leads_in_a_cluster_and_whoever_runs_elsewhere_acts_unless_told() {
        let pod = Surroundings { is_in_cluster: true, namespace: Some("platform".to_owned()), host: "pod".to_owned() };
        let laptop = Surroundings { host: "laptop".to_owned(), ..Surroundings::default() };
        let cases: [(&[&str], &Surroundings, Option<&str>); 8] = [
            (&[], &pod, Some("platform")),
            (&["--leader-elect"], &pod, Some("platform")),
            (&["--leader-elect=false"], &pod, None),
            (&["--leader-election-namespace", "other"], &pod, Some("other")),
            (&["--context", "elsewhere"], &pod, None),
            (&[], &laptop, None),
            (&["--leader-elect"], &laptop, Some("choreo-system")),
            (&["--leader-elect", "--system-namespace", "own"], &laptop, Some("own")),
        ];
        for (arguments, around, expected) in cases {
            let args = parse(arguments).expect("arguments");
            let leader = args.leader(around);
            assert_eq!(leader.as_ref().map(|leader| leader.namespace.as_str()), expected, "{arguments:?}");
            let again = args.leader(around);
            assert!(leader.is_none() || leader != again, "no two processes have one identity");
        }
    }
}
