//! Component: what is built and deployed. One with a build section and no track of its own gets the track `default`.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::Resource;
use kube::core::ObjectMeta;
use openchoreo_types::PlatformKind;
use openchoreo_types::v1alpha1::{
    Build, BuildTemplateSpec, Component, DeployableArtifact, Deployment, DeploymentTrack, DeploymentTrackSpec,
    Endpoint, Organization, Project,
};

use crate::conditions::CommonReason;
use crate::extension::chain;
use crate::hierarchy::{ComponentScope, child_labels, children_of, name_of, scope_of_component};
use crate::kind::PlaneKey;
use crate::labels::{self, Owner, finalizers};
use crate::naming::{LabelValue, NameError};
use crate::plan::{Finalizer, Plan, StatusDraft};
use crate::planner::{PlanContext, Planner, Uses};
use crate::planners::deletion::delete_all;

/// Name of the track that a component with a build section gets where it has none.
pub const DEFAULT_TRACK: &str = "default";

crate::reasons! {
    /// Why a Component is or is not ready.
    pub enum ComponentReason for "Component" {
        ComponentCreated => Ready = True, "the component is in a project and its type can be deployed",
        UnknownComponentType => Ready = False, "`spec.type` names a type that this platform has no renderer for",
        UnknownBuildEngine => Ready = False, "`spec.build.templateRef.engine` names an engine that this platform does not have",
    }
}

/// Checks components, gives them their default track, and removes what was made for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComponentPlanner;

impl Planner for ComponentPlanner {
    type Object = Component;

    fn name(&self) -> &'static str {
        "component"
    }

    fn uses(&self) -> Uses {
        Uses::new()
            .control::<Namespace>()
            .control::<Organization>()
            .control::<Project>()
            .control::<DeploymentTrack>()
            .control::<Build>()
            .control::<DeployableArtifact>()
            .control::<Deployment>()
            .control::<Endpoint>()
    }

    fn plan(&self, cx: &PlanContext<'_>, component: &Component) -> Plan {
        let mut plan = Plan::new();
        let mut draft = StatusDraft::of(component);
        if component.metadata.deletion_timestamp.is_some() {
            let left = delete_children(cx, &mut plan, component);
            if left == 0 {
                plan.finalizer = Finalizer::Release(finalizers::COMPONENT);
            }
            draft.find(CommonReason::Deleting, format!("{left} objects of the component are left to delete"));
            plan.report(&draft.finish(cx.now()));
            return plan;
        }
        plan.finalizer = Finalizer::Hold(finalizers::COMPONENT);
        let owner = Owner::object(
            Component::KIND,
            component.metadata.namespace.as_deref().unwrap_or_default(),
            name_of(component),
        );
        match scope_of_component(cx, &Arc::new(component.clone())) {
            Err(error) => draft.add(error.into()),
            Ok(scope) => {
                self.check(cx, &scope, &mut draft);
                if let Err(error) = want_default_track(cx, &mut plan, &owner, &scope) {
                    draft.find(CommonReason::InvalidName, chain(&error));
                }
                // Only a component that stands may lose its default track; one that waits for a parent keeps it.
                plan.prune(cx, &PlaneKey::Control, &owner);
            }
        }
        plan.report(&draft.finish(cx.now()));
        plan
    }
}

impl ComponentPlanner {
    fn check(
        self,
        cx: &PlanContext<'_>,
        scope: &ComponentScope,
        draft: &mut StatusDraft<<Component as PlatformKind>::Status>,
    ) {
        let spec = &scope.component.spec;
        let known = || cx.platform().component_types().collect::<Vec<_>>().join(", ");
        if cx.platform().renderer(&spec.type_).is_none() {
            draft.find(
                ComponentReason::UnknownComponentType,
                format!("`spec.type` is `{}`; this platform deploys {}", spec.type_, known()),
            );
        }
        if let Some(build) = &spec.build {
            let engine = build.template_ref.engine();
            if cx.platform().build_engine(engine).is_none() {
                let engines = cx.platform().build_engine_ids().collect::<Vec<_>>().join(", ");
                draft.find(
                    ComponentReason::UnknownBuildEngine,
                    format!("`spec.build.templateRef.engine` is `{engine}`; this platform has {engines}"),
                );
            }
        }
        let id = scope.id();
        draft.find(
            ComponentReason::ComponentCreated,
            format!("component of project `{}` in organization `{}`", id.project, id.organization),
        );
    }
}

/// Wants the default track where there is a build section and nobody made a track.
fn want_default_track(
    cx: &PlanContext<'_>,
    plan: &mut Plan,
    owner: &Owner,
    scope: &ComponentScope,
) -> Result<(), NameError> {
    // The name of a component is a label of everything that is made for it.
    LabelValue::try_from(name_of(&*scope.component))?;
    let Some(build) = &scope.component.spec.build else { return Ok(()) };
    let tracks = cx.list_written::<DeploymentTrack>(children_of(scope.namespace(), name_of(&*scope.component)));
    let ours = cx.label_of(owner);
    let written_by_people = |track: &Arc<DeploymentTrack>| {
        let labels = track.metadata.labels.as_ref();
        track.metadata.deletion_timestamp.is_none() && labels.and_then(|l| l.get(labels::OWNER)) != Some(&ours)
    };
    if tracks.iter().any(written_by_people) {
        return Ok(());
    }
    let name = cx.platform().naming().track(name_of(&*scope.component), DEFAULT_TRACK)?;
    let track = DeploymentTrack {
        metadata: ObjectMeta {
            name: Some(name.to_string()),
            namespace: Some(scope.namespace().to_owned()),
            labels: Some(child_labels(scope, DEFAULT_TRACK, &[])),
            owner_references: scope.component.controller_owner_ref(&()).map(|reference| vec![reference]),
            // What its own first pass would add, so that it need not.
            finalizers: cx.finalizer_of::<DeploymentTrack>(finalizers::DEPLOYMENT_TRACK),
            ..ObjectMeta::default()
        },
        spec: DeploymentTrackSpec {
            auto_deploy: true,
            build_template_spec: Some(BuildTemplateSpec {
                branch: build.repository.revision.branch.clone(),
                path: build.repository.app_path.clone(),
                ..BuildTemplateSpec::default()
            }),
        },
        status: None,
    };
    plan.want(&PlaneKey::Control, owner, &track);
    Ok(())
}

/// Deletes what names the component by label; gives how much is left.
fn delete_children(cx: &PlanContext<'_>, plan: &mut Plan, component: &Component) -> usize {
    let namespace = component.metadata.namespace.as_deref().unwrap_or_default();
    let children = || children_of(namespace, name_of(component));
    // Tracks and builds first: they would make the others anew.
    delete_all::<DeploymentTrack>(cx, plan, children())
        + delete_all::<Build>(cx, plan, children())
        + delete_all::<DeployableArtifact>(cx, plan, children())
        + delete_all::<Deployment>(cx, plan, children())
        + delete_all::<Endpoint>(cx, plan, children())
}
