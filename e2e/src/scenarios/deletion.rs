//! Deletion in every order of parents, children and planes, dead planes included.

use anyhow::ensure;
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams};
use openchoreo_types::PlatformKind as _;
use openchoreo_types::v1alpha1::{Component, DataPlane, Deployment, Environment, Project};
use serde_json::json;

use crate::ground::{Ground, shown};
use crate::proxy::Proxy;
use crate::tenant::{DATA_PLANE, FIRST_ENVIRONMENT, Tenant, absent};

pub(super) async fn component_first(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-component-first", "shop");
    tenant.settle(ground, "web", None).await?;
    ground.delete::<Component>(&tenant.namespace, "web").await?;
    gone::<Component>(ground, &tenant.namespace, "web").await?;
    tenant.leaves_the_data_plane(ground).await?;
    tenant.clean_up(ground).await
}

pub(super) async fn project_first(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-project-first", "shop");
    tenant.settle(ground, "web", None).await?;
    ground.delete::<Project>(&tenant.organization, "shop").await?;
    gone::<Project>(ground, &tenant.organization, "shop").await?;
    gone::<Component>(ground, &tenant.namespace, "web").await?;
    tenant.leaves_the_data_plane(ground).await?;
    tenant.clean_up(ground).await
}

pub(super) async fn organization_first(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-organization-first", "shop");
    tenant.settle(ground, "web", None).await?;
    tenant.delete_organization(ground).await?;
    tenant.leaves_the_data_plane(ground).await?;
    tenant.is_gone(ground).await
}

pub(super) async fn data_plane_first(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-plane-first", "shop");
    tenant.settle(ground, "web", None).await?;
    ground.delete::<DataPlane>(&tenant.organization, DATA_PLANE).await?;
    gone::<DataPlane>(ground, &tenant.organization, DATA_PLANE).await?;
    tenant.leaves_the_data_plane(ground).await?;
    ground.shows::<Environment>(&tenant.organization, FIRST_ENVIRONMENT, "False", "DataPlaneNotFound").await?;
    tenant.clean_up(ground).await
}

pub(super) async fn environment_first(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-environment-first", "shop");
    tenant.settle(ground, "web", None).await?;
    ground.delete::<Environment>(&tenant.organization, FIRST_ENVIRONMENT).await?;
    gone::<Environment>(ground, &tenant.organization, FIRST_ENVIRONMENT).await?;
    ground
        .eventually("no workload and no route in the data plane", async || {
            for kind in ["Deployment", "HTTPRoute", "Service"] {
                let left = ground.made_of_kind(kind, &tenant.namespaces()).await?;
                ensure!(left.is_empty(), "{} {kind} are left", left.len());
            }
            Ok(())
        })
        .await?;
    tenant.clean_up(ground).await
}

pub(super) async fn dead_plane(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-dead-plane", "shop");
    let proxy = Proxy::start(ground.data_address()).await?;
    tenant.settle(ground, "web", Some(proxy.url())).await?;
    let deployment = tenant.deployment(ground, "web").await?.name_any();
    proxy.cut().await;
    ground.shows::<DataPlane>(&tenant.organization, DATA_PLANE, "False", "ServerUnreachable").await?;
    ground.delete::<Component>(&tenant.namespace, "web").await?;
    ground
        .eventually("a Deployment or Endpoint that waits for the plane", async || {
            let deployment = ground.api::<Deployment>(&tenant.namespace).get(&deployment).await?;
            let endpoints = tenant.endpoints(ground, "web").await?;
            let conditions = endpoints.iter().filter_map(|endpoint| endpoint.condition("Ready"));
            let waits = deployment.condition("Ready").into_iter().chain(conditions).any(|ready| {
                ready.reason == "PlaneUnreachable"
                    && ready.message.contains(&format!("{}/{DATA_PLANE}", tenant.organization))
            });
            ensure!(waits, "they show {:?} and {endpoints:?}", deployment.condition("Ready"));
            Ok(())
        })
        .await?;
    ensure!(!ground.made_for(&tenant.namespaces()).await?.is_empty(), "a plane that was cut off was cleaned");
    proxy.heal().await?;
    gone::<Component>(ground, &tenant.namespace, "web").await?;
    tenant.leaves_the_data_plane(ground).await?;
    tenant.clean_up(ground).await
}

pub(super) async fn abandoned_plane(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-abandoned", "shop");
    let proxy = Proxy::start(ground.data_address()).await?;
    tenant.settle(ground, "web", Some(proxy.url())).await?;
    proxy.cut().await;
    ground.shows::<DataPlane>(&tenant.organization, DATA_PLANE, "False", "ServerUnreachable").await?;
    ground.delete::<DataPlane>(&tenant.organization, DATA_PLANE).await?;
    ground.shows::<DataPlane>(&tenant.organization, DATA_PLANE, "False", "PlaneUnreachable").await?;
    let abandon = json!({ "metadata": { "annotations": { "openchoreo.dev/abandon": "true" } } });
    let planes = ground.api::<DataPlane>(&tenant.organization);
    planes.patch(DATA_PLANE, &PatchParams::default(), &Patch::Merge(abandon)).await?;
    gone::<DataPlane>(ground, &tenant.organization, DATA_PLANE).await?;

    // What was given up is the operator's to remove.
    for (kind, object) in ground.made_for(&tenant.namespaces()).await? {
        let api = ground.data_api(kind, &object.namespace().unwrap_or_default());
        absent(api.delete(&object.name_any(), &DeleteParams::default()).await.map(drop))?;
    }
    tenant.clean_up(ground).await
}

/// Waits until an object is gone.
async fn gone<K>(ground: &Ground, namespace: &str, name: &str) -> anyhow::Result<()>
where
    K: openchoreo_types::PlatformKind<Scope = kube::core::NamespaceResourceScope>,
{
    let api = ground.api::<K>(namespace);
    ground
        .eventually(&format!("{} `{namespace}/{name}` gone", K::KIND), async || match api.get_opt(name).await? {
            None => Ok(()),
            Some(object) => anyhow::bail!("it is\n{}", shown(object)),
        })
        .await
}
