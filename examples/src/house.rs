//! Names and hosts as one invented house wants them: a prefix of its own, components first in hosts.
//!
//! A scheme of one's own is most often a small change of a shipped one: here two names differ from [`DefaultNaming`],
//! and everything else is handed on.

use openchoreo_core::naming::generate::generate;
use openchoreo_core::naming::{
    BuildId, CellId, ComponentId, DefaultNaming, DnsLabel, EndpointId, HostContext, Hostname, HostnameScheme,
    NameError, NamespaceName, NamingScheme, OrganizationId, ResourceName,
};

/// What a DNS label may have.
const LABEL_LIMIT: usize = 63;

/// Namespaces begin with the name of the house; all other names are the default ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct HouseNames;

impl NamingScheme for HouseNames {
    fn cell_namespace(&self, cell: &CellId<'_>) -> Result<NamespaceName, NameError> {
        let parts = ["house", cell.organization, cell.project, cell.environment];
        generate("cell namespace", &parts, LABEL_LIMIT)?.try_into()
    }

    fn build_namespace(&self, organization: &OrganizationId<'_>) -> Result<NamespaceName, NameError> {
        generate("build namespace", &["house-builds", organization.organization], LABEL_LIMIT)?.try_into()
    }

    fn workload(&self, component: &ComponentId<'_>, track: &str) -> Result<ResourceName, NameError> {
        DefaultNaming.workload(component, track)
    }

    fn cron_job(&self, component: &ComponentId<'_>, track: &str) -> Result<ResourceName, NameError> {
        DefaultNaming.cron_job(component, track)
    }

    fn configuration(&self, component: &ComponentId<'_>, track: &str, group: &str) -> Result<ResourceName, NameError> {
        DefaultNaming.configuration(component, track, group)
    }

    fn file_mount(&self, component: &ComponentId<'_>, track: &str, path: &str) -> Result<ResourceName, NameError> {
        DefaultNaming.file_mount(component, track, path)
    }

    fn volume(&self, group: &str, role: &str) -> Result<DnsLabel, NameError> {
        DefaultNaming.volume(group, role)
    }

    fn file_mount_volume(&self, mount_path: &str) -> Result<DnsLabel, NameError> {
        DefaultNaming.file_mount_volume(mount_path)
    }

    fn route(&self, gateway: &str, endpoint: &EndpointId<'_>) -> Result<ResourceName, NameError> {
        DefaultNaming.route(gateway, endpoint)
    }

    fn operation_route(
        &self,
        gateway: &str,
        endpoint: &EndpointId<'_>,
        method: &str,
        target: &str,
    ) -> Result<ResourceName, NameError> {
        DefaultNaming.operation_route(gateway, endpoint, method, target)
    }

    fn endpoint(&self, deployment_object_name: &str, endpoint_name: &str) -> Result<ResourceName, NameError> {
        DefaultNaming.endpoint(deployment_object_name, endpoint_name)
    }

    fn track(&self, component_object_name: &str, track: &str) -> Result<ResourceName, NameError> {
        DefaultNaming.track(component_object_name, track)
    }

    fn deployment(
        &self,
        component_object_name: &str,
        track: &str,
        environment: &str,
    ) -> Result<ResourceName, NameError> {
        DefaultNaming.deployment(component_object_name, track, environment)
    }

    fn workflow(&self, build: &BuildId<'_>) -> Result<ResourceName, NameError> {
        DefaultNaming.workflow(build)
    }

    fn image(&self, component: &ComponentId<'_>) -> Result<String, NameError> {
        DefaultNaming.image(component)
    }

    fn network_policy(&self, name: &str) -> Result<ResourceName, NameError> {
        DefaultNaming.network_policy(name)
    }
}

/// `<component>-<environment>-<project>-<organization>-<digits>.<domain>`: what people look for comes first.
#[derive(Clone, Copy, Debug, Default)]
pub struct HouseHostnames;

impl HostnameScheme for HouseHostnames {
    fn hostname(&self, endpoint: &EndpointId<'_>, context: &HostContext<'_>) -> Result<Hostname, NameError> {
        let ComponentId { organization, project, component } = endpoint.component;
        // The digits come from all four parts, so that no two components meet where the text had to be cut.
        let label = generate("hostname", &[component, endpoint.environment, project, organization], LABEL_LIMIT)?;
        format!("{label}.{}", context.domain).try_into()
    }
}
