//! Build engines and the planners of builds, checked by what they give.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod contract;
mod descriptors;
mod isolation;
mod laptop;
mod observing;
mod planning;
mod schema;
mod workflow;
