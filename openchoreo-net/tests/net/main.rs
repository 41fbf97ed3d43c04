//! Behaviour of endpoints, gateways and network policies, through the public API only.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by panicking")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod admission;
mod choosing;
mod endpoints;
mod gateways;
mod inputs;
mod openings;
mod policies;
mod reach;
mod schemas;
mod support;
mod verdicts;
