//! The kinds that the server serves: the built-in ones, and those that CustomResourceDefinitions bring.
//!
//! A [`Kind`] is one resource at one version, with all that the rest of the server needs to know about it. Which objects
//! exist is the store's knowledge.

mod builtin;
pub(crate) mod conversion;
pub(crate) mod custom;
pub(crate) mod defaults;
pub(crate) mod rules;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::lifecycle::names::NameRule;
use crate::schema::Schema;
use crate::table::PrinterColumn;

/// Where the `scale` subresource finds its numbers, as dotted paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScalePaths {
    pub(crate) replicas: String,
    pub(crate) status_replicas: String,
    pub(crate) selector: Option<String>,
}

/// A resource at one version.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) group: String,
    pub(crate) version: String,
    /// `version` or `group/version`.
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// `plural` or `plural.group`, the name in messages.
    pub(crate) resource: String,
    /// The table that holds the objects; versions, and the two groups of events, share one.
    pub(crate) storage: Arc<str>,
    /// The version that objects are stored in.
    pub(crate) storage_version: String,
    pub(crate) name_rule: NameRule,
    /// Whether `metadata.generation` counts changes of the specification.
    pub(crate) generation: bool,
    pub(crate) status: bool,
    pub(crate) scale: Option<ScalePaths>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) columns: Option<Vec<PrinterColumn>>,
    /// Dotted paths that field selectors may use besides name and namespace.
    pub(crate) selectable: Vec<String>,
    /// Whether a CustomResourceDefinition brought the kind.
    pub(crate) custom: bool,
    /// The kind answers a question and stores nothing.
    pub(crate) review: bool,
    /// Objects older than this were written under another schema and are defaulted when read.
    pub(crate) since: u64,
}

impl Kind {
    /// Whether a field selector may name a path.
    pub(crate) fn offers_field(&self, path: &str) -> bool {
        path == "metadata.name"
            || (self.namespaced && path == "metadata.namespace")
            || self.selectable.iter().any(|offered| offered == path)
    }

    /// The object as readers of this version see it: converted from the stored version, and defaulted if it was written
    /// under an older schema.
    pub(crate) fn present(&self, stored: &crate::store::Object) -> crate::store::Object {
        let foreign = crate::value::text(stored, &["apiVersion"]) != Some(&self.api_version);
        let outdated = self.custom && crate::value::revision(stored) <= self.since;
        if !foreign && !outdated {
            return Arc::clone(stored);
        }
        crate::store::Stored::new(self.convert(Value::clone(stored)))
    }

    /// [`Self::present`] for a value of one's own.
    pub(crate) fn convert(&self, mut object: Value) -> Value {
        conversion::convert(&mut object, &self.api_version);
        if self.custom {
            self.schema.prune(&mut object);
            self.schema.apply_defaults(&mut object);
        }
        object
    }

    /// The object as it is stored: in the storage version.
    pub(crate) fn to_stored(&self, mut object: Value) -> Value {
        conversion::convert(&mut object, &self.storage_version);
        object
    }
}

/// All served kinds.
#[derive(Debug)]
pub(crate) struct Registry {
    /// By group, version and plural name.
    kinds: BTreeMap<(String, String, String), Arc<Kind>>,
}

impl Registry {
    /// The built-in kinds.
    pub(crate) fn builtin() -> Self {
        let mut registry = Self { kinds: BTreeMap::new() };
        for kind in builtin::kinds() {
            registry.insert(kind);
        }
        registry
    }

    pub(crate) fn insert(&mut self, kind: Kind) {
        let key = (kind.group.clone(), kind.version.clone(), kind.plural.clone());
        self.kinds.insert(key, Arc::new(kind));
    }

    /// Stops serving all versions of a resource.
    pub(crate) fn remove(&mut self, group: &str, plural: &str) {
        self.kinds.retain(|(kind_group, _, kind_plural), _| kind_group != group || kind_plural != plural);
    }

    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Kind>> {
        self.kinds.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// A kind by the group and name that an owner reference says.
    pub(crate) fn by_kind(&self, group: &str, kind: &str) -> Option<&Arc<Kind>> {
        self.kinds.values().find(|found| found.group == group && found.kind == kind)
    }

    /// All kinds, ordered by group, version and name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.kinds.values()
    }

    /// The groups, the core group first, each with its versions from most to least stable.
    pub(crate) fn groups(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (group, version, _) in self.kinds.keys() {
            let versions = groups.entry(group).or_default();
            if versions.last() != Some(&version.as_str()) {
                versions.push(version);
            }
        }
        for versions in groups.values_mut() {
            versions.sort_by_key(|version| std::cmp::Reverse(version_rank(version)));
        }
        groups
    }
}

/// The precedence of a version name: stable before beta before alpha, higher numbers first.
fn version_rank(version: &str) -> (u8, u32, u32) {
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    let (major, stage) = rest.split_at(digits);
    let Ok(major) = major.parse() else { return (0, 0, 0) };
    let numbered = |prefix: &str| stage.strip_prefix(prefix).and_then(|number| number.parse().ok());
    match (stage, numbered("beta"), numbered("alpha")) {
        ("", _, _) => (3, major, 0),
        (_, Some(minor), _) => (2, major, minor),
        (_, _, Some(minor)) => (1, major, minor),
        _ => (0, 0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_rank_as_kubernetes_ranks_them() {
        let mut versions = ["v1alpha1", "v1", "v2beta1", "v10", "v1beta2", "foo1", "v2", "v11alpha2"];
        versions.sort_by_key(|version| std::cmp::Reverse(version_rank(version)));
        assert_eq!(versions, ["v10", "v2", "v1", "v2beta1", "v1beta2", "v11alpha2", "v1alpha1", "foo1"]);
    }

    #[test]
    fn built_in_kinds_have_a_schema_of_their_own_or_answer_questions() {
        for kind in Registry::builtin().iter() {
            let known = Schema::builtin(&kind.api_version, &kind.kind).is_some();
            assert!(known || kind.review, "{} {}", kind.api_version, kind.kind);
        }
    }
}
