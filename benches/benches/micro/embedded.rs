//! Requests to an embedded API server, without a socket in between.

use divan::{Bencher, black_box};
use futures::stream::{BoxStream, StreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use openchoreo_embedded::Server;
use serde_json::json;
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn config_map(number: usize) -> ConfigMap {
    let metadata = ObjectMeta { name: Some(format!("map-{number}")), ..ObjectMeta::default() };
    ConfigMap { metadata, data: Some([("key".to_owned(), "value".to_owned())].into()), ..ConfigMap::default() }
}

/// A server that holds a number of ConfigMaps, and their API.
async fn filled(objects: usize) -> Api<ConfigMap> {
    let api = Api::default_namespaced(Server::default().client());
    for number in 0..objects {
        api.create(&PostParams::default(), &config_map(number)).await.expect("a ConfigMap");
    }
    api
}

#[divan::bench]
fn create(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let api = runtime.block_on(filled(0));
    let mut numbers = 0..;
    bencher.bench_local(|| {
        let map = config_map(numbers.next().unwrap_or_default());
        runtime.block_on(api.create(&PostParams::default(), &map)).expect("a ConfigMap")
    });
}

#[divan::bench(args = [100, 1_000])]
fn list(bencher: Bencher<'_, '_>, objects: usize) {
    let runtime = runtime();
    let api = runtime.block_on(filled(objects));
    bencher.bench_local(|| runtime.block_on(api.list(&ListParams::default())).expect("a list").items.len());
}

#[divan::bench]
fn server_side_apply(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let api = runtime.block_on(filled(0));
    let params = PatchParams::apply("bench").force();
    let mut count = 0_u64;
    bencher.bench_local(|| {
        count += 1;
        let wanted = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "map" }, "data": { "count": count.to_string() },
        });
        runtime.block_on(api.patch("map", &params, &Patch::Apply(black_box(&wanted)))).expect("a ConfigMap")
    });
}

/// One change, until each of the watches has told of it.
#[divan::bench(args = [1, 10, 100])]
fn watch_fan_out(bencher: Bencher<'_, '_>, watches: usize) {
    type Events = BoxStream<'static, Result<WatchEvent<ConfigMap>, kube::Error>>;
    let runtime = runtime();
    let (api, mut streams) = runtime.block_on(async {
        let api = filled(1).await;
        let revision = api.list(&ListParams::default()).await.expect("a list").metadata.resource_version;
        let mut streams: Vec<Events> = Vec::new();
        for _ in 0..watches {
            let stream = api.watch(&WatchParams::default(), revision.as_deref().unwrap_or("0")).await.expect("a watch");
            streams.push(stream.boxed());
        }
        (api, streams)
    });
    let mut count = 0_u64;
    bencher.bench_local(|| {
        count += 1;
        runtime.block_on(async {
            let patch = Patch::Merge(json!({ "data": { "count": count.to_string() } }));
            api.patch("map-0", &PatchParams::default(), &patch).await.expect("a ConfigMap");
            for stream in &mut streams {
                while !matches!(stream.next().await, Some(Ok(WatchEvent::Modified(_)))) {}
            }
        });
    });
}
