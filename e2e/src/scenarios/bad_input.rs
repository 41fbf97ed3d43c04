//! Input that is wrong: refused before it is stored where that can be, and told in a condition where it cannot.

use anyhow::{Context as _, bail, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, PostParams};
use openchoreo_types::PlatformKind as _;
use openchoreo_types::v1alpha1::{Component, DataPlane, DeploymentPipeline, DeploymentTrack, Environment};
use serde_json::json;

use crate::ground::Ground;
use crate::tenant::{FIRST_ENVIRONMENT, NO_REPOSITORY, Tenant, absent, written};

pub(super) async fn refused(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-refused", "shop");
    ground.apply(&[tenant.own_namespace()]).await?;
    let mut environment = written("Environment", &tenant.organization, "typo", json!({ "dataPlaneRef": "main" }));
    environment["spec"]["isProductoin"] = true.into();
    let Err(error) = ground.apply(&[environment]).await else { bail!("an unknown field was accepted") };
    let text = format!("{error:#}");
    ensure!(text.contains("isProductoin"), "the refusal does not name the field: {text}");

    let both = written(
        "DataPlane",
        &tenant.organization,
        "both",
        json!({ "kubernetesCluster": {
            "server": "https://127.0.0.1:6443",
            "auth": { "bearerToken": { "value": "token" } },
            "credentials": { "apiServerURL": "https://127.0.0.1:6443", "token": "token" },
        } }),
    );
    let planes: Api<DataPlane> = ground.api(&tenant.organization);
    let outcome = planes.create(&PostParams::default(), &serde_json::from_value(both)?).await;
    let Err(kube::Error::Api(status)) = outcome else { bail!("two sets of credentials were answered by {outcome:?}") };
    ensure!(status.code == 422, "it was answered by {status:?}");
    ensure!(status.message.contains("exactly one of the two"), "the rule is not told: {}", status.message);
    tenant.is_gone(ground).await
}

pub(super) async fn conditions(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-conditions", "shop");
    ground.apply(&tenant.platform()).await?;

    // A namespace that nobody gave to an organization.
    let stray = "e2e-stray";
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": stray } });
    let component = Tenant { namespace: stray.to_owned(), ..tenant.clone() }.component("web", NO_REPOSITORY);
    ground.apply(&[namespace, component]).await?;
    ground.shows::<Component>(stray, "web", "False", "NamespaceNotInOrganization").await?;
    ground.delete::<Component>(stray, "web").await?;
    let namespaces: Api<Namespace> = Api::all(ground.control.clone());
    absent(namespaces.delete(stray, &DeleteParams::default()).await.map(drop))?;

    // A pipeline that leads in a circle.
    let path =
        |from: &str, to: &str| json!({ "sourceEnvironmentRef": from, "targetEnvironmentRefs": [{ "name": to }] });
    let pipeline = |paths: serde_json::Value| {
        written("DeploymentPipeline", &tenant.organization, "default-pipeline", json!({ "promotionPaths": paths }))
    };
    let circle = json!([path(FIRST_ENVIRONMENT, "production"), path("production", FIRST_ENVIRONMENT)]);
    ground.apply(&[pipeline(circle), tenant.component("web", NO_REPOSITORY)]).await?;
    ground.shows::<DeploymentPipeline>(&tenant.organization, "default-pipeline", "False", "PromotionCycle").await?;
    ground
        .eventually("a track that says why it does not deploy", async || {
            let tracks = ground.api::<DeploymentTrack>(&tenant.namespace).list(&Default::default()).await?;
            let track = tracks.items.first().context("no track")?;
            let reason = track.condition("AutoDeployed").map(|condition| condition.reason.as_str());
            ensure!(reason == Some("PipelineNotUsable"), "AutoDeployed is {reason:?}");
            Ok(())
        })
        .await?;

    // A pipeline that names an environment that nobody made.
    ground.apply(&[pipeline(json!([path(FIRST_ENVIRONMENT, "nowhere")]))]).await?;
    let told: DeploymentPipeline = ground.shows(&tenant.organization, "default-pipeline", "False", "").await?;
    let message = told.condition("Ready").map(|ready| ready.message.clone()).unwrap_or_default();
    ensure!(message.contains("nowhere"), "the environment is not named: {message}");

    // An environment on a data plane that nobody registered.
    ground.shows::<Environment>(&tenant.organization, FIRST_ENVIRONMENT, "False", "DataPlaneNotFound").await?;

    // A name that is longer than a label may be.
    let long = "long-name-".repeat(8);
    let long = long.trim_end_matches('-');
    ground.apply(&[unlabelled(tenant.component(long, NO_REPOSITORY))]).await?;
    ground.shows::<Component>(&tenant.namespace, long, "False", "InvalidName").await?;
    tenant.clean_up(ground).await
}

/// Without the label that repeats the name.
fn unlabelled(mut object: serde_json::Value) -> serde_json::Value {
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(serde_json::Value::as_object_mut) {
        metadata.remove("labels");
    }
    object
}
