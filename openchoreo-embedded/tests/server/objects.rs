//! Creating, reading and changing single objects.

use openchoreo_embedded::{Clock, Server, ServerSettings};
use serde_json::{Value, json};

use crate::support::*;

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap()
}

#[tokio::test]
async fn a_created_object_gets_an_identity_and_is_read_back() {
    let now = "2026-02-03T04:05:06.789Z".parse().unwrap();
    let server = Server::new(ServerSettings { clock: Clock::fixed(now), ..ServerSettings::default() });
    let created = post(&server, MAPS, &map("a", json!({"k": "v"}))).await.expect(201);
    assert_eq!(created["metadata"]["creationTimestamp"], "2026-02-03T04:05:06Z");
    assert_eq!(created["metadata"]["namespace"], "default");
    assert!(created["metadata"]["uid"].as_str().unwrap().len() == 36);
    assert!(created["metadata"].get("generation").is_none(), "config maps count no generations");
    assert_eq!(get(&server, &format!("{MAPS}/a")).await.expect(200), created);
}

#[tokio::test]
async fn refusals_carry_the_reasons_and_texts_of_kubernetes() {
    let server = server_with_widgets().await;
    post(&server, MAPS, &map("a", json!({}))).await.expect(201);
    post(&server, WIDGETS, &widget("w", json!({"size": 1}))).await.expect(201);

    let (reason, message) = get(&server, &format!("{WIDGETS}/x")).await.refusal(404);
    assert_eq!((reason.as_str(), message.as_str()), ("NotFound", "widgets.example.com \"x\" not found"));
    let (reason, message) = post(&server, MAPS, &map("a", json!({}))).await.refusal(409);
    assert_eq!((reason.as_str(), message.as_str()), ("AlreadyExists", "configmaps \"a\" already exists"));
    let (reason, message) = post(&server, WIDGETS, &widget("y", json!({}))).await.refusal(422);
    assert_eq!(reason, "Invalid");
    assert_eq!(message, "Widget.example.com \"y\" is invalid: spec.size: Required value");
    let (reason, message) = get(&server, "/apis/example.com/v1/namespaces/default/gadgets").await.refusal(404);
    assert_eq!((reason.as_str(), message.as_str()), ("NotFound", "the server could not find the requested resource"));
    let (_, message) = post(&server, "/api/v1/namespaces/none/configmaps", &map("a", json!({}))).await.refusal(404);
    assert_eq!(message, "namespaces \"none\" not found");
    let (reason, _) = post(&server, MAPS, &map("Capital", json!({}))).await.refusal(422);
    assert_eq!(reason, "Invalid");
    let body = post(&server, WIDGETS, &widget("z", json!({"size": 0, "color": "blue"}))).await.expect(422);
    let causes = body["details"]["causes"].as_array().unwrap();
    let fields: Vec<&str> = causes.iter().map(|cause| cause["field"].as_str().unwrap()).collect();
    assert_eq!(fields.len(), 2, "{body:#}");
    assert!(fields.contains(&"spec.size") && fields.contains(&"spec.color"), "{body:#}");
}

#[tokio::test]
async fn names_labels_and_annotations_are_checked() {
    let server = Server::default();
    let long = "x".repeat(254);
    let long_label = "x".repeat(64);
    let big = "x".repeat(257 * 1024);
    let cases = [
        (json!({"name": long}), "metadata.name"),
        (json!({"name": "under_score"}), "metadata.name"),
        (json!({}), "metadata.name"),
        (json!({"name": "a", "labels": {"k": long_label}}), "metadata.labels"),
        (json!({"name": "a", "labels": {"-k": "v"}}), "metadata.labels"),
        (json!({"name": "a", "annotations": {"k": big}}), "metadata.annotations"),
        (
            json!({"name": "a", "ownerReferences": [{"kind": "X", "name": "x", "uid": "u"}]}),
            "metadata.ownerReferences[0].apiVersion",
        ),
    ];
    for (metadata, field) in cases {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        let body = post(&server, MAPS, &object).await.expect(422);
        assert_eq!(body["details"]["causes"][0]["field"], field, "{body:#}");
    }
}

#[tokio::test]
async fn generated_names_begin_with_their_base_and_differ() {
    let server = Server::default();
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "map-"}});
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let created = post(&server, MAPS, &object).await.expect(201);
        names.insert(created["metadata"]["name"].as_str().unwrap().to_owned());
    }
    assert_eq!(names.len(), 20);
    assert!(names.iter().all(|name| name.starts_with("map-") && name.len() == 9), "{names:?}");
}

#[tokio::test]
async fn an_update_from_an_old_version_is_a_conflict_and_from_the_live_one_is_not() {
    let server = Server::default();
    let path = format!("{MAPS}/a");
    let first = post(&server, MAPS, &map("a", json!({"n": "1"}))).await.expect(201);
    let mut second = first.clone();
    second["data"]["n"] = json!("2");
    let second = put(&server, &path, &second).await.expect(200);
    assert_ne!(version(&first), version(&second));
    let mut third = first.clone();
    third["data"]["n"] = json!("3");
    let (reason, message) = put(&server, &path, &third).await.refusal(409);
    assert_eq!(reason, "Conflict");
    assert_eq!(
        message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes \
         to the latest version and try again"
    );
    assert_eq!(get(&server, &path).await.expect(200), second);
}

#[tokio::test]
async fn a_write_that_changes_nothing_neither_bumps_the_version_nor_is_told_to_watches() {
    let server = server_with_widgets().await;
    let created = post(&server, WIDGETS, &widget("w", json!({"size": 1}))).await.expect(201);
    let path = format!("{WIDGETS}/w");
    put(&server, &path, &created).await.expect(200);
    patch(&server, &path, "merge", &json!({"spec": {"size": 1}})).await.expect(200);
    patch(&server, &path, "json", &json!([{"op": "replace", "path": "/spec/size", "value": 1}])).await.expect(200);
    let applied = format!("{path}?fieldManager=me&force=true");
    let first = patch(&server, &applied, "apply", &widget("w", json!({"size": 1}))).await.expect(200);
    let again = patch(&server, &applied, "apply", &widget("w", json!({"size": 1}))).await.expect(200);
    assert_eq!(first, again);
    assert_eq!(first["metadata"]["generation"], 1);
    let version = version(&first).to_owned();
    let events = watch(&server, &format!("{WIDGETS}?watch=true&resourceVersion={version}&timeoutSeconds=1")).await;
    assert!(events.is_empty(), "{events:#?}");
}

#[tokio::test]
async fn status_and_specification_are_written_at_their_own_endpoints() {
    let server = server_with_widgets().await;
    let mut object = widget("w", json!({"size": 1}));
    object["status"] = json!({"phase": "Early"});
    let created = post(&server, WIDGETS, &object).await.expect(201);
    assert!(created.get("status").is_none(), "a creator cannot set status");
    assert_eq!(created["metadata"]["generation"], 1);

    let mut changed = created.clone();
    changed["spec"]["size"] = json!(2);
    changed["status"] = json!({"phase": "Ready"});
    let path = format!("{WIDGETS}/w");
    let changed = put(&server, &path, &changed).await.expect(200);
    assert_eq!((&changed["metadata"]["generation"], changed.get("status")), (&json!(2), None));

    let mut changed = changed;
    changed["spec"]["size"] = json!(3);
    changed["metadata"]["labels"] = json!({"a": "b"});
    changed["status"] = json!({"phase": "Ready"});
    let changed = put(&server, &format!("{path}/status"), &changed).await.expect(200);
    assert_eq!(changed["spec"]["size"], 2);
    assert_eq!(changed["status"]["phase"], "Ready");
    assert_eq!(changed["metadata"]["generation"], 2);
    assert!(changed["metadata"].get("labels").is_none());

    let patched = patch(&server, &path, "merge", &json!({"spec": {"size": 5}, "status": null})).await.expect(200);
    assert_eq!(patched["status"]["phase"], "Ready");
    assert_eq!(patched["metadata"]["generation"], 3);
}

#[tokio::test]
async fn metadata_that_belongs_to_the_server_survives_every_write() {
    let server = Server::default();
    let created = post(&server, MAPS, &map("a", json!({}))).await.expect(201);
    let mut hostile = map("a", json!({"changed": "yes"}));
    hostile["metadata"]["creationTimestamp"] = json!("1999-01-01T00:00:00Z");
    hostile["metadata"]["deletionTimestamp"] = json!("1999-01-01T00:00:00Z");
    hostile["metadata"]["generation"] = json!(77);
    let updated = put(&server, &format!("{MAPS}/a"), &hostile).await.expect(200);
    for member in ["uid", "creationTimestamp", "deletionTimestamp", "generation"] {
        assert_eq!(updated["metadata"].get(member), created["metadata"].get(member), "{member}");
    }
    let (_, message) = put(&server, &format!("{MAPS}/b"), &map("a", json!({}))).await.refusal(404);
    assert!(message.contains("\"b\" not found"), "{message}");
    hostile["metadata"] = json!({"name": "a", "uid": "other"});
    assert_eq!(put(&server, &format!("{MAPS}/a"), &hostile).await.refusal(409).0, "Conflict");
}

#[tokio::test]
async fn patches_of_every_form_do_what_they_say_and_only_where_they_may() {
    let server = server_with_widgets().await;
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let container = |name: &str, image: &str| json!({"name": name, "image": image});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [container("one", "1"), container("two", "2")]},
            },
        },
    });
    post(&server, deployments, &deployment).await.expect(201);
    let change = json!({"spec": {"template": {"spec": {"containers": [container("two", "3")]}}}});
    let patched = patch(&server, &format!("{deployments}/d"), "strategic-merge", &change).await.expect(200);
    let containers = patched["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    let images: std::collections::BTreeSet<_> = containers.iter().map(|one| one["image"].as_str().unwrap()).collect();
    assert_eq!(images, ["1", "3"].into(), "{patched:#}");

    post(&server, WIDGETS, &widget("w", json!({"size": 1}))).await.expect(201);
    let path = format!("{WIDGETS}/w");
    let (reason, _) = patch(&server, &path, "strategic-merge", &json!({})).await.refusal(415);
    assert_eq!(reason, "UnsupportedMediaType");
    // kube's finalizer helper tests that there are no finalizers before it adds the first.
    let guarded = json!([
        {"op": "test", "path": "/metadata/finalizers", "value": null},
        {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/f"]},
    ]);
    let patched = patch(&server, &path, "json", &guarded).await.expect(200);
    assert_eq!(patched["metadata"]["finalizers"], json!(["example.com/f"]));
    assert_eq!(patch(&server, &path, "json", &guarded).await.code, 422);
    assert_eq!(send(&server, "PATCH", &path, &[("content-type", "text/plain")], "{}").await.code, 415);
}

#[tokio::test]
async fn unknown_fields_are_refused_warned_about_or_dropped_as_asked() {
    let server = server_with_widgets().await;
    let object = |name: &str| widget(name, json!({"size": 1, "colour": "red"}));
    let (reason, message) =
        post(&server, &format!("{WIDGETS}?fieldValidation=Strict"), &object("a")).await.refusal(400);
    assert_eq!(reason, "BadRequest");
    assert!(message.contains("strict decoding error: unknown field \"spec.colour\""), "{message}");
    let warned = post(&server, &format!("{WIDGETS}?fieldValidation=Warn"), &object("b")).await;
    assert_eq!(warned.headers["warning"], "299 - \"unknown field \\\"spec.colour\\\"\"");
    assert!(warned.expect(201)["spec"].get("colour").is_none());
    let ignored = post(&server, &format!("{WIDGETS}?fieldValidation=Ignore"), &object("c")).await;
    assert!(ignored.headers.get("warning").is_none());
    assert!(ignored.expect(201)["spec"].get("colour").is_none());
}

#[tokio::test]
async fn a_dry_run_answers_like_the_real_one_and_changes_nothing() {
    let server = Server::default();
    let wet = post(&server, &format!("{MAPS}?dryRun=All"), &map("a", json!({"k": "v"}))).await.expect(201);
    assert_eq!(wet["data"]["k"], "v");
    assert_eq!(get(&server, &format!("{MAPS}/a")).await.code, 404);
    let before = post(&server, MAPS, &map("a", json!({"k": "1"}))).await.expect(201);
    let path = format!("{MAPS}/a");
    let would = patch(&server, &format!("{path}?dryRun=All"), "merge", &json!({"data": {"k": "2"}})).await.expect(200);
    assert_eq!(would["data"]["k"], "2");
    delete(&server, &format!("{path}?dryRun=All")).await.expect(200);
    assert_eq!(post(&server, &format!("{MAPS}?dryRun=All"), &map("a", json!({}))).await.code, 409);
    assert_eq!(get(&server, &path).await.expect(200), before);
}

#[tokio::test]
async fn bodies_may_be_yaml_and_may_not_be_protobuf() {
    let server = Server::default();
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: y\ndata:\n  a: \"1\"\n";
    let created = send(&server, "POST", MAPS, &[("content-type", "application/yaml")], yaml).await.expect(201);
    assert_eq!(created["data"]["a"], "1");
    let protobuf = [("content-type", "application/vnd.kubernetes.protobuf")];
    let (reason, message) = send(&server, "POST", MAPS, &protobuf, "k8s\0").await.refusal(415);
    assert_eq!(reason, "UnsupportedMediaType");
    assert!(message.contains("application/json"), "{message}");
    let answer = send(&server, "GET", &format!("{MAPS}/y"), &[("accept", "application/yaml")], "").await;
    assert_eq!(answer.headers["content-type"], "application/yaml");
    assert!(answer.body.as_str().unwrap().contains("kind: ConfigMap"));
    assert_eq!(send(&server, "POST", MAPS, &[("content-type", "application/json")], "{").await.code, 400);
}

#[tokio::test]
async fn built_in_kinds_get_the_defaults_that_controllers_read_back() {
    let server = Server::default();
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]},
    });
    let services = "/api/v1/namespaces/default/services";
    let created = post(&server, services, &service).await.expect(201);
    assert_eq!(created["spec"]["type"], "ClusterIP");
    assert_eq!(created["spec"]["ports"][0]["targetPort"], 80);
    let address = created["spec"]["clusterIP"].as_str().unwrap().to_owned();
    assert!(address.starts_with("10.96."), "{address}");
    // A writer that leaves the address out keeps it.
    let updated = put(&server, &format!("{services}/s"), &service).await.expect(200);
    assert_eq!(updated["spec"]["clusterIP"], *address);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}});
    let created = post(&server, "/api/v1/namespaces/default/secrets", &secret).await.expect(201);
    assert_eq!((&created["data"]["a"], created.get("stringData")), (&json!("Yg=="), None));
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}});
    let created = post(&server, "/api/v1/namespaces", &namespace).await.expect(201);
    assert_eq!(created["metadata"]["labels"]["kubernetes.io/metadata.name"], "n");
    assert_eq!(created["status"]["phase"], "Active");
}

#[tokio::test]
async fn a_workload_that_does_not_select_its_own_pods_is_refused() {
    let server = Server::default();
    let template =
        json!({"metadata": {"labels": {"a": "other"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    });
    let body = post(&server, "/apis/apps/v1/namespaces/default/deployments", &deployment).await.expect(422);
    assert_eq!(body["details"]["causes"][0]["field"], "spec.template.metadata.labels");
}

#[tokio::test]
async fn the_two_groups_of_events_show_the_same_objects() {
    let server = Server::default();
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
        "regarding": {"kind": "ConfigMap", "name": "m", "namespace": "default"}, "note": "hello", "reason": "Tried",
        "type": "Normal", "action": "Try", "reportingController": "me", "reportingInstance": "me-1",
        "eventTime": "2026-01-01T00:00:00.000000Z",
    });
    post(&server, "/apis/events.k8s.io/v1/namespaces/default/events", &event).await.expect(201);
    let core = "/api/v1/namespaces/default/events";
    let selected = get(&server, &format!("{core}?fieldSelector=involvedObject.name=m,reason=Tried")).await.expect(200);
    assert_eq!(selected["items"][0]["message"], "hello");
    assert_eq!(selected["items"][0]["apiVersion"], "v1");
    let other = get(&server, &format!("{core}?fieldSelector=involvedObject.name=x")).await.expect(200);
    assert_eq!(other["items"], json!([]));
    let back = get(&server, "/apis/events.k8s.io/v1/namespaces/default/events/e").await.expect(200);
    assert_eq!(back["note"], "hello");
    assert!(back.get("message").is_none());
}

#[tokio::test]
async fn replicas_are_read_and_written_through_scale() {
    let server = Server::default();
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    });
    post(&server, deployments, &deployment).await.expect(201);
    let path = format!("{deployments}/d/scale");
    let scale = get(&server, &path).await.expect(200);
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(1)));
    assert_eq!(scale["status"]["selector"], "a=b");
    let scaled = patch(&server, &path, "merge", &json!({"spec": {"replicas": 4}})).await.expect(200);
    assert_eq!(scaled["spec"]["replicas"], 4);
    let live = get(&server, &format!("{deployments}/d")).await.expect(200);
    assert_eq!((&live["spec"]["replicas"], &live["metadata"]["generation"]), (&json!(4), &json!(2)));
}
