//! Requests as data: a method, a path and a body in, a status and a body out.

use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use openchoreo_embedded::Server;
use serde_json::{Value, json};
use tower::Service as _;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The body, if the code is the expected one.
    #[track_caller]
    pub(crate) fn expect(self, code: u16) -> Value {
        assert_eq!(self.code, code, "{:#}", self.body);
        self.body
    }

    /// The `reason` and `message` of a refusal with the expected code.
    #[track_caller]
    pub(crate) fn refusal(self, code: u16) -> (String, String) {
        let body = self.expect(code);
        assert_eq!(body["kind"], "Status", "{body:#}");
        assert_eq!(body["code"], code, "{body:#}");
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        (text("reason"), text("message"))
    }
}

pub(crate) async fn send(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<bytes::Bytes>::from(body.to_owned())).unwrap();
    let response = server.clone().call(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into());
    Answer { code: parts.status.as_u16(), headers: parts.headers, body }
}

pub(crate) async fn get(server: &Server, path: &str) -> Answer {
    send(server, "GET", path, &[], "").await
}

pub(crate) async fn post(server: &Server, path: &str, body: &Value) -> Answer {
    send(server, "POST", path, &[("content-type", "application/json")], &body.to_string()).await
}

pub(crate) async fn put(server: &Server, path: &str, body: &Value) -> Answer {
    send(server, "PUT", path, &[("content-type", "application/json")], &body.to_string()).await
}

pub(crate) async fn delete(server: &Server, path: &str) -> Answer {
    send(server, "DELETE", path, &[], "").await
}

/// `form` is `merge`, `json`, `strategic-merge` or `apply`.
pub(crate) async fn patch(server: &Server, path: &str, form: &str, body: &Value) -> Answer {
    let content_type = match form {
        "apply" => "application/apply-patch+yaml".to_owned(),
        form => format!("application/{form}-patch+json"),
    };
    send(server, "PATCH", path, &[("content-type", &content_type)], &body.to_string()).await
}

/// A watch that is read to its end, which its `timeoutSeconds` brings about: type, name and revision of each event.
pub(crate) async fn watch(server: &Server, path: &str) -> Vec<Value> {
    let request = Request::builder().uri(path).body(Full::<bytes::Bytes>::default()).unwrap();
    let response = server.clone().call(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `TYPE name` of each event.
pub(crate) fn told(events: &[Value]) -> Vec<String> {
    let show = |event: &Value| {
        let name = event["object"]["metadata"]["name"].as_str().unwrap_or("-");
        format!("{} {name}", event["type"].as_str().unwrap())
    };
    events.iter().map(show).collect()
}

pub(crate) const MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(crate) const WIDGETS: &str = "/apis/example.com/v1/namespaces/default/widgets";
pub(crate) const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

pub(crate) fn map(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

pub(crate) fn labeled(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}})
}

/// A namespaced kind with status, defaults, a rule, a column, and a selectable field.
pub(crate) fn widget_definition() -> Value {
    let schema = json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "minimum": 1},
                    "color": {"type": "string", "default": "red", "enum": ["red", "green"]},
                    "owner": {
                        "type": "string",
                        "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "owner is immutable"}],
                    },
                    "parts": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {"name": {"type": "string"}, "count": {"type": "integer"}},
                        },
                    },
                },
            },
            "status": {
                "type": "object",
                "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}},
            },
        },
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"], "categories": ["toys"]},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.color"}],
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
            }],
        },
    })
}

pub(crate) fn widget(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

/// A server that knows widgets.
pub(crate) async fn server_with_widgets() -> Server {
    let server = Server::default();
    post(&server, DEFINITIONS, &widget_definition()).await.expect(201);
    server
}
