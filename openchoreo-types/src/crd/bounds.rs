//! How much an object may hold: a size for every text, list and map of the platform's kinds.
//!
//! Whatever reads an object may rely on these sizes, and an API server can tell what a rule in CEL costs at most. They
//! are far above what people write; who meets one has made a mistake or means harm. A bound that a type declares itself
//! is kept. Nothing is bounded here where a schema says of itself that it keeps what it does not know: such a place has
//! no type, so that its own reader has to check it.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// Characters of a text that nothing else is said of: a name, a path, a URL.
const TEXT: i64 = 4 * 1024;
/// Characters of an argument of a program: the most that Linux passes on.
const ARGUMENT: i64 = 128 * 1024;
/// Characters of a value that may be a file or a bundle of certificates: the most that a Secret or ConfigMap holds.
const VALUE: i64 = 1024 * 1024;
/// Characters of a text that the platform or a plane says, so that an honest one is never refused: as of the message of
/// a condition.
const STATUS_TEXT: i64 = 32 * 1024;
/// Entries of a list or a map that nothing else is said of.
const ENTRIES: i64 = 1024;
/// Environments on either side of a promotion.
const PROMOTIONS: i64 = 256;

/// Properties whose texts are longer than others.
const LONG_TEXTS: [(&str, i64); 5] =
    [("value", VALUE), ("args", ARGUMENT), ("command", ARGUMENT), ("annotations", VALUE), ("password", VALUE)];
/// Properties whose lists are shorter than others.
const SHORT_LISTS: [(&str, i64); 2] = [("promotionPaths", PROMOTIONS), ("targetEnvironmentRefs", PROMOTIONS)];

/// Bounds everything in the schema of a spec.
pub(super) fn bound_spec(schema: &mut JSONSchemaProps) {
    bound(schema, "", |property| of(&LONG_TEXTS, property).unwrap_or(TEXT));
}

/// Bounds everything in the schema of a status.
pub(super) fn bound_status(schema: &mut JSONSchemaProps) {
    bound(schema, "", |_| STATUS_TEXT);
}

fn of(table: &[(&str, i64)], property: &str) -> Option<i64> {
    table.iter().find(|(name, _)| *name == property).map(|(_, size)| *size)
}

/// Bounds a place and what is below it. The entries of a list or a map go by the name of its property.
fn bound(schema: &mut JSONSchemaProps, property: &str, text: impl Fn(&str) -> i64 + Copy) {
    // A text of a few known values, or of a known form, is bounded by that.
    let is_open_text = schema.type_.as_deref() == Some("string") && schema.enum_.is_none() && schema.format.is_none();
    if is_open_text || schema.x_kubernetes_int_or_string == Some(true) {
        schema.max_length.get_or_insert(text(property));
    }
    if schema.type_.as_deref() == Some("array") {
        schema.max_items.get_or_insert(of(&SHORT_LISTS, property).unwrap_or(ENTRIES));
    }
    for (name, inner) in schema.properties.iter_mut().flat_map(BTreeMap::iter_mut) {
        bound(inner, name, text);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => bound(items, property, text),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(|item| bound(item, property, text)),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        schema.max_properties.get_or_insert(ENTRIES);
        bound(values, property, text);
    }
}
