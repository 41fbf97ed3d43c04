//! Files in a container: written in the artifact, or from settings and Secrets, singly or a directory at a time.
//!
//! Single files are mounted by `subPath`, so they never change under a running pod; the digest of the configuration
//! replaces the pods instead.

use k8s_openapi::api::core::v1::{ConfigMapVolumeSource, Volume, VolumeMount};
use openchoreo_core::extension::{RenderError, WorkloadContext};
use openchoreo_core::hierarchy::track_part;
use openchoreo_types::common::{Application, FileMount};

use super::inputs::{self, Inputs, Origin, Source, application_field, group, key_source, one_of};
use super::settings::{Group, Groups, Setting};
use super::{check, environment_name};

/// The key of a ConfigMap that holds one file.
const CONTENT: &str = "content";

/// Gathers the files of a container.
///
/// # Errors
/// A file cannot be given as written.
pub(crate) fn gather(
    cx: &WorkloadContext<'_>,
    application: &Application,
    groups: &Groups<'_>,
    inputs: &mut Inputs,
) -> Result<(), RenderError> {
    let object = inputs::object(cx);
    for (index, file) in application.file_mounts.iter().enumerate() {
        let field = application_field(&format!("fileMounts[{index}]"));
        let (origin, mount) = single(cx, &object, &field, file, groups, inputs)?;
        inputs.mount(&object, &format!("{field}.mountPath"), origin, mount)?;
    }
    for (index, source) in application.file_mounts_from.iter().enumerate() {
        let field = application_field(&format!("fileMountsFrom[{index}]"));
        match one_of(&object, &field, source.configuration_group_ref.as_ref(), source.secret_ref.as_ref())? {
            Source::Group(reference) => {
                let field = format!("{field}.configurationGroupRef.mountPath");
                let directory = path(&object, &field, &reference.mount_path)?;
                let group = group(groups, &reference.name)?;
                for (key, setting) in &group.settings {
                    let path = format!("{directory}/{key}");
                    let (origin, mount) = from_setting(cx, path, group, key, *setting, inputs)?;
                    inputs.mount(&object, &field, origin, mount)?;
                }
            }
            Source::Secret(reference) => {
                inputs::secret_name(cx, groups, &field, &reference.name)?;
                let field = format!("{field}.secretRef.mountPath");
                let directory = path(&object, &field, &reference.mount_path)?;
                let name = inputs.stored_secret_volume(cx, &reference.name)?;
                inputs.mount(&object, &field, Origin::Secret, read_only(name, directory, None))?;
            }
        }
    }
    Ok(())
}

fn single(
    cx: &WorkloadContext<'_>,
    object: &str,
    field: &str,
    file: &FileMount,
    groups: &Groups<'_>,
    inputs: &mut Inputs,
) -> Result<(Origin, VolumeMount), RenderError> {
    let mount_path = path(object, &format!("{field}.mountPath"), &file.mount_path)?;
    let from = match (&file.value, &file.value_from) {
        (Some(_), Some(_)) => {
            return Err(RenderError::field(object, field, "gives both `value` and `valueFrom`; keep one"));
        }
        (value, None) => {
            let content = value.clone().unwrap_or_default();
            check::config_map_size([content.as_str()])
                .map_err(|problem| RenderError::field(object, format!("{field}.value"), problem))?;
            return written(cx, mount_path, content, inputs);
        }
        (None, Some(from)) => from,
    };
    let field = format!("{field}.valueFrom");
    match key_source(object, &field, from)? {
        Source::Group(reference) => {
            let group = group(groups, &reference.name)?;
            let setting = group.setting(environment_name(cx), &reference.key)?;
            from_setting(cx, mount_path, group, &reference.key, setting, inputs)
        }
        Source::Secret(reference) => {
            inputs::secret_name(cx, groups, &field, &reference.name)?;
            inputs::secret_key(object, &field, &reference.key)?;
            let name = inputs.stored_secret_volume(cx, &reference.name)?;
            Ok((Origin::Secret, read_only(name, mount_path, Some(&reference.key))))
        }
    }
}

/// A file whose content is in the artifact, through a ConfigMap of its own.
fn written(
    cx: &WorkloadContext<'_>,
    mount_path: String,
    content: String,
    inputs: &mut Inputs,
) -> Result<(Origin, VolumeMount), RenderError> {
    let naming = || RenderError::naming(format!("the file mount `{mount_path}`"));
    let volume = cx.naming.file_mount_volume(&mount_path).map_err(naming())?.into_string();
    let config_map =
        cx.naming.file_mount(&cx.id, track_part(cx.naming, cx.track), &mount_path).map_err(naming())?.into_string();
    inputs.note(&["file", &mount_path, "plain", &content]);
    let source = ConfigMapVolumeSource { name: config_map.clone(), ..ConfigMapVolumeSource::default() };
    let backing = Volume { name: volume.clone(), config_map: Some(source), ..Volume::default() };
    inputs.volume(Origin::Written, backing);
    inputs.contents.insert(config_map, content);
    let sub_path = Some(CONTENT.to_owned());
    Ok((Origin::Written, VolumeMount { name: volume, mount_path, sub_path, ..VolumeMount::default() }))
}

fn from_setting(
    cx: &WorkloadContext<'_>,
    mount_path: String,
    group: &Group<'_>,
    key: &str,
    setting: Setting<'_>,
    inputs: &mut Inputs,
) -> Result<(Origin, VolumeMount), RenderError> {
    let origin = |is_secret| Origin::Group { resource: group.resource.to_string(), is_secret };
    match setting {
        Setting::Plain(value) => {
            inputs.note(&["file", &mount_path, "plain", value]);
            let name = inputs.plain_volume(cx, group)?;
            let mount = VolumeMount { name, mount_path, sub_path: Some(key.to_owned()), ..VolumeMount::default() };
            Ok((origin(false), mount))
        }
        Setting::Secret(vault_key) => {
            inputs.note(&["file", &mount_path, "secret", vault_key]);
            let name = inputs.secret_volume(cx, group)?;
            Ok((origin(true), read_only(name, mount_path, Some(key))))
        }
    }
}

fn read_only(volume: String, mount_path: String, key: Option<&str>) -> VolumeMount {
    VolumeMount {
        name: volume,
        mount_path,
        sub_path: key.map(str::to_owned),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

fn path(object: &str, field: &str, path: &str) -> Result<String, RenderError> {
    check::mount_path(path).map_err(|problem| RenderError::field(object, field, problem))
}

/// The data of the ConfigMap of one file.
pub(crate) fn file_data(content: &str) -> std::collections::BTreeMap<String, String> {
    std::collections::BTreeMap::from([(CONTENT.to_owned(), content.to_owned())])
}
