//! A program in a Git repository, for builds that are real: a static web server that answers with one line.
//!
//! The repository holds the compiled program and a Dockerfile that starts from nothing, so that a build needs no base
//! image. A Git daemon serves it on the address at which pods reach this machine.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::ground::Lane;

/// The address at which pods reach this machine.
pub(crate) const HOST: &str = "10.244.0.1";
const DOCKERFILE: &str = "FROM scratch\nCOPY app /app\nCMD [\"/app\"]\n";

/// A repository that is served until this is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    url: String,
    repository: PathBuf,
    _folder: TempDir,
    _daemon: Child,
}

impl Program {
    /// Makes a repository whose program answers with a text, and serves it.
    pub(crate) async fn publish(name: &str, text: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the repository")?;
        let repository = folder.path().join(name);
        tokio::fs::create_dir(&repository).await?;
        git(&repository, &["init", "--quiet", "--initial-branch", "main"]).await?;
        let port = tokio::net::TcpListener::bind((HOST, 0))
            .await
            .with_context(|| format!("{HOST} is not an address of this machine; is there a node?"))?
            .local_addr()?
            .port();
        let daemon = Command::new("git")
            .args(["daemon", "--export-all", "--reuseaddr", &format!("--listen={HOST}"), &format!("--port={port}")])
            .arg(format!("--base-path={}", folder.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the Git daemon")?;
        let program = Self { url: format!("git://{HOST}:{port}/{name}"), repository, _folder: folder, _daemon: daemon };
        program.commit(text).await?;
        Ok(program)
    }

    /// The same where builds are real.
    pub(crate) async fn publish_on(lane: Lane, name: &str, text: &str) -> anyhow::Result<Option<Self>> {
        match lane {
            Lane::Embedded | Lane::Planes => Ok(None),
            Lane::DataPlane => Self::publish(name, text).await.map(Some),
        }
    }

    /// The URL that the cluster clones from.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Commits a program that answers with another text.
    pub(crate) async fn commit(&self, text: &str) -> anyhow::Result<()> {
        let source = self.repository.join("app.c");
        tokio::fs::write(&source, source_of(text)).await?;
        tokio::fs::write(self.repository.join("Dockerfile"), DOCKERFILE).await?;
        run(&self.repository, "gcc", &["-static", "-O1", "-o", "app", "app.c"]).await?;
        git(&self.repository, &["add", "."]).await?;
        let author = ["-c", "user.name=e2e", "-c", "user.email=e2e@example.com"];
        git(&self.repository, &[author.as_slice(), &["commit", "--quiet", "-m", text]].concat()).await
    }
}

/// A server on port 80 that answers every request with a text.
fn source_of(text: &str) -> String {
    let length = text.len() + 1;
    let lines = [
        "#include <netinet/in.h>",
        "#include <signal.h>",
        "#include <string.h>",
        "#include <sys/socket.h>",
        "#include <unistd.h>",
        "int main(void) {",
        "  int on = 1, server = socket(AF_INET, SOCK_STREAM, 0);",
        "  struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(80) };",
        "  signal(SIGPIPE, SIG_IGN);",
        "  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);",
        "  if (bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 64)) return 1;",
        "  for (;;) {",
        "    char request[4096];",
        "    int client = accept(server, 0, 0);",
        "    if (client < 0) continue;",
        "    if (read(client, request, sizeof request) > 0) write(client, answer, strlen(answer));",
        "    shutdown(client, SHUT_WR);",
        "    close(client);",
        "  }",
        "}",
    ];
    let answer = format!(
        "static const char answer[] = \"HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: {length}\\r\\nConnection: close\\r\\n\\r\\n{text}\\n\";"
    );
    format!("{}\n{answer}\n{}\n", lines[..5].join("\n"), lines[5..].join("\n"))
}

async fn git(folder: &Path, words: &[&str]) -> anyhow::Result<()> {
    run(folder, "git", words).await
}

async fn run(folder: &Path, program: &str, words: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program).args(words).current_dir(folder).output().await;
    let output = output.with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {} failed:\n{said}", words.join(" "));
    Ok(())
}
