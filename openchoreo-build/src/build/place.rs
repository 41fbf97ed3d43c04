//! Where a build belongs and where it runs: its component, its track, its labels, its plane.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use openchoreo_core::conditions::{CommonReason, Finding};
use openchoreo_core::hierarchy::{
    ComponentScope, claimed_organization, home_of, label_of, name_of, scope_by_name, track_name, track_of, tracks_of,
};
use openchoreo_core::kind::{ObjectKey, PlaneKey};
use openchoreo_core::labels::{self, Owner, plane};
use openchoreo_core::naming::LabelValue;
use openchoreo_core::planner::PlanContext;
use openchoreo_core::planners::DEFAULT_TRACK;
use openchoreo_core::platform::INDEX_PLANE;
use openchoreo_core::record;
use openchoreo_core::world::{Select, Stored};
use openchoreo_types::common::{PlaneKind, PlaneRef};
use openchoreo_types::v1alpha1::{Build, BuildPlane, DataPlane};

use super::reasons::BuildReason;

/// The component that a build is for: `spec.owner` says which, and labels must not say otherwise.
pub(super) fn scope_of(cx: &PlanContext<'_>, build: &Build) -> Result<ComponentScope, Finding> {
    home_of(cx, build)?;
    let owner = &build.spec.owner;
    let claims = [
        (labels::COMPONENT, "spec.owner.componentName", &owner.component_name),
        (labels::PROJECT, "spec.owner.projectName", &owner.project_name),
    ];
    for (label, path, written) in claims {
        if let Some(claimed) = label_of(build, label)
            && claimed != written
        {
            let message =
                format!("label `{label}` says `{claimed}` and `{path}` says `{written}`; correct one of them");
            return Err(Finding::new(CommonReason::LabelContradiction, message));
        }
    }
    let namespace = build.metadata.namespace.as_deref().unwrap_or_default();
    let scope = scope_by_name(cx, namespace, &owner.component_name)?;
    let project = name_of(&*scope.project);
    if project != owner.project_name {
        let message = format!(
            "`spec.owner.projectName` is `{}`, but Component `{}` belongs to project `{project}`; correct it",
            owner.project_name, owner.component_name
        );
        return Err(Finding::new(CommonReason::LabelContradiction, message));
    }
    Ok(scope)
}

/// The track that a build is for: the one that its label names, else the only one there is, else `default`.
pub(super) fn track_of_build(cx: &PlanContext<'_>, scope: &ComponentScope, build: &Build) -> String {
    if let Some(track) = label_of(build, labels::DEPLOYMENT_TRACK).filter(|track| !track.is_empty()) {
        return track.to_owned();
    }
    match tracks_of(cx, scope).as_slice() {
        [only] => track_name(only).to_owned(),
        _ => DEFAULT_TRACK.to_owned(),
    }
}

/// What is to be said where the track that a build is for does not exist, so that nothing would deploy its artifact.
pub(super) fn missing_track(cx: &PlanContext<'_>, scope: &ComponentScope, build: &Build) -> Option<Finding> {
    let error = track_of(cx, scope, &track_of_build(cx, scope, build)).err()?;
    Some(Finding::new(BuildReason::TrackNotFound, error.to_string()))
}

/// The labels of a run and of its pods.
pub(super) fn labels_of_run(
    scope: &ComponentScope,
    build: &Build,
    track: &str,
) -> Result<BTreeMap<String, String>, Finding> {
    // What the run makes names its track by label, so that no other text will do.
    if let Err(error) = LabelValue::try_from(track) {
        let message =
            format!("track `{track}` cannot be named by a label: {error}; give it a label `{}` that can", labels::NAME);
        return Err(Finding::new(CommonReason::InvalidName, message));
    }
    let id = scope.id();
    let own = [
        (plane::ORGANIZATION_NAME, id.organization),
        (plane::PROJECT_NAME, id.project),
        (plane::COMPONENT_NAME, id.component),
        (plane::BUILD_NAME, name_of(build)),
        (plane::DEPLOYMENT_TRACK_NAME, track),
        (plane::UUID, build.metadata.uid.as_deref().unwrap_or_default()),
        (plane::TARGET, plane::target::BUILD),
    ];
    // An uid that only a file system of samples gives may be no label; it is left out then.
    let is_told = |(key, value): &(&str, &str)| *key != plane::UUID || LabelValue::try_from(*value).is_ok();
    let labels = own.into_iter().filter(is_told);
    Ok(labels.map(|(key, value)| (key.to_owned(), LabelValue::of(value).into_string())).collect())
}

/// The plane where builds of an organization run: the one that the build names by annotation, else its only
/// BuildPlane, else its only DataPlane that is marked for builds.
pub(super) fn choose_plane(cx: &PlanContext<'_>, organization: &str, build: &Build) -> Result<PlaneKey, Finding> {
    let select = Select::of::<BuildPlane>().namespace(organization);
    let build_planes: Vec<_> = cx
        .list_written::<BuildPlane>(select)
        .into_iter()
        .filter(|plane| plane.metadata.deletion_timestamp.is_none())
        .map(|plane| PlaneKey::build_plane(organization, plane.name_any()))
        .collect();
    let select = Select::of::<DataPlane>().namespace(organization).label(labels::BUILD_PLANE, "true");
    let data_planes: Vec<_> = cx
        .list_written::<DataPlane>(select)
        .into_iter()
        .filter(|plane| plane.metadata.deletion_timestamp.is_none())
        .map(|plane| PlaneKey::data_plane(organization, plane.name_any()))
        .collect();
    if let Some(name) = build.annotations().get(labels::BUILD_PLANE) {
        let named = |key: &&PlaneKey| key.remote().is_some_and(|plane| plane.name == *name);
        return build_planes.iter().chain(&data_planes).find(named).cloned().ok_or_else(|| {
            let message = format!(
                "annotation `{}` names `{name}`, but namespace `{organization}` has no such BuildPlane, nor a DataPlane labelled `{}=true`",
                labels::BUILD_PLANE,
                labels::BUILD_PLANE
            );
            Finding::new(BuildReason::NoBuildPlane, message)
        });
    }
    let candidates = if build_planes.is_empty() { data_planes } else { build_planes };
    match candidates.as_slice() {
        [] => {
            let message = format!(
                "namespace `{organization}` has no BuildPlane, nor a DataPlane labelled `{}=true`; create one",
                labels::BUILD_PLANE
            );
            Err(Finding::new(BuildReason::NoBuildPlane, message))
        }
        [only] => Ok(only.clone()),
        several => {
            let names = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let message = format!(
                "there is a choice of {names}; name one with annotation `{}` of the Build",
                labels::BUILD_PLANE
            );
            Err(Finding::new(BuildReason::SeveralBuildPlanes, message))
        }
    }
}

/// The planes that are registered beside one, itself among them.
fn planes_of(cx: &PlanContext<'_>, plane: &PlaneRef) -> Vec<PlaneRef> {
    let of = |kind: PlaneKind, select: Select| {
        let registered = cx.control().list_stored_written(&select.namespace(plane.namespace.as_str()));
        registered.into_iter().map(move |(key, _)| PlaneRef { kind, namespace: key.namespace, name: key.name })
    };
    let data_planes = of(PlaneKind::DataPlane, Select::of::<DataPlane>());
    data_planes.chain(of(PlaneKind::BuildPlane, Select::of::<BuildPlane>())).collect()
}

/// Whether a recorded plane is registered and stays so, whether its registration can be read or not.
pub(super) fn is_registered(cx: &PlanContext<'_>, plane: &PlaneRef) -> bool {
    cx.control().stored_written(&ObjectKey::registration(plane)).is_some_and(|registration| !registration.is_deleting())
}

/// Where images go by the registration of a plane; only DataPlanes name a registry.
pub(super) fn registry_of(cx: &PlanContext<'_>, plane: &PlaneKey) -> Option<String> {
    let plane = plane.remote().filter(|plane| plane.kind == PlaneKind::DataPlane)?;
    let registered = cx.written::<DataPlane>(&plane.namespace, &plane.name)?;
    registered.spec.registry.as_ref()?.image_prefix().map(str::to_owned)
}

/// The owner of what all builds of an organization share in a plane.
pub(super) fn shared_owner(organization: &str) -> Owner {
    Owner::object("BuildNamespace", "", organization)
}

/// Whether what builds of an organization share in a plane may go with a build: no other build stays there. One that
/// cannot be read stays too, and so does one of whose organization nothing is known at the moment.
pub(super) fn is_last_there(cx: &PlanContext<'_>, build: &Build, organization: &str, plane: &PlaneRef) -> bool {
    if !is_registered(cx, plane) {
        // The plane is leaving, so all builds leave it; each helps to clean.
        return true;
    }
    let stays = |key: &ObjectKey, other: &Stored| {
        !other.is_deleting()
            && Some(other.uid()) != build.metadata.uid
            && claimed_organization(cx, &key.namespace).is_none_or(|of| of == organization)
    };
    // Those that are there by another registration of the cluster are there too.
    let mut twins = planes_of(cx, plane)
        .into_iter()
        .filter(|twin| cx.may_be_same_cluster(&PlaneKey::Remote(twin.clone()), &PlaneKey::Remote(plane.clone())));
    !twins.any(|twin| {
        let select = Select::of::<Build>().index(INDEX_PLANE, record::words(&twin));
        cx.control().list_stored(&select).iter().any(|(key, other)| stays(key, other))
    })
}

/// The organization of what a build has in a plane, for cleaning, whether it exists any more or not: the one that its
/// namespace is of, and where that is not known, the one that the namespace of its run there is for.
pub(super) fn organization_there(
    cx: &PlanContext<'_>,
    build: &Build,
    owner: &Owner,
    plane: &PlaneRef,
) -> Option<String> {
    claimed_organization(cx, build.metadata.namespace.as_deref().unwrap_or_default()).or_else(|| {
        let plane = PlaneKey::Remote(plane.clone());
        let plane = cx.at(&plane);
        let (run, _) = plane.owned_by(owner).into_iter().next()?;
        let namespace = plane.stored(&ObjectKey::of::<Namespace>("", run.namespace))?;
        let said = namespace.annotation(labels::OWNED_BY)?;
        let organization = said.strip_prefix("BuildNamespace//")?;
        // The annotation is for people; the label is what counts, and must say the same.
        let is_said_by_both = namespace.has_label(labels::OWNER, &cx.label_of(&shared_owner(organization)));
        is_said_by_both.then(|| organization.to_owned())
    })
}
