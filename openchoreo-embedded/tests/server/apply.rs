//! Server-side apply over HTTP: who owns what, and what follows from it.

use serde_json::{Value, json};

use crate::support::*;

fn managers(object: &Value) -> Vec<String> {
    let text = |entry: &Value, member: &str| entry[member].as_str().unwrap_or("-").to_owned();
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    let mut shown: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {} {}", text(entry, "manager"), text(entry, "operation"), text(entry, "subresource")))
        .collect();
    shown.sort();
    shown
}

#[tokio::test]
async fn an_apply_creates_merges_and_removes_what_it_no_longer_says() {
    let server = server_with_widgets().await;
    let path = format!("{WIDGETS}/w?fieldManager=one");
    let parts = |names: &[&str]| -> Value { names.iter().map(|name| json!({"name": name, "count": 1})).collect() };
    let created =
        patch(&server, &path, "apply", &widget("w", json!({"size": 1, "parts": parts(&["a", "b"])}))).await.expect(201);
    assert_eq!(created["spec"]["color"], "red", "defaults are filled in");
    assert_eq!(managers(&created), ["one Apply -"]);

    let other = format!("{WIDGETS}/w?fieldManager=two");
    let body = json!({"apiVersion": "example.com/v1", "kind": "Widget", "spec": {"parts": parts(&["c"])}});
    let merged = patch(&server, &other, "apply", &body).await.expect(200);
    assert_eq!(merged["spec"]["parts"].as_array().unwrap().len(), 3);

    let shrunk =
        patch(&server, &path, "apply", &widget("w", json!({"size": 1, "parts": parts(&["b"])}))).await.expect(200);
    let mut left: Vec<&str> =
        shrunk["spec"]["parts"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    left.sort_unstable();
    assert_eq!(left, ["b", "c"], "a field goes when its last owner drops it, and only then");
}

#[tokio::test]
async fn different_values_conflict_equal_ones_are_shared_and_force_takes_over() {
    let server = server_with_widgets().await;
    let one = format!("{WIDGETS}/w?fieldManager=one");
    let two = format!("{WIDGETS}/w?fieldManager=two");
    patch(&server, &one, "apply", &widget("w", json!({"size": 1}))).await.expect(201);
    patch(&server, &two, "apply", &widget("w", json!({"size": 1}))).await.expect(200);
    let refused = patch(&server, &two, "apply", &widget("w", json!({"size": 2}))).await.expect(409);
    assert_eq!(refused["reason"], "Conflict");
    assert_eq!(refused["details"]["causes"][0]["reason"], "FieldManagerConflict");
    assert_eq!(refused["details"]["causes"][0]["field"], ".spec.size");
    assert_eq!(refused["message"], "Apply failed with 1 conflict: conflict with \"one\": .spec.size");
    let forced =
        patch(&server, &format!("{two}&force=true"), "apply", &widget("w", json!({"size": 2}))).await.expect(200);
    assert_eq!(forced["spec"]["size"], 2);
    assert_eq!(forced["metadata"]["generation"], 2);
    assert_eq!(managers(&forced), ["two Apply -"], "the loser owns nothing anymore");
}

#[tokio::test]
async fn an_apply_at_a_revision_makes_what_is_not_there_and_changes_nothing_that_is_another() {
    let server = server_with_widgets().await;
    let path = format!("{WIDGETS}/w?fieldManager=me&force=true");
    let mut body = widget("w", json!({"size": 1}));
    body["metadata"]["resourceVersion"] = "1".into();
    let made = patch(&server, &path, "apply", &body).await.expect(201);
    assert_ne!(made["metadata"]["resourceVersion"], "1");
    body["spec"]["size"] = 2.into();
    let refused = patch(&server, &path, "apply", &body).await.expect(409);
    assert_eq!((&refused["reason"], &refused["details"]["causes"]), (&json!("Conflict"), &Value::Null));
    body["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
    assert_eq!(patch(&server, &path, "apply", &body).await.expect(200)["spec"]["size"], 2);
}

#[tokio::test]
async fn status_is_applied_at_its_own_endpoint_under_its_own_entry() {
    let server = server_with_widgets().await;
    patch(&server, &format!("{WIDGETS}/w?fieldManager=me"), "apply", &widget("w", json!({"size": 1})))
        .await
        .expect(201);
    let mut body = widget("w", json!({"size": 99}));
    body["status"] = json!({"phase": "Ready"});
    let path = format!("{WIDGETS}/w/status?fieldManager=me");
    let applied = patch(&server, &path, "apply", &body).await.expect(200);
    assert_eq!((&applied["spec"]["size"], &applied["status"]["phase"]), (&json!(1), &json!("Ready")));
    assert_eq!(managers(&applied), ["me Apply -", "me Apply status"]);
    let absent = format!("{WIDGETS}/x/status?fieldManager=me");
    assert_eq!(patch(&server, &absent, "apply", &widget("x", json!({"size": 1}))).await.code, 404);
}

#[tokio::test]
async fn other_writers_own_what_they_change() {
    let server = server_with_widgets().await;
    let agent = [("content-type", "application/json"), ("user-agent", "writer/1.0 (test)")];
    let body = widget("w", json!({"size": 1, "color": "green"})).to_string();
    let created = send(&server, "POST", WIDGETS, &agent, &body).await.expect(201);
    assert_eq!(managers(&created), ["writer Update -"]);
    let path = format!("{WIDGETS}/w?fieldManager=applier");
    let refused = patch(&server, &path, "apply", &widget("w", json!({"size": 5}))).await.expect(409);
    assert!(refused["message"].as_str().unwrap().contains("conflict with \"writer\""), "{refused:#}");
    let merged = format!("{WIDGETS}/w?fieldManager=merger");
    let merged = patch(&server, &merged, "merge", &json!({"spec": {"size": 6}})).await.expect(200);
    assert_eq!(managers(&merged), ["merger Update -", "writer Update -"]);
}

#[tokio::test]
async fn malformed_applies_are_refused() {
    let server = server_with_widgets().await;
    let good = widget("w", json!({"size": 1}));
    let path = format!("{WIDGETS}/w?fieldManager=me");
    assert_eq!(patch(&server, &format!("{WIDGETS}/w"), "apply", &good).await.code, 400, "no manager");
    let mut untyped = good.clone();
    untyped.as_object_mut().unwrap().remove("kind");
    assert_eq!(patch(&server, &path, "apply", &untyped).await.code, 400, "no kind");
    let mut tracked = good.clone();
    tracked["metadata"]["managedFields"] = json!([{"manager": "x"}]);
    assert_eq!(patch(&server, &path, "apply", &tracked).await.code, 400, "managed fields");
    assert_eq!(patch(&server, &path, "apply", &widget("other", json!({"size": 1}))).await.code, 400, "other name");
    let mut unknown = good.clone();
    unknown["spec"]["colour"] = json!("red");
    assert_eq!(patch(&server, &format!("{path}&fieldValidation=Strict"), "apply", &unknown).await.code, 400);
    assert_eq!(patch(&server, &path, "apply", &widget("w", json!({"size": 0}))).await.code, 422, "invalid");
    patch(&server, &path, "apply", &good).await.expect(201);
}
