//! A data plane that comes last: everything waits for it by name, and nothing else is needed when it comes.

use anyhow::ensure;
use openchoreo_types::PlatformKind as _;
use openchoreo_types::v1alpha1::{Build, Component, Environment};

use crate::ground::Ground;
use crate::tenant::{DATA_PLANE, FIRST_ENVIRONMENT, NO_REPOSITORY, Tenant, build_name};

pub(super) async fn late_plane(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-late", "shop");
    ground.apply(&tenant.platform()).await?;
    ground.apply(&[tenant.component("web", NO_REPOSITORY)]).await?;
    ground.ready::<Component>(&tenant.namespace, "web").await?;
    tenant.build(ground, "web", "first").await?;
    let waits: Environment =
        ground.shows(&tenant.organization, FIRST_ENVIRONMENT, "False", "DataPlaneNotFound").await?;
    let message = waits.condition("Ready").map(|ready| ready.message.clone()).unwrap_or_default();
    ensure!(message.contains(DATA_PLANE), "the Environment does not name what it waits for: {message}");
    let waits: Build = ground
        .eventually("a Build that says that it waits", async || {
            let build = ground.api::<Build>(&tenant.namespace).get(&build_name("web", "first")).await?;
            ensure!(build.condition("Ready").is_some_and(|ready| ready.status != "True"), "it is {build:?}");
            Ok(build)
        })
        .await?;
    let message = waits.condition("Ready").map(|ready| ready.message.clone()).unwrap_or_default();
    ensure!(message.to_lowercase().contains("plane"), "the Build does not say what it waits for: {message}");

    ground.register(&tenant.organization, DATA_PLANE, None).await?;
    let endpoint = tenant.published(ground, "web").await?;
    ground.ready::<Environment>(&tenant.organization, FIRST_ENVIRONMENT).await?;
    tenant.answers(ground, &endpoint, |_| true).await?;
    tenant.clean_up(ground).await
}
