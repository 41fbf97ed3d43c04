//! The Endpoints of a Deployment: one for each endpoint template of its artifact, in the control plane.
//!
//! An Endpoint is named after the Deployment that first made it. A successor in the same place keeps the name, so that it
//! takes over the object, its route and its address, and makes no second ones beside them.
//!
//! What an artifact no longer lets in is taken away first, and whatever becomes of the rest of it.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use openchoreo_core::conditions::Finding;
use openchoreo_core::extension::{RenderError, chain};
use openchoreo_core::hierarchy::{child_labels, children, label_of, name_of, track_name};
use openchoreo_core::kind::{Kind, PlaneKey};
use openchoreo_core::labels::{self, finalizers};
use openchoreo_core::naming::{LabelKey, LabelValue, NameError};
use openchoreo_core::plan::{Plan, Rendered};
use openchoreo_core::planner::PlanContext;
use openchoreo_core::record;
use openchoreo_core::world::Select;
use openchoreo_types::common::{EndpointSpec, NetworkVisibilities, Visibility};
use openchoreo_types::v1alpha1::{DeployableArtifact, Deployment, Endpoint, EndpointTemplate};

use super::place::Place;
use super::source::{self, Source};
use super::{DeploymentReason, Stop, owner_of};

/// Name of the Endpoint of a template without a name.
const DEFAULT_NAME: &str = "endpoint";

/// The Endpoints of a Deployment.
pub(super) fn endpoints(
    cx: &PlanContext<'_>,
    deployment: &Deployment,
    place: &Place,
    source: &Source<'_>,
) -> Result<Vec<Endpoint>, Stop> {
    make(cx, deployment, place, source)
        .map_err(|error| Stop::keep(Finding::new(DeploymentReason::RenderFailed, chain(&error))))
}

fn make(
    cx: &PlanContext<'_>,
    deployment: &Deployment,
    place: &Place,
    source: &Source<'_>,
) -> Result<Vec<Endpoint>, RenderError> {
    let mut names = BTreeSet::new();
    let mut endpoints = Vec::new();
    for (index, template) in templates(&source.artifact).iter().enumerate() {
        let name = name_in(template);
        if !names.insert(name) {
            let field = format!("spec.configuration.endpointTemplates[{index}].metadata.name");
            let artifact = format!("DeployableArtifact `{}`", name_of(&*source.artifact));
            return Err(RenderError::field(
                artifact,
                field,
                format!("`{name}` names two endpoints; name each differently"),
            ));
        }
        check_metadata(&source.artifact, index, template)?;
        endpoints.push(endpoint(cx, deployment, place, template, name)?);
    }
    Ok(endpoints)
}

fn templates(artifact: &DeployableArtifact) -> &[EndpointTemplate] {
    artifact.spec.configuration.as_ref().map_or(&[], |configuration| &configuration.endpoint_templates)
}

fn name_in(template: &EndpointTemplate) -> &str {
    template.metadata.name.as_deref().unwrap_or(DEFAULT_NAME)
}

/// Takes away what the artifact of a Deployment no longer lets in: endpoints that it does not have, visibilities that it
/// does not enable, and what came without a policy that it has now. That waits for nothing that the artifact adds, and
/// does not depend on whether the workload can be rendered.
pub(super) fn narrow(cx: &PlanContext<'_>, plan: &mut Plan, deployment: &Deployment, place: &Place) {
    let Some(artifact) = source::artifact(cx, deployment, place) else { return };
    let owner = owner_of(deployment);
    let ours = cx.label_of(&owner);
    for live in cx.list_written::<Endpoint>(in_place(place)) {
        if label_of(&*live, labels::OWNER) != Some(ours.as_str()) || live.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let name = label_of(&*live, labels::NAME);
        let is_of = |template: &&EndpointTemplate| name == Some(LabelValue::of(name_in(template)).as_str());
        let Some(template) = templates(&artifact).iter().find(is_of) else {
            plan.delete_object(&*live);
            continue;
        };
        let narrowed = narrowed(live.spec.network_visibilities.as_ref(), template.spec.network_visibilities.as_ref());
        if narrowed != live.spec.network_visibilities {
            let spec = EndpointSpec { network_visibilities: narrowed, ..live.spec.clone() };
            let form = Endpoint { metadata: as_written(&live.metadata), spec, status: None };
            plan.narrow(&PlaneKey::Control, &owner, Rendered::new(&form));
        }
    }
}

/// What is visible now, without what is no longer to be, and with the policies that it is to have.
fn narrowed(live: Option<&NetworkVisibilities>, wanted: Option<&NetworkVisibilities>) -> Option<NetworkVisibilities> {
    let live = live?;
    let level = |of: fn(&NetworkVisibilities) -> Option<&Visibility>| {
        let is_enabled = |visibility: &&Visibility| visibility.enable;
        match (of(live).filter(is_enabled), wanted.and_then(of).filter(is_enabled)) {
            (Some(_), Some(wanted)) => Some(wanted.clone()),
            (Some(_), None) => None,
            (None, _) => of(live).cloned(),
        }
    };
    Some(NetworkVisibilities {
        organization: level(|all| all.organization.as_ref()),
        public: level(|all| all.public.as_ref()),
    })
}

/// What a plan wrote of the metadata of an object, without its marks.
fn as_written(live: &ObjectMeta) -> ObjectMeta {
    let mut written = ObjectMeta {
        name: live.name.clone(),
        namespace: live.namespace.clone(),
        labels: live.labels.clone(),
        annotations: live.annotations.clone(),
        finalizers: live.finalizers.clone(),
        owner_references: live.owner_references.clone(),
        ..ObjectMeta::default()
    };
    let is_a_mark = |key: &String| [labels::OWNER, labels::OWNED_BY, labels::WANTED_DIGEST].contains(&key.as_str());
    for map in [&mut written.labels, &mut written.annotations].into_iter().flatten() {
        map.retain(|key, _| !is_a_mark(key));
    }
    written
}

/// Checks what a template labels and annotates its Endpoint with: people select by these, so they are taken as they are
/// or not at all.
fn check_metadata(artifact: &DeployableArtifact, index: usize, template: &EndpointTemplate) -> Result<(), RenderError> {
    let wrong = |place: &str, key: &str, error: NameError| {
        let field = format!("spec.configuration.endpointTemplates[{index}].metadata.{place}[{key}]");
        RenderError::field(format!("DeployableArtifact `{}`", name_of(artifact)), field, error.to_string())
    };
    for (key, value) in &template.metadata.labels {
        LabelKey::try_from(key.as_str()).map_err(|error| wrong("labels", key, error))?;
        LabelValue::try_from(value.as_str()).map_err(|error| wrong("labels", key, error))?;
    }
    for key in template.metadata.annotations.keys() {
        // The prefix of an annotation is compared in lower case.
        LabelKey::try_from(key.to_ascii_lowercase()).map_err(|error| wrong("annotations", key, error))?;
    }
    Ok(())
}

fn endpoint(
    cx: &PlanContext<'_>,
    deployment: &Deployment,
    place: &Place,
    template: &EndpointTemplate,
    name: &str,
) -> Result<Endpoint, RenderError> {
    let object_name = match standing(cx, deployment, place, name) {
        Some(standing) => standing,
        None => cx
            .platform()
            .naming()
            .endpoint(name_of(deployment), name)
            .map_err(RenderError::naming(format!("endpoint `{name}`")))?
            .into_string(),
    };
    let own = [
        (labels::DEPLOYMENT_TRACK, track_name(&place.track)),
        (labels::ENVIRONMENT, place.environment.as_str()),
        (labels::DEPLOYMENT, label_of(deployment, labels::NAME).unwrap_or_else(|| name_of(deployment))),
    ];
    // What the template labels the endpoint with is kept, except where it would say another place.
    let mut all = template.metadata.labels.clone();
    all.extend(child_labels(&place.scope, name, &own));
    // What its own first pass would add, so that it need not.
    let mut annotations = template.metadata.annotations.clone();
    if cx.platform().planned_kinds().contains(&Kind::of::<Endpoint>()) {
        annotations.extend(place.target.plane.remote().map(record::annotation));
    }
    Ok(Endpoint {
        metadata: ObjectMeta {
            name: Some(object_name),
            namespace: Some(place.scope.namespace().to_owned()),
            labels: Some(all),
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
            finalizers: cx.finalizer_of::<Endpoint>(finalizers::ENDPOINT),
            owner_references: deployment.controller_owner_ref(&()).map(|reference| vec![reference]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    })
}

/// The objects of the component in a place.
fn in_place(place: &Place) -> Select {
    children(&place.scope)
        .label(labels::DEPLOYMENT_TRACK, track_name(&place.track))
        .label(labels::ENVIRONMENT, place.environment.as_str())
}

/// The Endpoint of a name that is in the place already: the Deployment's own, or else one that it takes over.
fn standing(cx: &PlanContext<'_>, deployment: &Deployment, place: &Place, name: &str) -> Option<String> {
    let select = in_place(place).label(labels::NAME, LabelValue::of(name));
    let ours = cx.label_of(&owner_of(deployment));
    let mut made = cx.control().list_stored_written(&Select { kind: Kind::of::<Endpoint>(), ..select });
    made.retain(|(_, live)| live.label(labels::OWNER).is_some() && !live.is_deleting());
    made.into_iter().min_by_key(|(_, live)| !live.has_label(labels::OWNER, &ours)).map(|(key, _)| key.name)
}
