//! What the pods and the status of a Deployment should be.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ListParams;
use kube::{Resource, ResourceExt};
use serde_json::{Map, Value, json};

use super::super::conditions::{WantedCondition, status_text};
use super::super::hash::{digest, safe_text};
use super::super::nodes::is_ready;
use super::{Decision, name_stem, pod_from_template};

/// The label that tells the pods of one template from those of another.
const TEMPLATE_HASH_LABEL: &str = "pod-template-hash";

/// Pod names may have 253 bytes; 17 go to the two suffixes.
const STEM_LIMIT: usize = 236;

/// The pods that the Deployment selects. Expressions are left out: they only make the list shorter, and ownership is
/// checked on the result anyway.
pub(super) fn pods_of(deployment: &Deployment) -> ListParams {
    let labels = deployment.spec.as_ref().and_then(|spec| spec.selector.match_labels.as_ref());
    let pairs: Vec<String> = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { ListParams::default() } else { ListParams::default().labels(&pairs.join(",")) }
}

/// Decides from the Deployment and the pods that it owns.
pub(super) fn decide(deployment: &Deployment, pods: &[Pod], now: Timestamp) -> Decision {
    let (Some(spec), Some(owner)) = (deployment.spec.as_ref(), deployment.controller_owner_ref(&())) else {
        return Decision::default();
    };
    let replicas = usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or(0);
    let template_text = serde_json::to_string(&spec.template).unwrap_or_default();
    let template_hash = safe_text(digest(&[&template_text]), 10);
    let stem = name_stem(deployment.metadata.name.as_deref().unwrap_or_default(), STEM_LIMIT);
    let uid = deployment.uid().unwrap_or_default();

    let mut template = spec.template.clone();
    template
        .metadata
        .get_or_insert_default()
        .labels
        .get_or_insert_default()
        .insert(TEMPLATE_HASH_LABEL.to_owned(), template_hash.clone());
    let wanted: Vec<String> = (0..replicas)
        .map(|ordinal| {
            let suffix = safe_text(digest(&[&uid, &template_hash, &ordinal.to_string()]), 5);
            format!("{stem}-{template_hash}-{suffix}")
        })
        .collect();

    let current: Vec<&Pod> = pods.iter().filter(|pod| wanted.contains(&pod.name_any())).collect();
    let surplus: Vec<&Pod> = pods.iter().filter(|pod| !wanted.contains(&pod.name_any())).collect();
    let ready = current.iter().filter(|pod| is_ready(pod)).count();
    let rolled_out = ready == replicas;
    let paused = spec.paused == Some(true) && !pods.is_empty();

    let apply = wanted
        .iter()
        .filter(|name| !paused && !current.iter().any(|pod| pod.name_any() == **name))
        .map(|name| pod_from_template(name.clone(), deployment.namespace(), &template, owner.clone()))
        .collect();
    let delete = surplus
        .iter()
        // Pods of the current template are surplus because of fewer replicas; older ones wait for their successors.
        .filter(|pod| !paused && (rolled_out || pod.labels().get(TEMPLATE_HASH_LABEL) == Some(&template_hash)))
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .map(|pod| pod.name_any())
        .collect();

    let counts = Counts {
        wanted: replicas,
        existing: pods.len(),
        updated: current.len(),
        ready: pods.iter().filter(|pod| is_ready(pod)).count(),
        rolled_out: rolled_out && surplus.is_empty(),
    };
    let status = status(deployment, &counts, now);
    let unchanged = serde_json::to_value(&deployment.status).is_ok_and(|existing| existing == status);
    Decision { apply, delete, status: (!unchanged).then_some(status) }
}

struct Counts {
    wanted: usize,
    existing: usize,
    updated: usize,
    ready: usize,
    rolled_out: bool,
}

fn status(deployment: &Deployment, counts: &Counts, now: Timestamp) -> Value {
    let available = if counts.ready >= counts.wanted {
        WantedCondition::new("Available", true, "MinimumReplicasAvailable", "all pods are ready")
    } else {
        let message = format!("{} of {} pods are ready", counts.ready, counts.wanted);
        WantedCondition::new("Available", false, "MinimumReplicasUnavailable", message)
    };
    let progressing = if counts.rolled_out {
        WantedCondition::new("Progressing", true, "NewReplicaSetAvailable", "the newest template is rolled out")
    } else {
        WantedCondition::new("Progressing", true, "ReplicaSetUpdated", "pods of the newest template become ready")
    };
    let existing: &[DeploymentCondition] =
        deployment.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let conditions: Vec<Value> =
        [available, progressing].iter().map(|wanted| condition(existing, wanted, now)).collect();

    let mut status = Map::new();
    status.insert("conditions".to_owned(), Value::Array(conditions));
    status.insert("observedGeneration".to_owned(), json!(deployment.metadata.generation.unwrap_or(0)));
    // Kubernetes leaves counts of zero out; so do we, or every comparison would see a difference.
    let numbers = [
        ("replicas", counts.existing),
        ("updatedReplicas", counts.updated),
        ("readyReplicas", counts.ready),
        ("availableReplicas", counts.ready),
        ("unavailableReplicas", counts.wanted.saturating_sub(counts.ready)),
    ];
    for (field, number) in numbers {
        if number > 0 {
            status.insert(field.to_owned(), json!(number));
        }
    }
    Value::Object(status)
}

/// A condition of the Deployment's own shape, which has an update time besides the transition time.
fn condition(existing: &[DeploymentCondition], wanted: &WantedCondition, now: Timestamp) -> Value {
    let known = existing.iter().find(|known| known.type_ == wanted.kind);
    let same_status = known.filter(|known| known.status == status_text(wanted.holds));
    let same_text = same_status.filter(|known| {
        known.reason.as_deref() == Some(wanted.reason) && known.message.as_deref() == Some(wanted.message.as_str())
    });
    json!({
        "type": wanted.kind,
        "status": status_text(wanted.holds),
        "reason": wanted.reason,
        "message": wanted.message,
        "lastTransitionTime": same_status.and_then(|known| known.last_transition_time.clone()).unwrap_or(Time(now)),
        "lastUpdateTime": same_text.and_then(|known| known.last_update_time.clone()).unwrap_or(Time(now)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment(replicas: i32, image: &str) -> Deployment {
        serde_json::from_value(json!({
            "metadata": { "name": "web", "namespace": "shop", "uid": "u1", "generation": 3 },
            "spec": {
                "replicas": replicas,
                "selector": { "matchLabels": { "app": "web" } },
                "template": {
                    "metadata": { "labels": { "app": "web" } },
                    "spec": { "containers": [{ "name": "main", "image": image }] },
                },
            },
        }))
        .unwrap()
    }

    fn made_ready(pods: &[Pod]) -> Vec<Pod> {
        let status = json!({ "conditions": [{ "type": "Ready", "status": "True" }] });
        pods.iter().cloned().map(|pod| Pod { status: serde_json::from_value(status.clone()).ok(), ..pod }).collect()
    }

    fn decide_at_start(deployment: &Deployment, pods: &[Pod]) -> Decision {
        decide(deployment, pods, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_fresh_deployment_gets_its_pods_with_owner_and_template_hash() {
        let decision = decide_at_start(&deployment(2, "web:1"), &[]);
        assert_eq!(decision.apply.len(), 2);
        assert_ne!(decision.apply[0].name_any(), decision.apply[1].name_any());
        let pod = &decision.apply[0];
        assert!(pod.name_any().starts_with("web-"));
        assert_eq!(pod.owner_references()[0].name, "web");
        assert!(pod.labels().contains_key(TEMPLATE_HASH_LABEL));
        assert_eq!(pod.labels()["app"], "web");
        assert_eq!(pod.annotations()["openchoreo.dev/simulated"], "true");
        let status = decision.status.unwrap();
        assert_eq!(status["unavailableReplicas"], 2);
        assert_eq!(status["observedGeneration"], 3);
        assert_eq!(status["conditions"][0]["status"], "False");
    }

    #[test]
    fn a_rolled_out_deployment_is_available_and_then_left_alone() {
        let mut deployment = deployment(2, "web:1");
        let pods = made_ready(&decide_at_start(&deployment, &[]).apply);
        let decision = decide_at_start(&deployment, &pods);
        let status = decision.status.clone().unwrap();
        assert_eq!(status["availableReplicas"], 2);
        assert_eq!(status["conditions"][1]["reason"], "NewReplicaSetAvailable");
        deployment.status = serde_json::from_value(status).unwrap();
        assert_eq!(decide_at_start(&deployment, &pods), Decision::default());
    }

    #[test]
    fn old_pods_stay_until_the_new_ones_are_ready() {
        let old = made_ready(&decide_at_start(&deployment(1, "web:1"), &[]).apply);
        let changed = deployment(1, "web:2");
        let rolling = decide_at_start(&changed, &old);
        assert_eq!((rolling.apply.len(), rolling.delete.len()), (1, 0));

        let mut both = old.clone();
        both.extend(rolling.apply);
        assert!(decide_at_start(&changed, &both).delete.is_empty());
        assert_eq!(decide_at_start(&changed, &made_ready(&both)).delete, [old[0].name_any()]);
    }

    #[test]
    fn fewer_replicas_delete_the_surplus_and_zero_replicas_all() {
        let pods = made_ready(&decide_at_start(&deployment(3, "web:1"), &[]).apply);
        assert_eq!(decide_at_start(&deployment(1, "web:1"), &pods).delete.len(), 2);
        let none = decide_at_start(&deployment(0, "web:1"), &pods);
        assert_eq!(none.delete.len(), 3);
        assert_eq!(decide_at_start(&deployment(0, "web:1"), &[]).status.unwrap()["conditions"][0]["status"], "True");
    }
}
