//! Plays a Gateway API implementation: statuses as a real one writes them, and sockets that evaluate the same routes
//! and answer in the place of the workloads.
//!
//! `observation` caches what decides about routing, `attachment` evaluates it, `control` writes statuses and proxy
//! Services, `routing` finds the rule for a request, `answer` words the answer, and `listener` and `serve` are the
//! sockets. Not simulated: traffic to containers, weights, mirrors, time-outs, certificates of Secrets, and every
//! kind that a gateway brings along for itself, policies among them.

mod answer;
mod attachment;
mod control;
mod listener;
mod model;
mod observation;
mod routing;
mod serve;

pub use listener::{GatewayListener, GatewayListenerError, GatewayProtocol};

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use kube::Client;

use control::Attached;
use observation::{Affected, Observation, Pending};

/// How long a failed pass waits before it is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How the gateway is simulated.
#[derive(Debug)]
pub struct GatewaySettings {
    /// The controller whose GatewayClasses are ours.
    pub controller_name: String,
    /// The sockets. A Gateway without one gets its statuses and its Service, and nothing answers for it.
    pub listeners: Vec<GatewayListener>,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self { controller_name: "gateway.envoyproxy.io/gatewayclass-controller".to_owned(), listeners: Vec::new() }
    }
}

/// Runs until dropped.
pub(super) async fn run(client: Client, settings: GatewaySettings) {
    let (observation, changes) = Observation::start(&client, settings.controller_name);
    let sockets = settings
        .listeners
        .into_iter()
        .map(|listener| serve::run(client.clone(), listener, Arc::clone(&observation)).boxed());
    let mut running: Vec<_> = sockets.collect();
    running.push(control(client.clone(), Arc::clone(&observation), changes).boxed());
    join_all(running).await;
}

/// Takes changes as they come, many at a time, and makes one pass for each batch.
async fn control(client: Client, observation: Arc<Observation>, changes: BoxStream<'static, Affected>) {
    let mut batches = changes.ready_chunks(4096);
    let mut pending = Pending::default();
    let mut attached = Attached::new();
    loop {
        // What failed before is tried again after a while, even when nothing changes.
        let batch = if pending.is_empty() {
            batches.next().await
        } else {
            tokio::time::timeout(RETRY_AFTER, batches.next()).await.unwrap_or_else(|_| Some(Vec::new()))
        };
        let Some(batch) = batch else { return };
        batch.into_iter().for_each(|affected| pending.add(affected));
        match control::pass(&client, &observation, &pending, &mut attached).await {
            Ok(()) => pending.clear(),
            Err(error) => tracing::debug!(%error, "simulated gateway will retry"),
        }
    }
}
