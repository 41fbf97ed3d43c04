//! Cells of the core group's kinds.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{age, created, name};
use super::fields::{NONE, UNSET, integer, items, joined, selector, shown, size, string, string_or};

pub(super) fn namespace(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), string_or(object, "/status/phase", ""), created(object, now)]
}

pub(super) fn pod(object: &Value, now: Timestamp) -> Vec<Value> {
    let statuses = items(object, "/status/containerStatuses");
    let ready = statuses.iter().filter(|status| status.get("ready") == Some(&json!(true))).count();
    let total = items(object, "/spec/containers").len();
    let restarts: i64 = statuses.iter().map(|status| integer(status, "/restartCount")).sum();
    let gates = items(object, "/spec/readinessGates");
    let gates = if gates.is_empty() {
        NONE.to_owned()
    } else {
        let holds = |gate: &&Value| {
            items(object, "/status/conditions").iter().any(|condition| {
                condition.get("type") == gate.get("conditionType") && condition.get("status") == Some(&json!("True"))
            })
        };
        format!("{}/{}", gates.iter().filter(holds).count(), gates.len())
    };
    vec![
        name(object),
        json!(format!("{ready}/{total}")),
        json!(pod_status(object)),
        json!(restarts.to_string()),
        created(object, now),
        string_or(object, "/status/podIP", NONE),
        string_or(object, "/spec/nodeName", NONE),
        string_or(object, "/status/nominatedNodeName", NONE),
        json!(gates),
    ]
}

/// The word that tells most about a pod: why a container waits or ended, else the pod's reason or phase.
fn pod_status(object: &Value) -> String {
    let mut word = string(object, "/status/reason")
        .or_else(|| string(object, "/status/phase"))
        .unwrap_or_else(|| "Unknown".to_owned());
    let init = items(object, "/status/initContainerStatuses");
    let unfinished = init
        .iter()
        .enumerate()
        .find(|(_, status)| status.pointer("/state/terminated/exitCode").and_then(Value::as_i64) != Some(0));
    if let Some((index, status)) = unfinished {
        word = match container_word(status).filter(|word| word != "PodInitializing") {
            Some(reason) => format!("Init:{reason}"),
            None => format!("Init:{index}/{}", items(object, "/spec/initContainers").len()),
        };
    } else if let Some(reason) = items(object, "/status/containerStatuses").iter().find_map(container_word) {
        word = reason;
    }
    if object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) {
        return "Terminating".to_owned();
    }
    word
}

fn container_word(status: &Value) -> Option<String> {
    string(status, "/state/waiting/reason").or_else(|| string(status, "/state/terminated/reason")).or_else(|| {
        let code = status.pointer("/state/terminated/exitCode").and_then(Value::as_i64)?;
        Some(format!("ExitCode:{code}"))
    })
}

pub(super) fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let r#type = string(object, "/spec/type").unwrap_or_else(|| "ClusterIP".to_owned());
    let external = match r#type.as_str() {
        "ExternalName" => string(object, "/spec/externalName"),
        "LoadBalancer" => {
            let assigned: Vec<_> = items(object, "/status/loadBalancer/ingress")
                .iter()
                .filter_map(|entry| string(entry, "/ip").or_else(|| string(entry, "/hostname")))
                .chain(items(object, "/spec/externalIPs").iter().map(shown))
                .collect();
            Some(if assigned.is_empty() { "<pending>".to_owned() } else { assigned.join(",") })
        }
        _ => Some(joined(items(object, "/spec/externalIPs").iter().map(shown))),
    };
    let ports = items(object, "/spec/ports").iter().map(|port| {
        let protocol = string(port, "/protocol").unwrap_or_else(|| "TCP".to_owned());
        match integer(port, "/nodePort") {
            0 => format!("{}/{protocol}", integer(port, "/port")),
            node_port => format!("{}:{node_port}/{protocol}", integer(port, "/port")),
        }
    });
    let ports = joined(ports);
    vec![
        name(object),
        json!(r#type),
        string_or(object, "/spec/clusterIP", NONE),
        json!(external.unwrap_or_else(|| NONE.to_owned())),
        json!(ports),
        created(object, now),
        json!(selector(object, "/spec/selector")),
    ]
}

pub(super) fn config_map(object: &Value, now: Timestamp) -> Vec<Value> {
    let count = size(object, "data") + size(object, "binaryData");
    vec![name(object), json!(count.to_string()), created(object, now)]
}

pub(super) fn secret(object: &Value, now: Timestamp) -> Vec<Value> {
    let count = size(object, "data").to_string();
    vec![name(object), string_or(object, "/type", "Opaque"), json!(count), created(object, now)]
}

pub(super) fn service_account(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), json!(size(object, "secrets").to_string()), created(object, now)]
}

pub(super) fn node(object: &Value, now: Timestamp) -> Vec<Value> {
    let ready =
        items(object, "/status/conditions").iter().find(|condition| condition.get("type") == Some(&json!("Ready")));
    let mut status = match ready.and_then(|condition| condition.get("status")).and_then(Value::as_str) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if object.pointer("/spec/unschedulable") == Some(&json!(true)) {
        status.push_str(",SchedulingDisabled");
    }
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let roles = labels
        .into_iter()
        .flatten()
        .filter_map(|(label, _)| label.strip_prefix("node-role.kubernetes.io/"))
        .filter(|role| !role.is_empty())
        .map(str::to_owned);
    let address = |kind: &str| {
        items(object, "/status/addresses")
            .iter()
            .find(|address| address.get("type").and_then(Value::as_str) == Some(kind))
            .and_then(|address| string(address, "/address"))
            .unwrap_or_else(|| NONE.to_owned())
    };
    vec![
        name(object),
        json!(status),
        json!(joined(roles)),
        created(object, now),
        string_or(object, "/status/nodeInfo/kubeletVersion", ""),
        json!(address("InternalIP")),
        json!(address("ExternalIP")),
        string_or(object, "/status/nodeInfo/osImage", age::UNKNOWN),
        string_or(object, "/status/nodeInfo/kernelVersion", age::UNKNOWN),
        string_or(object, "/status/nodeInfo/containerRuntimeVersion", age::UNKNOWN),
    ]
}

pub(super) fn volume_claim(object: &Value, now: Timestamp) -> Vec<Value> {
    let modes: Vec<_> = items(object, "/status/accessModes")
        .iter()
        .filter_map(Value::as_str)
        .map(|mode| match mode {
            "ReadWriteOnce" => "RWO",
            "ReadOnlyMany" => "ROX",
            "ReadWriteMany" => "RWX",
            "ReadWriteOncePod" => "RWOP",
            other => other,
        })
        .collect();
    let status = if object.pointer("/metadata/deletionTimestamp").is_some_and(Value::is_string) {
        json!("Terminating")
    } else {
        string_or(object, "/status/phase", "")
    };
    vec![
        name(object),
        status,
        string_or(object, "/spec/volumeName", ""),
        json!(object.pointer("/status/capacity/storage").map(shown).unwrap_or_default()),
        json!(modes.join(",")),
        string_or(object, "/spec/storageClassName", ""),
        string_or(object, "/spec/volumeAttributesClassName", UNSET),
        created(object, now),
        string_or(object, "/spec/volumeMode", "Filesystem"),
    ]
}

/// Events of either group: the newer one renames what is reported on and where.
pub(super) fn event(object: &Value, now: Timestamp) -> Vec<Value> {
    let first =
        |pointers: &[&str]| pointers.iter().find_map(|pointer| object.pointer(pointer).filter(|v| !v.is_null()));
    let regarding = first(&["/involvedObject", "/regarding"]).cloned().unwrap_or(Value::Null);
    let kind = string(&regarding, "/kind").unwrap_or_default().to_lowercase();
    let target = string(&regarding, "/name").unwrap_or_default();
    let last_seen = first(&[
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/deprecatedLastTimestamp",
        "/eventTime",
        "/firstTimestamp",
    ]);
    let first_seen = first(&["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime"]);
    let count = first(&["/series/count", "/count", "/deprecatedCount"]).and_then(Value::as_i64).unwrap_or(1);
    let component = ["/source/component", "/reportingComponent", "/reportingController", "/deprecatedSource/component"];
    let source = component.iter().find_map(|pointer| string(object, pointer)).unwrap_or_default();
    let message = string(object, "/message").or_else(|| string(object, "/note")).unwrap_or_default();
    vec![
        json!(age::since(last_seen, now)),
        string_or(object, "/type", ""),
        string_or(object, "/reason", ""),
        json!(format!("{kind}/{target}")),
        string_or(&regarding, "/fieldPath", ""),
        json!(source),
        json!(message.trim()),
        json!(age::since(first_seen, now)),
        json!(count.to_string()),
        name(object),
    ]
}
