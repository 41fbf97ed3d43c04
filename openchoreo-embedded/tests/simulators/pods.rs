//! Deployments become available, Jobs complete, load balancers get addresses.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DeleteParams, ListParams};
use kube::runtime::wait::{await_condition, conditions};
use openchoreo_embedded::simulators::SIMULATED_ANNOTATION;
use serde_json::{Value, json};

use super::stage::{Stage, wait};

fn deployment(replicas: i32, image: &str) -> Value {
    json!({
        "metadata": { "name": "web" },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "main", "image": image }] },
            },
        },
    })
}

fn is_settled(deployment: &Deployment, replicas: i32) -> bool {
    let Some(status) = &deployment.status else { return false };
    status.observed_generation == deployment.metadata.generation
        && status.replicas.unwrap_or(0) == replicas
        && status.updated_replicas.unwrap_or(0) == replicas
        && status.available_replicas.unwrap_or(0) == replicas
}

#[tokio::test]
async fn a_deployment_becomes_available_rolls_and_scales() {
    let stage = Stage::new().await;
    stage.simulate(|_| {});
    stage.apply::<Deployment>(deployment(2, "web:1")).await;
    let settled = wait(stage.api::<Deployment>(), "web", |found| is_settled(found, 2)).await;
    let available = settled.status.unwrap().conditions.unwrap();
    assert!(available.iter().any(|one| one.type_ == "Available" && one.status == "True"));
    for pod in stage.api::<Pod>().list(&ListParams::default()).await.unwrap() {
        let ready = pod.status.unwrap().conditions.unwrap().into_iter().find(|one| one.type_ == "Ready").unwrap();
        assert!(ready.message.unwrap().starts_with("simulated:"));
        assert_eq!(pod.metadata.annotations.unwrap()[SIMULATED_ANNOTATION], "true");
    }

    stage.apply::<Deployment>(deployment(1, "web:2")).await;
    wait(stage.api::<Deployment>(), "web", |found| is_settled(found, 1)).await;
    let pods = stage.api::<Pod>().list(&ListParams::default()).await.unwrap().items;
    let running: Vec<_> = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect();
    assert_eq!(running.len(), 1);
    assert_eq!(running[0].spec.as_ref().unwrap().containers[0].image.as_deref(), Some("web:2"));
}

#[tokio::test]
async fn pods_go_with_their_deployment() {
    let stage = Stage::new().await;
    stage.simulate(|_| {});
    stage.apply::<Deployment>(deployment(1, "web:1")).await;
    wait(stage.api::<Deployment>(), "web", |found| is_settled(found, 1)).await;
    let pod = stage.api::<Pod>().list(&ListParams::default()).await.unwrap().items.remove(0);
    let (name, uid) = (pod.metadata.name.unwrap(), pod.metadata.uid.unwrap());
    stage.api::<Deployment>().delete("web", &DeleteParams::background()).await.unwrap();
    await_condition(stage.api::<Pod>(), &name, conditions::is_deleted(&uid)).await.unwrap();
}

#[tokio::test]
async fn a_job_completes() {
    let stage = Stage::new().await;
    stage.simulate(|_| {});
    stage
        .apply::<Job>(json!({
            "metadata": { "name": "once" },
            "spec": {
                "completions": 2,
                "parallelism": 2,
                "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "main", "image": "task:1" }] } },
            },
        }))
        .await;
    let complete = |job: &Job| {
        let conditions = job.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
        conditions.iter().any(|one| one.type_ == "Complete" && one.status == "True")
    };
    let job = wait(stage.api::<Job>(), "once", complete).await;
    assert_eq!(job.status.unwrap().succeeded, Some(2));
}

#[tokio::test]
async fn a_load_balancer_gets_an_address_and_other_services_none() {
    let stage = Stage::new().await;
    stage.simulate(|_| {});
    let service = |kind: &str, name: &str| json!({ "metadata": { "name": name }, "spec": { "type": kind, "ports": [{ "port": 80 }] } });
    stage.apply::<Service>(service("ClusterIP", "inner")).await;
    stage.apply::<Service>(service("LoadBalancer", "outer")).await;
    let address = |service: &Service| {
        let ingress = service.status.clone()?.load_balancer?.ingress?;
        ingress.first()?.ip.clone()
    };
    let outer = wait(stage.api::<Service>(), "outer", move |found| address(found).is_some()).await;
    assert_eq!(address(&outer).as_deref(), Some("127.0.0.1"));
    assert_eq!(address(&stage.api::<Service>().get("inner").await.unwrap()), None);
}
