//! The component descriptor: the file `workload.yaml` beside the source, in which developers say what their component
//! serves.
//!
//! It comes out of a repository and is not trusted: it can describe endpoints and a schedule of its own component and
//! name nothing else. Schedules, paths and ports are held to the checks of manifests, so that what a build accepts can be
//! deployed. What it says besides (connections, schemas, owners, labels) is not read. An endpoint is reachable
//! within its project only, unless it says more.
//!
//! ```
//! use openchoreo_build::descriptor::{Descriptor, Exposure};
//!
//! let descriptor = Descriptor::parse("
//! metadata:
//!   name: reading-list
//! endpoints:
//!   - name: api
//!     port: 9090
//!     type: REST
//!     context: /reading-list
//!     visibility: public
//! ")?;
//! let endpoint = &descriptor.endpoints[0];
//! assert_eq!((endpoint.port, endpoint.base_path.as_str()), (9090, "/reading-list"));
//! assert_eq!(endpoint.exposure, Some(Exposure::Public));
//! # Ok::<(), openchoreo_build::descriptor::DescriptorError>(())
//! ```

use std::collections::BTreeSet;

use openchoreo_core::naming::DnsLabel;
use openchoreo_types::check;
use openchoreo_types::common::{BackendRef, BackendRefType, ComponentBackend, EndpointSpec};
use openchoreo_types::common::{EndpointType, NetworkVisibilities, TaskSchedule, Visibility};
use openchoreo_types::v1alpha1::{EmbeddedMetadata, EndpointTemplate};
use openchoreo_types::yaml::{self, YamlError};
use serde::Deserialize;
use serde_json::Value;

/// The longest descriptor that is read, in bytes.
const SIZE_LIMIT: usize = 256 * 1024;
/// The most endpoints of one component.
const ENDPOINT_LIMIT: usize = 64;

/// Why a descriptor cannot be used. It stays so until the repository changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// The text is not the YAML of a descriptor.
    #[error("the descriptor `workload.yaml` cannot be read")]
    Unreadable(#[source] YamlError),
    /// The text is longer than any descriptor.
    #[error("the descriptor `workload.yaml` is longer than {SIZE_LIMIT} bytes")]
    TooLong,
    /// A field cannot be used.
    #[error("`{field}` of the descriptor `workload.yaml` {problem}")]
    Field {
        /// Path of the field.
        field: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

/// How far an endpoint can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exposure {
    /// Within its project.
    #[default]
    Project,
    /// Within its organization.
    Organization,
    /// From outside the platform.
    Public,
}

impl Exposure {
    /// Reads `project`, `organization` or `public`, in any case; nothing for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        [("project", Self::Project), ("organization", Self::Organization), ("public", Self::Public)]
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text.trim()))
            .map(|(_, exposure)| exposure)
    }

    /// As an endpoint says it. Within the project needs no words.
    pub(crate) fn visibilities(self) -> Option<NetworkVisibilities> {
        let enabled = || Some(Visibility { enable: true, policies: Vec::new() });
        match self {
            Self::Project => None,
            Self::Organization => Some(NetworkVisibilities { organization: enabled(), public: None }),
            Self::Public => Some(NetworkVisibilities { organization: None, public: enabled() }),
        }
    }
}

/// What a repository says of its component.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Descriptor {
    /// `metadata.name`.
    pub name: String,
    /// What the component serves, in the order in which it was written.
    pub endpoints: Vec<DescribedEndpoint>,
    /// When a scheduled task runs.
    pub schedule: Option<TaskSchedule>,
}

/// One endpoint of a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedEndpoint {
    /// Its name, a DNS label.
    pub name: String,
    /// The port that the component listens on.
    pub port: u16,
    /// What it speaks.
    pub type_: EndpointType,
    /// The path on the component that the endpoint's root stands for.
    pub base_path: String,
    /// Who may reach it, where the descriptor says so; everything that it says counts, the widest last.
    pub exposure: Option<Exposure>,
}

impl DescribedEndpoint {
    /// The template of the endpoint, at the exposure that it says itself or else at a default one.
    pub(crate) fn template(&self, default_exposure: Exposure) -> EndpointTemplate {
        EndpointTemplate {
            metadata: EmbeddedMetadata { name: Some(self.name.clone()), ..EmbeddedMetadata::default() },
            spec: EndpointSpec {
                type_: self.type_,
                backend_ref: BackendRef {
                    type_: BackendRefType::ComponentRef,
                    base_path: Some(self.base_path.clone()),
                    component_ref: Some(ComponentBackend { port: i32::from(self.port) }),
                    target: None,
                },
                network_visibilities: self.exposure.unwrap_or(default_exposure).visibilities(),
            },
        }
    }
}

#[derive(Deserialize)]
struct RawDescriptor {
    #[serde(default)]
    metadata: RawMetadata,
    #[serde(default)]
    endpoints: Option<Vec<RawEndpoint>>,
    #[serde(default)]
    schedule: Option<TaskSchedule>,
}

#[derive(Default, Deserialize)]
struct RawMetadata {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEndpoint {
    #[serde(default)]
    name: String,
    #[serde(default)]
    port: Option<i64>,
    #[serde(default, rename = "type")]
    type_: Option<String>,
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    base_path: Option<String>,
    #[serde(default)]
    visibility: Option<String>,
    #[serde(default)]
    network_visibilities: Option<Value>,
}

impl Descriptor {
    /// Reads a descriptor.
    ///
    /// # Errors
    /// The text is no descriptor, or a field of it cannot be used.
    pub fn parse(text: &str) -> Result<Self, DescriptorError> {
        if text.len() > SIZE_LIMIT {
            return Err(DescriptorError::TooLong);
        }
        let raw: RawDescriptor = yaml::from_str(text).map_err(DescriptorError::Unreadable)?;
        if raw.metadata.name.is_empty() {
            return Err(field("metadata.name", "is empty; name the component there"));
        }
        let raw_endpoints = raw.endpoints.unwrap_or_default();
        if raw_endpoints.len() > ENDPOINT_LIMIT {
            return Err(field("endpoints", format!("has more than {ENDPOINT_LIMIT} entries")));
        }
        let mut names = BTreeSet::new();
        let mut endpoints = Vec::with_capacity(raw_endpoints.len());
        for (index, raw) in raw_endpoints.into_iter().enumerate() {
            let endpoint = raw.checked(&format!("endpoints[{index}]"))?;
            if !names.insert(endpoint.name.clone()) {
                let problem = format!("is `{}`, as of another endpoint; names must differ", endpoint.name);
                return Err(field(format!("endpoints[{index}].name"), problem));
            }
            endpoints.push(endpoint);
        }
        check::shared_ports(endpoints.iter().map(|endpoint| (endpoint.port.into(), endpoint.type_)))
            .map_err(|(index, problem)| field(format!("endpoints[{index}].type"), problem))?;
        if let Some(schedule) = &raw.schedule {
            check::cron(&schedule.cron).map_err(|problem| field("schedule.cron", problem))?;
            let zone = schedule.timezone.as_deref().map_or(Ok(()), check::time_zone);
            zone.map_err(|problem| field("schedule.timezone", problem))?;
        }
        Ok(Self { name: raw.metadata.name, endpoints, schedule: raw.schedule })
    }
}

impl RawEndpoint {
    fn checked(self, path: &str) -> Result<DescribedEndpoint, DescriptorError> {
        let at = |name: &str| format!("{path}.{name}");
        if let Err(error) = DnsLabel::try_from(self.name.as_str()) {
            return Err(field(at("name"), format!("cannot be used: {error}")));
        }
        let port =
            self.port.ok_or_else(|| field(at("port"), "is missing; give the port that the component listens on"))?;
        let port = check::port(port).map_err(|problem| field(at("port"), problem))?;
        let type_ = endpoint_type(self.type_.as_deref()).map_err(|problem| field(at("type"), problem))?;
        let base_path = match (self.base_path, self.context) {
            (Some(base_path), Some(context)) if base_path != context => {
                return Err(field(at("context"), "differs from `basePath`; they mean the same, so give one of them"));
            }
            (Some(path), _) | (None, Some(path)) if !path.is_empty() => path,
            _ => "/".to_owned(),
        };
        let base_path = if base_path.starts_with('/') { base_path } else { format!("/{base_path}") };
        check::path(&base_path).map_err(|problem| field(at("basePath"), problem))?;
        let exposure = self.visibility.as_deref().map(|text| exposure(text, &at("visibility"))).transpose()?;
        let listed = self.network_visibilities.as_ref().map(|value| listed_exposure(value, &at("networkVisibilities")));
        let exposure = exposure.max(listed.transpose()?.flatten());
        Ok(DescribedEndpoint { name: self.name, port, type_, base_path, exposure })
    }
}

fn exposure(text: &str, path: &str) -> Result<Exposure, DescriptorError> {
    Exposure::parse(text)
        .ok_or_else(|| field(path, format!("is `{text}`; it can be `project`, `organization` or `public`")))
}

/// The widest of a list of visibilities, or of a map of those that are enabled.
fn listed_exposure(value: &Value, path: &str) -> Result<Option<Exposure>, DescriptorError> {
    let problem = || field(path, "must be a list such as `[organization]` or a map such as `{public: {enable: true}}`");
    let mut widest = None;
    match value {
        Value::Null => {}
        Value::Array(list) => {
            for entry in list {
                widest = widest.max(Some(exposure(entry.as_str().ok_or_else(problem)?, path)?));
            }
        }
        Value::Object(map) => {
            for (name, setting) in map {
                let level = exposure(name, path)?;
                let enabled = setting.get("enable").and_then(Value::as_bool).ok_or_else(problem)?;
                widest = widest.max(Some(if enabled { level } else { Exposure::Project }));
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(problem()),
    }
    Ok(widest)
}

fn endpoint_type(text: Option<&str>) -> Result<EndpointType, String> {
    const TYPES: [(&str, EndpointType); 7] = [
        ("HTTP", EndpointType::Http),
        ("REST", EndpointType::Rest),
        ("GraphQL", EndpointType::GraphQl),
        ("Websocket", EndpointType::Websocket),
        ("gRPC", EndpointType::Grpc),
        ("TCP", EndpointType::Tcp),
        ("UDP", EndpointType::Udp),
    ];
    let known = || TYPES.map(|(name, _)| name).join(", ");
    let text = text.ok_or_else(|| format!("is missing; it can be {}", known()))?;
    let found = TYPES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, type_)| type_).ok_or_else(|| format!("is `{text}`; it can be {}", known()))
}

fn field(path: impl Into<String>, problem: impl Into<String>) -> DescriptorError {
    DescriptorError::Field { field: path.into(), problem: problem.into() }
}
