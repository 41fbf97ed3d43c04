//! Every valid sample of the compatible system can be read, and comes out as it went in.

use std::path::Path;

use openchoreo_types::v1alpha1 as oc;
use openchoreo_types::{PlatformKind, all_kinds, validate, yaml};
use serde_json::Value;

use crate::data;

/// Samples of an older API, which the compatible system refuses as well.
fn is_invalid(path: &Path, document: &Value) -> bool {
    let spec = &document["spec"];
    match document["kind"].as_str().unwrap_or_default() {
        "Component" | "Build" => spec["owner"].is_null(),
        "DeployableArtifact" => spec["configuration"]["endpointTemplates"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|template| template["spec"]["backendRef"].is_null()),
        // Empty examples, of which the API server only stores a name.
        _ => spec.is_null() && path.components().any(|part| part.as_os_str() == "config"),
    }
}

#[test]
fn every_valid_sample_survives_reading_and_writing() {
    let Some(folder) = data::folder() else { return };
    let mut checked = 0;
    for file in data::files_below(&folder.join("upstream-samples"), "yaml") {
        for document in yaml::documents(&data::read(&file)).unwrap() {
            let kind = document["kind"].as_str().unwrap_or_default().to_owned();
            if !all_kinds().iter().any(|info| info.kind == kind) || is_invalid(&file, &document) {
                continue;
            }
            let written = round_trip(&kind, document.clone())
                .unwrap_or_else(|error| panic!("{kind} in {}: {error}", file.display()));
            assert_eq!(without_zeros(&written), without_zeros(&document), "{kind} in {}", file.display());
            if let Err(problems) = validate::validate_manifest(&document) {
                panic!("{kind} in {}: {problems:?}", file.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} samples found");
}

fn round_trip(kind: &str, document: Value) -> Result<Value, serde_json::Error> {
    fn through<K: PlatformKind>(document: Value) -> Result<Value, serde_json::Error> {
        serde_json::to_value(serde_json::from_value::<K>(document)?)
    }
    match kind {
        "Organization" => through::<oc::Organization>(document),
        "Project" => through::<oc::Project>(document),
        "Environment" => through::<oc::Environment>(document),
        "DataPlane" => through::<oc::DataPlane>(document),
        "BuildPlane" => through::<oc::BuildPlane>(document),
        "DeploymentPipeline" => through::<oc::DeploymentPipeline>(document),
        "Component" => through::<oc::Component>(document),
        "DeploymentTrack" => through::<oc::DeploymentTrack>(document),
        "Build" => through::<oc::Build>(document),
        "DeployableArtifact" => through::<oc::DeployableArtifact>(document),
        "Deployment" => through::<oc::Deployment>(document),
        "Endpoint" => through::<oc::Endpoint>(document),
        "ConfigurationGroup" => through::<oc::ConfigurationGroup>(document),
        other => panic!("no type for {other}"),
    }
}

/// The value without what means the same as nothing: null, false, empty text, lists and objects.
fn without_zeros(value: &Value) -> Value {
    let is_zero = |value: &Value| {
        value.is_null()
            || value == &Value::Bool(false)
            || value.as_str() == Some("")
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(serde_json::Map::is_empty)
    };
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), without_zeros(value)))
                .filter(|(_, value)| !is_zero(value))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_zeros).collect()),
        other => other.clone(),
    }
}
