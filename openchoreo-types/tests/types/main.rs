//! What the types promise: their schema, their JSON form, and what they refuse.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test reports by failing, and says loudly when it is skipped"
)]

mod cluster;
mod compatible_samples;
mod compatible_schema;
mod data;
mod definitions;
mod foreign_kinds;
mod json_form;
mod manifests;
