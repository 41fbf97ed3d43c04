//! The tree a schema is read into: one [`Node`] for each place in an object where a value may stand.
//!
//! A node carries what the other modules ask for without looking at JSON again: which members exist (pruning), what
//! stands in for absent ones (defaulting), how lists and maps merge (server-side apply, strategic merge patch), and
//! what values are accepted (validation). It holds no logic beyond look-ups.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

use super::rules::Rules;

/// The JSON type a node asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

impl Kind {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "object" => Self::Object,
            "array" => Self::Array,
            "string" => Self::String,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// How the items of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum ListType {
    /// The list is one value.
    #[default]
    Atomic,
    /// Each item is its own key.
    Set,
    /// The named members of an item are its key.
    Map(Vec<String>),
}

/// What a strategic merge patch does at this place, where it differs from JSON merge patch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PatchStrategy {
    /// Whether a list merges with the list it patches instead of replacing it.
    pub(crate) merge: bool,
    /// The member that tells items of a merging list of objects apart; `None` for lists of scalars.
    pub(crate) merge_key: Option<String>,
}

/// What values are accepted beyond their type.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checks {
    pub(crate) format: Option<String>,
    pub(crate) one_of_values: Option<Vec<Value>>,
    pub(crate) minimum: Option<f64>,
    pub(crate) exclusive_minimum: bool,
    pub(crate) maximum: Option<f64>,
    pub(crate) exclusive_maximum: bool,
    pub(crate) multiple_of: Option<f64>,
    pub(crate) min_length: Option<u64>,
    pub(crate) max_length: Option<u64>,
    pub(crate) pattern: Option<Regex>,
    pub(crate) min_items: Option<u64>,
    pub(crate) max_items: Option<u64>,
    pub(crate) unique_items: bool,
    pub(crate) min_properties: Option<u64>,
    pub(crate) max_properties: Option<u64>,
    pub(crate) required: Vec<String>,
    pub(crate) all_of: Vec<Node>,
    pub(crate) any_of: Vec<Node>,
    pub(crate) one_of: Vec<Node>,
    pub(crate) not: Option<Box<Node>>,
}

/// What is known about one place in an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// The type, `None` where any is accepted.
    pub(crate) kind: Option<Kind>,
    pub(crate) int_or_string: bool,
    pub(crate) nullable: bool,
    /// Unknown members are kept.
    pub(crate) preserve_unknown: bool,
    /// The value is a whole Kubernetes object.
    pub(crate) embedded_resource: bool,
    pub(crate) properties: BTreeMap<String, Arc<Self>>,
    /// The values of a map with free keys.
    pub(crate) additional: Option<Arc<Self>>,
    pub(crate) items: Option<Arc<Self>>,
    pub(crate) default: Option<Value>,
    pub(crate) list_type: ListType,
    /// The object is one value for the purpose of ownership.
    pub(crate) atomic_map: bool,
    pub(crate) patch: PatchStrategy,
    pub(crate) checks: Box<Checks>,
    pub(crate) rules: Option<Rules>,
}

impl Node {
    /// A node that accepts and keeps everything.
    pub(crate) fn untyped() -> Self {
        Self { preserve_unknown: true, nullable: true, ..Self::default() }
    }

    /// Whether the schema asks for something other than an object or list here.
    pub(crate) fn is_scalar(&self) -> bool {
        self.int_or_string || self.kind.is_some_and(|kind| !matches!(kind, Kind::Object | Kind::Array))
    }

    /// The node of a member of an object, `None` when the schema says nothing about it.
    pub(crate) fn member(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_ref()).map(AsRef::as_ref)
    }

    /// The node of the items of a list, `None` when the schema says nothing about them.
    pub(crate) fn item(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    /// The members of a list item that make its key, with declared defaults standing in for absent ones. `None` when
    /// the item has none of them.
    pub(crate) fn item_key(&self, keys: &[String], item: &Value) -> Option<Map<String, Value>> {
        let mut key = Map::new();
        let mut given = false;
        for name in keys {
            if let Some(value) = item.get(name).filter(|value| !value.is_null()) {
                key.insert(name.clone(), value.clone());
                given = true;
            } else if let Some(default) =
                self.item().and_then(|node| node.member(name)).and_then(|node| node.default.clone())
            {
                key.insert(name.clone(), default);
            }
        }
        given.then_some(key)
    }
}
