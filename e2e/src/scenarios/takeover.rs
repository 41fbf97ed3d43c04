//! A plane that upstream OpenChoreo has filled, run by this platform from now on: nothing is started anew.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use controller_manager::core::kind::Kind;
use controller_manager::core::labels::OWNER;
use controller_manager::core::naming::generate::compat_generate;
use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Service};
use kube::ResourceExt as _;
use kube::api::{DynamicObject, ListParams, PostParams};
use openchoreo_types::v1alpha1::{DataPlane, Deployment};
use serde_json::{Value, json};

use crate::ground::{Ground, Lane};
use crate::tenant::{DATA_PLANE, FIRST_ENVIRONMENT, Tenant, written};

/// Who upstream's controllers are to the API server.
const UPSTREAM: &str = "manager";
const IMAGE: &str = "registry.example.com/e2e/any:1";

pub(super) async fn in_place(ground: &Ground) -> anyhow::Result<()> {
    let tenant = Tenant::new("e2e-takeover", "shop");
    ground.apply(&tenant.platform()).await?;
    ground.register(&tenant.organization, DATA_PLANE, None).await?;
    ground.ready::<DataPlane>(&tenant.organization, DATA_PLANE).await?;
    ground.stop_controllers().await?;

    let cell = compat_generate("a cell", &["dp", &tenant.organization, &tenant.project, FIRST_ENVIRONMENT], 63)?;
    for (kind, object) in upstream(&tenant, &cell)? {
        let object: DynamicObject = serde_json::from_value(object).context("an object of upstream")?;
        let namespace = object.namespace().unwrap_or_default();
        let params = PostParams { field_manager: Some(UPSTREAM.to_owned()), ..PostParams::default() };
        let made = ground.data_api(kind, &namespace).create(&params, &object).await;
        made.with_context(|| format!("cannot make {kind} `{}`", object.name_any()))?;
    }
    let pods = running(ground, &cell).await?;
    let before = [
        workload(ground, &cell, Kind::of::<apps::Deployment>()).await?,
        workload(ground, &cell, Kind::of::<CronJob>()).await?,
    ];

    ground.start_compatible_controllers().await?;
    for (component, component_type, configuration) in components() {
        ground.apply(&deployed(&tenant, component, component_type, &configuration)).await?;
    }
    for (component, ..) in components() {
        ground.ready::<Deployment>(&tenant.namespace, &format!("{component}-{FIRST_ENVIRONMENT}")).await?;
    }
    for before in before {
        let after = workload(ground, &cell, before.kind).await?;
        let name = &before.name;
        ensure!(after.is_ours, "{} `{name}` was not taken over", before.kind);
        ensure!(after.name == *name && after.uid == before.uid, "{} `{name}` was made anew", before.kind);
        ensure!(
            after.spec == before.spec,
            "{} `{name}` was changed from\n{:#}\nto\n{:#}",
            before.kind,
            before.spec,
            after.spec
        );
    }
    // Only one of each, so that neither configuration nor address has a second name.
    workload(ground, &cell, Kind::of::<Service>()).await?;
    let config_maps =
        ground.data_api(Kind::of::<ConfigMap>(), &cell).list(&ListParams::default().labels("belong-to")).await?;
    ensure!(config_maps.items.len() == 2, "there are {} ConfigMaps", config_maps.items.len());
    let now = running(ground, &cell).await?;
    ensure!(now == pods, "pods were replaced: {pods:?} by {now:?}");

    if ground.lane == Lane::Planes {
        goes_on_without_upstream(ground, &tenant, &cell).await?;
    }
    tenant.clean_up(ground).await?;
    ground.stop_controllers().await?;
    ground.start_controllers().await
}

/// Takes from upstream what it owns, which the embedded API keeps to itself, and edits a component.
async fn goes_on_without_upstream(ground: &Ground, tenant: &Tenant, cell: &str) -> anyhow::Result<()> {
    forget_upstream(ground, cell).await?;
    let [_, (component, component_type, _)] = components();
    ensure!(component_type == "ScheduledTask", "the last component is the task");
    let edited = json!({ "application": {
        "env": [{ "key": "SKY", "value": "blue" }], "task": { "schedule": { "cron": "5 4 1 1 *" } },
    } });
    ground.apply(&deployed(tenant, component, component_type, &edited)).await?;
    ground
        .eventually("the edit in the task, and nothing else", async || {
            let task = workload(ground, cell, Kind::of::<CronJob>()).await?;
            let env = &task.spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["env"];
            ensure!(*env == json!([{ "name": "SKY", "value": "blue" }]), "the variables are {env}");
            Ok(())
        })
        .await
}

/// Takes from upstream's controllers what they own in objects of a cell, as docs/takeover.md does: what they own stays
/// when it is no longer wanted.
async fn forget_upstream(ground: &Ground, cell: &str) -> anyhow::Result<()> {
    for kind in [Kind::of::<ConfigMap>(), Kind::of::<apps::Deployment>(), Kind::of::<Service>(), Kind::of::<CronJob>()]
    {
        let api = ground.data_api(kind, cell);
        for mut object in api.list(&ListParams::default().labels(OWNER)).await?.items {
            object.managed_fields_mut().retain(|entry| entry.manager.as_deref() != Some(UPSTREAM));
            let name = object.name_any();
            api.replace(&name, &PostParams::default(), &object).await.with_context(|| format!("{kind} `{name}`"))?;
        }
    }
    Ok(())
}

/// What has to stay as it is.
struct Workload {
    kind: Kind,
    name: String,
    uid: Option<String>,
    spec: Value,
    is_ours: bool,
}

/// The only object of a kind in a cell.
async fn workload(ground: &Ground, cell: &str, kind: Kind) -> anyhow::Result<Workload> {
    let mut found = ground.data_api(kind, cell).list(&ListParams::default()).await?.items;
    ensure!(found.len() == 1, "there are {} of {kind}", found.len());
    let object = found.pop().context("none")?;
    Ok(Workload {
        kind,
        name: object.name_any(),
        uid: object.uid(),
        is_ours: object.labels().contains_key(OWNER),
        spec: object.data["spec"].clone(),
    })
}

/// The pods of a cell, when there are some.
async fn running(ground: &Ground, cell: &str) -> anyhow::Result<BTreeSet<String>> {
    ground
        .eventually("a pod", async || {
            let pods = ground.data_api(Kind::of::<Pod>(), cell).list(&ListParams::default()).await?.items;
            ensure!(!pods.is_empty(), "there is none");
            Ok(pods.iter().filter_map(|pod| pod.uid()).collect())
        })
        .await
}

/// A service that reads settings and a file, and a task.
fn components() -> [(&'static str, &'static str, Value); 2] {
    let backend = json!({ "type": "componentRef", "basePath": "/", "componentRef": { "port": 8080 } });
    let group = json!({ "configurationGroupRef": { "name": "colors", "key": "sky" } });
    let service = json!({
        "endpointTemplates": [{ "metadata": { "name": "web" }, "spec": { "type": "HTTP", "backendRef": backend } }],
        "application": {
            "args": ["--not-read-by-upstream"],
            "env": [
                { "key": "SKY", "valueFrom": group }, { "key": "ZONE", "value": "a" }, { "key": "ALPHA", "value": "b" },
            ],
            "fileMounts": [{ "mountPath": "/etc/zone", "value": "UTC" }],
        },
    });
    let task = json!({ "application": {
        "env": [{ "key": "ZONE", "value": "a" }], "task": { "schedule": { "cron": "5 4 1 1 *" } },
    } });
    [("cart", "Service", service), ("nightly", "ScheduledTask", task)]
}

/// A component as people write it for upstream, and the settings that it reads.
fn deployed(tenant: &Tenant, component: &str, component_type: &str, configuration: &Value) -> Vec<Value> {
    let values = json!([{ "environment": FIRST_ENVIRONMENT, "value": "blue" }]);
    let colors = json!({ "configurations": [{ "key": "sky", "values": values }] });
    let mut objects = vec![written("ConfigurationGroup", &tenant.organization, "colors", colors)];
    objects.extend(tenant.deployed(component, component_type, IMAGE, configuration));
    objects
}

/// What upstream makes of the components in the plane, after its source.
fn upstream(tenant: &Tenant, cell: &str) -> anyhow::Result<Vec<(Kind, Value)>> {
    let labels = |component: &str, component_type: &str| {
        json!({
            "organization-name": tenant.organization, "project-name": tenant.project,
            "environment-name": FIRST_ENVIRONMENT, "component-name": component, "component-type": component_type,
            "deployment-track-name": "main", "deployment-name": "by-hand",
            "managed-by": "choreo-deployment-controller", "belong-to": "user-workloads",
        })
    };
    let metadata = |name: &str, labels: &Value| json!({ "name": name, "namespace": cell, "labels": labels });
    let named = |parts: &[&str], limit| compat_generate("an object", parts, limit);
    let cart = labels("cart", "Service");
    let workload = named(&["cart", "cart-main"], 63)?;
    let group = named(&["cart", "cart-main", "colors"], 253)?;
    // Upstream names volumes of files after the first digits of the path's digest, as a name of one part ends.
    let digest = named(&["/etc/zone"], 253)?;
    let file = format!("filemount-{}", digest.rsplit('-').next().unwrap_or_default());
    let content = named(&["cart", "cart-main", &file], 253)?;
    let pod = json!({
        "restartPolicy": "Always",
        "containers": [{
            "name": "main", "image": IMAGE,
            "env": [
                { "name": "ZONE", "value": "a" }, { "name": "ALPHA", "value": "b" },
                { "name": "SKY", "valueFrom": { "configMapKeyRef": { "name": group, "key": "sky" } } },
            ],
            "ports": [{ "name": "ep-8080-tcp", "containerPort": 8080, "protocol": "TCP" }],
            "volumeMounts": [{ "name": file, "mountPath": "/etc/zone", "subPath": "content" }],
        }],
        "volumes": [{ "name": file, "configMap": { "name": content } }],
    });
    let config_map = |name: &str, data: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(name, &cart), "data": data });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(&workload, &cart),
        "spec": { "selector": { "matchLabels": cart }, "template": { "metadata": { "labels": cart }, "spec": pod } },
    });
    let ports = json!([{ "name": "ep-8080-tcp", "port": 8080, "protocol": "TCP" }]);
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata(&workload, &cart),
        "spec": { "type": "ClusterIP", "selector": cart, "ports": ports },
    });
    let nightly = labels("nightly", "ScheduledTask");
    let env = json!([{ "name": "ZONE", "value": "a" }]);
    let pod = json!({ "restartPolicy": "Never", "containers": [{ "name": "main", "image": IMAGE, "env": env }] });
    let cron_job = json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": metadata(&named(&["nightly", "nightly-main"], 52)?, &nightly),
        "spec": {
            "schedule": "5 4 1 1 *", "timeZone": "Etc/UTC", "suspend": false, "concurrencyPolicy": "Forbid",
            "jobTemplate": { "metadata": { "labels": nightly }, "spec": {
                "activeDeadlineSeconds": 300, "backoffLimit": 4, "ttlSecondsAfterFinished": 360,
                "template": { "metadata": { "labels": nightly }, "spec": pod },
            } },
        },
    });
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": cell, "labels": {
        "organization-name": tenant.organization, "project-name": tenant.project,
        "environment-name": FIRST_ENVIRONMENT, "managed-by": "choreo-deployment-controller",
        "belong-to": "user-workloads",
    } } });
    Ok(vec![
        (Kind::of::<Namespace>(), namespace),
        (Kind::of::<ConfigMap>(), config_map(&group, json!({ "sky": "blue" }))),
        (Kind::of::<ConfigMap>(), config_map(&content, json!({ "content": "UTC" }))),
        (Kind::of::<apps::Deployment>(), deployment),
        (Kind::of::<Service>(), service),
        (Kind::of::<CronJob>(), cron_job),
    ])
}
