//! What can be said about a manifest without a server, with the place of the manifest.
//!
//! The header is checked here, for kinds of anybody. The fields of the platform's kinds are checked by
//! [`validate_manifest`]; fields of other kinds, formats and rules between fields are the API server's.

use openchoreo_types::validate::validate_manifest;
use serde_json::Value;

use super::{Manifest, Problem};

/// Checks all manifests, in their order.
pub(crate) fn check(manifests: &[Manifest]) -> Vec<Problem> {
    manifests
        .iter()
        .flat_map(|manifest| messages(manifest).into_iter().map(|message| manifest.problem(message)))
        .collect()
}

fn messages(manifest: &Manifest) -> Vec<String> {
    if !manifest.object.is_object() {
        return vec!["this is not an object".to_owned()];
    }
    // A manifest that does not say what it is cannot be checked further.
    if let Some(message) = header_message(manifest, "apiVersion").or_else(|| header_message(manifest, "kind")) {
        return vec![message];
    }
    let problems =
        if manifest.is_ours() { validate_manifest(&manifest.object).err() } else { None }.unwrap_or_default();
    // A name that the server would make up is not enough here: manifests are told apart by their names.
    let is_name_told = problems.iter().any(|problem| matches!(problem.path.as_str(), "metadata" | "metadata.name"));
    let name = if is_name_told { None } else { header_message(manifest, "metadata.name") };
    name.into_iter().chain(problems.iter().map(ToString::to_string)).collect()
}

/// What is wrong with a field that every manifest must have.
fn header_message(manifest: &Manifest, field: &str) -> Option<String> {
    match manifest.object.pointer(&format!("/{}", field.replace('.', "/"))) {
        Some(Value::String(text)) if !text.is_empty() => None,
        None | Some(Value::Null | Value::String(_)) => Some(format!("`{field}` is missing")),
        Some(_) => Some(format!("`{field}` must be text")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn messages(object: Value) -> Vec<String> {
        let manifests = [Manifest { source: "test.yaml".to_owned(), document: 1, object }];
        check(&manifests).into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn a_manifest_of_any_kind_says_what_it_is() {
        let cases = [
            (json!([]), "this is not an object"),
            (json!({"kind": "Pod"}), "`apiVersion` is missing"),
            (json!({"apiVersion": 1}), "`apiVersion` must be text"),
            (json!({"apiVersion": "v1", "kind": ""}), "`kind` is missing"),
            (json!({"apiVersion": "v1", "kind": "Pod"}), "`metadata.name` is missing"),
            (json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": 1}}), "`metadata.name` must be text"),
        ];
        for (object, expected) in cases {
            assert_eq!(messages(object.clone()), [expected], "{object}");
        }
        assert_eq!(messages(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "x": 1})), [""; 0]);
    }

    #[test]
    fn a_missing_name_is_told_once() {
        let organization = |metadata: Value| {
            messages(json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Organization", "metadata": metadata}))
        };
        assert_eq!(organization(json!({})), ["`metadata.name` is missing"]);
        assert_eq!(organization(json!({"generateName": "a-"})), ["`metadata.name` is missing"]);
        assert_eq!(organization(json!({"name": "a"})), [""; 0]);
        assert_eq!(organization(json!("a")), ["`metadata` must be an object, not text"]);
    }

    #[test]
    fn fields_of_the_platform_are_checked_in_every_version() {
        let owner = json!({"projectName": "shop"});
        let component = |version: &str, spec: Value| {
            messages(json!({"apiVersion": version, "kind": "Component", "metadata": {"name": "web"}, "spec": spec}))
        };
        let version = openchoreo_types::API_VERSION;
        assert_eq!(component(version, json!({"owner": owner, "type": "Service"})), [""; 0]);
        assert_eq!(
            component(version, json!({"owner": owner, "type": ["Service"], "biuld": {}})),
            ["`spec.biuld` is an unknown field: did you mean `build`?", "`spec.type` must be text, not a list",]
        );
        assert_eq!(
            component("openchoreo.dev/v1", json!({})),
            ["`apiVersion` cannot be `openchoreo.dev/v1`: did you mean `openchoreo.dev/v1alpha1`?"]
        );
    }
}
