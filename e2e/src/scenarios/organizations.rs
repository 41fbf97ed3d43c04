//! Who reaches an endpoint that an organization shows to itself, tried from inside the pods of two organizations.

use anyhow::{Context as _, ensure};
use controller_manager::core::labels::plane::{COMPONENT_NAME, ORGANIZATION_NAME};
use controller_manager::core::platform::PlatformSettings;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams};
use openchoreo_types::v1alpha1::{DataPlane, component_type};
use serde_json::json;

use crate::ground::remote::everywhere;
use crate::ground::{Ground, TOOLS};
use crate::program::Program;
use crate::tenant::{DATA_PLANE, Tenant, absent};

/// Namespace of the gateways.
const SYSTEM: &str = "choreo-system";
/// The gateway within organizations that all of them share.
const SHARED: &str = "choreo-internal-gateway";
/// Those of their own.
const OWN: [&str; 2] = ["internal-e2e-near", "internal-e2e-far"];
/// The gateway for everybody, which cells may call: an answer of it says that silence of others is meant.
const EVERYBODYS: &str = "choreo-external-gateway";
/// The component that asks.
const ASKER: &str = "asker";

pub(super) async fn visibility(ground: &Ground) -> anyhow::Result<()> {
    let near = Tenant::new("e2e-near", "shop");
    let office = Tenant::new("e2e-near", "office");
    let far = Tenant::new("e2e-far", "shop");
    let program = Program::publish("near", "for the organization").await?;
    for tenant in [&near, &office, &far] {
        ground.apply(&tenant.platform()).await?;
    }
    for tenant in [&near, &far] {
        ground.register(&tenant.organization, DATA_PLANE, None).await?;
        ground.ready::<DataPlane>(&tenant.organization, DATA_PLANE).await?;
    }
    let mut component = near.component("web", program.url());
    component["metadata"]["annotations"] = json!({ "openchoreo.dev/visibility": "organization" });
    ground.apply(&[component]).await?;
    near.build(ground, "web", "first").await?;
    let endpoint = near.published(ground, "web").await?;
    let url = endpoint.status.and_then(|status| status.address).context("the Endpoint has no address")?;
    for gateway in OWN {
        own_gateway(ground, gateway).await?;
    }
    for tenant in [&office, &far] {
        let configuration = json!({ "application": { "args": ["sh", "-c", asking(&url)] } });
        ground.apply(&tenant.deployed(ASKER, component_type::SERVICE, TOOLS, &configuration)).await?;
    }

    // A gateway that organizations share cannot tell who asks, so that nobody in a cell may call it.
    is_answered(ground, &office, "000 000 000 404").await?;
    is_answered(ground, &far, "000 000 000 404").await?;
    let settings =
        PlatformSettings { internal_gateway: "internal-{organization}".to_owned(), ..PlatformSettings::default() };
    ground.stop_controllers().await?;
    ground.start_controllers_with(settings).await?;
    // Each organization reaches its own, where only its own endpoints are.
    is_answered(ground, &office, "200 000 000 404").await?;
    is_answered(ground, &far, "000 404 000 404").await?;

    ground.stop_controllers().await?;
    ground.start_controllers().await?;
    near.clean_up(ground).await?;
    office.is_gone(ground).await?;
    far.clean_up(ground).await?;
    for (gateway, resource) in OWN.iter().flat_map(|gateway| resources().map(|resource| (gateway, resource))) {
        let api: Api<DynamicObject> = Api::namespaced_with(ground.data.clone(), SYSTEM, &resource);
        absent(api.delete(gateway, &DeleteParams::default()).await.map(drop))?;
    }
    Ok(())
}

/// Asks for a URL again and again, at each gateway, and prints a line with their answers; `000` where there is none.
fn asking(url: &str) -> String {
    let gateways = [OWN.as_slice(), &[SHARED, EVERYBODYS]].concat().join(" ");
    format!(
        "while sleep 1; do echo $(for gateway in {gateways}; do curl -sk -m 3 -o /dev/null -w '%{{http_code}} ' --connect-to ::$gateway.{SYSTEM}.svc.cluster.local:443 {url}; done); done"
    )
}

/// Waits until the component that asks is answered like this.
async fn is_answered(ground: &Ground, tenant: &Tenant, expected: &str) -> anyhow::Result<()> {
    let select = format!("{ORGANIZATION_NAME}={},{COMPONENT_NAME}={ASKER}", tenant.organization);
    ground
        .eventually(&format!("`{expected}` in the pods of `{}`", tenant.namespace), async || {
            let pods = everywhere::<Pod>(&ground.data).list(&ListParams::default().labels(&select)).await?.items;
            let pod = pods.first().context("no pod asks")?;
            let api: Api<Pod> = Api::namespaced(ground.data.clone(), &pod.namespace().unwrap_or_default());
            let last = LogParams { tail_lines: Some(1), ..LogParams::default() };
            let said = api.logs(&pod.name_any(), &last).await?;
            ensure!(said.trim() == expected, "it is answered `{}`", said.trim());
            Ok(())
        })
        .await
}

/// Makes a gateway for one organization, like the one that they share.
async fn own_gateway(ground: &Ground, name: &str) -> anyhow::Result<()> {
    for resource in resources() {
        let api: Api<DynamicObject> = Api::namespaced_with(ground.data.clone(), SYSTEM, &resource);
        let shared = api.get(SHARED).await.with_context(|| format!("cannot read {} `{SHARED}`", resource.kind))?;
        let spec: serde_json::Value = serde_json::from_str(&shared.data["spec"].to_string().replace(SHARED, name))?;
        let object = json!({
            "apiVersion": resource.api_version, "kind": resource.kind,
            "metadata": { "name": name, "namespace": SYSTEM }, "spec": spec,
        });
        api.patch(name, &PatchParams::apply("openchoreo-e2e"), &Patch::Apply(object)).await?;
    }
    Ok(())
}

/// What a gateway is made of.
fn resources() -> [ApiResource; 2] {
    let resource = |group: &str, version: &str, kind: &str, plural: &str| {
        ApiResource::from_gvk_with_plural(&kube::core::GroupVersionKind::gvk(group, version, kind), plural)
    };
    [
        resource("gateway.envoyproxy.io", "v1alpha1", "EnvoyProxy", "envoyproxies"),
        resource("gateway.networking.k8s.io", "v1", "Gateway", "gateways"),
    ]
}
