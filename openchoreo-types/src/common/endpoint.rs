//! What an endpoint serves, what serves it, and who may reach it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::Policy;
use crate::wire;

/// An address of a component: what it speaks, what serves it and who may reach it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSpec {
    /// The protocol that the endpoint speaks.
    pub type_: EndpointType,
    /// What serves the endpoint.
    pub backend_ref: BackendRef,
    /// Who may reach the endpoint beyond its own project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_visibilities: Option<NetworkVisibilities>,
}

/// The protocol that an endpoint speaks.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointType {
    /// HTTP, without a description of the API.
    #[default]
    #[serde(rename = "HTTP")]
    Http,
    /// A REST API over HTTP.
    #[serde(rename = "REST")]
    Rest,
    /// gRPC over HTTP/2.
    #[serde(rename = "gRPC")]
    Grpc,
    /// A GraphQL API over HTTP.
    #[serde(rename = "GraphQL")]
    GraphQl,
    /// WebSocket connections.
    Websocket,
    /// A plain TCP stream.
    #[serde(rename = "TCP")]
    Tcp,
    /// UDP datagrams.
    #[serde(rename = "UDP")]
    Udp,
}

/// What serves an endpoint. Fill in the member that `type` names.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BackendRef {
    /// Which of the other members applies.
    pub type_: BackendRefType,
    /// Path on the backend that the root of the endpoint stands for.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub base_path: Option<String>,
    /// Serve from the component's own workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_ref: Option<ComponentBackend>,
    /// Pass on to a URL outside the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetBackend>,
}

/// Which backend an endpoint uses.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BackendRefType {
    /// The component's own workload.
    #[default]
    #[serde(rename = "componentRef")]
    ComponentRef,
    /// A URL outside the platform.
    #[serde(rename = "target")]
    Target,
}

/// The component's own workload as a backend.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ComponentBackend {
    /// Port that the workload listens on.
    pub port: i32,
}

/// A URL as a backend.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TargetBackend {
    /// The URL.
    pub url: String,
}

/// Who may reach an endpoint beyond its own project. Nothing is public unless it says so here.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NetworkVisibilities {
    /// Reachable at the gateway for the organization. Workloads may call that gateway only where the operator of the
    /// platform lets them, or gave the organization one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Visibility>,
    /// Reachable from outside the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<Visibility>,
}

/// One level of visibility of an endpoint.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Visibility {
    /// Whether the endpoint is reachable at this level.
    pub enable: bool,
    /// What protects the endpoint at this level.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
}
