//! How objects look in JSON: the envelope around spec and status, and fields that clients of other languages fill with
//! zero values.
//!
//! Go clients write an empty struct, string or null where others leave a field out. Readers here take all of these for
//! an absent field; writers never produce them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Deserialize as DeriveDeserialize, Serialize};
use serde_json::Value;

/// Whether a flag is unset, for `skip_serializing_if`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

/// Reads null as the default value.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads an empty string as absent.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    zero_as_none(deserializer)
}

/// Reads a value whose every field has its zero value as absent.
pub(crate) fn zero_as_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default + PartialEq,
{
    Ok(Option::deserialize(deserializer)?.filter(|value| *value != T::default()))
}

/// Reads text that others may write as a number or a flag.
pub(crate) fn any_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::deserialize(deserializer)? {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
        Some(_) => Err(D::Error::custom("expected text, a number or a flag")),
    }
}

/// The schema of what [`any_text`] reads.
pub(crate) fn any_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// The metadata of a new object.
pub(crate) fn named(name: impl Into<String>) -> ObjectMeta {
    ObjectMeta { name: Some(name.into()), ..Default::default() }
}

/// An object as it is read. The type of the object checks `apiVersion` and `kind`, which items of a list may lack.
#[derive(DeriveDeserialize)]
#[serde(rename_all = "camelCase", bound = "Spec: Deserialize<'de> + Default, Status: Deserialize<'de>")]
struct ObjectIn<Spec, Status> {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    metadata: ObjectMeta,
    #[serde(default, deserialize_with = "null_as_default")]
    spec: Spec,
    #[serde(default)]
    status: Option<Status>,
}

/// Reads the parts of an object, and refuses an object of another kind.
pub(crate) fn read_object<'de, D, Spec, Status>(
    deserializer: D,
    api_version: &str,
    kind: &str,
) -> Result<(ObjectMeta, Spec, Option<Status>), D::Error>
where
    D: Deserializer<'de>,
    Spec: Deserialize<'de> + Default,
    Status: Deserialize<'de>,
{
    let object = ObjectIn::<Spec, Status>::deserialize(deserializer)?;
    if let Some(found) = object.api_version.filter(|found| found != api_version) {
        return Err(D::Error::custom(format!("expected apiVersion `{api_version}`, found `{found}`")));
    }
    if let Some(found) = object.kind.filter(|found| found != kind) {
        return Err(D::Error::custom(format!("expected kind `{kind}`, found `{found}`")));
    }
    Ok((object.metadata, object.spec, object.status))
}

/// An object as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ObjectOut<'a, Spec, Status> {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) metadata: &'a ObjectMeta,
    pub(crate) spec: &'a Spec,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'a Status>,
}
