//! Names of the indexes that every platform declares.

/// Index on every planned kind but the planes themselves: the planes that it records, as `<Kind>/<namespace>/<name>`.
pub const INDEX_PLANE: &str = "plane";
/// Index on Component: `spec.owner.projectName`.
pub const INDEX_PROJECT: &str = "project";
/// Index on Environment: `spec.dataPlaneRef`.
pub const INDEX_DATA_PLANE: &str = "dataPlane";
/// Index on DataPlane: the registry that it names, as [`ImagePrefix`](crate::naming::ImagePrefix) writes it.
pub const INDEX_REGISTRY: &str = "registry";
/// Index on Namespace: `<organization>/<project>` as administrators labelled it, with an empty project where it is for
/// every one.
pub const INDEX_HOME: &str = "home";
