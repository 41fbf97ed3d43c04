//! Pipelines of any length and shape: what they are found to be, and in how many words.

use std::collections::{BTreeMap, BTreeSet};

use openchoreo_core::kind::ObjectKey;
use openchoreo_core::offline::Offline;
use openchoreo_types::v1alpha1::DeploymentPipeline;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::platform::{assert_ready, documents, noon, platform};

/// What Ready says of a pipeline with these paths; none of its environments exists.
fn verdict(paths: &[(String, String)], reason: &str) -> String {
    let platform = platform();
    let mut offline = Offline::new(&platform, noon());
    let organization = "{apiVersion: openchoreo.dev/v1alpha1, kind: Organization, metadata: {name: acme}}";
    for document in documents(organization).into_iter().chain([pipeline(paths)]) {
        offline.apply(document).expect("a kind of the platform");
        offline.settle().expect("plans come to rest");
    }
    assert_ready(&offline, &ObjectKey::of::<DeploymentPipeline>("acme", "pipeline"), "False", reason)
}

fn pipeline(paths: &[(String, String)]) -> Value {
    let path = |(source, target): &(String, String)| {
        json!({
            "sourceEnvironmentRef": source, "targetEnvironmentRefs": [{ "name": target }],
        })
    };
    json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": "DeploymentPipeline",
        "metadata": { "name": "pipeline", "namespace": "acme" },
        "spec": { "promotionPaths": paths.iter().map(path).collect::<Vec<_>>() },
    })
}

fn chain(length: usize) -> Vec<(String, String)> {
    (0..length).map(|stage| (format!("stage-{stage:06}"), format!("stage-{:06}", stage + 1))).collect()
}

#[test]
fn a_pipeline_of_any_length_is_walked_and_described_in_a_few_words() {
    let message = verdict(&chain(100_000), "EnvironmentNotFound");
    assert!(message.len() < 1_000, "{} bytes", message.len());
    assert!(message.ends_with("`stage-000019` … and 99981 more"), "{message}");
}

#[test]
fn a_cycle_at_the_end_of_a_long_pipeline_is_found() {
    let mut paths = chain(100_000);
    paths.push(("stage-100000".to_owned(), "stage-099998".to_owned()));
    let message = verdict(&paths, "PromotionCycle");
    let way = "stage-099998 → stage-099999 → stage-100000 → stage-099998";
    assert!(message.ends_with(&format!("in a circle: {way}")), "{message}");
}

#[test]
fn a_long_way_round_is_cut_and_still_ends_where_it_began() {
    let mut paths = chain(100_000);
    paths.push(("stage-100000".to_owned(), "stage-000000".to_owned()));
    let message = verdict(&paths, "PromotionCycle");
    assert!(message.contains(": stage-000000 → stage-000001 → "), "{message}");
    assert!(message.ends_with(" … and 99980 more → stage-000000"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn paths_lead_in_a_circle_when_some_environment_reaches_itself(
        edges in proptest::collection::vec((0_u8..6, 0_u8..6), 1..10)
    ) {
        let paths: Vec<_> = edges.iter().map(|(from, to)| (format!("e{from}"), format!("e{to}"))).collect();
        let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for _ in 0..=paths.len() {
            for (from, to) in &paths {
                let onwards = reached.get(to.as_str()).cloned().unwrap_or_default();
                reached.entry(from).or_default().extend(onwards.into_iter().chain([to.as_str()]));
            }
        }
        let circular = reached.iter().any(|(from, to)| to.contains(from));
        verdict(&paths, if circular { "PromotionCycle" } else { "EnvironmentNotFound" });
    }
}
