//! From a JSON Schema, as schemars derives it, to the structural schema that API servers want.
//!
//! The two differ in small ways: a structural schema has one type a place, no null beside it, no references, no formats
//! of unsigned numbers, and keywords of its own. The conversion knows the keywords that the derives of this crate
//! produce and drops all others.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Number, Value};

/// The structural schema of a type.
pub(crate) fn schema_of<T: JsonSchema>() -> JSONSchemaProps {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    convert(settings.into_generator().into_root_schema_for::<T>().as_value())
}

/// Makes every object of a schema keep the fields that the schema does not know.
pub(crate) fn keep_unknown_fields(schema: &mut JSONSchemaProps) {
    if schema.type_.as_deref() == Some("object") && schema.additional_properties.is_none() {
        schema.x_kubernetes_preserve_unknown_fields = Some(true);
    }
    for property in schema.properties.iter_mut().flat_map(BTreeMap::values_mut) {
        keep_unknown_fields(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => keep_unknown_fields(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(keep_unknown_fields),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        keep_unknown_fields(values);
    }
}

/// Writes `1.0` as `1`, everywhere in a value.
pub(crate) fn write_whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = whole(number) {
                *number = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(write_whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(write_whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The integer that a floating-point number stands for, where it does.
fn whole(number: &Number) -> Option<i64> {
    // The text is exact where a cast would have to be checked: `1.0` has a point, `1e300` and `0.5` do not end in `.0`.
    number.is_f64().then(|| number.to_string()).and_then(|text| text.strip_suffix(".0")?.parse().ok())
}

fn convert(schema: &Value) -> JSONSchemaProps {
    let Value::Object(fields) = schema else {
        // The schema `true`: anything goes.
        return JSONSchemaProps { x_kubernetes_preserve_unknown_fields: Some(true), ..Default::default() };
    };
    let mut result = match single_alternative(fields) {
        Some(Alternative::Schema(inner)) => convert(inner),
        Some(Alternative::Names(names)) => JSONSchemaProps {
            type_: Some("string".to_owned()),
            enum_: Some(names.into_iter().map(JSON).collect()),
            ..Default::default()
        },
        None => JSONSchemaProps::default(),
    };
    let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| fields.get(key).and_then(Value::as_f64);
    let integer = |key: &str| fields.get(key).and_then(Value::as_i64);
    let flag = |key: &str| fields.get(key).and_then(Value::as_bool);
    let list = |key: &str| fields.get(key).and_then(Value::as_array);

    replace(&mut result.description, text("description").map(|text| text.replace('\n', " ")));
    replace(&mut result.type_, type_name(fields));
    replace(&mut result.format, text("format").filter(|format| !format.starts_with("uint")));
    replace(&mut result.pattern, text("pattern"));
    replace(&mut result.minimum, number("minimum"));
    replace(&mut result.maximum, number("maximum"));
    replace(&mut result.min_length, integer("minLength"));
    replace(&mut result.max_length, integer("maxLength"));
    replace(&mut result.min_items, integer("minItems"));
    replace(&mut result.max_items, integer("maxItems"));
    replace(&mut result.max_properties, integer("maxProperties"));
    replace(&mut result.default, fields.get("default").filter(|default| !default.is_null()).cloned().map(JSON));
    replace(&mut result.required, list("required").map(|names| strings(names)));
    replace(
        &mut result.enum_,
        list("enum").map(|values| values.iter().filter(|value| !value.is_null()).cloned().map(JSON).collect()),
    );
    replace(
        &mut result.properties,
        fields
            .get("properties")
            .and_then(Value::as_object)
            .map(|properties| properties.iter().map(|(name, schema)| (name.clone(), convert(schema))).collect()),
    );
    replace(
        &mut result.items,
        fields.get("items").map(|items| JSONSchemaPropsOrArray::Schema(Box::new(convert(items)))),
    );
    replace(
        &mut result.additional_properties,
        fields
            .get("additionalProperties")
            .filter(|schema| schema.is_object())
            .map(|schema| JSONSchemaPropsOrBool::Schema(Box::new(convert(schema)))),
    );
    if let Some(alternatives) = list("anyOf").filter(|_| single_alternative(fields).is_none()) {
        result.any_of = Some(alternatives.iter().map(convert).collect());
    }
    // A map of anything is said by a keyword of its own.
    if fields.get("additionalProperties") == Some(&Value::Bool(true)) {
        result.x_kubernetes_preserve_unknown_fields = Some(true);
    }
    replace(&mut result.x_kubernetes_preserve_unknown_fields, flag("x-kubernetes-preserve-unknown-fields"));
    replace(&mut result.x_kubernetes_int_or_string, flag("x-kubernetes-int-or-string"));
    replace(&mut result.x_kubernetes_list_type, text("x-kubernetes-list-type"));
    replace(&mut result.x_kubernetes_list_map_keys, list("x-kubernetes-list-map-keys").map(|keys| strings(keys)));
    replace(
        &mut result.x_kubernetes_validations,
        list("x-kubernetes-validations").map(|rules| rules.iter().map(rule).collect()),
    );
    result
}

/// What stands behind a choice that is none.
enum Alternative<'a> {
    /// The one schema beside null.
    Schema(&'a Value),
    /// The names of an enum whose variants have descriptions.
    Names(Vec<Value>),
}

/// Resolves choices that only exist because of null, or because the variants of an enum are documented one by one.
fn single_alternative(fields: &Map<String, Value>) -> Option<Alternative<'_>> {
    let choices = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| fields.get(*key)).and_then(Value::as_array)?;
    let is_null = |choice: &&Value| choice.get("type").and_then(Value::as_str) == Some("null");
    let mut others = choices.iter().filter(|choice| !is_null(choice));
    if let (Some(only), None) = (others.next(), others.next()) {
        return Some(Alternative::Schema(only));
    }
    let names: Option<Vec<Vec<Value>>> = choices.iter().filter(|choice| !is_null(choice)).map(variant_names).collect();
    names.map(|names| Alternative::Names(names.into_iter().flatten().collect()))
}

/// The names that one choice of an enum stands for.
fn variant_names(choice: &Value) -> Option<Vec<Value>> {
    match (choice.get("const"), choice.get("enum").and_then(Value::as_array)) {
        (Some(name), _) => Some(vec![name.clone()]),
        (None, Some(names)) => Some(names.clone()),
        (None, None) => None,
    }
}

/// The type beside null.
fn type_name(fields: &Map<String, Value>) -> Option<String> {
    let name: &str = match fields.get("type")? {
        Value::String(name) => name,
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null")?,
        _ => return None,
    };
    Some(name.to_owned())
}

fn strings(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn rule(value: &Value) -> ValidationRule {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    ValidationRule {
        rule: text("rule").unwrap_or_default(),
        message: text("message"),
        field_path: text("fieldPath"),
        ..Default::default()
    }
}

fn replace<T>(place: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *place = value;
    }
}
