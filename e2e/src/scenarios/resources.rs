//! What the pods of a project may use, where an API server really counts.

use anyhow::{Context as _, ensure};
use controller_manager::core::labels::annotations::{CONTAINER_LIMITS, QUOTA};
use controller_manager::core::labels::plane::ORGANIZATION_NAME;
use k8s_openapi::api::core::v1::{LimitRange, Pod, ResourceQuota};
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};
use openchoreo_types::v1alpha1::{Deployment, Environment};
use serde_json::json;

use crate::ground::Ground;
use crate::ground::remote::everywhere;
use crate::tenant::{FIRST_ENVIRONMENT, NO_REPOSITORY, Tenant};

pub(super) async fn quota(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-quota", "shop");
    ground.apply(&tenant.platform()).await?;
    // What a component does not say itself comes from the limits, or the quota would admit none of its pods.
    bound(ground, &tenant, "limits.memory=1Gi, pods=1", "default.memory=64Mi, max.memory=128Mi").await?;
    tenant.settle(ground, "first", None).await?;
    let of_tenant = ListParams::default().labels(&format!("{ORGANIZATION_NAME}={}", tenant.organization));
    let pods = everywhere::<Pod>(&ground.data).list(&of_tenant).await?.items;
    let limit = |pod: &Pod| {
        let limits = pod.spec.as_ref()?.containers.first()?.resources.as_ref()?.limits.as_ref()?;
        limits.get("memory").map(|quantity| quantity.0.clone())
    };
    ensure!(pods.iter().map(limit).eq([Some("64Mi".to_owned())]), "the pods are {pods:?}");

    ground.apply(&[tenant.component("second", NO_REPOSITORY)]).await?;
    tenant.build(ground, "second", "first").await?;
    let waiting = ground
        .eventually("a Deployment of the second component", async || tenant.deployment(ground, "second").await)
        .await?
        .name_any();
    let shown = ground.shows::<Deployment>(&tenant.namespace, &waiting, "False", "WorkloadDegraded").await?;
    let ready = shown.status.and_then(|status| status.conditions.into_iter().find(|c| c.type_ == "Ready"));
    let told = ready.context("no condition Ready")?.message;
    ensure!(told.contains("exceeded quota") && told.contains(QUOTA), "the condition does not say what to do: {told}");

    bound(ground, &tenant, "pods=3", "").await?;
    ground.ready::<Deployment>(&tenant.namespace, &waiting).await?;
    ensure!(everywhere::<LimitRange>(&ground.data).list(&of_tenant).await?.items.is_empty(), "limits are left");
    bound(ground, &tenant, "", "").await?;
    ground
        .eventually("no quota of the project", async || {
            let left = everywhere::<ResourceQuota>(&ground.data).list(&of_tenant).await?.items;
            ensure!(left.is_empty(), "there is {left:?}");
            Ok(())
        })
        .await?;
    tenant.clean_up(ground).await
}

/// Says what the pods of the first environment may use.
async fn bound(ground: &Ground, tenant: &Tenant, quota: &str, limits: &str) -> anyhow::Result<()> {
    let annotations = json!({ QUOTA: quota, CONTAINER_LIMITS: limits });
    let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
    let environments = ground.api::<Environment>(&tenant.organization);
    environments.patch(FIRST_ENVIRONMENT, &PatchParams::default(), &patch).await?;
    Ok(())
}
