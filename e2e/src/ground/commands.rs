//! The command line, as people use it, in this process.

use std::io::{Cursor, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use choreoctl::{Cli, Io};
use clap::Parser as _;
use serde_json::Value;

use super::Ground;

impl Ground {
    /// Runs `choreoctl` against the control plane; gives what it printed.
    ///
    /// # Errors
    /// The command failed; the error holds what it said.
    pub(crate) async fn choreoctl(&self, words: &[&str], input: &str) -> anyhow::Result<String> {
        let place = ["choreoctl", "--context", &self.planes.control.context];
        let cli = Cli::try_parse_from(place.iter().chain(words)).context("the command does not parse")?;
        let (out, err) = (Buffer::default(), Buffer::default());
        let mut io = Io::new(Cursor::new(input.to_owned().into_bytes()), out.clone(), err.clone())
            .with_kubeconfig(Some(self.planes.kubeconfig.clone()));
        let code = match choreoctl::run(cli, &mut io).await {
            Ok(code) => code,
            Err(error) => io.fail(&error),
        };
        if code != ExitCode::SUCCESS {
            bail!("`choreoctl {}` failed:\n{}{}", words.join(" "), out.text(), err.text());
        }
        Ok(out.text())
    }

    /// Applies manifests with `choreoctl apply -f -`.
    pub(crate) async fn apply(&self, manifests: &[Value]) -> anyhow::Result<()> {
        let text: Vec<String> = manifests.iter().map(Value::to_string).collect();
        self.choreoctl(&["apply", "-f", "-"], &text.join("\n---\n")).await.map(drop)
    }
}

/// A stream of a command that is kept.
#[derive(Clone, Debug, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
