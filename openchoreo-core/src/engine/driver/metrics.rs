//! What the engine measures, for Prometheus and for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Labels of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    /// `control`, or `<namespace>/<name>` of the plane.
    pub(super) plane: String,
    /// `apply`, `repair`, `delete`, `status`, `finalizers`.
    pub(super) verb: &'static str,
    /// `ok` or `error`.
    pub(super) result: &'static str,
}

/// Labels of a pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    planner: &'static str,
}

/// Counters and histograms of one engine.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    passes: Family<PassLabels, Counter>,
    pass_seconds: Histogram,
    running: Gauge,
    leading: Gauge,
    request_count: Arc<AtomicU64>,
    pass_count: Arc<AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            passes: Family::default(),
            // 1 µs to about 16 ms: a pass is a computation in memory.
            pass_seconds: Histogram::new(exponential_buckets(1e-6, 2.0, 15)),
            running: Gauge::default(),
            leading: Gauge::default(),
            request_count: Arc::default(),
            pass_count: Arc::default(),
        }
    }
}

impl Metrics {
    /// Registers everything under the prefix `openchoreo`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("openchoreo");
        registry.register("requests", "Requests that change a plane, by plane, verb and result", self.requests.clone());
        registry.register("passes", "Plans made, by planner", self.passes.clone());
        registry.register("pass_seconds", "Time to make one plan", self.pass_seconds.clone());
        registry.register("running", "Passes under way", self.running.clone());
        registry.register("leading", "Whether this process is the one that acts", self.leading.clone());
    }

    /// Requests that changed a plane, or tried to, since the start.
    pub fn requests(&self) -> u64 {
        self.request_count.load(Ordering::Relaxed)
    }

    /// Plans made since the start.
    pub fn passes(&self) -> u64 {
        self.pass_count.load(Ordering::Relaxed)
    }

    /// Passes under way.
    pub fn running(&self) -> i64 {
        self.running.get()
    }

    /// Whether this process is the one that acts.
    pub fn is_leading(&self) -> bool {
        self.leading.get() != 0
    }

    pub(super) fn set_leading(&self, is_leading: bool) {
        self.leading.set(i64::from(is_leading));
    }

    pub(super) fn set_running(&self, running: usize) {
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
    }

    pub(super) fn count_request(&self, labels: &RequestLabels) {
        self.requests.get_or_create(labels).inc();
        self.request_count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_pass(&self, planner: &'static str, took: Duration) {
        self.passes.get_or_create(&PassLabels { planner }).inc();
        self.pass_seconds.observe(took.as_secs_f64());
        self.pass_count.fetch_add(1, Ordering::Relaxed);
    }
}
