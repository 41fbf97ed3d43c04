//! CustomResourceDefinitions as kinds: what makes one acceptable, and the kinds that it brings.
//!
//! Several versions are served with the conversion strategy `None`. Webhook conversion is refused rather than ignored.

use std::sync::Arc;

use serde_json::Value;

use super::{Kind, ScalePaths, builtin};
use crate::lifecycle::names::{NameRule, invalid, is_label};
use crate::schema::{FieldError, FieldErrorKind, Schema};
use crate::table::PrinterColumn;
use crate::value;

/// Fills in what a definition may leave out.
pub(crate) fn apply_defaults(definition: &mut Value) {
    if let Some(kind) = value::text(definition, &["spec", "names", "kind"]).map(str::to_owned) {
        value::set_default(definition, &["spec", "names", "singular"], kind.to_lowercase());
        value::set_default(definition, &["spec", "names", "listKind"], format!("{kind}List"));
    }
    value::set_default(definition, &["spec", "conversion", "strategy"], "None");
}

/// What is wrong with a definition.
pub(crate) fn check(definition: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut refuse = |kind, path: &str, detail: String| errors.push(FieldError { kind, path: path.into(), detail });
    let text = |path: &[&str]| value::text(definition, path).unwrap_or_default();
    let (group, plural) = (text(&["spec", "group"]), text(&["spec", "names", "plural"]));
    for (path, given) in [
        ("spec.group", group),
        ("spec.names.plural", plural),
        ("spec.names.kind", text(&["spec", "names", "kind"])),
        ("spec.scope", text(&["spec", "scope"])),
    ] {
        if given.is_empty() {
            refuse(FieldErrorKind::Required, path, String::new());
        }
    }
    let name = value::name(definition);
    if name != format!("{plural}.{group}") {
        let why = "must be spec.names.plural+\".\"+spec.group";
        refuse(FieldErrorKind::Invalid, "metadata.name", invalid(name, why));
    }
    let is_domain = group.contains('.') && group.split('.').all(is_label);
    if !group.is_empty() && !is_domain {
        refuse(FieldErrorKind::Invalid, "spec.group", invalid(group, "should be a domain with at least one dot"));
    }
    if !matches!(text(&["spec", "scope"]), "" | "Namespaced" | "Cluster") {
        let detail = format!("{:?}: supported values: \"Cluster\", \"Namespaced\"", text(&["spec", "scope"]));
        refuse(FieldErrorKind::NotSupported, "spec.scope", detail);
    }
    if !matches!(text(&["spec", "conversion", "strategy"]), "" | "None") {
        let detail = invalid(text(&["spec", "conversion", "strategy"]), "this server converts with strategy None only");
        refuse(FieldErrorKind::Invalid, "spec.conversion.strategy", detail);
    }
    let versions = value::list(definition, &["spec", "versions"]);
    let stored = versions.iter().filter(|version| flag(version, "storage")).count();
    if stored != 1 {
        let detail = "must have exactly one version marked as storage version".to_owned();
        refuse(FieldErrorKind::Invalid, "spec.versions", detail);
    }
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
        match value::at(version, &["schema", "openAPIV3Schema"]) {
            None => refuse(FieldErrorKind::Required, &path, "schemas are required".into()),
            Some(schema) => {
                if let Err(error) = Schema::parse(schema) {
                    let path = if error.path.is_empty() { path } else { format!("{path}.{}", error.path) };
                    refuse(FieldErrorKind::Invalid, &path, error.detail);
                }
            }
        }
    }
    errors
}

/// The kinds that an accepted definition brings, one for each served version.
pub(crate) fn kinds(definition: &Value) -> Vec<Kind> {
    let text = |path: &[&str]| value::text(definition, path).unwrap_or_default().to_owned();
    let names = |member: &str| -> Vec<String> {
        value::strings(definition, &["spec", "names", member]).map(str::to_owned).collect()
    };
    let group = text(&["spec", "group"]);
    let plural = text(&["spec", "names", "plural"]);
    let resource = format!("{plural}.{group}");
    let storage: Arc<str> = resource.as_str().into();
    let versions = value::list(definition, &["spec", "versions"]);
    let storage_version = versions
        .iter()
        .find(|version| flag(version, "storage"))
        .and_then(|version| value::text(version, &["name"]))
        .map(|version| builtin::join(&group, version))
        .unwrap_or_default();
    let served = versions.iter().filter(|version| flag(version, "served"));
    served
        .filter_map(|version| {
            let name = value::text(version, &["name"])?;
            let schema = Schema::parse(value::at(version, &["schema", "openAPIV3Schema"])?).ok()?;
            let columns = version.get("additionalPrinterColumns").cloned();
            let columns: Option<Vec<PrinterColumn>> = columns.and_then(|columns| serde_json::from_value(columns).ok());
            let selectable = value::list(version, &["selectableFields"]);
            Some(Kind {
                api_version: builtin::join(&group, name),
                group: group.clone(),
                version: name.to_owned(),
                kind: text(&["spec", "names", "kind"]),
                list_kind: text(&["spec", "names", "listKind"]),
                plural: plural.clone(),
                singular: text(&["spec", "names", "singular"]),
                short_names: names("shortNames"),
                categories: names("categories"),
                namespaced: value::text(definition, &["spec", "scope"]) != Some("Cluster"),
                resource: resource.clone(),
                storage: Arc::clone(&storage),
                storage_version: storage_version.clone(),
                name_rule: NameRule::Subdomain,
                generation: true,
                status: value::at(version, &["subresources", "status"]).is_some(),
                scale: value::at(version, &["subresources", "scale"]).and_then(scale_paths),
                schema: Arc::new(schema),
                columns: Some(columns.unwrap_or_default()),
                selectable: selectable.iter().filter_map(|field| path_of(field, "jsonPath")).collect(),
                custom: true,
                review: false,
                // A fresh definition has no older objects; an update carries the revision before it.
                since: value::revision(definition),
            })
        })
        .collect()
}

fn scale_paths(scale: &Value) -> Option<ScalePaths> {
    Some(ScalePaths {
        replicas: path_of(scale, "specReplicasPath")?,
        status_replicas: path_of(scale, "statusReplicasPath")?,
        selector: path_of(scale, "labelSelectorPath"),
    })
}

fn path_of(object: &Value, member: &str) -> Option<String> {
    value::text(object, &[member]).map(|path| path.trim_start_matches('.').to_owned())
}

fn flag(object: &Value, member: &str) -> bool {
    object.get(member).and_then(Value::as_bool).unwrap_or(false)
}
