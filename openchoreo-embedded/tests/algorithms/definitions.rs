//! Definitions from the wild: each must read as structural, and its rules must compile.

use std::fs;
use std::path::{Path, PathBuf};

use openchoreo_embedded::schema::Schema;
use serde_json::{Value, json};

/// Where definitions are kept, which is outside of the project.
fn data() -> Option<PathBuf> {
    let named = std::env::var_os("OPENCHOREO_SHARED_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let found = named.into_iter().chain([beside]).find(|path| path.is_dir());
    if found.is_none() {
        println!("SKIPPED: no shared data; set OPENCHOREO_SHARED_DATA to its directory");
    }
    found
}

/// Each served schema below a directory, with the file and version it is from.
fn schemas(directory: &Path) -> Vec<(String, Value)> {
    let mut schemas = Vec::new();
    let mut files: Vec<_> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json" || extension == "yaml"))
        .collect();
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        let documents: Vec<Value> = if file.extension().is_some_and(|extension| extension == "json") {
            vec![serde_json::from_str(&text).expect("JSON")]
        } else {
            serde_saphyr::from_multiple(&text).expect("YAML")
        };
        for document in documents {
            for version in document.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten() {
                let schema = version.pointer("/schema/openAPIV3Schema").expect("a schema").clone();
                schemas.push((format!("{} {}", file.display(), version["name"]), schema));
            }
        }
    }
    schemas
}

#[test]
fn definitions_from_the_wild_are_structural() {
    let Some(data) = data() else { return };
    for directory in ["upstream-crds", "third-party-crds", "third-party-crds-latest"] {
        let schemas = schemas(&data.join(directory));
        for (name, schema) in &schemas {
            let parsed = Schema::parse(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(parsed.open_api(), schema, "{name}");
        }
        println!("{directory}: {} schemas", schemas.len());
    }
}

#[test]
fn rules_from_the_wild_compile() {
    let Some(data) = data() else { return };
    let mut failures = Vec::new();
    for directory in ["upstream-crds", "third-party-crds", "third-party-crds-latest"] {
        for (name, schema) in schemas(&data.join(directory)) {
            collect_failures(&name, &schema, &mut failures);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Compiles each rule by judging `null` members of a one-property object, where any evaluation error is fine.
fn collect_failures(name: &str, schema: &Value, failures: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(rules) = members.get("x-kubernetes-validations") {
                let probe = Schema::parse(&json!({"type": "object", "properties": {"x": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "x-kubernetes-validations": rules}}}))
                .expect("structural");
                failures.extend(
                    probe
                        .validate(&json!({"x": {}}), None)
                        .iter()
                        .filter(|finding| finding.detail.contains("compile") || finding.detail.contains("not support"))
                        .map(|finding| format!("{name}: {finding}")),
                );
            }
            members.values().for_each(|member| collect_failures(name, member, failures));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_failures(name, item, failures)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
