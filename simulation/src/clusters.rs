//! What clusters have and do beside the platform: gateways, and controllers that make something of what is applied.

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_core::kind::Kind;
use openchoreo_core::simulation::{Happened, Server};
use openchoreo_types::foreign::gateway_api::Gateway;
use serde_json::{Value, json};

/// Writes what is there before anything of ours: gateways, and what other systems made.
pub(crate) fn furnish(server: &mut Server) {
    server.write(Kind::of::<Namespace>(), json!({ "metadata": { "name": "choreo-system" } }));
    for name in ["choreo-external-gateway", "choreo-internal-gateway"] {
        let listener = json!({ "name": "https", "port": 443, "protocol": "HTTPS" });
        let metadata = json!({ "name": name, "namespace": "choreo-system" });
        let spec = json!({ "gatewayClassName": "choreo", "listeners": [listener] });
        server.write(Kind::of::<Gateway>(), json!({ "metadata": metadata, "spec": spec }));
    }
}

/// What a controller of a cluster makes of an object, as its status.
pub(crate) fn reaction(happened: &Happened) -> Option<Value> {
    if happened.is_gone {
        return None;
    }
    let object = &happened.object;
    let generation = &object["metadata"]["generation"];
    let status = match happened.key.kind.kind {
        "Deployment" if happened.key.kind.group == "apps" => {
            let replicas = object["spec"]["replicas"].as_i64().unwrap_or(1);
            json!({
                "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
                "readyReplicas": replicas, "availableReplicas": replicas,
            })
        }
        "HTTPRoute" => {
            let condition = |type_: &str| {
                json!({
                    "type": type_, "status": "True", "reason": type_, "message": "", "observedGeneration": generation,
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                })
            };
            let conditions = ["Accepted", "ResolvedRefs"].map(condition);
            let parent = &object["spec"]["parentRefs"][0];
            json!({ "parents": [{ "parentRef": parent, "controllerName": "example.com/gateway", "conditions": conditions }] })
        }
        "Workflow" => {
            let node = |template: &str, name: &str, value: &str| {
                json!({
                    "templateName": template, "type": "Pod", "phase": "Succeeded", "startedAt": "2026-01-01T00:00:00Z",
                    "outputs": { "parameters": [{ "name": name, "value": value }] },
                })
            };
            let nodes = json!({
                "0": node("clone-step", "git-revision", "0a1b2c3d"),
                "1": node("build-step", "done", "yes"),
                "2": node("push-step", "image", "registry.example.com/acme/shop/built:0a1b2c3d"),
            });
            json!({ "phase": "Succeeded", "nodes": nodes })
        }
        _ => return None,
    };
    (object["status"] != status).then_some(status)
}

/// Does what controllers of a cluster do when they have seen something.
pub(crate) fn react(server: &mut Server, happened: &Happened) {
    let generation = |object: &Value| object["metadata"]["generation"].clone();
    if let Some(status) = reaction(happened)
        && server.get(&happened.key).is_some_and(|live| generation(live) == generation(&happened.object))
    {
        server.write_status(&happened.key, status);
    }
}
