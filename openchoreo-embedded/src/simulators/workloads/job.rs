//! What the pods and the status of a Job should be.
//!
//! All completions start at once; parallelism, retries, deadlines and clean-up after a time are not simulated.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ListParams;
use kube::{Resource, ResourceExt};
use serde_json::{Map, Value, json};

use super::super::hash::{digest, safe_text};
use super::{Decision, name_stem, pod_from_template};

/// Pod names may have 253 bytes; 6 go to the suffix.
const STEM_LIMIT: usize = 247;

/// The pods that carry the Job's name, as every pod that [`decide`] makes does.
pub(super) fn pods_of(job: &Job) -> ListParams {
    ListParams::default().labels(&format!("batch.kubernetes.io/job-name={}", job.name_any()))
}

/// Decides from the Job and the pods that it owns.
pub(super) fn decide(job: &Job, pods: &[Pod], now: Timestamp) -> Decision {
    let (Some(spec), Some(owner)) = (job.spec.as_ref(), job.controller_owner_ref(&())) else {
        return Decision::default();
    };
    let finished = job
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref())
        .is_some_and(|conditions| conditions.iter().any(|one| one.type_ == "Complete" && one.status == "True"));
    if finished || spec.suspend == Some(true) {
        return Decision::default();
    }
    let completions = usize::try_from(spec.completions.or(spec.parallelism).unwrap_or(1)).unwrap_or(0);
    let name = job.metadata.name.clone().unwrap_or_default();
    let uid = job.uid().unwrap_or_default();

    let mut template = spec.template.clone();
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    for (key, value) in [
        ("batch.kubernetes.io/job-name", &name),
        ("batch.kubernetes.io/controller-uid", &uid),
        ("job-name", &name),
        ("controller-uid", &uid),
    ] {
        labels.insert(key.to_owned(), value.clone());
    }
    let apply = (0..completions)
        .map(|ordinal| {
            let suffix = safe_text(digest(&[&uid, &ordinal.to_string()]), 5);
            format!("{}-{suffix}", name_stem(&name, STEM_LIMIT))
        })
        .filter(|pod_name| !pods.iter().any(|pod| pod.name_any() == *pod_name))
        .map(|pod_name| pod_from_template(pod_name, job.namespace(), &template, owner.clone()))
        .collect();

    let status = status(job, pods, completions, now);
    let unchanged = serde_json::to_value(&job.status).is_ok_and(|existing| existing == status);
    Decision { apply, delete: Vec::new(), status: (!unchanged).then_some(status) }
}

fn status(job: &Job, pods: &[Pod], completions: usize, now: Timestamp) -> Value {
    let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
    let succeeded = pods.iter().filter(|pod| phase(pod) == "Succeeded").count();
    let active = pods.len().saturating_sub(succeeded);
    let started = job.status.as_ref().and_then(|status| status.start_time.clone()).unwrap_or(Time(now));

    let mut status = Map::new();
    status.insert("startTime".to_owned(), json!(started));
    for (field, number) in [("active", active), ("succeeded", succeeded)] {
        if number > 0 {
            status.insert(field.to_owned(), json!(number));
        }
    }
    if succeeded >= completions {
        let condition = |kind: &str| {
            json!({
                "type": kind,
                "status": "True",
                "reason": "CompletionsReached",
                "message": "simulated: no container ran",
                "lastProbeTime": Time(now),
                "lastTransitionTime": Time(now),
            })
        };
        status.insert("completionTime".to_owned(), json!(Time(now)));
        status.insert("conditions".to_owned(), json!([condition("SuccessCriteriaMet"), condition("Complete")]));
    }
    Value::Object(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(changes: Value) -> Job {
        let mut job = json!({
            "metadata": { "name": "once", "namespace": "shop", "uid": "u2" },
            "spec": { "template": { "spec": { "restartPolicy": "Never", "containers": [{ "name": "main" }] } } },
        });
        if let (Some(spec), Value::Object(changes)) = (job["spec"].as_object_mut(), changes) {
            spec.extend(changes);
        }
        serde_json::from_value(job).unwrap()
    }

    #[test]
    fn a_job_gets_one_pod_for_each_completion() {
        let decision = decide(&job(json!({ "completions": 3 })), &[], Timestamp::UNIX_EPOCH);
        assert_eq!(decision.apply.len(), 3);
        assert_eq!(decision.apply[0].labels()["batch.kubernetes.io/job-name"], "once");
    }

    #[test]
    fn a_job_is_complete_when_its_pods_succeeded_and_is_then_left_alone() {
        let mut job = job(json!({}));
        let pods: Vec<Pod> = decide(&job, &[], Timestamp::UNIX_EPOCH)
            .apply
            .into_iter()
            .map(|pod| Pod { status: serde_json::from_value(json!({ "phase": "Succeeded" })).ok(), ..pod })
            .collect();
        let status = decide(&job, &pods, Timestamp::UNIX_EPOCH).status.unwrap();
        assert_eq!(status["succeeded"], 1);
        assert_eq!(status["conditions"][1]["type"], "Complete");
        job.status = serde_json::from_value(status).unwrap();
        assert_eq!(decide(&job, &pods, Timestamp::UNIX_EPOCH), Decision::default());
    }

    #[test]
    fn a_suspended_job_gets_nothing() {
        assert_eq!(decide(&job(json!({ "suspend": true })), &[], Timestamp::UNIX_EPOCH), Decision::default());
    }
}
