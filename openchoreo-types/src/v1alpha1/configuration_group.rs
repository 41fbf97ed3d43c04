//! ConfigurationGroup: settings with a value for each environment.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::condition;
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// Named settings of an organization, with a value for each environment or set of environments.
    pub ConfigurationGroup(configurationgroups, configurationgroup, Namespaced) {
        spec: ConfigurationGroupSpec,
        status: ConfigurationGroupStatus,
        short_names: ["configgrp"],
        categories: ["choreo", "all"],
        columns: [
            ("DisplayName", "string", ".metadata.annotations.core\\.choreo\\.dev/display-name"),
            ("Organization", "string", ".metadata.labels.core\\.choreo\\.dev/organization"),
            ("Age", "date", ".metadata.creationTimestamp"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
        ],
    }
}

/// Settings, and the sets of environments that they differ by.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationGroupSpec {
    /// Free keys and values that say what the group is for.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("default"=serde_json::json!({})))]
    pub scope: BTreeMap<String, String>,
    /// Named sets of environments.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub environment_groups: Vec<EnvironmentGroup>,
    /// The settings.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub configurations: Vec<ConfigurationParameter>,
}

/// A named set of environments.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentGroup {
    /// Name of the set.
    pub name: String,
    /// Names of the environments in it.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub environments: Vec<String>,
}

/// One setting.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationParameter {
    /// Name of the setting.
    pub key: String,
    /// Its values, one for each environment or set of environments.
    #[serde(deserialize_with = "wire::null_as_default")]
    pub values: Vec<ConfigurationValue>,
}

/// The value of a setting for an environment or a set of environments.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationValue {
    /// Name of the Environment that the value is for; excludes `environmentGroupRef`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Name of the set of environments that the value is for; excludes `environment`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub environment_group_ref: Option<String>,
    /// The value itself; excludes `vaultKey`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Key of the value in the secret store; excludes `value`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub vault_key: Option<String>,
}

/// What the platform knows about a configuration group.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationGroupStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

platform_status!(ConfigurationGroupStatus);
