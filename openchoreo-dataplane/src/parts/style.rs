//! How workloads are written: as this platform writes them, or as upstream does.
//!
//! A selector cannot be changed, and a changed pod template replaces pods. To take over what upstream runs without
//! touching it, both have to be written as upstream wrote them: with all labels in selectors, and pods without what this
//! platform adds. Names are not a matter of style but of the [naming scheme](openchoreo_core::naming::CompatNaming).
//!
//! What pods lack by that comes back component by component, when its people choose: with the annotation
//! [`POD_TEMPLATE`] on the Component.

use std::collections::BTreeMap;

use openchoreo_core::extension::WorkloadContext;
use openchoreo_core::hierarchy::name_of;
use openchoreo_core::plan::OtherSystem;
use openchoreo_types::common::{
    Application, EnvironmentSource, EnvironmentVariable, FileMount, FileMountSource, KeySource,
};
use openchoreo_types::labels::annotations::POD_TEMPLATE;
use openchoreo_types::labels::plane;
use openchoreo_types::v1alpha1::{Component, DeployableArtifact, Deployment};

use super::{application, labels};

/// The value of [`POD_TEMPLATE`] that asks for pods as this platform writes them.
pub const FULL: &str = "full";

/// How the workloads of an installation are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkloadStyle {
    /// As this platform writes them.
    #[default]
    Platform,
    /// As upstream writes them, so that its workloads are taken over in place.
    Upstream,
}

impl WorkloadStyle {
    /// Whose objects this style takes over as they are, see
    /// [`PlatformSettings::takes_over`](openchoreo_core::platform::PlatformSettings::takes_over). What upstream makes for
    /// builds carries no label; its controllers write it under the name of their program.
    pub fn takes_over(self) -> Option<OtherSystem> {
        match self {
            Self::Platform => None,
            Self::Upstream => Some(OtherSystem {
                label: (plane::MANAGED_BY.to_owned(), plane::DEPLOYMENT_CONTROLLER.to_owned()),
                manager: "manager".to_owned(),
            }),
        }
    }

    /// The labels by which pods of a workload are selected.
    pub fn selector(self, workload: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        match self {
            Self::Platform => labels::selector(workload),
            Self::Upstream => workload.clone(),
        }
    }

    /// How the pods of a component are written.
    pub fn pods(self, component: &Component) -> PodStyle {
        let asked = component.metadata.annotations.as_ref().and_then(|annotations| annotations.get(POD_TEMPLATE));
        match self {
            Self::Platform => PodStyle::Full,
            Self::Upstream if asked.is_some_and(|value| value == FULL) => PodStyle::Full,
            Self::Upstream => PodStyle::Upstream,
        }
    }
}

/// How pods are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodStyle {
    /// With everything that was written for them, confined, and replaced when their configuration changes.
    Full,
    /// As upstream writes them: with what it reads of an application section, and nothing of this platform's own.
    Upstream,
}

impl PodStyle {
    /// The application section that counts for a workload.
    pub fn application(self, cx: &WorkloadContext<'_>) -> Application {
        self.application_of(cx.artifact, cx.deployment)
    }

    fn application_of(self, artifact: &DeployableArtifact, deployment: &Deployment) -> Application {
        let effective = application::effective(artifact, deployment);
        match self {
            Self::Full => effective,
            Self::Upstream => {
                let written = artifact.spec.configuration.as_ref().and_then(|c| c.application.as_ref());
                // The schedule of a task is no part of a pod.
                Application { task: effective.task, ..written.map(read_by_upstream).unwrap_or_default() }
            }
        }
    }

    /// What this style leaves out of a workload that was written for it, in words; nothing where it leaves out nothing.
    pub fn leaves_out(
        self,
        component: &Component,
        artifact: &DeployableArtifact,
        deployment: &Deployment,
    ) -> Option<String> {
        if self == Self::Full {
            return None;
        }
        let written = application::effective(artifact, deployment);
        let read = self.application_of(artifact, deployment);
        let fields = [
            ("args", written.args != read.args),
            ("env", written.env != read.env),
            ("envFrom", written.env_from != read.env_from),
            ("fileMounts", written.file_mounts != read.file_mounts),
            ("fileMountsFrom", written.file_mounts_from != read.file_mounts_from),
            ("resourceLimits", written.resource_limits != read.resource_limits),
            ("probes", written.probes != read.probes),
            ("scaling", written.scaling != read.scaling),
        ];
        let left: Vec<String> =
            fields.iter().filter(|(_, differs)| *differs).map(|(name, _)| format!("`{name}`")).collect();
        (!left.is_empty()).then(|| {
            format!(
                "what upstream does not read of {} is left out; annotation `{POD_TEMPLATE}: {FULL}` on Component `{}` uses it, and replaces the pods",
                left.join(", "),
                name_of(component)
            )
        })
    }
}

/// What upstream reads of an application section.
fn read_by_upstream(written: &Application) -> Application {
    Application {
        env: written.env.iter().filter(|variable| reads_variable(variable)).cloned().collect(),
        env_from: written.env_from.iter().filter(|source| reads_variables_of(source)).cloned().collect(),
        file_mounts: written.file_mounts.iter().filter(|file| reads_file(file)).cloned().collect(),
        file_mounts_from: written.file_mounts_from.iter().filter(|source| reads_files_of(source)).cloned().collect(),
        ..Application::default()
    }
}

fn reads_variable(variable: &EnvironmentVariable) -> bool {
    reads_value(variable.value.as_deref(), variable.value_from.as_ref())
}

fn reads_file(file: &FileMount) -> bool {
    reads_value(file.value.as_deref(), file.value_from.as_ref())
}

fn reads_variables_of(source: &EnvironmentSource) -> bool {
    source.configuration_group_ref.is_some()
}

fn reads_files_of(source: &FileMountSource) -> bool {
    source.configuration_group_ref.is_some()
}

/// A value that is not empty, or one of a configuration group; Secrets of the plane are not read.
fn reads_value(value: Option<&str>, from: Option<&KeySource>) -> bool {
    value.is_some_and(|value| !value.is_empty()) || from.is_some_and(|from| from.configuration_group_ref.is_some())
}
