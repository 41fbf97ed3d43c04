//! What the example programs share: the house schemes of an invented platform team.
//!
//! The programs are in `src/bin`; each says at its top what it shows, how it is run and what it prints. The schemes are
//! here, since two programs and the README use them.

mod house;

pub use house::{HouseHostnames, HouseNames};

/// The README's program is compiled with the documentation tests, so that it stays true.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct Readme;
