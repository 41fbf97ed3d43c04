//! What kinds have in common: the traits, the facts about a kind, and the macros that declare one.
//!
//! Kinds are declared by macros of our own rather than by kube's derive, because the derive makes `spec` a required
//! field: one stored object without a spec would then spoil every list that it is in.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

mod declare;

pub(crate) use declare::{foreign_kind, platform_kind, platform_status, resource_kind};

/// The facts about a kind that the API server and command lines need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// The API group.
    pub group: &'static str,
    /// The version.
    pub version: &'static str,
    /// Name of the kind.
    pub kind: &'static str,
    /// Name of its collection, as in the path of a request.
    pub plural: &'static str,
    /// Name of one of it, as on a command line.
    pub singular: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Short names for command lines.
    pub short_names: &'static [&'static str],
    /// Groups of kinds that it is listed with.
    pub categories: &'static [&'static str],
    /// What a table of its objects shows beside their names.
    pub columns: &'static [PrinterColumn],
    /// Whether it has a status that is written separately from the rest.
    pub has_status: bool,
}

impl KindInfo {
    /// Name of the CustomResourceDefinition.
    pub fn crd_name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// Whether a person who writes `name` means this kind: its kind, plural, singular or a short name, in any case, with
    /// or without the group.
    pub fn is_called(&self, name: &str) -> bool {
        let name = match name.split_once('.') {
            Some((name, group)) if group == self.group => name,
            Some(_) => return false,
            None => name,
        };
        [self.kind, self.plural, self.singular]
            .iter()
            .chain(self.short_names)
            .any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// One column of a table of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrinterColumn {
    /// Heading.
    pub name: &'static str,
    /// Type of the value: `string`, `integer`, `boolean` or `date`.
    pub type_: &'static str,
    /// Where the value is in the object.
    pub json_path: &'static str,
}

/// What every kind of the group has in common.
pub trait PlatformKind:
    kube::Resource<DynamicType = ()>
    + Serialize
    + DeserializeOwned
    + Clone
    + Debug
    + Default
    + PartialEq
    + Send
    + Sync
    + 'static
{
    /// What a person asks for.
    type Spec: Serialize + DeserializeOwned + Clone + Debug + Default + PartialEq + Send + Sync;
    /// What the platform answers.
    type Status: PlatformStatus;

    /// Everything else about the kind.
    const INFO: KindInfo;
    /// Name of the kind.
    const KIND: &'static str = Self::INFO.kind;
    /// Name of its collection.
    const PLURAL: &'static str = Self::INFO.plural;
    /// Whether its objects live in namespaces.
    const NAMESPACED: bool = Self::INFO.namespaced;

    /// What is asked for.
    fn spec(&self) -> &Self::Spec;
    /// What the platform answered last.
    fn status(&self) -> Option<&Self::Status>;
    /// The place of the answer.
    fn status_mut(&mut self) -> &mut Option<Self::Status>;

    /// The conditions of the status; none when there is no status yet.
    fn conditions(&self) -> &[Condition] {
        self.status().map_or(&[], PlatformStatus::conditions)
    }

    /// The condition of a type.
    fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions().iter().find(|condition| condition.type_ == type_)
    }
}

/// What every status of the group has in common.
pub trait PlatformStatus:
    Serialize + DeserializeOwned + Clone + Debug + Default + PartialEq + Send + Sync + 'static
{
    /// What is known about the object.
    fn conditions(&self) -> &[Condition];
    /// Replaces what is known about the object.
    fn set_conditions(&mut self, conditions: Vec<Condition>);
    /// The generation that the status was computed from.
    fn observed_generation(&self) -> Option<i64>;
    /// Records the generation that the status was computed from.
    fn set_observed_generation(&mut self, generation: i64);
}

/// What every foreign kind has in common.
pub trait ForeignKind:
    kube::Resource<DynamicType = ()>
    + Serialize
    + DeserializeOwned
    + Clone
    + Debug
    + Default
    + PartialEq
    + Send
    + Sync
    + 'static
{
    /// Everything about the kind.
    const INFO: KindInfo;
    /// The API group.
    const GROUP: &'static str = Self::INFO.group;
    /// The version.
    const VERSION: &'static str = Self::INFO.version;
    /// Name of the kind.
    const KIND: &'static str = Self::INFO.kind;
    /// Name of its collection.
    const PLURAL: &'static str = Self::INFO.plural;
    /// Whether its objects live in namespaces.
    const NAMESPACED: bool = Self::INFO.namespaced;
}

/// What the CustomResourceDefinition of a kind is made from.
pub(crate) trait Described {
    /// The facts.
    const INFO: KindInfo;
    /// One sentence about the kind.
    const DESCRIPTION: &'static str;
    /// Type of the spec.
    type Spec: JsonSchema;
    /// Type of the status; unused where the kind has none.
    type Status: JsonSchema + 'static;
}

/// Stands for the status of a kind without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
pub(crate) struct NoStatus {}
