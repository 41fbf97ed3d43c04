//! Filters that routes refer to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::foreign::gateway_api::LocalObjectRef;
use crate::kind::foreign_kind;
use crate::wire;

foreign_kind! {
    /// A filter that routes refer to.
    pub HTTPRouteFilter("gateway.envoyproxy.io", "v1alpha1", httproutefilters, httproutefilter, Namespaced) {
        spec: HttpRouteFilterSpec,
        short_names: ["hrf"],
        categories: ["envoy-gateway"],
        columns: [("Age", "date", ".metadata.creationTimestamp")],
        status_subresource: false,
    }
}

impl HTTPRouteFilter {
    /// How a route in the same namespace refers to the filter of a name.
    pub fn reference(name: impl Into<String>) -> LocalObjectRef {
        LocalObjectRef { group: "gateway.envoyproxy.io".into(), kind: "HTTPRouteFilter".into(), name: name.into() }
    }
}

/// What the filter does.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HttpRouteFilterSpec {
    /// Change the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_rewrite: Option<UrlRewrite>,
    /// Answer at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_response: Option<DirectResponse>,
}

/// A change of the URL.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct UrlRewrite {
    /// The change of the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathModifier>,
}

/// A change of the path.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PathModifier {
    /// `ReplaceRegexMatch`.
    pub type_: String,
    /// What to replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_regex_match: Option<RegexReplacement>,
}

/// Parts of a path to replace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RegexReplacement {
    /// Regular expression for the parts.
    pub pattern: String,
    /// What stands in their place; `\1` and so on are the groups of the expression.
    pub substitution: String,
}

/// An answer that no backend gives.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DirectResponse {
    /// Media type of the body.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Status of the response; 200 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<i32>,
    /// Its body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<DirectResponseBody>,
}

/// The body of an answer that no backend gives.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DirectResponseBody {
    /// `Inline` or `ValueRef`.
    pub type_: String,
    /// The text.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
}
