//! One object of the World at rest: compact text, and what is asked of it often beside it.
//!
//! An object is kept once, as compressed JSON. Objects of a kind are much alike, so the longest of them seen so far
//! serves as the dictionary of the others. A typed form is decoded when a planner asks for it, and kept only as long as
//! the World's shelf has room for it.

use std::any::Any;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lz4_flex::block::{compress_with_dict, decompress_with_dict};
use openchoreo_types::PlatformKind;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::kind::{Kind, ObjectKey};

/// The longest text that serves as a dictionary: LZ4 looks back no further.
const DICTIONARY_LIMIT: usize = 64 * 1024;

type Typed = Arc<dyn Any + Send + Sync>;

/// The typed forms that were asked for.
#[derive(Clone, Default)]
struct Decoded {
    whole: Option<Typed>,
    written: Option<Typed>,
}

/// One object of the World.
pub struct Stored {
    namespace: Box<str>,
    name: Box<str>,
    uid: Uid,
    revision: Revision,
    generation: i64,
    is_deleting: bool,
    /// Digest of all that people and planners write, see [`Stored::content`].
    content: u64,
    /// Digest of the status.
    status: u64,
    /// The wanted form that this object is known to hold, see [`Stored::holds`]; 0 for none.
    holds: AtomicU64,
    body: Body,
    typed: Mutex<Decoded>,
    /// Whether the typed form was asked for since the shelf last looked.
    is_used: AtomicBool,
    /// Whether it stands on the shelf.
    is_shelved: AtomicBool,
}

/// A uid as bytes where it is a UUID, as servers make them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Uid {
    Uuid(u128),
    Text(Box<str>),
}

impl Uid {
    fn of(text: &str) -> Self {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        match u128::from_str_radix(&digits, 16) {
            // Written back, it must be the same text.
            Ok(number) if uuid(number) == text => Self::Uuid(number),
            _ => Self::Text(text.into()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Uuid(number) => uuid(*number),
            Self::Text(text) => text.to_string(),
        }
    }
}

fn uuid(number: u128) -> String {
    let digits = format!("{number:032x}");
    let part = |range: std::ops::Range<usize>| digits.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

/// A revision: a number since Kubernetes 1.35 (KEP-5504); where it is none, nothing is called older.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Revision {
    Number(u64),
    Text(Box<str>),
}

/// JSON text, compressed where that makes it smaller.
struct Body {
    bytes: Box<[u8]>,
    length: usize,
    packed: Option<Arc<[u8]>>,
}

impl Body {
    fn text(&self) -> Vec<u8> {
        match &self.packed {
            None => self.bytes.to_vec(),
            // It was made by `pack` from this dictionary, so this cannot fail; an empty text parses as nothing.
            Some(dictionary) => decompress_with_dict(&self.bytes, self.length, dictionary).unwrap_or_default(),
        }
    }

    /// Compresses the text, and lets it serve as the dictionary where it is longer than the one there is.
    fn pack(&mut self, dictionary: &mut Option<Arc<[u8]>>) {
        if self.packed.is_some() {
            return;
        }
        let longest = dictionary.as_ref().map_or(0, |dictionary| dictionary.len());
        // A quarter longer, so that a kind has few dictionaries in its life.
        if self.bytes.len() * 4 > longest * 5 && self.bytes.len() <= DICTIONARY_LIMIT {
            *dictionary = Some(Arc::from(&*self.bytes));
        }
        if let Some(dictionary) = dictionary {
            let packed = compress_with_dict(&self.bytes, dictionary);
            if packed.len() < self.bytes.len() {
                self.bytes = packed.into_boxed_slice();
                self.packed = Some(Arc::clone(dictionary));
            }
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Outer {
    metadata: Metadata,
}

/// What an object says of itself beside its names.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Metadata {
    /// Its labels.
    #[serde(deserialize_with = "texts")]
    pub labels: std::collections::BTreeMap<String, String>,
    /// Its annotations, without the last-applied one.
    #[serde(deserialize_with = "texts")]
    pub annotations: std::collections::BTreeMap<String, String>,
    /// Its finalizers.
    #[serde(deserialize_with = "list")]
    pub finalizers: Vec<String>,
}

fn texts<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<std::collections::BTreeMap<String, String>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Stored {
    /// An object as an API server or a file gives it; nothing where it has no name. Managed fields, the last-applied
    /// annotation and the revision are not kept in its text.
    pub fn new(kind: Kind, mut json: Value) -> Option<Self> {
        // An API server leaves both out of the items of a list of a built-in kind.
        let object = json.as_object_mut()?;
        object.entry("apiVersion").or_insert_with(|| kind.api_version().into());
        object.entry("kind").or_insert_with(|| kind.kind.into());
        let metadata = object.get_mut("metadata")?.as_object_mut()?;
        metadata.remove("managedFields");
        let revision = match metadata.remove("resourceVersion") {
            Some(Value::String(text)) => {
                text.parse().map_or_else(|_| Revision::Text(text.into_boxed_str()), Revision::Number)
            }
            _ => Revision::Text(Box::default()),
        };
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
        let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = text("name").to_owned().into_boxed_str();
        if name.is_empty() {
            return None;
        }
        let namespace = if kind.namespaced { text("namespace").into() } else { Box::default() };
        let uid = Uid::of(text("uid"));
        let generation = metadata.get("generation").and_then(Value::as_i64).unwrap_or_default();
        let is_deleting = metadata.get("deletionTimestamp").is_some_and(|at| !at.is_null());
        let content = content(&json);
        let status = status_digest(json.get("status"));
        let bytes = json.to_string().into_bytes().into_boxed_slice();
        Some(Self {
            namespace,
            name,
            uid,
            revision,
            generation,
            is_deleting,
            content,
            status,
            holds: AtomicU64::new(0),
            body: Body { length: bytes.len(), bytes, packed: None },
            typed: Mutex::default(),
            is_used: AtomicBool::new(false),
            is_shelved: AtomicBool::new(false),
        })
    }

    /// The same object at a newer revision.
    pub(super) fn at_revision_of(&self, newer: &Self) -> Self {
        Self {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            uid: self.uid.clone(),
            revision: newer.revision.clone(),
            generation: self.generation,
            is_deleting: self.is_deleting,
            content: self.content,
            status: self.status,
            holds: AtomicU64::new(self.holds.load(Ordering::Relaxed)),
            body: Body { bytes: self.body.bytes.clone(), length: self.body.length, packed: self.body.packed.clone() },
            typed: Mutex::new(self.typed.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            is_used: AtomicBool::new(false),
            is_shelved: AtomicBool::new(false),
        }
    }

    pub(super) fn pack(&mut self, dictionary: &mut Option<Arc<[u8]>>) {
        self.body.pack(dictionary);
    }

    /// Whether the text of both is the same, whatever their revisions.
    pub(super) fn has_text_of(&self, other: &Self) -> bool {
        self.content == other.content && self.body.length == other.body.length && self.body.text() == other.body.text()
    }

    /// The object as JSON, without managed fields and revision. It is decoded anew at each call.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body.text()).unwrap_or_default()
    }

    /// The object as its type.
    ///
    /// # Errors
    /// Why the JSON is not of the type.
    pub fn typed<K: DeserializeOwned + Send + Sync + 'static>(&self) -> Result<Arc<K>, String> {
        self.decoded(|decoded| &mut decoded.whole, |_| ())
    }

    /// The object as its type and without its status: what people and planners wrote.
    ///
    /// # Errors
    /// Why the JSON is not of the type.
    pub fn written<K: PlatformKind>(&self) -> Result<Arc<K>, String> {
        self.decoded(|decoded| &mut decoded.written, |object: &mut K| *object.status_mut() = None)
    }

    fn decoded<K: DeserializeOwned + Send + Sync + 'static>(
        &self,
        slot: impl Fn(&mut Decoded) -> &mut Option<Typed>,
        cut: impl FnOnce(&mut K),
    ) -> Result<Arc<K>, String> {
        let mut kept = self.typed.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_used.store(true, Ordering::Relaxed);
        if let Some(typed) = slot(&mut kept).as_ref().and_then(|typed| Arc::clone(typed).downcast::<K>().ok()) {
            return Ok(typed);
        }
        let mut object = serde_json::from_slice::<K>(&self.body.text()).map_err(|error| error.to_string())?;
        cut(&mut object);
        let typed = Arc::new(object);
        *slot(&mut kept) = Some(Arc::clone(&typed) as Typed);
        Ok(typed)
    }

    /// Puts it on the shelf; whether it was not there yet.
    pub(super) fn shelve(&self) -> bool {
        !self.is_shelved.swap(true, Ordering::Relaxed)
    }

    /// Whether the typed form was asked for since this was asked last.
    pub(super) fn take_used(&self) -> bool {
        self.is_used.swap(false, Ordering::Relaxed)
    }

    /// Drops the typed form; it is decoded again when it is asked for.
    pub(super) fn forget_typed(&self) {
        *self.typed.lock().unwrap_or_else(PoisonError::into_inner) = Decoded::default();
        self.is_shelved.store(false, Ordering::Relaxed);
    }

    /// Labels, annotations and finalizers, decoded at each call.
    pub fn metadata(&self) -> Metadata {
        serde_json::from_slice::<Outer>(&self.body.text()).unwrap_or_default().metadata
    }

    /// A label of the object.
    pub fn label(&self, key: &str) -> Option<String> {
        self.metadata().labels.remove(key)
    }

    /// Whether a label has a value.
    pub fn has_label(&self, key: &str, value: &str) -> bool {
        self.label(key).as_deref() == Some(value)
    }

    /// An annotation of the object.
    pub fn annotation(&self, key: &str) -> Option<String> {
        self.metadata().annotations.remove(key)
    }

    /// Its finalizers.
    pub fn finalizers(&self) -> Vec<String> {
        self.metadata().finalizers
    }

    /// Its namespace; empty for a cluster-scoped object.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its key as an object of a kind.
    pub fn key(&self, kind: Kind) -> ObjectKey {
        ObjectKey { kind, namespace: self.namespace.to_string(), name: self.name.to_string() }
    }

    /// Its uid; empty where it came from a file.
    pub fn uid(&self) -> String {
        self.uid.text()
    }

    /// Whether both are one object in time, and not two of one name.
    pub fn is_same_object(&self, other: &Self) -> bool {
        self.uid == other.uid
    }

    /// The revision at which it was seen; empty where it came from a file.
    pub fn resource_version(&self) -> String {
        match &self.revision {
            Revision::Number(number) => number.to_string(),
            Revision::Text(text) => text.to_string(),
        }
    }

    /// The revision as a number, where it is one.
    pub(crate) fn revision_number(&self) -> Option<u64> {
        match &self.revision {
            Revision::Number(number) => Some(*number),
            Revision::Text(_) => None,
        }
    }

    /// Whether it was certainly seen at an earlier revision than another.
    pub fn is_older_than(&self, other: &Self) -> bool {
        matches!((&self.revision, &other.revision), (Revision::Number(a), Revision::Number(b)) if a < b)
    }

    /// Its generation; 0 where it has none.
    pub fn generation(&self) -> i64 {
        self.generation
    }

    /// Whether its deletion has begun.
    pub fn is_deleting(&self) -> bool {
        self.is_deleting
    }

    /// A digest of what people and planners write: everything but status, finalizers, generation, and the annotations
    /// that controllers of Kubernetes keep.
    pub fn content(&self) -> u64 {
        self.content
    }

    /// Whether it shows a status.
    pub(crate) fn shows(&self, status: &Value) -> bool {
        self.status == status_digest(Some(status))
    }

    /// Whether it is known to hold a wanted form, by the digest of that.
    pub(crate) fn holds(&self, wanted: u64) -> bool {
        wanted != 0 && self.holds.load(Ordering::Relaxed) == wanted
    }

    /// Notes that it holds a wanted form: it was compared, or it is what came of applying it.
    pub(crate) fn note_holds(&self, wanted: u64) {
        self.holds.store(wanted, Ordering::Relaxed);
    }

    /// Takes over what an earlier form with the same content was known to hold.
    pub(super) fn inherit_holds(&self, earlier: &Self) {
        if self.content == earlier.content && self.is_same_object(earlier) {
            let unknown = self.holds.load(Ordering::Relaxed) == 0;
            if unknown {
                self.holds.store(earlier.holds.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }

    /// How many bytes it takes at rest, without its typed form and its share of the dictionary.
    pub fn size(&self) -> usize {
        let uid = match &self.uid {
            Uid::Uuid(_) => 0,
            Uid::Text(text) => text.len(),
        };
        size_of::<Self>() + self.namespace.len() + self.name.len() + self.body.bytes.len() + uid
    }
}

impl fmt::Debug for Stored {
    /// Names only: what an object holds may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("namespace", &self.namespace).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A digest of a status, or of its absence.
fn status_digest(status: Option<&Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    status.hash(&mut hasher);
    hasher.finish()
}

/// See [`Stored::content`].
fn content(json: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in json.as_object().into_iter().flatten() {
        match name.as_str() {
            "status" => {}
            "metadata" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    match name.as_str() {
                        "generation" | "finalizers" | "selfLink" => {}
                        "annotations" => {
                            let kept = value.as_object().into_iter().flatten();
                            for annotation in kept.filter(|(key, _)| !key.contains("kubernetes.io/")) {
                                annotation.hash(&mut hasher);
                            }
                        }
                        _ => (name, value).hash(&mut hasher),
                    }
                }
            }
            _ => (name, value).hash(&mut hasher),
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;

    fn map(value: &str) -> Value {
        json!({
            "metadata": {
                "name": "m", "namespace": "n", "uid": "0a1b2c3d-0000-4000-8000-00000000000f", "resourceVersion": "7",
                "labels": { "openchoreo.dev/component": "c" },
            },
            "data": { "value": value, "more": "the same in every object of this kind, and so worth a dictionary" },
        })
    }

    #[test]
    fn a_packed_object_is_the_object() {
        let mut dictionary = None;
        let kind = Kind::of::<ConfigMap>();
        let mut first = Stored::new(kind, map("one")).expect("it has a name");
        first.pack(&mut dictionary);
        let mut second = Stored::new(kind, map("two")).expect("it has a name");
        let plain = second.json();
        let whole = second.body.bytes.len();
        second.pack(&mut dictionary);
        assert!(second.body.bytes.len() * 3 < whole, "{} of {whole} bytes", second.body.bytes.len());
        assert_eq!(second.json(), plain);
        assert_eq!(second.uid(), "0a1b2c3d-0000-4000-8000-00000000000f");
        assert_eq!(second.resource_version(), "7");
        assert!(second.has_label("openchoreo.dev/component", "c"));
        assert!(!second.has_text_of(&first));
    }

    #[test]
    fn the_content_leaves_out_what_controllers_keep() {
        let kind = Kind::of::<ConfigMap>();
        let content = |json: Value| Stored::new(kind, json).expect("it has a name").content();
        let mut other = map("one");
        other["status"] = json!({ "seen": true });
        other["metadata"]["generation"] = 4.into();
        other["metadata"]["finalizers"] = json!(["x"]);
        other["metadata"]["annotations"] = json!({ "deployment.kubernetes.io/revision": "2" });
        assert_eq!(content(map("one")), content(other.clone()));
        other["metadata"]["annotations"]["mine"] = "yes".into();
        assert_ne!(content(map("one")), content(other));
        assert_ne!(content(map("one")), content(map("two")));
    }

    #[test]
    fn a_uid_that_is_no_uuid_stays_as_it_is() {
        for text in ["", "one", "0A1B2C3D-0000-4000-8000-00000000000F", "0-a1b2c3d00004000800000000000000f"] {
            assert_eq!(Uid::of(text).text(), text);
        }
    }
}
