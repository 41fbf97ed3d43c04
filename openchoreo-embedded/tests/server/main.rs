//! The server's behaviour as its clients see it: over HTTP messages, through `kube`, and over TLS.

#![expect(clippy::unwrap_used, reason = "in a test, an absent value is the failure")]

mod access;
mod apply;
mod custom;
mod deletion;
mod discovery;
mod lists;
mod objects;
mod runtime;
mod support;
mod watches;
