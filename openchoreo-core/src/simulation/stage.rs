//! Everything there is while a scenario runs: servers, managers, the time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::choices::Choices;
use super::manager::{CONTROL, Manager, Servers};
use super::server::{Server, key_of};
use crate::engine::core::CoreSettings;
use crate::kind::{Kind, ObjectKey};
use crate::platform::Platform;

/// Everything there is while a scenario runs, as scenarios see it.
#[derive(Debug)]
pub struct Stage {
    /// The time.
    pub now: Timestamp,
    /// The API servers, by name; [`CONTROL`] among them.
    pub servers: BTreeMap<String, Server>,
    /// Where decisions come from.
    pub choices: Choices,
    pub(super) managers: Vec<Manager>,
    pub(super) leader: usize,
    pub(super) platform: Arc<Platform>,
    pub(super) settings: CoreSettings,
    /// How much of the history of each server its controllers have seen.
    pub(super) seen: BTreeMap<String, usize>,
    pub(super) storm_choices: Vec<u64>,
    pub(super) trace: Vec<String>,
    pub(super) has_trace: bool,
    /// What managers that are no more have sent.
    pub(super) sent_before: u64,
    pub(super) turns: u64,
}

impl Stage {
    /// The server of the control plane.
    pub fn control(&mut self) -> &mut Server {
        self.server(CONTROL)
    }

    /// A server by its name; one that holds nothing where there is none.
    pub fn server(&mut self, name: &str) -> &mut Server {
        self.servers.entry(name.to_owned()).or_default()
    }

    /// Writes an object of the control plane as a person does.
    pub fn write(&mut self, kind: Kind, object: Value) {
        let key = key_of(kind, &object);
        self.note(|| format!("somebody writes {key}"));
        self.control().write(kind, object);
    }

    /// Begins the deletion of an object of the control plane.
    pub fn delete(&mut self, key: &ObjectKey) {
        self.note(|| format!("somebody deletes {key}"));
        self.control().delete(key);
    }

    /// Adds a line to the trace.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if self.has_trace {
            let seconds = self.now.duration_since(start()).as_secs_f64();
            self.trace.push(format!("{seconds:>9.3}s {}", line()));
        }
    }

    pub(super) fn servers_know_the_time(&mut self) {
        let now = self.now;
        self.servers.values_mut().for_each(|server| server.now = now);
    }

    /// Requests that the managers have sent, those that are no more among them.
    pub(super) fn sent(&self) -> u64 {
        self.sent_before + self.managers.iter().map(|manager| manager.sent).sum::<u64>()
    }

    /// The manager of a number, which is one of those that were found to be there.
    pub(super) fn with(&mut self, number: usize, act: impl FnOnce(&mut Manager, &mut Servers, Timestamp)) {
        let Self { managers, servers, now, .. } = self;
        if let Some(manager) = managers.get_mut(number) {
            act(manager, servers, *now);
        }
    }
}

/// The time at which each run begins.
pub(super) fn start() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap_or(Timestamp::UNIX_EPOCH)
}
