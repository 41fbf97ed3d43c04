//! Cilium: network policies that know more than those of Kubernetes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::foreign::gateway_api::LabelSelector;
use crate::kind::foreign_kind;
use crate::wire;

foreign_kind! {
    /// What pods of a namespace may connect to, and who may connect to them.
    pub CiliumNetworkPolicy("cilium.io", "v2", ciliumnetworkpolicies, ciliumnetworkpolicy, Namespaced) {
        spec: CiliumNetworkPolicySpec,
        short_names: ["cnp", "ciliumnp"],
        categories: ["cilium", "ciliumpolicy"],
        columns: [("Age", "date", ".metadata.creationTimestamp")],
        status_subresource: true,
    }
}

/// What some pods may connect to, and who may connect to them.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CiliumNetworkPolicySpec {
    /// What the policy is for.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The pods that the policy is for. An empty selector selects all of the namespace.
    pub endpoint_selector: LabelSelector,
    /// Who may connect to them. A list with one empty rule lets nobody in; an absent list does not restrict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Vec<IngressRule>>,
    /// What they may connect to. A list with one empty rule lets nothing out; an absent list does not restrict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Vec<EgressRule>>,
}

/// Connections that may come in: those that fit every member.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct IngressRule {
    /// Pods that they come from. An empty selector is every pod of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_endpoints: Option<Vec<LabelSelector>>,
    /// Groups that they come from, such as `world`, `cluster`, `host` or `ingress`.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub from_entities: Vec<String>,
    /// Address ranges that they come from.
    #[serde(
        rename = "fromCIDR",
        default,
        deserialize_with = "wire::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub from_cidr: Vec<String>,
    /// Address ranges that they come from, without some of their addresses.
    #[serde(
        rename = "fromCIDRSet",
        default,
        deserialize_with = "wire::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub from_cidr_set: Vec<CidrRule>,
    /// Ports that they go to.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub to_ports: Vec<PortRule>,
}

/// Connections that may go out: those that fit every member.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EgressRule {
    /// Pods that they go to. An empty selector is every pod of the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_endpoints: Option<Vec<LabelSelector>>,
    /// Groups that they go to, such as `world`, `cluster` or `kube-apiserver`.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub to_entities: Vec<String>,
    /// Address ranges that they go to.
    #[serde(
        rename = "toCIDR",
        default,
        deserialize_with = "wire::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub to_cidr: Vec<String>,
    /// Address ranges that they go to, without some of their addresses.
    #[serde(
        rename = "toCIDRSet",
        default,
        deserialize_with = "wire::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub to_cidr_set: Vec<CidrRule>,
    /// Host names that they go to.
    #[serde(
        rename = "toFQDNs",
        default,
        deserialize_with = "wire::null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub to_fqdns: Vec<FqdnSelector>,
    /// Ports that they go to.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub to_ports: Vec<PortRule>,
}

/// An address range without some of its addresses.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CidrRule {
    /// The range.
    pub cidr: String,
    /// Ranges within it that are left out.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

/// Host names. Fill in one of the members.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FqdnSelector {
    /// The host name.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub match_name: Option<String>,
    /// A pattern in which `*` stands for any part.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub match_pattern: Option<String>,
}

/// Ports, and what may be said on them.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PortRule {
    /// The ports: any of them.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortProtocol>,
    /// What may be said on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<L7Rules>,
}

/// A port.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PortProtocol {
    /// Number or name of the port, as text.
    pub port: String,
    /// `TCP`, `UDP`, `SCTP` or `ANY`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
}

/// What may be said on a connection.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct L7Rules {
    /// Names that may be asked for.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<FqdnSelector>,
    /// Fields that the platform does not use, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}
