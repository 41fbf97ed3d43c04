//! The naming scheme: which parts each object is named after, and within what limit.
//!
//! [`NamingScheme`] is an extension point: a platform team may bring its own, and
//! [`naming_contract`](super::contract::naming_contract) says whether it holds what the platform relies on. Two schemes
//! are shipped. [`DefaultNaming`] never gives two identities one name. [`CompatNaming`] gives the names of upstream
//! OpenChoreo, for taking over planes that upstream has filled.
//!
//! How parts become a name is in [`generate`](super::generate); hostnames have their own scheme in
//! [`hostname`](super::hostname).

use std::fmt;

use super::generate::{
    Recipe, compat_generate, generate, is_digest_group, plain_or_generated, require_parts, sanitize,
};
use super::hash::compat_digest8;
use super::identity::{BuildId, CellId, ComponentId, EndpointId, OrganizationId};
use super::names::{CRON_JOB_LIMIT, DnsLabel, LABEL_LIMIT, NameError, NamespaceName, ResourceName, SUBDOMAIN_LIMIT};

/// Names every object that the platform makes.
///
/// Each method is a pure function: the same identity has the same name for ever, on every binary. A scheme that cannot
/// name an identity returns an error; it never shortens its promise.
pub trait NamingScheme: fmt::Debug + Send + Sync {
    /// Whether two identities never share a name. The default scheme promises it; a scheme that cannot says `false`,
    /// and whoever selects it relies on admission to keep ambiguous identities out.
    fn is_injective(&self) -> bool {
        true
    }

    /// Whether tracks and configuration groups are given to it by the names of their objects, and not by those that they
    /// go by (label `openchoreo.dev/name`). See [`part_of`](crate::hierarchy::part_of).
    fn reads_object_names(&self) -> bool {
        false
    }

    /// The namespace of a cell in its data plane.
    fn cell_namespace(&self, cell: &CellId<'_>) -> Result<NamespaceName, NameError>;

    /// The namespace of an organization's builds in its build plane.
    fn build_namespace(&self, organization: &OrganizationId<'_>) -> Result<NamespaceName, NameError>;

    /// The Kubernetes Deployment and the Service of a component's track; a DNS label that may name a Service.
    fn workload(&self, component: &ComponentId<'_>, track: &str) -> Result<ResourceName, NameError>;

    /// The CronJob of a component's track; at most [`CRON_JOB_LIMIT`] bytes.
    fn cron_job(&self, component: &ComponentId<'_>, track: &str) -> Result<ResourceName, NameError>;

    /// The ConfigMap, the SecretProviderClass and the synced Secret of a configuration group.
    fn configuration(&self, component: &ComponentId<'_>, track: &str, group: &str) -> Result<ResourceName, NameError>;

    /// The ConfigMap behind a file that is mounted directly.
    fn file_mount(&self, component: &ComponentId<'_>, track: &str, mount_path: &str)
    -> Result<ResourceName, NameError>;

    /// The pod volume of a configuration group in a role, such as `cm` or `csi`.
    fn volume(&self, group: &str, role: &str) -> Result<DnsLabel, NameError>;

    /// The pod volume of a file that is mounted directly.
    fn file_mount_volume(&self, mount_path: &str) -> Result<DnsLabel, NameError>;

    /// The route of an endpoint on a gateway.
    fn route(&self, gateway: &str, endpoint: &EndpointId<'_>) -> Result<ResourceName, NameError>;

    /// The route, and the policies that go with it, of one operation of an endpoint on a gateway.
    fn operation_route(
        &self,
        gateway: &str,
        endpoint: &EndpointId<'_>,
        method: &str,
        target: &str,
    ) -> Result<ResourceName, NameError>;

    /// The Endpoint object in the control plane, for the name of its Deployment object.
    fn endpoint(&self, deployment_object_name: &str, endpoint_name: &str) -> Result<ResourceName, NameError>;

    /// The DeploymentTrack object in the control plane, for the name of its Component object.
    fn track(&self, component_object_name: &str, track: &str) -> Result<ResourceName, NameError>;

    /// The Deployment object in the control plane, for the name of its Component object.
    fn deployment(
        &self,
        component_object_name: &str,
        track: &str,
        environment: &str,
    ) -> Result<ResourceName, NameError>;

    /// The workflow that runs a build; at most 63 bytes.
    fn workflow(&self, build: &BuildId<'_>) -> Result<ResourceName, NameError>;

    /// The repository of a component's images, without registry and tag. A valid OCI path that has the organization in
    /// it, so that no organization can push over another's images.
    fn image(&self, component: &ComponentId<'_>) -> Result<String, NameError>;

    /// The path that all repositories of an organization are below, and no other organization's; the first segment of
    /// its images unless a scheme says otherwise.
    fn image_root(&self, organization: &OrganizationId<'_>) -> Result<String, NameError> {
        let image = self.image(&organization.project("project").component("component"))?;
        Ok(image.split('/').next().unwrap_or_default().to_owned())
    }

    /// A network policy, by what it is for.
    fn network_policy(&self, name: &str) -> Result<ResourceName, NameError>;

    /// The Secret in a cell that pods pull images with, by the Secret that it is made from.
    fn pull_secret(&self, secret: &str) -> Result<ResourceName, NameError> {
        generate(PULL_SECRET, &["pull", secret], LABEL_LIMIT)?.try_into()
    }

    /// Whether a Secret of this name may be one that is kept in a cell: for a configuration group, which only its
    /// component may use, or to pull images with, which no container may use. Unless a scheme says otherwise, that is every name that ends in eight hexadecimal digits.
    fn may_be_kept(&self, secret: &str) -> bool {
        secret.rsplit('-').next().is_some_and(is_digest_group)
    }
}

const NAMESPACE: &str = "cell namespace";
const BUILD_NAMESPACE: &str = "build namespace";
const WORKLOAD: &str = "workload name";
const CRON_JOB: &str = "cron job name";
const CONFIGURATION: &str = "configuration name";
const FILE_MOUNT: &str = "file mount name";
const VOLUME: &str = "volume name";
const ROUTE: &str = "route name";
const ENDPOINT: &str = "endpoint name";
const TRACK: &str = "track name";
const DEPLOYMENT: &str = "deployment name";
const WORKFLOW: &str = "workflow name";
const IMAGE: &str = "image path";
const PULL_SECRET: &str = "pull secret name";
const NETWORK_POLICY: &str = "network policy name";

/// The default scheme: readable DNS labels, digests over length-prefixed parts, no two identities with one name.
///
/// Names of control plane objects stop at 63 bytes, although Kubernetes would allow 253, so that they fit the value of
/// a label.
///
/// ```
/// use openchoreo_core::naming::{CellId, DefaultNaming, NamingScheme, OrganizationId};
///
/// let namespace = DefaultNaming.cell_namespace(&CellId::new("acme", "shop", "development"))?;
/// assert!(namespace.as_str().starts_with("dp-acme-shop-development-"));
///
/// let builds = DefaultNaming.build_namespace(&OrganizationId::new("acme"))?;
/// assert_eq!(builds.as_str(), "openchoreo-ci-acme");
/// # Ok::<(), openchoreo_core::naming::NameError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultNaming;

impl NamingScheme for DefaultNaming {
    fn cell_namespace(&self, cell: &CellId<'_>) -> Result<NamespaceName, NameError> {
        let parts = [cell.organization, cell.project, cell.environment];
        Recipe { prefix: Some("dp"), ..Recipe::of(NAMESPACE, &parts, LABEL_LIMIT) }.name()?.try_into()
    }

    fn build_namespace(&self, organization: &OrganizationId<'_>) -> Result<NamespaceName, NameError> {
        // A namespace per organization that people look at often: without a digest wherever that is safe.
        plain_or_generated(BUILD_NAMESPACE, Some("openchoreo-ci"), organization.organization, LABEL_LIMIT)?.try_into()
    }

    fn workload(&self, component: &ComponentId<'_>, track: &str) -> Result<ResourceName, NameError> {
        let identity = track_parts(component, track);
        let recipe = Recipe {
            shown: &[component.component, track],
            letter_first: true,
            ..Recipe::of(WORKLOAD, &identity, LABEL_LIMIT)
        };
        recipe.name()?.try_into()
    }

    fn cron_job(&self, component: &ComponentId<'_>, track: &str) -> Result<ResourceName, NameError> {
        let identity = track_parts(component, track);
        let recipe = Recipe { shown: &[component.component, track], ..Recipe::of(CRON_JOB, &identity, CRON_JOB_LIMIT) };
        recipe.name()?.try_into()
    }

    fn configuration(&self, component: &ComponentId<'_>, track: &str, group: &str) -> Result<ResourceName, NameError> {
        let identity = [component.organization, component.project, component.component, track, group];
        let recipe = Recipe {
            shown: &[component.component, track, group],
            ..Recipe::of(CONFIGURATION, &identity, SUBDOMAIN_LIMIT)
        };
        recipe.name()?.try_into()
    }

    fn file_mount(
        &self,
        component: &ComponentId<'_>,
        track: &str,
        mount_path: &str,
    ) -> Result<ResourceName, NameError> {
        // The literal keeps a file apart from a configuration group of the same text: both are ConfigMaps.
        let identity = [component.organization, component.project, component.component, track, "file", mount_path];
        let recipe = Recipe {
            shown: &[component.component, track, "file", mount_path],
            ..Recipe::of(FILE_MOUNT, &identity, SUBDOMAIN_LIMIT)
        };
        recipe.name()?.try_into()
    }

    fn volume(&self, group: &str, role: &str) -> Result<DnsLabel, NameError> {
        generate(VOLUME, &[group, role], LABEL_LIMIT)?.try_into()
    }

    fn file_mount_volume(&self, mount_path: &str) -> Result<DnsLabel, NameError> {
        Recipe { prefix: Some("file"), ..Recipe::of(VOLUME, &[mount_path], LABEL_LIMIT) }.name()?.try_into()
    }

    fn route(&self, gateway: &str, endpoint: &EndpointId<'_>) -> Result<ResourceName, NameError> {
        let EndpointId { component, environment, endpoint } = *endpoint;
        let identity = [gateway, component.organization, component.project, component.component, environment, endpoint];
        let recipe = Recipe {
            shown: &[gateway, component.component, endpoint],
            ..Recipe::of(ROUTE, &identity, SUBDOMAIN_LIMIT)
        };
        recipe.name()?.try_into()
    }

    fn operation_route(
        &self,
        gateway: &str,
        endpoint: &EndpointId<'_>,
        method: &str,
        target: &str,
    ) -> Result<ResourceName, NameError> {
        let EndpointId { component, environment, endpoint } = *endpoint;
        let identity = [
            gateway,
            component.organization,
            component.project,
            component.component,
            environment,
            endpoint,
            method,
            target,
        ];
        let recipe = Recipe {
            shown: &[gateway, component.component, endpoint, method, target],
            ..Recipe::of(ROUTE, &identity, SUBDOMAIN_LIMIT)
        };
        recipe.name()?.try_into()
    }

    fn endpoint(&self, deployment_object_name: &str, endpoint_name: &str) -> Result<ResourceName, NameError> {
        generate(ENDPOINT, &[deployment_object_name, endpoint_name], LABEL_LIMIT)?.try_into()
    }

    fn track(&self, component_object_name: &str, track: &str) -> Result<ResourceName, NameError> {
        generate(TRACK, &[component_object_name, track], LABEL_LIMIT)?.try_into()
    }

    fn deployment(
        &self,
        component_object_name: &str,
        track: &str,
        environment: &str,
    ) -> Result<ResourceName, NameError> {
        generate(DEPLOYMENT, &[component_object_name, track, environment], LABEL_LIMIT)?.try_into()
    }

    fn workflow(&self, build: &BuildId<'_>) -> Result<ResourceName, NameError> {
        let BuildId { component, build } = *build;
        let identity = [component.organization, component.project, component.component, build];
        // Builds of all projects share their organization's namespace, and most are already named after a component.
        let recipe = Recipe { shown: &[build], hides_parts: true, ..Recipe::of(WORKFLOW, &identity, LABEL_LIMIT) };
        recipe.name()?.try_into()
    }

    fn image(&self, component: &ComponentId<'_>) -> Result<String, NameError> {
        // Each part is a segment of its own: `/` occurs in none, so the boundaries cannot move.
        let segment = |part| plain_or_generated(IMAGE, None, part, LABEL_LIMIT);
        let organization = segment(component.organization)?;
        let project = segment(component.project)?;
        let component = segment(component.component)?;
        Ok(format!("{organization}/{project}/{component}"))
    }

    fn network_policy(&self, name: &str) -> Result<ResourceName, NameError> {
        plain_or_generated(NETWORK_POLICY, None, name, LABEL_LIMIT)?.try_into()
    }
}

fn track_parts<'a>(component: &ComponentId<'a>, track: &'a str) -> [&'a str; 4] {
    [component.organization, component.project, component.component, track]
}

/// Upstream's names, byte for byte where upstream's are valid, and an error where they are not.
///
/// **A choice, not the default, because its joins are ambiguous.** Upstream hashes the parts joined by `-`, so
/// organization `acme` with project `web-dev` and organization `acme-web` with project `dev` get one data plane
/// namespace, digest included. Changing that would rename everything on a plane that upstream has filled; keeping it is
/// safe only where names of organizations and projects are under one hand, or admission refuses the ambiguous ones.
///
/// It reads the parts as upstream does: for workloads, configurations and routes, `component`, `track` and `endpoint`
/// are the names of the objects, and the Deployment, which upstream would let grow to 253 bytes, keeps to the Service's
/// 63. One departure is deliberate: the path of an image begins with the organization, which upstream leaves out and so
/// lets two organizations push over each other.
#[derive(Clone, Copy, Debug, Default)]
#[doc(alias = "GenerateK8sName")]
pub struct CompatNaming;

impl NamingScheme for CompatNaming {
    fn is_injective(&self) -> bool {
        false
    }

    fn reads_object_names(&self) -> bool {
        true
    }

    fn cell_namespace(&self, cell: &CellId<'_>) -> Result<NamespaceName, NameError> {
        require_parts(NAMESPACE, &[cell.organization, cell.project, cell.environment])?;
        compat_generate(NAMESPACE, &["dp", cell.organization, cell.project, cell.environment], LABEL_LIMIT)?.try_into()
    }

    fn build_namespace(&self, organization: &OrganizationId<'_>) -> Result<NamespaceName, NameError> {
        let text = organization.organization.replace(['_', '.'], "-").to_lowercase();
        let trimmed = text.trim_matches('-');
        require_parts(BUILD_NAMESPACE, &[trimmed])?;
        // Upstream cuts before it adds the prefix, so long organizations fail: here as an error, there at the server.
        format!("openchoreo-ci-{trimmed}").try_into()
    }

    fn workload(&self, component: &ComponentId<'_>, track: &str) -> Result<ResourceName, NameError> {
        let name = compat_label(WORKLOAD, &[component.component, track], LABEL_LIMIT)?;
        if name.as_str().starts_with(|first: char| first.is_ascii_lowercase()) {
            Ok(name)
        } else {
            Err(NameError::Invalid { what: WORKLOAD, value: name.into_string(), rule: SERVICE_RULE })
        }
    }

    fn cron_job(&self, component: &ComponentId<'_>, track: &str) -> Result<ResourceName, NameError> {
        compat_label(CRON_JOB, &[component.component, track], CRON_JOB_LIMIT)
    }

    fn configuration(&self, component: &ComponentId<'_>, track: &str, group: &str) -> Result<ResourceName, NameError> {
        compat_resource(CONFIGURATION, &[component.component, track, group])
    }

    fn file_mount(
        &self,
        component: &ComponentId<'_>,
        track: &str,
        mount_path: &str,
    ) -> Result<ResourceName, NameError> {
        let volume = self.file_mount_volume(mount_path)?;
        compat_resource(FILE_MOUNT, &[component.component, track, volume.as_str()])
    }

    fn volume(&self, group: &str, role: &str) -> Result<DnsLabel, NameError> {
        require_parts(VOLUME, &[group, role])?;
        compat_generate(VOLUME, &[group, role], LABEL_LIMIT)?.try_into()
    }

    fn file_mount_volume(&self, mount_path: &str) -> Result<DnsLabel, NameError> {
        require_parts(VOLUME, &[mount_path])?;
        format!("filemount-{}", compat_digest8(&[mount_path])).try_into()
    }

    fn route(&self, gateway: &str, endpoint: &EndpointId<'_>) -> Result<ResourceName, NameError> {
        compat_resource(ROUTE, &[gateway, endpoint.endpoint])
    }

    fn operation_route(
        &self,
        gateway: &str,
        endpoint: &EndpointId<'_>,
        method: &str,
        target: &str,
    ) -> Result<ResourceName, NameError> {
        compat_resource(ROUTE, &[gateway, endpoint.endpoint, method, target])
    }

    fn endpoint(&self, deployment_object_name: &str, endpoint_name: &str) -> Result<ResourceName, NameError> {
        compat_resource(ENDPOINT, &[deployment_object_name, endpoint_name])
    }

    fn track(&self, component_object_name: &str, track: &str) -> Result<ResourceName, NameError> {
        compat_resource(TRACK, &[component_object_name, track])
    }

    fn deployment(
        &self,
        component_object_name: &str,
        track: &str,
        environment: &str,
    ) -> Result<ResourceName, NameError> {
        compat_resource(DEPLOYMENT, &[component_object_name, track, environment])
    }

    fn workflow(&self, build: &BuildId<'_>) -> Result<ResourceName, NameError> {
        compat_label(WORKFLOW, &[build.build], LABEL_LIMIT)
    }

    fn image(&self, component: &ComponentId<'_>) -> Result<String, NameError> {
        let organization = plain_or_generated(IMAGE, None, component.organization, LABEL_LIMIT)?;
        let joined = format!("{}-{}", compat_image_part(component.project)?, compat_image_part(component.component)?);
        let cut: String = joined.chars().take(LABEL_LIMIT).collect();
        let name = cut.strip_suffix('-').unwrap_or(&cut);
        if is_image_segment(name) {
            Ok(format!("{organization}/{name}"))
        } else {
            Err(NameError::Invalid { what: IMAGE, value: name.to_owned(), rule: IMAGE_RULE })
        }
    }

    fn network_policy(&self, name: &str) -> Result<ResourceName, NameError> {
        name.try_into()
    }
}

const SERVICE_RULE: &str = "a DNS label that begins with a letter, since it also names a Service";
const IMAGE_RULE: &str = "lower-case ASCII letters and digits, joined by runs of `-`, or by `_` or `__`";

fn compat_resource(what: &'static str, parts: &[&str]) -> Result<ResourceName, NameError> {
    require_parts(what, parts)?;
    compat_generate(what, parts, SUBDOMAIN_LIMIT)?.try_into()
}

/// As [`compat_resource`], for objects whose name must be one label: upstream leaves dots in.
fn compat_label(what: &'static str, parts: &[&str], limit: usize) -> Result<ResourceName, NameError> {
    require_parts(what, parts)?;
    DnsLabel::try_from(compat_generate(what, parts, limit)?).map(Into::into)
}

/// A part of upstream's image name: `_` stays, any other run of characters outside letters and digits is one `-`.
fn compat_image_part(part: &str) -> Result<String, NameError> {
    let pieces: Vec<String> = part.split('_').map(sanitize_inner).collect();
    let joined = pieces.join("_");
    let text = joined.trim_matches('-');
    if text.is_empty() { Err(NameError::Empty { what: IMAGE }) } else { Ok(text.to_owned()) }
}

/// As [`sanitize`], with the runs at the ends kept as one `-` each, since more of the part follows there.
fn sanitize_inner(piece: &str) -> String {
    let inner = sanitize(piece);
    let is_other = |character: Option<char>| character.is_some_and(|character| !character.is_ascii_alphanumeric());
    if inner.is_empty() {
        return if piece.is_empty() { inner } else { "-".to_owned() };
    }
    let before = if is_other(piece.chars().next()) { "-" } else { "" };
    let after = if is_other(piece.chars().next_back()) { "-" } else { "" };
    format!("{before}{inner}{after}")
}

/// Whether the text is one segment of an OCI repository path, of the characters that upstream lets through.
fn is_image_segment(text: &str) -> bool {
    let mut separators = text.split(|character: char| character.is_ascii_alphanumeric());
    let edges_are_alphanumeric = text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.ends_with(|last: char| last.is_ascii_alphanumeric());
    edges_are_alphanumeric
        && separators.all(|run| matches!(run, "_" | "__") || run.chars().all(|character| character == '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatible_image_names_are_those_of_upstream_behind_the_organization() {
        for (project, component, expected) in [
            ("shop", "cart", "acme/shop-cart"),
            ("My Project!", "Cart_API", "acme/my-project-cart_api"),
            ("-shop-", "a--b", "acme/shop-a-b"),
        ] {
            assert_eq!(CompatNaming.image(&ComponentId::new("acme", project, component)).unwrap(), expected);
        }
    }

    #[test]
    fn an_image_name_that_no_registry_takes_is_refused() {
        let image = CompatNaming.image(&ComponentId::new("acme", "_shop", "cart"));
        assert!(matches!(image, Err(NameError::Invalid { .. })), "{image:?}");
    }

    #[test]
    fn a_long_organization_has_no_compatible_build_namespace() {
        let long = "o".repeat(60);
        let namespace = CompatNaming.build_namespace(&OrganizationId::new(&long));
        assert!(matches!(namespace, Err(NameError::TooLong { .. })), "{namespace:?}");
        assert!(DefaultNaming.build_namespace(&OrganizationId::new(&long)).is_ok());
    }
}
