//! CustomResourceDefinitions, made from the types.
//!
//! The output is the same on every call and on every machine, so that it can be committed and compared.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec, CustomResourceDefinitionVersion, CustomResourceSubresourceStatus,
    CustomResourceSubresources, CustomResourceValidation, JSONSchemaProps,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::foreign::{argo, cilium, envoy_gateway, gateway_api, secrets_store};
use crate::kind::{Described, KindInfo};
use crate::v1alpha1;

mod bounds;
mod structural;

/// Calls a macro with every kind of the platform, parents before children.
macro_rules! for_platform_kinds {
    ($each:ident) => {
        [
            $each!(v1alpha1::Organization),
            $each!(v1alpha1::Project),
            $each!(v1alpha1::Environment),
            $each!(v1alpha1::DataPlane),
            $each!(v1alpha1::BuildPlane),
            $each!(v1alpha1::DeploymentPipeline),
            $each!(v1alpha1::Component),
            $each!(v1alpha1::DeploymentTrack),
            $each!(v1alpha1::Build),
            $each!(v1alpha1::DeployableArtifact),
            $each!(v1alpha1::Deployment),
            $each!(v1alpha1::Endpoint),
            $each!(v1alpha1::ConfigurationGroup),
        ]
    };
}

macro_rules! info_of {
    ($kind:ty) => {
        <$kind as Described>::INFO
    };
}

macro_rules! definition_of {
    ($kind:ty) => {
        definition::<$kind>(Strictness::Closed)
    };
}

macro_rules! open_definition_of {
    ($kind:ty) => {
        definition::<$kind>(Strictness::Open)
    };
}

const PLATFORM_KINDS: &[KindInfo] = &for_platform_kinds!(info_of);

/// The facts about every kind of the platform, parents before children.
pub fn all_kinds() -> &'static [KindInfo] {
    PLATFORM_KINDS
}

/// The CustomResourceDefinitions of every kind of the platform, in the order of [`all_kinds`].
pub fn crds() -> Vec<CustomResourceDefinition> {
    for_platform_kinds!(definition_of).into()
}

/// CustomResourceDefinitions of the foreign kinds in [`crate::foreign`], for clusters that lack the real ones.
///
/// They check the fields that the platform writes and let everything else pass. Never install them beside the software
/// that the kinds belong to: its own definitions know more.
pub fn foreign_crds() -> Vec<CustomResourceDefinition> {
    vec![
        open_definition_of!(gateway_api::GatewayClass),
        open_definition_of!(gateway_api::Gateway),
        open_definition_of!(gateway_api::HTTPRoute),
        open_definition_of!(gateway_api::ReferenceGrant),
        open_definition_of!(envoy_gateway::EnvoyProxy),
        open_definition_of!(envoy_gateway::SecurityPolicy),
        open_definition_of!(envoy_gateway::BackendTrafficPolicy),
        open_definition_of!(envoy_gateway::HTTPRouteFilter),
        open_definition_of!(cilium::CiliumNetworkPolicy),
        open_definition_of!(argo::Workflow),
        open_definition_of!(argo::WorkflowTemplate),
        open_definition_of!(argo::ClusterWorkflowTemplate),
        open_definition_of!(secrets_store::SecretProviderClass),
    ]
}

/// A definition as a manifest, with whole numbers written as such: the type holds bounds as floating-point numbers.
///
/// Returns null for a definition that cannot be written as JSON, which is none that this crate makes.
pub fn crd_manifest(crd: &CustomResourceDefinition) -> Value {
    let mut manifest = serde_json::to_value(crd).unwrap_or(Value::Null);
    structural::write_whole_numbers(&mut manifest);
    manifest
}

/// What becomes of fields that a schema does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// They are dropped.
    Closed,
    /// They are kept.
    Open,
}

fn definition<K: Described>(strictness: Strictness) -> CustomResourceDefinition {
    let info = K::INFO;
    let names = |list: &[&str]| (!list.is_empty()).then(|| list.iter().map(|name| (*name).to_owned()).collect());
    let columns = |column: &crate::kind::PrinterColumn| CustomResourceColumnDefinition {
        name: column.name.to_owned(),
        type_: column.type_.to_owned(),
        json_path: column.json_path.to_owned(),
        ..Default::default()
    };
    let version = CustomResourceDefinitionVersion {
        name: info.version.to_owned(),
        served: true,
        storage: true,
        additional_printer_columns: (!info.columns.is_empty()).then(|| info.columns.iter().map(columns).collect()),
        schema: Some(CustomResourceValidation { open_api_v3_schema: Some(root_schema::<K>(strictness)) }),
        subresources: info.has_status.then(|| CustomResourceSubresources {
            status: Some(CustomResourceSubresourceStatus(Value::Object(serde_json::Map::new()))),
            ..Default::default()
        }),
        ..Default::default()
    };
    // An API group under `k8s.io` is only served when its definition says who approved it.
    let annotations = info.group.ends_with(".k8s.io").then(|| {
        let approval =
            ("api-approved.kubernetes.io".to_owned(), "unapproved, typed subset of a foreign kind".to_owned());
        std::collections::BTreeMap::from([approval])
    });
    CustomResourceDefinition {
        metadata: ObjectMeta { name: Some(info.crd_name()), annotations, ..Default::default() },
        spec: CustomResourceDefinitionSpec {
            group: info.group.to_owned(),
            names: CustomResourceDefinitionNames {
                kind: info.kind.to_owned(),
                list_kind: Some(format!("{}List", info.kind)),
                plural: info.plural.to_owned(),
                singular: Some(info.singular.to_owned()),
                short_names: names(info.short_names),
                categories: names(info.categories),
            },
            scope: if info.namespaced { "Namespaced" } else { "Cluster" }.to_owned(),
            versions: vec![version],
            ..Default::default()
        },
        status: None,
    }
}

/// The schema of a whole object. Neither spec nor status is required: a stored object may lack both.
fn root_schema<K: Described>(strictness: Strictness) -> JSONSchemaProps {
    let text = |description: &str| JSONSchemaProps {
        type_: Some("string".to_owned()),
        description: Some(description.to_owned()),
        ..Default::default()
    };
    let mut spec = structural::schema_of::<K::Spec>();
    let mut status = structural::schema_of::<K::Status>();
    match strictness {
        Strictness::Open => {
            structural::keep_unknown_fields(&mut spec);
            structural::keep_unknown_fields(&mut status);
        }
        // Foreign kinds are not bounded: how much they may hold is for their own software to say.
        Strictness::Closed => {
            bounds::bound_spec(&mut spec);
            bounds::bound_status(&mut status);
        }
    }
    // API servers own the schema of metadata: not even a description may stand here.
    let metadata = JSONSchemaProps { type_: Some("object".to_owned()), ..Default::default() };
    let mut properties = std::collections::BTreeMap::from([
        ("apiVersion".to_owned(), text("Group and version of the kind.")),
        ("kind".to_owned(), text("Name of the kind.")),
        ("metadata".to_owned(), metadata),
        ("spec".to_owned(), spec),
    ]);
    // A foreign kind may have a status although it is no subresource.
    if std::any::TypeId::of::<K::Status>() != std::any::TypeId::of::<crate::kind::NoStatus>() {
        properties.insert("status".to_owned(), status);
    }
    JSONSchemaProps {
        type_: Some("object".to_owned()),
        description: Some(K::DESCRIPTION.trim().to_owned()),
        properties: Some(properties),
        x_kubernetes_preserve_unknown_fields: (strictness == Strictness::Open).then_some(true),
        ..Default::default()
    }
}
