//! Plays a Gateway API implementation: statuses as a real one writes them, and sockets that evaluate the same routes
//! and policies and answer in the place of the workloads.
//!
//! Whether a request is let in, and to which backend, is a pure function for anybody to ask: [`Objects`] are read from
//! plain JSON, and [`Rules::decide`] says what becomes of a request. The sockets ask the same function.
//!
//! `observation` caches what decides about requests, `attachment` evaluates which routes a Gateway takes, `policies`
//! which policies are in force, `control` writes statuses and proxy Services, `routing` finds the rule for a request,
//! `protection` holds the request against policies, `filters` reads what a rule does besides, `evaluation` puts these
//! together, `answer` words the answer, and `listener`, `published` and `serve` are the sockets and the keys.
//! Not simulated: traffic to containers, weights, mirrors, time-outs, certificates of Secrets. Of Envoy Gateway's kinds
//! SecurityPolicy, BackendTrafficPolicy and HTTPRouteFilter are evaluated; ClientTrafficPolicy and EnvoyExtensionPolicy
//! close what they apply to when they may decide about requests; others are not looked at.

mod answer;
mod attachment;
mod control;
mod evaluation;
mod filters;
mod listener;
mod matching;
mod model;
mod observation;
mod paths;
mod policies;
mod protection;
mod published;
mod routing;
mod serve;

pub use evaluation::{Decision, Destination, Objects, Outcome, RouteRule, Rules};
pub use listener::{GatewayListener, GatewayListenerError, GatewayProtocol};
pub use protection::{Circumstances, KeySets, KeySource, RequestCounts, SignatureError, TokenVerifier};

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
        batch.into_iter().filter(|affected| *affected != Affected::Nothing).for_each(|affected| pending.add(affected));
        if pending.is_empty() {
            continue;
        }
        match control::pass(&client, &observation, &pending, &mut attached).await {
            Ok(()) => pending.clear(),
            Err(error) => tracing::debug!(%error, "simulated gateway will retry"),
        }
    }
}
