//! Plays the node: pods that no node runs become ready, and pods of a Job succeed.
//!
//! A real API server has no scheduler behind it here, so `spec.nodeName` stays unset and only the status is written.
//! Pods that a real node has taken (those with a node name) are left alone. Init containers count as done, probes
//! and restarts are not simulated, and addresses come from a digest of the pod's identity, so two pods may in theory
//! share one.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::hash::digest;
use super::{FIELD_MANAGER, SIMULATED_ANNOTATION};

/// The address that the simulated node reports as its own.
const HOST_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);

/// Runs until dropped.
pub(super) async fn run(client: Client) {
    let pods: Api<Pod> = Api::all(client.clone());
    Controller::new(pods, watcher::Config::default())
        .with_config(Config::default().concurrency(8))
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(2)), Arc::new(client))
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(%error, "simulated node will retry");
            }
            std::future::ready(())
        })
        .await;
}

async fn reconcile(pod: Arc<Pod>, client: Arc<Client>) -> Result<Action, kube::Error> {
    if let Some(status) = next_status(&pod, Timestamp::now()) {
        let pods: Api<Pod> = Api::namespaced((*client).clone(), &pod.namespace().unwrap_or_default());
        let patch = json!({ "metadata": { "annotations": { SIMULATED_ANNOTATION: "true" } }, "status": status });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match pods.patch_status(&pod.name_any(), &params, &Patch::Merge(patch)).await {
            Ok(_) => {}
            // It went away in the meantime: nothing left to do.
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Action::await_change())
}

/// Whether a pod counts as ready: its `Ready` condition holds and nobody has asked for its end.
pub(super) fn is_ready(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none()
        && pod
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_ref())
            .is_some_and(|conditions| conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}

/// What a pod's life ends in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Ready,
    Succeeded,
}

/// The status that a pod moves to, or `None` when it stays as it is.
fn next_status(pod: &Pod, now: Timestamp) -> Option<Value> {
    let spec = pod.spec.as_ref()?;
    if pod.metadata.deletion_timestamp.is_some() || spec.node_name.as_ref().is_some_and(|node| !node.is_empty()) {
        return None;
    }
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
    if phase != "Pending" {
        return None;
    }
    let owned_by_job = pod.owner_references().iter().any(|owner| owner.kind == "Job" && owner.controller == Some(true));
    let fate = if owned_by_job { Fate::Succeeded } else { Fate::Ready };
    let (phase, ready, reason) = match fate {
        Fate::Ready => ("Running", "True", None),
        Fate::Succeeded => ("Succeeded", "False", Some("PodCompleted")),
    };
    let condition = |kind: &str, status: &str, reason: Option<&str>| {
        let mut condition = json!({
            "type": kind,
            "status": status,
            "message": "simulated: no node runs this pod",
            "lastTransitionTime": Time(now),
        });
        if let (Some(reason), Some(fields)) = (reason, condition.as_object_mut()) {
            fields.insert("reason".to_owned(), json!(reason));
        }
        condition
    };
    let address = pod_address(pod);
    Some(json!({
        "phase": phase,
        "conditions": [
            condition("PodScheduled", "True", None),
            condition("Initialized", "True", reason),
            condition("ContainersReady", ready, reason),
            condition("Ready", ready, reason),
        ],
        "containerStatuses": spec.containers.iter().map(|container| container_status(container, fate, now)).collect::<Vec<_>>(),
        "hostIP": HOST_ADDRESS.to_string(),
        "hostIPs": [{ "ip": HOST_ADDRESS.to_string() }],
        "podIP": address.to_string(),
        "podIPs": [{ "ip": address.to_string() }],
        "startTime": Time(now),
    }))
}

fn container_status(container: &Container, fate: Fate, now: Timestamp) -> Value {
    let state = match fate {
        Fate::Ready => json!({ "running": { "startedAt": Time(now) } }),
        Fate::Succeeded => json!({
            "terminated": { "exitCode": 0, "reason": "Completed", "startedAt": Time(now), "finishedAt": Time(now) },
        }),
    };
    let ready = fate == Fate::Ready;
    json!({
        "name": container.name,
        "image": container.image.clone().unwrap_or_default(),
        "imageID": "",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": state,
    })
}

/// An address in 10.244.0.0/16, the same for the whole life of the pod.
fn pod_address(pod: &Pod) -> Ipv4Addr {
    let namespace = pod.namespace().unwrap_or_default();
    let bits = digest(&[&namespace, &pod.name_any(), &pod.uid().unwrap_or_default()]);
    // Both octets in 1..=254: no network, gateway or broadcast address.
    let octet = |bits: u64| u8::try_from(bits % 254 + 1).unwrap_or(1);
    Ipv4Addr::new(10, 244, octet(bits >> 32), octet(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(changes: Value) -> Pod {
        let mut pod = json!({
            "metadata": { "name": "web", "namespace": "shop", "uid": "1" },
            "spec": { "containers": [{ "name": "main", "image": "registry/web:1" }] },
        });
        merge(&mut pod, changes);
        serde_json::from_value(pod).unwrap()
    }

    fn merge(target: &mut Value, changes: Value) {
        match (target, changes) {
            (Value::Object(target), Value::Object(changes)) => {
                for (key, value) in changes {
                    merge(target.entry(key).or_insert(Value::Null), value);
                }
            }
            (target, value) => *target = value,
        }
    }

    #[test]
    fn a_pending_pod_becomes_ready_and_says_that_it_is_simulated() {
        let status = next_status(&pod(json!({})), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(status["phase"], "Running");
        let ready = status["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "Ready").unwrap();
        assert_eq!(ready["status"], "True");
        assert!(ready["message"].as_str().unwrap().starts_with("simulated:"));
        assert_eq!(status["containerStatuses"][0]["image"], "registry/web:1");
        assert!(status["podIP"].as_str().unwrap().starts_with("10.244."));
    }

    #[test]
    fn a_pod_of_a_job_succeeds() {
        let owner = json!({ "apiVersion": "batch/v1", "kind": "Job", "name": "once", "uid": "2", "controller": true });
        let status =
            next_status(&pod(json!({ "metadata": { "ownerReferences": [owner] } })), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(status["phase"], "Succeeded");
        assert_eq!(status["containerStatuses"][0]["state"]["terminated"]["exitCode"], 0);
    }

    #[test]
    fn pods_that_run_end_or_belong_to_a_real_node_are_left_alone() {
        let cases = [
            json!({ "status": { "phase": "Running" } }),
            json!({ "status": { "phase": "Failed" } }),
            json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }),
            json!({ "spec": { "nodeName": "real" } }),
        ];
        for case in cases {
            assert_eq!(next_status(&pod(case.clone()), Timestamp::UNIX_EPOCH), None, "{case}");
        }
    }
}
