//! Who may come in: tokens, certificates, authorizers, reviews.

use std::sync::Arc;

use openchoreo_embedded::{Authorizer, Decision, RequestInfo, Server, ServerSettings, User};
use serde_json::{Value, json};

use crate::support::*;

#[derive(Debug)]
struct OnlyReading;

impl Authorizer for OnlyReading {
    fn authorize(&self, _user: &User, request: &RequestInfo) -> Decision {
        match request.verb.as_str() {
            "get" | "list" | "watch" => Decision::Allow,
            other => Decision::Deny(format!("{other} is not reading")),
        }
    }
}

async fn with_token(server: &Server, method: &str, path: &str, token: &str) -> Answer {
    send(server, method, path, &[("authorization", &format!("Bearer {token}"))], "").await
}

#[tokio::test]
async fn a_service_account_secret_logs_in_until_it_is_deleted() {
    let server = Server::default();
    let secrets = "/api/v1/namespaces/default/secrets";
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "t", "annotations": {"kubernetes.io/service-account.name": "builder"}},
    });
    let early = post(&server, secrets, &secret).await.expect(201);
    assert!(early.get("data").is_none(), "the account is not there yet");
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder"}});
    post(&server, "/api/v1/namespaces/default/serviceaccounts", &account).await.expect(201);
    let filled = get(&server, &format!("{secrets}/t")).await.expect(200);
    assert_eq!(filled["data"]["namespace"], "ZGVmYXVsdA==");
    let token = token_of(&filled);
    let review = json!({"spec": {"token": token}});
    let reviewed = post(&server, "/apis/authentication.k8s.io/v1/tokenreviews", &review).await.expect(201);
    assert_eq!(reviewed["status"]["user"]["username"], "system:serviceaccount:default:builder");
    with_token(&server, "GET", MAPS, &token).await.expect(200);
    delete(&server, &format!("{secrets}/t")).await.expect(200);
    assert_eq!(with_token(&server, "GET", MAPS, &token).await.refusal(401).0, "Unauthorized");
}

fn token_of(secret: &Value) -> String {
    use base64::Engine as _;
    let encoded = secret["data"]["token"].as_str().unwrap();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()).unwrap()
}

#[tokio::test]
async fn a_requested_token_logs_in_while_its_account_is_there() {
    let server = Server::default();
    let account = "/api/v1/namespaces/default/serviceaccounts/default";
    let answer =
        post(&server, &format!("{account}/token"), &json!({"spec": {"expirationSeconds": 600}})).await.expect(201);
    let token = answer["status"]["token"].as_str().unwrap();
    with_token(&server, "GET", MAPS, token).await.expect(200);
    delete(&server, account).await.expect(200);
    assert_eq!(with_token(&server, "GET", MAPS, token).await.code, 401);
}

#[tokio::test]
async fn an_authorizer_decides_and_reviews_tell_what_it_would_decide() {
    let settings = ServerSettings { authorizer: Some(Arc::new(OnlyReading)), ..ServerSettings::default() };
    let server = Server::new(settings);
    get(&server, MAPS).await.expect(200);
    let (reason, message) = post(&server, MAPS, &map("a", json!({}))).await.refusal(403);
    assert_eq!(reason, "Forbidden");
    assert!(message.contains("create is not reading"), "{message}");

    let open = Server::default();
    let review = json!({"spec": {"resourceAttributes": {"verb": "create", "resource": "pods"}}});
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(post(&open, path, &review).await.expect(201)["status"]["allowed"], true);
    let who = post(&open, "/apis/authentication.k8s.io/v1/selfsubjectreviews", &json!({})).await.expect(201);
    assert_eq!(who["status"]["userInfo"]["username"], "kubernetes-admin");
}

#[cfg(feature = "listen")]
mod tls {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::api::{Api, DeleteParams, PostParams};
    use kube::config::{KubeConfigOptions, Kubeconfig};
    use kube::{Client, Config};
    use openchoreo_embedded::{Listener, ListenerSettings, Server, kubeconfig};

    use futures::{StreamExt as _, TryStreamExt as _};
    use kube::runtime::{WatchStreamExt as _, watcher};

    async fn config(listener: &Listener) -> Config {
        let yaml = listener.admin_kubeconfig("embedded").to_yaml().unwrap();
        let kubeconfig = Kubeconfig::from_yaml(&yaml).unwrap();
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_client_certificate_or_the_right_token_gets_in_and_nothing_else_does() {
        let server = Server::default();
        let listener = Listener::start(server.clone(), ListenerSettings::default()).await.unwrap();
        let by_certificate = config(&listener).await;
        let mut by_token = by_certificate.clone();
        by_token.auth_info = kube::config::AuthInfo {
            token: Some(listener.admin_token().to_owned().into()),
            ..kube::config::AuthInfo::default()
        };
        for config in [by_certificate.clone(), by_token.clone()] {
            let maps: Api<ConfigMap> = Api::default_namespaced(Client::try_from(config).unwrap());
            assert_eq!(maps.list(&Default::default()).await.unwrap().items.len(), 1);
        }
        let mut wrong = by_token.clone();
        wrong.auth_info.token = Some("wrong".to_owned().into());
        let mut anonymous = by_token;
        anonymous.auth_info = kube::config::AuthInfo::default();
        for config in [wrong, anonymous.clone()] {
            let maps: Api<ConfigMap> = Api::default_namespaced(Client::try_from(config).unwrap());
            match maps.list(&Default::default()).await.unwrap_err() {
                kube::Error::Api(status) => assert_eq!((status.code, status.reason.as_str()), (401, "Unauthorized")),
                other => panic!("{other}"),
            }
        }
        let version = Client::try_from(anonymous).unwrap().apiserver_version().await.unwrap();
        assert!(version.git_version.contains("openchoreo-embedded"), "anyone may ask for the version");
        listener.stop().await;
    }

    #[tokio::test]
    async fn watches_run_over_the_wire_and_a_stopped_listener_ends_them() {
        let server = Server::default();
        let listener = Listener::start(server.clone(), ListenerSettings::default()).await.unwrap();
        let remote: Api<ConfigMap> = Api::default_namespaced(Client::try_from(config(&listener).await).unwrap());
        let local: Api<ConfigMap> = Api::default_namespaced(server.client());
        let config = watcher::Config::default().fields("metadata.name=a");
        let mut stream = watcher(remote, config).touched_objects().boxed();
        let map = serde_json::from_value(serde_json::json!({"metadata": {"name": "a"}})).unwrap();
        local.create(&PostParams::default(), &map).await.unwrap();
        assert_eq!(stream.try_next().await.unwrap().unwrap().metadata.name.as_deref(), Some("a"));
        local.delete("a", &DeleteParams::default()).await.unwrap();
        stream.try_next().await.unwrap().unwrap();
        let published = local.get("kube-root-ca.crt").await.unwrap();
        assert_eq!(published.data.unwrap()["ca.crt"], listener.ca_pem());
        listener.stop().await;
    }

    #[tokio::test]
    async fn a_written_kubeconfig_holds_several_contexts_and_is_private() {
        let server = Server::default();
        let first = Listener::start(server.clone(), ListenerSettings::default()).await.unwrap();
        let second = Listener::start(Server::default(), ListenerSettings::default()).await.unwrap();
        let merged: kubeconfig::Kubeconfig = first.admin_kubeconfig("one").merge(second.admin_kubeconfig("two"));
        let path = std::env::temp_dir().join(format!("openchoreo-embedded-{}.yaml", std::process::id()));
        merged.write(&path).unwrap();
        let read = Kubeconfig::read_from(&path).unwrap();
        assert_eq!(read.current_context.as_deref(), Some("one"));
        assert_eq!(read.contexts.len(), 2);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::remove_file(&path).unwrap();
    }
}
