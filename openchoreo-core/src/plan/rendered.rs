//! An object that a renderer made, as the text that is compared and sent. What Secrets hold is never printed.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use k8s_openapi::api::core::v1::Secret;
use kube::Resource;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::kind::{Kind, ObjectKey};

/// The keys of prints: of this process only, so that nobody makes two texts of one print.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// An object that a renderer made: its key and its JSON.
///
/// The JSON is kept as text: most objects that are rendered are in the plane already, and only compared by the print
/// of it. A copy shares the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    key: ObjectKey,
    text: Arc<str>,
    print: u64,
}

impl Rendered {
    /// A typed object.
    pub fn new<K>(object: &K) -> Self
    where
        K: Resource<DynamicType = ()> + Serialize + 'static,
        K::Scope: 'static,
    {
        let kind = Kind::of::<K>();
        let meta = object.meta();
        let namespace = meta.namespace.clone().filter(|_| kind.namespaced).unwrap_or_default();
        let key = ObjectKey { kind, namespace, name: meta.name.clone().unwrap_or_default() };
        let text = serde_json::to_string(object).unwrap_or_default();
        if text.starts_with(r#"{"apiVersion":"#) {
            return Self::of_text(key, text);
        }
        // A type that leaves the two to others.
        Self::of_json(kind, serde_json::from_str(&text).unwrap_or_default())
    }

    /// An object that is known as JSON only, with its name in its metadata; `apiVersion` and `kind` are set.
    pub fn of_json(kind: Kind, mut object: Value) -> Self {
        if let Some(object) = object.as_object_mut() {
            object.insert("apiVersion".to_owned(), kind.api_version().into());
            object.insert("kind".to_owned(), kind.kind.into());
        }
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let namespace = if kind.namespaced { text("/metadata/namespace") } else { String::new() };
        let key = ObjectKey { kind, namespace, name: text("/metadata/name") };
        Self::of_text(key, object.to_string())
    }

    fn of_text(key: ObjectKey, text: String) -> Self {
        Self { print: print(&text), key, text: text.into() }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.key.kind
    }

    /// Its key in the plane that it is for; without a name where its renderer gave it none.
    pub fn key(&self) -> &ObjectKey {
        &self.key
    }

    /// The object, decoded at each call.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A digest of the text, which another process does not share.
    pub(super) fn print(&self) -> u64 {
        self.print
    }
}

/// A digest for comparisons within this process.
pub(super) fn print(of: &impl std::hash::Hash) -> u64 {
    KEYS.hash_one(of)
}

/// An object as people may see it: without what a Secret holds.
pub(crate) fn printable(kind: Kind, mut object: Value) -> Value {
    if kind == Kind::of::<Secret>()
        && let Some(fields) = object.as_object_mut()
    {
        let held = fields.iter_mut().filter(|(name, _)| matches!(name.as_str(), "data" | "stringData"));
        let values = held.filter_map(|(_, values)| values.as_object_mut()).flat_map(|values| values.values_mut());
        values.for_each(|value| *value = "***".into());
    }
    object
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("key", &self.key)
            .field("object", &printable(self.kind(), self.json()))
            .finish()
    }
}

/// For people, as `Debug` is: what is applied is [`Wanted::marked`](super::Wanted::marked).
impl Serialize for Rendered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        printable(self.kind(), self.json()).serialize(serializer)
    }
}
