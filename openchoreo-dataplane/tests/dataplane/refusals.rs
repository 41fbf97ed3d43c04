//! What a cluster would refuse, or could not run, is refused before anything is changed.

use openchoreo_dataplane::parts::check::SIZE_LIMIT;
use openchoreo_dataplane::testing::{Sample, any_sample, edges};
use openchoreo_types::v1alpha1::{self as oc, component_type};
use proptest::prelude::*;

use crate::lab::{Lab, artifact, component, found, platform, verdict};

#[test]
fn what_is_beyond_a_check_is_refused_by_its_field_and_nothing_is_applied() {
    let platform = platform();
    let edges = edges();
    assert!(!edges.is_empty());
    for edge in edges {
        let told = edge.sample.render(&platform).expect("rest").expect_err(edge.field);
        assert!(told.contains(edge.field), "`{}` is not named: {told}", edge.field);
        assert!(
            told.contains("`web`") || told.contains("`sample`") || told.contains("`settings`"),
            "no object: {told}"
        );
    }
}

#[test]
fn what_is_good_in_every_place_is_deployed() {
    for type_ in [component_type::SERVICE, component_type::WEB_APPLICATION, component_type::SCHEDULED_TASK] {
        let made = Sample::good(type_).render(&platform()).expect("rest");
        assert!(made.is_ok(), "{type_}: {made:?}");
    }
}

#[test]
fn what_runs_stays_while_its_successor_is_refused() {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&component("acme", "cart"));
    let before = lab.of_kind("acme", "Deployment");
    assert_eq!(before.len(), 1);
    let probe = "probes: {livenessProbe: {httpGet: {port: 8080, host: db.example.com}}}";
    lab.apply(&artifact("acme", "cart", "cart-v1", probe));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"));
    let told = lab.message("acme", "cart-development", "Ready");
    for part in ["`cart-v1`", "probes.livenessProbe.httpGet.host", "leave it out"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(lab.of_kind("acme", "Deployment"), before);
}

#[test]
fn a_group_that_no_cluster_could_hold_says_so_itself() {
    let mut lab = Lab::with_organization(&platform(), "acme");
    let large = "x".repeat(SIZE_LIMIT / 2 + 1);
    let ready = |lab: &Lab| found(&lab.control::<oc::ConfigurationGroup>("acme", "texts").expect("it exists"), "Ready");
    let group = |one: &str, other: &str| {
        format!(
            "
apiVersion: openchoreo.dev/v1alpha1
kind: ConfigurationGroup
metadata: {{name: texts, namespace: acme}}
spec:
  environmentGroups: [{{name: all, environments: [development]}}]
  configurations:
  - {{key: one, values: [{{environment: development, {one}}}]}}
  - {{key: other, values: [{{environmentGroupRef: all, {other}}}]}}
"
        )
    };
    let value = format!("value: {large}");
    for (other, fits) in [(value.as_str(), false), ("value: small", true), ("vaultKey: secret/data/other", true)] {
        lab.apply(&group(&value, other));
        let ready = ready(&lab);
        let reason = if fits { "ConfigurationGroupValid" } else { "TooLarge" };
        assert_eq!(ready["reason"], reason);
        let told = ready["message"].as_str().unwrap_or_default();
        assert!(fits || told.contains("`spec.configurations`") && told.contains("environment `development`"), "{told}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_application_is_deployed_whole_or_refused_with_a_field(number in any::<u64>()) {
        let made = any_sample(number).render(&platform()).expect("rest");
        if let Err(told) = made {
            prop_assert!(told.starts_with('`') && told.contains("spec."), "{}", told);
        }
    }
}
