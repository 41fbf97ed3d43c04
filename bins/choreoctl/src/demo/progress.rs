//! What happens, as it happens: one line for each turn of a Ready condition.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use futures::stream::{BoxStream, SelectAll};
use futures::{StreamExt, TryStreamExt};
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{Build, Component, DeployableArtifact, Deployment, DeploymentTrack, Endpoint};

use super::WalkError;
use crate::error::CliError;
use crate::io::Io;

/// Writes lines to standard error: dim times on a terminal, plain when piped, none where a program reads the result.
pub(super) struct Progress {
    started: Instant,
    silent: bool,
    colored: bool,
    seen: BTreeMap<(&'static str, String), (String, String)>,
}

/// A turn of an object: its kind, its name, what Ready says, and the object where it is an Endpoint.
struct Turn {
    kind: &'static str,
    name: String,
    status: String,
    reason: String,
    message: String,
    endpoint: Option<Box<Endpoint>>,
}

impl Progress {
    pub(super) fn new(started: Instant, silent: bool) -> Self {
        Self { started, silent, colored: std::io::stderr().is_terminal(), seen: BTreeMap::new() }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn line(&self, io: &mut Io, what: &str, text: &str) -> Result<(), CliError> {
        if self.silent {
            return Ok(());
        }
        let time = format!("{:>7.3}s", self.started.elapsed().as_secs_f64());
        if self.colored {
            io.note(&format!("\u{1b}[2m{time}\u{1b}[0m \u{1b}[1m{what:<14}\u{1b}[0m {text}"))
        } else {
            io.note(&format!("{time} {what:<14} {text}"))
        }
    }

    /// Follows what is made for the components of a namespace until an Endpoint is published.
    pub(super) async fn follow(
        &mut self,
        io: &mut Io,
        control: &Client,
        namespace: &str,
    ) -> Result<Endpoint, WalkError> {
        let mut turns = SelectAll::new();
        turns.push(turns_of::<Component>(control, namespace));
        turns.push(turns_of::<DeploymentTrack>(control, namespace));
        turns.push(turns_of::<Build>(control, namespace));
        turns.push(turns_of::<DeployableArtifact>(control, namespace));
        turns.push(turns_of::<Deployment>(control, namespace));
        turns.push(turns_of::<Endpoint>(control, namespace));
        while let Some(turn) = turns.next().await {
            let said = (turn.status.clone(), turn.reason.clone());
            let key = (turn.kind, turn.name.clone());
            if self.seen.get(&key) != Some(&said) {
                self.line(
                    io,
                    turn.kind,
                    &format!("{} {} ({}): {}", turn.name, word(&turn.status), turn.reason, turn.message),
                )?;
                self.seen.insert(key, said);
            }
            if let Some(endpoint) = turn.endpoint
                && turn.status == "True"
                && endpoint
                    .status
                    .as_ref()
                    .is_some_and(|status| status.address.as_ref().is_some_and(|a| a.starts_with("https://")))
            {
                return Ok(*endpoint);
            }
        }
        Err(WalkError::Demo(super::DemoError::NoAnswer))
    }
}

fn word(status: &str) -> &'static str {
    match status {
        "True" => "ready",
        "False" => "not ready",
        _ => "pending",
    }
}

fn turns_of<K: PlatformKind<Scope = kube::core::NamespaceResourceScope>>(
    control: &Client,
    namespace: &str,
) -> BoxStream<'static, Turn> {
    let api: Api<K> = Api::namespaced(control.clone(), namespace);
    let turn = |object: K| {
        let ready = object.condition("Ready")?;
        Some(Turn {
            kind: K::KIND,
            name: object.name_any(),
            status: ready.status.clone(),
            reason: ready.reason.clone(),
            message: ready.message.clone(),
            endpoint: (&object as &dyn std::any::Any).downcast_ref::<Endpoint>().cloned().map(Box::new),
        })
    };
    watcher(api, watcher::Config::default())
        .default_backoff()
        .applied_objects()
        .into_stream()
        .filter_map(move |object| std::future::ready(object.ok().and_then(turn)))
        .boxed()
}
