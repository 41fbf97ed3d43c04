//! Changes to what runs: by people in the control plane, and by hand in the data plane.

use anyhow::{Context as _, ensure};
use k8s_openapi::api::apps::v1 as apps;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use openchoreo_types::v1alpha1::{ConfigurationGroup, DeployableArtifact, Deployment};
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::tenant::{FIRST_ENVIRONMENT, Tenant, build_name, written};

pub(super) async fn second_build(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-second-build", "shop");
    let endpoint = tenant.settle(ground, "web", None).await?;
    let first = image(&tenant.workload(ground, "web").await?)?;
    // Of the same commit: what is built again is deployed again.
    tenant.build_with(ground, "web", "second", &[]).await?;
    ground
        .eventually("the image of the second build in the workload", async || {
            let second = image(&tenant.workload(ground, "web").await?)?;
            ensure!(second != first, "the image is still `{first}`");
            Ok(())
        })
        .await?;
    let kept = tenant.published(ground, "web").await?;
    ensure!(kept.uid() == endpoint.uid(), "the Endpoint was replaced");
    tenant.answers(ground, &kept, |_| true).await?;
    tenant.clean_up(ground).await
}

pub(super) async fn renamed_endpoint(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-renamed", "shop");
    tenant.settle(ground, "web", None).await?;
    let before = routes(ground, &tenant).await?;
    ensure!(before.len() == 1, "routes before: {before:?}");
    let patch = json!([{ "op": "replace", "path": "/spec/configuration/endpointTemplates/0/metadata/name", "value": "renamed" }]);
    tenant.edit_artifact(ground, "web", "first", patch).await?;
    ground
        .eventually("another route in place of the old one", async || {
            let now = routes(ground, &tenant).await?;
            ensure!(now.len() == 1 && now != before, "before: {before:?}; now: {now:?}");
            Ok(())
        })
        .await?;
    let endpoint = tenant.published(ground, "web").await?;
    tenant.answers(ground, &endpoint, |_| true).await?;
    tenant.clean_up(ground).await
}

pub(super) async fn configuration_group(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-configuration", "shop");
    tenant.settle(ground, "web", None).await?;
    let group = |value: &str| {
        let values = json!([{ "environment": FIRST_ENVIRONMENT, "value": value }]);
        written(
            "ConfigurationGroup",
            &tenant.organization,
            "colors",
            json!({
                "configurations": [{ "key": "sky", "values": values }],
            }),
        )
    };
    ground.apply(&[group("blue")]).await?;
    let reference = json!({ "configurationGroupRef": { "name": "colors", "key": "sky" } });
    let application = json!({ "env": [{ "key": "SKY", "valueFrom": reference }] });
    let patch = json!([{ "op": "add", "path": "/spec/configuration/application", "value": application }]);
    tenant.edit_artifact(ground, "web", "first", patch).await?;
    has_in_the_data_plane(ground, &tenant, "blue").await?;

    ground.delete::<ConfigurationGroup>(&tenant.organization, "colors").await?;
    let artifact = build_name("web", "first");
    let missing = "ConfigurationGroupNotFound";
    ground.shows::<DeployableArtifact>(&tenant.namespace, &artifact, "False", missing).await?;
    let deployment = tenant.deployment(ground, "web").await?.name_any();
    let told = ground.shows::<Deployment>(&tenant.namespace, &deployment, "False", missing).await?;
    let message = told.status.and_then(|status| status.conditions.into_iter().find(|c| c.type_ == "Ready"));
    ensure!(message.is_some_and(|ready| ready.message.contains("colors")), "the condition does not name the group");
    // What runs stays while the group is missing.
    has_in_the_data_plane(ground, &tenant, "blue").await?;

    ground.apply(&[group("gray")]).await?;
    ground.ready::<DeployableArtifact>(&tenant.namespace, &artifact).await?;
    ground.ready::<Deployment>(&tenant.namespace, &deployment).await?;
    has_in_the_data_plane(ground, &tenant, "gray").await?;
    tenant.clean_up(ground).await
}

pub(super) async fn drift(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-drift", "shop");
    let endpoint = tenant.settle(ground, "web", None).await?;
    let port = json!([{ "op": "replace", "path": "/spec/ports/0/port", "value": 9999 }]);
    by_hand(ground, &tenant, "Service", "/spec/ports", port).await?;
    let host = json!([{ "op": "replace", "path": "/spec/hostnames/0", "value": "stolen.choreoapps.localhost" }]);
    by_hand(ground, &tenant, "HTTPRoute", "/spec/hostnames", host).await?;
    let image = json!([{ "op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "evil:1" }]);
    by_hand(ground, &tenant, "Deployment", "/spec/template/spec/containers/0/image", image).await?;
    tenant.answers(ground, &endpoint, |_| true).await?;
    tenant.clean_up(ground).await
}

/// Changes the one object of a kind in the data plane by hand, and waits until it is as it was.
async fn by_hand(ground: &Ground, tenant: &Tenant, kind: &str, pointer: &str, patch: Value) -> anyhow::Result<()> {
    let found = ground.made_of_kind(kind, &tenant.namespaces()).await?;
    let (of, object) = found.first().with_context(|| format!("no {kind} in the data plane"))?;
    let field = |object: &kube::api::DynamicObject| object.data.pointer(pointer).cloned();
    let before = field(object).with_context(|| format!("{kind} has no {pointer}"))?;
    let api = ground.data_api(*of, &object.namespace().unwrap_or_default());
    let patch = Patch::Json::<()>(serde_json::from_value(patch)?);
    let changed = api.patch(&object.name_any(), &PatchParams::default(), &patch).await?;
    ensure!(field(&changed).as_ref() != Some(&before), "the patch changed nothing of {kind}");
    ground
        .eventually(&format!("{kind} as it was"), async || {
            let now = field(&api.get(&object.name_any()).await?);
            ensure!(now.as_ref() == Some(&before), "{pointer} was {before}, is {now:?}");
            Ok(())
        })
        .await
}

/// Waits until a text is in a ConfigMap or workload of the tenant.
async fn has_in_the_data_plane(ground: &Ground, tenant: &Tenant, text: &str) -> anyhow::Result<()> {
    ground
        .eventually(&format!("`{text}` in the data plane"), async || {
            let all = ground.made_for(&tenant.namespaces()).await?;
            let is_there = all.iter().any(|(_, object)| object.data.to_string().contains(text));
            ensure!(is_there, "no object holds it");
            Ok(())
        })
        .await
}

/// Names and uids of the tenant's routes.
async fn routes(ground: &Ground, tenant: &Tenant) -> anyhow::Result<Vec<(String, Option<String>)>> {
    let found = ground.made_of_kind("HTTPRoute", &tenant.namespaces()).await?;
    Ok(found.iter().map(|(_, route)| (route.name_any(), route.uid())).collect())
}

fn image(workload: &apps::Deployment) -> anyhow::Result<String> {
    let pod = workload.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    pod.and_then(|pod| pod.containers.first()?.image.clone()).context("the workload has no image")
}
