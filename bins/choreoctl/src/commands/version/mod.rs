//! `version`: what this program is, and what the server is when it answers quickly.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};

use crate::args::{GlobalArgs, VersionArgs, VersionFormat};
use crate::cluster::Cluster;
use crate::error::CliError;
use crate::io::Io;
use crate::output::{to_json, to_yaml};

/// Somebody who asks for a version does not want to wait for a cluster that is down.
const PATIENCE: Duration = Duration::from_secs(3);

/// Prints both versions. A server that cannot be asked is a note, not a failure.
pub(crate) async fn run(args: VersionArgs, global: &GlobalArgs, io: &mut Io) -> Result<ExitCode, CliError> {
    let connecting = Cluster::connect(global, io);
    match server_version(connecting).await {
        Ok(server) => print(args, Some(server), io)?,
        Err(error) => {
            print(args, None, io)?;
            io.note(&format!("no server version: {error}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the version of this program.
pub(crate) fn run_client(args: VersionArgs, io: &mut Io) -> Result<ExitCode, CliError> {
    print(args, None, io)?;
    Ok(ExitCode::SUCCESS)
}

async fn server_version(connecting: impl Future<Output = Result<Cluster, CliError>>) -> Result<Value, CliError> {
    let cluster = connecting.await?;
    let client = cluster.client();
    let act = "read the server's version";
    let asked = tokio::time::timeout(PATIENCE, client.apiserver_version()).await;
    let info = asked
        .map_err(|_| CliError::Timeout {
            what: format!("an answer of the server of context `{}`", cluster.context()),
            seconds: PATIENCE.as_secs(),
            hint: None,
        })?
        .map_err(|source| CliError::from_kube(act, cluster.context(), source))?;
    Ok(json!({"context": cluster.context(), "gitVersion": info.git_version, "platform": info.platform}))
}

fn print(args: VersionArgs, server: Option<Value>, io: &mut Io) -> Result<(), CliError> {
    let client = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    });
    let mut versions = serde_json::Map::from_iter([("clientVersion".to_owned(), client)]);
    if let Some(server) = &server {
        versions.insert("serverVersion".to_owned(), server.clone());
    }
    match args.output {
        Some(VersionFormat::Json) => io.data(&to_json(&Value::Object(versions))?),
        Some(VersionFormat::Yaml) => io.data(&to_yaml(&Value::Object(versions))?),
        None => {
            io.line(&format!("choreoctl {}", env!("CARGO_PKG_VERSION")))?;
            let Some(server) = server else { return Ok(()) };
            let text = |field: &str| server.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            io.line(&format!("Kubernetes {} (context {})", text("gitVersion"), text("context")))
        }
    }
}
