//! Foreign objects can be read, what is passed on survives, and what we write fits the real definitions.

use openchoreo_types::ForeignKind;
use openchoreo_types::foreign::{argo, cilium, envoy_gateway, gateway_api, secrets_store};
use openchoreo_types::{foreign_crds, yaml};
use serde_json::{Value, json};

use crate::data;

fn through<K: ForeignKind>(value: &Value) -> Value {
    let object: K = serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"));
    serde_json::to_value(object).unwrap()
}

fn object<K: ForeignKind>(spec: Value) -> Value {
    let group_version = format!("{}/{}", K::GROUP, K::VERSION);
    json!({"apiVersion": group_version, "kind": K::KIND, "metadata": {"name": "a"}, "spec": spec})
}

#[test]
fn what_is_passed_on_survives() {
    let template = object::<argo::ClusterWorkflowTemplate>(json!({
        "entrypoint": "build",
        "arguments": {"parameters": [{"name": "branch", "value": "main"}, {"name": "depth", "default": "1"}]},
        "volumeClaimTemplates": [{"metadata": {"name": "workspace"}}],
        "templates": [
            {"name": "build", "steps": [[{"name": "clone", "template": "clone"}]]},
            {"name": "clone", "container": {"image": "git", "args": ["-c", "true"]},
             "outputs": {"parameters": [{"name": "revision", "valueFrom": {"path": "/tmp/revision"}}]}},
        ],
        "ttlStrategy": {"secondsAfterFailure": 3600},
    }));
    assert_eq!(through::<argo::ClusterWorkflowTemplate>(&template), template);

    let proxy = object::<envoy_gateway::EnvoyProxy>(json!({
        "logging": {"level": {"default": "warn"}},
        "provider": {"type": "Kubernetes", "kubernetes": {
            "envoyDeployment": {"replicas": 2},
            "envoyService": {"name": "choreo-external-gateway", "type": "LoadBalancer", "externalTrafficPolicy": "Local"},
        }},
    }));
    assert_eq!(through::<envoy_gateway::EnvoyProxy>(&proxy), proxy);

    let gateway = object::<gateway_api::Gateway>(json!({
        "gatewayClassName": "choreo",
        "listeners": [{
            "name": "https", "port": 443, "protocol": "HTTPS", "hostname": "*.example.com",
            "tls": {"mode": "Terminate", "certificateRefs": [{"name": "tls"}], "options": {"a": "b"}},
            "allowedRoutes": {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}},
        }],
        "infrastructure": {"parametersRef": {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "p"}},
    }));
    assert_eq!(through::<gateway_api::Gateway>(&gateway), gateway);
}

#[test]
fn empty_lists_that_mean_something_are_written() {
    let policy = object::<cilium::CiliumNetworkPolicy>(json!({
        "endpointSelector": {},
        "ingress": [{"fromEndpoints": [{}]}],
        "egress": [{}, {"toFQDNs": [{"matchName": "example.com"}], "toPorts": [{"ports": [{"port": "443"}]}]}],
    }));
    assert_eq!(through::<cilium::CiliumNetworkPolicy>(&policy), policy);
}

#[test]
fn initialisms_are_spelled_as_the_other_side_spells_them() {
    let policy = object::<envoy_gateway::SecurityPolicy>(json!({
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "r"}],
        "jwt": {"providers": [{"name": "default", "remoteJWKS": {"uri": "https://a/jwks"}}]},
        "authorization": {"defaultAction": "Deny", "rules": [
            {"action": "Allow", "principal": {"clientCIDRs": ["10.0.0.0/8"], "jwt": {"provider": "default", "scopes": ["a"]}}},
        ]},
    }));
    assert_eq!(through::<envoy_gateway::SecurityPolicy>(&policy), policy);
    let route = object::<gateway_api::HTTPRoute>(json!({
        "parentRefs": [{"name": "g", "namespace": "n"}], "hostnames": ["a.example.com"],
        "rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}, "method": "GET"}],
            "filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}}}],
            "backendRefs": [{"name": "s", "port": 80}],
        }],
    }));
    assert_eq!(through::<gateway_api::HTTPRoute>(&route), route);
}

#[test]
fn a_workflow_that_runs_can_be_read() {
    let mut workflow =
        object::<argo::Workflow>(json!({"workflowTemplateRef": {"name": "docker", "clusterScope": true}}));
    workflow["status"] = json!({
        "phase": "Running", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": null, "progress": "1/3",
        "nodes": {"a-1": {
            "id": "a-1", "displayName": "push-step", "templateName": "push", "type": "Pod", "phase": "Succeeded",
            "outputs": {"parameters": [{"name": "image", "value": "registry/a:1"}], "exitCode": "0"},
            "hostNodeName": "node",
        }},
    });
    let object: argo::Workflow = serde_json::from_value(workflow).unwrap();
    let status = object.status.unwrap();
    assert_eq!(status.phase.as_deref(), Some(argo::phase::RUNNING));
    assert_eq!(status.finished_at, None);
    let outputs = status.nodes["a-1"].outputs.as_ref().unwrap();
    assert_eq!(outputs.parameters[0].value.as_deref(), Some("registry/a:1"));
}

#[test]
fn a_parameter_may_be_written_as_a_number() {
    let spec: argo::Parameter = serde_json::from_value(json!({"name": "a", "value": 5, "default": true})).unwrap();
    assert_eq!((spec.value.as_deref(), spec.default.as_deref()), (Some("5"), Some("true")));
}

#[test]
fn a_secret_provider_class_survives() {
    let class = object::<secrets_store::SecretProviderClass>(json!({
        "provider": "vault", "parameters": {"roleName": "r", "objects": "- a\n"},
        "secretObjects": [{"secretName": "s", "type": "Opaque", "labels": {"a": "b"}, "data": [{"objectName": "o", "key": "k"}]}],
    }));
    assert_eq!(through::<secrets_store::SecretProviderClass>(&class), class);
}

#[test]
fn names_agree_with_the_real_definitions() {
    let Some(folder) = data::folder() else { return };
    let real: Vec<Value> = data::files_below(&folder.join("third-party-crds"), "yaml")
        .iter()
        .flat_map(|file| yaml::documents(&data::read(file)).unwrap())
        .collect();
    let mut checked = 0;
    for crd in foreign_crds() {
        let ours = serde_json::to_value(&crd).unwrap();
        let Some(theirs) = real.iter().find(|theirs| theirs["metadata"]["name"] == ours["metadata"]["name"]) else {
            continue;
        };
        let name = &ours["metadata"]["name"];
        for field in ["kind", "plural", "singular", "shortNames", "categories"] {
            let theirs = &theirs["spec"]["names"][field];
            // Some leave out what follows from the rest.
            if field != "singular" || !theirs.is_null() {
                assert_eq!(ours["spec"]["names"][field], *theirs, "{name} {field}");
            }
        }
        assert_eq!(ours["spec"]["scope"], theirs["spec"]["scope"], "{name}");
        let version = &ours["spec"]["versions"][0];
        let real_version = theirs["spec"]["versions"]
            .as_array()
            .and_then(|versions| versions.iter().find(|theirs| theirs["name"] == version["name"]))
            .unwrap_or_else(|| panic!("{name} has no version {}", version["name"]));
        let has_status = |version: &Value| !version["subresources"]["status"].is_null();
        assert_eq!(has_status(version), has_status(real_version), "{name} status");
        assert_properties(&name.to_string(), schema(version), schema(real_version));
        checked += 1;
    }
    assert!(checked >= 11, "only {checked} definitions found");
}

fn schema(version: &Value) -> &Value {
    &version["schema"]["openAPIV3Schema"]
}

/// Every property of ours exists in the real definition, with the same type.
fn assert_properties(path: &str, ours: &Value, theirs: &Value) {
    if theirs["x-kubernetes-preserve-unknown-fields"] == true && theirs.get("properties").is_none() {
        return;
    }
    for (name, property) in ours["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        // Definitions with alternatives say some things outside the properties.
        let real = &theirs["properties"][name];
        assert!(!real.is_null(), "{path} does not exist");
        if property["type"].is_string() && real["type"].is_string() {
            assert_eq!(property["type"], real["type"], "{path}");
        }
        assert_properties(&path, property, real);
    }
    for inner in ["items", "additionalProperties"] {
        if ours[inner].is_object() && theirs[inner].is_object() {
            assert_properties(&format!("{path}[]"), &ours[inner], &theirs[inner]);
        }
    }
}
