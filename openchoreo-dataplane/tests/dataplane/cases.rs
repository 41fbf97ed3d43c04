//! Whole cases: what a developer writes in `input.yaml`, and all that comes of it in the data plane as a snapshot.

use openchoreo_core::labels::{OWNED_BY, OWNER, WANTED_DIGEST};
use openchoreo_types::v1alpha1 as oc;
use serde_json::{Value, json};

use crate::lab::{Lab, plane, platform, reason};

#[test]
fn cases_come_out_as_recorded() {
    insta::glob!("../cases", "*/input.yaml", |path| {
        let platform = platform();
        let mut lab = Lab::with_organization(&platform, "acme");
        lab.apply(&std::fs::read_to_string(path).expect("a file"));
        let objects: Vec<Value> =
            lab.offline.world().all(&plane("acme")).into_iter().map(|(_, live)| tidy(live.json())).collect();
        let deployment = lab.control::<oc::Deployment>("acme", "deployment").expect("each case has one");
        let outcome = json!({"ready": reason(&deployment, "Ready"), "objects": objects});
        let folder = path.parent().and_then(|p| p.file_name()).expect("a folder").to_string_lossy().into_owned();
        insta::with_settings!({snapshot_path => format!("../cases/{folder}"), prepend_module_to_snapshot => false, snapshot_suffix => ""}, {
            insta::assert_yaml_snapshot!("objects", outcome);
        });
    });
}

/// Without what every object has and no case is about.
fn tidy(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("uid");
        metadata.remove("generation");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(WANTED_DIGEST);
            annotations.remove(OWNED_BY);
        }
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove(OWNER);
        }
        metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    }
    object
}
