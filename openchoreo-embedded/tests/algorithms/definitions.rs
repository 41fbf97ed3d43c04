//! Definitions from the wild: each must read as structural, and its rules must compile.

use std::collections::BTreeMap;
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
    let mut rules = BTreeMap::new();
    for directory in ["upstream-crds", "third-party-crds", "third-party-crds-latest"] {
        for (name, schema) in schemas(&data.join(directory)) {
            collect_rules(&name, &schema, &mut rules);
        }
    }
    // Evaluated over an object without members most rules fail; only failures to compile or to know a function matter.
    let all: Vec<_> = rules.values().map(|(_, rule)| rule.clone()).collect();
    let schema = Schema::parse(&json!({"type": "object", "properties": {"x": {
        "type": "object", "x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-validations": all}}}))
    .expect("structural");
    let failures: Vec<_> = schema
        .validate(&json!({"x": {}}), None)
        .iter()
        .filter(|finding| finding.detail.contains("compile") || finding.detail.contains("not support"))
        .map(|finding| {
            let origin = rules.iter().find(|(rule, _)| finding.detail.contains(rule.as_str()));
            format!("{}: {finding}", origin.map_or("somewhere", |(_, (name, _))| name))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Each distinct rule, with where it was first seen.
fn collect_rules(name: &str, schema: &Value, rules: &mut BTreeMap<String, (String, Value)>) {
    match schema {
        Value::Object(members) => {
            for rule in members.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
                let text = rule["rule"].as_str().unwrap_or_default().to_owned();
                rules.entry(text).or_insert_with(|| (name.to_owned(), rule.clone()));
            }
            members.values().for_each(|member| collect_rules(name, member, rules));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_rules(name, item, rules)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
