//! A control plane in this process, and commands whose output is kept.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use choreoctl::{Cli, Io};
use clap::Parser;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, PostParams};
use openchoreo_embedded::{Listener, ListenerSettings, Server};
use tempfile::TempDir;

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: ExitCode,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    /// Standard output of a command that must have succeeded.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, ExitCode::SUCCESS, "{self:?}");
        self.out
    }

    /// Standard error of a command that must have failed.
    #[track_caller]
    pub(crate) fn failure(self) -> String {
        assert_eq!(self.code, ExitCode::FAILURE, "{self:?}");
        self.err
    }
}

/// A buffer that a command writes to and a test reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a command without any kubeconfig around it.
pub(crate) async fn choreoctl(arguments: &[&str], input: &str) -> Outcome {
    let out = Buffer::default();
    let code_and_err = run(arguments, input, None, out.clone()).await;
    Outcome { code: code_and_err.0, out: out.text(), err: code_and_err.1 }
}

async fn run(arguments: &[&str], input: &str, kubeconfig: Option<&Path>, out: Buffer) -> (ExitCode, String) {
    let err = Buffer::default();
    let mut io = Io::new(std::io::Cursor::new(input.to_owned().into_bytes()), out, err.clone())
        .with_kubeconfig(kubeconfig.map(|path| path.as_os_str().to_owned()))
        .with_random(|| 0xc0ffee);
    let cli = match Cli::try_parse_from(std::iter::once(&"choreoctl").chain(arguments)) {
        Ok(cli) => cli,
        Err(error) => return (ExitCode::from(u8::try_from(error.exit_code()).unwrap()), error.to_string()),
    };
    let code = match choreoctl::run(cli, &mut io).await {
        Ok(code) => code,
        Err(error) => io.fail(&error),
    };
    (code, err.text())
}

/// A control plane with the platform's kinds, and a kubeconfig for it.
pub(crate) struct Plane {
    server: Server,
    _listener: Listener,
    folder: TempDir,
}

impl Plane {
    pub(crate) async fn start() -> Self {
        let server = Server::default();
        let listener = Listener::start(server.clone(), ListenerSettings::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        listener.admin_kubeconfig("test").write(folder.path().join("kubeconfig")).unwrap();
        let plane = Self { server, _listener: listener, folder };
        let definitions: Api<CustomResourceDefinition> = Api::all(plane.client());
        for definition in openchoreo_types::crds() {
            definitions.create(&PostParams::default(), &definition).await.unwrap();
        }
        plane
    }

    /// A control plane with namespaces.
    pub(crate) async fn with_namespaces(names: &[&str]) -> Self {
        let plane = Self::start().await;
        for name in names {
            plane.create_namespace(name).await;
        }
        plane
    }

    pub(crate) async fn create_namespace(&self, name: &str) {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        Api::<Namespace>::all(self.client()).create(&PostParams::default(), &namespace).await.unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        self.server.client()
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Writes a file beside the kubeconfig; returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, "").await
    }

    /// Runs a command that reads standard input.
    pub(crate) async fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let out = Buffer::default();
        let (code, err) = run(arguments, input, Some(&self.kubeconfig()), out.clone()).await;
        Outcome { code, out: out.text(), err }
    }

    /// Starts a command that does not end by itself; its output grows in the buffer.
    pub(crate) fn start_command(&self, arguments: &[&str]) -> (tokio::task::JoinHandle<()>, Buffer) {
        let out = Buffer::default();
        let (arguments, kubeconfig, buffer) = (
            arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>(),
            self.kubeconfig(),
            out.clone(),
        );
        let task = tokio::spawn(async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            run(&arguments, "", Some(&kubeconfig), buffer).await;
        });
        (task, out)
    }
}

/// Looks again and again until something is so; a test that waits in vain is ended by the panic.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{what} did not happen");
}

pub(crate) const PROJECT: &str = "
apiVersion: openchoreo.dev/v1alpha1
kind: Project
metadata: {name: shop, namespace: acme}
spec: {deploymentPipelineRef: default-pipeline}
";

pub(crate) const COMPONENT: &str = "
apiVersion: openchoreo.dev/v1alpha1
kind: Component
metadata: {name: web, namespace: acme}
spec:
  owner: {projectName: shop}
  type: Service
  build:
    repository: {url: 'https://example.com/web.git', revision: {branch: main}, appPath: /}
    templateRef: {name: docker}
";
