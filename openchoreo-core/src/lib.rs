//! The core of OpenChoreo: a platform as a pure function of what people wrote.
//!
//! Planners ([`planner`]) turn one object and a view of all planes ([`world`]) into a [`plan`]; one engine owns all
//! input and output (feature `engine`). What a planner reads is recorded, so a change wakes exactly its readers; what a
//! plan wants is compared with what is, so a plan that is applied costs no request.
//!
//! Without features this crate is pure: no network, no clock, no randomness, no async runtime. Its modules stand on
//! floors, and know only those below:
//! 1. [`kind`], [`labels`], [`naming`], [`conditions`]: what things are called, and how verdicts are written;
//!    [`isolation`]: who may reach whom;
//! 2. [`record`]: which planes an object has parts in; [`world`]: what is known of every plane; [`plan`]: what should be, as data, and what it still needs;
//! 3. [`reach`]: who reaches what, as extensions tell it; [`extension`]: what a platform team brings; [`planner`]: what a planner is and sees;
//! 4. [`hierarchy`], [`remote`]: who owns what, and what is where, as planners ask;
//! 5. [`planners`]: the platform kinds (Organization, Project, Environment, DataPlane, DeploymentPipeline, Component);
//! 6. [`platform`]: all of that, chosen and checked; [`client`]: credentials and clients of planes;
//! 7. [`engine::core`]: every decision of the engine, as one state machine;
//! 8. [`offline`]: YAML in, objects out, with no cluster; with feature `testing` the simulator; with feature `engine` the
//!    driver in [`engine`].
//!
//! Feature `client`: clients of the planes by registration, which survive the rotation of credentials. Feature `engine`:
//! the loop that watches and applies. Feature `testing`: `simulation`, which runs the core and planners against modelled
//! servers in any order.

pub mod client;
pub mod conditions;
pub mod extension;
pub mod hierarchy;
pub mod isolation;
pub mod kind;
pub mod labels;
pub mod naming;
pub mod offline;
pub mod plan;
pub mod planner;
pub mod planners;
pub mod platform;
pub mod pod_security;
pub mod reach;
pub mod record;
pub mod remote;
pub mod resources;
#[cfg(feature = "testing")]
pub mod simulation;
pub mod world;

pub mod engine;

pub use k8s_openapi;
pub use kube;
pub use openchoreo_types as types;
