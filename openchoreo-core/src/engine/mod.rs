//! The engine: it watches, calls planners, and applies what their plans still need.
//!
//! [`core`] decides everything and does nothing; with feature `engine`, the driver around it does everything that the
//! core asks for, and decides nothing: it watches, connects, sends, and tells the core what came of it.

pub mod core;
#[cfg(feature = "engine")]
mod driver;

#[cfg(feature = "engine")]
pub use driver::{Engine, EngineError, EngineHandle, EngineSettings, LeaderSettings, Metrics};
