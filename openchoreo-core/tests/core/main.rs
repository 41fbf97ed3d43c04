//! The integration tests of the crate, one module per area.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod deletion;
mod hierarchy;
mod naming;
mod pipelines;
mod platform;
mod world;
