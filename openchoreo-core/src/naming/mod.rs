//! Names: what may be one, which objects get which, and how two identities are kept from ever sharing one.
//!
//! - [`names`]: validated names ([`NamespaceName`], [`ResourceName`], [`Hostname`], …); a bad one cannot be built.
//! - [`identity`]: who a name is for ([`CellId`], [`ComponentId`], [`EndpointId`], …), borrowed and cheap to copy.
//! - [`hash`]: digests that keep the boundaries between parts.
//! - [`generate`]: from parts to a readable name within a limit, in our way and in upstream's.
//! - [`image`]: references to container images, and the registries that they are in.
//! - [`scheme`]: [`NamingScheme`], the extension point for object names, with [`DefaultNaming`] and [`CompatNaming`].
//! - [`hostname`]: [`HostnameScheme`], the extension point for hostnames, with [`DefaultHostnames`] and
//!   [`UpstreamHostnames`].
//! - [`contract`]: what every scheme must keep, as a check that runs when a platform is built.
//!
//! Everything here is a pure function of its arguments. Whether a name is already taken, or an identity is allowed to
//! exist, is for callers that can see the world.

pub mod contract;
pub mod generate;
pub mod hash;
pub mod hostname;
pub mod identity;
pub mod image;
pub mod names;
pub mod scheme;

pub use hostname::{DefaultHostnames, HostContext, HostnameScheme, UpstreamHostnames, Visibility};
pub use identity::{BuildId, CellId, ComponentId, EndpointId, EnvironmentId, OrganizationId, ProjectId, TrackId};
pub use image::{ImagePrefix, ImageReference};
pub use names::{DnsLabel, DnsSubdomain, Hostname, LabelKey, LabelValue, NameError, NamespaceName, ResourceName};
pub use scheme::{CompatNaming, DefaultNaming, NamingScheme};
