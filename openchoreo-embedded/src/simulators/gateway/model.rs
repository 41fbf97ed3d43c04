//! The parts of Gateway API that the simulated gateway reads.
//!
//! Subsets, read leniently: fields that are absent here are not evaluated. Status is kept as JSON, because only the
//! conditions in it are looked at and the rest belongs to whoever wrote it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::api::ApiResource;
use kube::core::{GroupVersionKind, Object};
use serde::Deserialize;
use serde_json::Value;

pub(super) type GatewayClass = Object<GatewayClassSpec, StatusOfClass>;
pub(super) type Gateway = Object<GatewaySpec, Value>;
pub(super) type HttpRoute = Object<HttpRouteSpec, StatusOfRoute>;
pub(super) type ReferenceGrant = Object<ReferenceGrantSpec, Value>;
pub(super) type EnvoyProxy = Object<EnvoyProxySpec, Value>;
/// Any policy of Envoy Gateway; what it asks for is read strictly, elsewhere.
pub(super) type Policy = Object<Value, StatusOfPolicy>;
pub(super) type HttpRouteFilter = Object<HttpRouteFilterSpec, Value>;

/// The group of Gateway API.
pub(super) const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";
/// The group of Envoy Gateway's own kinds.
pub(super) const ENVOY_GROUP: &str = "gateway.envoyproxy.io";

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

pub(super) fn gateway_classes() -> ApiResource {
    resource(GATEWAY_GROUP, "v1", "GatewayClass", "gatewayclasses")
}

pub(super) fn gateways() -> ApiResource {
    resource(GATEWAY_GROUP, "v1", "Gateway", "gateways")
}

pub(super) fn http_routes() -> ApiResource {
    resource(GATEWAY_GROUP, "v1", "HTTPRoute", "httproutes")
}

pub(super) fn reference_grants() -> ApiResource {
    resource(GATEWAY_GROUP, "v1beta1", "ReferenceGrant", "referencegrants")
}

pub(super) fn envoy_proxies() -> ApiResource {
    resource(ENVOY_GROUP, "v1alpha1", "EnvoyProxy", "envoyproxies")
}

pub(super) fn security_policies() -> ApiResource {
    resource(ENVOY_GROUP, "v1alpha1", "SecurityPolicy", "securitypolicies")
}

pub(super) fn traffic_policies() -> ApiResource {
    resource(ENVOY_GROUP, "v1alpha1", "BackendTrafficPolicy", "backendtrafficpolicies")
}

pub(super) fn client_policies() -> ApiResource {
    resource(ENVOY_GROUP, "v1alpha1", "ClientTrafficPolicy", "clienttrafficpolicies")
}

pub(super) fn extension_policies() -> ApiResource {
    resource(ENVOY_GROUP, "v1alpha1", "EnvoyExtensionPolicy", "envoyextensionpolicies")
}

pub(super) fn route_filters() -> ApiResource {
    resource(ENVOY_GROUP, "v1alpha1", "HTTPRouteFilter", "httproutefilters")
}

/// Namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Key {
    pub(super) fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    pub(super) fn of(meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> Self {
        Self::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GatewayClassSpec {
    pub(super) controller_name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusOfClass {
    pub(super) conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct GatewaySpec {
    pub(super) gateway_class_name: String,
    pub(super) listeners: Vec<Listener>,
    pub(super) infrastructure: Infrastructure,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Infrastructure {
    pub(super) parameters_ref: Option<ParametersRef>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ParametersRef {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Listener {
    pub(super) name: String,
    pub(super) hostname: Option<String>,
    pub(super) port: i32,
    pub(super) protocol: String,
    pub(super) allowed_routes: AllowedRoutes,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AllowedRoutes {
    pub(super) namespaces: AllowedNamespaces,
    pub(super) kinds: Vec<AllowedKind>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AllowedNamespaces {
    /// `Same` when absent.
    pub(super) from: Option<String>,
    pub(super) selector: Option<LabelSelector>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AllowedKind {
    pub(super) kind: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct HttpRouteSpec {
    pub(super) parent_refs: Vec<ParentRef>,
    pub(super) hostnames: Vec<String>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusOfRoute {
    /// One entry for each parent; entries of other controllers are kept as they are.
    pub(super) parents: Vec<Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ParentRef {
    pub(super) group: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) section_name: Option<String>,
    pub(super) port: Option<i32>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Rule {
    pub(super) name: Option<String>,
    pub(super) matches: Vec<RouteMatch>,
    pub(super) filters: Vec<Filter>,
    pub(super) backend_refs: Vec<BackendRef>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RouteMatch {
    pub(super) path: Option<ValueMatch>,
    pub(super) headers: Vec<ValueMatch>,
    pub(super) query_params: Vec<ValueMatch>,
    pub(super) method: Option<String>,
}

/// A match on a path, a header or a query parameter; paths have no name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ValueMatch {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) name: String,
    pub(super) value: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct BackendRef {
    pub(super) group: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    pub(super) port: Option<i32>,
    pub(super) weight: Option<i32>,
    pub(super) filters: Vec<Filter>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Filter {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) request_header_modifier: Option<HeaderChanges>,
    pub(super) response_header_modifier: Option<HeaderChanges>,
    pub(super) request_redirect: Option<Redirect>,
    pub(super) url_rewrite: Option<Rewrite>,
    pub(super) extension_ref: Option<ExtensionRef>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExtensionRef {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct HeaderChanges {
    pub(super) set: Vec<NamedValue>,
    pub(super) add: Vec<NamedValue>,
    pub(super) remove: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct NamedValue {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Redirect {
    pub(super) scheme: Option<String>,
    pub(super) hostname: Option<String>,
    pub(super) port: Option<i32>,
    pub(super) path: Option<PathChange>,
    pub(super) status_code: Option<u16>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rewrite {
    pub(super) path: Option<PathChange>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PathChange {
    pub(super) replace_full_path: Option<String>,
    pub(super) replace_prefix_match: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReferenceGrantSpec {
    pub(super) from: Vec<GrantFrom>,
    pub(super) to: Vec<GrantTo>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct GrantFrom {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) namespace: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct GrantTo {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct EnvoyProxySpec {
    pub(super) provider: EnvoyProvider,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct EnvoyProvider {
    pub(super) kubernetes: EnvoyKubernetes,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EnvoyKubernetes {
    pub(super) envoy_service: EnvoyService,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct EnvoyService {
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusOfPolicy {
    /// One entry for each Gateway and controller; entries of other controllers are kept as they are.
    pub(super) ancestors: Vec<Value>,
}

/// A filter of Envoy Gateway's own. What it asks for is read in full: a filter that is understood in part is none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct HttpRouteFilterSpec(pub(super) Value);
