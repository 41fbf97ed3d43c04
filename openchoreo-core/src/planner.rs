//! Planners: pure functions from one object and the World to a [`Plan`].
//!
//! A planner has no clock, no randomness and does no I/O. What it reads through its [`PlanContext`] is recorded, and a
//! change of any of it wakes it again; there are no watch mappings to write.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::Resource;
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{Component, Organization, Project};
use serde::de::DeserializeOwned;

use crate::extension::{Extensions, IsolationContext, NetworkPolicyDialect, RenderError};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels::Owner;
use crate::plan::effects::is_held;
use crate::plan::{Inventory, Plan, Rendered, Wanted};
use crate::world::{Depth, PlaneState, ReadSet, Select, Serves, Stored, World};

/// Plans for the objects of one kind.
pub trait Planner: fmt::Debug + Send + Sync {
    /// The kind it plans for.
    type Object: PlatformKind;

    /// Its name: the field manager of what it applies is `openchoreo/<name>`.
    fn name(&self) -> &'static str;

    /// The kinds it reads or writes besides its own.
    fn uses(&self) -> Uses;

    /// Whether it reports the status of its object. Several planners may plan for a kind, and at most one of them reports;
    /// the status in the plans of the others is not written, and what they are refused is shown by the one that reports.
    /// Each of the others has an owner of its own ([`Owner::part`](crate::labels::Owner::part)), lest one prunes what
    /// another wants, and a finalizer of its own.
    fn reports_status(&self) -> bool {
        true
    }

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

    /// Kinds in the control plane.
    #[must_use]
    pub fn control_kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.control.extend(kinds);
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

/// A planner of any kind, as the platform holds it. Implement it for a kind that is known only at run time; every
/// [`Planner`] is one.
pub trait AnyPlanner: fmt::Debug + Send + Sync {
    /// See [`Planner::name`].
    fn name(&self) -> &'static str;
    /// The kind it plans for.
    fn kind(&self) -> Kind;
    /// See [`Planner::uses`].
    fn uses(&self) -> Uses;
    /// See [`Planner::reports_status`].
    fn reports_status(&self) -> bool {
        true
    }
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

    fn reports_status(&self) -> bool {
        Planner::reports_status(self)
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
    platform: &'a Extensions,
    now: Timestamp,
    reads: RefCell<ReadSet>,
}

static CONTROL: PlaneKey = PlaneKey::Control;

impl<'a> PlanContext<'a> {
    /// A context for one pass.
    pub fn new(world: &'a World, platform: &'a Extensions, now: Timestamp) -> Self {
        Self { world, platform, now, reads: RefCell::default() }
    }

    /// A context whose reads are also kept in words, for people who ask.
    pub fn in_words(world: &'a World, platform: &'a Extensions, now: Timestamp) -> Self {
        Self { world, platform, now, reads: RefCell::new(ReadSet::in_words()) }
    }

    /// The platform: naming, hostnames, renderers, engines, gateways, settings.
    pub fn platform(&self) -> &'a Extensions {
        self.platform
    }

    /// The time of this pass.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The finalizer of an object that is made here and that another planner of the platform plans for: made with it, the
    /// object need not be given it afterwards. Nothing where nobody would take it away again.
    pub fn finalizer_of<K>(&self, finalizer: &str) -> Option<Vec<String>>
    where
        K: Resource<DynamicType = ()> + 'static,
        K::Scope: 'static,
    {
        self.platform.planned_kinds().contains(&Kind::of::<K>()).then(|| vec![finalizer.to_owned()])
    }

    /// The value of the label [`OWNER`](crate::labels::OWNER) on the objects of an owner.
    pub fn label_of(&self, owner: &Owner) -> String {
        self.world.label_of(owner)
    }

    /// Whether a live object has what is wanted: it came of applying exactly that, and nobody has changed a field of it
    /// since. Fields that the server added do not matter.
    pub fn is_held(&self, wanted: &Wanted, live: &Stored) -> bool {
        is_held(self.world, wanted, live)
    }

    /// What has been read.
    pub fn into_reads(self) -> ReadSet {
        let mut reads = self.reads.into_inner();
        reads.seal();
        reads
    }

    /// The control plane.
    pub fn control(&self) -> PlaneView<'_, 'a> {
        PlaneView { cx: self, plane: &CONTROL }
    }

    /// The network policies of a namespace, in every dialect that the plane understands; none where the platform has no
    /// dialect.
    ///
    /// # Errors
    /// One cannot be rendered, or the platform has dialects and the plane understands none: whatever ran there would
    /// stand open.
    pub fn isolate(&self, plane: &PlaneKey, context: &IsolationContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        let view = self.at(plane);
        let is_understood = |dialect: &&dyn NetworkPolicyDialect| dialect.kinds().iter().all(|kind| view.serves(*kind));
        let understood: Vec<_> = self.platform().dialects().filter(is_understood).collect();
        if understood.is_empty() && self.platform().dialects().next().is_some() {
            let what = "isolation by any dialect of network policies of this platform".to_owned();
            return Err(RenderError::Unsupported { what, by: plane.to_string() });
        }
        let policies: Vec<_> = understood.iter().map(|dialect| dialect.policies(context)).collect::<Result<_, _>>()?;
        Ok(policies.into_iter().flatten().collect())
    }

    /// A plane; its state is to be looked at before its objects are believed, see [`PlanContext::plane_state`].
    pub fn at<'c>(&'c self, plane: &'c PlaneKey) -> PlaneView<'c, 'a> {
        if *plane != CONTROL {
            // Which cluster a plane leads to is a part of every answer.
            self.reads.borrow_mut().plane(plane);
        }
        PlaneView { cx: self, plane }
    }

    /// An object of the control plane, by namespace (empty where cluster-scoped) and name.
    pub fn get<K>(&self, namespace: &str, name: &str) -> Option<Arc<K>>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static,
        K::Scope: 'static,
    {
        self.control().get(namespace, name)
    }

    /// An object of the control plane without its status, whose changes do not wake the reader: what parents are for.
    pub fn written<K: PlatformKind>(&self, namespace: &str, name: &str) -> Option<Arc<K>>
    where
        K::Scope: 'static,
    {
        self.control().object(Kind::of::<K>(), namespace, name, Depth::Written)?.written().ok()
    }

    /// Objects of the control plane.
    pub fn list<K>(&self, select: Select) -> Vec<Arc<K>>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static,
        K::Scope: 'static,
    {
        self.control().list(select)
    }

    /// Objects of the control plane without their status, whose changes do not wake the reader.
    pub fn list_written<K: PlatformKind>(&self, mut select: Select) -> Vec<Arc<K>>
    where
        K::Scope: 'static,
    {
        select.kind = Kind::of::<K>();
        self.control().objects(&select, Depth::Written).iter().filter_map(|object| object.written().ok()).collect()
    }

    /// What is known of the connection to a plane.
    pub fn plane_state(&self, plane: &PlaneKey) -> PlaneState {
        self.reads.borrow_mut().plane(plane);
        self.world.plane_state(plane)
    }

    /// Whether two planes lead to one cluster, as far as is known.
    pub fn is_same_cluster(&self, one: &PlaneKey, other: &PlaneKey) -> bool {
        for plane in [one, other] {
            self.reads.borrow_mut().plane(plane);
        }
        self.world.is_same_cluster(one, other)
    }

    /// Whether two planes may lead to one cluster: one that has not been connected to yet may lead to any. One that does not
    /// tell which cluster it is counts as a cluster of its own.
    pub fn may_be_same_cluster(&self, one: &PlaneKey, other: &PlaneKey) -> bool {
        let is_unknown = |plane: &PlaneKey| {
            self.cluster_identity(plane).is_none() && !matches!(self.plane_state(plane), PlaneState::Connected { .. })
        };
        one == other || self.is_same_cluster(one, other) || is_unknown(one) || is_unknown(other)
    }

    /// The identity of the cluster that a plane leads to: the uid of its namespace `kube-system`, once known.
    pub fn cluster_identity(&self, plane: &PlaneKey) -> Option<String> {
        self.reads.borrow_mut().plane(plane);
        self.world.identity(plane).map(str::to_owned)
    }
}

impl Inventory for PlanContext<'_> {
    fn has_any(&self, plane: &PlaneKey, owner: &Owner) -> bool {
        !self.at(plane).owned(owner, Depth::Written).is_empty() || self.world.is_unsure(plane, owner)
    }
}

/// The objects of one plane, read through the context that records.
#[derive(Debug)]
pub struct PlaneView<'c, 'a> {
    cx: &'c PlanContext<'a>,
    plane: &'c PlaneKey,
}

impl PlaneView<'_, '_> {
    fn object(&self, kind: Kind, namespace: &str, name: &str, depth: Depth) -> Option<Arc<Stored>> {
        let world = self.cx.world;
        let cluster = world.cluster_id(self.plane);
        self.cx.reads.borrow_mut().object(cluster, self.plane, kind, (namespace, name), depth);
        let found = world.find(self.plane, kind, namespace, name)?;
        world.shelve(found);
        Some(Arc::clone(found))
    }

    fn objects(&self, select: &Select, depth: Depth) -> Vec<Arc<Stored>> {
        let world = self.cx.world;
        let mut reads = self.cx.reads.borrow_mut();
        reads.list(world.cluster_id(self.plane), self.plane, select, depth);
        if let Some((index, _)) = &select.index
            && !world.has_index(select.kind, index)
        {
            reads.miss_index(select.kind, index);
        }
        drop(reads);
        let found = world.list_stored(self.plane, select);
        found.iter().for_each(|object| world.shelve(object));
        found
    }

    fn owned(&self, owner: &Owner, depth: Depth) -> Vec<(ObjectKey, Arc<Stored>)> {
        let (world, label) = (self.cx.world, self.cx.world.label_of(owner));
        self.cx.reads.borrow_mut().owned(world.cluster_id(self.plane), self.plane, &label, depth);
        world.owned_by(self.plane, owner)
    }

    /// An object as its type; one that cannot be read as its type counts as absent.
    pub fn get<K>(&self, namespace: &str, name: &str) -> Option<Arc<K>>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static,
        K::Scope: 'static,
    {
        self.object(Kind::of::<K>(), namespace, name, Depth::Whole)?.typed().ok()
    }

    /// An object as it was seen.
    pub fn stored(&self, key: &ObjectKey) -> Option<Arc<Stored>> {
        self.object(key.kind, &key.namespace, &key.name, Depth::Whole)
    }

    /// An object as it was seen; a change of its status alone does not wake the reader.
    pub fn stored_written(&self, key: &ObjectKey) -> Option<Arc<Stored>> {
        self.object(key.kind, &key.namespace, &key.name, Depth::Written)
    }

    /// The objects that a selection matches, by namespace and name.
    pub fn list<K>(&self, mut select: Select) -> Vec<Arc<K>>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Send + Sync + 'static,
        K::Scope: 'static,
    {
        select.kind = Kind::of::<K>();
        self.objects(&select, Depth::Whole).iter().filter_map(|object| object.typed().ok()).collect()
    }

    /// The objects that a selection matches, as they were seen.
    pub fn list_stored(&self, select: &Select) -> Vec<(ObjectKey, Arc<Stored>)> {
        let found = self.objects(select, Depth::Whole);
        found.into_iter().map(|object| (object.key(select.kind), object)).collect()
    }

    /// The same; a change of their status alone does not wake the reader.
    pub fn list_stored_written(&self, select: &Select) -> Vec<(ObjectKey, Arc<Stored>)> {
        let found = self.objects(select, Depth::Written);
        found.into_iter().map(|object| (object.key(select.kind), object)).collect()
    }

    /// All objects of an owner, of every kind.
    pub fn owned_by(&self, owner: &Owner) -> Vec<(ObjectKey, Arc<Stored>)> {
        self.owned(owner, Depth::Whole)
    }

    /// The objects in a namespace of the kinds that the platform writes in data planes; a change of their status alone does
    /// not wake the reader.
    pub fn in_namespace(&self, namespace: &str) -> Vec<(ObjectKey, Arc<Stored>)> {
        let kinds: BTreeSet<Kind> =
            self.cx.platform.workload_kinds().into_iter().filter(|kind| kind.namespaced).collect();
        let of_kind = |kind: Kind| self.list_stored_written(&Select::all(kind).namespace(namespace));
        kinds.into_iter().flat_map(of_kind).collect()
    }

    /// Whether the plane serves a kind in the version that is read and written here.
    pub fn serves(&self, kind: Kind) -> bool {
        self.how_serves(kind) == Serves::Yes
    }

    /// How the plane serves a kind.
    pub fn how_serves(&self, kind: Kind) -> Serves {
        self.cx.reads.borrow_mut().plane(self.plane);
        self.cx.world.serves(self.plane, kind)
    }
}
