//! OpenAPI documents.

use openchoreo_embedded::openapi::{OpenApiKind, group_document, index};
use openchoreo_embedded::schema::Schema;
use serde_json::{Value, json};

#[test]
fn the_index_leads_to_each_document() {
    let index = index(&[("api/v1".into(), "A1".into()), ("apis/apps/v1".into(), "B2".into())]);
    assert_eq!(
        index,
        json!({"paths": {
            "api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=A1"},
            "apis/apps/v1": {"serverRelativeURL": "/openapi/v3/apis/apps/v1?hash=B2"},
        }})
    );
}

#[test]
fn clients_see_that_the_server_validates_fields() {
    let schema = json!({"type": "object", "properties": {"spec": {"type": "object"}}});
    let kinds = [
        OpenApiKind {
            kind: "Thing",
            plural: "things",
            namespaced: true,
            status: true,
            strategic_merge: false,
            schema: &schema,
        },
        OpenApiKind {
            kind: "World",
            plural: "worlds",
            namespaced: false,
            status: false,
            strategic_merge: false,
            schema: &schema,
        },
    ];
    let document = group_document("e.example.com", "v1", &kinds);
    let paths = document["paths"].as_object().expect("paths");
    assert_eq!(
        paths.keys().collect::<Vec<_>>(),
        [
            "/apis/e.example.com/v1/namespaces/{namespace}/things",
            "/apis/e.example.com/v1/namespaces/{namespace}/things/{name}",
            "/apis/e.example.com/v1/namespaces/{namespace}/things/{name}/status",
            "/apis/e.example.com/v1/things",
            "/apis/e.example.com/v1/worlds",
            "/apis/e.example.com/v1/worlds/{name}",
        ]
    );
    let patch = &document["paths"]["/apis/e.example.com/v1/worlds/{name}"]["patch"];
    let names: Vec<_> =
        patch["parameters"].as_array().into_iter().flatten().map(|parameter| parameter["name"].clone()).collect();
    assert_eq!(names, ["dryRun", "fieldManager", "fieldValidation", "force"]);
    assert_eq!(
        patch["x-kubernetes-group-version-kind"],
        json!({"group": "e.example.com", "version": "v1", "kind": "World"})
    );
}

#[test]
fn schemas_name_their_kind_and_references_lead_somewhere() {
    let schema = Schema::builtin("v1", "ConfigMap").expect("built in");
    let kind = OpenApiKind {
        kind: "ConfigMap",
        plural: "configmaps",
        namespaced: true,
        status: false,
        strategic_merge: true,
        schema: schema.open_api(),
    };
    let document = group_document("", "v1", &[kind]);
    let component = &document["components"]["schemas"]["io.k8s.api.core.v1.ConfigMap"];
    assert_eq!(
        component["x-kubernetes-group-version-kind"],
        json!([{"group": "", "version": "v1", "kind": "ConfigMap"}])
    );
    assert!(component["properties"]["data"]["description"].is_string());
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("local");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
