//! The renderers against recorded cases of the compatible system. The cases are not part of the project; where they are
//! absent, the test says so and passes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use openchoreo_core::extension::{ComponentRenderer as _, WorkloadContext};
use openchoreo_core::hierarchy::{label_of, name_of, track_name};
use openchoreo_core::labels;
use openchoreo_core::naming::{CellId, CompatNaming, ComponentId, NamingScheme as _};
use openchoreo_core::plan::Rendered;
use openchoreo_dataplane::WorkloadSettings;
use openchoreo_dataplane::parts::labels::workload_labels;
use openchoreo_dataplane::parts::namespace::namespace;
use openchoreo_dataplane::parts::ports::workload_ports;
use openchoreo_dataplane::renderers::{LongRunningRenderer, ScheduledTaskRenderer};
use openchoreo_types::v1alpha1 as oc;
use serde_json::{Value, json};

/// Where this project deliberately departs from what is recorded: field, and why.
const DEPARTURES: &[(&str, &str)] = &[
    (
        "/spec/selector/matchLabels",
        "a selector cannot be changed later, so it holds only the five labels that identify a workload",
    ),
    ("/spec/selector", "the same of a Service"),
    (
        "/spec/schedule",
        "a CronJob without a schedule is refused by every API server; it is an error here, so the test adds one",
    ),
];

#[test]
fn recorded_cases_are_rendered_as_recorded() {
    let Some(folder) = shared_data() else {
        eprintln!("SKIPPED: no recorded cases; set OPENCHOREO_SHARED_DATA to run this test");
        return;
    };
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for entry in std::fs::read_dir(folder.join("render_cases")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let case: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a file")).expect("JSON");
        let family = case["renderer"].as_str().unwrap_or_default().to_owned();
        let Some(actual) = render(&family, &case["input"]) else { continue };
        let mut expected = case["expected"].clone();
        depart(&mut expected, &actual);
        compare(&path.display().to_string(), &case, &expected, &actual);
        *seen.entry(family).or_default() += 1;
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
}

fn shared_data() -> Option<PathBuf> {
    let named = std::env::var_os("OPENCHOREO_SHARED_DATA").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    named.into_iter().chain([beside]).find(|folder| folder.join("render_cases").is_dir())
}

fn render(family: &str, input: &Value) -> Option<Value> {
    let of_kind = |kind: &str| {
        let objects = workload(input).into_iter().filter(|rendered| rendered.kind().kind == kind);
        objects.map(|rendered| rendered.json()).collect::<Vec<_>>()
    };
    let one = |kind: &str| of_kind(kind).into_iter().next().expect("an object of the kind");
    Some(match family {
        "legacy.namespace" => {
            let cell = CellId::new("test-organization", "my-project", "test-environment");
            json!(namespace(&cell, &CompatNaming.cell_namespace(&cell).expect("a name")))
        }
        "legacy.configmaps" => json!(of_kind("ConfigMap")),
        "legacy.secret_provider_classes" => json!(of_kind("SecretProviderClass")),
        "legacy.cronjob" => one("CronJob"),
        "legacy.deployment" => one("Deployment"),
        "legacy.service" => one("Service"),
        "legacy.pod_spec" => pod_spec(input),
        "legacy.unique_ports" => {
            let templates: Vec<oc::EndpointTemplate> =
                serde_json::from_value(input["endpointTemplates"].clone()).expect("templates");
            let ports = workload_ports("the case", &templates).expect("ports");
            ports.iter().map(|p| json!({"name": p.name, "port": p.port, "protocol": p.protocol})).collect()
        }
        _ => return None,
    })
}

fn pod_spec(input: &Value) -> Value {
    let objects = workload(input);
    let paths = [("Deployment", "/spec/template/spec"), ("CronJob", "/spec/jobTemplate/spec/template/spec")];
    let found = paths.iter().find_map(|(kind, path)| {
        objects.iter().find(|rendered| rendered.kind().kind == *kind)?.json().pointer(path).cloned()
    });
    found.expect("a pod")
}

/// Completes what the recorded inputs leave out and renders the workload.
fn workload(input: &Value) -> Vec<Rendered> {
    let mut input = input.clone();
    if input["component"]["spec"]["type"].is_null() {
        input["component"]["spec"]["type"] = "Service".into();
    }
    input["component"]["spec"]["owner"] = json!({"projectName": "my-project"});
    input["deployableArtifact"]["spec"]["targetArtifact"] = json!({});
    let scheduled = input["component"]["spec"]["type"] == "ScheduledTask";
    if scheduled {
        input["deployableArtifact"]["spec"]["configuration"]["application"]["task"]["schedule"]["cron"] =
            "@daily".into();
    }
    let component: oc::Component = typed(&input["component"]);
    let (project, track, artifact): (oc::Project, oc::DeploymentTrack, oc::DeployableArtifact) =
        (typed(&input["project"]), typed(&input["deploymentTrack"]), typed(&input["deployableArtifact"]));
    let (environment, deployment): (oc::Environment, oc::Deployment) = (typed(&input["environment"]), {
        input["deployment"]["spec"] = json!({"deploymentArtifactRef": "my-artifact"});
        typed(&input["deployment"])
    });
    let groups: BTreeMap<String, Arc<oc::ConfigurationGroup>> = input["configurationGroups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|group| Arc::new(typed::<oc::ConfigurationGroup>(group)))
        .map(|group| (label_of(&*group, labels::NAME).expect("a name").to_owned(), group))
        .collect();
    let id = ComponentId::new("test-organization", name_of(&project), name_of(&component));
    let cell = id.project().cell(name_of(&environment));
    let workload_labels =
        workload_labels(&id, &component.spec.type_, track_name(&track), cell.environment, "my-deployment");
    let context = WorkloadContext {
        id,
        cell,
        namespace: &CompatNaming.cell_namespace(&cell).expect("a name"),
        naming: &CompatNaming,
        project: &project,
        component: &component,
        track: &track,
        environment: &environment,
        data_plane: &oc::DataPlane::default(),
        artifact: &artifact,
        deployment: &deployment,
        image: input["containerImage"].as_str().expect("an image"),
        configuration_groups: &groups,
        labels: &workload_labels,
    };
    let settings = WorkloadSettings::default();
    let rendered = if scheduled {
        ScheduledTaskRenderer::new(settings).render(&context)
    } else {
        LongRunningRenderer::service(settings).render(&context)
    };
    rendered.expect("the case can be rendered")
}

fn typed<K: serde::de::DeserializeOwned>(value: &Value) -> K {
    serde_json::from_value(value.clone()).expect("an object of the kind")
}

/// Puts what is rendered into the fields where this project departs.
fn depart(expected: &mut Value, actual: &Value) {
    for (pointer, _) in DEPARTURES {
        if let (Some(recorded), Some(rendered)) = (expected.pointer_mut(pointer), actual.pointer(pointer)) {
            *recorded = rendered.clone();
        }
    }
}

fn compare(path: &str, case: &Value, expected: &Value, actual: &Value) {
    let unordered: Vec<&str> = case["unordered"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (mut expected, mut actual) = (expected.clone(), actual.clone());
    for list in [&mut expected, &mut actual] {
        // Groups are rendered by name; the recorded order is that of the input.
        sort(list);
        for path in &unordered {
            let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
            if let Some(list) = list.pointer_mut(&pointer) {
                sort(list);
            }
        }
    }
    assert!(contains(&actual, &expected), "{path}\nexpected: {expected:#}\nactual: {actual:#}");
    if case["match"] == "exact" {
        let labels = |value: &Value| value.pointer("/metadata/labels").cloned();
        assert_eq!(labels(&actual), labels(&expected), "{path}");
        let data =
            |value: &Value| value.as_array().into_iter().flatten().map(|o| o["data"].clone()).collect::<Vec<_>>();
        assert_eq!(data(&actual), data(&expected), "{path}");
    }
}

fn sort(list: &mut Value) {
    if let Some(list) = list.as_array_mut() {
        list.sort_by_cached_key(|item| {
            item.pointer("/metadata/name").or_else(|| item.get("name")).map(ToString::to_string)
        });
    }
}

/// Whether every expected field is there; lists have exactly the expected length.
fn contains(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(name, value)| actual.get(name).is_some_and(|present| contains(present, value)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| contains(a, e))
        }
        _ => actual == expected,
    }
}
