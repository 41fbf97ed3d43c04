//! The commands as people run them: in this process, against an embedded API server behind a TLS port.

mod apply;
mod arguments;
mod config;
mod create;
mod delete;
mod get;
mod harness;
