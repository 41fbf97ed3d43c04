//! ConfigMaps: the plain settings of each group in the environment, and files that are written in the artifact.

use k8s_openapi::api::core::v1::ConfigMap;
use openchoreo_core::extension::WorkloadContext;

use super::inputs::Inputs;
use super::settings::Groups;
use super::{files, metadata};

/// A ConfigMap for each group that has plain settings in the environment, and for each file of the artifact itself.
pub fn config_maps(cx: &WorkloadContext<'_>, groups: &Groups<'_>, inputs: &Inputs) -> Vec<ConfigMap> {
    let of_groups = groups.values().filter_map(|group| {
        let data: std::collections::BTreeMap<_, _> =
            group.plain().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        (!data.is_empty()).then(|| ConfigMap {
            metadata: metadata(cx, group.resource.as_str()),
            data: Some(data),
            ..ConfigMap::default()
        })
    });
    let of_files = inputs.contents.iter().map(|(name, content)| ConfigMap {
        metadata: metadata(cx, name),
        data: Some(files::file_data(content)),
        ..ConfigMap::default()
    });
    of_groups.chain(of_files).collect()
}
