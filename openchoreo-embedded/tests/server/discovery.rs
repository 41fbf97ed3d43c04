//! What the server says about itself.

use openchoreo_embedded::Server;
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn aggregated_discovery_lists_groups_resources_and_subresources() {
    let server = server_with_widgets().await;
    let accept = [(
        "accept",
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;\
         v=v2beta1;as=APIGroupDiscoveryList,application/json",
    )];
    let answer = send(&server, "GET", "/apis", &accept, "").await;
    assert_eq!(answer.headers["content-type"], "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    let groups = answer.expect(200);
    let items = groups["items"].as_array().unwrap();
    let group = items.iter().find(|group| group["metadata"]["name"] == "example.com").unwrap();
    let resource = &group["versions"][0]["resources"][0];
    assert_eq!(resource["resource"], "widgets");
    assert_eq!(resource["shortNames"], json!(["wd"]));
    assert_eq!(resource["subresources"][0]["subresource"], "status");
    let core = send(&server, "GET", "/api", &accept, "").await.expect(200);
    let resources = core["items"][0]["versions"][0]["resources"].as_array().unwrap();
    assert!(resources.iter().any(|one| one["resource"] == "pods"), "{core:#}");
}

#[tokio::test]
async fn legacy_discovery_follows_the_definitions() {
    let server = server_with_widgets().await;
    let names = |list: &Value, member: &str| -> Vec<String> {
        list[member].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let groups = get(&server, "/apis").await.expect(200);
    assert!(names(&groups, "groups").contains(&"example.com".to_owned()));
    let resources = get(&server, "/apis/example.com/v1").await.expect(200);
    assert_eq!(names(&resources, "resources"), ["widgets", "widgets/status"]);
    assert_eq!(get(&server, "/apis/example.com").await.expect(200)["preferredVersion"]["version"], "v1");
    delete(&server, &format!("{DEFINITIONS}/widgets.example.com")).await.expect(200);
    assert_eq!(get(&server, "/apis/example.com/v1").await.code, 404);
    assert!(!names(&get(&server, "/apis").await.expect(200), "groups").contains(&"example.com".to_owned()));
}

#[tokio::test]
async fn health_version_and_openapi_are_there_and_openapi_v2_is_not() {
    let server = server_with_widgets().await;
    for path in ["/healthz", "/livez", "/readyz"] {
        assert_eq!(get(&server, path).await.expect(200), json!("ok"));
    }
    let version = get(&server, "/version").await.expect(200);
    assert!(version["gitVersion"].as_str().unwrap().ends_with("+openchoreo-embedded"));
    let index = get(&server, "/openapi/v3").await.expect(200);
    let path = index["paths"]["apis/example.com/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let document = get(&server, &path).await.expect(200);
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let is_widget = |schema: &Value| {
        schema["x-kubernetes-group-version-kind"]
            .as_array()
            .is_some_and(|kinds| kinds.contains(&json!({"group": "example.com", "version": "v1", "kind": "Widget"})))
    };
    assert!(schemas.values().any(is_widget));
    assert_eq!(get(&server, "/openapi/v2").await.code, 404);
    assert_eq!(get(&server, "/nothing/here").await.code, 404);
}

#[tokio::test]
async fn kube_discovers_every_kind_in_both_ways() {
    let server = Server::default();
    for discovery in [
        kube::Discovery::new(server.client()).run().await.unwrap(),
        kube::Discovery::new(server.client()).run_aggregated().await.unwrap(),
    ] {
        assert!(discovery.has_group("apps") && discovery.has_group("apiextensions.k8s.io"));
        let leases = kube::api::GroupVersionKind::gvk("coordination.k8s.io", "v1", "Lease");
        assert_eq!(discovery.resolve_gvk(&leases).unwrap().0.plural, "leases");
    }
}
