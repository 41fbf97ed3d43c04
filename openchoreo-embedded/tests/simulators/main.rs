//! The simulators, driven through the API that they serve; and what the gateway decides, as a function.
//!
//! By default each test has a server of its own, in this process. With `OPENCHOREO_PLANE_KUBECONFIG` the same tests run
//! on a real API server that has controllers and no nodes; they leave their namespaces behind.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking and skip aloud")]

mod builds;
mod decisions;
mod gateway;
mod pods;
mod stage;
