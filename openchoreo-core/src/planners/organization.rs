//! Organization: a tenant, and the namespace of its own that holds its projects, environments and planes.
//!
//! Deletion goes in an order, since cleaning a plane needs its registration and the Secrets beside it:
//! 1. projects, and with them their components, in every namespace of the organization; then what is left without a
//!    project or a component. What they have in planes goes with them.
//! 2. environments and planes. A plane that cannot be reached is deleted before that, which starts the time after which
//!    it is given up; while it holds something, its own finalizer keeps it.
//! 3. the organization's own namespace, and everything else that is in it. Namespaces that an administrator labelled
//!    for the organization stay.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Namespace;
use kube::core::ObjectMeta;
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{
    Build, BuildPlane, Component, DataPlane, DeployableArtifact, Deployment, DeploymentTrack, Endpoint, Environment,
    Organization, Project,
};

use crate::conditions::{CommonReason, listed};
use crate::extension::chain;
use crate::hierarchy::{claimed_organization, name_of};
use crate::kind::{Kind, ObjectKey, PlaneKey};
use crate::labels::{self, Owner, finalizers};
use crate::naming::NamespaceName;
use crate::plan::{Finalizer, Plan, StatusDraft};
use crate::planner::{PlanContext, Planner, Uses};
use crate::planners::deletion::delete_those;
use crate::planners::plane::may_record_planes;
use crate::record::recorded;
use crate::world::{PlaneState, Select, Stored};

crate::reasons! {
    /// Why an Organization is or is not ready.
    pub enum OrganizationReason for "Organization" {
        NamespaceCreated => Ready = True, "the organization's namespace exists and is labelled for it",
        NamespaceProgressing => Ready = Unknown, "the organization's namespace is being created",
        NamespaceTaken => Ready = False, "a namespace of the organization's name exists and is not the organization's; label it `openchoreo.dev/organization` to hand it over",
    }
}

/// Plans the namespace of each organization.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrganizationPlanner;

impl Planner for OrganizationPlanner {
    type Object = Organization;

    fn name(&self) -> &'static str {
        "organization"
    }

    fn uses(&self) -> Uses {
        Uses::new()
            .control::<Namespace>()
            .control::<Project>()
            .control::<Component>()
            .control::<DeploymentTrack>()
            .control::<Build>()
            .control::<DeployableArtifact>()
            .control::<Deployment>()
            .control::<Endpoint>()
            .control::<DataPlane>()
            .control::<BuildPlane>()
            .control::<Environment>()
    }

    fn plan(&self, cx: &PlanContext<'_>, organization: &Organization) -> Plan {
        let name = name_of(organization);
        let owner = Owner::object(Organization::KIND, "", name);
        let mut plan = Plan::new();
        let mut draft = StatusDraft::of(organization);
        let live = cx.control().stored_written(&ObjectKey::of::<Namespace>("", name));
        if organization.metadata.deletion_timestamp.is_some() {
            draft.find(CommonReason::Deleting, dismantle(cx, &mut plan, &owner, name));
            plan.report(&draft.finish(cx.now()));
            return plan;
        }
        plan.finalizer = Finalizer::Hold(finalizers::ORGANIZATION);
        if let Err(error) = NamespaceName::try_from(name) {
            let message =
                format!("{}; an organization is named like its namespace, so choose another name", chain(&error));
            draft.find(CommonReason::InvalidName, message);
            plan.report(&draft.finish(cx.now()));
            return plan;
        }
        if let Some(live) = &live
            && !is_its_own(cx, live, &owner, name)
        {
            let message = format!(
                "namespace `{name}` exists and is not this organization's; to hand it over: kubectl label namespace {name} {}={name}",
                labels::ORGANIZATION
            );
            draft.find(OrganizationReason::NamespaceTaken, message);
            draft.status.namespace = None;
            plan.report(&draft.finish(cx.now()));
            return plan;
        }
        plan.want(&PlaneKey::Control, &owner, &namespace_of(name));
        match live {
            Some(live) if live.is_deleting() => {
                draft.find(
                    OrganizationReason::NamespaceProgressing,
                    format!("namespace `{name}` is being deleted; it is made anew when it is gone"),
                );
                // Applying to a namespace that is going away would only mark it as ours for its last moments.
                plan.wanted.clear();
            }
            Some(_) => {
                draft.status.namespace = Some(name.to_owned());
                draft.find(OrganizationReason::NamespaceCreated, format!("namespace `{name}` exists"));
            }
            None => {
                draft.find(OrganizationReason::NamespaceProgressing, format!("namespace `{name}` is being created"))
            }
        }
        plan.report(&draft.finish(cx.now()));
        plan
    }
}

/// Takes an organization down a step further; says what it waits for.
fn dismantle(cx: &PlanContext<'_>, plan: &mut Plan, owner: &Owner, name: &str) -> String {
    let mut left = delete_work(cx, plan, &namespaces_of(cx, name));
    let is_idle = left.is_empty();
    // A namespace that is not the organization's holds planes of others.
    if claimed_organization(cx, name).as_deref() == Some(name) {
        left.extend(delete_planes(cx, plan, name, is_idle));
        if is_idle {
            left.extend(sweep::<Environment>(cx, plan, name));
        }
    }
    if !left.is_empty() {
        return format!("waits until these are gone: {}", listed(left, ", "));
    }
    let key = ObjectKey::of::<Namespace>("", name);
    let live = cx.control().stored_written(&key);
    match live.filter(|live| live.has_label(labels::OWNER, &cx.label_of(owner)) && !is_protected(name)) {
        Some(namespace) => {
            plan.delete(&PlaneKey::Control, key, &namespace.uid(), namespace.is_deleting());
            format!("namespace `{name}` and what is in it are being deleted")
        }
        None => {
            plan.finalizer = Finalizer::Release(finalizers::ORGANIZATION);
            "nothing is left to delete".to_owned()
        }
    }
}

/// The namespaces of an organization: its own, and those that are labelled for it.
fn namespaces_of(cx: &PlanContext<'_>, name: &str) -> BTreeSet<String> {
    let labelled = Select::of::<Namespace>().label(labels::ORGANIZATION, name);
    let mut namespaces: BTreeSet<String> =
        cx.control().list_stored_written(&labelled).into_iter().map(|(key, _)| key.name).collect();
    if claimed_organization(cx, name).as_deref() == Some(name) {
        namespaces.insert(name.to_owned());
    }
    namespaces
}

/// Deletes what people and builds have made in the namespaces of an organization; gives what is waited for.
///
/// Parents first, and their children only once no parent is left that deletes them: so an organization of thousands of
/// components looks at its projects, and not at everything whenever anything in it goes.
fn delete_work(cx: &PlanContext<'_>, plan: &mut Plan, namespaces: &BTreeSet<String>) -> Vec<ObjectKey> {
    type Sweep = fn(&PlanContext<'_>, &mut Plan, &str) -> Vec<ObjectKey>;
    let generations: [Sweep; 7] = [
        sweep::<Project>,
        sweep::<Component>,
        sweep::<DeploymentTrack>,
        sweep::<Build>,
        sweep::<DeployableArtifact>,
        sweep::<Deployment>,
        sweep::<Endpoint>,
    ];
    for sweep in generations {
        let left: Vec<ObjectKey> = namespaces.iter().flat_map(|namespace| sweep(cx, plan, namespace)).collect();
        if !left.is_empty() {
            return left;
        }
    }
    delete_recorders(cx, plan, namespaces)
}

/// Deletes what still has parts in planes, of whatever kind the platform plans for: a team's own kinds too must be
/// cleaned while the planes are there. What has none goes with its namespace.
fn delete_recorders(cx: &PlanContext<'_>, plan: &mut Plan, namespaces: &BTreeSet<String>) -> Vec<ObjectKey> {
    let mut left = Vec::new();
    for kind in may_record_planes(cx).filter(|kind| kind.namespaced) {
        for namespace in namespaces {
            for (key, live) in cx.control().list_stored(&Select::all(kind).namespace(namespace)) {
                if !recorded(&live.json()).is_empty() {
                    plan.delete(&PlaneKey::Control, key.clone(), &live.uid(), live.is_deleting());
                    left.push(key);
                }
            }
        }
    }
    left
}

fn sweep<K>(cx: &PlanContext<'_>, plan: &mut Plan, namespace: &str) -> Vec<ObjectKey>
where
    K: PlatformKind,
    K::Scope: 'static,
{
    delete_those::<K>(cx, plan, Select::of::<K>().namespace(namespace), |_, _| true)
}

/// Deletes the planes that cannot be reached, and when nothing is left to clean all of them; gives those that are left.
fn delete_planes(cx: &PlanContext<'_>, plan: &mut Plan, name: &str, is_idle: bool) -> Vec<ObjectKey> {
    let is_done = |plane: &PlaneKey| is_idle || !matches!(cx.plane_state(plane), PlaneState::Connected { .. });
    let mut left = Vec::new();
    for kind in [Kind::of::<DataPlane>(), Kind::of::<BuildPlane>()] {
        for (key, live) in cx.control().list_stored_written(&Select::all(kind).namespace(name)) {
            let plane = if kind == Kind::of::<DataPlane>() {
                PlaneKey::data_plane(name, &key.name)
            } else {
                PlaneKey::build_plane(name, &key.name)
            };
            if is_done(&plane) {
                plan.delete(&PlaneKey::Control, key.clone(), &live.uid(), live.is_deleting());
            }
            left.push(key);
        }
    }
    left
}

fn namespace_of(name: &str) -> Namespace {
    let own =
        [(labels::MANAGED_BY, labels::managed_by::CONTROL_PLANE), (labels::ORGANIZATION, name), (labels::NAME, name)];
    Namespace {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(own.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<BTreeMap<_, _>>()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}

/// Whether a namespace is the organization's own: labelled for it, or made by it and no longer labelled at all.
fn is_its_own(cx: &PlanContext<'_>, live: &Stored, owner: &Owner, name: &str) -> bool {
    match live.label(labels::ORGANIZATION) {
        Some(organization) => organization == name,
        None => live.has_label(labels::OWNER, &cx.label_of(owner)),
    }
}

/// Namespaces that Kubernetes itself needs and refuses to delete.
fn is_protected(namespace: &str) -> bool {
    namespace == "default" || namespace.starts_with("kube-")
}
