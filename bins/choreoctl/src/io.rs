//! Where a command reads and writes, and what it may know of the process that it runs in.
//!
//! Commands touch neither standard streams nor environment variables themselves, so that tests and other programs can
//! run them with streams of their own.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::error::CliError;

/// The streams, places of kubeconfigs and source of randomness of one run.
pub struct Io {
    input: Box<dyn Read + Send>,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    home: Option<PathBuf>,
    kubeconfig: Option<OsString>,
    random: Box<dyn FnMut() -> u32 + Send>,
}

impl fmt::Debug for Io {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Io").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Io {
    /// The streams, home folder and variable `KUBECONFIG` of this process.
    pub fn from_process() -> Self {
        Self::new(std::io::stdin(), std::io::stdout(), std::io::stderr())
            .with_home(std::env::home_dir())
            .with_kubeconfig(std::env::var_os("KUBECONFIG"))
    }

    /// Streams of the caller's choice, no kubeconfig of its own, and random numbers from the operating system.
    pub fn new(
        input: impl Read + Send + 'static,
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> Self {
        let random = || uuid::Uuid::new_v4().as_fields().0;
        Self {
            input: Box::new(input),
            out: Box::new(out),
            err: Box::new(err),
            home: None,
            kubeconfig: None,
            random: Box::new(random),
        }
    }

    /// Sets the folder that the default kubeconfig is in.
    #[must_use]
    pub fn with_home(mut self, home: Option<PathBuf>) -> Self {
        self.home = home;
        self
    }

    /// Sets the kubeconfigs to use when the arguments name none, in the form of the variable `KUBECONFIG`.
    #[must_use]
    pub fn with_kubeconfig(mut self, kubeconfig: Option<OsString>) -> Self {
        self.kubeconfig = kubeconfig;
        self
    }

    /// Replaces the source of randomness.
    #[must_use]
    pub fn with_random(mut self, random: impl FnMut() -> u32 + Send + 'static) -> Self {
        self.random = Box::new(random);
        self
    }

    /// Tells the user what went wrong; returns the exit code for it.
    ///
    /// A reader that has gone away is told nothing: `choreoctl get … | head` is no failure.
    pub fn fail(&mut self, error: &CliError) -> ExitCode {
        if !matches!(error, CliError::ClosedPipe) {
            // Nobody is left to tell when standard error is gone too.
            let _ = self.err.write_all(error.report().as_bytes()).and_then(|()| self.err.flush());
        }
        error.exit_code()
    }

    /// Writes data, as it is, to standard output.
    pub(crate) fn data(&mut self, text: &str) -> Result<(), CliError> {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(CliError::from_write)
    }

    /// Writes one line of data to standard output.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), CliError> {
        self.data(&format!("{text}\n"))
    }

    /// Writes one line that is no data to standard error.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), CliError> {
        self.err.write_all(format!("{text}\n").as_bytes()).and_then(|()| self.err.flush()).map_err(CliError::from_write)
    }

    /// All of standard input.
    pub(crate) fn read_input(&mut self) -> std::io::Result<String> {
        let mut text = String::new();
        self.input.read_to_string(&mut text)?;
        Ok(text)
    }

    pub(crate) fn home(&self) -> Option<&std::path::Path> {
        self.home.as_deref()
    }

    pub(crate) fn kubeconfig(&self) -> Option<&OsStr> {
        self.kubeconfig.as_deref()
    }

    pub(crate) fn random(&mut self) -> u32 {
        (self.random)()
    }
}
