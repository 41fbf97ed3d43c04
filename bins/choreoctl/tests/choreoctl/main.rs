//! The commands as people run them: in this process, against an embedded API server behind a TLS port.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the harness fails a test by panicking, as tests do")]

mod apply;
mod arguments;
mod config;
mod create;
mod delete;
mod get;
mod harness;
