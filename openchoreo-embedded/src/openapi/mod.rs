//! OpenAPI v3 documents: what `kubectl explain` reads, and where clients see that the server validates fields.
//!
//! One document for each group and version, with the schemas of its kinds and just enough of their paths for clients
//! to recognize operations, parameters and kinds. Deliberately absent: response schemas and protocol buffer variants.

use serde_json::{Map, Value, json};

use crate::schema::object_meta_source;

/// The component that every object's metadata refers to.
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// One kind of a group and version.
#[derive(Debug, Clone, Copy)]
pub struct OpenApiKind<'a> {
    /// The kind, as `Deployment`.
    pub kind: &'a str,
    /// The resource, as `deployments`.
    pub plural: &'a str,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
    /// Whether there is a `status` subresource.
    pub status: bool,
    /// Whether strategic merge patches are understood: clients send them to whoever says so.
    pub strategic_merge: bool,
    /// The schema of whole objects.
    pub schema: &'a Value,
}

/// The index of documents: for each path below `/openapi/v3` (as `apis/apps/v1`) and hash, where its document is.
/// The hash lets clients cache, so it must change with the document.
pub fn index(groups: &[(String, String)]) -> Value {
    let paths: Map<String, Value> = groups
        .iter()
        .map(|(path, hash)| (path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")})))
        .collect();
    json!({"paths": paths})
}

/// The document of one group (empty for the core group) and version.
pub fn group_document(group: &str, version: &str, kinds: &[OpenApiKind<'_>]) -> Value {
    let mut schemas = Map::new();
    let mut paths = Map::new();
    if !kinds.is_empty() {
        schemas.insert(OBJECT_META.to_owned(), object_meta_source());
    }
    for kind in kinds {
        let component = component_name(group, version, kind.kind);
        let type_name = json!({"group": group, "version": version, "kind": kind.kind});
        schemas.insert(component.clone(), component_schema(kind.schema, &type_name));
        add_paths(&mut paths, group, version, kind, &component, &type_name);
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

/// The name of a kind's schema, which by custom spells the group backwards.
fn component_name(group: &str, version: &str, kind: &str) -> String {
    let group = match group {
        "" => "io.k8s.api.core".to_owned(),
        group if !group.contains('.') => format!("io.k8s.api.{group}"),
        group => group.rsplit('.').collect::<Vec<_>>().join("."),
    };
    format!("{group}.{version}.{kind}")
}

fn component_schema(schema: &Value, type_name: &Value) -> Value {
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    let properties = schema.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(properties) = properties {
        let text = |about: &str| json!({"type": "string", "description": about});
        properties.entry("apiVersion").or_insert_with(|| text("The group and version that the object is written in."));
        properties.entry("kind").or_insert_with(|| text("What the object is."));
        let metadata = json!({
            "description": "What every object has: its name, labels, owners and life cycle.",
            "allOf": [{"$ref": reference(OBJECT_META)}],
        });
        properties.insert("metadata".to_owned(), metadata);
    }
    schema.insert("x-kubernetes-group-version-kind".to_owned(), json!([type_name]));
    Value::Object(schema)
}

fn reference(component: &str) -> String {
    format!("#/components/schemas/{component}")
}

fn add_paths(
    paths: &mut Map<String, Value>,
    group: &str,
    version: &str,
    kind: &OpenApiKind<'_>,
    component: &str,
    type_name: &Value,
) {
    let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
    let collection = if kind.namespaced {
        format!("{root}/namespaces/{{namespace}}/{}", kind.plural)
    } else {
        format!("{root}/{}", kind.plural)
    };
    let operation = |action: &str| operation(action, component, type_name, kind.strategic_merge);
    let of_collection = json!({
        "parameters": path_parameters(kind.namespaced, false),
        "get": operation("list"),
        "post": operation("post"),
        "delete": operation("deletecollection"),
    });
    let of_object = json!({
        "parameters": path_parameters(kind.namespaced, true),
        "get": operation("get"),
        "put": operation("put"),
        "patch": operation("patch"),
        "delete": operation("delete"),
    });
    if kind.namespaced {
        let everywhere = json!({"get": operation("list")});
        paths.insert(format!("{root}/{}", kind.plural), everywhere);
    }
    if kind.status {
        let of_status = json!({
            "parameters": path_parameters(kind.namespaced, true),
            "get": operation("get"),
            "put": operation("put"),
            "patch": operation("patch"),
        });
        paths.insert(format!("{collection}/{{name}}/status"), of_status);
    }
    paths.insert(format!("{collection}/{{name}}"), of_object);
    paths.insert(collection, of_collection);
}

fn operation(action: &str, component: &str, type_name: &Value, strategic_merge: bool) -> Value {
    let mut parameters = Vec::new();
    let mut query = |name: &str, r#type: &str| {
        parameters.push(json!({"name": name, "in": "query", "schema": {"type": r#type, "uniqueItems": true}}));
    };
    let writes = matches!(action, "post" | "put" | "patch");
    if writes {
        query("dryRun", "string");
        query("fieldManager", "string");
        query("fieldValidation", "string");
    }
    if action == "patch" {
        query("force", "boolean");
    }
    if matches!(action, "delete" | "deletecollection") {
        query("dryRun", "string");
        query("gracePeriodSeconds", "integer");
        query("propagationPolicy", "string");
    }
    if matches!(action, "list" | "deletecollection") {
        query("continue", "string");
        query("fieldSelector", "string");
        query("labelSelector", "string");
        query("limit", "integer");
        query("resourceVersion", "string");
    }
    let mut operation = json!({
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": type_name,
    });
    if writes && let Value::Object(members) = &mut operation {
        let media_types: &[&str] = match (action, strategic_merge) {
            ("patch", true) => &[
                "application/apply-patch+yaml",
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/strategic-merge-patch+json",
            ],
            ("patch", false) => {
                &["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"]
            }
            _ => &["application/json", "application/yaml"],
        };
        let content: Map<String, Value> = media_types
            .iter()
            .map(|media_type| {
                let schema =
                    if action == "patch" { json!({"type": "object"}) } else { json!({"$ref": reference(component)}) };
                ((*media_type).to_owned(), json!({"schema": schema}))
            })
            .collect();
        members.insert("requestBody".to_owned(), json!({"content": content, "required": true}));
    }
    operation
}

fn path_parameters(namespaced: bool, named: bool) -> Value {
    let parameter = |name: &str| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
    let mut parameters = Vec::new();
    if named {
        parameters.push(parameter("name"));
    }
    if namespaced {
        parameters.push(parameter("namespace"));
    }
    Value::Array(parameters)
}
