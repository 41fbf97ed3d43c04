//! The settings of a configuration group in one environment.
//!
//! A value for the environment by its name wins over one for a set of environments. A setting without a value for the
//! environment does not exist there.

use std::collections::BTreeMap;

use openchoreo_core::extension::{RenderError, WorkloadContext};
use openchoreo_core::hierarchy::{part_of, track_part};
use openchoreo_core::naming::{CellId, ResourceName};
use openchoreo_types::v1alpha1::{ConfigurationGroup, ConfigurationParameter, ConfigurationValue};

use super::vault::VaultPrefix;
use super::{WorkloadSettings, check, secret_provider, vault};

/// The value of a setting in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting<'a> {
    /// The value itself.
    Plain(&'a str),
    /// Key of the value in the secret store.
    Secret(&'a str),
}

/// A configuration group as a workload sees it.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The name by which the workload refers to it.
    pub name: &'a str,
    /// Name of its ConfigMap, its SecretProviderClass and its Secret.
    pub resource: ResourceName,
    /// Its settings in the environment, by key.
    pub settings: BTreeMap<&'a str, Setting<'a>>,
}

impl<'a> Group<'a> {
    /// One setting.
    ///
    /// # Errors
    /// The group has no such setting in the environment.
    pub fn setting(&self, environment: &str, key: &str) -> Result<Setting<'a>, RenderError> {
        self.settings.get(key).copied().ok_or_else(|| {
            let problem = format!("has no key `{key}` with a value for environment `{environment}`");
            RenderError::field(object(self.name), "spec.configurations", problem)
        })
    }

    /// The plain settings.
    pub fn plain(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.settings.iter().filter_map(|(key, setting)| match setting {
            Setting::Plain(value) => Some((*key, *value)),
            Setting::Secret(_) => None,
        })
    }

    /// The settings that are in the secret store, with their keys there.
    pub fn secret(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.settings.iter().filter_map(|(key, setting)| match setting {
            Setting::Secret(vault_key) => Some((*key, *vault_key)),
            Setting::Plain(_) => None,
        })
    }
}

/// The groups of a workload by the names that it refers to them by.
pub type Groups<'a> = BTreeMap<&'a str, Group<'a>>;

/// Resolves all groups of a workload for its environment.
///
/// # Errors
/// A group cannot be used.
pub fn groups<'a>(cx: &WorkloadContext<'a>, chosen: &WorkloadSettings) -> Result<Groups<'a>, RenderError> {
    let mut groups = Groups::new();
    for (name, group) in cx.configuration_groups {
        let track = track_part(cx.naming, cx.track);
        let part = part_of(cx.naming, name, &**group);
        let resource = cx
            .naming
            .configuration(&cx.id, track, part)
            .map_err(RenderError::naming(format!("the configuration of group `{name}`")))?;
        let settings = resolve(group, &cx.cell, chosen.vault_prefix.as_ref())?;
        groups.insert(name.as_str(), Group { name, resource, settings });
    }
    Ok(groups)
}

/// The settings of a group in the environment of a cell, whose secrets are below a prefix where there is one.
///
/// # Errors
/// A key is not valid or there twice, or a value is both plain and in the secret store, or is where the cell may not read,
/// or all together is more than one object may hold.
pub fn resolve<'a>(
    group: &'a ConfigurationGroup,
    cell: &CellId<'_>,
    prefix: Option<&VaultPrefix>,
) -> Result<BTreeMap<&'a str, Setting<'a>>, RenderError> {
    let environment = cell.environment;
    let name = openchoreo_core::hierarchy::name_of(group);
    let mut settings = BTreeMap::new();
    for (index, parameter) in group.spec.configurations.iter().enumerate() {
        let field = |rest: &str| format!("spec.configurations[{index}].{rest}");
        check::configuration_key(&parameter.key)
            .map_err(|problem| RenderError::field(object(name), field("key"), problem))?;
        let Some(value) = value_for(group, parameter, environment) else { continue };
        let setting = match (value.value.as_deref(), value.vault_key.as_deref()) {
            (Some(plain), None) => Setting::Plain(plain),
            (None, Some(vault_key)) => {
                vault::check_key(vault_key)
                    .and_then(|()| prefix.map_or(Ok(()), |prefix| prefix.check(cell, vault_key)))
                    .map_err(|problem| {
                        let problem = format!("the `vaultKey` for environment `{environment}` {problem}");
                        RenderError::field(object(name), field("values"), problem)
                    })?;
                Setting::Secret(vault_key)
            }
            (None, None) => continue,
            (Some(_), Some(_)) => {
                let problem = format!("gives both `value` and `vaultKey` for environment `{environment}`; keep one");
                return Err(RenderError::field(object(name), field("values"), problem));
            }
        };
        if settings.insert(parameter.key.as_str(), setting).is_some() {
            let problem = format!("`{}` is there twice; keep one", parameter.key);
            return Err(RenderError::field(object(name), field("key"), problem));
        }
    }
    check_sizes(environment, settings.iter().map(|(key, setting)| (*key, *setting)))
        .map_err(|problem| RenderError::field(object(name), "spec.configurations", problem))?;
    Ok(settings)
}

/// The settings of a group in an environment, without those that are not said properly.
pub(crate) fn in_environment<'a>(
    group: &'a ConfigurationGroup,
    environment: &str,
) -> impl Iterator<Item = (&'a str, Setting<'a>)> + Clone {
    group.spec.configurations.iter().filter_map(move |parameter| {
        let value = value_for(group, parameter, environment)?;
        let setting = match (value.value.as_deref(), value.vault_key.as_deref()) {
            (Some(plain), None) => Setting::Plain(plain),
            (None, Some(vault_key)) => Setting::Secret(vault_key),
            (None, None) | (Some(_), Some(_)) => return None,
        };
        Some((parameter.key.as_str(), setting))
    })
}

/// Checks that the settings of an environment can be stored: the values, and where the secrets are.
///
/// # Errors
/// What is too large.
pub(crate) fn check_sizes<'a>(
    environment: &str,
    settings: impl Iterator<Item = (&'a str, Setting<'a>)> + Clone,
) -> Result<(), String> {
    let too_large = |what: &'static str| move |problem| format!("the {what} for environment `{environment}` {problem}");
    let plain = settings.clone().filter_map(|(_, setting)| match setting {
        Setting::Plain(value) => Some(value),
        Setting::Secret(_) => None,
    });
    check::config_map_size(plain).map_err(too_large("values"))?;
    let kept = settings.map(|(key, setting)| match setting {
        Setting::Plain(_) => 0,
        Setting::Secret(vault_key) => secret_provider::entry_size(key, vault_key),
    });
    check::size(kept.sum()).map_err(too_large("`vaultKey`s"))
}

fn value_for<'a>(
    group: &ConfigurationGroup,
    parameter: &'a ConfigurationParameter,
    environment: &str,
) -> Option<&'a ConfigurationValue> {
    let by_name = parameter.values.iter().find(|value| value.environment.as_deref() == Some(environment));
    let has_environment = |set: &str| {
        group
            .spec
            .environment_groups
            .iter()
            .any(|known| known.name == set && known.environments.iter().any(|member| member == environment))
    };
    let by_set =
        || parameter.values.iter().find(|value| value.environment_group_ref.as_deref().is_some_and(has_environment));
    by_name.or_else(by_set)
}

pub(crate) fn object(group: &str) -> String {
    format!("ConfigurationGroup `{group}`")
}
