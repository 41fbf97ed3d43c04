//! Everything that is rendered is valid by the real definitions of its kind.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use openchoreo_core::extension::{Gateway, RenderError};
use openchoreo_embedded::schema::Schema;
use openchoreo_net::{EnvoyGateway, GatewayApi, PathStyle};
use openchoreo_types::v1alpha1::{Endpoint, Environment};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::inputs;
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

/// What the definitions of a folder and the rules for metadata have against an object.
fn problems(schemas: &BTreeMap<String, Schema>, object: &Value) -> Vec<String> {
    let kind = object["kind"].as_str().unwrap();
    let builtin = Schema::builtin(object["apiVersion"].as_str().unwrap(), kind);
    let schema = builtin.as_deref().or_else(|| schemas.get(kind)).unwrap_or_else(|| panic!("no schema of {kind}"));
    let mut pruned = object.clone();
    let mut problems = schema.prune(&mut pruned);
    schema.apply_defaults(&mut pruned);
    problems.extend(schema.validate(&pruned, None).iter().map(|problem| problem.body()));
    let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
    let wrong_labels = labels.filter(|(_, value)| !is_label_value(value.as_str().unwrap()));
    problems.extend(wrong_labels.map(|(key, value)| format!("metadata.labels.{key}: {value}")));
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    if name.is_empty() || name.len() > 253 {
        problems.push(format!("metadata.name: `{name}`"));
    }
    problems
}

fn is_label_value(value: &str) -> bool {
    let ends = |character: Option<char>| character.is_none_or(|c| c.is_ascii_alphanumeric());
    let inner = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    value.len() <= 63 && inner && ends(value.chars().next()) && ends(value.chars().last())
}

/// The definitions of every version that is at hand.
fn all_schemas() -> &'static BTreeMap<&'static str, BTreeMap<String, Schema>> {
    static SCHEMAS: OnceLock<BTreeMap<&'static str, BTreeMap<String, Schema>>> = OnceLock::new();
    let folders = ["third-party-crds", "third-party-crds-latest"];
    SCHEMAS.get_or_init(|| folders.into_iter().map(|folder| (folder, schemas(folder))).collect())
}

/// An object with the defaults of its kind's newest definition, where that is at hand.
pub(crate) fn as_stored(object: &Value) -> Value {
    let mut stored = object.clone();
    let newest = all_schemas().get("third-party-crds-latest");
    if let Some(schema) = newest.and_then(|schemas| schemas.get(object["kind"].as_str().unwrap())) {
        schema.apply_defaults(&mut stored);
    }
    stored
}

pub(crate) fn check_against_definitions(object: &Value) -> Result<(), String> {
    for (folder, schemas) in all_schemas().iter().filter(|(_, schemas)| !schemas.is_empty()) {
        let problems = problems(schemas, object);
        if !problems.is_empty() {
            return Err(format!("{folder} refuses {} {}: {problems:?}", object["kind"], object["metadata"]["name"]));
        }
    }
    Ok(())
}

#[test]
fn rendered_objects_are_valid_by_the_definitions_of_their_kinds() {
    for object in rendered() {
        assert_eq!(check_against_definitions(&object), Ok(()));
    }
}

#[test]
fn a_week_is_written_as_the_definitions_take_it() {
    let endpoint = endpoint(public(json!([cors_of("https://shop.example", 604_800)])));
    let gateway = EnvoyGateway::with_paths(PathStyle::BasePath);
    let objects = json_of(render(&gateway, &endpoint, &environment_with_keys()).unwrap());
    assert_eq!(objects[0]["spec"]["cors"]["maxAge"], "168h");
    assert_eq!(check_against_definitions(&objects[0]), Ok(()));
}

/// One setting of some size, and the largest size that the definitions take.
type Limit = (&'static str, usize, fn(usize) -> (Value, Value));

const LIMITS: [Limit; 9] = [
    ("scopes", 16, |size| (json!([tokens_with("/a", size, json!([]))]), keys_of(30))),
    ("audiences", 8, |size| {
        (json!([tokens_with("/a", 0, json!([{"key": "aud", "values": vec!["a"; size]}]))]), keys_of(30))
    }),
    ("values of a claim", 16, |size| {
        (json!([tokens_with("/a", 0, json!([{"key": "tier", "values": vec!["a"; size]}]))]), keys_of(30))
    }),
    ("claims", 16, |size| {
        let claim = |index: usize| json!({"key": format!("claim-{index}"), "values": ["a"]});
        (json!([tokens_with("/a", 0, (0..size).map(claim).collect())]), keys_of(30))
    }),
    ("characters of an issuer", 253, |size| {
        (json!([tokens_with("/a", 0, json!([{"key": "iss", "values": ["i".repeat(size)]}]))]), keys_of(30))
    }),
    ("characters of a URL of keys", 253, |size| (json!([tokens_with("/a", 0, json!([]))]), keys_of(size))),
    ("bytes of a quoted path", 1024 - "^/api/x$".len(), |size| {
        let dots = format!("/x{}{}", ".".repeat(size / 2), "a".repeat(size % 2));
        (json!([tokens_with(&dots, 0, json!([]))]), keys_of(30))
    }),
    ("characters of an origin", 253, |size| {
        (json!([cors_of(&format!("https://{}", "a".repeat(size - "https://".len())), 1)]), keys_of(30))
    }),
    ("hours of a browser's memory", 99_999, |size| (json!([cors_of("https://a.example", size * 3600)]), keys_of(30))),
];

fn tokens_with(target: &str, scopes: usize, claims: Value) -> Value {
    let scopes: Vec<String> = (0..scopes).map(|index| format!("scope:{index}")).collect();
    let mut policy = oauth2(json!([{"method": "GET", "target": target, "scopes": scopes}]));
    policy["policySpec"]["oauth2"]["jwt"]["claims"] = claims;
    policy
}

fn cors_of(origin: &str, max_age: usize) -> Value {
    json!({"name": "browsers", "type": "cors", "policySpec": {"cors": {
        "allowCredentials": false, "allowOrigins": [origin], "allowMethods": ["GET"], "allowHeaders": [],
        "exposeHeaders": [], "maxAge": max_age,
    }}})
}

fn keys_of(size: usize) -> Value {
    let uri = format!("https://keys.example/{}", "k".repeat(size - "https://keys.example/".len()));
    json!({"spec": {"gateway": {"security": {"remoteJwks": {"uri": uri}}}, "dataPlaneRef": "plane"},
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Environment", "metadata": {"name": "development"}})
}

#[test]
fn each_limit_is_where_the_definitions_have_it() {
    let gateway = EnvoyGateway::with_paths(PathStyle::BasePath);
    for (what, most, input) in LIMITS {
        let render = |size: usize| {
            let (policies, environment) = input(size);
            render(&gateway, &endpoint(public(policies)), &serde_json::from_value(environment).unwrap())
        };
        for object in json_of(render(most).unwrap_or_else(|error| panic!("{most} {what}: {error}"))) {
            assert_eq!(check_against_definitions(&object), Ok(()), "{most} {what}");
        }
        let error = render(most + 1).expect_err(what);
        assert!(matches!(error, RenderError::Field { .. }), "{what}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_rendered_is_accepted_and_all_else_is_refused_by_name(input in inputs::endpoint()) {
        let endpoint: Endpoint = serde_json::from_value(input.endpoint.clone()).unwrap();
        let environment: Environment = serde_json::from_value(input.environment.clone()).unwrap();
        for gateway in [
            &EnvoyGateway::with_paths(PathStyle::BasePath) as &dyn Gateway,
            &EnvoyGateway::with_paths(PathStyle::ProjectAndComponent),
            &GatewayApi::default(),
        ] {
            match render(gateway, &endpoint, &environment) {
                Ok(objects) => {
                    for object in json_of(objects) {
                        prop_assert_eq!(check_against_definitions(&object), Ok(()));
                    }
                }
                Err(RenderError::Field { object, field, problem }) => {
                    let named = ["Endpoint `cart-http`", "Environment `development`"].contains(&object.as_str());
                    prop_assert!(named && field.starts_with("spec.") && !problem.is_empty(), "{object} {field} {problem}");
                }
                Err(RenderError::Unsupported { what, .. }) => {
                    prop_assert!(what.contains("Endpoint `cart-http`") && what.contains("spec."), "{what}");
                }
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
    }
}

/// The generator is worth something only if much of what it makes is published.
#[test]
fn many_of_the_tried_endpoints_are_published() {
    let mut runner = TestRunner::deterministic();
    let gateway = EnvoyGateway::with_paths(PathStyle::BasePath);
    let published = (0..256).filter(|_| {
        let input = inputs::endpoint().new_tree(&mut runner).unwrap().current();
        let endpoint = serde_json::from_value(input.endpoint).unwrap();
        let environment = serde_json::from_value(input.environment).unwrap();
        render(&gateway, &endpoint, &environment).is_ok_and(|objects| objects.len() > 2)
    });
    let published = published.count();
    assert!(published > 32, "{published} of 256");
}
