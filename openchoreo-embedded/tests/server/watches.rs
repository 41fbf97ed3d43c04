//! Watches, read to the end that their `timeoutSeconds` sets. Time is paused: the runtime skips what nobody waits for.

use openchoreo_embedded::{Server, ServerSettings};
use serde_json::{Value, json};

use crate::support::*;

fn revision(object: &Value) -> String {
    object["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

async fn current(server: &Server) -> String {
    revision(&get(server, MAPS).await.expect(200))
}

#[tokio::test(start_paused = true)]
async fn a_watch_without_revision_begins_with_what_there_is() {
    let server = server_with_widgets().await;
    for name in ["a", "b"] {
        post(&server, WIDGETS, &widget(name, json!({"size": 1}))).await.expect(201);
    }
    for query in ["", "&resourceVersion=0"] {
        let events = watch(&server, &format!("{WIDGETS}?watch=true&timeoutSeconds=5{query}")).await;
        assert_eq!(told(&events), ["ADDED a", "ADDED b"], "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_resumes_from_any_revision_that_is_remembered() {
    let server = Server::default();
    let start = current(&server).await;
    let created = post(&server, MAPS, &map("a", json!({}))).await.expect(201);
    patch(&server, &format!("{MAPS}/a"), "merge", &json!({"data": {"k": "v"}})).await.expect(200);
    delete(&server, &format!("{MAPS}/a")).await.expect(200);
    let events = watch(&server, &format!("{MAPS}?watch=true&resourceVersion={start}&timeoutSeconds=5")).await;
    assert_eq!(told(&events), ["ADDED a", "MODIFIED a", "DELETED a"]);
    let revisions: Vec<u64> = events.iter().map(|event| revision(&event["object"]).parse().unwrap()).collect();
    assert!(revisions.is_sorted() && revisions[0] < revisions[1] && revisions[1] < revisions[2], "{revisions:?}");
    let events =
        watch(&server, &format!("{MAPS}?watch=1&resourceVersion={}&timeoutSeconds=5", revision(&created))).await;
    assert_eq!(told(&events), ["MODIFIED a", "DELETED a"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_from_a_forgotten_revision_is_told_that_it_expired() {
    let server = Server::new(ServerSettings { history_length: 3, ..ServerSettings::default() });
    let start = current(&server).await;
    for number in 0..6 {
        post(&server, MAPS, &map(&format!("m{number}"), json!({}))).await.expect(201);
    }
    let events = watch(&server, &format!("{MAPS}?watch=true&resourceVersion={start}&timeoutSeconds=5")).await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["type"], &events[0]["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(events[0]["object"]["reason"], "Expired");
}

#[tokio::test(start_paused = true)]
async fn objects_that_enter_or_leave_the_selection_are_added_or_deleted() {
    let server = Server::default();
    let start = current(&server).await;
    let path = format!("{MAPS}/a");
    post(&server, MAPS, &labeled("a", json!({"in": "no"}))).await.expect(201);
    patch(&server, &path, "merge", &json!({"metadata": {"labels": {"in": "yes"}}})).await.expect(200);
    patch(&server, &path, "merge", &json!({"data": {"k": "v"}})).await.expect(200);
    let left = patch(&server, &path, "merge", &json!({"metadata": {"labels": {"in": "no"}}})).await.expect(200);
    patch(&server, &path, "merge", &json!({"data": {"k": "w"}})).await.expect(200);
    delete(&server, &path).await.expect(200);
    let query = format!("watch=true&resourceVersion={start}&labelSelector=in%3Dyes&timeoutSeconds=5");
    let events = watch(&server, &format!("{MAPS}?{query}")).await;
    assert_eq!(told(&events), ["ADDED a", "MODIFIED a", "DELETED a"]);
    assert_eq!(revision(&events[2]["object"]), revision(&left));
    assert_eq!(events[2]["object"]["metadata"]["labels"]["in"], "yes");
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_each_minute_and_at_the_end_and_hold_nothing_but_a_revision() {
    let server = Server::default();
    let start = current(&server).await;
    post(&server, "/api/v1/namespaces/default/secrets", &json!({"metadata": {"name": "s"}})).await.expect(201);
    let query = format!("watch=true&allowWatchBookmarks=true&resourceVersion={start}&timeoutSeconds=90");
    let events = watch(&server, &format!("{MAPS}?{query}")).await;
    assert_eq!(told(&events), ["BOOKMARK -", "BOOKMARK -"]);
    let bookmark = &events[0]["object"];
    assert_eq!((&bookmark["kind"], &bookmark["apiVersion"]), (&json!("ConfigMap"), &json!("v1")));
    assert!(revision(bookmark).parse::<u64>().unwrap() > start.parse().unwrap(), "it moves on with the store");
    let quiet = watch(&server, &format!("{MAPS}?watch=true&resourceVersion={start}&timeoutSeconds=90")).await;
    assert!(quiet.is_empty(), "{quiet:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_streaming_list_marks_the_end_of_the_initial_events() {
    let server = server_with_widgets().await;
    post(&server, WIDGETS, &widget("a", json!({"size": 1}))).await.expect(201);
    let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0\
                 &allowWatchBookmarks=true&timeoutSeconds=5";
    let events = watch(&server, &format!("{WIDGETS}?&{query}")).await;
    assert_eq!(told(&events)[..2], ["ADDED a", "BOOKMARK -"]);
    assert_eq!(events[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    let refused = get(&server, &format!("{WIDGETS}?watch=true&sendInitialEvents=true")).await;
    assert_eq!(refused.code, 400);
}

#[tokio::test(start_paused = true)]
async fn changes_reach_a_watch_that_is_already_waiting() {
    let server = Server::default();
    let start = current(&server).await;
    let path = format!("{MAPS}?watch=true&resourceVersion={start}&timeoutSeconds=30&fieldSelector=metadata.name%3Da");
    let watcher = {
        let server = server.clone();
        tokio::spawn(async move { watch(&server, &path).await })
    };
    tokio::task::yield_now().await;
    post(&server, MAPS, &map("b", json!({}))).await.expect(201);
    post(&server, MAPS, &map("a", json!({}))).await.expect(201);
    tokio::task::yield_now().await;
    delete(&server, &format!("{MAPS}/a")).await.expect(200);
    assert_eq!(told(&watcher.await.unwrap()), ["ADDED a", "DELETED a"]);
}

#[tokio::test(start_paused = true)]
async fn each_event_is_shown_in_the_form_that_was_asked_for() {
    let server = server_with_widgets().await;
    post(&server, WIDGETS, &widget("w", json!({"size": 7}))).await.expect(201);
    let path = format!("{WIDGETS}?watch=true&timeoutSeconds=1");
    let first = |answer: Answer| -> Value {
        match &answer.body {
            Value::String(text) => serde_json::from_str(text.lines().next().unwrap()).unwrap(),
            one => one.clone(),
        }
    };
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")];
    let event = first(send(&server, "GET", &path, &accept, "").await);
    assert_eq!((&event["type"], &event["object"]["kind"]), (&json!("ADDED"), &json!("Table")));
    assert_eq!(event["object"]["rows"][0]["cells"][1], 7);
    let accept = [("accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")];
    let event = first(send(&server, "GET", &path, &accept, "").await);
    assert_eq!(event["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(event["object"]["metadata"]["name"], "w");
}

#[tokio::test(start_paused = true)]
async fn one_object_can_be_watched_by_its_own_path() {
    let server = Server::default();
    post(&server, MAPS, &map("a", json!({}))).await.expect(201);
    post(&server, MAPS, &map("b", json!({}))).await.expect(201);
    assert_eq!(told(&watch(&server, &format!("{MAPS}/a?watch=true&timeoutSeconds=1")).await), ["ADDED a"]);
}

#[tokio::test(start_paused = true)]
async fn revisions_from_the_future_and_malformed_ones_are_refused() {
    let server = Server::default();
    assert_eq!(get(&server, &format!("{MAPS}?watch=true&resourceVersion=99999")).await.refusal(504).0, "Timeout");
    assert_eq!(get(&server, &format!("{MAPS}?watch=true&resourceVersion=x")).await.refusal(400).0, "BadRequest");
}
