//! The platform: the chosen set of schemes, extensions, planners and settings, built once and checked once.
//!
//! All binaries build the same [`Platform`], so that a preview is what the controller applies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;
use openchoreo_types::v1alpha1::{BuildPlane, Component, DataPlane};
use serde_json::Value;

use crate::extension::{BuildEngine, ComponentRenderer, Gateway, NetworkPolicyDialect};
use crate::kind::Kind;
use crate::naming::contract::{self, hostname_contract, naming_contract};
use crate::naming::{DefaultHostnames, DefaultNaming, HostnameScheme, NamingScheme, Visibility};
use crate::planner::AnyPlanner;
use crate::planners;
use crate::world::{IndexFn, World};

/// Index on Deployment, Endpoint and Build: the planes recorded in their status, as `<Kind>/<namespace>/<name>`.
pub const INDEX_PLANE: &str = "plane";
/// Index on Component: `<project>/<name>`, by which two components that claim one identity find each other.
pub const INDEX_COMPONENT: &str = "component";
/// Index on Component: `spec.owner.projectName`.
pub const INDEX_PROJECT: &str = "project";
/// Index on Environment: `spec.dataPlaneRef`.
pub const INDEX_DATA_PLANE: &str = "dataPlane";

/// Names and limits of an installation. The defaults are those of the product's documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformSettings {
    /// Namespace of the platform's own objects in every plane.
    pub system_namespace: String,
    /// Name of the Gateway for public routes.
    pub external_gateway: String,
    /// Name of the Gateway for routes within an organization.
    pub internal_gateway: String,
    /// Domain of public hosts where the DataPlane names none.
    pub domain: String,
    /// Domain of organization hosts where the DataPlane names none.
    pub internal_domain: String,
    /// How long a plane that is being deleted may be unreachable before what it holds is given up.
    pub abandon_after: SignedDuration,
}

impl Default for PlatformSettings {
    fn default() -> Self {
        Self {
            system_namespace: "choreo-system".to_owned(),
            external_gateway: "choreo-external-gateway".to_owned(),
            internal_gateway: "choreo-internal-gateway".to_owned(),
            domain: "choreoapps.localhost".to_owned(),
            internal_domain: "choreoapps.internal".to_owned(),
            abandon_after: SignedDuration::from_mins(5),
        }
    }
}

impl PlatformSettings {
    /// The Gateway that serves a visibility.
    pub fn gateway(&self, visibility: Visibility) -> &str {
        match visibility {
            Visibility::Public => &self.external_gateway,
            Visibility::Organization => &self.internal_gateway,
        }
    }
}

/// Why a platform cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformError {
    /// Two extensions claim one name.
    #[error("two {what} claim `{name}`; leave one out")]
    Duplicate {
        /// What kind of extension.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A naming scheme does not keep what every scheme must.
    #[error("the naming scheme breaks its contract: {}", violations.join("; "))]
    Naming {
        /// What it breaks.
        violations: Vec<String>,
    },
    /// A hostname scheme does not keep what every scheme must.
    #[error("the hostname scheme breaks its contract: {}", violations.join("; "))]
    Hostnames {
        /// What it breaks.
        violations: Vec<String>,
    },
}

/// The chosen set of schemes, extensions, planners and settings.
pub struct Platform {
    naming: Arc<dyn NamingScheme>,
    hostnames: Arc<dyn HostnameScheme>,
    renderers: BTreeMap<String, Arc<dyn ComponentRenderer>>,
    build_engines: BTreeMap<String, Arc<dyn BuildEngine>>,
    gateway: Option<Arc<dyn Gateway>>,
    dialects: Vec<Arc<dyn NetworkPolicyDialect>>,
    planners: Vec<Arc<dyn AnyPlanner>>,
    indexes: Vec<(Kind, &'static str, IndexFn)>,
    settings: PlatformSettings,
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform")
            .field("naming", &self.naming)
            .field("hostnames", &self.hostnames)
            .field("renderers", &self.renderers.keys().collect::<Vec<_>>())
            .field("build_engines", &self.build_engines.keys().collect::<Vec<_>>())
            .field("gateway", &self.gateway)
            .field("planners", &self.planners.iter().map(|p| p.name()).collect::<Vec<_>>())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Platform {
    /// Starts a platform with the default schemes and settings and the planners of the platform kinds.
    pub fn builder() -> PlatformBuilder {
        PlatformBuilder::default()
    }

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

    /// The gateway, where the platform publishes routes.
    pub fn gateway(&self) -> Option<&dyn Gateway> {
        self.gateway.as_deref()
    }

    /// The dialects of network policies.
    pub fn dialects(&self) -> impl Iterator<Item = &dyn NetworkPolicyDialect> {
        self.dialects.iter().map(|dialect| &**dialect)
    }

    /// The planners.
    pub fn planners(&self) -> &[Arc<dyn AnyPlanner>] {
        &self.planners
    }

    /// Names and limits.
    pub fn settings(&self) -> &PlatformSettings {
        &self.settings
    }

    /// The kinds that planners read or write in the control plane.
    pub fn control_kinds(&self) -> BTreeSet<Kind> {
        let mut kinds: BTreeSet<Kind> =
            self.planners.iter().flat_map(|p| p.uses().control.into_iter().chain([p.kind()])).collect();
        kinds.insert(Kind::of::<k8s_openapi::api::core::v1::Secret>());
        kinds
    }

    /// The kinds that planners and extensions read or write in remote planes, and whether only our own objects of
    /// them matter.
    pub fn remote_watches(&self) -> BTreeMap<Kind, bool> {
        let mut own: BTreeSet<Kind> = self.planners.iter().flat_map(|p| p.uses().remote).collect();
        own.extend(self.renderers.values().flat_map(|renderer| renderer.kinds()));
        own.extend(self.build_engines.values().flat_map(|engine| engine.kinds()));
        own.extend(self.gateway.iter().flat_map(|gateway| gateway.kinds()));
        own.extend(self.dialects.iter().flat_map(|dialect| dialect.kinds()));
        let mut watches: BTreeMap<Kind, bool> = own.into_iter().map(|kind| (kind, true)).collect();
        watches.extend(self.planners.iter().flat_map(|p| p.uses().remote_foreign).map(|kind| (kind, false)));
        watches
    }

    /// An empty World with the indexes that the planners read by.
    pub fn new_world(&self) -> World {
        let mut world = World::new();
        for (kind, name, values) in &self.indexes {
            world.declare_index(*kind, name, *values);
        }
        world
    }
}

/// Collects what a platform is made of; [`build`](PlatformBuilder::build) checks it.
#[derive(Debug)]
pub struct PlatformBuilder {
    naming: Arc<dyn NamingScheme>,
    hostnames: Arc<dyn HostnameScheme>,
    renderers: Vec<Arc<dyn ComponentRenderer>>,
    build_engines: Vec<Arc<dyn BuildEngine>>,
    gateway: Option<Arc<dyn Gateway>>,
    dialects: Vec<Arc<dyn NetworkPolicyDialect>>,
    planners: Vec<Arc<dyn AnyPlanner>>,
    settings: PlatformSettings,
}

impl Default for PlatformBuilder {
    fn default() -> Self {
        Self {
            naming: Arc::new(DefaultNaming),
            hostnames: Arc::new(DefaultHostnames),
            renderers: Vec::new(),
            build_engines: Vec::new(),
            gateway: None,
            dialects: Vec::new(),
            planners: planners::all(),
            settings: PlatformSettings::default(),
        }
    }
}

impl PlatformBuilder {
    /// Chooses the names of objects.
    #[must_use]
    pub fn naming(mut self, naming: impl NamingScheme + 'static) -> Self {
        self.naming = Arc::new(naming);
        self
    }

    /// Chooses the hosts of endpoints.
    #[must_use]
    pub fn hostnames(mut self, hostnames: impl HostnameScheme + 'static) -> Self {
        self.hostnames = Arc::new(hostnames);
        self
    }

    /// Adds renderers of component types.
    #[must_use]
    pub fn renderers(mut self, renderers: impl IntoIterator<Item = Arc<dyn ComponentRenderer>>) -> Self {
        self.renderers.extend(renderers);
        self
    }

    /// Adds build engines.
    #[must_use]
    pub fn build_engines(mut self, engines: impl IntoIterator<Item = Arc<dyn BuildEngine>>) -> Self {
        self.build_engines.extend(engines);
        self
    }

    /// Chooses the gateway that publishes routes.
    #[must_use]
    pub fn gateway(mut self, gateway: impl Gateway + 'static) -> Self {
        self.gateway = Some(Arc::new(gateway));
        self
    }

    /// Adds dialects of network policies.
    #[must_use]
    pub fn dialects(mut self, dialects: impl IntoIterator<Item = Arc<dyn NetworkPolicyDialect>>) -> Self {
        self.dialects.extend(dialects);
        self
    }

    /// Adds planners.
    #[must_use]
    pub fn planners(mut self, planners: impl IntoIterator<Item = Arc<dyn AnyPlanner>>) -> Self {
        self.planners.extend(planners);
        self
    }

    /// Sets names and limits.
    #[must_use]
    pub fn settings(mut self, settings: PlatformSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Checks that everything fits together.
    ///
    /// # Errors
    /// Two extensions of one name, or a naming or hostname scheme that breaks its contract.
    pub fn build(self) -> Result<Platform, PlatformError> {
        let violations = naming_contract(&*self.naming, &contract::samples());
        if !violations.is_empty() {
            return Err(PlatformError::Naming { violations });
        }
        let violations = hostname_contract(&*self.hostnames, &contract::samples());
        if !violations.is_empty() {
            return Err(PlatformError::Hostnames { violations });
        }
        let renderers = by_name("renderers", self.renderers, |renderer| renderer.component_type().to_owned())?;
        let build_engines = by_name("build engines", self.build_engines, |engine| engine.id().to_owned())?;
        by_name("planners", self.planners.clone(), |planner| planner.name().to_owned())?;
        by_name("planners", self.planners.clone(), |planner| planner.kind().to_string())?;
        Ok(Platform {
            naming: self.naming,
            hostnames: self.hostnames,
            renderers,
            build_engines,
            gateway: self.gateway,
            dialects: self.dialects,
            indexes: indexes(&self.planners),
            planners: self.planners,
            settings: self.settings,
        })
    }
}

fn by_name<T>(
    what: &'static str,
    all: Vec<T>,
    name_of: impl Fn(&T) -> String,
) -> Result<BTreeMap<String, T>, PlatformError> {
    let mut named = BTreeMap::new();
    for one in all {
        let name = name_of(&one);
        if named.contains_key(&name) {
            return Err(PlatformError::Duplicate { what, name });
        }
        named.insert(name, one);
    }
    Ok(named)
}

fn indexes(planners: &[Arc<dyn AnyPlanner>]) -> Vec<(Kind, &'static str, IndexFn)> {
    let mut indexes: Vec<(Kind, &'static str, IndexFn)> = vec![
        (Kind::of::<Component>(), INDEX_COMPONENT, |component| {
            let (Some(project), Some(name)) =
                (text(component, "/spec/owner/projectName"), text(component, "/metadata/name"))
            else {
                return Vec::new();
            };
            vec![format!("{project}/{name}")]
        }),
        (Kind::of::<Component>(), INDEX_PROJECT, |component| {
            text(component, "/spec/owner/projectName").map(str::to_owned).into_iter().collect()
        }),
        (Kind::of::<openchoreo_types::v1alpha1::Environment>(), INDEX_DATA_PLANE, |environment| {
            text(environment, "/spec/dataPlaneRef").map(str::to_owned).into_iter().collect()
        }),
    ];
    // Every kind may record planes; those that do not have nothing under the index.
    for kind in planners.iter().map(|planner| planner.kind()) {
        if kind != Kind::of::<DataPlane>() && kind != Kind::of::<BuildPlane>() {
            indexes.push((kind, INDEX_PLANE, recorded_planes));
        }
    }
    indexes
}

fn text<'a>(json: &'a Value, pointer: &str) -> Option<&'a str> {
    json.pointer(pointer).and_then(Value::as_str)
}

fn recorded_planes(object: &Value) -> Vec<String> {
    let planes = object.pointer("/status/planes").and_then(Value::as_array);
    let name = |plane: &Value| {
        Some(format!("{}/{}/{}", text(plane, "/kind")?, text(plane, "/namespace")?, text(plane, "/name")?))
    };
    planes.into_iter().flatten().filter_map(name).collect()
}
