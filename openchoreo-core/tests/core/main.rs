//! The integration tests of the crate, one module per area.

mod naming;
mod platform;
mod world;
