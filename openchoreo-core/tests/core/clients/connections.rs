//! How many connections a client makes, to where, and what it says of those that fail.

use futures::future::{join_all, try_join_all};
use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, PostParams};
use kube::runtime::watcher::{self, watcher};
use openchoreo_core::client::{Cluster, Connector, DirectConnector, PlaneHosts, Trouble, of_config};
use openchoreo_core::world::Disconnect;
use openchoreo_embedded::{Authority, ListenerSettings};
use serde_json::json;

use super::{Plane, connect, credentials, plane_ref, soon};

/// How many watches there are at once.
const WATCHES: usize = 40;

type Watch = std::pin::Pin<Box<dyn Stream<Item = watcher::Result<watcher::Event<ConfigMap>>> + Send>>;

/// Watches that have all listed.
async fn watches(client: &kube::Client) -> Vec<Watch> {
    let watch = || async {
        let mut stream: Watch = Box::pin(watcher(Api::all(client.clone()), watcher::Config::default()));
        while !matches!(stream.next().await, Some(Ok(watcher::Event::InitDone))) {}
        stream
    };
    soon("the lists of all watches", join_all((0..WATCHES).map(|_| watch()))).await
}

/// Makes an object, and waits until every watch has told of it: so all of them are open at once.
async fn told_by_all(plane: &Plane, watches: &mut [Watch], name: &str) {
    let maps: Api<ConfigMap> = Api::default_namespaced(plane.server.client());
    let map = serde_json::from_value(json!({ "metadata": { "name": name } })).expect("a ConfigMap");
    maps.create(&PostParams::default(), &map).await.expect("created");
    let told = watches.iter_mut().map(|watch| async move {
        loop {
            match watch.try_next().await.expect("a watch that goes on") {
                Some(watcher::Event::Apply(map)) if map.metadata.name.as_deref() == Some(name) => return,
                Some(_) => {}
                None => panic!("the watch ended"),
            }
        }
    });
    soon("news on all watches", join_all(told)).await;
}

#[tokio::test]
async fn many_watches_share_one_connection_where_the_server_speaks_http2() {
    let plane = Plane::start().await;
    let client = plane.connect("good").await;
    let mut watches = watches(&client).await;
    told_by_all(&plane, &mut watches, "first").await;
    assert_eq!(plane.proxy.accepted(), 1);
}

#[tokio::test]
async fn a_server_without_http2_is_served_by_a_connection_for_each_watch() {
    let plane = Plane::with(ListenerSettings { http2: false, ..ListenerSettings::default() }).await;
    let client = plane.connect("good").await;
    let mut watches = watches(&client).await;
    told_by_all(&plane, &mut watches, "first").await;
    assert!(plane.proxy.accepted() >= WATCHES, "{} connections", plane.proxy.accepted());
}

#[tokio::test]
async fn a_client_of_any_configuration_shares_its_connection() {
    let plane = Plane::start().await;
    let client = of_config(plane.credentials("good").config().expect("a configuration")).expect("a client");
    let mut watches = watches(&client).await;
    told_by_all(&plane, &mut watches, "first").await;
    assert_eq!(plane.proxy.accepted(), 1);
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_once_for_all_who_wait() {
    let mut plane = Plane::start().await;
    let client = plane.connect("good").await;
    let all = || try_join_all((0..WATCHES).map(|_| client.apiserver_version()));
    soon("answers", all()).await.expect("answers");
    assert_eq!(plane.proxy.accepted(), 1);
    plane.proxy.cut().await;
    let outcomes = soon("refusals", join_all((0..WATCHES).map(|_| client.apiserver_version()))).await;
    for outcome in outcomes {
        let trouble = Trouble::of(&outcome.expect_err("nobody listens"));
        assert_eq!(trouble.cause, Disconnect::NoAnswer, "{trouble}");
    }
    plane.proxy.heal().await;
    soon("answers again", all()).await.expect("answers");
    assert_eq!(plane.proxy.accepted(), 2);
}

#[tokio::test]
async fn a_server_that_stops_to_speak_http2_is_spoken_to_as_it_can() {
    let authority = Some(Authority::generate().expect("an authority"));
    let settings = |http2| ListenerSettings { http2, authority: authority.clone(), ..ListenerSettings::default() };
    let mut plane = Plane::with(settings(true)).await;
    let older = Plane::with(settings(false)).await;
    let client = plane.connect("good").await;
    client.apiserver_version().await.expect("an answer");
    plane.proxy.cut().await;
    plane.proxy.target = older.listener.address();
    plane.proxy.heal().await;
    // The first request finds out.
    let found_out = client.apiserver_version().await;
    assert!(found_out.is_err(), "{found_out:?}");
    soon("an answer", client.apiserver_version()).await.expect("an answer");
}

#[tokio::test]
async fn a_name_that_leads_to_a_refused_address_is_not_connected_to() {
    let plane = Plane::start().await;
    let url = format!("https://localhost:{}", plane.proxy.address.port());
    let credentials = credentials(&url, plane.listener.ca_pem(), "good");
    let connector = DirectConnector::new("*,localhost".parse().expect("patterns"));
    let client = connector.connect(&plane_ref("plane"), &credentials).await.expect("the name is permitted");
    let trouble = Trouble::of(&client.apiserver_version().await.expect_err("its address is not"));
    assert_eq!(trouble.cause, Disconnect::NoAnswer, "{trouble}");
    assert_eq!(plane.proxy.accepted(), 0);

    let connector = DirectConnector::new(PlaneHosts::with_loopback());
    let client = connector.connect(&plane_ref("plane"), &credentials).await.expect("a client");
    client.apiserver_version().await.expect("loopback is permitted here");
}

#[tokio::test]
async fn a_refused_host_has_no_client() {
    let plane = Plane::start().await;
    let refused = DirectConnector::default().connect(&plane_ref("plane"), &plane.credentials("good")).await;
    let error = refused.err().expect("loopback is refused by default").to_string();
    assert!(error.contains("127.0.0.1") && error.contains("--plane-hosts"), "{error}");
    assert_eq!(plane.proxy.accepted(), 0);
}

#[tokio::test]
async fn trouble_is_told_by_its_class_and_quotes_nothing_of_the_peer() {
    let plane = Plane::start().await;
    let other = Plane::start().await;
    let cases = [
        (plane.credentials("wrong"), Disconnect::CredentialsRefused),
        (credentials(&plane.url(), other.listener.ca_pem(), "good"), Disconnect::TlsRefused),
        (credentials("https://127.0.0.1:1", plane.listener.ca_pem(), "good"), Disconnect::NoAnswer),
        (credentials("https://a.invalid", plane.listener.ca_pem(), "good"), Disconnect::NoAnswer),
    ];
    let mut texts = Vec::new();
    for (credentials, expected) in cases {
        let client = connect(&credentials).await;
        let error = Cluster::of(&client).await.expect_err("trouble");
        let trouble = Trouble::of(&error);
        assert_eq!(trouble.cause, expected, "{error:?}");
        texts.push(trouble.text);
    }
    // A port that nobody listens on and a name that nobody has look alike.
    assert_eq!(texts[2], texts[3]);
    assert_eq!(texts[2], Trouble::silence().text);

    let status = json!({ "code": 418, "message": "the peer's words", "reason": "", "status": "Failure" });
    let status = serde_json::from_value(status).expect("a status");
    let trouble = Trouble::of(&kube::Error::Api(Box::new(status)));
    assert_eq!(trouble.text, "the API server answers with status 418");
}
