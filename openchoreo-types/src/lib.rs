//! The kinds of `openchoreo.dev/v1alpha1`, and typed subsets of the foreign kinds that the platform writes.
//!
//! - [`v1alpha1`]: one module a kind, with its spec and status; [`common`] holds what several kinds share.
//! - [`PlatformKind`] and [`PlatformStatus`]: what all kinds have in common, for code that is generic over them.
//! - [`crds`] and [`foreign_crds`]: the CustomResourceDefinitions, made from the types; [`crd_manifest`] turns one into
//!   a manifest.
//! - [`foreign`]: what the platform writes of Gateway API, Envoy Gateway, Cilium, Argo Workflows and the Secrets Store.
//! - [`labels`]: every label and annotation key of the platform.
//! - [`yaml`]: reading and writing manifests; [`validate`]: checking one against the schema without a cluster;
//!   [`mod@check`]: schedules, paths and ports, wherever they are written; [`quantity`]: how much a quantity is;
//!   [`spelling`]: what was probably meant by an unknown word.
//!
//! The crate describes data. It talks to no cluster, renders nothing and decides nothing.
//!
//! ```
//! use openchoreo_types::v1alpha1::Project;
//!
//! let text = "
//! apiVersion: openchoreo.dev/v1alpha1
//! kind: Project
//! metadata: {name: shop}
//! spec: {deploymentPipelineRef: default-pipeline}
//! ";
//! let project: Project = openchoreo_types::yaml::from_str(text)?;
//! assert_eq!(project.spec.deployment_pipeline_ref, "default-pipeline");
//! # Ok::<(), openchoreo_types::yaml::YamlError>(())
//! ```

pub mod check;
pub mod common;
mod crd;
pub mod foreign;
mod kind;
pub mod labels;
pub mod quantity;
pub mod spelling;
pub mod v1alpha1;
pub mod validate;
mod wire;
pub mod yaml;

pub use crd::{all_kinds, crd_manifest, crds, foreign_crds};
pub use kind::{ForeignKind, KindInfo, PlatformKind, PlatformStatus, PrinterColumn};

/// The API group of the platform's kinds.
pub const GROUP: &str = "openchoreo.dev";

/// The version of the platform's kinds.
pub const VERSION: &str = "v1alpha1";

/// The `apiVersion` of the platform's kinds.
pub const API_VERSION: &str = "openchoreo.dev/v1alpha1";
