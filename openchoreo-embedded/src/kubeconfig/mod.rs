//! Kubeconfig files: how clients in other processes find servers and log in.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// How a context logs in.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A bearer token.
    Token(String),
    /// A client certificate and its key, in PEM.
    Certificate {
        /// The certificate.
        certificate: String,
        /// The private key.
        key: String,
    },
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Token(_) => "Token",
            Self::Certificate { .. } => "Certificate",
        };
        formatter.debug_tuple(kind).field(&"***").finish()
    }
}

/// One server and a way into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The URL of the server.
    pub server: String,
    /// The certificate authority of the server, in PEM.
    pub authority: String,
    /// How to log in.
    pub login: Login,
    /// The namespace that commands mean when they name none.
    pub namespace: String,
}

/// A kubeconfig with any number of contexts.
///
/// ```
/// use openchoreo_embedded::kubeconfig::{Context, Kubeconfig, Login};
///
/// let context = Context {
///     server: "https://127.0.0.1:6443".into(),
///     authority: String::new(),
///     login: Login::Token("secret".into()),
///     namespace: "default".into(),
/// };
/// let config = Kubeconfig::default().with_context("embedded", context);
/// assert!(config.to_yaml()?.contains("current-context: embedded"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kubeconfig {
    contexts: BTreeMap<String, Context>,
    current: Option<String>,
}

/// A kubeconfig could not be written.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// It has no YAML form.
    #[error("cannot write the kubeconfig as YAML: {0}")]
    Format(String),
    /// The file could not be written.
    #[error("cannot write the kubeconfig `{path}`")]
    Write {
        /// The file.
        path: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl Kubeconfig {
    /// Adds a context; the first one is the current one.
    #[must_use]
    pub fn with_context(mut self, name: impl Into<String>, context: Context) -> Self {
        let name = name.into();
        self.current.get_or_insert_with(|| name.clone());
        self.contexts.insert(name, context);
        self
    }

    /// All contexts of both; this one's current context stays the current one.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.contexts.extend(other.contexts);
        self.current = self.current.or(other.current);
        self
    }

    /// The file's text.
    pub fn to_yaml(&self) -> Result<String, KubeconfigError> {
        serde_saphyr::to_string(&self.to_value()).map_err(|error| KubeconfigError::Format(error.to_string()))
    }

    /// Writes the file, readable by its owner only, since it holds credentials.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), KubeconfigError> {
        let path = path.as_ref();
        let yaml = self.to_yaml()?;
        write_private(path, yaml.as_bytes())
            .map_err(|source| KubeconfigError::Write { path: path.display().to_string(), source })
    }

    fn to_value(&self) -> Value {
        let mut clusters = Vec::new();
        let mut users = Vec::new();
        let mut contexts = Vec::new();
        for (name, context) in &self.contexts {
            let authority = STANDARD.encode(&context.authority);
            clusters.push(json!({
                "name": name,
                "cluster": {"server": context.server, "certificate-authority-data": authority},
            }));
            let user = match &context.login {
                Login::Token(token) => json!({"token": token}),
                Login::Certificate { certificate, key } => json!({
                    "client-certificate-data": STANDARD.encode(certificate),
                    "client-key-data": STANDARD.encode(key),
                }),
            };
            users.push(json!({"name": name, "user": user}));
            contexts.push(json!({
                "name": name,
                "context": {"cluster": name, "user": name, "namespace": context.namespace},
            }));
        }
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "preferences": {},
            "clusters": clusters,
            "users": users,
            "contexts": contexts,
            "current-context": self.current.clone().unwrap_or_default(),
        })
    }
}

/// Writes beside the file and renames, so that nobody ever reads half of it or finds it open to others.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", uuid::Uuid::new_v4()));
    let temporary = path.with_file_name(name);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    drop(file);
    std::fs::rename(&temporary, path)
}
