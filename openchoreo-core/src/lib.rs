//! The core of OpenChoreo: a platform as a pure function of what people wrote.
//!
//! Planners ([`planner`]) turn one object and a view of all planes ([`world`]) into a [`plan`]; one engine owns all
//! input and output (feature `engine`). What a planner reads is recorded, so a change wakes exactly its readers; what a
//! plan wants is compared with what is, so a plan that is applied costs no request.
//!
//! Without features this crate is pure: no network, no clock, no randomness, no async runtime.
//! - [`naming`], [`labels`], [`hierarchy`]: who owns what, and what it is called.
//! - [`conditions`]: conditions from typed reasons, in one place.
//! - [`platform`], [`extension`]: what a platform team chooses and brings.
//! - [`planners`]: the platform kinds (Organization, Project, Environment, DataPlane, DeploymentPipeline, Component).
//! - [`offline`]: YAML in, objects out, with no cluster.
//! - [`client`]: what a registration of a plane says, and which hosts planes may have.
//!
//! Feature `client`: clients of the planes by registration, which survive the rotation of credentials. Feature `engine`:
//! the loop that watches and applies.

pub mod client;
pub mod conditions;
pub mod extension;
pub mod hierarchy;
pub mod kind;
pub mod labels;
pub mod naming;
pub mod offline;
pub mod plan;
pub mod planner;
pub mod planners;
pub mod platform;
pub mod world;

#[cfg(feature = "engine")]
pub mod engine;

pub use k8s_openapi;
pub use kube;
pub use openchoreo_types as types;
