//! The Endpoints of a Deployment: one for each endpoint template of its artifact, in the control plane.
//!
//! An Endpoint is named after the Deployment that first made it. A successor in the same place keeps the name, so that it
//! takes over the object, its route and its address, and makes no second ones beside them.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use openchoreo_core::conditions::Finding;
use openchoreo_core::extension::{RenderError, chain};
use openchoreo_core::hierarchy::{child_labels, children, label_of, name_of, track_name};
use openchoreo_core::kind::Kind;
use openchoreo_core::labels::{self, finalizers};
use openchoreo_core::planner::PlanContext;
use openchoreo_core::record;
use openchoreo_core::world::Select;
use openchoreo_types::v1alpha1::{Deployment, Endpoint, EndpointTemplate};

use super::place::Place;
use super::source::Source;
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
    let templates = source.artifact.spec.configuration.as_ref().map_or(&[][..], |c| &c.endpoint_templates);
    let mut names = BTreeSet::new();
    let mut endpoints = Vec::new();
    for (index, template) in templates.iter().enumerate() {
        let name = template.metadata.name.as_deref().unwrap_or(DEFAULT_NAME);
        if !names.insert(name) {
            let field = format!("spec.configuration.endpointTemplates[{index}].metadata.name");
            let artifact = format!("DeployableArtifact `{}`", name_of(&*source.artifact));
            return Err(RenderError::field(
                artifact,
                field,
                format!("`{name}` names two endpoints; name each differently"),
            ));
        }
        endpoints.push(endpoint(cx, deployment, place, template, name)?);
    }
    Ok(endpoints)
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

/// The Endpoint of a name that is in the place already: the Deployment's own, or else one that it takes over.
fn standing(cx: &PlanContext<'_>, deployment: &Deployment, place: &Place, name: &str) -> Option<String> {
    let select = children(&place.scope)
        .label(labels::DEPLOYMENT_TRACK, track_name(&place.track))
        .label(labels::ENVIRONMENT, place.environment.as_str())
        .label(labels::NAME, name);
    let ours = cx.label_of(&owner_of(deployment));
    let mut made = cx.control().list_stored_written(&Select { kind: Kind::of::<Endpoint>(), ..select });
    made.retain(|(_, live)| live.label(labels::OWNER).is_some() && !live.is_deleting());
    made.into_iter().min_by_key(|(_, live)| !live.has_label(labels::OWNER, &ours)).map(|(key, _)| key.name)
}
