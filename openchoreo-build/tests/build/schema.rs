//! The Workflow is valid by Argo's own definition.

use std::path::PathBuf;

use openchoreo_embedded::schema::Schema;
use openchoreo_types::yaml;
use serde_json::Value;

use crate::laptop::{Laptop, builds, platform};

/// The folder with the definitions of other projects, where it is at hand.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn definitions() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let data = std::env::var_os("OPENCHOREO_SHARED_DATA").map_or_else(beside, PathBuf::from);
    let definitions = data.join("third-party-crds");
    if definitions.is_dir() {
        return Some(definitions);
    }
    eprintln!("SKIPPED: no {}; set OPENCHOREO_SHARED_DATA to the folder of shared test data", definitions.display());
    None
}

#[test]
fn the_workflow_of_a_build_is_valid_by_the_definition_of_argo() {
    let Some(definitions) = definitions() else { return };
    let text = std::fs::read_to_string(definitions.join("argo-argoproj.io_workflows.yaml")).expect("the definition");
    let definition = yaml::documents(&text).expect("YAML").remove(0);
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array).expect("versions");
    let served = versions.iter().find(|version| version["name"] == "v1alpha1").expect("v1alpha1");
    let schema = Schema::parse(&served["schema"]["openAPIV3Schema"]).expect("a structural schema");
    let platform = platform();
    let mut laptop = Laptop::with_plane(&platform);
    laptop.build("acme", "one");
    laptop.settle();
    let mut workflow = laptop.workflows(&builds()).pop().expect("the Workflow");
    assert_eq!(schema.prune(&mut workflow), Vec::<String>::new(), "fields that Argo does not know");
    let problems: Vec<_> = schema.validate(&workflow, None).iter().map(ToString::to_string).collect();
    assert_eq!(problems, Vec::<String>::new());
}
