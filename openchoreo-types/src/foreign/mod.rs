//! Typed subsets of the foreign kinds that the platform writes, one module a project.
//!
//! A subset has the fields that the platform writes or reads. Where it also passes objects on, a type has a field
//! `extra` for everything else. Values that the other project may extend are text, with constants for the known ones,
//! so that a newer release over there never makes an object unreadable here.

pub mod argo;
pub mod cilium;
pub mod envoy_gateway;
pub mod gateway_api;
pub mod secrets_store;
