//! The grammar of `create`: one variant a kind, one flag a field.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

/// Arguments of `create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    #[command(subcommand)]
    pub(crate) kind: CreateKind,
}

/// The kinds that can be created from flags.
#[derive(Debug, Subcommand)]
pub(crate) enum CreateKind {
    /// A tenant, with a namespace of its own
    #[command(visible_aliases = ["org", "orgs", "organizations"])]
    Organization(CreateOrganization),
    /// A set of components that are promoted together
    #[command(visible_aliases = ["proj", "projects"])]
    Project(CreateProject),
    /// A unit that is built, deployed and scaled as one
    #[command(visible_aliases = ["comp", "components"])]
    Component(CreateComponent),
    /// A stage such as development or production
    #[command(visible_aliases = ["env", "environments"])]
    Environment(CreateEnvironment),
    /// A cluster that runs components; its credentials go into a Secret
    #[command(name = "dataplane", visible_aliases = ["dp", "dataplanes"])]
    DataPlane(CreateDataPlane),
    /// A cluster that runs builds; its credentials go into a Secret
    #[command(name = "buildplane", visible_alias = "buildplanes")]
    BuildPlane(CreateBuildPlane),
    /// The order in which environments follow each other
    #[command(name = "deploymentpipeline", visible_aliases = ["deppipe", "deploymentpipelines"])]
    DeploymentPipeline(CreateDeploymentPipeline),
    /// A line of development of a component
    #[command(name = "deploymenttrack", visible_aliases = ["deptrack", "deploymenttracks"])]
    DeploymentTrack(CreateDeploymentTrack),
    /// One run of a component's build
    #[command(visible_alias = "builds")]
    Build(CreateBuild),
    /// Something that can be deployed: a build or an image, with its configuration
    #[command(name = "deployableartifact", visible_aliases = ["da", "artifact", "deployableartifacts"])]
    DeployableArtifact(CreateDeployableArtifact),
    /// An artifact in an environment
    #[command(visible_aliases = ["deploy", "deployments"])]
    Deployment(CreateDeployment),
    /// Settings that components share
    #[command(name = "configurationgroup", visible_aliases = ["cg", "configurationgroups"])]
    ConfigurationGroup(CreateConfigurationGroup),
}

/// What all created objects have in common.
#[derive(Debug, Args)]
pub(crate) struct ObjectArgs {
    /// Name of the object
    #[arg(long)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// What all created objects have in common beside their names.
#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    /// Name for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// What the object is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Only check: `client` without sending anything, `server` without storing anything
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub(crate) dry_run: Option<super::DryRun>,
    /// Form of the answer
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<CreateFormat>,
}

/// Forms of the answer of `create`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CreateFormat {
    /// YAML
    Yaml,
    /// JSON
    Json,
    /// Only kind and name
    Name,
}

/// The component that an object belongs to.
#[derive(Debug, Args)]
pub(crate) struct OwnerArgs {
    /// Project that the component belongs to
    #[arg(long, value_name = "NAME")]
    pub(crate) project: String,
    /// Component
    #[arg(long, value_name = "NAME")]
    pub(crate) component: String,
}

#[derive(Debug, Args)]
pub(crate) struct CreateOrganization {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateProject {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// Order of the environments that its components go through
    #[arg(long, value_name = "NAME", default_value = "default-pipeline")]
    pub(crate) deployment_pipeline: String,
}

#[derive(Debug, Args)]
pub(crate) struct CreateComponent {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// Project that the component belongs to
    #[arg(long, value_name = "NAME")]
    pub(crate) project: String,
    /// Kind of component, such as Service, WebApplication or ScheduledTask
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) component_type: String,
    /// Git repository to build from; without it the component has no build section
    #[arg(long, visible_alias = "git-repository-url", value_name = "URL", requires = "template")]
    pub(crate) git_url: Option<String>,
    /// Branch to build
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub(crate) branch: String,
    /// Path of the component in the repository
    #[arg(long, visible_alias = "path", value_name = "PATH", default_value = "/")]
    pub(crate) app_path: String,
    /// Build template
    #[arg(long, value_name = "NAME", requires = "git_url")]
    pub(crate) template: Option<String>,
    /// Argument for the build template; may be given several times
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = key_value, requires = "git_url")]
    pub(crate) parameters: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateEnvironment {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// Data plane that runs the environment
    #[arg(long = "dataplane", visible_alias = "dataplane-ref", value_name = "NAME")]
    pub(crate) data_plane: String,
    /// It is a production environment
    #[arg(long)]
    pub(crate) production: bool,
    /// What the hostnames of the environment begin with
    #[arg(long, value_name = "TEXT")]
    pub(crate) dns_prefix: Option<String>,
}

/// How to reach a cluster.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("cluster").required(true).multiple(true).args(["server", "from_kubeconfig"]))]
pub(crate) struct ClusterArgs {
    /// URL of the cluster's API server; with `--from-kubeconfig` it replaces the address in there
    #[arg(long, visible_alias = "api-server-url", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Kubeconfig to take address and credentials from
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ca_cert", "client_cert", "client_key", "token_file"])]
    pub(crate) from_kubeconfig: Option<PathBuf>,
    /// Context of that kubeconfig; by default its current one
    #[arg(long, value_name = "NAME", requires = "from_kubeconfig")]
    pub(crate) from_context: Option<String>,
    /// File with the certificates that the server is trusted by
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
    /// File with the client certificate
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub(crate) client_cert: Option<PathBuf>,
    /// File with the key of the client certificate
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub(crate) client_key: Option<PathBuf>,
    /// File with a bearer token
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateDataPlane {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Domain of hosts that everybody may reach
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) public_virtual_host: Option<String>,
    /// Domain of hosts that only the organization may reach
    #[arg(long, visible_alias = "org-virtual-host", value_name = "DOMAIN")]
    pub(crate) organization_virtual_host: Option<String>,
    /// Registry that images are pulled from
    #[arg(long, value_name = "PREFIX")]
    pub(crate) registry: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateBuildPlane {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateDeploymentPipeline {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// Environments in the order of promotion, at least two
    #[arg(long, value_name = "NAME,NAME…", value_delimiter = ',', required = true)]
    pub(crate) environment_order: Vec<String>,
    /// Environments that a promotion needs an approval for
    #[arg(long, value_name = "NAME,NAME…", value_delimiter = ',')]
    pub(crate) require_approval: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateDeploymentTrack {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    #[command(flatten)]
    pub(crate) owner: OwnerArgs,
    /// Version of the API that the track serves
    #[arg(long, value_name = "VERSION")]
    pub(crate) api_version: Option<String>,
    /// Deploy what was built to the first environment
    #[arg(long)]
    pub(crate) auto_deploy: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CreateBuild {
    /// Component to build
    #[arg(long, value_name = "NAME")]
    pub(crate) component: String,
    /// Name of the build; by default the component's, with a random end
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Branch to build instead of the component's
    #[arg(long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Commit to build instead of the newest
    #[arg(long, visible_alias = "revision", value_name = "SHA")]
    pub(crate) commit: Option<String>,
    /// Deployment track that the build belongs to
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) deployment_track: String,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("origin").required(true).args(["build", "git_revision", "image_tag"]))]
pub(crate) struct CreateDeployableArtifact {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    #[command(flatten)]
    pub(crate) owner: OwnerArgs,
    /// Deployment track that the artifact belongs to
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) deployment_track: String,
    /// Build that made the image
    #[arg(long, value_name = "NAME")]
    pub(crate) build: Option<String>,
    /// Git revision whose build made the image
    #[arg(long, value_name = "SHA")]
    pub(crate) git_revision: Option<String>,
    /// Tag of a finished image
    #[arg(long, value_name = "TAG")]
    pub(crate) image_tag: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateDeployment {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    #[command(flatten)]
    pub(crate) owner: OwnerArgs,
    /// Deployment track that the deployment belongs to
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) deployment_track: String,
    /// Environment to deploy to
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: String,
    /// Artifact to deploy
    #[arg(long, visible_alias = "deployableartifact", value_name = "NAME")]
    pub(crate) deployable_artifact: String,
}

#[derive(Debug, Args)]
pub(crate) struct CreateConfigurationGroup {
    #[command(flatten)]
    pub(crate) object: ObjectArgs,
    /// Value for one environment; may be given several times
    #[arg(long = "value", value_name = "ENVIRONMENT/KEY=VALUE", value_parser = environment_value, required = true)]
    pub(crate) values: Vec<EnvironmentValue>,
}

/// The value of one key in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EnvironmentValue {
    pub(crate) environment: String,
    pub(crate) key: String,
    pub(crate) value: String,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

fn environment_value(text: &str) -> Result<EnvironmentValue, String> {
    let (path, value) = key_value(text).map_err(|_| "write ENVIRONMENT/KEY=VALUE".to_owned())?;
    match path.split_once('/') {
        Some((environment, key)) if !environment.is_empty() && !key.is_empty() => {
            Ok(EnvironmentValue { environment: environment.to_owned(), key: key.to_owned(), value })
        }
        _ => Err("write ENVIRONMENT/KEY=VALUE".to_owned()),
    }
}
