//! The grammar of the command line. No logic: what a command does is in `commands`.

mod create;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use create::*;

/// What was written on the command line.
#[derive(Debug, Parser)]
#[command(name = "choreoctl", version, about = "The command line of OpenChoreo", arg_required_else_help = true)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Kubeconfig to use, or several, separated as in PATH; by default those of the variable KUBECONFIG, or else
    /// `~/.kube/config`
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<OsString>,
    /// Context of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Namespace to work in; by default that of the context
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Organization to work in; its namespace is used unless `--namespace` names another
    #[arg(long, visible_alias = "org", global = true, value_name = "NAME")]
    pub organization: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create or change objects from manifests
    Apply(ApplyArgs),
    /// Show objects
    #[command(visible_alias = "list")]
    Get(GetArgs),
    /// Create one object from flags
    Create(Box<CreateArgs>),
    /// Delete objects by name or from manifests
    Delete(DeleteArgs),
    /// Look at and choose contexts of the kubeconfig
    Config(ConfigArgs),
    /// Print a completion script for a shell
    Completion(CompletionArgs),
    /// Print the version
    Version(VersionArgs),
    /// Start a whole platform in this process and take the hello-world to its URL
    Demo(DemoArgs),
}

impl Command {
    /// Whether the command never talks to a server.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Config(_) | Self::Completion(_) => true,
            Self::Version(args) => args.client,
            Self::Apply(_) | Self::Get(_) | Self::Create(_) | Self::Delete(_) | Self::Demo(_) => false,
        }
    }
}

/// Where manifests come from.
#[derive(Debug, Default, Args)]
pub(crate) struct ManifestArgs {
    /// File, folder, URL, or `-` for standard input; may be given several times
    #[arg(short = 'f', long = "filename", visible_alias = "file", value_name = "FILE|DIR|URL|-")]
    pub(crate) filename: Vec<String>,
    /// Read subfolders of folders too
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub(crate) manifests: ManifestArgs,
    /// Take over fields that somebody else manages
    #[arg(long)]
    pub(crate) force_conflicts: bool,
    /// Only check: `client` without sending anything, `server` without storing anything
    #[arg(long, value_name = "WHERE", num_args = 0..=1, require_equals = true, default_missing_value = "client")]
    pub(crate) dry_run: Option<DryRun>,
}

/// How far a dry run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    /// Nothing is sent.
    Client,
    /// Everything is sent, nothing is stored.
    Server,
}

/// Forms that answers can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// YAML
    Yaml,
    /// JSON
    Json,
    /// Only kind and name
    Name,
    /// A table with all columns
    Wide,
}

/// Arguments of `get`.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// Kind, or several separated by commas: plural, singular or short name; `KIND/NAME` for one object
    #[arg(value_name = "KIND")]
    pub(crate) kind: String,
    /// Names of objects; all when none is given
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Form of the answer; a table by default
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<OutputFormat>,
    /// Look in all namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Only objects whose labels match, such as `openchoreo.dev/project=shop`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    /// Keep showing changes until interrupted
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Leave out the headings of tables
    #[arg(long)]
    pub(crate) no_headers: bool,
}

/// Arguments of `delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Kind, or `KIND/NAME`
    #[arg(value_name = "KIND", required_unless_present = "filename", conflicts_with = "filename")]
    pub(crate) kind: Option<String>,
    /// Names of objects
    #[arg(value_name = "NAME", conflicts_with = "filename")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) manifests: ManifestArgs,
    /// Whether to wait until the objects are gone
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_name = "BOOL")]
    pub(crate) wait: bool,
    /// How many seconds to wait; 0 for as long as it takes
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub(crate) timeout: u64,
    /// Do not mind objects that do not exist
    #[arg(long)]
    pub(crate) ignore_not_found: bool,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// What to do with the kubeconfig.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// List the contexts
    GetContexts,
    /// Print the name of the current context
    CurrentContext,
    /// Make a context the current one
    UseContext {
        /// Name of the context
        name: String,
    },
    /// Print the kubeconfig, without its secrets
    View,
}

/// Arguments of `completion`.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// Shells with completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
    /// PowerShell
    #[value(name = "powershell")]
    #[expect(clippy::enum_variant_names, reason = "it is called so")]
    PowerShell,
}

/// Arguments of `version`.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Only the version of this program
    #[arg(long)]
    pub(crate) client: bool,
    /// Form of the answer
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<VersionFormat>,
}

/// Forms of the answer of `version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VersionFormat {
    /// YAML
    Yaml,
    /// JSON
    Json,
}

/// Arguments of `demo`.
#[derive(Debug, Default, Args)]
pub struct DemoArgs {
    /// Stay up until Ctrl-C
    #[arg(long)]
    pub(crate) keep: bool,
    /// Port of the public gateway on this machine; a free one by default
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Only start the planes and register the data plane; apply nothing
    #[arg(long)]
    pub(crate) no_sample: bool,
    /// `json`: no progress, and the result for programs
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<DemoOutput>,
}

/// Forms of the demo's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DemoOutput {
    /// One JSON document
    Json,
}

impl DemoArgs {
    /// Whether a program reads the result.
    pub(crate) fn is_json(&self) -> bool {
        self.output == Some(DemoOutput::Json)
    }
}
