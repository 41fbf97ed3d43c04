//! One Deployment in the place of another, while everybody goes on asking.

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use kube::ResourceExt;
use kube::api::ListParams;
use openchoreo_types::v1alpha1::{Build, Deployment, Endpoint};
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::tenant::{FIRST_ENVIRONMENT, NO_REPOSITORY, Tenant, build_name, written};

/// How long after one answer the next is asked for.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(5);

pub(super) async fn successor(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-successor", "shop");
    let endpoint = tenant.settle(ground, "web", None).await?;
    tenant.answers(ground, &endpoint, |_| true).await?;
    let url = endpoint.status.as_ref().and_then(|status| status.address.clone()).context("no address")?;
    let gaps = RefCell::new(Vec::new());
    let asking = async {
        loop {
            match ground.ask(&url).await {
                Ok(answer) if answer.status == 200 => {}
                other => gaps.borrow_mut().push(format!("{other:?}")),
            }
            tokio::time::sleep(BETWEEN_QUESTIONS).await;
        }
    };
    tokio::select! {
        () = asking => {}
        done = hand_over_and_back(ground, &tenant, &endpoint) => done?,
    }
    let gaps = gaps.into_inner();
    if let Some(first) = gaps.first() {
        bail!("{} questions had no answer, the first: {first}", gaps.len());
    }
    tenant.clean_up(ground).await
}

async fn hand_over_and_back(ground: &Ground, tenant: &Tenant, endpoint: &Endpoint) -> anyhow::Result<()> {
    let automatic = tenant.deployment(ground, "web").await?.name_any();
    ground.ready::<Deployment>(&tenant.namespace, &automatic).await?;
    ground.apply(&[by_hand(tenant, "web-frist")]).await?;
    ground.shows::<Deployment>(&tenant.namespace, "by-hand", "False", "ArtifactNotResolved").await?;
    ground.ready::<Deployment>(&tenant.namespace, &automatic).await?;

    ground.apply(&[by_hand(tenant, &build_name("web", "first"))]).await?;
    ground.ready::<Deployment>(&tenant.namespace, "by-hand").await?;
    only_deployment(ground, tenant, "by-hand").await?;
    is_the_same(ground, tenant, endpoint).await?;

    ground.delete::<Deployment>(&tenant.namespace, "by-hand").await?;
    only_deployment(ground, tenant, &automatic).await?;
    ground.ready::<Deployment>(&tenant.namespace, &automatic).await?;
    is_the_same(ground, tenant, endpoint).await
}

fn by_hand(tenant: &Tenant, artifact: &str) -> Value {
    let mut deployment =
        written("Deployment", &tenant.namespace, "by-hand", json!({ "deploymentArtifactRef": artifact }));
    for (label, value) in [("component", "web"), ("deployment-track", "default"), ("environment", FIRST_ENVIRONMENT)] {
        deployment["metadata"]["labels"][format!("openchoreo.dev/{label}")] = value.into();
    }
    deployment
}

async fn only_deployment(ground: &Ground, tenant: &Tenant, name: &str) -> anyhow::Result<()> {
    ground
        .eventually(&format!("Deployment `{name}` and no other"), async || {
            let found = ground.api::<Deployment>(&tenant.namespace).list(&ListParams::default()).await?.items;
            let names: Vec<String> = found.iter().map(ResourceExt::name_any).collect();
            ensure!(names == [name], "there are {names:?}");
            Ok(())
        })
        .await
}

async fn is_the_same(ground: &Ground, tenant: &Tenant, endpoint: &Endpoint) -> anyhow::Result<()> {
    let now = tenant.published(ground, "web").await?;
    ensure!(now.uid() == endpoint.uid(), "the Endpoint was replaced");
    ensure!(now.owner_references().len() == 1, "it has the owners {:?}", now.owner_references());
    Ok(())
}

pub(super) async fn mistyped_track(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-mistyped", "shop");
    ground.apply(&tenant.platform()).await?;
    ground.apply(&[tenant.component("web", NO_REPOSITORY)]).await?;
    tenant.build_with(ground, "web", "first", &["--deployment-track", "defualt"]).await?;
    let name = build_name("web", "first");
    let build = ground.shows::<Build>(&tenant.namespace, &name, "False", "TrackNotFound").await?;
    ensure!(build.status.is_some_and(|status| status.planes.is_empty()), "a run was started");
    tenant.clean_up(ground).await
}
