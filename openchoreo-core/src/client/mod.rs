//! Clients of the planes by registration, for the engine and for programs without it.
//!
//! - [`Credentials`] (pure, in every build): what a registration and its Secrets say, resolved and checked.
//! - [`PullCredentials`] (pure): what pods pull images with, from the Secret that a DataPlane names.
//! - [`PlaneHosts`] (pure): the hosts that planes may have, so that a registration does not make the manager connect to
//!   anything it likes.
//!
//! With the feature `client`:
//! - `PlaneClients`: the clients of all planes that are registered, with their health, for programs of one's own.
//! - `Connector`: makes the client of a plane. `DirectConnector` uses the credentials as they are; a team wraps it
//!   where tokens come from elsewhere.
//! - `PlaneClient`: a client whose inside can be exchanged, so that rotated credentials reach everyone who holds it.
//! - `apply`: server-side apply that takes any text.
//! - `of_config`: a client that shares one HTTP/2 connection where the server speaks it.
//! - `Cluster`: what a cluster says of itself, and by what two registrations of one are known.
//! - `Trouble`: what kind of trouble a failed request is, in words that quote nothing of the peer.
//!
//! Credentials are never logged: their type prints `***`.

mod credentials;
mod error;
mod hosts;

#[cfg(feature = "client")]
mod applying;
#[cfg(feature = "client")]
mod bounds;
#[cfg(feature = "client")]
mod cluster;
#[cfg(feature = "client")]
mod connector;
#[cfg(feature = "client")]
mod exchange;
#[cfg(feature = "client")]
mod planes;
#[cfg(feature = "client")]
mod transport;
#[cfg(feature = "client")]
mod trouble;

pub use credentials::{Credentials, PullCredentials};
pub use error::ClientError;
pub use hosts::{HostPattern, HostPatternError, PlaneHosts};

#[cfg(feature = "client")]
pub use applying::apply;
#[cfg(feature = "client")]
pub use bounds::{ResponseTooLong, WATCH_EVENT_LIMIT, WHOLE_RESPONSE_LIMIT};
#[cfg(feature = "client")]
pub use cluster::Cluster;
#[cfg(feature = "client")]
pub use connector::{Connector, DirectConnector};
#[cfg(feature = "client")]
pub use exchange::{PlaneClient, PlaneClosed};
#[cfg(feature = "client")]
pub use planes::{PlaneClients, PlaneClientsSettings, PlaneHandle, PlaneHealth};
#[cfg(feature = "client")]
pub use transport::of_config;
#[cfg(feature = "client")]
pub use trouble::Trouble;
