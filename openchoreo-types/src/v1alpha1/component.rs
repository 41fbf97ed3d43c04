//! Component: a unit that is built, deployed and scaled as one.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{ProjectOwner, TemplateRef, condition};
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// A unit of software that is built, deployed and scaled as one: a service, a web application, a task.
    pub Component(components, component, Namespaced) {
        spec: ComponentSpec,
        status: ComponentStatus,
        short_names: ["comp", "comps"],
        columns: [
            ("Project", "string", ".spec.owner.projectName"),
            ("Type", "string", ".spec.type"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What a component should be.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ComponentSpec {
    /// The project that the component belongs to.
    pub owner: ProjectOwner,
    /// What kind of component it is, such as `Service`, `WebApplication` or `ScheduledTask`.
    #[schemars(length(min = 1))]
    pub type_: String,
    /// How the component is built; absent when it runs a finished image.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub build: Option<ComponentBuild>,
}

impl ComponentSpec {
    /// What kind of component it is, parsed.
    pub fn component_type(&self) -> ComponentType {
        ComponentType::from(self.type_.as_str())
    }
}

/// How a component is built.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ComponentBuild {
    /// Where the source is.
    pub repository: ComponentRepository,
    /// The build template, and the arguments for it.
    pub template_ref: TemplateRef,
}

/// Where the source of a component is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ComponentRepository {
    /// URL of the Git repository.
    pub url: String,
    /// What to build when nobody says otherwise.
    pub revision: DefaultRevision,
    /// Path of the component in the repository.
    pub app_path: String,
}

/// What to build when nobody says otherwise.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DefaultRevision {
    /// The branch.
    pub branch: String,
}

/// What the platform knows about a component.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ComponentStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

platform_status!(ComponentStatus);

/// Known values of [`ComponentSpec::type_`]. The schema leaves the type open.
pub mod component_type {
    /// A long-running process with endpoints.
    pub const SERVICE: &str = "Service";
    /// A web front end.
    pub const WEB_APPLICATION: &str = "WebApplication";
    /// A task that runs by a schedule.
    pub const SCHEDULED_TASK: &str = "ScheduledTask";
    /// A task that somebody starts.
    pub const MANUAL_TASK: &str = "ManualTask";
    /// A receiver of events over HTTP.
    pub const WEBHOOK: &str = "Webhook";
    /// An API in front of a service that runs elsewhere.
    pub const API_PROXY: &str = "APIProxy";
    /// A test that runs on demand.
    pub const TEST_RUNNER: &str = "TestRunner";
    /// A consumer of events.
    pub const EVENT_HANDLER: &str = "EventHandler";
}

/// What kind of component something is. An unknown kind is kept, so that a platform can bring its own renderer for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComponentType {
    /// A long-running process with endpoints.
    Service,
    /// A web front end.
    WebApplication,
    /// A task that runs by a schedule.
    ScheduledTask,
    /// A task that somebody starts.
    ManualTask,
    /// A receiver of events over HTTP.
    Webhook,
    /// An API in front of a service that runs elsewhere.
    ApiProxy,
    /// A test that runs on demand.
    TestRunner,
    /// A consumer of events.
    EventHandler,
    /// Anything else, as written.
    Other(String),
}

impl ComponentType {
    /// The text that a manifest holds.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Service => component_type::SERVICE,
            Self::WebApplication => component_type::WEB_APPLICATION,
            Self::ScheduledTask => component_type::SCHEDULED_TASK,
            Self::ManualTask => component_type::MANUAL_TASK,
            Self::Webhook => component_type::WEBHOOK,
            Self::ApiProxy => component_type::API_PROXY,
            Self::TestRunner => component_type::TEST_RUNNER,
            Self::EventHandler => component_type::EVENT_HANDLER,
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for ComponentType {
    fn from(text: &str) -> Self {
        match text {
            component_type::SERVICE => Self::Service,
            component_type::WEB_APPLICATION => Self::WebApplication,
            component_type::SCHEDULED_TASK => Self::ScheduledTask,
            component_type::MANUAL_TASK => Self::ManualTask,
            component_type::WEBHOOK => Self::Webhook,
            component_type::API_PROXY => Self::ApiProxy,
            component_type::TEST_RUNNER => Self::TestRunner,
            component_type::EVENT_HANDLER => Self::EventHandler,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl std::fmt::Display for ComponentType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}
