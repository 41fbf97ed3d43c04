//! Whose images a component may run, and from which registries.

use std::sync::Arc;

use openchoreo_core::platform::{ImageRules, Platform, PlatformSettings};
use openchoreo_dataplane::WorkloadSettings;
use openchoreo_types::v1alpha1 as oc;
use serde_json::Value;

use crate::lab::{Lab, administration, artifact, build, component, platform, platform_with, reason, verdict};

const REGISTRY: &str = "registry.example.com:5000";

/// An organization whose data plane names a registry.
fn with_registry(organization: &str, prefix: &str) -> String {
    let registry = format!("spec:\n  registry: {{prefix: '{prefix}'}}\n  kubernetesCluster");
    administration(organization).replace("spec:\n  kubernetesCluster", &registry)
}

/// The artifact of the component with another image.
fn with_image(organization: &str, image: &str) -> String {
    let written = artifact(organization, "cart", "cart-v1", "");
    written.replace("registry.example.com/cart-v1:1", image)
}

fn running(lab: &Lab, organization: &str) -> Option<String> {
    let workloads = lab.of_kind(organization, "Deployment");
    let image = workloads.first()?.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
    image.map(str::to_owned)
}

fn artifact_ready(lab: &Lab, organization: &str) -> (String, String) {
    reason(&lab.control::<oc::DeployableArtifact>(organization, "cart-v1").expect("it exists"), "Ready")
}

fn message(lab: &Lab, organization: &str) -> String {
    lab.message(organization, "cart-development", "ArtifactResolved")
}

/// An organization `acme` whose component runs an image of its own, beside an organization `globex`.
fn two_organizations(platform: &Arc<Platform>, acme: &str, globex: &str) -> Lab {
    let mut lab = Lab::new(platform);
    for (organization, written) in [("acme", acme), ("globex", globex)] {
        lab.connect(organization);
        lab.apply(written);
    }
    lab.apply(&component("acme", "cart"));
    lab
}

#[test]
fn an_image_of_another_organization_is_refused_by_name_and_what_runs_stays() {
    let platform = platform();
    let mut lab = two_organizations(
        &platform,
        &with_registry("acme", REGISTRY),
        &with_registry("globex", "Registry.example.com:5000/"),
    );
    let own = format!("{REGISTRY}/acme/shop/cart:1");
    lab.apply(&with_image("acme", &own));
    assert_eq!(running(&lab, "acme").as_deref(), Some(own.as_str()));
    for foreign in [
        format!("{REGISTRY}/globex/shop/cart:1"),
        "REGISTRY.example.com:5000/globex/shop/cart".to_owned(),
        format!("{REGISTRY}/globex/shop/cart@sha256:{}", "0".repeat(64)),
    ] {
        lab.apply(&with_image("acme", &foreign));
        assert_eq!(artifact_ready(&lab, "acme"), verdict("False", "ImageNotAllowed"), "{foreign}");
        let resolved = lab.condition("acme", "cart-development", "ArtifactResolved");
        assert_eq!(resolved, verdict("False", "ArtifactImageNotAllowed"), "{foreign}");
        let message = message(&lab, "acme");
        let right = format!("`{REGISTRY}/acme`");
        for part in
            ["`cart-v1`", "`spec.targetArtifact.fromImageRef.tag`", "`globex`", foreign.as_str(), right.as_str()]
        {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(running(&lab, "acme").as_deref(), Some(own.as_str()), "{foreign}");
    }
    // What is nobody's in the registry is for whoever finds it.
    let common = format!("{REGISTRY}/base/nginx:1");
    lab.apply(&with_image("acme", &common));
    assert_eq!(running(&lab, "acme").as_deref(), Some(common.as_str()));
    assert!(lab.is_at_rest());
}

#[test]
fn the_result_of_a_build_is_held_to_the_same_rule() {
    let platform = platform();
    let registered = [with_registry("acme", REGISTRY), with_registry("globex", REGISTRY)];
    let mut lab = two_organizations(&platform, &registered[0], &registered[1]);
    let of_build = artifact("acme", "cart", "cart-v1", "")
        .replace("fromImageRef: {tag: 'registry.example.com/cart-v1:1'}", "fromBuildRef: {name: one}");
    for (image, reason) in [
        ("registry.example.com:5000/acme/shop/cart:main-1", "ArtifactResolvedSuccessfully"),
        ("registry.example.com:5000/globex/shop/cart:main-1", "ArtifactImageNotAllowed"),
        ("registry.example.com:5000/acme/../globex/shop/cart:main-1", "ArtifactImageInvalid"),
    ] {
        lab.apply(&build(image));
        lab.apply(&of_build);
        assert_eq!(lab.condition("acme", "cart-development", "ArtifactResolved").1, reason, "{image}");
        assert_eq!(
            running(&lab, "acme").as_deref(),
            Some("registry.example.com:5000/acme/shop/cart:main-1"),
            "{image}"
        );
        assert!(reason == "ArtifactResolvedSuccessfully" || message(&lab, "acme").contains("Build `one`"), "{image}");
    }
}

#[test]
fn nobody_takes_what_is_anothers_by_registering_a_path_of_it() {
    let platform = platform();
    let below = format!("{REGISTRY}/acme");
    let mut lab = two_organizations(&platform, &with_registry("acme", REGISTRY), &with_registry("globex", &below));
    // A project of acme may be named like another organization.
    let own = format!("{REGISTRY}/acme/globex/cart:1");
    lab.apply(&with_image("acme", &own));
    assert_eq!(running(&lab, "acme").as_deref(), Some(own.as_str()));
    lab.apply(&component("globex", "cart"));
    let before = running(&lab, "globex");
    lab.apply(&with_image("globex", &own));
    let resolved = lab.condition("globex", "cart-development", "ArtifactResolved");
    assert_eq!(resolved, verdict("False", "ArtifactImageNotAllowed"));
    assert_eq!(running(&lab, "globex"), before);
}

#[test]
fn in_a_registry_of_the_platform_an_organization_runs_its_own_images_and_what_is_shared() {
    let prefix = |text: &str| text.parse().expect("a registry");
    let rules = ImageRules {
        own: vec![prefix(REGISTRY)],
        shared: vec![prefix("registry.example.com:5000/base")],
        allowed: vec![prefix(REGISTRY), prefix("ghcr.io/partner")],
    };
    let settings = PlatformSettings { images: rules, ..PlatformSettings::default() };
    let platform = platform_with(settings, &WorkloadSettings::default());
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    for (image, is_allowed) in [
        ("registry.example.com:5000/acme/shop/cart:1", true),
        ("registry.example.com:5000/acme-web/shop/cart:1", false),
        ("registry.example.com:5000/nobody/shop/cart:1", false),
        ("registry.example.com:5000/acme:1", false),
        ("registry.example.com:5000/base/nginx:1", true),
        ("ghcr.io/partner/tool:1", true),
        ("ghcr.io/partners/tool:1", false),
        ("nginx:1", false),
    ] {
        lab.apply(&with_image("acme", image));
        let expected = if is_allowed { "ArtifactResolvedSuccessfully" } else { "ArtifactImageNotAllowed" };
        assert_eq!(lab.condition("acme", "cart-development", "ArtifactResolved").1, expected, "{image}");
        assert_eq!(running(&lab, "acme").as_deref() == Some(image), is_allowed, "{image}");
    }
}

#[test]
fn an_environment_takes_images_from_the_registries_that_it_allows() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let first = "registry.example.com/cart-v1:1";
    assert_eq!(running(&lab, "acme").as_deref(), Some(first));
    let environment = |allowed: &str| {
        format!(
            "
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata: {{name: development, namespace: acme, annotations: {{openchoreo.dev/allowed-registries: '{allowed}'}}}}
spec: {{dataPlaneRef: plane}}
"
        )
    };
    let ready = |lab: &Lab| reason(&lab.control::<oc::Environment>("acme", "development").expect("it exists"), "Ready");
    lab.apply(&environment("ghcr.io, docker.io/acme"));
    let resolved = |lab: &Lab| lab.condition("acme", "cart-development", "ArtifactResolved");
    assert_eq!(resolved(&lab), verdict("False", "ArtifactImageNotAllowed"));
    assert!(message(&lab, "acme").contains("Environment `development`"), "{}", message(&lab, "acme"));
    assert_eq!(running(&lab, "acme").as_deref(), Some(first), "what runs stays");
    assert_eq!(artifact_ready(&lab, "acme").0, "True", "another environment may allow it");
    lab.apply(&with_image("acme", "acme/cart:2"));
    assert_eq!(running(&lab, "acme").as_deref(), Some("acme/cart:2"));
    // What cannot be read allows nothing.
    for broken in ["", "*", "ghcr.io,,docker.io"] {
        lab.apply(&environment(broken));
        assert_eq!(ready(&lab), verdict("False", "AllowedRegistriesInvalid"), "{broken}");
        assert_eq!(resolved(&lab), verdict("False", "ArtifactImageNotAllowed"), "{broken}");
    }
    assert_eq!(running(&lab, "acme").as_deref(), Some("acme/cart:2"));
}

#[test]
fn what_is_no_reference_is_refused_before_a_pod_is() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let before = running(&lab, "acme");
    for image in
        ["", "registry.example.com/Cart:1", "registry.example.com/cart:1 x", "https://example.com/cart", "a.b//c"]
    {
        lab.apply(&with_image("acme", image));
        let resolved = lab.condition("acme", "cart-development", "ArtifactResolved");
        assert_eq!(resolved, verdict("False", "ArtifactImageInvalid"), "{image}");
        assert_eq!(artifact_ready(&lab, "acme"), verdict("False", "ImageInvalid"), "{image}");
        assert_eq!(running(&lab, "acme"), before, "{image}");
    }
}
