//! The behaviour of this crate: whole cases of renderers, planners against whole platforms without a cluster.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod belonging;
mod cases;
mod cells;
mod deletion;
mod deployment;
mod health;
mod images;
mod isolation;
mod lab;
mod labels;
mod missing;
mod narrowing;
mod pod_security;
mod pulling;
mod refusals;
mod resources;
mod running;
mod secrets;
mod track;
mod vault;
