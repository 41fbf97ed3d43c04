//! The embedded lane, as an ordinary test. The other lanes need clusters: `cargo xtask e2e --lane planes|data-plane`.

use openchoreo_e2e::{Lane, report, run};

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_of_the_embedded_lane_passes() {
    let outcomes = run(Lane::Embedded, &[]).await.unwrap();
    assert!(!outcomes.is_empty());
    assert!(outcomes.iter().all(|outcome| outcome.failure.is_none()), "\n{}", report(Lane::Embedded, &outcomes));
}
