//! Endpoints, gateways, routes and network policies: who may reach what a component serves, and how.
//!
//! Three parts, each replaceable through a trait of `openchoreo-core`:
//!
//! - [`gateway`] publishes an endpoint: [`EnvoyGateway`] with tokens, cross-origin rules and limits, [`GatewayApi`] with
//!   plain routes only.
//! - [`policy`] isolates a namespace, in the dialect of Kubernetes and in that of Cilium.
//! - [`endpoint`] is the planner of the Endpoint kind: it decides what is published where, and says how that went.
//!
//! [`reach`] tells of any World who may reach what in its planes, and what an edit lets whom reach.
//!
//! Everything fails closed. Nothing is public unless someone wrote `public`; what protects a route is applied before the
//! route; and where a protection cannot be expressed there is no route, but a condition that says why.
//!
//! The crate runs no proxy and talks to no cluster.

pub mod endpoint;
pub mod gateway;
pub mod policy;
pub mod reach;

use std::sync::Arc;

use openchoreo_core::conditions::ReasonInfo;
use openchoreo_core::planner::AnyPlanner;

pub use endpoint::{EndpointPlanner, EndpointReason};
pub use gateway::{EnvoyGateway, GatewayApi, PathStyle};
pub use policy::{CiliumNetworkPolicies, KubernetesNetworkPolicies, builtin_dialects};

/// The planners of this crate.
pub fn planners() -> Vec<Arc<dyn AnyPlanner>> {
    vec![Arc::new(EndpointPlanner)]
}

/// The condition reasons of this crate, for the documents.
pub fn reasons() -> Vec<ReasonInfo> {
    EndpointReason::ALL.to_vec()
}
