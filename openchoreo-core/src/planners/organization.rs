//! Organization: a tenant, and the namespace of its own that holds its projects, environments and planes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::ObjectMeta;
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::Organization;

use crate::conditions::CommonReason;
use crate::hierarchy::name_of;
use crate::kind::{ObjectKey, PlaneKey};
use crate::labels::{self, Owner, finalizers};
use crate::plan::{Finalizer, Plan, StatusDraft};
use crate::planner::{PlanContext, Planner, Uses};

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
        Uses::new().control::<Namespace>()
    }

    fn plan(&self, cx: &PlanContext<'_>, organization: &Organization) -> Plan {
        let name = name_of(organization);
        let owner = Owner::object(Organization::KIND, "", name);
        let mut plan = Plan::new();
        let mut draft = StatusDraft::of(organization);
        let live = cx.control().stored(&ObjectKey::of::<Namespace>("", name));
        if organization.metadata.deletion_timestamp.is_some() {
            let ours = live.filter(|n| n.has_label(labels::OWNER, &owner.label_value()) && !is_protected(name));
            match ours {
                Some(namespace) => {
                    plan.delete(
                        &PlaneKey::Control,
                        ObjectKey::of::<Namespace>("", name),
                        &namespace.uid(),
                        namespace.is_deleting(),
                    );
                    draft.find(
                        CommonReason::Deleting,
                        format!("namespace `{name}` and what is in it are being deleted"),
                    );
                }
                None => {
                    plan.finalizer = Finalizer::Release(finalizers::ORGANIZATION);
                    draft.find(CommonReason::Deleting, "nothing is left to delete");
                }
            }
            plan.report(&draft.finish(cx.now()));
            return plan;
        }
        plan.finalizer = Finalizer::Hold(finalizers::ORGANIZATION);
        if let Some(live) = &live
            && !live.has_label(labels::ORGANIZATION, name)
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

/// Namespaces that Kubernetes itself needs and refuses to delete.
fn is_protected(namespace: &str) -> bool {
    namespace == "default" || namespace.starts_with("kube-")
}
