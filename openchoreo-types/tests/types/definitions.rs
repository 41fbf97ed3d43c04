//! The definitions are complete, structural and always the same.

use std::collections::BTreeSet;

use openchoreo_types::{PlatformKind, all_kinds, crd_manifest, crds, foreign_crds, v1alpha1};
use serde_json::Value;

fn schemas() -> Vec<(String, Value)> {
    let of = |crd: Value| {
        (crd["metadata"]["name"].to_string(), crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone())
    };
    crds().iter().chain(&foreign_crds()).map(crd_manifest).map(of).collect()
}

fn walk(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), property, visit);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(schema) = schema.get(inner).filter(|schema| schema.is_object()) {
            walk(&format!("{path}.{inner}"), schema, visit);
        }
    }
}

#[test]
fn every_property_is_described() {
    for (name, schema) in schemas() {
        walk("", &schema, &mut |path, schema| {
            // Health checks are documented where containers are; elements by the list that holds them.
            // and metadata by the API server.
            let is_exempt = path == ".metadata"
                || path.contains("Probe.")
                || path.ends_with(".items")
                || path.ends_with(".additionalProperties");
            assert!(is_exempt || schema["description"].is_string(), "{name}{path} has no description");
        });
    }
}

#[test]
fn every_place_has_one_type_and_no_null() {
    for (name, schema) in schemas() {
        walk("", &schema, &mut |path, schema| {
            let is_open =
                schema["x-kubernetes-preserve-unknown-fields"] == true || schema["x-kubernetes-int-or-string"] == true;
            assert!(schema["type"].is_string() || is_open, "{name}{path} has no type: {schema}");
            for keyword in ["nullable", "oneOf", "allOf", "title", "$ref"] {
                assert!(schema.get(keyword).is_none(), "{name}{path} has {keyword}");
            }
            let is_object = schema["type"] == "object";
            assert!(
                is_object || schema.get("properties").is_none(),
                "{name}{path} has properties without being an object"
            );
            let both = schema.get("properties").is_some() && schema["additionalProperties"].is_object();
            assert!(!both, "{name}{path} has both properties and additional ones");
        });
    }
}

#[test]
fn lists_that_are_merged_by_a_key_require_the_key() {
    for (name, schema) in schemas() {
        walk("", &schema, &mut |path, schema| {
            for key in schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten() {
                let required = schema["items"]["required"].as_array().cloned().unwrap_or_default();
                assert!(required.contains(key), "{name}{path}: {key} is not required");
            }
        });
    }
}

/// Places that take text or an object, so that no type and no bound can be declared; their readers check them.
const UNBOUNDED: [&str; 8] = [
    ".spec.kubernetesCluster.auth.bearerToken.secretRef",
    ".spec.kubernetesCluster.auth.mtls.clientCert.secretRef",
    ".spec.kubernetesCluster.auth.mtls.clientKey.secretRef",
    ".spec.kubernetesCluster.credentials.caCert",
    ".spec.kubernetesCluster.credentials.clientCert",
    ".spec.kubernetesCluster.credentials.clientKey",
    ".spec.kubernetesCluster.credentials.token",
    ".spec.kubernetesCluster.tls.ca.secretRef",
];

#[test]
fn everything_in_an_object_has_a_size() {
    let mut unbounded = BTreeSet::new();
    for crd in crds().iter().map(crd_manifest) {
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        for part in ["spec", "status"] {
            walk(&format!(".{part}"), &schema["properties"][part], &mut |path, schema| {
                let keyword = match schema["type"].as_str() {
                    // Of a few values or a form of its own.
                    Some("string") if schema["enum"].is_array() || schema["format"] == "date-time" => return,
                    Some("string") => "maxLength",
                    Some("array") => "maxItems",
                    Some("object") if schema["additionalProperties"].is_object() => "maxProperties",
                    Some("object") if schema["x-kubernetes-preserve-unknown-fields"] != true => return,
                    Some("integer" | "number" | "boolean") => return,
                    _ if schema["x-kubernetes-int-or-string"] == true => "maxLength",
                    _ => "a type",
                };
                if schema.get(keyword).is_none() {
                    unbounded.insert(path.to_owned());
                }
            });
        }
    }
    assert_eq!(unbounded, UNBOUNDED.map(str::to_owned).into());
}

#[test]
fn bounds_are_whole_numbers() {
    for crd in crds().iter().map(crd_manifest) {
        assert!(!crd.to_string().contains(".0"), "{} has a bound with a fraction", crd["metadata"]["name"]);
    }
}

#[test]
fn definitions_stay_below_the_limit_of_an_annotation() {
    for crd in crds().iter().chain(&foreign_crds()).map(crd_manifest) {
        let length = crd.to_string().len();
        assert!(length < 200 * 1024, "{} has {length} bytes", crd["metadata"]["name"]);
    }
}

#[test]
fn two_calls_give_the_same_bytes() {
    let bytes = || serde_json::to_string(&(crds(), foreign_crds())).unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn names_are_unique_and_agree_with_the_resource_trait() {
    let kinds: BTreeSet<&str> = all_kinds().iter().map(|info| info.kind).collect();
    assert_eq!(kinds.len(), 13);
    let short: Vec<&str> = all_kinds().iter().flat_map(|info| info.short_names).copied().collect();
    assert_eq!(short.len(), short.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(<v1alpha1::DataPlane as kube::Resource>::plural(&()), v1alpha1::DataPlane::PLURAL);
    let cluster_wide: Vec<&str> = all_kinds().iter().filter(|info| !info.namespaced).map(|info| info.kind).collect();
    assert_eq!(cluster_wide, ["Organization"]);
}

#[test]
fn a_kind_is_known_by_all_of_its_names() {
    let info = v1alpha1::DataPlane::INFO;
    for name in ["DataPlane", "dataplane", "dataplanes", "dp", "dps", "DPS", "dataplanes.openchoreo.dev"] {
        assert!(info.is_called(name), "{name}");
    }
    for name in ["data", "dataplanes.example.com", ""] {
        assert!(!info.is_called(name), "{name}");
    }
}
