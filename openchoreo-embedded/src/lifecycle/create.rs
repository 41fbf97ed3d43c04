//! From the body of a create to the object that is stored.

use serde_json::Value;

use super::{Intent, Part};
use crate::error::ApiError;
use crate::managed_fields::{self, Operation};
use crate::value;

/// Names made from `metadata.generateName` end in this many random characters.
const SUFFIX_LENGTH: usize = 5;
const LONGEST_GENERATED_BASE: usize = 63 - SUFFIX_LENGTH;
/// Consonants and digits that neither spell words nor look alike.
const SUFFIX_CHARACTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Members of the metadata that only the server writes.
const SERVER_OWNED: [&str; 7] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "resourceVersion",
    "generation",
    "selfLink",
];

/// How the fields of a new object come to have an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// The creator owns all that it wrote.
    Creator,
    /// An apply has settled it.
    Settled,
}

/// Makes the object to store.
pub(super) fn prepare(
    intent: &Intent<'_>,
    mut object: Value,
    ownership: Ownership,
    warnings: &mut Vec<String>,
) -> Result<Value, ApiError> {
    let kind = intent.kind;
    intent.check_type(&mut object)?;
    // An apply may name one: it says that nothing else than that is to be applied to.
    if ownership == Ownership::Creator && value::meta(&object, "resourceVersion").is_some() {
        return Err(ApiError::bad_request("resourceVersion should not be set on objects to be created"));
    }
    for member in SERVER_OWNED {
        value::remove(&mut object, &["metadata", member]);
    }
    if value::meta(&object, "name").is_none()
        && let Some(base) = value::meta(&object, "generateName")
    {
        let name = generate_name(base);
        value::set(&mut object, &["metadata", "name"], name);
    }
    if kind.status && intent.part == Part::Main {
        value::remove(&mut object, &["status"]);
    }
    intent.prune(&mut object, warnings)?;
    if !kind.custom {
        initialize_builtin(&kind.api_version, &kind.kind, &mut object);
    }
    intent.apply_defaults(&mut object);
    value::set(&mut object, &["metadata", "uid"], uuid::Uuid::new_v4().to_string());
    value::set(&mut object, &["metadata", "creationTimestamp"], intent.clock.stamp());
    if kind.generation {
        value::set(&mut object, &["metadata", "generation"], 1);
    }
    if ownership == Ownership::Creator {
        value::remove(&mut object, &["metadata", "managedFields"]);
        object = managed_fields::update(&kind.schema, None, object, &intent.manager(Operation::Update));
    }
    intent.validate(&object, None)?;
    Ok(object)
}

/// What the server writes into fresh objects of a few built-in kinds.
fn initialize_builtin(api_version: &str, kind: &str, object: &mut Value) {
    match (api_version, kind) {
        ("v1", "Namespace") => {
            value::set(object, &["spec", "finalizers"], serde_json::json!(["kubernetes"]));
            value::set(object, &["status", "phase"], "Active");
        }
        ("v1", "Pod") => value::set(object, &["status", "phase"], "Pending"),
        ("v1", "PersistentVolumeClaim") => value::set(object, &["status", "phase"], "Pending"),
        ("v1", "Service") => value::set(object, &["status", "loadBalancer"], serde_json::json!({})),
        _ => {}
    }
}

fn generate_name(base: &str) -> String {
    let base: String = base.chars().take(LONGEST_GENERATED_BASE).collect();
    let random = uuid::Uuid::new_v4();
    let suffix = random.as_bytes().iter().take(SUFFIX_LENGTH).map(|byte| {
        let index = usize::from(*byte) % SUFFIX_CHARACTERS.len();
        char::from(SUFFIX_CHARACTERS.get(index).copied().unwrap_or(b'x'))
    });
    base.chars().chain(suffix).collect()
}
