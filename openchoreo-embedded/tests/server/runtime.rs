//! The machinery of `kube::runtime`, in one process with the server.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::finalizer::{Event as FinalizerEvent, finalizer};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Resource as _, ResourceExt as _};
use openchoreo_embedded::Server;
use serde_json::json;

use crate::support::widget_definition;

fn config_map(name: &str) -> ConfigMap {
    ConfigMap { metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() }, ..ConfigMap::default() }
}

#[tokio::test]
async fn a_watcher_sees_the_state_and_every_change_with_either_strategy() {
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let server = Server::default();
        let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
        maps.create(&PostParams::default(), &config_map("first")).await.unwrap();
        let mut stream =
            watcher(maps.clone(), config.fields("metadata.name!=kube-root-ca.crt")).touched_objects().boxed();
        assert_eq!(stream.try_next().await.unwrap().unwrap().name_any(), "first");
        maps.create(&PostParams::default(), &config_map("second")).await.unwrap();
        assert_eq!(stream.try_next().await.unwrap().unwrap().name_any(), "second");
        maps.delete("first", &DeleteParams::default()).await.unwrap();
        assert_eq!(stream.try_next().await.unwrap().unwrap().name_any(), "first");
    }
}

#[tokio::test]
async fn a_long_list_is_paged_to_its_end() {
    let server = Server::default();
    let maps: Api<ConfigMap> = Api::default_namespaced(server.client());
    for number in 0..23 {
        maps.create(&PostParams::default(), &config_map(&format!("m{number}"))).await.unwrap();
    }
    let config = watcher::Config::default().page_size(5).fields("metadata.name!=kube-root-ca.crt");
    let seen: Vec<_> = watcher(maps, config).applied_objects().take(23).try_collect::<Vec<_>>().await.unwrap();
    let names: std::collections::BTreeSet<_> = seen.iter().map(|map| map.name_any()).collect();
    assert_eq!(names.len(), 23);
}

/// Makes a secret beside each config map that wants one, and cleans up behind a finalizer.
async fn reconcile(
    map: Arc<ConfigMap>,
    client: Arc<Client>,
) -> Result<Action, Box<kube::runtime::finalizer::Error<kube::Error>>> {
    let maps: Api<ConfigMap> = Api::default_namespaced(Client::clone(&client));
    let outcome = finalizer(&maps, "example.com/cleanup", map, |event| async {
        if let FinalizerEvent::Apply(map) = event {
            let secrets: Api<Secret> = Api::default_namespaced(Client::clone(&client));
            let secret = json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": map.name_any(), "ownerReferences": [map.controller_owner_ref(&())]},
                "stringData": {"from": "controller"},
            });
            let apply = PatchParams::apply("controller").force();
            secrets.patch(&map.name_any(), &apply, &Patch::Apply(&secret)).await?;
        }
        Ok(Action::await_change())
    });
    outcome.await.map_err(Box::new)
}

#[tokio::test]
async fn a_controller_reconciles_repairs_and_cleans_up() {
    let server = Server::default();
    let client = server.client();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let secrets: Api<Secret> = Api::default_namespaced(client.clone());
    let controller = Controller::new(maps.clone(), watcher::Config::default().labels("wants=secret"))
        .owns(secrets.clone(), watcher::Config::default())
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(1)), Arc::new(client.clone()))
        .for_each(|_| std::future::ready(()));
    let running = tokio::spawn(controller);

    let mut map = config_map("a");
    map.labels_mut().insert("wants".into(), "secret".into());
    maps.create(&PostParams::default(), &map).await.unwrap();
    let made =
        await_condition(secrets.clone(), "a", |secret: Option<&Secret>| secret.is_some()).await.unwrap().unwrap();
    assert_eq!(made.data.unwrap()["from"].0, b"controller");
    let uid = made.metadata.uid.unwrap();
    secrets.delete("a", &DeleteParams::default()).await.unwrap();
    let other = move |secret: Option<&Secret>| secret.is_some_and(|secret| secret.metadata.uid.as_ref() != Some(&uid));
    await_condition(secrets.clone(), "a", other).await.unwrap();
    let live = maps.get("a").await.unwrap();
    assert_eq!(live.finalizers(), ["example.com/cleanup"]);

    maps.delete("a", &DeleteParams::default()).await.unwrap();
    await_condition(maps.clone(), "a", conditions::is_deleted(&live.uid().unwrap())).await.unwrap();
    assert!(secrets.get_opt("a").await.unwrap().is_none(), "the owner's end is the dependent's");
    running.abort();
}

#[tokio::test]
async fn a_definition_is_established_and_events_are_recorded() {
    let server = Server::default();
    let client = server.client();
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition: CustomResourceDefinition = serde_json::from_value(widget_definition()).unwrap();
    let name = definition.name_any();
    definitions.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&definition)).await.unwrap();
    await_condition(definitions, &name, conditions::is_crd_established()).await.unwrap();

    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let map = maps.create(&PostParams::default(), &config_map("a")).await.unwrap();
    let recorder = Recorder::new(client.clone(), Reporter { controller: "test".into(), instance: None });
    let event = Event {
        type_: EventType::Normal,
        reason: "Tried".into(),
        note: Some("it worked".into()),
        action: "Try".into(),
        secondary: None,
    };
    recorder.publish(&event, &map.object_ref(&())).await.unwrap();
    recorder.publish(&event, &map.object_ref(&())).await.unwrap();
    let events: Api<k8s_openapi::api::core::v1::Event> = Api::default_namespaced(client);
    let listed = events.list(&kube::api::ListParams::default().fields("involvedObject.name=a")).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(listed.items[0].message.as_deref(), Some("it worked"));
}
