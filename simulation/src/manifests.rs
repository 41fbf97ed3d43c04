//! What people write: an organization with two environments on two clusters, and components of several kinds.

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_core::kind::Kind;
use openchoreo_types::v1alpha1::{
    Build, BuildPlane, Component, ConfigurationGroup, DataPlane, DeployableArtifact, Deployment, DeploymentPipeline,
    DeploymentTrack, Environment, Organization, Project,
};
use serde_json::{Value, json};

/// The organization, and the namespace of all that is written.
pub(crate) const ACME: &str = "acme";
/// Where what is deployed by itself runs.
pub(crate) const DEVELOPMENT: &str = "development";
/// Where people deploy.
pub(crate) const PRODUCTION: &str = "production";

/// A component that was never meant for callers without a token.
pub(crate) const GUARDED: &str = "guarded";

/// An object that somebody writes.
pub(crate) type Manifest = (Kind, Value);

fn ours<K>(name: &str, labels: Value, spec: Value) -> Manifest
where
    K: openchoreo_core::kube::Resource<DynamicType = ()> + 'static,
    K::Scope: 'static,
{
    let kind = Kind::of::<K>();
    let mut metadata = json!({ "name": name });
    if kind.namespaced {
        metadata["namespace"] = ACME.into();
    }
    if labels.is_object() {
        metadata["labels"] = labels;
    }
    (kind, json!({ "metadata": metadata, "spec": spec }))
}

/// The namespace of the organization, which an administrator labelled.
pub(crate) fn namespace() -> Manifest {
    let labels = json!({ "openchoreo.dev/organization": ACME });
    (Kind::of::<Namespace>(), json!({ "metadata": { "name": ACME, "labels": labels } }))
}

pub(crate) fn organization() -> Manifest {
    ours::<Organization>(ACME, Value::Null, json!({}))
}

fn cluster(server: &str, token: &str) -> Value {
    let credentials = json!({ "apiServerURL": format!("https://{server}.example:6443"), "token": token });
    json!({ "kubernetesCluster": { "name": server, "credentials": credentials } })
}

/// A registration of a cluster.
pub(crate) fn data_plane(name: &str, server: &str, token: &str) -> Manifest {
    ours::<DataPlane>(name, Value::Null, cluster(server, token))
}

/// A registration that leads nowhere.
pub(crate) fn unusable_data_plane(name: &str) -> Manifest {
    ours::<DataPlane>(name, Value::Null, json!({ "kubernetesCluster": { "name": name } }))
}

pub(crate) fn build_plane(server: &str) -> Manifest {
    ours::<BuildPlane>("builds", Value::Null, cluster(server, "token"))
}

pub(crate) fn environment(name: &str, plane: &str) -> Manifest {
    let keys = json!({ "remoteJwks": { "uri": "https://keys.example/jwks" } });
    let gateway = json!({ "dnsPrefix": name, "security": keys });
    ours::<Environment>(name, Value::Null, json!({ "dataPlaneRef": plane, "gateway": gateway }))
}

pub(crate) fn pipeline(first: &str, second: &str) -> Manifest {
    let path = json!({ "sourceEnvironmentRef": first, "targetEnvironmentRefs": [{ "name": second }] });
    ours::<DeploymentPipeline>("pipeline", Value::Null, json!({ "promotionPaths": [path] }))
}

pub(crate) fn project(name: &str) -> Manifest {
    ours::<Project>(name, Value::Null, json!({ "deploymentPipelineRef": "pipeline" }))
}

pub(crate) fn group(value: usize) -> Manifest {
    let values = [DEVELOPMENT, PRODUCTION].map(|name| json!({ "environment": name, "value": format!("v{value}") }));
    ours::<ConfigurationGroup>(
        "settings",
        Value::Null,
        json!({ "configurations": [{ "key": "level", "values": values }] }),
    )
}

pub(crate) fn component(name: &str, project: &str) -> Manifest {
    ours::<Component>(name, Value::Null, json!({ "owner": { "projectName": project }, "type": "Service" }))
}

pub(crate) fn track(component: &str) -> Manifest {
    let labels = json!({ "openchoreo.dev/component": component, "openchoreo.dev/name": "main" });
    ours::<DeploymentTrack>(&format!("{component}-main"), labels, json!({ "autoDeploy": true }))
}

/// Who may reach a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Openness {
    /// Its project.
    Project,
    /// Its organization.
    Organization,
    /// Everybody with a token.
    Guarded,
    /// Everybody.
    Everybody,
}

/// How a component is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Configuration {
    /// By itself.
    Plain,
    /// With a value of the configuration group.
    FromGroup,
    /// With a group that does not exist.
    Missing,
    /// As no server would take it.
    Wrong,
}

/// The artifact of a component.
pub(crate) fn artifact(component: &str, version: usize, openness: Openness, configuration: Configuration) -> Manifest {
    let from = |group: &str| json!({ "configurationGroupRef": { "name": group, "key": "level" } });
    let variable = match configuration {
        Configuration::Plain => json!({ "key": "LEVEL", "value": "info" }),
        Configuration::FromGroup => json!({ "key": "LEVEL", "valueFrom": from("settings") }),
        Configuration::Missing => json!({ "key": "LEVEL", "valueFrom": from("nowhere") }),
        Configuration::Wrong => json!({ "key": "NO=NAME", "value": "info" }),
    };
    let spec = json!({
        "targetArtifact": { "fromImageRef": { "tag": format!("registry.example.com/{component}:{version}") } },
        "configuration": { "endpointTemplates": [endpoint(openness)], "application": { "env": [variable] } },
    });
    ours::<DeployableArtifact>(&format!("{component}-image"), of_track(component), spec)
}

fn of_track(component: &str) -> Value {
    json!({ "openchoreo.dev/component": component, "openchoreo.dev/deployment-track": "main" })
}

fn endpoint(openness: Openness) -> Value {
    let policy = json!({ "name": "tokens", "type": "oauth2", "policySpec": { "oauth2": { "jwt": {
        "claims": [{ "key": "aud", "values": ["shop"] }],
        "authorization": { "apiType": "REST", "rest": { "operations": [{ "method": "GET", "target": "/", "scopes": ["read"] }], "claimsToHeaders": [] } },
    } } } });
    let visibilities = match openness {
        Openness::Project => json!({}),
        Openness::Organization => json!({ "organization": { "enable": true } }),
        Openness::Guarded => json!({ "public": { "enable": true, "policies": [policy] } }),
        Openness::Everybody => json!({ "public": { "enable": true } }),
    };
    let backend = json!({ "type": "componentRef", "basePath": "/", "componentRef": { "port": 8080 } });
    json!({ "metadata": { "name": "web" }, "spec": { "type": "HTTP", "backendRef": backend, "networkVisibilities": visibilities } })
}

/// A Deployment of a component into production.
pub(crate) fn promotion(component: &str) -> Manifest {
    let mut labels = of_track(component);
    labels["openchoreo.dev/environment"] = PRODUCTION.into();
    labels["openchoreo.dev/name"] = format!("{component}-{PRODUCTION}").into();
    let spec = json!({ "deploymentArtifactRef": format!("{component}-image") });
    ours::<Deployment>(&format!("{component}-{PRODUCTION}"), labels, spec)
}

/// A build of a component of the project `shop`.
pub(crate) fn build(component: &str, number: usize) -> Manifest {
    let repository =
        json!({ "url": "https://git.example.com/shop.git", "revision": { "branch": "main" }, "appPath": "/" });
    let spec = json!({
        "owner": { "projectName": "shop", "componentName": component }, "repository": repository,
        "templateRef": { "engine": "argo", "name": "docker" },
    });
    ours::<Build>(&format!("{component}-build-{number}"), of_track(component), spec)
}
