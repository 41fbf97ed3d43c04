//! The chosen set of schemes and extensions, and the settings: what planners are given of a platform.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Secret;
use openchoreo_types::labels::annotations::GATEWAY;
use openchoreo_types::v1alpha1::DataPlane;

use super::{BuildEngine, ComponentRenderer, Gateway, NetworkPolicyDialect, RenderError};
use crate::isolation::{Gateways, Isolation, NetworkSettings};
use crate::kind::Kind;
use crate::naming::{HostnameScheme, ImagePrefix, LabelValue, NamingScheme, Visibility};
use crate::plan::OtherSystem;
use crate::pod_security::PodSecurity;
use crate::resources::ResourceBounds;

/// Names and limits of an installation. The defaults are those of the product's documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformSettings {
    /// Namespace of the platform's own objects in every plane.
    pub system_namespace: String,
    /// Name of the Gateway for public routes.
    pub external_gateway: String,
    /// Name of the Gateway for routes within an organization. Each organization has one of its own where the name holds
    /// `{organization}`; otherwise all that a plane serves share one.
    pub internal_gateway: String,
    /// Domain of public hosts where the DataPlane names none.
    pub domain: String,
    /// Domain of organization hosts where the DataPlane names none.
    pub internal_domain: String,
    /// How long a plane that is being deleted may be unreachable before what it holds is given up.
    pub abandon_after: SignedDuration,
    /// Whose images may run, and from which registries.
    pub images: ImageRules,
    /// Whether pods get the credentials to pull images that DataPlanes name. Where they do, the platform must be allowed
    /// to write and watch Secrets in every data plane.
    pub pull_secrets: bool,
    /// What the isolation of cells and builds must know of clusters.
    pub network: NetworkSettings,
    /// What the pods of workloads may do; an Environment may be narrower.
    pub pod_security: PodSecurity,
    /// Whose objects in planes are taken over as they are, although the platform did not make them.
    pub takes_over: Option<OtherSystem>,
    /// What the pods of a project may use in an environment; an Environment may be narrower.
    pub resources: ResourceBounds,
}

/// Whose images may run, and from which registries. By default images come from every registry, and only the paths that
/// DataPlanes name tell whose they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageRules {
    /// Registries of the platform: there an organization runs what is below its own path only, see
    /// [`NamingScheme::image_root`].
    pub own: Vec<ImagePrefix>,
    /// What everybody may run, though it is in a registry of the platform.
    pub shared: Vec<ImagePrefix>,
    /// What images must be below; empty for every registry.
    pub allowed: Vec<ImagePrefix>,
}

/// What stands for the name of an organization in the name of a gateway.
const ORGANIZATION: &str = "{organization}";

impl Default for PlatformSettings {
    fn default() -> Self {
        Self {
            system_namespace: "choreo-system".to_owned(),
            external_gateway: "choreo-external-gateway".to_owned(),
            internal_gateway: "choreo-internal-gateway".to_owned(),
            domain: "choreoapps.localhost".to_owned(),
            internal_domain: "choreoapps.internal".to_owned(),
            abandon_after: SignedDuration::from_mins(5),
            images: ImageRules::default(),
            pull_secrets: false,
            pod_security: PodSecurity::default(),
            resources: ResourceBounds::default(),
            network: NetworkSettings::default(),
            takes_over: None,
        }
    }
}

impl PlatformSettings {
    /// The Gateway that serves a visibility of an organization.
    pub fn gateway(&self, visibility: Visibility, organization: &str) -> String {
        match visibility {
            Visibility::Public => self.external_gateway.clone(),
            Visibility::Organization => self.internal_gateway.replace(ORGANIZATION, organization),
        }
    }

    /// The Gateways that serve an organization.
    pub fn gateways(&self, organization: &str) -> Gateways {
        Gateways {
            namespace: self.system_namespace.clone(),
            external: self.gateway(Visibility::Public, organization),
            internal: self.gateway(Visibility::Organization, organization),
            is_internal_shared: !self.internal_gateway.contains(ORGANIZATION),
        }
    }

    /// Who may reach whom in the cells of an organization.
    ///
    /// # Errors
    /// A gateway has a name that its pods cannot carry as a label.
    pub fn isolation_of_cell(&self, organization: &str) -> Result<Isolation, RenderError> {
        Ok(Isolation::of_cell(&self.network, &self.labelled_gateways(organization)?))
    }

    /// Who may reach whom where the builds of an organization run.
    ///
    /// # Errors
    /// As above.
    pub fn isolation_of_builds(&self, organization: &str) -> Result<Isolation, RenderError> {
        Ok(Isolation::of_builds(&self.network, &self.labelled_gateways(organization)?))
    }

    fn labelled_gateways(&self, organization: &str) -> Result<Gateways, RenderError> {
        let gateways = self.gateways(organization);
        for (what, name) in [("external", &gateways.external), ("internal", &gateways.internal)] {
            let label = LabelValue::try_from(name.as_str());
            label.map_err(RenderError::naming(format!("the {what} gateway of organization `{organization}`")))?;
        }
        // Where each organization has one of its own, what is for one of them must not be on the one for everybody.
        if !gateways.is_internal_shared && gateways.internal == gateways.external {
            let object = format!("the internal gateway of organization `{organization}`");
            let problem = format!(
                "is `{}`, the gateway for everybody; name the organization or the gateways differently",
                gateways.internal
            );
            return Err(RenderError::field(object, "name", problem));
        }
        Ok(gateways)
    }
}

/// The chosen set of schemes, extensions and settings.
#[derive(Debug)]
pub struct Extensions {
    pub(crate) naming: Arc<dyn NamingScheme>,
    pub(crate) hostnames: Arc<dyn HostnameScheme>,
    pub(crate) renderers: BTreeMap<String, Arc<dyn ComponentRenderer>>,
    pub(crate) build_engines: BTreeMap<String, Arc<dyn BuildEngine>>,
    /// The first is the default.
    pub(crate) gateways: Vec<Arc<dyn Gateway>>,
    pub(crate) dialects: Vec<Arc<dyn NetworkPolicyDialect>>,
    pub(crate) settings: PlatformSettings,
    /// The kinds that some planner of the platform plans for.
    pub(crate) planned: BTreeSet<Kind>,
    /// The kinds that planners declare to write in remote planes.
    pub(crate) written: Vec<Kind>,
}

impl Extensions {
    /// The naming scheme.
    pub fn naming(&self) -> &dyn NamingScheme {
        &*self.naming
    }

    /// The hostname scheme.
    pub fn hostnames(&self) -> &dyn HostnameScheme {
        &*self.hostnames
    }

    /// The renderer of a component type.
    pub fn renderer(&self, component_type: &str) -> Option<&dyn ComponentRenderer> {
        self.renderers.get(component_type).map(|renderer| &**renderer)
    }

    /// The component types that can be rendered.
    pub fn component_types(&self) -> impl Iterator<Item = &str> {
        self.renderers.keys().map(String::as_str)
    }

    /// The build engine of an id.
    pub fn build_engine(&self, id: &str) -> Option<&dyn BuildEngine> {
        self.build_engines.get(id).map(|engine| &**engine)
    }

    /// The ids of the build engines.
    pub fn build_engine_ids(&self) -> impl Iterator<Item = &str> {
        self.build_engines.keys().map(String::as_str)
    }

    /// The gateways, the default first; none where the platform publishes no routes.
    pub fn gateways(&self) -> impl Iterator<Item = &dyn Gateway> {
        self.gateways.iter().map(|gateway| &**gateway)
    }

    /// The gateway of a name.
    pub fn gateway(&self, name: &str) -> Option<&dyn Gateway> {
        self.gateways().find(|gateway| gateway.name() == name)
    }

    /// The gateway that publishes what is deployed into a data plane: the one that its annotation
    /// [`GATEWAY`](openchoreo_types::labels::annotations::GATEWAY) names, or else the default; nothing where the
    /// platform has none.
    ///
    /// # Errors
    /// The annotation names none of them.
    pub fn gateway_of(&self, plane: &DataPlane) -> Result<Option<&dyn Gateway>, UnknownGateway> {
        let Some(name) = chosen_gateway(plane) else { return Ok(self.gateways().next()) };
        let unknown = || {
            let known = self.gateways().map(|gateway| format!("`{}`", gateway.name())).collect::<Vec<_>>().join(", ");
            let plane = plane.metadata.name.clone().unwrap_or_default();
            UnknownGateway {
                plane,
                name: name.to_owned(),
                known: if known.is_empty() { "none".to_owned() } else { known },
            }
        };
        self.gateway(name).map(Some).ok_or_else(unknown)
    }

    /// The dialects of network policies.
    pub fn dialects(&self) -> impl Iterator<Item = &dyn NetworkPolicyDialect> {
        self.dialects.iter().map(|dialect| &**dialect)
    }

    /// Names and limits.
    pub fn settings(&self) -> &PlatformSettings {
        &self.settings
    }

    /// The kinds that some planner of the platform plans for.
    pub fn planned_kinds(&self) -> &BTreeSet<Kind> {
        &self.planned
    }

    /// The kinds that extensions and planners write in data planes.
    pub(crate) fn workload_kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.renderers.values().flat_map(|renderer| renderer.kinds()).collect();
        kinds.extend(self.gateways.iter().flat_map(|gateway| gateway.kinds()));
        kinds.extend(self.dialects.iter().flat_map(|dialect| dialect.kinds()));
        kinds.extend(self.written.iter().copied());
        kinds.extend(self.settings.pull_secrets.then(Kind::of::<Secret>));
        kinds
    }

    /// The kinds that extensions render where builds run.
    pub(crate) fn build_kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.build_engines.values().flat_map(|engine| engine.kinds()).collect();
        kinds.extend(self.dialects.iter().flat_map(|dialect| dialect.kinds()));
        kinds
    }
}

/// The gateway that a data plane names.
pub fn chosen_gateway(plane: &DataPlane) -> Option<&str> {
    plane.metadata.annotations.as_ref()?.get(GATEWAY).map(String::as_str)
}

/// A data plane names a gateway that the platform does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "annotation `{GATEWAY}` of DataPlane `{plane}` names gateway `{name}`, which this platform does not have; it has {known}"
)]
pub struct UnknownGateway {
    /// The data plane.
    pub plane: String,
    /// What it names.
    pub name: String,
    /// The gateways that there are, in words.
    pub known: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_organization_has_the_gateway_for_everybody_as_its_own() {
        let settings = PlatformSettings {
            internal_gateway: "choreo-{organization}-gateway".to_owned(),
            ..PlatformSettings::default()
        };
        for isolation in [PlatformSettings::isolation_of_cell, PlatformSettings::isolation_of_builds] {
            assert!(isolation(&settings, "acme").is_ok());
            let refused = isolation(&settings, "external").map_err(|error| error.to_string());
            assert!(refused.is_err_and(|error| error.contains("`choreo-external-gateway`, the gateway for everybody")));
        }
        // One that is shared on purpose may be the one for everybody.
        let shared =
            PlatformSettings { internal_gateway: settings.external_gateway.clone(), ..PlatformSettings::default() };
        assert!(shared.isolation_of_cell("acme").is_ok());
    }
}
