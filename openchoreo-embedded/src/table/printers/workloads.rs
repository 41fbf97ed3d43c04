//! Cells of kinds that run pods, and of those that govern how many run.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{age, created, name};
use super::fields::{NONE, UNSET, integer, items, selector, shown, string, string_or, workload};

pub(super) fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let ready = format!("{}/{}", integer(object, "/status/readyReplicas"), integer(object, "/spec/replicas"));
    let mut cells = vec![
        name(object),
        json!(ready),
        json!(integer(object, "/status/updatedReplicas")),
        json!(integer(object, "/status/availableReplicas")),
        created(object, now),
    ];
    cells.extend(workload(object, "/spec/template/spec"));
    cells.push(json!(selector(object, "/spec/selector")));
    cells
}

pub(super) fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![
        name(object),
        json!(integer(object, "/spec/replicas")),
        json!(integer(object, "/status/replicas")),
        json!(integer(object, "/status/readyReplicas")),
        created(object, now),
    ];
    cells.extend(workload(object, "/spec/template/spec"));
    cells.push(json!(selector(object, "/spec/selector")));
    cells
}

pub(super) fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let ready = format!("{}/{}", integer(object, "/status/readyReplicas"), integer(object, "/spec/replicas"));
    let mut cells = vec![name(object), json!(ready), created(object, now)];
    cells.extend(workload(object, "/spec/template/spec"));
    cells
}

pub(super) fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut cells = vec![
        name(object),
        json!(integer(object, "/status/desiredNumberScheduled")),
        json!(integer(object, "/status/currentNumberScheduled")),
        json!(integer(object, "/status/numberReady")),
        json!(integer(object, "/status/updatedNumberScheduled")),
        json!(integer(object, "/status/numberAvailable")),
        json!(selector(object, "/spec/template/spec/nodeSelector")),
        created(object, now),
    ];
    cells.extend(workload(object, "/spec/template/spec"));
    cells.push(json!(selector(object, "/spec/selector")));
    cells
}

pub(super) fn job(object: &Value, now: Timestamp) -> Vec<Value> {
    let holds = |kind: &str| {
        items(object, "/status/conditions").iter().any(|condition| {
            condition.get("type").and_then(Value::as_str) == Some(kind)
                && condition.get("status") == Some(&json!("True"))
        })
    };
    let status = if holds("Complete") {
        "Complete"
    } else if holds("Failed") {
        "Failed"
    } else if object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) {
        "Terminating"
    } else if holds("Suspended") {
        "Suspended"
    } else if holds("FailureTarget") {
        "FailureTarget"
    } else if holds("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    let succeeded = integer(object, "/status/succeeded");
    let completions = match object.pointer("/spec/completions").and_then(Value::as_i64) {
        Some(completions) => format!("{succeeded}/{completions}"),
        None => match integer(object, "/spec/parallelism") {
            parallelism if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
            _ => format!("{succeeded}/1"),
        },
    };
    let time = |pointer| string(object, pointer).and_then(|time| time.parse::<Timestamp>().ok());
    let took = time("/status/startTime").map_or_else(String::new, |start| {
        let end = time("/status/completionTime").unwrap_or(now);
        age::duration(end.as_second() - start.as_second())
    });
    let mut cells = vec![name(object), json!(status), json!(completions), json!(took), created(object, now)];
    cells.extend(workload(object, "/spec/template/spec"));
    cells.push(json!(selector(object, "/spec/selector")));
    cells
}

pub(super) fn cron_job(object: &Value, now: Timestamp) -> Vec<Value> {
    let last = object.pointer("/status/lastScheduleTime").filter(|time| !time.is_null());
    let mut cells = vec![
        name(object),
        string_or(object, "/spec/schedule", ""),
        string_or(object, "/spec/timeZone", NONE),
        json!(object.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or(false)),
        json!(items(object, "/status/active").len()),
        json!(last.map_or_else(|| NONE.to_owned(), |time| age::since(Some(time), now))),
        created(object, now),
    ];
    cells.extend(workload(object, "/spec/jobTemplate/spec/template/spec"));
    cells.push(json!(selector(object, "/spec/jobTemplate/spec/selector")));
    cells
}

pub(super) fn autoscaler(object: &Value, now: Timestamp) -> Vec<Value> {
    let kind = string(object, "/spec/scaleTargetRef/kind").unwrap_or_default();
    let target = string(object, "/spec/scaleTargetRef/name").unwrap_or_default();
    let minimum = object.pointer("/spec/minReplicas").map_or_else(|| UNSET.to_owned(), shown);
    vec![
        name(object),
        json!(format!("{kind}/{target}")),
        json!(minimum),
        json!(integer(object, "/spec/maxReplicas").to_string()),
        json!(integer(object, "/status/currentReplicas").to_string()),
        created(object, now),
    ]
}

pub(super) fn disruption_budget(object: &Value, now: Timestamp) -> Vec<Value> {
    let bound = |pointer| json!(object.pointer(pointer).map_or_else(|| "N/A".to_owned(), shown));
    vec![
        name(object),
        bound("/spec/minAvailable"),
        bound("/spec/maxUnavailable"),
        json!(integer(object, "/status/disruptionsAllowed")),
        created(object, now),
    ]
}
