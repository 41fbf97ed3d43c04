//! What reaches a container besides its image and arguments: environment variables, files, and the volumes behind them.
//!
//! It is gathered once for a workload; the container, the pod, the ConfigMaps and the digest that replaces pods are all
//! made from it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    CSIVolumeSource, ConfigMapVolumeSource, EnvFromSource, EnvVar, SecretVolumeSource, Volume, VolumeMount,
};
use openchoreo_core::extension::{RenderError, WorkloadContext};
use openchoreo_core::naming::hash::digest16;
use openchoreo_core::naming::{DnsLabel, ResourceName};
use openchoreo_types::common::{Application, KeyRef, KeySource};

use super::settings::{Group, Groups};
use super::style::PodStyle;
use super::{application_source, check, environment_variables, files};

/// The CSI driver that mounts values of a secret store.
const SECRETS_STORE_DRIVER: &str = "secrets-store.csi.k8s.io";
/// Where a group is mounted whose secrets are only read as variables: the driver keeps the Secret of a
/// SecretProviderClass only while a pod mounts it.
const SECRET_SYNC_PATH: &str = "/mnt/secrets-store";

/// What reaches a container.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Environment variables: those written singly in their order, then those of whole groups by name.
    pub(crate) variables: Vec<EnvVar>,
    /// Secrets imported whole.
    pub variable_sources: Vec<EnvFromSource>,
    /// Mounts by path.
    mounts: BTreeMap<String, Placed<VolumeMount>>,
    /// Volumes by name.
    volumes: BTreeMap<String, Placed<Volume>>,
    /// Contents of files that are written in the artifact itself, by the name of their ConfigMap.
    pub contents: BTreeMap<String, String>,
    /// What a pod reads only when it starts.
    facts: BTreeSet<Vec<String>>,
}

/// An input with its place in upstream's order.
#[derive(Clone, Debug)]
struct Placed<T> {
    origin: Origin,
    /// How many came before it.
    number: usize,
    input: T,
}

/// The inputs in the order of a style: that of their keys, or upstream's.
fn in_order<T: Clone>(all: &BTreeMap<String, Placed<T>>, pods: PodStyle) -> Vec<T> {
    let mut all: Vec<&Placed<T>> = all.values().collect();
    match pods {
        PodStyle::Full => {}
        PodStyle::Upstream => all.sort_by_key(|placed| (&placed.origin, placed.number)),
    }
    all.into_iter().map(|placed| placed.input.clone()).collect()
}

/// Where an input comes from, in the order in which upstream gives pods their inputs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// The artifact itself.
    Written,
    /// A setting of a configuration group, by what the group is called in the plane.
    Group { resource: String, is_secret: bool },
    /// A group whose secrets are only read as variables.
    Sync { resource: String },
    /// A Secret that is in the data plane.
    Secret,
}

impl Origin {
    fn of_variable(variable: &EnvVar) -> Self {
        let Some(from) = &variable.value_from else { return Self::Written };
        match (&from.config_map_key_ref, &from.secret_key_ref) {
            (Some(plain), _) => Self::Group { resource: plain.name.clone(), is_secret: false },
            (None, Some(secret)) => Self::Group { resource: secret.name.clone(), is_secret: true },
            (None, None) => Self::Written,
        }
    }
}

/// Gathers the inputs of a workload.
///
/// # Errors
/// A variable or file cannot be given as written; the error names the field.
pub fn gather(cx: &WorkloadContext<'_>, application: &Application, groups: &Groups<'_>) -> Result<Inputs, RenderError> {
    let mut inputs = Inputs::default();
    environment_variables::gather(cx, application, groups, &mut inputs)?;
    files::gather(cx, application, groups, &mut inputs)?;
    Ok(inputs)
}

impl Inputs {
    /// The environment variables of a container.
    pub fn variables(&self, pods: PodStyle) -> Vec<EnvVar> {
        let mut variables = self.variables.clone();
        match pods {
            PodStyle::Full => {}
            PodStyle::Upstream => variables.sort_by_cached_key(Origin::of_variable),
        }
        variables
    }

    /// The mounts of a container.
    pub fn mounts(&self, pods: PodStyle) -> Vec<VolumeMount> {
        let mut mounts = in_order(&self.mounts, pods);
        match pods {
            PodStyle::Full => {}
            PodStyle::Upstream => mounts.iter_mut().for_each(|mount| mount.read_only = None),
        }
        mounts
    }

    /// The volumes of a pod.
    pub fn volumes(&self, pods: PodStyle) -> Vec<Volume> {
        in_order(&self.volumes, pods)
    }

    /// A digest of the configuration behind variables and files, where there is any.
    pub fn digest(&self) -> Option<String> {
        if self.facts.is_empty() {
            return None;
        }
        let facts: Vec<String> =
            self.facts.iter().map(|fact| digest16(&fact.iter().map(String::as_str).collect::<Vec<_>>())).collect();
        Some(digest16(&facts.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    /// Notes a fact that running pods would not learn of.
    pub(crate) fn note(&mut self, fact: &[&str]) {
        self.facts.insert(fact.iter().map(|part| (*part).to_owned()).collect());
    }

    /// Adds a mount. Two at one path are an error, and one inside of another, since what is mounted is read-only: no
    /// container starts where the inner one has no place.
    pub(crate) fn mount(
        &mut self,
        object: &str,
        field: &str,
        origin: Origin,
        mount: VolumeMount,
    ) -> Result<(), RenderError> {
        let path = mount.mount_path.as_str();
        if self.mounts.contains_key(path) {
            return Err(RenderError::field(object, field, format!("`{path}` is mounted twice; keep one")));
        }
        if let Some(other) = self.nested(path) {
            let problem = format!(
                "`{path}` and `{other}`, which is mounted too, are inside of one another; choose another directory"
            );
            return Err(RenderError::field(object, field, problem));
        }
        self.place_mount(origin, mount);
        Ok(())
    }

    fn place_mount(&mut self, origin: Origin, mount: VolumeMount) {
        let number = self.mounts.len();
        self.mounts.entry(mount.mount_path.clone()).or_insert(Placed { origin, number, input: mount });
    }

    /// A mount that a path is inside of, or that is inside of it.
    fn nested(&self, path: &str) -> Option<&str> {
        let mut above = path.match_indices('/').filter_map(|(end, _)| self.mounts.get_key_value(path.get(..end)?));
        let inside = format!("{path}/");
        let inner = || self.mounts.range(inside.clone()..).next().filter(|(known, _)| known.starts_with(&inside));
        above.next().or_else(inner).map(|(known, _)| known.as_str())
    }

    /// The volume with the plain settings of a group.
    pub(crate) fn plain_volume(&mut self, cx: &WorkloadContext<'_>, group: &Group<'_>) -> Result<String, RenderError> {
        let source = ConfigMapVolumeSource { name: group.resource.to_string(), ..ConfigMapVolumeSource::default() };
        let name = volume_name(cx, group.name, "cm")?;
        let origin = Origin::Group { resource: group.resource.to_string(), is_secret: false };
        Ok(self.volume(origin, Volume { name: name.into_string(), config_map: Some(source), ..Volume::default() }))
    }

    /// The volume with the secret settings of a group.
    pub(crate) fn secret_volume(&mut self, cx: &WorkloadContext<'_>, group: &Group<'_>) -> Result<String, RenderError> {
        let name = volume_name(cx, group.name, "csi")?;
        let origin = Origin::Group { resource: group.resource.to_string(), is_secret: true };
        Ok(self.volume(origin, csi_volume(name, &group.resource)))
    }

    /// The volume with a Secret that is in the data plane.
    pub(crate) fn stored_secret_volume(
        &mut self,
        cx: &WorkloadContext<'_>,
        secret: &str,
    ) -> Result<String, RenderError> {
        let source = SecretVolumeSource { secret_name: Some(secret.to_owned()), ..SecretVolumeSource::default() };
        let name = volume_name(cx, secret, "secret")?;
        let volume = Volume { name: name.into_string(), secret: Some(source), ..Volume::default() };
        Ok(self.volume(Origin::Secret, volume))
    }

    /// Has the driver keep the Secret of a group whose secrets are read as variables.
    pub(crate) fn sync_secrets(&mut self, cx: &WorkloadContext<'_>, group: &Group<'_>) -> Result<(), RenderError> {
        let name = volume_name(cx, group.name, "csi-env")?;
        let origin = Origin::Sync { resource: group.resource.to_string() };
        let volume = self.volume(origin.clone(), csi_volume(name, &group.resource));
        let mount_path = format!("{SECRET_SYNC_PATH}/{}", group.name);
        let mount = VolumeMount { name: volume, mount_path, read_only: Some(true), ..VolumeMount::default() };
        self.place_mount(origin, mount);
        Ok(())
    }

    pub(crate) fn volume(&mut self, origin: Origin, volume: Volume) -> String {
        let (name, number) = (volume.name.clone(), self.volumes.len());
        self.volumes.entry(name.clone()).or_insert(Placed { origin, number, input: volume });
        name
    }
}

fn csi_volume(name: DnsLabel, class: &ResourceName) -> Volume {
    let attributes = BTreeMap::from([("secretProviderClass".to_owned(), class.to_string())]);
    let source = CSIVolumeSource {
        driver: SECRETS_STORE_DRIVER.to_owned(),
        read_only: Some(true),
        volume_attributes: Some(attributes),
        ..CSIVolumeSource::default()
    };
    Volume { name: name.into_string(), csi: Some(source), ..Volume::default() }
}

fn volume_name(cx: &WorkloadContext<'_>, of: &str, role: &str) -> Result<DnsLabel, RenderError> {
    cx.naming.volume(of, role).map_err(RenderError::naming(format!("the volume of `{of}`")))
}

/// A reference to exactly one of two sources.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a, R> {
    /// A configuration group.
    Group(&'a R),
    /// A Secret that is in the data plane.
    Secret(&'a R),
}

/// Exactly one of the members that a reference may have.
pub(crate) fn one_of<'a, R>(
    object: &str,
    field: &str,
    group: Option<&'a R>,
    secret: Option<&'a R>,
) -> Result<Source<'a, R>, RenderError> {
    match (group, secret) {
        (Some(group), None) => Ok(Source::Group(group)),
        (None, Some(secret)) => Ok(Source::Secret(secret)),
        (None, None) => {
            Err(RenderError::field(object, field, "names no source; give `configurationGroupRef` or `secretRef`"))
        }
        (Some(_), Some(_)) => {
            Err(RenderError::field(object, field, "names two sources; keep `configurationGroupRef` or `secretRef`"))
        }
    }
}

/// The single key that a value comes from.
pub(crate) fn key_source<'a>(
    object: &str,
    field: &str,
    from: &'a KeySource,
) -> Result<Source<'a, KeyRef>, RenderError> {
    one_of(object, field, from.configuration_group_ref.as_ref(), from.secret_ref.as_ref())
}

/// A group that the workload refers to.
pub(crate) fn group<'g, 'a>(groups: &'g Groups<'a>, name: &str) -> Result<&'g Group<'a>, RenderError> {
    groups.get(name).ok_or_else(|| RenderError::Missing { kind: "ConfigurationGroup", name: name.to_owned() })
}

/// Checks the name of a Secret in the data plane: a cell is shared by the components of a project, so it must not be one
/// that may be kept there for another of them. That is decided by the name, since the other may come later.
pub(crate) fn secret_name(
    cx: &WorkloadContext<'_>,
    groups: &Groups<'_>,
    field: &str,
    name: &str,
) -> Result<(), RenderError> {
    let wrong = |problem| Err(RenderError::field(object(cx), format!("{field}.secretRef.name"), problem));
    if let Err(error) = ResourceName::try_from(name) {
        return wrong(error.to_string());
    }
    if cx.naming.may_be_kept(name) && !groups.values().any(|group| group.resource.as_str() == name) {
        return wrong(format!(
            "`{name}` is named like a Secret that the platform keeps for another component; use `configurationGroupRef` for settings of a group, and name a Secret of your own so that it does not end in a digest"
        ));
    }
    Ok(())
}

/// Checks a key of a Secret in the data plane.
pub(crate) fn secret_key(object: &str, field: &str, key: &str) -> Result<(), RenderError> {
    check::configuration_key(key)
        .map_err(|problem| RenderError::field(object, format!("{field}.secretRef.key"), problem))
}

/// Where a field of the application section is.
pub(crate) fn application_field(rest: &str) -> String {
    format!("spec.configuration.application.{rest}")
}

pub(crate) fn object(cx: &WorkloadContext<'_>) -> String {
    application_source(cx)
}
