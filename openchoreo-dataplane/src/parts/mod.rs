//! The pieces of a workload, one kind or concern a module; all pure functions of a
//! [`WorkloadContext`].
//!
//! Nothing here decides which pieces a component type has: that is the renderers' part.

pub mod application;
pub mod check;
pub mod config_map;
pub mod cron_job;
pub mod deployment;
pub mod environment_variables;
pub mod files;
pub mod inputs;
pub mod labels;
pub mod namespace;
pub mod pod;
pub mod ports;
pub mod resources;
pub mod scaling;
pub mod secret_provider;
pub mod service;
pub mod settings;
pub mod style;
pub mod vault;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use openchoreo_core::extension::WorkloadContext;
use openchoreo_core::hierarchy::name_of;

use style::WorkloadStyle;
use vault::VaultPrefix;

/// What an installation may choose about its workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadSettings {
    /// Address of the Vault that secrets of configuration groups are read from, as seen from the data plane.
    pub vault_address: String,
    /// The Vault role of workloads.
    pub vault_role: String,
    /// The path in the Vault that the secrets of an organization, project and environment must be below; none where the
    /// role alone decides what may be read.
    pub vault_prefix: Option<VaultPrefix>,
    /// How workloads are written.
    pub style: WorkloadStyle,
}

impl Default for WorkloadSettings {
    fn default() -> Self {
        Self {
            vault_address: "http://choreo-dataplane-vault:8200".to_owned(),
            vault_role: "choreo-secret-reader-role".to_owned(),
            vault_prefix: None,
            style: WorkloadStyle::default(),
        }
    }
}

/// Metadata of an object of the workload.
pub(crate) fn metadata(cx: &WorkloadContext<'_>, name: impl Into<String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.into()),
        namespace: Some(cx.namespace.to_string()),
        labels: Some(cx.labels.clone()),
        ..ObjectMeta::default()
    }
}

/// Metadata of a pod template: the labels of the workload, and annotations where there are any.
pub(crate) fn template_metadata(cx: &WorkloadContext<'_>, annotations: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        labels: Some(cx.labels.clone()),
        annotations: (!annotations.is_empty()).then_some(annotations),
        ..ObjectMeta::default()
    }
}

/// The object whose application section is rendered, for errors.
pub(crate) fn application_source(cx: &WorkloadContext<'_>) -> String {
    let artifact = name_of(cx.artifact);
    let overrides = cx.deployment.spec.configuration_overrides.as_ref().and_then(|o| o.application.as_ref());
    match overrides {
        None => format!("DeployableArtifact `{artifact}`"),
        Some(_) => {
            format!("DeployableArtifact `{artifact}` with the overrides of Deployment `{}`", name_of(cx.deployment))
        }
    }
}

/// The name of the environment that is rendered for.
pub(crate) fn environment_name<'a>(cx: &WorkloadContext<'a>) -> &'a str {
    cx.cell.environment
}
