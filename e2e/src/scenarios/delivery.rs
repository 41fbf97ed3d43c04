//! Real builds of a real repository: what was committed is what answers.

use crate::ground::Ground;
use crate::program::Program;
use crate::tenant::{DATA_PLANE, Tenant};
use openchoreo_types::v1alpha1::{DataPlane, Project};

pub(super) async fn second_commit(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-delivery", "shop");
    let program = Program::publish("delivery", "the first commit").await?;
    ground.apply(&tenant.platform()).await?;
    ground.register(&tenant.organization, DATA_PLANE, None).await?;
    ground.ready::<DataPlane>(&tenant.organization, DATA_PLANE).await?;
    ground.apply(&[tenant.component("web", program.url())]).await?;
    tenant.build(ground, "web", "first").await?;
    let endpoint = tenant.published(ground, "web").await?;
    tenant.answers(ground, &endpoint, |answer| answer.body.contains("the first commit")).await?;

    program.commit("the second commit").await?;
    tenant.build(ground, "web", "second").await?;
    tenant.answers(ground, &endpoint, |answer| answer.body.contains("the second commit")).await?;

    ground.delete::<Project>(&tenant.organization, &tenant.project).await?;
    tenant.leaves_the_data_plane(ground).await?;
    tenant.clean_up(ground).await
}
