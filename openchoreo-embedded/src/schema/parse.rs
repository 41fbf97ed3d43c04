//! Reading a schema: JSON to [`Node`]s, with the checks that make a schema structural.
//!
//! A structural schema gives every place a type, keeps logical junctors (`allOf`, `anyOf`, `oneOf`, `not`) to
//! conditions on values, and says how lists merge; the API server refuses definitions whose schema is not. Schemas of
//! built-in kinds go through the same reader without the checks: they are the server's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};

use super::builtin;
use super::error::SchemaError;
use super::node::{Checks, Kind, ListType, Node, PatchStrategy};
use super::rules::Rules;
use super::validate;

/// Keywords of JSON Schema that structural schemas must not use.
const FORBIDDEN_KEYWORDS: [&str; 7] =
    ["$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "deprecated", "discriminator"];

/// Keywords that belong to the structure and have no place inside a logical junctor.
const STRUCTURAL_KEYWORDS: [&str; 9] = [
    "description",
    "default",
    "additionalProperties",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
];

/// Reads the schema of a custom resource and checks that it is structural.
pub(crate) fn custom(schema: &Value) -> Result<Node, SchemaError> {
    let path = "openAPIV3Schema";
    let reader = Reader { strict: true };
    let mut node = reader.node(schema, path, Place::Root)?;
    if node.kind != Some(Kind::Object) {
        return Err(error(&format!("{path}.type"), "Invalid value", "must be object at the root"));
    }
    complete_root(&mut node);
    check_defaults(&node, path)?;
    Ok(node)
}

/// Reads the schema of a built-in kind.
pub(crate) fn trusted(schema: &Value) -> Result<Node, SchemaError> {
    Reader { strict: false }.node(schema, "schema", Place::Inside)
}

/// Gives a root its `apiVersion`, `kind` and full `metadata`, keeping what a definition asks of names.
pub(crate) fn complete_root(node: &mut Node) {
    let text = || Arc::new(Node { kind: Some(Kind::String), ..Node::default() });
    node.properties.entry("apiVersion".to_owned()).or_insert_with(text);
    node.properties.entry("kind".to_owned()).or_insert_with(text);
    let mut metadata = builtin::object_meta().as_ref().clone();
    if let Some(declared) = node.properties.get("metadata") {
        for (name, property) in &declared.properties {
            metadata.properties.insert(name.clone(), property.clone());
        }
        metadata.checks.required.clone_from(&declared.checks.required);
    }
    node.properties.insert("metadata".to_owned(), Arc::new(metadata));
}

/// Where a schema stands, which decides what it may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The whole object.
    Root,
    /// A member, item or map value.
    Inside,
    /// The metadata of the whole object.
    Metadata,
    /// A branch of a logical junctor.
    Junctor,
}

struct Reader {
    strict: bool,
}

impl Reader {
    fn node(&self, schema: &Value, path: &str, place: Place) -> Result<Node, SchemaError> {
        let Value::Object(members) = schema else {
            return match schema {
                Value::Bool(true) if !self.strict => Ok(Node::untyped()),
                _ => Err(error(path, "Invalid value", "must be an object")),
            };
        };
        let flag = |name: &str| members.get(name).and_then(Value::as_bool).unwrap_or(false);
        let kind = match members.get("type").and_then(Value::as_str).filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => Some(Kind::from_name(name).ok_or_else(|| {
                error(
                    &format!("{path}.type"),
                    &format!("Unsupported value: {name:?}"),
                    r#"supported values: "array", "boolean", "integer", "number", "object", "string""#,
                )
            })?),
        };
        let mut node = Node {
            kind,
            int_or_string: flag("x-kubernetes-int-or-string"),
            nullable: flag("nullable"),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            embedded_resource: flag("x-kubernetes-embedded-resource"),
            default: members.get("default").filter(|value| !value.is_null()).cloned(),
            atomic_map: members.get("x-kubernetes-map-type").and_then(Value::as_str) == Some("atomic"),
            patch: patch_strategy(members),
            rules: Rules::of(members),
            ..Node::default()
        };
        if self.strict {
            self.check_keywords(members, &node, path, place)?;
        } else if node.kind.is_none() && !node.int_or_string {
            return Ok(Node { default: node.default, ..Node::untyped() });
        }
        self.read_children(members, &mut node, path, place)?;
        node.list_type = self.list_type(members, &node, path)?;
        node.checks = Box::new(self.checks(members, path)?);
        if self.strict {
            if place != Place::Junctor {
                check_junctors(&node, path)?;
            }
        } else if node.kind == Some(Kind::Object) && node.properties.is_empty() && node.additional.is_none() {
            node.preserve_unknown = true;
        }
        if node.embedded_resource {
            complete_root(&mut node);
        }
        Ok(node)
    }

    fn read_children(
        &self,
        members: &Map<String, Value>,
        node: &mut Node,
        path: &str,
        place: Place,
    ) -> Result<(), SchemaError> {
        let below = if place == Place::Junctor { Place::Junctor } else { Place::Inside };
        if let Some(Value::Object(properties)) = members.get("properties") {
            let mut read = BTreeMap::new();
            for (name, property) in properties {
                let place = match (place, name.as_str()) {
                    (Place::Root, "metadata") => Place::Metadata,
                    _ => below,
                };
                let property = self.node(property, &format!("{path}.properties[{name}]"), place)?;
                read.insert(name.clone(), Arc::new(property));
            }
            node.properties = read;
        }
        match members.get("additionalProperties") {
            Some(Value::Bool(true)) => node.additional = Some(Arc::new(Node::untyped())),
            None | Some(Value::Bool(false)) => {}
            Some(schema) => {
                let values = self.node(schema, &format!("{path}.additionalProperties"), below)?;
                node.additional = Some(Arc::new(values));
            }
        }
        if let Some(schema) = members.get("items") {
            if self.strict && schema.is_array() {
                return Err(error(
                    &format!("{path}.items"),
                    "Forbidden",
                    "items must be a schema object and not an array",
                ));
            }
            node.items = Some(Arc::new(self.node(schema, &format!("{path}.items"), below)?));
        }
        Ok(())
    }

    fn check_keywords(
        &self,
        members: &Map<String, Value>,
        node: &Node,
        path: &str,
        place: Place,
    ) -> Result<(), SchemaError> {
        if let Some(keyword) = FORBIDDEN_KEYWORDS.iter().find(|keyword| members.contains_key(**keyword)) {
            return Err(error(&format!("{path}.{keyword}"), "Forbidden", &format!("{keyword} is not supported")));
        }
        if members.get("uniqueItems") == Some(&Value::Bool(true)) {
            return Err(error(
                &format!("{path}.uniqueItems"),
                "Forbidden",
                "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
            ));
        }
        if place == Place::Junctor {
            return check_junctor_keywords(members, path);
        }
        let has_properties = members.get("properties").and_then(Value::as_object).is_some_and(|map| !map.is_empty());
        if has_properties && members.get("additionalProperties").is_some_and(|value| *value != Value::Bool(false)) {
            return Err(error(
                &format!("{path}.additionalProperties"),
                "Forbidden",
                "additionalProperties and properties are mutual exclusive",
            ));
        }
        if node.kind.is_none() && !node.int_or_string && !node.preserve_unknown {
            let about = match place {
                Place::Root => "must not be empty at the root",
                Place::Inside | Place::Metadata | Place::Junctor => "must not be empty for specified object fields",
            };
            return Err(error(&format!("{path}.type"), "Required value", about));
        }
        if node.int_or_string && node.kind.is_some() {
            return Err(error(
                &format!("{path}.type"),
                "Invalid value",
                "must be empty if x-kubernetes-int-or-string is true",
            ));
        }
        if node.kind == Some(Kind::Array) && !members.contains_key("items") {
            return Err(error(&format!("{path}.items"), "Required value", "must be specified"));
        }
        if node.embedded_resource && node.kind != Some(Kind::Object) {
            return Err(error(
                &format!("{path}.type"),
                "Invalid value",
                "must be object if x-kubernetes-embedded-resource is true",
            ));
        }
        if node.embedded_resource && !has_properties && !node.preserve_unknown {
            return Err(error(
                &format!("{path}.properties"),
                "Required value",
                "must not be empty if x-kubernetes-embedded-resource is true without \
                 x-kubernetes-preserve-unknown-fields",
            ));
        }
        if place == Place::Metadata
            && let Some(Value::Object(properties)) = members.get("properties")
            && properties.keys().any(|name| name != "name" && name != "generateName")
        {
            return Err(error(
                &format!("{path}.properties"),
                "Forbidden",
                "must not specify anything other than name and generateName, but metadata is implicitly specified",
            ));
        }
        Ok(())
    }

    fn list_type(&self, members: &Map<String, Value>, node: &Node, path: &str) -> Result<ListType, SchemaError> {
        let keys: Vec<String> = members
            .get("x-kubernetes-list-map-keys")
            .and_then(Value::as_array)
            .map(|keys| keys.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default();
        let list_type = match members.get("x-kubernetes-list-type").and_then(Value::as_str) {
            None | Some("atomic") => ListType::Atomic,
            Some("set") => ListType::Set,
            Some("map") => ListType::Map(keys.clone()),
            Some(other) => {
                return Err(error(
                    &format!("{path}.x-kubernetes-list-type"),
                    &format!("Unsupported value: {other:?}"),
                    r#"supported values: "atomic", "map", "set""#,
                ));
            }
        };
        if !self.strict {
            return Ok(list_type);
        }
        let keys_path = format!("{path}.x-kubernetes-list-map-keys");
        match (&list_type, node.item()) {
            (ListType::Atomic | ListType::Set, _) if !keys.is_empty() => {
                Err(error(&keys_path, "Forbidden", "must not be set without x-kubernetes-list-type `map`"))
            }
            (ListType::Set, Some(item)) if item.kind == Some(Kind::Object) && !item.atomic_map => Err(error(
                &format!("{path}.items.x-kubernetes-map-type"),
                "Invalid value",
                "must be atomic as item of a list with x-kubernetes-list-type=set",
            )),
            (ListType::Map(_), _) if keys.is_empty() => {
                Err(error(&keys_path, "Required value", "must not be empty if x-kubernetes-list-type is map"))
            }
            (ListType::Map(keys), Some(item)) => {
                for key in keys {
                    let Some(property) = item.properties.get(key) else {
                        return Err(error(
                            &keys_path,
                            &format!("Invalid value: {key:?}"),
                            "entries must all be names of item properties",
                        ));
                    };
                    if !property.is_scalar() {
                        return Err(error(
                            &format!("{path}.items.properties[{key}].type"),
                            "Invalid value",
                            "must be a scalar type if parent array's x-kubernetes-list-type is map",
                        ));
                    }
                    let required = members
                        .get("items")
                        .and_then(|items| items.get("required"))
                        .and_then(Value::as_array)
                        .is_some_and(|required| required.iter().any(|name| name.as_str() == Some(key.as_str())));
                    if !required && property.default.is_none() {
                        return Err(error(
                            &format!("{path}.items.properties[{key}].default"),
                            "Required value",
                            "this property is in x-kubernetes-list-map-keys, so it must have a default or be a \
                             required property",
                        ));
                    }
                }
                Ok(list_type)
            }
            _ => Ok(list_type),
        }
    }

    fn checks(&self, members: &Map<String, Value>, path: &str) -> Result<Checks, SchemaError> {
        let number = |name: &str| members.get(name).and_then(Value::as_f64);
        let count = |name: &str| members.get(name).and_then(Value::as_u64);
        let flag = |name: &str| members.get(name).and_then(Value::as_bool).unwrap_or(false);
        let pattern = match members.get("pattern").and_then(Value::as_str) {
            None => None,
            Some(pattern) => Some(Regex::new(pattern).map_err(|cause| {
                error(&format!("{path}.pattern"), &format!("Invalid value: {pattern:?}"), &cause.to_string())
            })?),
        };
        let branches = |name: &str| -> Result<Vec<Node>, SchemaError> {
            let branches = members.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            branches
                .iter()
                .enumerate()
                .map(|(index, branch)| self.node(branch, &format!("{path}.{name}[{index}]"), Place::Junctor))
                .collect()
        };
        Ok(Checks {
            format: members.get("format").and_then(Value::as_str).map(str::to_owned),
            one_of_values: members.get("enum").and_then(Value::as_array).cloned(),
            minimum: number("minimum"),
            exclusive_minimum: flag("exclusiveMinimum"),
            maximum: number("maximum"),
            exclusive_maximum: flag("exclusiveMaximum"),
            multiple_of: number("multipleOf"),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            pattern,
            min_items: count("minItems"),
            max_items: count("maxItems"),
            unique_items: flag("uniqueItems"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            required: members
                .get("required")
                .and_then(Value::as_array)
                .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
            all_of: branches("allOf")?,
            any_of: branches("anyOf")?,
            one_of: branches("oneOf")?,
            not: match members.get("not") {
                Some(schema) => Some(Box::new(self.node(schema, &format!("{path}.not"), Place::Junctor)?)),
                None => None,
            },
        })
    }
}

/// Branches state conditions on values; only the two branches that spell out int-or-string may name a type.
fn check_junctor_keywords(members: &Map<String, Value>, path: &str) -> Result<(), SchemaError> {
    if let Some(keyword) = STRUCTURAL_KEYWORDS.iter().find(|keyword| members.contains_key(**keyword)) {
        return Err(error(&format!("{path}.{keyword}"), "Forbidden", "must be empty to be structural"));
    }
    if members.get("nullable") == Some(&Value::Bool(true)) {
        return Err(error(&format!("{path}.nullable"), "Forbidden", "must be false to be structural"));
    }
    let spells_int_or_string = path.rsplit('.').next().is_some_and(|segment| segment.starts_with("anyOf["))
        && matches!(members.get("type").and_then(Value::as_str), Some("integer" | "string"))
        && members.len() == 1;
    if members.get("type").and_then(Value::as_str).is_some_and(|name| !name.is_empty()) && !spells_int_or_string {
        return Err(error(&format!("{path}.type"), "Forbidden", "must be empty to be structural"));
    }
    Ok(())
}

/// Every member that a junctor speaks of must be declared outside of it.
fn check_junctors(node: &Node, path: &str) -> Result<(), SchemaError> {
    let checks = &node.checks;
    let lists = [("allOf", &checks.all_of), ("anyOf", &checks.any_of), ("oneOf", &checks.one_of)];
    for (name, branches) in lists {
        for (index, branch) in branches.iter().enumerate() {
            check_declared(node, branch, path, &format!("{path}.{name}[{index}]"))?;
        }
    }
    if let Some(branch) = &checks.not {
        check_declared(node, branch, path, &format!("{path}.not"))?;
    }
    Ok(())
}

fn check_declared(node: &Node, branch: &Node, path: &str, branch_path: &str) -> Result<(), SchemaError> {
    for (name, condition) in &branch.properties {
        let (below, branch_below) = (format!("{path}.properties[{name}]"), format!("{branch_path}.properties[{name}]"));
        match node.member(name) {
            Some(member) => check_declared(member, condition, &below, &branch_below)?,
            None => {
                return Err(error(&below, "Required value", &format!("because it is defined in {branch_below}")));
            }
        }
    }
    if let Some(condition) = branch.item() {
        let (below, branch_below) = (format!("{path}.items"), format!("{branch_path}.items"));
        match node.item() {
            Some(item) => check_declared(item, condition, &below, &branch_below)?,
            None => {
                return Err(error(&below, "Required value", &format!("because it is defined in {branch_below}")));
            }
        }
    }
    let checks = &branch.checks;
    let nested = checks.all_of.iter().chain(&checks.any_of).chain(&checks.one_of).chain(checks.not.as_deref());
    for condition in nested {
        check_declared(node, condition, path, branch_path)?;
    }
    Ok(())
}

/// Defaults must themselves be valid.
fn check_defaults(node: &Node, path: &str) -> Result<(), SchemaError> {
    if let Some(default) = &node.default {
        let mut value = default.clone();
        super::defaults::apply_defaults(node, &mut value);
        let mut findings = Vec::new();
        validate::structure(node, &value, "", &mut findings);
        if let Some(finding) = findings.first() {
            return Err(SchemaError {
                path: format!("{path}.default{}", dotted(&finding.path)),
                detail: finding.body(),
            });
        }
    }
    for (name, property) in &node.properties {
        check_defaults(property, &format!("{path}.properties[{name}]"))?;
    }
    if let Some(values) = &node.additional {
        check_defaults(values, &format!("{path}.additionalProperties"))?;
    }
    node.item().map_or(Ok(()), |item| check_defaults(item, &format!("{path}.items")))
}

fn dotted(path: &str) -> String {
    if path.is_empty() || path.starts_with(['[', '<']) { String::new() } else { format!(".{path}") }
}

fn patch_strategy(members: &Map<String, Value>) -> PatchStrategy {
    let strategy = members.get("x-kubernetes-patch-strategy").and_then(Value::as_str).unwrap_or_default();
    PatchStrategy {
        merge: strategy.split(',').any(|part| part == "merge"),
        merge_key: members.get("x-kubernetes-patch-merge-key").and_then(Value::as_str).map(str::to_owned),
    }
}

fn error(path: &str, class: &str, detail: &str) -> SchemaError {
    SchemaError { path: path.to_owned(), detail: format!("{class}: {detail}") }
}
