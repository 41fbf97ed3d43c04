//! Sets of field paths, and their encoding as `FieldsV1`.
//!
//! A set is a tree: an element is a member of the set, a prefix of members, or both. Keys and values are held as
//! canonical JSON text, which is how the encoding writes them and what gives them an order.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Element {
    /// A member of an object (`f:`).
    Field(String),
    /// The item of a keyed list with this key, as a JSON object (`k:`).
    Key(String),
    /// The item of a set with this value, as JSON (`v:`).
    Value(String),
    /// The item of a list at this index (`i:`). Read for completeness; lists without keys are owned as a whole.
    Index(usize),
}

impl Element {
    pub(crate) fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }

    fn encoded(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(key) => format!("k:{key}"),
            Self::Value(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    fn decoded(text: &str) -> Option<Self> {
        let (class, rest) = text.split_once(':')?;
        // Another writer may have spaced or ordered the JSON differently.
        let canonical = |text: &str| serde_json::from_str::<Value>(text).ok().map(|value| value.to_string());
        match class {
            "f" => Some(Self::Field(rest.to_owned())),
            "k" => canonical(rest).map(Self::Key),
            "v" => canonical(rest).map(Self::Value),
            "i" => rest.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    /// Appends the element as conflicts print it: `.name`, `[name="web"]`, `[="value"]`, `[0]`.
    fn print(&self, path: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Field(name) => write!(path, ".{name}"),
            Self::Key(key) => {
                let members = serde_json::from_str::<Map<String, Value>>(key).unwrap_or_default();
                let members: Vec<_> = members.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(path, "[{}]", members.join(","))
            }
            Self::Value(value) => write!(path, "[={value}]"),
            Self::Index(index) => write!(path, "[{index}]"),
        };
    }
}

/// A set of paths below one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    entries: BTreeMap<Element, Entry>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    /// Whether the path that ends here is in the set.
    member: bool,
    below: FieldSet,
}

impl Entry {
    fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }
}

impl FieldSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the path that consists of `element` alone.
    pub(crate) fn insert(&mut self, element: Element) {
        self.entries.entry(element).or_default().member = true;
    }

    /// Adds all paths of `below`, prefixed with `element`.
    pub(crate) fn insert_below(&mut self, element: Element, below: Self) {
        if !below.is_empty() {
            let entry = self.entries.entry(element).or_default();
            entry.below = std::mem::take(&mut entry.below).union(below);
        }
    }

    /// Removes the path that consists of `element` alone, keeping what is below it.
    pub(crate) fn remove_member(&mut self, element: &Element) {
        if let Some(entry) = self.entries.get_mut(element) {
            entry.member = false;
            if entry.is_empty() {
                self.entries.remove(element);
            }
        }
    }

    /// Removes `element` and what is below it.
    pub(crate) fn remove_subtree(&mut self, element: &Element) {
        self.entries.remove(element);
    }

    /// Whether the path that consists of `element` alone is in the set.
    pub(crate) fn has(&self, element: &Element) -> bool {
        self.entries.get(element).is_some_and(|entry| entry.member)
    }

    /// Whether `element` is the beginning of any path in the set.
    pub(crate) fn has_prefix(&self, element: &Element) -> bool {
        self.entries.contains_key(element)
    }

    /// The paths below `element`, without it.
    pub(crate) fn below(&self, element: &Element) -> Option<&Self> {
        self.entries.get(element).map(|entry| &entry.below)
    }

    /// The paths below `element`, for changing them.
    pub(crate) fn change_below(&mut self, element: &Element, change: impl FnOnce(&mut Self)) {
        if let Some(entry) = self.entries.get_mut(element) {
            change(&mut entry.below);
            if entry.is_empty() {
                self.entries.remove(element);
            }
        }
    }

    pub(crate) fn union(mut self, other: Self) -> Self {
        for (element, theirs) in other.entries {
            let ours = self.entries.entry(element).or_default();
            ours.member |= theirs.member;
            ours.below = std::mem::take(&mut ours.below).union(theirs.below);
        }
        self
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        self.combined(|element, ours| {
            let theirs = other.entries.get(element)?;
            Some(Entry { member: ours.member && theirs.member, below: ours.below.intersection(&theirs.below) })
        })
    }

    /// The paths of this set that neither are in `other` nor lie below a path that is.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        self.combined(|element, ours| match other.entries.get(element) {
            None => Some(ours.clone()),
            Some(theirs) if theirs.member => None,
            Some(theirs) => Some(Entry { member: ours.member, below: ours.below.difference(&theirs.below) }),
        })
    }

    fn combined(&self, combine: impl Fn(&Element, &Entry) -> Option<Entry>) -> Self {
        let entries = self
            .entries
            .iter()
            .filter_map(|(element, ours)| Some((element.clone(), combine(element, ours)?)))
            .filter(|(_, entry)| !entry.is_empty())
            .collect();
        Self { entries }
    }

    /// All paths, as conflicts print them.
    pub(crate) fn printed(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.print_below(&mut String::new(), &mut paths);
        paths
    }

    fn print_below(&self, path: &mut String, paths: &mut Vec<String>) {
        for (element, entry) in &self.entries {
            let length = path.len();
            element.print(path);
            if entry.member {
                paths.push(path.clone());
            }
            entry.below.print_below(path, paths);
            path.truncate(length);
        }
    }

    /// The set as `fieldsV1`.
    pub(crate) fn encode(&self) -> Value {
        let members = self.entries.iter().map(|(element, entry)| {
            let mut below = entry.below.encode();
            if entry.member
                && let Value::Object(members) = &mut below
                && !members.is_empty()
            {
                members.insert(".".to_owned(), Value::Object(Map::new()));
            }
            (element.encoded(), below)
        });
        Value::Object(members.collect())
    }

    /// The set that `fieldsV1` describes. Entries of unknown classes are skipped, as Kubernetes does.
    pub(crate) fn decode(fields: &Value) -> Self {
        let mut set = Self::default();
        let Value::Object(members) = fields else { return set };
        for (name, below) in members {
            let Some(element) = Element::decoded(name) else { continue };
            let member = below.as_object().is_none_or(|below| below.is_empty() || below.contains_key("."));
            let entry = Entry { member, below: Self::decode(below) };
            if !entry.is_empty() {
                set.entries.insert(element, entry);
            }
        }
        set
    }
}
