//! Deletion: finalizers, owners, namespaces, preconditions.

use openchoreo_embedded::Server;
use serde_json::{Value, json};

use crate::support::*;

fn owned(name: &str, owner: &Value, blocks: bool) -> Value {
    let mut object = map(name, json!({}));
    object["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": blocks,
    }]);
    object
}

fn held(name: &str) -> Value {
    let mut object = map(name, json!({}));
    object["metadata"]["finalizers"] = json!(["example.com/f"]);
    object
}

async fn release(server: &Server, path: &str) -> Value {
    patch(server, path, "merge", &json!({"metadata": {"finalizers": null}})).await.expect(200)
}

async fn exists(server: &Server, path: &str) -> bool {
    get(server, path).await.code == 200
}

#[tokio::test(start_paused = true)]
async fn finalizers_hold_a_deleted_object_until_the_last_is_gone() {
    let server = Server::default();
    let created = post(&server, MAPS, &held("a")).await.expect(201);
    let path = format!("{MAPS}/a");
    let pending = delete(&server, &path).await.expect(200);
    assert_eq!(pending["kind"], "ConfigMap");
    assert!(pending["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(pending["metadata"]["deletionGracePeriodSeconds"], 0);
    let again = delete(&server, &path).await.expect(200);
    assert_eq!(again, pending, "deleting twice changes nothing");

    let more = json!({"metadata": {"finalizers": ["example.com/f", "example.com/g"]}});
    let (reason, message) = patch(&server, &path, "merge", &more).await.refusal(422);
    assert_eq!(reason, "Invalid");
    assert!(message.contains("no new finalizers can be added if the object is being deleted"), "{message}");
    patch(&server, &path, "merge", &json!({"data": {"still": "writable"}})).await.expect(200);
    release(&server, &path).await;
    assert!(!exists(&server, &path).await);

    let start = created["metadata"]["resourceVersion"].as_str().unwrap();
    let events = watch(&server, &format!("{MAPS}?watch=true&resourceVersion={start}&timeoutSeconds=1")).await;
    assert_eq!(told(&events), ["MODIFIED a", "MODIFIED a", "DELETED a"]);
    let revision =
        |event: &Value| event["object"]["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(revision(&events[2]) > revision(&events[1]));
}

#[tokio::test]
async fn a_generation_is_counted_when_deletion_begins() {
    let server = server_with_widgets().await;
    let mut object = widget("w", json!({"size": 1}));
    object["metadata"]["finalizers"] = json!(["example.com/f"]);
    post(&server, WIDGETS, &object).await.expect(201);
    assert_eq!(delete(&server, &format!("{WIDGETS}/w")).await.expect(200)["metadata"]["generation"], 2);
}

#[tokio::test]
async fn the_answer_to_a_finished_deletion_is_a_status_that_names_the_object() {
    let server = server_with_widgets().await;
    let created = post(&server, WIDGETS, &widget("w", json!({"size": 1}))).await.expect(201);
    let status = delete(&server, &format!("{WIDGETS}/w")).await.expect(200);
    assert_eq!((&status["kind"], &status["status"]), (&json!("Status"), &json!("Success")));
    let uid = &created["metadata"]["uid"];
    assert_eq!(status["details"], json!({"name": "w", "group": "example.com", "kind": "widgets", "uid": uid}));
    assert_eq!(delete(&server, &format!("{WIDGETS}/w")).await.refusal(404).0, "NotFound");
}

#[tokio::test]
async fn preconditions_protect_another_object_of_the_same_name() {
    let server = Server::default();
    let created = post(&server, MAPS, &map("a", json!({}))).await.expect(201);
    let path = format!("{MAPS}/a");
    let with = |preconditions: Value| {
        json!({"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions}).to_string()
    };
    let json_body = [("content-type", "application/json")];
    for wrong in [json!({"uid": "other"}), json!({"resourceVersion": "1"})] {
        assert_eq!(send(&server, "DELETE", &path, &json_body, &with(wrong)).await.refusal(409).0, "Conflict");
    }
    let right = json!({"uid": created["metadata"]["uid"], "resourceVersion": created["metadata"]["resourceVersion"]});
    send(&server, "DELETE", &path, &json_body, &with(right)).await.expect(200);
}

#[tokio::test]
async fn dependents_follow_their_owner_in_the_background() {
    let server = Server::default();
    let owner = post(&server, MAPS, &map("owner", json!({}))).await.expect(201);
    let other = post(&server, MAPS, &map("other", json!({}))).await.expect(201);
    let child = post(&server, MAPS, &owned("child", &owner, false)).await.expect(201);
    post(&server, MAPS, &owned("grandchild", &child, false)).await.expect(201);
    let mut shared = owned("shared", &owner, false);
    let second = owned("x", &other, false)["metadata"]["ownerReferences"][0].clone();
    shared["metadata"]["ownerReferences"].as_array_mut().unwrap().push(second);
    post(&server, MAPS, &shared).await.expect(201);
    delete(&server, &format!("{MAPS}/owner")).await.expect(200);
    assert!(!exists(&server, &format!("{MAPS}/child")).await);
    assert!(!exists(&server, &format!("{MAPS}/grandchild")).await);
    let shared = get(&server, &format!("{MAPS}/shared")).await.expect(200);
    let owners = shared["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!((owners.len(), &owners[0]["name"]), (1, &json!("other")), "one owner is enough to live");
}

#[tokio::test]
async fn an_owner_waits_in_the_foreground_for_dependents_that_block() {
    let server = Server::default();
    let owner = post(&server, MAPS, &map("owner", json!({}))).await.expect(201);
    let mut child = owned("child", &owner, true);
    child["metadata"]["finalizers"] = json!(["example.com/f"]);
    post(&server, MAPS, &child).await.expect(201);
    post(&server, MAPS, &owned("free", &owner, false)).await.expect(201);
    let pending = delete(&server, &format!("{MAPS}/owner?propagationPolicy=Foreground")).await.expect(200);
    assert_eq!(pending["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert!(exists(&server, &format!("{MAPS}/owner")).await);
    assert!(!exists(&server, &format!("{MAPS}/free")).await);
    release(&server, &format!("{MAPS}/child")).await;
    assert!(!exists(&server, &format!("{MAPS}/child")).await);
    assert!(!exists(&server, &format!("{MAPS}/owner")).await);
}

#[tokio::test]
async fn orphans_outlive_their_owner_and_forget_it() {
    let server = Server::default();
    let owner = post(&server, MAPS, &map("owner", json!({}))).await.expect(201);
    post(&server, MAPS, &owned("child", &owner, true)).await.expect(201);
    delete(&server, &format!("{MAPS}/owner?propagationPolicy=Orphan")).await.expect(200);
    assert!(!exists(&server, &format!("{MAPS}/owner")).await);
    let child = get(&server, &format!("{MAPS}/child")).await.expect(200);
    assert!(child["metadata"].get("ownerReferences").is_none());
}

#[tokio::test]
async fn owners_that_are_absent_or_in_another_namespace_do_not_count() {
    let server = Server::default();
    post(&server, "/api/v1/namespaces", &json!({"metadata": {"name": "far"}})).await.expect(201);
    let far = post(&server, "/api/v1/namespaces/far/configmaps", &map("owner", json!({}))).await.expect(201);
    let mut ghost = far.clone();
    ghost["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000");
    for owner in [far, ghost] {
        post(&server, MAPS, &owned("child", &owner, false)).await.expect(201);
        assert!(!exists(&server, &format!("{MAPS}/child")).await);
    }
    let node = post(&server, "/api/v1/nodes", &json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}))
        .await
        .expect(201);
    post(&server, MAPS, &owned("child", &node, false)).await.expect(201);
    assert!(exists(&server, &format!("{MAPS}/child")).await, "cluster-scoped owners reach everywhere");
}

#[tokio::test]
async fn a_deleted_namespace_goes_when_its_last_object_has_gone() {
    let server = server_with_widgets().await;
    post(&server, "/api/v1/namespaces", &json!({"metadata": {"name": "n"}})).await.expect(201);
    let maps = "/api/v1/namespaces/n/configmaps";
    let widgets = "/apis/example.com/v1/namespaces/n/widgets";
    assert!(exists(&server, "/api/v1/namespaces/n/serviceaccounts/default").await);
    assert!(exists(&server, &format!("{maps}/kube-root-ca.crt")).await);
    post(&server, maps, &held("held")).await.expect(201);
    post(&server, widgets, &widget("w", json!({"size": 1}))).await.expect(201);
    let pending = delete(&server, "/api/v1/namespaces/n").await.expect(200);
    assert_eq!(pending["status"]["phase"], "Terminating");
    assert!(!exists(&server, &format!("{widgets}/w")).await);
    let refused = post(&server, maps, &map("late", json!({}))).await.expect(403);
    assert_eq!(refused["details"]["causes"][0]["reason"], "NamespaceTerminating");
    assert_eq!(
        refused["message"],
        "configmaps \"late\" is forbidden: unable to create new content in namespace n because it is being terminated"
    );
    release(&server, &format!("{maps}/held")).await;
    assert_eq!(get(&server, "/api/v1/namespaces/n").await.code, 404);
    post(&server, "/api/v1/namespaces", &json!({"metadata": {"name": "n"}})).await.expect(201);
    assert_eq!(delete(&server, "/api/v1/namespaces/default").await.refusal(403).0, "Forbidden");
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let server = Server::default();
    for (name, color) in [("a", "red"), ("b", "green"), ("c", "red")] {
        post(&server, MAPS, &labeled(name, json!({"color": color}))).await.expect(201);
    }
    let deleted = delete(&server, &format!("{MAPS}?labelSelector=color%3Dred")).await.expect(200);
    assert_eq!(deleted["items"].as_array().unwrap().len(), 2);
    let left = get(&server, &format!("{MAPS}?labelSelector=color")).await.expect(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_pods_of_a_deleted_namespace_end_before_what_isolates_them_goes() {
    let server = server_with_widgets().await;
    post(&server, "/api/v1/namespaces", &json!({"metadata": {"name": "n"}})).await.expect(201);
    let (pods, policies) = ("/api/v1/namespaces/n/pods", "/apis/networking.k8s.io/v1/namespaces/n/networkpolicies");
    let pod = |name: &str, finalizers: Value| {
        let spec = json!({"containers": [{"name": "main", "image": "example.com/app:1"}]});
        json!({"metadata": {"name": name, "finalizers": finalizers}, "spec": spec})
    };
    post(&server, pods, &pod("quick", json!([]))).await.expect(201);
    post(&server, pods, &pod("slow", json!(["example.com/hold"]))).await.expect(201);
    let policy = json!({"metadata": {"name": "closed"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}});
    post(&server, policies, &policy).await.expect(201);
    delete(&server, "/api/v1/namespaces/n").await.expect(200);
    assert!(!exists(&server, &format!("{pods}/quick")).await);
    assert!(exists(&server, &format!("{pods}/slow")).await);
    assert!(exists(&server, &format!("{policies}/closed")).await, "a pod is still there");
    release(&server, &format!("{pods}/slow")).await;
    assert_eq!(get(&server, "/api/v1/namespaces/n").await.code, 404);
}
