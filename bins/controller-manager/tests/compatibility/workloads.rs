//! Cases of workloads and of what a cell is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use openchoreo_core::extension::{ComponentRenderer as _, IsolationContext, WorkloadContext};
use openchoreo_core::hierarchy::{label_of, name_of, track_name};
use openchoreo_core::labels;
use openchoreo_core::naming::{CellId, CompatNaming, ComponentId, NamingScheme as _};
use openchoreo_core::plan::Rendered;
use openchoreo_core::platform::PlatformSettings;
use openchoreo_core::pod_security::PodSecurity;
use openchoreo_core::resources::ResourceBounds;
use openchoreo_dataplane::parts::labels::{cell_labels, workload_labels};
use openchoreo_dataplane::parts::namespace::namespace;
use openchoreo_dataplane::parts::ports::workload_ports;
use openchoreo_dataplane::renderers::{LongRunningRenderer, ScheduledTaskRenderer};
use openchoreo_dataplane::{WorkloadSettings, WorkloadStyle};
use openchoreo_net::builtin_dialects;
use openchoreo_types::v1alpha1 as oc;
use serde_json::{Value, json};

use crate::{Case, Start, text};

/// The schedule of tasks whose case has none; not one that anybody would write as a default.
const SCHEDULE: &str = "23 5 * * 2";

/// What is rendered for a case of these families.
pub(crate) fn run(case: &Case, start: Start) -> Option<Value> {
    let input = &case.input;
    let of_kind = |kind: &str| -> Vec<Value> {
        let objects = workload(input, start).into_iter().filter(|rendered| rendered.kind().kind == kind);
        objects.map(|rendered| without_kind(rendered.json())).collect()
    };
    let one = |kind: &str| {
        let mut objects = of_kind(kind);
        assert_eq!(objects.len(), 1, "{}: {objects:#?}", case.id);
        objects.remove(0)
    };
    Some(match case.family.as_str() {
        "legacy.namespace" => {
            let cell = cell(input);
            let name = CompatNaming.cell_namespace(&cell).expect("a name");
            without_kind(Rendered::new(&namespace(&cell, &name, PodSecurity::default())).json())
        }
        "legacy.cilium_network_policy" => cilium_policy(&cell(input), text(&case.expected, "/metadata/name")),
        "legacy.configmaps" => of_kind("ConfigMap").into(),
        "legacy.secret_provider_classes" => of_kind("SecretProviderClass").into(),
        "legacy.cronjob" => one("CronJob"),
        "legacy.deployment" => one("Deployment"),
        "legacy.service" => one("Service"),
        "legacy.pod_spec" => pod_spec(input, start),
        "legacy.unique_ports" => {
            let templates: Vec<oc::EndpointTemplate> = typed(&input["endpointTemplates"]);
            let ports = workload_ports("the case", &templates).expect("ports");
            ports.iter().map(|p| json!({"name": p.name, "port": p.port, "protocol": p.protocol})).collect()
        }
        _ => return None,
    })
}

fn cell(input: &Value) -> CellId<'_> {
    CellId::new(
        text(input, "/project/metadata/labels/openchoreo.dev~1organization"),
        text(input, "/project/metadata/labels/openchoreo.dev~1name"),
        text(input, "/environment/metadata/labels/openchoreo.dev~1name"),
    )
}

/// The policy of a name among all that the shipped dialects make of a cell.
fn cilium_policy(cell: &CellId<'_>, name: &str) -> Value {
    let context = IsolationContext {
        namespace: &CompatNaming.cell_namespace(cell).expect("a name"),
        isolation: &PlatformSettings::default().isolation_of_cell(cell.organization).expect("an isolation"),
        labels: &cell_labels(cell),
    };
    let policies = builtin_dialects().into_iter().flat_map(|dialect| dialect.policies(&context).expect("policies"));
    let mut found = policies.filter(|policy| policy.kind().kind == "CiliumNetworkPolicy" && policy.key().name == name);
    found.next().expect("the policy").json()
}

/// Cases choose objects by their kind and do not repeat it.
fn without_kind(mut object: Value) -> Value {
    if let Some(members) = object.as_object_mut() {
        members.retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind"));
    }
    object
}

fn pod_spec(input: &Value, start: Start) -> Value {
    let objects = workload(input, start);
    let paths = [("Deployment", "/spec/template/spec"), ("CronJob", "/spec/jobTemplate/spec/template/spec")];
    let found = paths.iter().find_map(|(kind, path)| {
        objects.iter().find(|rendered| rendered.kind().kind == *kind)?.json().pointer(path).cloned()
    });
    found.expect("a pod")
}

/// Completes what the recorded inputs leave out and renders the workload.
fn workload(input: &Value, start: Start) -> Vec<Rendered> {
    let mut input = input.clone();
    let project = input["project"]["metadata"]["name"].clone();
    let spec = &mut input["component"]["spec"];
    if spec["type"].is_null() {
        spec["type"] = "Service".into();
    }
    let scheduled = spec["type"] == "ScheduledTask";
    spec["owner"] = json!({"projectName": project});
    input["deployableArtifact"]["spec"]["targetArtifact"] = json!({});
    input["deployment"]["spec"] = json!({"deploymentArtifactRef": input["deployableArtifact"]["metadata"]["name"]});
    let cron = "/deployableArtifact/spec/configuration/application/task/schedule/cron";
    if scheduled && input.pointer(cron).is_none() {
        input["deployableArtifact"]["spec"]["configuration"]["application"]["task"]["schedule"]["cron"] =
            SCHEDULE.into();
    }
    let component: oc::Component = typed(&input["component"]);
    let (project, track, artifact): (oc::Project, oc::DeploymentTrack, oc::DeployableArtifact) =
        (typed(&input["project"]), typed(&input["deploymentTrack"]), typed(&input["deployableArtifact"]));
    let (environment, deployment): (oc::Environment, oc::Deployment) =
        (typed(&input["environment"]), typed(&input["deployment"]));
    let groups: Vec<oc::ConfigurationGroup> = typed(&input["configurationGroups"]);
    let groups: BTreeMap<String, Arc<oc::ConfigurationGroup>> = groups
        .into_iter()
        .map(|group| (label_of(&group, labels::NAME).expect("a name").to_owned(), Arc::new(group)))
        .collect();
    let cell = cell(&input);
    let id = ComponentId::new(cell.organization, name_of(&project), name_of(&component));
    let own_name = label_of(&deployment, labels::NAME).expect("a name");
    let workload_labels = workload_labels(&id, &component.spec.type_, track_name(&track), cell.environment, own_name);
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
        image: text(&input, "/containerImage"),
        pod_security: PodSecurity::default(),
        resources: &ResourceBounds::default(),
        configuration_groups: &groups,
        labels: &workload_labels,
    };
    let style = match start {
        Start::Plain => WorkloadStyle::Platform,
        Start::Compatible => WorkloadStyle::Upstream,
    };
    let settings = WorkloadSettings { style, ..WorkloadSettings::default() };
    let rendered = if scheduled {
        ScheduledTaskRenderer::new(settings).render(&context)
    } else {
        LongRunningRenderer::service(settings).render(&context)
    };
    rendered.expect("the case can be rendered")
}

fn typed<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("what the case says")
}
