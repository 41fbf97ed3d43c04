//! Names of the indexes that every platform declares.

/// Index on every planned kind but the planes themselves: the planes that it records, as `<Kind>/<namespace>/<name>`.
pub const INDEX_PLANE: &str = "plane";
/// Index on Component: `<project>/<name>`, by which two components that claim one identity find each other.
pub const INDEX_COMPONENT: &str = "component";
/// Index on Component: `spec.owner.projectName`.
pub const INDEX_PROJECT: &str = "project";
/// Index on Environment: `spec.dataPlaneRef`.
pub const INDEX_DATA_PLANE: &str = "dataPlane";
/// Index on DataPlane: the registry that it names, as [`ImagePrefix`](crate::naming::ImagePrefix) writes it.
pub const INDEX_REGISTRY: &str = "registry";
