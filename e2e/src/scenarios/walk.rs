//! The walk of the documents: the manifests of `samples/hello-world`, from nothing to an answer.

use anyhow::{Context as _, bail, ensure};
use k8s_openapi::api::core::v1::Service;
use kube::api::Api;
use openchoreo_types::v1alpha1::DataPlane;
use serde_json::Value;

use crate::ground::Ground;
use crate::program::Program;
use crate::tenant::Tenant;

const SAMPLE: [&str; 3] = [
    include_str!("../../../samples/hello-world/organization.yaml"),
    include_str!("../../../samples/hello-world/project.yaml"),
    include_str!("../../../samples/hello-world/component.yaml"),
];
/// The repository that the sample names for people to replace.
const SAMPLE_REPOSITORY: &str = "https://github.com/openchoreo/hello-world-sample";
const DATA_PLANE: &str = "default-dataplane";
const COMPONENT: &str = "hello-world";

pub(super) async fn hello_world(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant {
        organization: "default-org".to_owned(),
        project: "default-project".to_owned(),
        namespace: "default-project".to_owned(),
    };
    let text = "hello from the documents' walk";
    let program = Program::publish_on(ground.lane, "hello-world", text).await?;
    let repository = program.as_ref().map_or(SAMPLE_REPOSITORY, Program::url);

    ground.register(&tenant.organization, DATA_PLANE, None).await?;
    for manifest in SAMPLE {
        ground.choreoctl(&["apply", "-f", "-"], &manifest.replace(SAMPLE_REPOSITORY, repository)).await?;
    }
    ground.ready::<DataPlane>(&tenant.organization, DATA_PLANE).await?;
    ground.choreoctl(&["create", "build", "--component", COMPONENT, "--namespace", &tenant.namespace], "").await?;
    let endpoint = tenant.published(ground, COMPONENT).await?;

    let address = endpoint.status.as_ref().and_then(|status| status.address.clone()).unwrap_or_default();
    is_of_documented_form(&address)?;
    tenant.answers(ground, &endpoint, |answer| program.is_none() || answer.body.contains(text)).await?;
    let services: Api<Service> = Api::namespaced(ground.data.clone(), "choreo-system");
    let service = services.get("choreo-external-gateway").await.context("the gateway has no Service")?;
    let ports = service.spec.and_then(|spec| spec.ports).unwrap_or_default();
    ensure!(!ports.is_empty(), "the Service of the gateway has no port");

    ground
        .eventually("a status of its newest generation on every object", async || {
            for (name, object) in ground.written_in(&tenant.namespaces()).await? {
                tells_its_state(&object).with_context(|| name)?;
            }
            Ok(())
        })
        .await?;
    tenant.clean_up(ground).await
}

/// `https://default-org-default-project-hello-world-<8 hexadecimal digits>-development.choreoapps.localhost[:port]/`.
fn is_of_documented_form(address: &str) -> anyhow::Result<()> {
    let rest = address.strip_prefix("https://default-org-default-project-hello-world-");
    let Some((digits, rest)) = rest.and_then(|rest| rest.split_once('-')) else {
        bail!("`{address}` does not begin as documented");
    };
    ensure!(digits.len() == 8 && digits.chars().all(|c| c.is_ascii_hexdigit()), "`{digits}` are not 8 digits");
    let Some(port) = rest.strip_prefix("development.choreoapps.localhost").and_then(|rest| rest.strip_suffix('/'))
    else {
        bail!("`{address}` does not end as documented");
    };
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    ensure!(is_port, "`{address}` has no port where one is expected");
    Ok(())
}

/// Whether an object shows Ready for its newest generation.
fn tells_its_state(object: &Value) -> anyhow::Result<()> {
    let generation = object.pointer("/metadata/generation");
    ensure!(
        generation.is_some() && object.pointer("/status/observedGeneration") == generation,
        "status is of another generation:\n{object:#}"
    );
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
    let ready = ready.with_context(|| format!("no condition Ready:\n{object:#}"))?;
    ensure!(ready["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "no reason:\n{object:#}");
    ensure!(ready["status"] == "True", "not ready:\n{object:#}");
    Ok(())
}
