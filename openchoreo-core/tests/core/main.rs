//! The integration tests of the crate, one module per area.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[cfg(feature = "client")]
mod clients;
mod deletion;
mod effects;
mod engine;
mod extending;
mod hierarchy;
mod hosts;
#[cfg(feature = "engine")]
mod leadership;
mod naming;
mod pipelines;
mod platform;
mod registrations;
mod world;
