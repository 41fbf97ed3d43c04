//! What a finished build is deployed as: the first configuration of its artifact.
//!
//! Pure. The artifact is made once and belongs to people from then on, so nothing here is ever applied over an edit.

use kube::Resource;
use kube::core::ObjectMeta;
use openchoreo_core::conditions::listed;
use openchoreo_core::hierarchy::{ComponentScope, child_labels, name_of};
use openchoreo_core::labels::{self, annotations};
use openchoreo_types::common::{Application, EndpointType, Task, TaskSchedule};
use openchoreo_types::v1alpha1::{
    ArtifactConfiguration, Build, BuildSelector, Component, ComponentType, DeployableArtifact, DeployableArtifactSpec,
    EndpointTemplate, TargetArtifact,
};

use crate::descriptor::{DescribedEndpoint, Descriptor, Exposure};

/// Name of the endpoint that a web application has where its repository describes none.
const WEB_ENDPOINT: &str = "webapp";
const WEB_PORT: u16 = 80;
/// Where images of the buildpacks for web servers listen.
const BUILDPACK_WEB_PORT: u16 = 8080;
/// How often a scheduled task runs where its repository does not say.
const DEFAULT_CRON: &str = "*/5 * * * *";
const DEFAULT_TIMEZONE: &str = "Etc/UTC";

/// Who may reach the endpoints of a component whose descriptor does not say it.
///
/// # Errors
/// The text of the annotation, where it says nothing that is known.
pub(super) fn default_exposure(component: &Component) -> Result<Exposure, String> {
    let text = component.metadata.annotations.as_ref().and_then(|all| all.get(annotations::VISIBILITY));
    text.map_or(Ok(Exposure::default()), |text| Exposure::parse(text).ok_or_else(|| text.clone()))
}

/// The artifact of a build, as it is created.
pub(super) fn artifact(
    scope: &ComponentScope,
    build: &Build,
    track: &str,
    descriptor: Option<&Descriptor>,
    exposure: Exposure,
) -> DeployableArtifact {
    let name = name_of(build);
    DeployableArtifact {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: build.metadata.namespace.clone(),
            labels: Some(child_labels(scope, name, &[(labels::DEPLOYMENT_TRACK, track), (labels::BUILD, name)])),
            owner_references: build.controller_owner_ref(&()).map(|reference| vec![reference]),
            ..ObjectMeta::default()
        },
        spec: DeployableArtifactSpec {
            target_artifact: TargetArtifact {
                from_build_ref: Some(BuildSelector { name: Some(name.to_owned()), git_revision: None }),
                from_image_ref: None,
            },
            configuration: Some(configuration(&scope.component, build, descriptor, exposure)),
        },
        status: None,
    }
}

fn configuration(
    component: &Component,
    build: &Build,
    descriptor: Option<&Descriptor>,
    exposure: Exposure,
) -> ArtifactConfiguration {
    let described = |descriptor: &Descriptor| -> Vec<EndpointTemplate> {
        descriptor.endpoints.iter().map(|endpoint| endpoint.template(exposure)).collect()
    };
    let endpoints = descriptor.map(described).unwrap_or_default();
    match component.spec.component_type() {
        ComponentType::WebApplication if endpoints.is_empty() => ArtifactConfiguration {
            endpoint_templates: vec![web_endpoint(build).template(exposure)],
            ..ArtifactConfiguration::default()
        },
        ComponentType::WebApplication
        | ComponentType::Service
        | ComponentType::Webhook
        | ComponentType::ApiProxy
        | ComponentType::EventHandler
        | ComponentType::Other(_) => {
            ArtifactConfiguration { endpoint_templates: endpoints, ..ArtifactConfiguration::default() }
        }
        ComponentType::ScheduledTask => {
            let schedule = descriptor.and_then(|descriptor| descriptor.schedule.clone());
            let schedule = schedule.unwrap_or_else(|| TaskSchedule {
                cron: DEFAULT_CRON.to_owned(),
                timezone: Some(DEFAULT_TIMEZONE.to_owned()),
            });
            let task = Task { disabled: false, schedule: Some(schedule) };
            ArtifactConfiguration {
                application: Some(Application { task: Some(task), ..Application::default() }),
                ..ArtifactConfiguration::default()
            }
        }
        ComponentType::ManualTask | ComponentType::TestRunner => ArtifactConfiguration::default(),
    }
}

fn web_endpoint(build: &Build) -> DescribedEndpoint {
    let template = build.spec.template_ref.name.to_ascii_lowercase();
    let listens_high = template.contains("php") || (template.contains("google") && template.contains("buildpack"));
    DescribedEndpoint {
        name: WEB_ENDPOINT.to_owned(),
        port: if listens_high { BUILDPACK_WEB_PORT } else { WEB_PORT },
        type_: EndpointType::Http,
        base_path: "/".to_owned(),
        exposure: None,
    }
}

/// What is to be said of an artifact that exists.
pub(super) fn describe(component: Option<&Component>, build: &Build, artifact: &DeployableArtifact) -> String {
    let name = name_of(artifact);
    let templates =
        artifact.spec.configuration.as_ref().map(|configuration| configuration.endpoint_templates.as_slice());
    let mut names =
        templates.unwrap_or_default().iter().filter_map(|template| template.metadata.name.as_deref()).peekable();
    if names.peek().is_some() {
        return format!("DeployableArtifact `{name}` has the endpoints {}", listed(names, ", "));
    }
    let serves = component.is_some_and(|component| component.spec.component_type() == ComponentType::Service);
    if serves {
        let path = build.spec.repository.app_path.trim_matches('/');
        let file =
            if path.is_empty() || path == "." { "workload.yaml".to_owned() } else { format!("{path}/workload.yaml") };
        return format!(
            "DeployableArtifact `{name}` has no endpoint, so nothing reaches the service: describe its endpoints in `{file}` of the repository and build again, or add them to `spec.configuration.endpointTemplates` of the artifact"
        );
    }
    format!("DeployableArtifact `{name}` exists")
}
