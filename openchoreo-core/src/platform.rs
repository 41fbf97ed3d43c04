//! The platform: the chosen set of schemes, extensions, planners and settings, built once and checked once.
//!
//! All binaries build the same [`Platform`], so that a preview is what the controller applies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use openchoreo_types::common::PlaneKind;
use openchoreo_types::v1alpha1::{BuildPlane, Component, ContainerRegistry, DataPlane};
use serde_json::Value;

use crate::extension::{BuildEngine, ComponentRenderer, Extensions, Gateway, NetworkPolicyDialect};
use crate::kind::Kind;
use crate::labels;
use crate::naming::contract::{self, hostname_contract, naming_contract};
use crate::naming::{DefaultHostnames, DefaultNaming, HostnameScheme, ImagePrefix, NamingScheme};
use crate::planner::AnyPlanner;
use crate::planners;
use crate::record;
use crate::world::{IndexFn, World};

pub use crate::extension::{ImageRules, PlatformSettings};
pub use crate::world::indexes::{INDEX_DATA_PLANE, INDEX_HOME, INDEX_PLANE, INDEX_PROJECT, INDEX_REGISTRY};

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
    /// A planner that is to be taken out is not there.
    #[error("there is no planner `{name}` to take out; there are {known}")]
    UnknownPlanner {
        /// The name.
        name: String,
        /// The planners that there were.
        known: String,
    },
    /// Two planners report the status of one kind.
    #[error(
        "planners `{first}` and `{second}` both report the status of {kind}; take one out, or let one not report it"
    )]
    TwoReporters {
        /// The kind.
        kind: Kind,
        /// The planner that was added first.
        first: &'static str,
        /// The other.
        second: &'static str,
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

/// The chosen set of schemes, extensions, planners and settings. It gives all that its [`Extensions`] give.
pub struct Platform {
    extensions: Extensions,
    planners: Vec<Arc<dyn AnyPlanner>>,
    indexes: Vec<(Kind, &'static str, IndexFn)>,
}

impl fmt::Debug for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Platform")
            .field("extensions", &self.extensions)
            .field("planners", &self.planners.iter().map(|p| p.name()).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Deref for Platform {
    type Target = Extensions;

    fn deref(&self) -> &Extensions {
        &self.extensions
    }
}

impl Platform {
    /// Starts a platform with the default schemes and settings and the planners of the platform kinds.
    pub fn builder() -> PlatformBuilder {
        PlatformBuilder::default()
    }

    /// What planners are given of the platform.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The planners.
    pub fn planners(&self) -> &[Arc<dyn AnyPlanner>] {
        &self.planners
    }

    /// The kinds that planners read or write in the control plane.
    pub fn control_kinds(&self) -> BTreeSet<Kind> {
        let mut kinds: BTreeSet<Kind> =
            self.planners.iter().flat_map(|p| p.uses().control.into_iter().chain([p.kind()])).collect();
        // Credentials of planes; whose objects are ours.
        kinds.extend([Kind::of::<Secret>(), Kind::of::<Namespace>()]);
        kinds
    }

    /// The kinds that planners and extensions read or write in remote planes, and whether only our own objects of
    /// them matter.
    pub fn remote_watches(&self) -> BTreeMap<Kind, bool> {
        let mut watches = self.remote_watches_of(PlaneKind::DataPlane, true);
        watches.extend(self.remote_watches_of(PlaneKind::BuildPlane, true));
        watches
    }

    /// The same for the planes of one kind; a data plane may run builds too.
    pub(crate) fn remote_watches_of(&self, plane: PlaneKind, runs_builds: bool) -> BTreeMap<Kind, bool> {
        let mut own = BTreeSet::new();
        let mut foreign = BTreeSet::new();
        if plane == PlaneKind::DataPlane {
            own.extend(self.extensions.workload_kinds());
            for uses in self.planners.iter().map(|planner| planner.uses()) {
                foreign.extend(uses.remote_foreign);
            }
        }
        if runs_builds || plane == PlaneKind::BuildPlane {
            own.extend(self.extensions.build_kinds());
        }
        let mut watches: BTreeMap<Kind, bool> = own.into_iter().map(|kind| (kind, true)).collect();
        watches.extend(foreign.into_iter().map(|kind| (kind, false)));
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
    further_gateways: Vec<Arc<dyn Gateway>>,
    dialects: Vec<Arc<dyn NetworkPolicyDialect>>,
    planners: Vec<Arc<dyn AnyPlanner>>,
    indexes: Vec<(Kind, &'static str, IndexFn)>,
    settings: PlatformSettings,
    /// Why it cannot be built, whatever else it is given.
    fault: Option<PlatformError>,
}

impl Default for PlatformBuilder {
    fn default() -> Self {
        Self {
            naming: Arc::new(DefaultNaming),
            hostnames: Arc::new(DefaultHostnames),
            renderers: Vec::new(),
            build_engines: Vec::new(),
            gateway: None,
            further_gateways: Vec::new(),
            dialects: Vec::new(),
            planners: planners::all(),
            indexes: Vec::new(),
            settings: PlatformSettings::default(),
            fault: None,
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

    /// Chooses the gateway that publishes routes where a DataPlane names none, in place of the one that was chosen
    /// before.
    #[must_use]
    pub fn gateway(mut self, gateway: impl Gateway + 'static) -> Self {
        self.gateway = Some(Arc::new(gateway));
        self
    }

    /// Adds gateways that a DataPlane may name instead, see [`Extensions::gateway_of`]. Where none was chosen for all,
    /// the first of them is.
    #[must_use]
    pub fn gateways(mut self, gateways: impl IntoIterator<Item = Arc<dyn Gateway>>) -> Self {
        self.further_gateways.extend(gateways);
        self
    }

    /// Adds dialects of network policies.
    #[must_use]
    pub fn dialects(mut self, dialects: impl IntoIterator<Item = Arc<dyn NetworkPolicyDialect>>) -> Self {
        self.dialects.extend(dialects);
        self
    }

    /// Adds planners. Several may plan for one kind: each has its own part of the work, and at most one of them
    /// [reports the status](crate::planner::Planner::reports_status).
    #[must_use]
    pub fn planners(mut self, planners: impl IntoIterator<Item = Arc<dyn AnyPlanner>>) -> Self {
        self.planners.extend(planners);
        self
    }

    /// Takes out a planner that was added before, by its name, a built-in one too, so that another may take its place.
    #[must_use]
    pub fn without_planner(mut self, name: &str) -> Self {
        let before = self.planners.len();
        self.planners.retain(|planner| planner.name() != name);
        if self.planners.len() == before {
            let known = self.planners.iter().map(|planner| planner.name()).collect::<Vec<_>>().join(", ");
            self.fault.get_or_insert(PlatformError::UnknownPlanner { name: name.to_owned(), known });
        }
        self
    }

    /// Declares an index by which planners may select: see [`Select::index`](crate::world::Select::index).
    #[must_use]
    pub fn index(mut self, kind: Kind, name: &'static str, values: IndexFn) -> Self {
        self.indexes.push((kind, name, values));
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
    /// Two extensions of one name, two planners that report the status of one kind, a planner taken out that was not
    /// there, or a naming or hostname scheme that breaks its contract.
    pub fn build(self) -> Result<Platform, PlatformError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
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
        let gateways: Vec<Arc<dyn Gateway>> = self.gateway.into_iter().chain(self.further_gateways).collect();
        by_name("gateways", gateways.clone(), |gateway| gateway.name().to_owned())?;
        by_name("planners", self.planners.clone(), |planner| planner.name().to_owned())?;
        let mut indexes = indexes(&self.planners);
        indexes.extend(self.indexes);
        by_name("indexes", indexes.clone(), |(kind, name, _)| format!("{name} of {kind}"))?;
        let mut reporters: BTreeMap<Kind, &'static str> = BTreeMap::new();
        for planner in self.planners.iter().filter(|planner| planner.reports_status()) {
            let (kind, second) = (planner.kind(), planner.name());
            if let Some(first) = reporters.insert(kind, second) {
                return Err(PlatformError::TwoReporters { kind, first, second });
            }
        }
        let extensions = Extensions {
            naming: self.naming,
            hostnames: self.hostnames,
            renderers,
            build_engines,
            gateways,
            dialects: self.dialects,
            settings: self.settings,
            planned: self.planners.iter().map(|planner| planner.kind()).collect(),
            written: self.planners.iter().flat_map(|planner| planner.uses().remote).collect(),
        };
        Ok(Platform { extensions, indexes, planners: self.planners })
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
        (Kind::of::<Component>(), INDEX_PROJECT, |component| {
            text(component, "/spec/owner/projectName").map(str::to_owned).into_iter().collect()
        }),
        (Kind::of::<openchoreo_types::v1alpha1::Environment>(), INDEX_DATA_PLANE, |environment| {
            text(environment, "/spec/dataPlaneRef").map(str::to_owned).into_iter().collect()
        }),
        (Kind::of::<DataPlane>(), INDEX_REGISTRY, registry),
        (Kind::of::<Namespace>(), INDEX_HOME, |namespace| {
            let label = |key: &str| namespace.get("metadata")?.get("labels")?.get(key)?.as_str();
            let project = label(labels::PROJECT).unwrap_or_default();
            label(labels::ORGANIZATION).map(|organization| format!("{organization}/{project}")).into_iter().collect()
        }),
    ];
    // Every kind may record planes; those that do not have nothing under the index.
    let kinds: BTreeSet<Kind> = planners.iter().map(|planner| planner.kind()).collect();
    for kind in kinds {
        if kind != Kind::of::<DataPlane>() && kind != Kind::of::<BuildPlane>() {
            indexes.push((kind, INDEX_PLANE, recorded_planes));
        }
    }
    indexes
}

fn text<'a>(json: &'a Value, pointer: &str) -> Option<&'a str> {
    json.pointer(pointer).and_then(Value::as_str)
}

/// The registry that a DataPlane names, in the one way in which images are looked for below it.
fn registry(plane: &Value) -> Vec<String> {
    let registry = plane.pointer("/spec/registry").cloned().unwrap_or_default();
    let read = serde_json::from_value::<Option<ContainerRegistry>>(registry).ok().flatten();
    let prefix = read.as_ref().and_then(ContainerRegistry::image_prefix);
    prefix.and_then(|prefix| prefix.parse::<ImagePrefix>().ok()).map(|prefix| prefix.to_string()).into_iter().collect()
}

fn recorded_planes(object: &Value) -> Vec<String> {
    record::recorded(object).iter().map(record::words).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::networking::v1::NetworkPolicy;

    use super::*;
    use crate::extension::{IsolationContext, RenderError};
    use crate::plan::Rendered;

    #[derive(Debug)]
    struct Dialect;

    impl NetworkPolicyDialect for Dialect {
        fn kinds(&self) -> Vec<Kind> {
            vec![Kind::of::<NetworkPolicy>()]
        }

        fn policies(&self, _: &IsolationContext<'_>) -> Result<Vec<Rendered>, RenderError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn policies_are_watched_in_planes_of_either_kind() {
        let platform =
            Platform::builder().dialects([Arc::new(Dialect) as Arc<dyn NetworkPolicyDialect>]).build().unwrap();
        for kind in [PlaneKind::DataPlane, PlaneKind::BuildPlane] {
            let watches = platform.remote_watches_of(kind, false);
            assert_eq!(watches.get(&Kind::of::<NetworkPolicy>()), Some(&true), "{kind:?}");
        }
    }
}
