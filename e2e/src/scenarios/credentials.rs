//! Credentials that are wrong, and what is told about them. A plane whose credentials are fine stays ready beside.

use anyhow::{Context as _, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use openchoreo_types::PlatformKind as _;
use openchoreo_types::v1alpha1::DataPlane;
use serde_json::json;

use crate::ground::Ground;
use crate::proxy::Proxy;
use crate::tenant::{DATA_PLANE, Tenant};

const SECRET: &str = "main-credentials";

pub(super) async fn credentials(ground: &Ground) -> anyhow::Result<()> {
    let tenant = registered(ground, "e2e-credentials", None).await?;
    let bystander = registered(ground, "e2e-bystander", None).await?;
    let untouched = transition(ground, &bystander).await?;
    let secrets = ground.api::<Secret>(&tenant.organization);
    let good = secrets.get(SECRET).await?;

    set(ground, &tenant, "token", "not-a-token").await?;
    told(ground, &tenant, "CredentialsRefused", "token").await?;
    restore(ground, &tenant, &good, "token").await?;

    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?.cert.pem();
    set(ground, &tenant, "ca.crt", &other).await?;
    told(ground, &tenant, "CertificateRefused", "CA").await?;
    restore(ground, &tenant, &good, "ca.crt").await?;

    secrets.delete(SECRET, &DeleteParams::default()).await?;
    told(ground, &tenant, "CredentialsInvalid", SECRET).await?;
    let again = Secret {
        metadata: kube::core::ObjectMeta {
            name: Some(SECRET.to_owned()),
            labels: good.metadata.labels.clone(),
            annotations: good.metadata.annotations.clone(),
            ..Default::default()
        },
        data: good.data.clone(),
        ..Secret::default()
    };
    secrets.create(&PostParams::default(), &again).await?;
    ground.ready::<DataPlane>(&tenant.organization, DATA_PLANE).await?;

    ensure!(transition(ground, &bystander).await? == untouched, "another organization's plane changed its state");
    bystander.clean_up(ground).await?;
    tenant.clean_up(ground).await
}

pub(super) async fn unreachable(ground: &Ground) -> anyhow::Result<()> {
    let proxy = Proxy::start(ground.data_address()).await?;
    let tenant = registered(ground, "e2e-unreachable", Some(proxy.url())).await?;
    proxy.cut().await;
    told(ground, &tenant, "ServerUnreachable", "server URL").await?;
    proxy.heal().await?;
    ground.ready::<DataPlane>(&tenant.organization, DATA_PLANE).await?;
    tenant.clean_up(ground).await
}

/// An organization whose data plane is ready.
async fn registered(ground: &Ground, organization: &str, server: Option<String>) -> anyhow::Result<Tenant> {
    let tenant = Tenant::new(organization, "shop");
    ground.apply(&tenant.platform()).await?;
    ground.register(&tenant.organization, DATA_PLANE, server).await?;
    ground.ready::<DataPlane>(&tenant.organization, DATA_PLANE).await?;
    Ok(tenant)
}

/// Waits until the plane shows a reason, with a message that names what to correct.
async fn told(ground: &Ground, tenant: &Tenant, reason: &str, remedy: &str) -> anyhow::Result<()> {
    let plane: DataPlane = ground.shows(&tenant.organization, DATA_PLANE, "False", reason).await?;
    let message = plane.condition("Ready").map(|ready| ready.message.clone()).unwrap_or_default();
    ensure!(message.contains(remedy), "the message names no `{remedy}`: {message}");
    Ok(())
}

async fn set(ground: &Ground, tenant: &Tenant, key: &str, value: &str) -> anyhow::Result<()> {
    let patch = json!({ "stringData": { key: value } });
    let secrets = ground.api::<Secret>(&tenant.organization);
    secrets.patch(SECRET, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// Puts the good value back, and waits until the plane is ready again.
async fn restore(ground: &Ground, tenant: &Tenant, good: &Secret, key: &str) -> anyhow::Result<()> {
    let ByteString(bytes) = good.data.as_ref().and_then(|data| data.get(key)).context("the Secret lacks the key")?;
    set(ground, tenant, key, &String::from_utf8_lossy(bytes)).await?;
    ground.ready::<DataPlane>(&tenant.organization, DATA_PLANE).await?;
    Ok(())
}

/// When the plane's Ready last changed.
async fn transition(ground: &Ground, tenant: &Tenant) -> anyhow::Result<String> {
    let plane: DataPlane = ground.ready(&tenant.organization, DATA_PLANE).await?;
    let ready = plane.condition("Ready").context("no condition Ready")?;
    Ok(ready.last_transition_time.0.to_string())
}
