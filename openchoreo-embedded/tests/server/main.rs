//! The server's behaviour as its clients see it: over HTTP messages, through `kube`, and over TLS.

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
