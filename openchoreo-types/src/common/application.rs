//! How a component runs: arguments, environment, files, scaling, task settings and health checks.

use k8s_openapi::api::core::v1::Probe;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::probe;
use crate::wire;

/// How the main container of a component runs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Arguments of the container.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Single environment variables.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvironmentVariable>,
    /// Whole configuration groups or Secrets to import as environment variables.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub env_from: Vec<EnvironmentSource>,
    /// Single files to place into the container.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub file_mounts: Vec<FileMount>,
    /// Directories to fill from configuration groups or Secrets.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub file_mounts_from: Vec<FileMountSource>,
    /// The most that the container may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_limits: Option<ResourceLimits>,
    /// Health checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<Probes>,
    /// How the number of replicas follows the load; not for tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// When a task runs; only for tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
}

/// One environment variable. Fill in either `value` or `valueFrom`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentVariable {
    /// Name of the variable.
    pub key: String,
    /// The value itself.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Where the value comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<KeySource>,
}

/// A single value that is kept elsewhere. Fill in one of the members.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KeySource {
    /// One key of a ConfigurationGroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_group_ref: Option<KeyRef>,
    /// One key of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<KeyRef>,
}

/// One key of a named object.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct KeyRef {
    /// Name of the object; of a ConfigurationGroup, the name in its `openchoreo.dev/name` label.
    pub name: String,
    /// The key in it.
    pub key: String,
}

/// A whole object to import as environment variables. Fill in one of the members.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentSource {
    /// A ConfigurationGroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_group_ref: Option<NameRef>,
    /// A Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<NameRef>,
}

/// A named object.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NameRef {
    /// Name of the object; of a ConfigurationGroup, the name in its `openchoreo.dev/name` label.
    pub name: String,
}

/// One file in the container. Fill in either `value` or `valueFrom`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FileMount {
    /// Absolute path of the file.
    pub mount_path: String,
    /// Content of the file.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Where the content comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_from: Option<KeySource>,
}

/// A directory with one file for each key of an object. Fill in one of the members.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct FileMountSource {
    /// A ConfigurationGroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_group_ref: Option<MountRef>,
    /// A Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<MountRef>,
}

/// A named object and the directory to place it in.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MountRef {
    /// Name of the object; of a ConfigurationGroup, the name in its `openchoreo.dev/name` label.
    pub name: String,
    /// Absolute path of the directory.
    pub mount_path: String,
}

/// The most that a container may use.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ResourceLimits {
    /// CPU, as a Kubernetes quantity such as `500m`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Memory, as a Kubernetes quantity such as `256Mi`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
}

/// Health checks of a container.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Probes {
    /// Whether the container can take traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "probe::schema")]
    pub readiness_probe: Option<Probe>,
    /// Whether the container must be restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "probe::schema")]
    pub liveness_probe: Option<Probe>,
}

/// How the number of replicas follows the load. Fill in one of the members.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Scaling {
    /// Scale by use of CPU and memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hpa: Option<HorizontalScaling>,
    /// Scale by waiting requests, down to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s2z: Option<ScaleToZero>,
}

/// Scaling by use of CPU and memory.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HorizontalScaling {
    /// The fewest replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// The most replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<i32>,
    /// Wanted use of CPU, in percent of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_threshold: Option<i32>,
    /// Wanted use of memory, in percent of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_threshold: Option<i32>,
}

/// Scaling by waiting requests, down to none.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ScaleToZero {
    /// The most replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<i32>,
    /// How many waiting requests start another replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_length: Option<i32>,
}

/// When a task runs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Whether the task is suspended.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "wire::is_false")]
    pub disabled: bool,
    /// When a scheduled task runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<TaskSchedule>,
}

/// When a scheduled task runs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TaskSchedule {
    /// A cron expression of five fields.
    pub cron: String,
    /// IANA name of the time zone that the expression is in; UTC when absent.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}
