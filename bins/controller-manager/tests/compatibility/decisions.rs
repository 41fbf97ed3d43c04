//! Cases of what is decided: whether conditions have to be written, what endpoints are labelled with, what is published
//! and through which gateway.

use std::sync::Arc;

use openchoreo_core::conditions::{ConditionStatus, Finding, ReasonInfo, merge};
use openchoreo_core::k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use openchoreo_core::k8s_openapi::jiff::Timestamp;
use openchoreo_core::kind::PlaneKey;
use openchoreo_core::naming::Visibility;
use openchoreo_core::platform::Platform;
use serde_json::{Value, json};

use crate::stage::{Names, Stage};
use crate::{Case, Start, text};

/// The image of components of which only something else matters.
const IMAGE: &str = "registry.example.com/any:1";

/// What is decided in a case of these families.
pub(crate) fn run(case: &Case, start: Start) -> Option<Value> {
    match case.family.as_str() {
        "controller.need_condition_update" => Some(json!({"updateNeeded": is_update_needed(&case.input)})),
        "legacy.endpoint_labels" => Some(endpoint_labels(&case.input, &case.expected, start)),
        "legacy.visibility" => Some(visibility(&case.input, &case.expected, start)),
        _ => None,
    }
}

/// Whether conditions that were found have to be written over those that an object shows.
fn is_update_needed(input: &Value) -> bool {
    let conditions = |name: &str| input[name].as_array().expect("conditions").clone();
    let times = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"].map(|time| time.parse::<Timestamp>().expect("a time"));
    let shown: Vec<Condition> = conditions("current")
        .into_iter()
        .map(|mut condition| {
            for name in ["reason", "message"] {
                let text = condition[name].take();
                condition[name] = text.as_str().unwrap_or_default().into();
            }
            condition["lastTransitionTime"] = times[0].to_string().into();
            serde_json::from_value(condition).expect("a condition")
        })
        .collect();
    let found = conditions("updated");
    let generation = found.first().and_then(|condition| condition["observedGeneration"].as_i64());
    let findings: Vec<Finding> = found.iter().map(finding).collect();
    merge(&shown, &findings, generation, times[1]) != shown
}

fn finding(condition: &Value) -> Finding {
    // Reasons are declared in the program; those of a case live as long as the test does.
    let fixed = |name: &str| -> &'static str { text(condition, name).to_owned().leak() };
    let status = match text(condition, "/status") {
        "True" => ConditionStatus::True,
        "False" => ConditionStatus::False,
        _ => ConditionStatus::Unknown,
    };
    let reason = ReasonInfo {
        kind: "*",
        condition: fixed("/type"),
        status,
        reason: fixed("/reason"),
        meaning: "a reason of the case",
    };
    Finding { reason, message: text(condition, "/message").to_owned() }
}

/// The labels of the Endpoint that a Deployment makes of a template. The case names all but the template by what it
/// expects.
fn endpoint_labels(input: &Value, expected: &Value, start: Start) -> Value {
    let name = |label: &str| text(expected, &format!("/openchoreo.dev~1{label}")).to_owned();
    let [organization, project, environment, component, track, deployment] =
        ["organization", "project", "environment", "component", "deployment-track", "deployment"].map(name);
    let names = Names {
        organization: &organization,
        project: &project,
        environment: &environment,
        component: &component,
        track: &track,
        deployment: &deployment,
    };
    let mut template = input["endpointTemplate"].clone();
    template["spec"] = json!({"type": "HTTP", "backendRef": backend()});
    let mut stage = Stage::new(&platform(start), names);
    stage.deploy("Service", IMAGE, &json!({"endpointTemplates": [template]}));
    let endpoints = stage.of_kind(&PlaneKey::Control, "Endpoint");
    assert_eq!(endpoints.len(), 1, "{endpoints:#?}");
    endpoints[0].1["metadata"]["labels"].clone()
}

/// The gateway of a visibility, or whether an endpoint is published there.
fn visibility(input: &Value, expected: &Value, start: Start) -> Value {
    let visibility = match text(input, "/strategy") {
        "public" => Visibility::Public,
        "organization" => Visibility::Organization,
        other => panic!("the case asks for the visibility `{other}`"),
    };
    let platform = platform(start);
    let gateway = platform.settings().gateway(visibility, NAMES.organization);
    if expected.get("gateway").is_some() {
        return json!({"gateway": gateway});
    }
    let mut stage = Stage::new(&platform, NAMES);
    stage.gateways(&[&gateway]);
    let mut spec = input["endpoint"]["spec"].clone();
    spec["type"] = "HTTP".into();
    spec["backendRef"] = backend();
    let templates = json!({"endpointTemplates": [{"metadata": {"name": "web"}, "spec": spec}]});
    stage.deploy(text(input, "/component/spec/type"), IMAGE, &templates);
    let routes = stage.of_kind(&stage.plane.clone(), "HTTPRoute");
    let is_there = routes.iter().any(|(_, route)| text(route, "/spec/parentRefs/0/name") == gateway);
    json!({"httpRouteRequired": is_there})
}

/// The address that a public web application is told to have, with compatible names.
pub(crate) fn address_of_web_application(
    organization: &str,
    project: &str,
    component: &str,
    environment: &str,
) -> String {
    let platform = platform(Start::Compatible);
    let names = Names { organization, project, component, environment, ..NAMES };
    let mut stage = Stage::new(&platform, names);
    stage.gateways(&[&platform.settings().gateway(Visibility::Public, organization)]);
    let spec = json!({
        "type": "HTTP", "backendRef": backend(), "networkVisibilities": {"public": {"enable": true}},
    });
    let templates = json!({"endpointTemplates": [{"metadata": {"name": "web"}, "spec": spec}]});
    stage.deploy("WebApplication", IMAGE, &templates);
    let endpoints = stage.of_kind(&PlaneKey::Control, "Endpoint");
    text(&endpoints[0].1, "/status/address").to_owned()
}

/// Names where none matters.
const NAMES: Names<'static> = Names {
    organization: "acme",
    project: "shop",
    environment: "development",
    component: "cart",
    track: "main",
    deployment: "cart-development",
};

fn backend() -> Value {
    json!({"type": "componentRef", "componentRef": {"port": 8080}, "basePath": "/"})
}

fn platform(start: Start) -> Arc<Platform> {
    Arc::new(start.platform().build().expect("the platform fits together"))
}
