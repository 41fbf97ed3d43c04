//! What follows from a write: the work that a cluster's controller manager and API extensions server do for every user.
//!
//! Each controller reacts to one committed change, under the state's lock, and may change more, which is queued. So a
//! reaction is finished when the request that caused it is answered: tests need not wait, and runs are deterministic.

pub(crate) mod definitions;
mod garbage;
pub(crate) mod namespaces;
mod tokens;

pub(crate) use tokens::random_token;

use crate::state::{Change, State};

/// Lets each controller react to a change.
pub(crate) fn react(state: &mut State, change: &Change) {
    garbage::react(state, change);
    namespaces::react(state, change);
    definitions::react(state, change);
    tokens::react(state, change);
}

/// Publishes a certificate authority to all namespaces.
pub(crate) fn publish_authority(state: &mut State, pem: &str) {
    pem.clone_into(&mut state.authority);
    namespaces::publish_authority(state);
    tokens::publish_authority(state);
    state.settle();
}
