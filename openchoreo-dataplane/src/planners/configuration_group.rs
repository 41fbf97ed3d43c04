//! ConfigurationGroup: settings of an organization with a value for each environment.
//!
//! Only says whether a group can be used; what uses it reads it itself, and is woken when it changes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_core::hierarchy::{Home, home_of, label_of, name_of, seniority};
use openchoreo_core::labels;
use openchoreo_core::naming::CellId;
use openchoreo_core::plan::{Plan, StatusDraft};
use openchoreo_core::planner::{PlanContext, Planner, Uses};
use openchoreo_core::world::Select;
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{ConfigurationGroup, ConfigurationValue, Environment, Organization};

use crate::parts::vault::{VaultPrefix, check_key};
use crate::parts::{WorkloadSettings, check, settings};

openchoreo_core::reasons! {
    /// Why a ConfigurationGroup is or is not ready.
    pub enum ConfigurationGroupReason for "ConfigurationGroup" {
        ConfigurationGroupValid => Ready = True, "every setting can be used",
        InvalidKey => Ready = False, "a key cannot name an entry of a ConfigMap or Secret",
        DuplicateKey => Ready = False, "a key, or a set of environments, is there twice",
        ValueConflict => Ready = False, "a value is both plain and in the secret store or neither, or is for an environment twice",
        InvalidVaultKey => Ready = False, "a `vaultKey` is no plain path in the secret store; write it without empty segments, `.`, `..` and encoding",
        VaultKeyOutside => Ready = False, "a `vaultKey` is outside of the path that the platform gives the organization and environment; the message names it",
        TooLarge => Ready = False, "what the group holds for an environment is more than one object of a cluster may hold; make it smaller or split the group",
        UnknownEnvironment => Ready = False, "a value or a set of environments names an Environment that does not exist in the organization's namespace; it is waited for",
        UnknownEnvironmentGroup => Ready = False, "a value is for a set of environments that the group does not define",
        DuplicateName => Ready = False, "an older group of the namespace has the same `openchoreo.dev/name` label, and is the one that is meant",
    }
}

type Draft = StatusDraft<<ConfigurationGroup as PlatformKind>::Status>;

/// Checks configuration groups.
#[derive(Clone, Debug, Default)]
pub struct ConfigurationGroupPlanner {
    vault_prefix: Option<VaultPrefix>,
}

impl ConfigurationGroupPlanner {
    /// The planner for workloads with these settings.
    pub fn new(settings: &WorkloadSettings) -> Self {
        Self { vault_prefix: settings.vault_prefix.clone() }
    }
}

impl Planner for ConfigurationGroupPlanner {
    type Object = ConfigurationGroup;

    fn name(&self) -> &'static str {
        "configuration-group"
    }

    fn uses(&self) -> Uses {
        Uses::new().control::<Namespace>().control::<Organization>().control::<Environment>()
    }

    fn plan(&self, cx: &PlanContext<'_>, group: &ConfigurationGroup) -> Plan {
        let mut plan = Plan::new();
        let mut draft = StatusDraft::of(group);
        match home_of(cx, group) {
            Err(error) => draft.add(error.into()),
            Ok(home) => {
                check_name(cx, group, &mut draft);
                check_keys(group, &mut draft);
                self.check_vault_keys(&home, group, &mut draft);
                check_sizes(group, &mut draft);
                check_environments(cx, &home.organization, group, &mut draft);
                let message = format!("{} settings", group.spec.configurations.len());
                draft.find(ConfigurationGroupReason::ConfigurationGroupValid, message);
            }
        }
        plan.report(&draft.finish(cx.now()));
        plan
    }
}

impl ConfigurationGroupPlanner {
    /// Checks the keys in the secret store, each for every environment that it is for.
    fn check_vault_keys(&self, home: &Home, group: &ConfigurationGroup, draft: &mut Draft) {
        for (index, parameter) in group.spec.configurations.iter().enumerate() {
            for (position, value) in parameter.values.iter().enumerate() {
                let Some(key) = value.vault_key.as_deref() else { continue };
                let field = format!("spec.configurations[{index}].values[{position}].vaultKey");
                if let Err(problem) = check_key(key) {
                    draft.find(ConfigurationGroupReason::InvalidVaultKey, format!("`{field}` {problem}"));
                    continue;
                }
                let Some(prefix) = &self.vault_prefix else { continue };
                let project = home.project.as_deref().unwrap_or_default();
                let check = |environment| prefix.check(&CellId::new(&home.organization, project, environment), key);
                if let Some(Err(problem)) = environments_of(group, value).map(check).find(Result::is_err) {
                    draft.find(ConfigurationGroupReason::VaultKeyOutside, format!("`{field}` {problem}"));
                }
            }
        }
    }
}

/// The environments that a value is for.
fn environments_of<'g>(group: &'g ConfigurationGroup, value: &'g ConfigurationValue) -> impl Iterator<Item = &'g str> {
    let sets = group.spec.environment_groups.iter();
    let of_set = sets.filter(|set| value.environment_group_ref.as_deref() == Some(set.name.as_str()));
    let members = of_set.flat_map(|set| set.environments.iter().map(String::as_str));
    value.environment.as_deref().into_iter().chain(members)
}

fn check_name(cx: &PlanContext<'_>, group: &ConfigurationGroup, draft: &mut Draft) {
    let Some(label) = label_of(group, labels::NAME) else { return };
    let namespace = group.metadata.namespace.as_deref().unwrap_or_default();
    let twins = cx
        .list::<ConfigurationGroup>(Select::of::<ConfigurationGroup>().namespace(namespace).label(labels::NAME, label));
    if let Some(elder) = twins.iter().find(|twin| seniority(&***twin) < seniority(group)) {
        let message = format!(
            "`{label}` already means ConfigurationGroup `{}`; choose another `{}`",
            name_of(&**elder),
            labels::NAME
        );
        draft.find(ConfigurationGroupReason::DuplicateName, message);
    }
}

fn check_sizes(group: &ConfigurationGroup, draft: &mut Draft) {
    let values = group.spec.configurations.iter().flat_map(|parameter| &parameter.values);
    let environments: BTreeSet<&str> = values.flat_map(|value| environments_of(group, value)).collect();
    for environment in environments {
        let checked = settings::check_sizes(environment, settings::in_environment(group, environment));
        if let Err(problem) = checked {
            draft.find(ConfigurationGroupReason::TooLarge, format!("`spec.configurations`: {problem}"));
        }
    }
}

fn check_keys(group: &ConfigurationGroup, draft: &mut Draft) {
    let mut keys = BTreeSet::new();
    for (index, parameter) in group.spec.configurations.iter().enumerate() {
        let field = format!("spec.configurations[{index}]");
        if let Err(problem) = check::configuration_key(&parameter.key) {
            draft.find(ConfigurationGroupReason::InvalidKey, format!("`{field}.key` {problem}"));
        }
        if !keys.insert(&parameter.key) {
            let message = format!("`{field}.key`: `{}` is there twice; keep one", parameter.key);
            draft.find(ConfigurationGroupReason::DuplicateKey, message);
        }
        let mut targets = BTreeSet::new();
        for (position, value) in parameter.values.iter().enumerate() {
            let field = format!("{field}.values[{position}]");
            if let Some(problem) = conflict(value) {
                draft.find(ConfigurationGroupReason::ValueConflict, format!("`{field}` {problem}"));
            }
            if !targets.insert((&value.environment, &value.environment_group_ref)) {
                let message = format!("`{field}` is for the same environments as an earlier value; keep one");
                draft.find(ConfigurationGroupReason::ValueConflict, message);
            }
        }
    }
}

fn conflict(value: &ConfigurationValue) -> Option<&'static str> {
    match (&value.environment, &value.environment_group_ref) {
        (Some(_), Some(_)) => return Some("has both `environment` and `environmentGroupRef`; keep one"),
        (None, None) => return Some("is for no environment; give `environment` or `environmentGroupRef`"),
        (Some(_), None) | (None, Some(_)) => {}
    }
    match (&value.value, &value.vault_key) {
        (Some(_), Some(_)) => Some("has both `value` and `vaultKey`; keep one"),
        (None, None) => Some("has neither `value` nor `vaultKey`, so the setting does not exist there; give one"),
        (Some(_), None) | (None, Some(_)) => None,
    }
}

fn check_environments(cx: &PlanContext<'_>, organization: &str, group: &ConfigurationGroup, draft: &mut Draft) {
    let mut sets = BTreeSet::new();
    // Where each environment is named first, to say so.
    let mut named: BTreeMap<&str, String> = BTreeMap::new();
    for (index, set) in group.spec.environment_groups.iter().enumerate() {
        if !sets.insert(set.name.as_str()) {
            let message = format!("`spec.environmentGroups[{index}].name`: `{}` is there twice; keep one", set.name);
            draft.find(ConfigurationGroupReason::DuplicateKey, message);
        }
        for environment in &set.environments {
            named.entry(environment).or_insert_with(|| format!("spec.environmentGroups[{index}].environments"));
        }
    }
    for (index, parameter) in group.spec.configurations.iter().enumerate() {
        for value in &parameter.values {
            if let Some(environment) = &value.environment {
                named.entry(environment).or_insert_with(|| format!("spec.configurations[{index}].values"));
            }
            if let Some(set) = value.environment_group_ref.as_deref().filter(|set| !sets.contains(set)) {
                let message = format!(
                    "`spec.configurations[{index}].values` names `{set}`, which `spec.environmentGroups` does not define"
                );
                draft.find(ConfigurationGroupReason::UnknownEnvironmentGroup, message);
            }
        }
    }
    for (environment, field) in named {
        if cx.get::<Environment>(organization, environment).is_none() {
            let message = format!(
                "`{field}` names Environment `{environment}`, which does not exist in namespace `{organization}`"
            );
            draft.find(ConfigurationGroupReason::UnknownEnvironment, message);
        }
    }
}
