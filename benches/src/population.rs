//! An organization of any size, as documents: what people would have written, and nothing that the platform makes.
//!
//! Projects of 50 components, each project in a namespace of its own. A component has a track that deploys by itself
//! and one artifact with a finished image, so the platform makes its Deployment, its Endpoint and its workload. Builds
//! are left out: their time is that of the steps they run.

use serde_json::{Value, json};

/// The organization.
pub const ORGANIZATION: &str = "acme";
/// Its data plane.
pub const DATA_PLANE: &str = "default-dataplane";
/// Components in one project.
const PROJECT_SIZE: usize = 50;

/// The documents of an organization without projects: what its administrators write, except for its data plane.
pub fn organization() -> Vec<Value> {
    let labels = json!({ "openchoreo.dev/organization": ORGANIZATION });
    vec![
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": ORGANIZATION, "labels": labels } }),
        ours("Organization", json!({ "name": ORGANIZATION }), json!({})),
        ours(
            "Environment",
            json!({ "name": "development", "namespace": ORGANIZATION }),
            json!({ "dataPlaneRef": DATA_PLANE, "gateway": { "dnsPrefix": "dev" } }),
        ),
        ours(
            "DeploymentPipeline",
            json!({ "name": "pipeline", "namespace": ORGANIZATION }),
            json!({ "promotionPaths": [{ "sourceEnvironmentRef": "development", "targetEnvironmentRefs": [] }] }),
        ),
    ]
}

/// A registration of the data plane that no one will connect to: for runs without a network.
pub fn data_plane() -> Value {
    let credentials = json!({ "apiServerURL": "https://plane.example.com:6443", "token": "unused" });
    ours(
        "DataPlane",
        json!({ "name": DATA_PLANE, "namespace": ORGANIZATION }),
        json!({ "kubernetesCluster": { "name": DATA_PLANE, "credentials": credentials } }),
    )
}

/// The documents of the projects that hold a number of components, parents first.
pub fn projects(components: usize) -> Vec<Value> {
    let mut documents = Vec::new();
    for project in 0..components.div_ceil(PROJECT_SIZE) {
        let name = project_name(project);
        let labels = json!({ "openchoreo.dev/organization": ORGANIZATION, "openchoreo.dev/project": name });
        documents.push(json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels },
        }));
        documents.push(ours(
            "Project",
            json!({ "name": name, "namespace": ORGANIZATION }),
            json!({ "deploymentPipelineRef": "pipeline" }),
        ));
    }
    documents
}

/// The documents of the component of a number: itself, its track, its artifact.
pub fn component(number: usize) -> [Value; 3] {
    let (project, name) = (namespace(number), component_name(number));
    let child = |suffix: &str, label: &str, value: &str| {
        json!({
            "name": format!("{name}-{suffix}"), "namespace": project,
            "labels": { "openchoreo.dev/component": name, label: value },
        })
    };
    let endpoint = json!({
        "metadata": { "name": "http" },
        "spec": {
            "type": "HTTP",
            "backendRef": { "type": "componentRef", "basePath": "/", "componentRef": { "port": 8080 } },
            "networkVisibilities": { "public": { "enable": true } },
        },
    });
    let application = json!({ "env": [{ "key": "LOG_LEVEL", "value": "info" }] });
    [
        ours(
            "Component",
            json!({ "name": name, "namespace": project }),
            json!({ "owner": { "projectName": project }, "type": "Service" }),
        ),
        ours("DeploymentTrack", child("main", "openchoreo.dev/name", "main"), json!({ "autoDeploy": true })),
        ours(
            "DeployableArtifact",
            child("v1", "openchoreo.dev/deployment-track", "main"),
            json!({
                "targetArtifact": { "fromImageRef": { "tag": image(number, 0) } },
                "configuration": { "endpointTemplates": [endpoint], "application": application },
            }),
        ),
    ]
}

/// The namespace of the component of a number.
pub fn namespace(number: usize) -> String {
    project_name(number / PROJECT_SIZE)
}

/// The name of its artifact.
pub fn artifact_name(number: usize) -> String {
    format!("{}-v1", component_name(number))
}

/// A finished image of it; the artifact is written with version 0.
pub fn image(number: usize, version: usize) -> String {
    format!("registry.example.com/{}:1.0.{version}", component_name(number))
}

fn component_name(number: usize) -> String {
    format!("service-{number:05}")
}

fn project_name(project: usize) -> String {
    format!("project-{project:03}")
}

fn ours(kind: &str, metadata: Value, spec: Value) -> Value {
    json!({ "apiVersion": "openchoreo.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec })
}
