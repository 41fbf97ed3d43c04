//! The pod of a workload: one container, `main`.
//!
//! Containers may not gain privileges and run under the runtime's seccomp profile. Only where the namespace admits nothing
//! else are they forced to run as a user other than root and without capabilities, since images that listen on port 80
//! are common. Pods get no token of the Kubernetes API. In [upstream's style](super::style) they have none of this, but
//! where the namespace would not admit them so.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    ResourceRequirements, SeccompProfile, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use openchoreo_core::extension::{RenderError, WorkloadContext};
use openchoreo_core::hierarchy::name_of;
use openchoreo_core::labels::CONFIGURATION_DIGEST;
use openchoreo_core::naming::ImageReference;
use openchoreo_core::pod_security::PodSecurity;
use openchoreo_core::resources::{Excess, Resource};
use openchoreo_types::common::Application;
use openchoreo_types::quantity::{Amount, NotAQuantity};
use openchoreo_types::v1alpha1::ContainerRegistry;

use super::inputs::{self, Inputs, application_field};
use super::ports::WorkloadPort;
use super::style::PodStyle;
use super::{check, template_metadata};

/// Name of the container.
pub const MAIN_CONTAINER: &str = "main";

/// Whether a container that ends is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Of a process that should run for ever.
    Always,
    /// Of a task: its Job decides.
    Never,
}

impl RestartPolicy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::Never => "Never",
        }
    }
}

/// The pod template of a workload.
///
/// # Errors
/// The image, a limit or a probe cannot be used, or the container is too large to be stored.
pub fn pod_template(
    cx: &WorkloadContext<'_>,
    application: &Application,
    inputs: &Inputs,
    ports: &[WorkloadPort],
    restart: RestartPolicy,
    pods: PodStyle,
) -> Result<PodTemplateSpec, RenderError> {
    let digest = match pods {
        PodStyle::Full => inputs.digest(),
        PodStyle::Upstream => None,
    };
    let annotations = digest.map(|digest| (CONFIGURATION_DIGEST.to_owned(), digest)).into_iter().collect();
    Ok(PodTemplateSpec {
        metadata: Some(template_metadata(cx, annotations)),
        spec: Some(pod(cx, application, inputs, ports, restart, pods)?),
    })
}

fn pod(
    cx: &WorkloadContext<'_>,
    application: &Application,
    inputs: &Inputs,
    ports: &[WorkloadPort],
    restart: RestartPolicy,
    pods: PodStyle,
) -> Result<PodSpec, RenderError> {
    let registry = cx.data_plane.spec.registry.as_ref();
    let pull_secret = registry.and_then(ContainerRegistry::pull_secret).map(|name| cx.naming.pull_secret(name));
    let pull_secret = pull_secret.transpose().map_err(RenderError::naming("the pull Secret"))?;
    Ok(PodSpec {
        containers: vec![container(cx, application, inputs, ports, pods)?],
        volumes: none_if_empty(inputs.volumes(pods)),
        restart_policy: Some(restart.as_str().to_owned()),
        image_pull_secrets: pull_secret.map(|name| vec![LocalObjectReference { name: name.into_string() }]),
        automount_service_account_token: (pods == PodStyle::Full).then_some(false),
        security_context: is_confined(cx, pods).then(|| PodSecurityContext {
            run_as_non_root: is_restricted(cx).then_some(true),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), ..SeccompProfile::default() }),
            ..PodSecurityContext::default()
        }),
        ..PodSpec::default()
    })
}

fn container(
    cx: &WorkloadContext<'_>,
    application: &Application,
    inputs: &Inputs,
    ports: &[WorkloadPort],
    pods: PodStyle,
) -> Result<Container, RenderError> {
    let of = || format!("the image of DeployableArtifact `{}`", name_of(cx.artifact));
    cx.image.parse::<ImageReference>().map_err(RenderError::naming(of()))?;
    let names: BTreeSet<&str> = ports.iter().map(|port| port.name.as_str()).collect();
    let probes = application.probes.as_ref();
    let readiness = probes.and_then(|probes| probes.readiness_probe.as_ref());
    let liveness = probes.and_then(|probes| probes.liveness_probe.as_ref());
    let ports = ports.iter().map(|port| ContainerPort {
        name: Some(port.name.clone()),
        container_port: port.port,
        protocol: Some(port.protocol.to_owned()),
        ..ContainerPort::default()
    });
    let container = Container {
        name: MAIN_CONTAINER.to_owned(),
        image: Some(cx.image.to_owned()),
        args: none_if_empty(application.args.clone()),
        env: none_if_empty(inputs.variables(pods)),
        env_from: none_if_empty(inputs.variable_sources.clone()),
        volume_mounts: none_if_empty(inputs.mounts(pods)),
        ports: none_if_empty(ports.collect()),
        resources: resources(cx, application)?,
        readiness_probe: probe(cx, "readinessProbe", check::ProbeRole::Readiness, readiness, &names)?,
        liveness_probe: probe(cx, "livenessProbe", check::ProbeRole::Liveness, liveness, &names)?,
        security_context: is_confined(cx, pods).then(|| SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: is_restricted(cx)
                .then(|| Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    };
    let written = serde_json::to_string(&container).unwrap_or_default();
    check::size(written.len()).map_err(|problem| {
        let problem = format!("what the container is given {problem}; large texts can be `fileMounts`");
        RenderError::field(inputs::object(cx), "spec.configuration.application", problem)
    })?;
    Ok(container)
}

/// Whether pods are held to more than what was written for them: by their style, or since they are not admitted else.
fn is_confined(cx: &WorkloadContext<'_>, pods: PodStyle) -> bool {
    pods == PodStyle::Full || is_restricted(cx)
}

/// Whether only hardened pods are admitted.
fn is_restricted(cx: &WorkloadContext<'_>) -> bool {
    match cx.pod_security {
        PodSecurity::Restricted => true,
        PodSecurity::Baseline | PodSecurity::Privileged => false,
    }
}

/// A probe, checked.
fn probe(
    cx: &WorkloadContext<'_>,
    name: &str,
    role: check::ProbeRole,
    probe: Option<&Probe>,
    ports: &BTreeSet<&str>,
) -> Result<Option<Probe>, RenderError> {
    let Some(probe) = probe else { return Ok(None) };
    check::probe(probe, role, ports).map_err(|(field, problem)| {
        let point = if field.is_empty() { "" } else { "." };
        RenderError::field(inputs::object(cx), application_field(&format!("probes.{name}{point}{field}")), problem)
    })?;
    Ok(Some(probe.clone()))
}

/// Limits, and requests of the same size: what a component is promised is what it may use, so that one component
/// cannot take from another what both were counted for.
fn resources(cx: &WorkloadContext<'_>, application: &Application) -> Result<Option<ResourceRequirements>, RenderError> {
    let wrong =
        |field: &str, problem: String| RenderError::field(inputs::object(cx), application_field(field), problem);
    let limits = application.resource_limits.clone().unwrap_or_default();
    let mut said = BTreeMap::new();
    for (resource, given) in [(Resource::Cpu, limits.cpu), (Resource::Memory, limits.memory)] {
        let Some(given) = given else { continue };
        let amount: Amount = given
            .parse()
            .map_err(|error: NotAQuantity| wrong(&format!("resourceLimits.{resource}"), error.to_string()))?;
        said.insert(resource, amount);
    }
    cx.resources.check(cx.environment, &said, least_replicas(application)).map_err(|excess| match excess {
        Excess::Limit(resource, problem) => wrong(&format!("resourceLimits.{resource}"), problem),
        Excess::Replicas(problem) => wrong("scaling.hpa.minReplicas", problem),
    })?;
    let quantities: BTreeMap<String, Quantity> =
        said.into_iter().map(|(resource, amount)| (resource.to_string(), Quantity(amount.to_string()))).collect();
    Ok((!quantities.is_empty()).then(|| ResourceRequirements {
        limits: Some(quantities.clone()),
        requests: Some(quantities),
        ..ResourceRequirements::default()
    }))
}

/// How many pods there are at least.
fn least_replicas(application: &Application) -> u32 {
    let scaling = application.scaling.as_ref().and_then(|scaling| scaling.hpa.as_ref());
    scaling.and_then(|horizontal| u32::try_from(horizontal.min_replicas?).ok()).unwrap_or(1).max(1)
}

fn none_if_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
