//! Everything that is rendered is valid by the real definitions of its kind.

use std::collections::BTreeMap;

use openchoreo_embedded::schema::Schema;
use openchoreo_net::{EnvoyGateway, PathStyle};
use serde_json::{Value, json};

use crate::support::{endpoint, environment_with_keys, json_of, oauth2, public, render, shared};

/// The schemas of the definitions in a folder, by kind.
fn schemas(folder: &str) -> BTreeMap<String, Schema> {
    let Some(folder) = shared(folder) else { return BTreeMap::new() };
    let mut schemas = BTreeMap::new();
    let wanted =
        ["_httproutes", "_securitypolicies", "_backendtrafficpolicies", "_httproutefilters", "_ciliumnetworkpolicies"];
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !wanted.iter().any(|plural| stem.ends_with(plural)) {
            continue;
        }
        for definition in openchoreo_types::yaml::documents(&std::fs::read_to_string(&path).unwrap()).unwrap() {
            let kind = definition["spec"]["names"]["kind"].as_str().unwrap().to_owned();
            let versions = definition["spec"]["versions"].as_array().unwrap();
            let version =
                versions.iter().find(|version| ["v1", "v1alpha1", "v2"].contains(&version["name"].as_str().unwrap()));
            let schema = &version.unwrap_or_else(|| panic!("{kind} has no known version"))["schema"]["openAPIV3Schema"];
            schemas.insert(kind.clone(), Schema::parse(schema).unwrap_or_else(|error| panic!("{kind}: {error}")));
        }
    }
    assert_eq!(schemas.len(), wanted.len());
    schemas
}

fn rendered() -> Vec<Value> {
    let operations = json!([
        {"method": "GET", "target": "/items/{id}", "scopes": ["items:read"]},
        {"method": "POST", "target": "/items", "scopes": []},
    ]);
    let cors = json!({"name": "browsers", "type": "cors", "policySpec": {"cors": {
        "allowCredentials": false, "allowOrigins": ["https://shop.example", "https://*.shop.example"],
        "allowMethods": ["GET"], "allowHeaders": [], "exposeHeaders": [], "maxAge": 600,
    }}});
    let limit = json!({"name": "calm", "type": "rate-limit", "policySpec": {"rateLimit": {
        "apiLevel": {"requestLimit": 100, "timeUnit": "Minute"}, "operationLevel": {"rest": []},
    }}});
    let mut objects = crate::policies::policies();
    for paths in [PathStyle::BasePath, PathStyle::ProjectAndComponent] {
        for policies in [json!([]), json!([cors, limit]), json!([oauth2(operations.clone()), cors])] {
            let gateway = EnvoyGateway::with_paths(paths);
            objects.extend(json_of(render(&gateway, &endpoint(public(policies)), &environment_with_keys()).unwrap()));
        }
    }
    objects
}

#[test]
fn rendered_objects_are_valid_by_the_definitions_of_their_kinds() {
    for folder in ["third-party-crds", "third-party-crds-latest"] {
        let schemas = schemas(folder);
        if schemas.is_empty() {
            return;
        }
        for object in rendered() {
            let kind = object["kind"].as_str().unwrap();
            let (mut pruned, name) = (object.clone(), &object["metadata"]["name"]);
            let builtin = Schema::builtin(object["apiVersion"].as_str().unwrap(), kind);
            let schema =
                builtin.as_deref().or_else(|| schemas.get(kind)).unwrap_or_else(|| panic!("no schema of {kind}"));
            assert_eq!(schema.prune(&mut pruned), Vec::<String>::new(), "{folder} {kind} {name}");
            schema.apply_defaults(&mut pruned);
            let problems: Vec<String> = schema.validate(&pruned, None).iter().map(|problem| problem.body()).collect();
            assert_eq!(problems, Vec::<String>::new(), "{folder} {kind} {name}");
        }
    }
}
