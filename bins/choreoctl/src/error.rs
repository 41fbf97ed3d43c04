//! What can go wrong, in words for the person at the terminal.
//!
//! Every failure of a command is a variant here: what was attempted, on which object, and where there is a good next
//! step, a hint. The cause is the `source`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use kube::config::KubeconfigError;
use openchoreo_types::yaml::YamlError;

use crate::manifest::Problem;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// The demo did not come to its end.
    #[error("the demo failed")]
    Demo {
        /// Where it stopped.
        #[source]
        source: Box<crate::demo::DemoError>,
    },
    /// Whoever read the output has gone away.
    #[error("the output was closed")]
    ClosedPipe,
    /// The output cannot be written.
    #[error("cannot write the output")]
    Write {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The async runtime does not start.
    #[error("cannot start the async runtime")]
    Runtime {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The arguments contradict each other.
    #[error("{message}")]
    Usage {
        /// What is wrong with them.
        message: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// A file, a folder or standard input cannot be read.
    #[error("cannot read `{path}`")]
    ReadFile {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    WriteFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A URL cannot be read.
    #[error("cannot download `{url}`: {reason}")]
    Download {
        /// Which.
        url: String,
        /// Why.
        reason: String,
    },
    /// There is nothing to do in a file or folder.
    #[error("no manifests found in `{path}`")]
    NoManifests {
        /// Which.
        path: String,
        /// Whether subfolders were left out.
        has_subfolders: bool,
    },
    /// Manifests that cannot be right.
    #[error("{}", manifest_report(problems))]
    Manifests {
        /// Everything that is wrong, in the order of the files.
        problems: Vec<Problem>,
    },
    /// A value cannot be written as YAML or JSON.
    #[error("cannot write the answer as text: {reason}")]
    Format {
        /// Why.
        reason: String,
    },
    /// There is no kubeconfig.
    #[error("no kubeconfig found")]
    NoKubeconfig {
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// A kubeconfig that cannot be used.
    #[error("cannot use kubeconfig `{path}`")]
    Kubeconfig {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// A kubeconfig that is no YAML.
    #[error("cannot read kubeconfig `{}`", path.display())]
    KubeconfigSyntax {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: YamlError,
    },
    /// A context that no kubeconfig knows.
    #[error("context `{name}` not found")]
    NoContext {
        /// The name that was asked for.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// No context is chosen.
    #[error("no current context")]
    NoCurrentContext {
        /// The names that exist.
        known: Vec<String>,
    },
    /// A credential of a kubeconfig cannot be stored in a Secret.
    #[error("user `{user}` in `{path}` has no credentials that can be stored: {reason}")]
    Credentials {
        /// The kubeconfig.
        path: String,
        /// The user in it.
        user: String,
        /// What there is instead.
        reason: String,
    },
    /// A kind that the server does not know.
    #[error("unknown kind `{name}`")]
    UnknownKind {
        /// As written by the user.
        name: String,
        /// A kind with a similar name.
        similar: Option<String>,
    },
    /// The kinds of the platform are not installed.
    #[error("the kind {kind} is not installed in context `{context}`")]
    NotInstalled {
        /// Which kind.
        kind: String,
        /// Where.
        context: String,
    },
    /// An object that does not exist.
    #[error("{kind} `{name}` not found{}", in_namespace(.namespace))]
    NotFound {
        /// Singular name of its kind.
        kind: String,
        /// Its name.
        name: String,
        /// Where it was looked for.
        namespace: Option<String>,
        /// The namespaces that have an object of that name.
        elsewhere: Vec<String>,
    },
    /// An object that exists already.
    #[error("{kind} `{name}` already exists{}", in_namespace(.namespace))]
    AlreadyExists {
        /// Singular name of its kind.
        kind: String,
        /// Its name.
        name: String,
        /// Where.
        namespace: Option<String>,
    },
    /// A namespace that does not exist.
    #[error("cannot {act}: namespace `{namespace}` not found")]
    NoNamespace {
        /// What was attempted.
        act: String,
        /// Which.
        namespace: String,
        /// How long it was waited for because an Organization of that name exists, if so.
        waited_seconds: Option<u64>,
    },
    /// A component that cannot be built.
    #[error("component `{name}` in namespace `{namespace}` has no build section")]
    NoBuildSection {
        /// Its name.
        name: String,
        /// Where it is.
        namespace: String,
    },
    /// An object that the server or the platform gave a form that cannot be read.
    #[error("cannot read {object} as the server returned it")]
    Decode {
        /// Which.
        object: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Something that was waited for did not happen.
    #[error("{what} did not happen within {seconds} s")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
        /// What may be in the way.
        hint: Option<String>,
    },
    /// The server cannot be reached.
    #[error("cannot {act}: cannot reach the server of context `{context}`")]
    Unreachable {
        /// What was attempted.
        act: String,
        /// Where.
        context: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The server refused.
    #[error("cannot {act}: {reason}")]
    Refused {
        /// What was attempted.
        act: String,
        /// What the server said.
        reason: String,
        /// What may help.
        hint: Option<String>,
    },
    /// The conversation with the server broke.
    #[error("cannot {act}")]
    Cluster {
        /// What was attempted.
        act: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
}

impl CliError {
    /// What the user may do about it, without the word `hint`.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } | Self::Timeout { hint, .. } | Self::Refused { hint, .. } => hint.clone(),
            Self::NoManifests { has_subfolders: true, .. } => Some("read subfolders too with `--recursive`".to_owned()),
            Self::NoManifests { .. } => Some("files must end with `.yaml`, `.yml` or `.json`".to_owned()),
            Self::NoKubeconfig { searched } => {
                let places: Vec<String> = searched.iter().map(|path| format!("`{}`", path.display())).collect();
                let looked = if places.is_empty() { String::new() } else { format!(" (not in {})", places.join(", ")) };
                Some(format!("name a kubeconfig with `--kubeconfig` or the variable `KUBECONFIG`{looked}"))
            }
            Self::NoContext { known, .. } | Self::NoCurrentContext { known } if known.is_empty() => {
                Some("the kubeconfig has no contexts".to_owned())
            }
            Self::NoContext { known, .. } => Some(format!("the contexts are {}", quoted(known))),
            Self::NoCurrentContext { known } => {
                Some(format!("choose one with `choreoctl config use-context`: {}", quoted(known)))
            }
            Self::Credentials { .. } => {
                Some("choose a user with a client certificate or a token, or give the files one by one".to_owned())
            }
            Self::UnknownKind { similar: Some(similar), .. } => Some(format!("did you mean `{similar}`?")),
            Self::NotInstalled { .. } => {
                Some("install the platform's kinds first, or choose another context with `--context`".to_owned())
            }
            Self::NotFound { elsewhere, .. } if !elsewhere.is_empty() => {
                Some(format!("one of that name is in namespace {}: choose it with `-n`", quoted(elsewhere)))
            }
            Self::NotFound { kind, namespace, .. } => Some(match namespace {
                Some(namespace) => format!("list what is there with `choreoctl get {kind} -n {namespace}`"),
                None => format!("list what is there with `choreoctl get {kind}`"),
            }),
            Self::AlreadyExists { .. } => Some("change it with `choreoctl apply`".to_owned()),
            Self::NoNamespace { namespace, waited_seconds: Some(seconds), .. } => Some(format!(
                "organization `{namespace}` exists, but its namespace did not appear within {seconds} s: is the \
                 controller manager running?"
            )),
            Self::NoNamespace { namespace, .. } => {
                Some(format!("`choreoctl create organization --name {namespace}` makes an organization's namespace"))
            }
            Self::NoBuildSection { .. } => {
                Some("add `spec.build` with a repository and a template to the component".to_owned())
            }
            Self::Unreachable { .. } => Some(
                "is the cluster running? choose another with `--context`; `choreoctl config get-contexts` lists them"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// What the user is told: the error with its causes, and the hint after a blank line.
    pub fn report(&self) -> String {
        let mut text = format!("error: {self}");
        let mut told = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let message = error.to_string();
            // Wrappers often repeat what they wrap.
            if !told.contains(&message) {
                let _ = write!(text, ": {message}");
                told = message;
            }
            cause = error.source();
        }
        text.push('\n');
        if let Some(hint) = self.hint() {
            let _ = write!(text, "\nhint: {hint}\n");
        }
        text
    }

    /// The exit code: 2 for arguments that make no sense, 0 when nobody listens any more, otherwise 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::ClosedPipe => ExitCode::SUCCESS,
            Self::Usage { .. } => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn from_write(source: std::io::Error) -> Self {
        if source.kind() == std::io::ErrorKind::BrokenPipe { Self::ClosedPipe } else { Self::Write { source } }
    }

    /// Sorts what the client reports: not reached, refused, or broken.
    pub(crate) fn from_kube(act: impl Into<String>, context: &str, source: kube::Error) -> Self {
        let act = act.into();
        match source {
            kube::Error::Api(status) => {
                let hint = match status.reason.as_str() {
                    "Unauthorized" => Some(format!("the credentials of context `{context}` are not accepted")),
                    "Conflict" if status.message.contains("Apply failed with") => {
                        Some("take the fields over with `--force-conflicts`".to_owned())
                    }
                    _ => None,
                };
                let reason = status.message.trim().to_owned();
                let reason = if reason.is_empty() { format!("the server answered {}", status.code) } else { reason };
                Self::Refused { act, reason, hint }
            }
            source @ (kube::Error::Service(_) | kube::Error::HyperError(_)) => {
                Self::Unreachable { act, context: context.to_owned(), source: Box::new(source) }
            }
            source => Self::Cluster { act, source: Box::new(source) },
        }
    }
}

/// `` `a`, `b` ``.
pub(crate) fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn in_namespace(namespace: &Option<String>) -> String {
    namespace.as_ref().map(|namespace| format!(" in namespace `{namespace}`")).unwrap_or_default()
}

fn manifest_report(problems: &[Problem]) -> String {
    let plural = if problems.len() == 1 { "" } else { "s" };
    let mut text = format!("{} problem{plural} in the manifests, nothing was sent\n", problems.len());
    for problem in problems {
        let _ = write!(text, "\n  {problem}");
    }
    text
}
