//! Schemas of the kinds every server has, generated from the `k8s-openapi` types at first use.
//!
//! The types lack two things: how lists merge ([`super::merging`]) and what Go accepts although the published schema
//! does not — a status may be written in parts, so nothing below `status` is required.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use k8s_openapi::Resource;
use k8s_openapi::api::{
    admissionregistration::v1 as admissionregistration, apps::v1 as apps, autoscaling::v2 as autoscaling,
    batch::v1 as batch, coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery,
    events::v1 as events, networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac,
    scheduling::v1 as scheduling, storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::node::Node;
use super::{Schema, merging, parse};

/// What schemas look up: `apiVersion` and `kind`.
type TypeName = (String, String);

struct Catalog {
    /// Each kind's definition.
    kinds: BTreeMap<TypeName, String>,
    definitions: Map<String, Value>,
    /// Schemas read so far.
    schemas: BTreeMap<TypeName, OnceLock<Option<Arc<Schema>>>>,
}

/// The schema of a built-in kind, `None` for any other.
pub(crate) fn schema(api_version: &str, kind: &str) -> Option<Arc<Schema>> {
    let name = (api_version.to_owned(), kind.to_owned());
    let cell = CATALOG.schemas.get(&name)?;
    cell.get_or_init(|| {
        let definition = CATALOG.kinds.get(&name)?;
        let mut source = resolved(&CATALOG.definitions, definition, &mut Vec::new());
        if let Some(status) = source.pointer_mut("/properties/status") {
            require_nothing(status);
        }
        let mut root = parse::trusted(&source).ok()?;
        parse::complete_root(&mut root);
        Some(Arc::new(Schema { root, source }))
    })
    .clone()
}

/// The metadata of every object.
pub(crate) fn object_meta() -> Arc<Node> {
    static OBJECT_META: OnceLock<Arc<Node>> = OnceLock::new();
    OBJECT_META
        .get_or_init(|| {
            let definition = ObjectMeta::schema_name();
            let source = resolved(&CATALOG.definitions, &definition, &mut Vec::new());
            Arc::new(parse::trusted(&source).unwrap_or_else(|_| Node::untyped()))
        })
        .clone()
}

/// The metadata of every object as JSON, for documents.
pub(crate) fn object_meta_source() -> Value {
    resolved(&CATALOG.definitions, &ObjectMeta::schema_name(), &mut Vec::new())
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut kinds = BTreeMap::new();
    add_kinds(&mut generator, &mut kinds);
    let mut definitions: Map<String, Value> = generator.definitions().clone();
    for (name, definition) in &mut definitions {
        if let Value::Object(schema) = definition {
            amend(name, schema);
            merging::annotate(name, schema);
        }
    }
    let schemas = kinds.keys().map(|name| (name.clone(), OnceLock::new())).collect();
    Catalog { kinds, definitions, schemas }
});

fn add_kinds(generator: &mut SchemaGenerator, kinds: &mut BTreeMap<TypeName, String>) {
    macro_rules! add {
        ($($kind:ty),* $(,)?) => {
            $(add_kind::<$kind>(generator, kinds);)*
        };
    }
    add!(
        core::ConfigMap,
        core::Endpoints,
        core::Event,
        core::LimitRange,
        core::Namespace,
        core::Node,
        core::PersistentVolume,
        core::PersistentVolumeClaim,
        core::Pod,
        core::ReplicationController,
        core::ResourceQuota,
        core::Secret,
        core::Service,
        core::ServiceAccount,
        apps::ControllerRevision,
        apps::DaemonSet,
        apps::Deployment,
        apps::ReplicaSet,
        apps::StatefulSet,
        batch::CronJob,
        batch::Job,
        autoscaling::HorizontalPodAutoscaler,
        coordination::Lease,
        discovery::EndpointSlice,
        events::Event,
        networking::Ingress,
        networking::IngressClass,
        networking::NetworkPolicy,
        policy::PodDisruptionBudget,
        rbac::ClusterRole,
        rbac::ClusterRoleBinding,
        rbac::Role,
        rbac::RoleBinding,
        scheduling::PriorityClass,
        storage::StorageClass,
        admissionregistration::MutatingWebhookConfiguration,
        admissionregistration::ValidatingWebhookConfiguration,
        apiextensions::CustomResourceDefinition,
    );
}

fn add_kind<K: Resource + JsonSchema>(generator: &mut SchemaGenerator, kinds: &mut BTreeMap<TypeName, String>) {
    let _reference = generator.subschema_for::<K>();
    kinds.insert((K::API_VERSION.to_owned(), K::KIND.to_owned()), K::schema_name().into_owned());
}

/// Corrects definitions that JSON Schema cannot or does not say.
fn amend(name: &str, schema: &mut Map<String, Value>) {
    let description = schema.get("description").cloned();
    let free = if name.ends_with(".api.resource.Quantity") {
        schema.insert("format".to_owned(), json!("quantity"));
        return;
    } else if name.ends_with(".apiextensions.v1.JSONSchemaProps") {
        // It refers to itself; a definition's schema is checked when it is read, not here.
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    } else if name.ends_with(".apiextensions.v1.JSON") || name.contains(".apiextensions.v1.JSONSchemaPropsOr") {
        json!({"x-kubernetes-preserve-unknown-fields": true})
    } else {
        return;
    };
    if let Value::Object(free) = free {
        *schema = free;
        schema.extend(description.map(|text| ("description".to_owned(), text)));
    }
}

/// A definition with every reference replaced by what it refers to. `within` guards against self-reference.
fn resolved(definitions: &Map<String, Value>, name: &str, within: &mut Vec<String>) -> Value {
    if within.iter().any(|outer| outer == name) {
        return json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    }
    within.push(name.to_owned());
    let mut schema = definitions.get(name).cloned().unwrap_or_else(|| json!({}));
    resolve_below(definitions, &mut schema, within);
    within.pop();
    schema
}

fn resolve_below(definitions: &Map<String, Value>, value: &mut Value, within: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let reference = members
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| reference.rsplit('/').next())
                .map(str::to_owned);
            if let Some(name) = reference {
                members.remove("$ref");
                // What stands beside a reference is about this use of the definition, and wins.
                if let Value::Object(referred) = resolved(definitions, &name, within) {
                    for (keyword, value) in referred {
                        members.entry(keyword).or_insert(value);
                    }
                }
                return;
            }
            for member in members.values_mut() {
                resolve_below(definitions, member, within);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| resolve_below(definitions, item, within)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Removes every `required` list of a schema.
fn require_nothing(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    if members.get("required").is_some_and(Value::is_array) {
        members.remove("required");
    }
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        properties.values_mut().for_each(require_nothing);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(below) = members.get_mut(keyword) {
            require_nothing(below);
        }
    }
}
