//! Planners: pure functions from one object and the World to a [`Plan`].
//!
//! A planner has no clock, no randomness and does no I/O. What it reads through its [`PlanContext`] is recorded, and a
//! change of any of it wakes it again; there are no watch mappings to write.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::Resource;
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{Component, Organization, Project};
use serde::de::DeserializeOwned;

use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::plan::Plan;
use crate::platform::Platform;
use crate::world::wake::ReadSet;
use crate::world::{PlaneState, Select, Stored, World};

/// Plans for the objects of one kind.
pub trait Planner: fmt::Debug + Send + Sync {
    /// The kind it plans for.
    type Object: PlatformKind;

    /// Its name: the field manager of what it applies is `openchoreo/<name>`.
    fn name(&self) -> &'static str;

    /// The kinds it reads or writes besides its own.
    fn uses(&self) -> Uses;

    /// What should be, given what is.
    fn plan(&self, cx: &PlanContext<'_>, object: &Self::Object) -> Plan;
}

/// The kinds that a planner reads or writes: what the engine watches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// In the control plane.
    pub control: Vec<Kind>,
    /// In remote planes, objects of our own; a plane that does not serve a kind is not asked for it.
    pub remote: Vec<Kind>,
    /// In remote planes, objects of others that are read, such as Gateways: what they specify, without their status.
    pub remote_foreign: Vec<Kind>,
}

impl Uses {
    /// Nothing besides its own kind.
    pub fn new() -> Self {
        Self::default()
    }

    /// What places a component: namespaces, organizations, projects and components.
    #[must_use]
    pub fn component_scope(self) -> Self {
        self.control::<Namespace>().control::<Organization>().control::<Project>().control::<Component>()
    }

    /// A kind in the control plane.
    #[must_use]
    pub fn control<K: Resource<DynamicType = ()> + 'static>(mut self) -> Self
    where
        K::Scope: 'static,
    {
        self.control.push(Kind::of::<K>());
        self
    }

    /// A kind in remote planes of which objects of others are read.
    #[must_use]
    pub fn remote_foreign<K: Resource<DynamicType = ()> + 'static>(mut self) -> Self
    where
        K::Scope: 'static,
    {
        self.remote_foreign.push(Kind::of::<K>());
        self
    }

    /// A kind in remote planes of which our own objects are written and read.
    #[must_use]
    pub fn remote<K: Resource<DynamicType = ()> + 'static>(mut self) -> Self
    where
        K::Scope: 'static,
    {
        self.remote.push(Kind::of::<K>());
        self
    }

    /// Kinds in remote planes of which our own objects are written and read.
    #[must_use]
    pub fn remote_kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.remote.extend(kinds);
        self
    }
}

/// A planner of any kind, as the platform holds it.
pub trait AnyPlanner: fmt::Debug + Send + Sync {
    /// See [`Planner::name`].
    fn name(&self) -> &'static str;
    /// The kind it plans for.
    fn kind(&self) -> Kind;
    /// See [`Planner::uses`].
    fn uses(&self) -> Uses;
    /// Plans for an object of its kind.
    ///
    /// # Errors
    /// Why the object cannot be read as its kind.
    fn plan_stored(&self, cx: &PlanContext<'_>, object: &Stored) -> Result<Plan, String>;
}

impl<P: Planner> AnyPlanner for P {
    fn name(&self) -> &'static str {
        Planner::name(self)
    }

    fn kind(&self) -> Kind {
        Kind::of::<P::Object>()
    }

    fn uses(&self) -> Uses {
        Planner::uses(self)
    }

    fn plan_stored(&self, cx: &PlanContext<'_>, object: &Stored) -> Result<Plan, String> {
        let typed = object.typed::<P::Object>()?;
        Ok(self.plan(cx, &typed))
    }
}

/// What a planner sees: the World through recorded reads, the platform's choices, and the time.
#[derive(Debug)]
pub struct PlanContext<'a> {
    world: &'a World,
    platform: &'a Platform,
    now: Timestamp,
    reads: RefCell<ReadSet>,
}

impl<'a> PlanContext<'a> {
    /// A context for one pass.
    pub fn new(world: &'a World, platform: &'a Platform, now: Timestamp) -> Self {
        Self { world, platform, now, reads: RefCell::default() }
    }

    /// The platform: naming, hostnames, renderers, engines, gateways, settings.
    pub fn platform(&self) -> &'a Platform {
        self.platform
    }

    /// The time of this pass.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// What has been read so far.
    pub fn into_reads(self) -> ReadSet {
        self.reads.into_inner()
    }

    /// The control plane.
    pub fn control(&self) -> PlaneView<'_, 'a> {
        PlaneView { cx: self, plane: PlaneKey::Control }
    }

    /// A plane; its state is to be looked at before its objects are believed, see [`PlanContext::plane_state`].
    pub fn at(&self, plane: &PlaneKey) -> PlaneView<'_, 'a> {
        PlaneView { cx: self, plane: plane.clone() }
    }

    /// An object of the control plane, by namespace (empty where cluster-scoped) and name.
    pub fn get<K>(&self, namespace: &str, name: &str) -> Option<Arc<K>>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static,
        K::Scope: 'static,
    {
        self.control().get(namespace, name)
    }

    /// Objects of the control plane.
    pub fn list<K>(&self, select: Select) -> Vec<Arc<K>>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static,
        K::Scope: 'static,
    {
        self.control().list(select)
    }

    /// What is known of the connection to a plane.
    pub fn plane_state(&self, plane: &PlaneKey) -> PlaneState {
        self.reads.borrow_mut().planes.insert(plane.clone());
        self.world.plane_state(plane)
    }
}

/// The objects of one plane, read through the context that records.
#[derive(Debug)]
pub struct PlaneView<'c, 'a> {
    cx: &'c PlanContext<'a>,
    plane: PlaneKey,
}

impl PlaneView<'_, '_> {
    /// An object as its type; one that cannot be read as its type counts as absent.
    pub fn get<K>(&self, namespace: &str, name: &str) -> Option<Arc<K>>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static,
        K::Scope: 'static,
    {
        self.stored(&ObjectKey::of::<K>(namespace, name))?.typed().ok()
    }

    /// An object as it was seen.
    pub fn stored(&self, key: &ObjectKey) -> Option<Arc<Stored>> {
        self.cx.reads.borrow_mut().objects.insert((self.plane.clone(), key.clone()));
        self.cx.world.get(&self.plane, key).cloned()
    }

    /// The objects that a selection matches, by namespace and name.
    pub fn list<K>(&self, mut select: Select) -> Vec<Arc<K>>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static,
        K::Scope: 'static,
    {
        select.kind = Kind::of::<K>();
        self.list_stored(&select).into_iter().filter_map(|(_, object)| object.typed().ok()).collect()
    }

    /// The objects that a selection matches, as they were seen.
    pub fn list_stored(&self, select: &Select) -> Vec<(ObjectKey, Arc<Stored>)> {
        self.cx.reads.borrow_mut().lists.insert((self.plane.clone(), select.clone()));
        self.cx.world.list(&self.plane, select)
    }

    /// All objects of an owner, of every kind.
    pub fn owned_by(&self, owner: &str) -> Vec<(ObjectKey, Arc<Stored>)> {
        self.cx.reads.borrow_mut().owners.insert((self.plane.clone(), owner.to_owned()));
        self.cx.world.owned_by(&self.plane, owner)
    }

    /// Whether the plane serves a kind.
    pub fn serves(&self, kind: Kind) -> bool {
        self.cx.reads.borrow_mut().planes.insert(self.plane.clone());
        self.cx.world.serves(&self.plane, kind)
    }
}
