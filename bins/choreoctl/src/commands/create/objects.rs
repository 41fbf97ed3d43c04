//! Flags to objects: no requests, no decisions beyond defaults.

use std::collections::{BTreeMap, BTreeSet};

use openchoreo_types::common::{KubernetesCluster, ProjectOwner, TemplateParameter, TemplateRef};
use openchoreo_types::v1alpha1::{
    BuildPlane, BuildPlaneSpec, BuildSelector, Component, ComponentBuild, ComponentRepository, ComponentSpec,
    ConfigurationGroup, ConfigurationGroupSpec, ConfigurationParameter, ConfigurationValue, ContainerRegistry,
    DataPlane, DataPlaneGateway, DataPlaneSpec, DefaultRevision, DeployableArtifact, DeployableArtifactSpec,
    Deployment, DeploymentPipeline, DeploymentPipelineSpec, DeploymentSpec, DeploymentTrack, DeploymentTrackSpec,
    Environment, EnvironmentGateway, EnvironmentSpec, ImageSelector, Organization, OrganizationSpec, Project,
    ProjectSpec, PromotionPath, TargetArtifact, TargetEnvironment,
};
use openchoreo_types::{PlatformKind, labels};

use crate::args::{
    CreateBuildPlane, CreateComponent, CreateConfigurationGroup, CreateDataPlane, CreateDeployableArtifact,
    CreateDeployment, CreateDeploymentPipeline, CreateDeploymentTrack, CreateEnvironment, CreateOrganization,
    CreateProject, OwnerArgs,
};
use crate::error::CliError;

pub(super) fn organization(args: &CreateOrganization) -> Organization {
    Organization::new(&args.object.name, OrganizationSpec::default())
}

pub(super) fn project(args: &CreateProject) -> Project {
    Project::new(&args.object.name, ProjectSpec { deployment_pipeline_ref: args.deployment_pipeline.clone() })
}

pub(super) fn component(args: &CreateComponent) -> Component {
    let build = args.git_url.as_ref().map(|url| ComponentBuild {
        repository: ComponentRepository {
            url: url.clone(),
            revision: DefaultRevision { branch: args.branch.clone() },
            app_path: args.app_path.clone(),
        },
        template_ref: TemplateRef {
            name: args.template.clone().unwrap_or_default(),
            parameters: args
                .parameters
                .iter()
                .map(|(name, value)| TemplateParameter { name: name.clone(), value: value.clone() })
                .collect(),
            ..TemplateRef::default()
        },
    });
    let owner = ProjectOwner { project_name: args.project.clone() };
    let spec = ComponentSpec { owner, type_: args.component_type.clone(), build };
    with_labels(
        Component::new(&args.object.name, spec),
        [(labels::PROJECT, args.project.as_str()), (labels::TYPE, args.component_type.as_str())],
    )
}

pub(super) fn environment(args: &CreateEnvironment) -> Environment {
    let gateway = args
        .dns_prefix
        .as_ref()
        .map(|prefix| EnvironmentGateway { dns_prefix: Some(prefix.clone()), ..EnvironmentGateway::default() });
    Environment::new(
        &args.object.name,
        EnvironmentSpec { data_plane_ref: Some(args.data_plane.clone()), is_production: args.production, gateway },
    )
}

pub(super) fn data_plane(args: &CreateDataPlane, kubernetes_cluster: KubernetesCluster) -> DataPlane {
    let hosts = (args.public_virtual_host.clone(), args.organization_virtual_host.clone());
    let gateway = (hosts != (None, None))
        .then_some(DataPlaneGateway { public_virtual_host: hosts.0, organization_virtual_host: hosts.1 });
    let registry = args
        .registry
        .as_ref()
        .map(|prefix| ContainerRegistry { prefix: Some(prefix.clone()), ..ContainerRegistry::default() });
    let spec = DataPlaneSpec { kubernetes_cluster, registry, gateway, ..DataPlaneSpec::default() };
    DataPlane::new(&args.object.name, spec)
}

pub(super) fn build_plane(args: &CreateBuildPlane, kubernetes_cluster: KubernetesCluster) -> BuildPlane {
    BuildPlane::new(&args.object.name, BuildPlaneSpec { kubernetes_cluster, ..BuildPlaneSpec::default() })
}

/// Every environment promotes to the next one.
pub(super) fn deployment_pipeline(args: &CreateDeploymentPipeline) -> Result<DeploymentPipeline, CliError> {
    let order = &args.environment_order;
    let distinct: BTreeSet<&String> = order.iter().collect();
    if order.len() < 2 || distinct.len() != order.len() || order.iter().any(String::is_empty) {
        return Err(CliError::usage(
            "`--environment-order` needs at least two environments, each once",
            "write for example `--environment-order development,staging,production`",
        ));
    }
    if let Some(stranger) = args.require_approval.iter().find(|name| !distinct.contains(name)) {
        return Err(CliError::usage(
            format!("`--require-approval` names `{stranger}`, which is not in `--environment-order`"),
            format!("the environments are {}", crate::error::quoted(order)),
        ));
    }
    let promotion_paths = order
        .iter()
        .zip(order.iter().skip(1))
        .map(|(source, target)| PromotionPath {
            source_environment_ref: source.clone(),
            target_environment_refs: vec![TargetEnvironment {
                name: target.clone(),
                requires_approval: args.require_approval.contains(target),
                ..TargetEnvironment::default()
            }],
        })
        .collect();
    Ok(DeploymentPipeline::new(&args.object.name, DeploymentPipelineSpec { promotion_paths }))
}

pub(super) fn deployment_track(args: &CreateDeploymentTrack) -> DeploymentTrack {
    let spec = DeploymentTrackSpec { auto_deploy: args.auto_deploy, ..DeploymentTrackSpec::default() };
    let version = args.api_version.as_deref().map(|version| (labels::VERSION, version));
    let track = with_labels(DeploymentTrack::new(&args.object.name, spec), owner_labels(&args.owner));
    with_labels(track, version)
}

pub(super) fn deployable_artifact(args: &CreateDeployableArtifact) -> DeployableArtifact {
    let from_build = (args.build.is_some() || args.git_revision.is_some())
        .then(|| BuildSelector { name: args.build.clone(), git_revision: args.git_revision.clone() });
    let from_image =
        args.image_tag.as_ref().map(|tag| ImageSelector { tag: Some(tag.clone()), ..ImageSelector::default() });
    let spec = DeployableArtifactSpec {
        target_artifact: TargetArtifact { from_build_ref: from_build, from_image_ref: from_image },
        configuration: None,
    };
    let artifact = with_labels(DeployableArtifact::new(&args.object.name, spec), owner_labels(&args.owner));
    with_labels(artifact, [(labels::DEPLOYMENT_TRACK, args.deployment_track.as_str())])
}

pub(super) fn deployment(args: &CreateDeployment) -> Deployment {
    let spec =
        DeploymentSpec { deployment_artifact_ref: args.deployable_artifact.clone(), ..DeploymentSpec::default() };
    let deployment = with_labels(Deployment::new(&args.object.name, spec), owner_labels(&args.owner));
    with_labels(
        deployment,
        [(labels::DEPLOYMENT_TRACK, args.deployment_track.as_str()), (labels::ENVIRONMENT, args.environment.as_str())],
    )
}

pub(super) fn configuration_group(args: &CreateConfigurationGroup) -> ConfigurationGroup {
    let mut by_key: BTreeMap<&String, Vec<ConfigurationValue>> = BTreeMap::new();
    for value in &args.values {
        by_key.entry(&value.key).or_default().push(ConfigurationValue {
            environment: Some(value.environment.clone()),
            value: Some(value.value.clone()),
            ..ConfigurationValue::default()
        });
    }
    let configurations =
        by_key.into_iter().map(|(key, values)| ConfigurationParameter { key: key.clone(), values }).collect();
    ConfigurationGroup::new(
        &args.object.name,
        ConfigurationGroupSpec { configurations, ..ConfigurationGroupSpec::default() },
    )
}

fn owner_labels(owner: &OwnerArgs) -> [(&'static str, &str); 2] {
    [(labels::PROJECT, owner.project.as_str()), (labels::COMPONENT, owner.component.as_str())]
}

pub(super) fn with_labels<'a, K: PlatformKind>(
    mut object: K,
    added: impl IntoIterator<Item = (&'static str, &'a str)>,
) -> K {
    let labels = object.meta_mut().labels.get_or_insert_default();
    labels.extend(added.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
    object
}
