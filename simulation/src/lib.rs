//! The shipped platform in every order: what people, clusters and failures may do to it, and what must hold.
//!
//! [`Fleet`] is a scenario for [`openchoreo_core::simulation`]: an organization on two clusters (one of them registered
//! twice), whose components are written, edited, broken, moved and deleted while messages are lost and managers crash.
//! [`Small`] is a scenario for small scopes: one component and all that it needs, of which two things are deleted or
//! broken, at every turn of the one's course that the other can come at.

mod clusters;
mod fleet;
mod manifests;
mod rules;
mod small;

pub use fleet::Fleet;
pub use small::{Scope, Small};
