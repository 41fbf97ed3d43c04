//! The shipped platform in every order: what people, clusters and failures may do to it, and what must hold.
//!
//! [`Fleet`] is a scenario for [`openchoreo_core::simulation`]: an organization on two clusters (one of them registered
//! twice), whose components are written, edited, broken, moved and deleted while messages are lost and managers crash.

mod fleet;
mod manifests;

pub use fleet::Fleet;
