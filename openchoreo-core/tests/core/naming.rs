//! Naming: upstream's vectors, the contract of the shipped schemes, and properties over hostile parts.

use std::collections::BTreeSet;
use std::path::PathBuf;

use openchoreo_core::naming::contract::{hostname_contract, naming_contract, samples};
use openchoreo_core::naming::generate::{compat_generate, generate};
use openchoreo_core::naming::{
    BuildId, CellId, CompatNaming, ComponentId, DefaultHostnames, DefaultNaming, DnsLabel, HostContext, Hostname,
    HostnameScheme, LabelValue, NameError, NamespaceName, NamingScheme, OrganizationId, ResourceName,
    UpstreamHostnames, Visibility,
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Vector {
    parts: Vec<String>,
    limit: usize,
    expected: String,
}

fn shared_data() -> PathBuf {
    std::env::var_os("OPENCHOREO_SHARED_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")), PathBuf::from)
}

#[test]
fn compatible_names_are_those_of_upstream_byte_for_byte() {
    let path = shared_data().join("name_vectors.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: {} is absent, set OPENCHOREO_SHARED_DATA", path.display());
        return;
    };
    let vectors: Vec<Vector> = serde_json::from_str(&text).unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let parts: Vec<&str> = vector.parts.iter().map(String::as_str).collect();
        let name = compat_generate("vector", &parts, vector.limit).unwrap();
        assert_eq!(name, vector.expected, "{parts:?} in {} bytes", vector.limit);
    }
}

#[test]
fn the_shipped_schemes_keep_the_contract() {
    let samples = samples();
    for scheme in [&DefaultNaming as &dyn NamingScheme, &CompatNaming] {
        assert_eq!(naming_contract(scheme, &samples), Vec::<String>::new(), "{scheme:?}");
    }
    for scheme in [&DefaultHostnames as &dyn HostnameScheme, &UpstreamHostnames::default()] {
        assert_eq!(hostname_contract(scheme, &samples), Vec::<String>::new(), "{scheme:?}");
    }
}

/// Upstream's names under a claim that they are not entitled to.
#[derive(Debug)]
struct ClaimsTooMuch;

impl HostnameScheme for ClaimsTooMuch {
    fn hostname(
        &self,
        endpoint: &openchoreo_core::naming::EndpointId<'_>,
        context: &HostContext<'_>,
    ) -> Result<Hostname, NameError> {
        UpstreamHostnames::default().hostname(endpoint, context)
    }
}

#[test]
fn a_scheme_that_lets_two_identities_meet_breaks_the_contract() {
    let violations = hostname_contract(&ClaimsTooMuch, &samples());
    assert!(
        violations.iter().any(|violation| violation.contains("gives `x-dev.choreoapps.localhost` to")),
        "{violations:?}"
    );
}

fn context(component_type: &'static str, dns_prefix: Option<&'static str>) -> HostContext<'static> {
    HostContext { domain: "choreoapps.localhost", visibility: Visibility::Public, component_type, dns_prefix }
}

#[expect(clippy::unwrap_used, reason = "a helper of tests that all want a host")]
fn default_host(parts: [&str; 4]) -> String {
    let [organization, project, component, environment] = parts;
    let endpoint = ComponentId::new(organization, project, component).endpoint(environment, "http");
    DefaultHostnames.hostname(&endpoint, &context("WebApplication", None)).unwrap().into_string()
}

#[test]
fn a_default_hostname_tells_organization_project_component_and_environment() {
    let host = default_host(["default-org", "default-project", "hello-world", "development"]);
    let digest = host
        .strip_prefix("default-org-default-project-hello-world-")
        .and_then(|rest| rest.strip_suffix("-development.choreoapps.localhost"))
        .unwrap();
    assert_eq!(digest.len(), 8);
    assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let label = host.split('.').next().unwrap();
    assert_eq!(label.len(), 60);
}

#[test]
fn a_component_keeps_its_digits_through_its_environments() {
    let development = default_host(["acme", "shop", "cart", "development"]);
    let production = default_host(["acme", "shop", "cart", "production"]);
    assert_eq!(development.replace("development", "production"), production);
}

#[test]
fn no_component_can_be_named_into_the_host_of_another() {
    // The digits of the first component, written into the name of the second, meet an environment that starts like the
    // digits of the second.
    let inner = default_host(["a", "b", "c", "dev"]);
    let digits = inner.strip_prefix("a-b-c-").and_then(|rest| rest.split('-').next()).unwrap();
    let component = format!("c-{digits}");
    let outer = default_host(["a", "b", &component, "dev"]);
    let outer_digits =
        outer.strip_prefix(&format!("a-b-{component}-")).and_then(|rest| rest.split('-').next()).unwrap();
    let forged = default_host(["a", "b", "c", &format!("{outer_digits}-dev")]);
    assert_ne!(forged, outer);
}

#[test]
fn environments_stay_apart_when_they_are_cut() {
    let long = "e".repeat(80);
    let first = default_host(["acme", "shop", "cart", &format!("{long}1")]);
    let second = default_host(["acme", "shop", "cart", &format!("{long}2")]);
    assert_ne!(first, second);
}

#[test]
fn a_long_domain_shortens_the_label_instead_of_breaking_the_name() {
    let domain = ["d".repeat(60).as_str(), &"d".repeat(60), &"d".repeat(60), &"d".repeat(20)].join(".");
    let endpoint = ComponentId::new("default-org", "default-project", "hello-world").endpoint("development", "http");
    let host = DefaultHostnames.hostname(&endpoint, &HostContext { domain: &domain, ..context("Service", None) });
    assert_eq!(host.unwrap().as_str().len(), Hostname::LIMIT);
}

#[test]
fn upstream_hostnames_depend_on_the_type_of_the_component() {
    let scheme = UpstreamHostnames::default();
    let component = "default-org-default-project-hello-world-d0366d03";
    let endpoint = ComponentId::new("default-org", "default-project", component).endpoint("development", "http");
    let web = scheme.hostname(&endpoint, &context("WebApplication", Some("dev"))).unwrap();
    assert_eq!(web.as_str(), "default-org-default-project-hello-world-d0366d03-development.choreoapps.localhost");
    let service = scheme.hostname(&endpoint, &context("Service", Some("dev"))).unwrap();
    assert_eq!(service.as_str(), "dev.choreoapps.localhost");
    let error = scheme.hostname(&endpoint, &context("Service", None)).unwrap_err();
    assert!(matches!(error, NameError::Missing { .. }), "{error}");
}

#[test]
fn compatible_object_names_take_the_parts_and_limits_of_upstream() {
    let component = ComponentId::new("default-org", "default-project", "my-component");
    let names = [
        CompatNaming.workload(&component, "my-main-track"),
        CompatNaming.cron_job(&component, "my-main-track"),
        CompatNaming.configuration(&component, "my-main-track", "redis-config-group"),
        CompatNaming.route("gateway-external", &component.endpoint("development", "test-endpoint")),
        CompatNaming.operation_route(
            "gateway-external",
            &component.endpoint("development", "test-endpoint"),
            "GET",
            "/books",
        ),
        CompatNaming.workflow(&BuildId::new(component, "my-build-01")),
        CompatNaming.network_policy("default-policy"),
    ];
    let expected = [
        "my-component-my-main-track-a43a18e7",
        "my-component-my-main-track-a43a18e7",
        "my-component-my-main-track-redis-config-group-b8ef9df9",
        "gateway-external-test-endpoint-2870b170",
        "gateway-external-test-endpoint-get-books-3dd70940",
        "my-build-01-a988da5b",
        "default-policy",
    ];
    for (name, expected) in names.into_iter().zip(expected) {
        assert_eq!(name.unwrap().as_str(), expected);
    }
    let cell = CellId::new("default-org", "default-project", "development");
    let namespace = CompatNaming.cell_namespace(&cell).unwrap();
    assert_eq!(namespace.as_str(), "dp-default-org-default-proje-development-39faf2d8");
    let volume = CompatNaming.volume("mysql-config-group", "csi").unwrap();
    assert_eq!(volume.as_str(), "mysql-config-group-csi-c00642f6");
}

#[test]
fn moving_a_boundary_joins_namespaces_in_the_compatible_scheme_only() {
    let cells = [CellId::new("acme", "web-dev", "dev"), CellId::new("acme-web", "dev", "dev")];
    let compatible: BTreeSet<_> = cells.iter().map(|cell| CompatNaming.cell_namespace(cell).unwrap()).collect();
    let ours: BTreeSet<_> = cells.iter().map(|cell| DefaultNaming.cell_namespace(cell).unwrap()).collect();
    assert_eq!((compatible.len(), ours.len()), (1, 2));
}

#[test]
fn an_organization_named_like_a_generated_namespace_does_not_get_it() {
    let long = OrganizationId { organization: &"o".repeat(100) };
    let generated = DefaultNaming.build_namespace(&long).unwrap().into_string();
    let forger = generated.strip_prefix("openchoreo-ci-").unwrap();
    assert_ne!(DefaultNaming.build_namespace(&OrganizationId::new(forger)).unwrap().as_str(), generated);
}

#[test]
fn images_of_two_organizations_never_share_a_repository() {
    let [ours, theirs] = ["acme", "rival"].map(|organization| ComponentId::new(organization, "shop", "cart"));
    assert_eq!(DefaultNaming.image(&ours).unwrap(), "acme/shop/cart");
    for scheme in [&DefaultNaming as &dyn NamingScheme, &CompatNaming] {
        assert_ne!(scheme.image(&ours).unwrap(), scheme.image(&theirs).unwrap());
    }
}

#[test]
fn a_workload_that_would_begin_with_a_digit_gets_a_letter_first() {
    let name = DefaultNaming.workload(&ComponentId::new("acme", "shop", "3scale"), "main").unwrap();
    assert!(name.as_str().starts_with("n-3scale-main-"), "{name}");
}

#[test]
fn names_obey_the_rule_of_their_place() {
    let long = "x".repeat(64);
    let longest = "x".repeat(254);
    assert!(DnsLabel::try_from("a-1").is_ok());
    for bad in ["", "-a", "a-", "A", "a.b", "a_b", "é", &long] {
        assert!(DnsLabel::try_from(bad).is_err(), "{bad}");
        assert!(NamespaceName::try_from(bad).is_err(), "{bad}");
    }
    assert!(ResourceName::try_from(format!("{long}.b")).is_ok());
    for bad in ["", ".", "a..b", ".a", "a.", "a.-b", &longest] {
        assert!(ResourceName::try_from(bad).is_err(), "{bad}");
        assert!(Hostname::try_from(bad).is_err(), "{bad}");
    }
    assert!(Hostname::try_from(format!("{long}.b")).is_err());
    for good in ["", "a", "A_b.c-1"] {
        assert!(LabelValue::try_from(good).is_ok(), "{good}");
    }
    for bad in ["-a", "a_", "a b", "é", &long] {
        assert!(LabelValue::try_from(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_error_names_the_value_and_what_would_be_right() {
    let invalid = NamespaceName::try_from("Shop").unwrap_err();
    assert_eq!(
        invalid.to_string(),
        "namespace name `Shop` is not valid, it must be lower-case ASCII letters, digits and `-`, with a letter or \
         digit at both ends"
    );
    let long = NamespaceName::try_from("x".repeat(64)).unwrap_err();
    assert!(long.to_string().ends_with("has 64 bytes, at most 63 are allowed"), "{long}");
    assert!(serde_json::from_str::<NamespaceName>("\"Shop\"").is_err());
    assert_eq!(serde_json::from_str::<NamespaceName>("\"shop\"").unwrap().as_str(), "shop");
}

/// Parts as people and attackers write them, and as nobody does.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z][a-z0-9-]{0,20}",
        2 => "[ab-]{0,4}",
        1 => "-{0,5}",
        1 => "[a-f0-9]{8}(-[a-f0-9]{8})?",
        1 => "[a-z-]{50,300}",
        2 => any::<String>(),
        1 => "\\PC{0,30}",
    ]
}

fn parts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(part(), 0..6)
}

fn borrowed(parts: &[String]) -> Vec<&str> {
    parts.iter().map(String::as_str).collect()
}

proptest! {
    #[test]
    fn every_text_has_a_label_value_of_its_own(one in ".{0,80}", other in ".{0,80}") {
        let made = LabelValue::of(&one);
        prop_assert_eq!(LabelValue::try_from(made.as_str()), Ok(made.clone()));
        prop_assert_eq!(made == LabelValue::of(&other), one == other);
        // Nor does one who knows the value of a text get it by taking it for a name.
        prop_assert!(made.as_str() == one || LabelValue::of(made.as_str()) != made);
    }

    #[test]
    fn a_generated_name_is_a_label_within_its_limit_or_an_error(parts in parts(), limit in 0_usize..=63) {
        if let Ok(name) = generate("example", &borrowed(&parts), limit) {
            prop_assert!(name.len() <= limit);
            prop_assert!(DnsLabel::try_from(name.as_str()).is_ok(), "{name}");
            prop_assert_eq!(Ok(name), generate("example", &borrowed(&parts), limit));
        }
    }

    #[test]
    fn parts_that_are_there_always_have_a_name(parts in prop::collection::vec("\\PC{1,80}", 1..6)) {
        prop_assert!(generate("example", &borrowed(&parts), 63).is_ok());
    }

    #[test]
    fn different_parts_have_different_names(first in parts(), second in parts()) {
        prop_assume!(first != second);
        let names = [&first, &second].map(|parts| generate("example", &borrowed(parts), 63));
        if let [Ok(first), Ok(second)] = names {
            prop_assert_ne!(first, second);
        }
    }

    #[test]
    fn a_moved_boundary_makes_another_name(text in "[a-c]{2,6}(-[a-c]{1,30}){2,4}") {
        let splits = text.match_indices('-').map(|(at, _)| text.split_at(at));
        let names: Vec<String> =
            splits.map(|(left, right)| generate("example", &[left, right.trim_start_matches('-')], 63).unwrap()).collect();
        prop_assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn the_compatible_generator_never_panics_and_keeps_the_limit(parts in parts(), limit in 0_usize..300) {
        if let Ok(name) = compat_generate("example", &borrowed(&parts), limit) {
            prop_assert!(name.len() <= limit);
        }
    }

    #[test]
    fn both_schemes_keep_the_contract_on_any_identity(parts in prop::collection::vec(prop::array::uniform5(part()), 2)) {
        let samples: Vec<_> = parts.into_iter().map(make_sample).collect();
        prop_assert_eq!(naming_contract(&DefaultNaming, &samples), Vec::<String>::new());
        prop_assert_eq!(naming_contract(&CompatNaming, &samples), Vec::<String>::new());
        prop_assert_eq!(hostname_contract(&DefaultHostnames, &samples), Vec::<String>::new());
        prop_assert_eq!(hostname_contract(&UpstreamHostnames::default(), &samples), Vec::<String>::new());
    }
}

fn make_sample(parts: [String; 5]) -> openchoreo_core::naming::contract::Sample {
    let [organization, project, component, environment, leaf] = parts;
    openchoreo_core::naming::contract::Sample { organization, project, component, environment, leaf, ordinary: false }
}
