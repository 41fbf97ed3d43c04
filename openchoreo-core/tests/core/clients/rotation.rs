//! A client whose inside is exchanged.

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, PostParams};
use kube::runtime::watcher::{self, Event, watcher};
use openchoreo_core::client::{Cluster, PlaneClient, Trouble};
use openchoreo_core::world::Disconnect;
use openchoreo_embedded::User;
use serde_json::json;

use super::{Plane, soon};

async fn make(plane: &Plane, name: &str) {
    let maps: Api<ConfigMap> = Api::default_namespaced(plane.server.client());
    let map = serde_json::from_value(json!({ "metadata": { "name": name } })).expect("a ConfigMap");
    maps.create(&PostParams::default(), &map).await.expect("created");
}

#[tokio::test]
async fn rotated_credentials_reach_everyone_who_holds_the_client() {
    let plane = Plane::start().await;
    plane.server.add_token("old", User::admin());
    let client = PlaneClient::new(plane.connect("old").await);
    let held = client.client();
    held.apiserver_version().await.expect("the old token is good");

    plane.server.revoke_token("old");
    let trouble = Trouble::of(&held.apiserver_version().await.expect_err("the old token is revoked"));
    assert_eq!(trouble.cause, Disconnect::CredentialsRefused);

    client.replace(plane.connect("good").await);
    let cluster = Cluster::of(&held).await.expect("the new token is good");
    assert!(cluster.identity.is_some(), "{cluster:?}");
}

#[tokio::test]
async fn a_watch_goes_on_through_a_rotation_and_lists_nothing_anew() {
    let plane = Plane::start().await;
    let client = PlaneClient::new(plane.connect("good").await);
    let maps: Api<ConfigMap> = Api::default_namespaced(client.client());
    let mut watch = Box::pin(watcher(maps, watcher::Config::default()));
    while !matches!(soon("the list", watch.next()).await, Some(Ok(Event::InitDone))) {}

    plane.server.add_token("new", User::admin());
    client.replace(plane.connect("new").await);
    make(&plane, "after").await;
    let event = soon("news", watch.next()).await;
    let Some(Ok(Event::Apply(map))) = event else { panic!("{event:?}") };
    assert_eq!(map.metadata.name.as_deref(), Some("after"));
}

#[tokio::test]
async fn a_watch_whose_connection_breaks_goes_on_with_the_new_credentials() {
    let mut plane = Plane::start().await;
    let client = PlaneClient::new(plane.connect("good").await);
    let maps: Api<ConfigMap> = Api::default_namespaced(client.client());
    let mut watch = Box::pin(watcher(maps, watcher::Config::default()));
    while !matches!(soon("the list", watch.next()).await, Some(Ok(Event::InitDone))) {}

    plane.server.add_token("new", User::admin());
    plane.server.revoke_token("good");
    client.replace(plane.connect("new").await);
    plane.proxy.cut().await;
    plane.proxy.heal().await;
    make(&plane, "after").await;
    loop {
        match soon("news", watch.next()).await {
            Some(Ok(Event::Apply(map))) => break assert_eq!(map.metadata.name.as_deref(), Some("after")),
            // The watch resumes by itself; were the old token used, it would be refused for ever.
            Some(Err(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_closed_client_ends_what_is_under_way_until_it_is_given_another() {
    let plane = Plane::start().await;
    let client = PlaneClient::new(plane.connect("good").await);
    let held = client.client();
    let maps: Api<ConfigMap> = Api::default_namespaced(held.clone());
    let mut watch = Box::pin(watcher(maps, watcher::Config::default()));
    while !matches!(soon("the list", watch.next()).await, Some(Ok(Event::InitDone))) {}
    // The watch itself begins with the next poll; an event shows that it has.
    make(&plane, "before").await;
    assert!(matches!(soon("news", watch.next()).await, Some(Ok(Event::Apply(_)))));

    client.close();
    let ended = soon("the end of the watch", watch.next()).await;
    assert!(matches!(ended, Some(Err(_))), "{ended:?}");
    let error = held.apiserver_version().await.expect_err("the client is closed");
    assert!(format!("{error:?}").contains("PlaneClosed"), "{error:?}");
    assert!(client.is_closed());

    client.replace(plane.connect("good").await);
    held.apiserver_version().await.expect("the client is open again");
}
