//! CustomResourceDefinitions: kinds that come, change and go while the server runs.

use openchoreo_embedded::Server;
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn a_definition_serves_its_kind_at_once_and_says_so() {
    let server = Server::default();
    assert_eq!(get(&server, WIDGETS).await.code, 404);
    post(&server, DEFINITIONS, &widget_definition()).await.expect(201);
    let definition = get(&server, &format!("{DEFINITIONS}/widgets.example.com")).await.expect(200);
    let conditions = definition["status"]["conditions"].as_array().unwrap();
    for kind in ["NamesAccepted", "Established"] {
        assert!(conditions.iter().any(|one| one["type"] == kind && one["status"] == "True"), "{kind}");
    }
    assert_eq!(definition["status"]["acceptedNames"]["singular"], "widget");
    assert_eq!(definition["status"]["storedVersions"], json!(["v1"]));
    assert_eq!(get(&server, WIDGETS).await.expect(200)["kind"], "WidgetList");
}

#[tokio::test]
async fn objects_are_defaulted_pruned_and_checked_by_rules() {
    let server = server_with_widgets().await;
    let created = post(&server, WIDGETS, &widget("w", json!({"size": 1, "owner": "me", "other": 1}))).await.expect(201);
    assert_eq!(created["spec"], json!({"size": 1, "owner": "me", "color": "red"}));
    let (reason, message) =
        patch(&server, &format!("{WIDGETS}/w"), "merge", &json!({"spec": {"owner": "you"}})).await.refusal(422);
    assert_eq!(reason, "Invalid");
    assert!(message.contains("owner is immutable"), "{message}");
    let (_, message) =
        patch(&server, &format!("{WIDGETS}/w"), "merge", &json!({"spec": {"size": "x"}})).await.refusal(422);
    assert!(message.contains("spec.size"), "{message}");
    let without = widget("w", json!({"size": 2}));
    let (_, message) = put(&server, &format!("{WIDGETS}/w"), &without).await.refusal(422);
    let expected = "metadata.resourceVersion: Invalid value: 0: must be specified for an update";
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn a_changed_schema_is_in_force_at_once_and_defaults_reach_old_objects() {
    let server = server_with_widgets().await;
    post(&server, WIDGETS, &widget("w", json!({"size": 1}))).await.expect(201);
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/speed";
    let change = json!([{"op": "add", "path": path, "value": {"type": "integer", "default": 9}}]);
    patch(&server, &format!("{DEFINITIONS}/widgets.example.com"), "json", &change).await.expect(200);
    let read = get(&server, &format!("{WIDGETS}/w")).await.expect(200);
    assert_eq!(read["spec"]["speed"], 9);
    assert_eq!(get(&server, WIDGETS).await.expect(200)["items"][0]["spec"]["speed"], 9);
    assert_eq!(post(&server, WIDGETS, &widget("v", json!({"size": 1}))).await.expect(201)["spec"]["speed"], 9);
}

#[tokio::test]
async fn several_versions_show_the_same_objects() {
    let server = Server::default();
    let mut definition = widget_definition();
    let mut second = definition["spec"]["versions"][0].clone();
    second["name"] = json!("v2");
    second["storage"] = json!(false);
    definition["spec"]["versions"].as_array_mut().unwrap().push(second);
    post(&server, DEFINITIONS, &definition).await.expect(201);
    let mut object = widget("w", json!({"size": 1}));
    object["apiVersion"] = json!("example.com/v2");
    let v2 = "/apis/example.com/v2/namespaces/default/widgets";
    let created = post(&server, v2, &object).await.expect(201);
    assert_eq!(created["apiVersion"], "example.com/v2");
    let read = get(&server, &format!("{WIDGETS}/w")).await.expect(200);
    assert_eq!(read["apiVersion"], "example.com/v1");
    assert_eq!(read["metadata"]["uid"], created["metadata"]["uid"]);
    patch(&server, &format!("{v2}/w"), "merge", &json!({"spec": {"size": 2}})).await.expect(200);
    assert_eq!(get(&server, &format!("{WIDGETS}/w")).await.expect(200)["spec"]["size"], 2);
}

#[tokio::test]
async fn a_deleted_definition_takes_its_objects_along_and_waits_for_finalizers() {
    let server = server_with_widgets().await;
    post(&server, WIDGETS, &widget("free", json!({"size": 1}))).await.expect(201);
    let mut held = widget("held", json!({"size": 1}));
    held["metadata"]["finalizers"] = json!(["example.com/f"]);
    post(&server, WIDGETS, &held).await.expect(201);
    let path = format!("{DEFINITIONS}/widgets.example.com");
    delete(&server, &path).await.expect(200);
    assert_eq!(get(&server, &format!("{WIDGETS}/free")).await.code, 404);
    assert!(get(&server, &format!("{WIDGETS}/held")).await.expect(200)["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(post(&server, WIDGETS, &widget("late", json!({"size": 1}))).await.code, 405);
    patch(&server, &format!("{WIDGETS}/held"), "merge", &json!({"metadata": {"finalizers": null}})).await.expect(200);
    assert_eq!(get(&server, &path).await.code, 404);
    assert_eq!(get(&server, WIDGETS).await.code, 404);
    // The kind may come again, empty.
    post(&server, DEFINITIONS, &widget_definition()).await.expect(201);
    assert_eq!(get(&server, WIDGETS).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn malformed_definitions_are_refused_and_name_the_field() {
    let server = Server::default();
    type Spoil = fn(&mut Value);
    let cases: [(&str, Spoil); 5] = [
        ("metadata.name", |definition| definition["metadata"]["name"] = json!("other.example.com")),
        ("spec.group", |definition| {
            definition["spec"]["group"] = json!("example");
            definition["metadata"]["name"] = json!("widgets.example");
        }),
        ("spec.versions", |definition| definition["spec"]["versions"][0]["storage"] = json!(false)),
        ("spec.versions[0].schema.openAPIV3Schema", |definition| {
            let untyped = json!({"type": "object", "properties": {"spec": {}}});
            definition["spec"]["versions"][0]["schema"] = json!({"openAPIV3Schema": untyped});
        }),
        ("spec.conversion.strategy", |definition| definition["spec"]["conversion"] = json!({"strategy": "Webhook"})),
    ];
    for (field, spoil) in cases {
        let mut definition = widget_definition();
        spoil(&mut definition);
        let body = post(&server, DEFINITIONS, &definition).await.expect(422);
        let causes = body["details"]["causes"].as_array().unwrap();
        assert!(causes.iter().any(|cause| cause["field"].as_str().unwrap().starts_with(field)), "{field}: {body:#}");
    }
}
