//! Rest and restart: what is as it should be costs no request, whoever looks.

use std::time::Duration;

use anyhow::ensure;
use openchoreo_types::v1alpha1::Endpoint;

use crate::ground::Ground;
use crate::tenant::{NO_REPOSITORY, Tenant};

/// No plan for this long counts as rest.
const QUIET: Duration = Duration::from_millis(300);
const PASSES: usize = 10;

pub(super) async fn idle(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-idle", "shop");
    tenant.settle(ground, "web", None).await?;
    sends_nothing_at_rest(ground, None).await?;
    tenant.clean_up(ground).await
}

pub(super) async fn restart(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-restart", "shop");
    tenant.settle(ground, "web", None).await?;
    // In the middle of it: a build has just begun, and a component is new.
    tenant.build(ground, "web", "second").await?;
    ground.apply(&[tenant.component("other", NO_REPOSITORY)]).await?;
    ground.stop_controllers().await?;
    tenant.build(ground, "other", "first").await?;
    ground.start_controllers().await?;
    let web = tenant.published(ground, "web").await?;
    let other: Endpoint = tenant.published(ground, "other").await?;
    tenant.answers(ground, &web, |_| true).await?;
    tenant.answers(ground, &other, |_| true).await?;
    ground.engine().await?.quiet(QUIET).await;

    ground.stop_controllers().await?;
    let before = ground.written_in(&tenant.namespaces()).await?;
    ground.start_controllers().await?;
    // Controllers that know nothing find everything as they want it, and have only their new connection to tell.
    sends_nothing_at_rest(ground, Some(1)).await?;
    let after = ground.written_in(&tenant.namespaces()).await?;
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        let is_as_it_was = name.starts_with("DataPlane ") || before == after;
        ensure!(is_as_it_was, "a fresh start changed {name}:\n{before:#}\n{after:#}");
    }
    ensure!(before.len() == after.len(), "a fresh start made or removed objects");
    tenant.clean_up(ground).await
}

/// Plans everything again and again, and counts what is sent; `at_most` is what may have been sent since the start.
async fn sends_nothing_at_rest(ground: &Ground, at_most: Option<u64>) -> anyhow::Result<()> {
    let mut engine = ground.engine().await?;
    engine.wait_ready().await;
    engine.quiet(QUIET).await;
    let before = engine.metrics().requests();
    ensure!(at_most.is_none_or(|limit| before <= limit), "{before} requests were sent to come to rest");
    for _ in 0..PASSES {
        engine.replan_all();
        engine.quiet(QUIET).await;
    }
    let after = engine.metrics().requests();
    ensure!(after == before, "{} requests were sent at rest", after.saturating_sub(before));
    Ok(())
}
