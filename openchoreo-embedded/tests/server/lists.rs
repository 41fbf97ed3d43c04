//! Lists: selectors, pages, revisions, and the forms that they are shown in.

use openchoreo_embedded::{Server, ServerSettings};
use serde_json::{Value, json};

use crate::support::*;

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

async fn server_with_maps(settings: ServerSettings, count: usize) -> Server {
    let server = Server::new(settings);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "many"}});
    post(&server, "/api/v1/namespaces", &namespace).await.expect(201);
    delete(&server, "/api/v1/namespaces/many/configmaps/kube-root-ca.crt").await.expect(200);
    for number in 0..count {
        let object = labeled(&format!("m{number:02}"), json!({"parity": if number % 2 == 0 { "even" } else { "odd" }}));
        post(&server, MANY, &object).await.expect(201);
    }
    server
}

const MANY: &str = "/api/v1/namespaces/many/configmaps";

#[tokio::test]
async fn pages_show_the_revision_of_the_first_whatever_happens_in_between() {
    let server = server_with_maps(ServerSettings::default(), 10).await;
    let first = get(&server, &format!("{MANY}?limit=4&labelSelector=parity")).await.expect(200);
    assert_eq!(names(&first), ["m00", "m01", "m02", "m03"]);
    delete(&server, &format!("{MANY}/m05")).await.expect(200);
    post(&server, MANY, &labeled("m045", json!({"parity": "new"}))).await.expect(201);
    patch(&server, &format!("{MANY}/m06"), "merge", &json!({"metadata": {"labels": null}})).await.expect(200);

    let mut seen = Vec::new();
    let mut page = first.clone();
    while let Some(token) = page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()) {
        page = get(&server, &format!("{MANY}?limit=4&labelSelector=parity&continue={token}")).await.expect(200);
        assert_eq!(page["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
        seen.extend(names(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(seen, ["m04", "m05", "m06", "m07", "m08", "m09"]);
    let now = get(&server, &format!("{MANY}?labelSelector=parity")).await.expect(200);
    assert_eq!(now["items"].as_array().unwrap().len(), 9);
}

#[tokio::test]
async fn a_page_whose_history_is_forgotten_is_expired() {
    let server = server_with_maps(ServerSettings { history_length: 4, ..ServerSettings::default() }, 6).await;
    let first = get(&server, &format!("{MANY}?limit=2")).await.expect(200);
    let token = first["metadata"]["continue"].as_str().unwrap();
    for number in 0..5 {
        patch(&server, &format!("{MANY}/m00"), "merge", &json!({"data": {"n": number.to_string()}})).await.expect(200);
    }
    assert_eq!(get(&server, &format!("{MANY}?limit=2&continue={token}")).await.refusal(410).0, "Expired");
    assert_eq!(get(&server, &format!("{MANY}?limit=2&continue=nonsense")).await.refusal(400).0, "BadRequest");
}

#[tokio::test]
async fn a_list_says_how_much_is_left_only_where_it_knows() {
    let server = server_with_maps(ServerSettings::default(), 6).await;
    let whole = get(&server, &format!("{MANY}?limit=2")).await.expect(200);
    let left = whole["metadata"]["remainingItemCount"].as_u64();
    assert!(left.is_some_and(|left| left >= 4), "{whole:#}");
    let selected = get(&server, &format!("{MANY}?limit=2&labelSelector=parity=even")).await.expect(200);
    assert!(selected["metadata"].get("remainingItemCount").is_none());
    assert!(selected["metadata"].get("continue").is_some());
}

#[tokio::test]
async fn selectors_choose_by_label_name_and_declared_field() {
    let server = server_with_widgets().await;
    for (name, color) in [("a", "red"), ("b", "green"), ("c", "red")] {
        post(&server, WIDGETS, &widget(name, json!({"size": 1, "color": color}))).await.expect(201);
    }
    let cases = [
        ("fieldSelector=metadata.name=b", vec!["b"]),
        ("fieldSelector=metadata.name!=b", vec!["a", "c"]),
        ("fieldSelector=spec.color=red", vec!["a", "c"]),
        ("fieldSelector=spec.color=red,metadata.name=c", vec!["c"]),
        ("fieldSelector=metadata.namespace=default", vec!["a", "b", "c"]),
        ("labelSelector=x%20notin%20(y)", vec!["a", "b", "c"]),
        ("labelSelector=x", vec![]),
    ];
    for (query, expected) in cases {
        let list = get(&server, &format!("{WIDGETS}?&{query}")).await.expect(200);
        assert_eq!(names(&list), expected, "{query}");
        let all = get(&server, &format!("/apis/example.com/v1/widgets?{query}")).await.expect(200);
        assert_eq!(names(&all), expected, "{query} in all namespaces");
    }
    for query in ["fieldSelector=spec.size=1", "labelSelector=a%20b", "limit=x", "resourceVersion=abc"] {
        assert_eq!(get(&server, &format!("{WIDGETS}?{query}")).await.code, 400, "{query}");
    }
}

#[tokio::test]
async fn a_list_shows_the_revision_of_the_store_and_past_ones_on_request() {
    let server = Server::default();
    let first = post(&server, MAPS, &map("a", json!({"n": "1"}))).await.expect(201);
    let old = first["metadata"]["resourceVersion"].as_str().unwrap();
    post(&server, "/api/v1/namespaces/default/secrets", &json!({"metadata": {"name": "s"}})).await.expect(201);
    patch(&server, &format!("{MAPS}/a"), "merge", &json!({"data": {"n": "2"}})).await.expect(200);
    let now = get(&server, MAPS).await.expect(200);
    let revision = |list: &Value| list["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(revision(&now) >= revision(&first) + 2);
    let past = get(&server, &format!("{MAPS}?resourceVersion={old}&resourceVersionMatch=Exact")).await.expect(200);
    assert_eq!(past["items"][0]["data"]["n"], "1");
    let fresh =
        get(&server, &format!("{MAPS}?resourceVersion={old}&resourceVersionMatch=NotOlderThan")).await.expect(200);
    assert_eq!(fresh["items"][0]["data"]["n"], "2");
    assert_eq!(get(&server, &format!("{MAPS}?resourceVersion=999999")).await.refusal(504).0, "Timeout");
}

#[tokio::test]
async fn lists_are_shown_as_objects_metadata_or_tables() {
    let server = server_with_widgets().await;
    post(&server, WIDGETS, &widget("w", json!({"size": 3}))).await.expect(201);
    let plain = get(&server, WIDGETS).await.expect(200);
    assert_eq!((&plain["kind"], &plain["apiVersion"]), (&json!("WidgetList"), &json!("example.com/v1")));

    let accept = [("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")];
    let partial = send(&server, "GET", WIDGETS, &accept, "").await.expect(200);
    assert_eq!(partial["kind"], "PartialObjectMetadataList");
    assert_eq!(partial["items"][0]["kind"], "PartialObjectMetadata");
    assert_eq!(partial["items"][0]["metadata"]["name"], "w");
    assert!(partial["items"][0].get("spec").is_none());

    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")];
    let table = send(&server, "GET", WIDGETS, &accept, "").await.expect(200);
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["metadata"]["resourceVersion"], plain["metadata"]["resourceVersion"]);
    assert_eq!(table["rows"][0]["cells"][0], "w");
    assert_eq!(table["rows"][0]["cells"][1], 3);
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let accept = [("accept", "application/vnd.kubernetes.protobuf")];
    assert_eq!(send(&server, "GET", WIDGETS, &accept, "").await.code, 406);
}
