//! Whose images a component may run, and from which registries.
//!
//! All organizations push to registries that pods can pull from, so what keeps the images of one from the components of
//! another is decided here: in a registry of the platform an organization runs what is below its own path, and nobody
//! runs what is below the path of another organization in a registry that the DataPlanes of that one name. A registry
//! that has several names is known by those that are written down; where that is not enough, registries are allowed by
//! name, for the platform in its settings and for an Environment by annotation.

use openchoreo_core::conditions::listed;
use openchoreo_core::hierarchy::name_of;
use openchoreo_core::labels::annotations;
use openchoreo_core::naming::{ImagePrefix, ImageReference, NameError, OrganizationId};
use openchoreo_core::planner::PlanContext;
use openchoreo_core::platform::INDEX_REGISTRY;
use openchoreo_core::world::Select;
use openchoreo_types::v1alpha1::{DataPlane, Environment};

/// Whether an organization may run an image at all.
///
/// # Errors
/// Why not, and what would be right, as a predicate of the image.
pub fn check(cx: &PlanContext<'_>, organization: &str, image: &ImageReference) -> Result<(), String> {
    let rules = &cx.platform().settings().images;
    if !rules.allowed.is_empty() {
        check_allowed("this platform", &rules.allowed, image)?;
    }
    let root = root_of(cx, organization).map_err(|error| {
        format!("cannot be told from those of others, since organization `{organization}` has no path: {error}")
    })?;
    let own_below = |prefix: &ImagePrefix| prefix.below(image).is_some_and(|below| is_below(below, &root));
    if let Some(own) = rules.own.iter().find(|own| own.covers(image)) {
        if rules.own.iter().any(own_below) || rules.shared.iter().any(|shared| shared.covers(image)) {
            return Ok(());
        }
        return Err(format!(
            "is in the platform's registry, where organization `{organization}` runs what is below `{own}/{root}`; name one of those, or one in a registry of your own"
        ));
    }
    // A registry is claimed from its top: a path that somebody registers in it cannot take what is another's there.
    for prefix in image.prefixes() {
        let planes = cx.list_written::<DataPlane>(Select::of::<DataPlane>().index(INDEX_REGISTRY, prefix.to_string()));
        let claimants = planes.iter().filter_map(|plane| plane.metadata.namespace.as_deref());
        let (own, others): (Vec<&str>, Vec<&str>) = claimants.partition(|of| *of == organization);
        if !own.is_empty() && own_below(&prefix) {
            return Ok(());
        }
        let below = prefix.below(image).unwrap_or_default();
        let is_theirs = |other: &&&str| root_of(cx, other).is_ok_and(|root| is_below(below, &root));
        if let Some(other) = others.iter().find(is_theirs) {
            return Err(format!(
                "is of organization `{other}`; organization `{organization}` runs what is below `{prefix}/{root}` there, so name one of those, or one in a registry of your own"
            ));
        }
    }
    Ok(())
}

/// Whether an Environment allows the registry of an image.
///
/// # Errors
/// Why not, and what would be right, as a predicate of the image.
pub fn check_environment(environment: &Environment, image: &ImageReference) -> Result<(), String> {
    let name = name_of(environment);
    let Some(written) =
        environment.metadata.annotations.as_ref().and_then(|all| all.get(annotations::ALLOWED_REGISTRIES))
    else {
        return Ok(());
    };
    let allowed = ImagePrefix::list(written).map_err(|error| {
        format!(
            "cannot be allowed, since annotation `{}` of Environment `{name}` cannot be read: {error}",
            annotations::ALLOWED_REGISTRIES
        )
    })?;
    check_allowed(&format!("Environment `{name}`"), &allowed, image)
}

fn check_allowed(by: &str, allowed: &[ImagePrefix], image: &ImageReference) -> Result<(), String> {
    if allowed.iter().any(|prefix| prefix.covers(image)) {
        return Ok(());
    }
    let names = listed(allowed.iter().map(|prefix| format!("`{prefix}`")), ", ");
    Err(format!("is in a registry that {by} does not allow; allowed is what is below {names}"))
}

/// The path of an organization's images below a registry.
fn root_of(cx: &PlanContext<'_>, organization: &str) -> Result<String, NameError> {
    cx.platform().naming().image_root(&OrganizationId::new(organization))
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}
