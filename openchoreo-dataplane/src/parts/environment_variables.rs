//! Environment variables of a container.
//!
//! As in Kubernetes, a variable written singly wins over one that is imported, and of two imports the later one. The
//! name of an imported variable is its key in upper case, with `_` for whatever a shell cannot have in a name.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ConfigMapKeySelector, EnvFromSource, EnvVar, EnvVarSource, SecretEnvSource, SecretKeySelector,
};
use openchoreo_core::extension::{RenderError, WorkloadContext};
use openchoreo_types::common::{Application, EnvironmentVariable};

use super::inputs::{self, Inputs, Source, application_field, group, key_source, one_of};
use super::settings::{Group, Groups, Setting};
use super::{check, environment_name, settings};

/// Gathers the variables of a container.
///
/// # Errors
/// A variable cannot be given as written.
pub(crate) fn gather(
    cx: &WorkloadContext<'_>,
    application: &Application,
    groups: &Groups<'_>,
    inputs: &mut Inputs,
) -> Result<(), RenderError> {
    let object = inputs::object(cx);
    let mut written: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, variable) in application.env.iter().enumerate() {
        let field = application_field(&format!("env[{index}]"));
        check::variable_name(&variable.key)
            .map_err(|problem| RenderError::field(&object, format!("{field}.key"), problem))?;
        if let Some(earlier) = written.insert(&variable.key, index) {
            let problem = format!("`{}` is given by `env[{earlier}]` too; keep one", variable.key);
            return Err(RenderError::field(&object, format!("{field}.key"), problem));
        }
        let made = single(cx, &object, &field, variable, groups, inputs)?;
        inputs.variables.push(made);
    }
    let mut imported: BTreeMap<String, (&Group<'_>, &str, Setting<'_>)> = BTreeMap::new();
    for (index, source) in application.env_from.iter().enumerate() {
        let field = application_field(&format!("envFrom[{index}]"));
        match one_of(&object, &field, source.configuration_group_ref.as_ref(), source.secret_ref.as_ref())? {
            Source::Group(reference) => {
                let group = group(groups, &reference.name)?;
                imported.extend(import(group)?);
            }
            Source::Secret(reference) => {
                inputs::secret_name(cx, groups, &field, &reference.name)?;
                let source = SecretEnvSource { name: reference.name.clone(), optional: None };
                inputs.variable_sources.push(EnvFromSource { secret_ref: Some(source), ..EnvFromSource::default() });
            }
        }
    }
    for (name, (group, key, setting)) in imported {
        if !written.contains_key(name.as_str()) {
            let made = from_setting(cx, &name, group, key, setting, inputs)?;
            inputs.variables.push(made);
        }
    }
    Ok(())
}

fn single(
    cx: &WorkloadContext<'_>,
    object: &str,
    field: &str,
    variable: &EnvironmentVariable,
    groups: &Groups<'_>,
    inputs: &mut Inputs,
) -> Result<EnvVar, RenderError> {
    let name = variable.key.clone();
    let from = match (&variable.value, &variable.value_from) {
        (Some(_), Some(_)) => {
            return Err(RenderError::field(object, field, "gives both `value` and `valueFrom`; keep one"));
        }
        (value, None) => return Ok(EnvVar { name, value: value.clone(), value_from: None }),
        (None, Some(from)) => from,
    };
    match key_source(object, &format!("{field}.valueFrom"), from)? {
        Source::Group(reference) => {
            let group = group(groups, &reference.name)?;
            let setting = group.setting(environment_name(cx), &reference.key)?;
            from_setting(cx, &name, group, &reference.key, setting, inputs)
        }
        Source::Secret(reference) => {
            let field = format!("{field}.valueFrom");
            inputs::secret_name(cx, groups, &field, &reference.name)?;
            inputs::secret_key(object, &field, &reference.key)?;
            Ok(secret_variable(name, &reference.name, &reference.key))
        }
    }
}

fn from_setting(
    cx: &WorkloadContext<'_>,
    name: &str,
    group: &Group<'_>,
    key: &str,
    setting: Setting<'_>,
    inputs: &mut Inputs,
) -> Result<EnvVar, RenderError> {
    match setting {
        Setting::Plain(value) => {
            inputs.note(&["variable", name, "plain", value]);
            let selector =
                ConfigMapKeySelector { name: group.resource.to_string(), key: key.to_owned(), optional: None };
            let source = EnvVarSource { config_map_key_ref: Some(selector), ..EnvVarSource::default() };
            Ok(EnvVar { name: name.to_owned(), value: None, value_from: Some(source) })
        }
        Setting::Secret(vault_key) => {
            inputs.note(&["variable", name, "secret", vault_key]);
            inputs.sync_secrets(cx, group)?;
            Ok(secret_variable(name.to_owned(), group.resource.as_str(), key))
        }
    }
}

fn secret_variable(name: String, secret: &str, key: &str) -> EnvVar {
    let selector = SecretKeySelector { name: secret.to_owned(), key: key.to_owned(), optional: None };
    let source = EnvVarSource { secret_key_ref: Some(selector), ..EnvVarSource::default() };
    EnvVar { name, value: None, value_from: Some(source) }
}

/// All settings of a group by the names of their variables.
fn import<'g, 'a>(
    group: &'g Group<'a>,
) -> Result<BTreeMap<String, (&'g Group<'a>, &'a str, Setting<'a>)>, RenderError> {
    let mut variables: BTreeMap<String, (&'g Group<'a>, &'a str, Setting<'a>)> = BTreeMap::new();
    for (key, setting) in &group.settings {
        let name = variable_name(key);
        if let Some((_, other, _)) = variables.get(&name) {
            let problem = format!("`{other}` and `{key}` would both become variable `{name}`; rename one");
            return Err(RenderError::field(settings::object(group.name), "spec.configurations", problem));
        }
        variables.insert(name, (group, key, *setting));
    }
    Ok(variables)
}

/// The variable that a key becomes when a whole group is imported.
fn variable_name(key: &str) -> String {
    let mut name: String =
        key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    if !name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_') {
        name.insert(0, '_');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::variable_name;

    #[test]
    fn keys_become_names_that_a_shell_can_use() {
        let cases = [("host", "HOST"), ("db.host-name", "DB_HOST_NAME"), ("2nd", "_2ND"), ("_x", "_X")];
        for (key, wanted) in cases {
            assert_eq!(variable_name(key), wanted);
        }
    }
}
