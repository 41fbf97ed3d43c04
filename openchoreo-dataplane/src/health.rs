//! How an observed object is doing, by its kind.
//!
//! One departure from upstream's table: a CronJob that waits for its time, or whose Job is running, is healthy. A task
//! that runs once a month would otherwise count as unfinished for most of it.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus};
use k8s_openapi::api::batch::v1::CronJob;
use openchoreo_core::extension::Health;
use openchoreo_core::kind::Kind;
use openchoreo_core::labels::annotations::QUOTA;
use openchoreo_core::world::Stored;

use crate::parts::resources;

/// How an object is doing. Of kinds without a rule, what exists is healthy.
pub fn health(kind: Kind, live: &Stored) -> Health {
    if live.is_deleting() {
        return Health::Progressing("it is being deleted and will be made anew".to_owned());
    }
    let unreadable = |error: String| Health::Progressing(format!("it cannot be read: {error}"));
    match (kind.group, kind.kind) {
        ("apps", "Deployment") => live.typed::<Deployment>().map_or_else(unreadable, |object| deployment(&object)),
        ("batch", "CronJob") => live.typed::<CronJob>().map_or_else(unreadable, |object| cron_job(&object)),
        _ => Health::Healthy,
    }
}

fn deployment(object: &Deployment) -> Health {
    let spec = object.spec.as_ref();
    let wanted = spec.and_then(|spec| spec.replicas).unwrap_or(1);
    if spec.and_then(|spec| spec.paused).unwrap_or(false) {
        return Health::Suspended("it is paused".to_owned());
    }
    if wanted == 0 {
        return Health::Suspended("it is scaled to no replicas".to_owned());
    }
    let nothing = DeploymentStatus::default();
    let status = object.status.as_ref().unwrap_or(&nothing);
    let observed = status.observed_generation.unwrap_or(0);
    if observed == 0 || observed < object.metadata.generation.unwrap_or(0) {
        return Health::Progressing("its latest change has not been taken up yet".to_owned());
    }
    let condition = |type_: &str| status.conditions.iter().flatten().find(|condition| condition.type_ == type_);
    let says = |condition: &DeploymentCondition| {
        condition.message.clone().or_else(|| condition.reason.clone()).unwrap_or_default()
    };
    // Before the deadline, which is exceeded because of it and does not say why.
    if let Some(failure) = condition("ReplicaFailure").filter(|c| c.status == "True") {
        return refused_pods(says(failure));
    }
    if let Some(progress) = condition("Progressing").filter(|c| c.reason.as_deref() == Some("ProgressDeadlineExceeded"))
    {
        return Health::Degraded(says(progress));
    }
    let [updated, ready, available, unavailable, existing] = [
        status.updated_replicas,
        status.ready_replicas,
        status.available_replicas,
        status.unavailable_replicas,
        status.replicas,
    ]
    .map(Option::unwrap_or_default);
    if [updated, ready, available].iter().all(|count| *count == wanted) && unavailable == 0 && existing <= wanted {
        return Health::Healthy;
    }
    let still = format!("{available} of {wanted} replicas are available, {updated} updated");
    if updated == wanted && available == 0 {
        return match condition("Progressing") {
            Some(progress) if progress.status != "True" => Health::Degraded(says(progress)),
            Some(_) | None => Health::Progressing(still),
        };
    }
    match condition("Available") {
        Some(state) if state.status != "True" && unavailable > 0 && (ready > 0 || available > 0) => {
            Health::Degraded(says(state))
        }
        Some(_) | None => Health::Progressing(still),
    }
}

/// How a workload is of which a cluster admits no further pod, with what people can do where the quota is the platform's.
/// The phrases are those of the admission of quotas in an API server.
fn refused_pods(why: String) -> Health {
    if why.contains("status unknown for quota") {
        // The quota is new: what is there is still being counted.
        return Health::Progressing(why);
    }
    if !why.contains(&format!("exceeded quota: {},", resources::NAME)) {
        return Health::Degraded(why);
    }
    Health::Degraded(format!(
        "{why}; the project has used up what it may use in the environment: take something away there, limit it to less, or raise annotation `{QUOTA}` of the Environment or the controller manager's `--quota`"
    ))
}

fn cron_job(object: &CronJob) -> Health {
    if object.spec.suspend.unwrap_or(false) {
        Health::Suspended("its schedule is switched off".to_owned())
    } else {
        Health::Healthy
    }
}
