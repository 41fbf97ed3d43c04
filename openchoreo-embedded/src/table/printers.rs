//! Printers of built-in kinds: the columns and cells that the API server of Kubernetes gives them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{AGE, Column, NAME, age, created, name};

/// The cells of one object at one instant.
type Cells = fn(&Value, Timestamp) -> Vec<Value>;

/// How one kind prints.
pub(super) struct Printer {
    pub(super) columns: Vec<Column<'static>>,
    pub(super) cells: Cells,
}

const fn text(name: &'static str) -> Column<'static> {
    Column { name, r#type: "string", format: "", description: "", priority: 0 }
}

const fn number(name: &'static str) -> Column<'static> {
    Column { name, r#type: "integer", format: "", description: "", priority: 0 }
}

/// A column of wide output.
const fn wide(name: &'static str) -> Column<'static> {
    Column { name, r#type: "string", format: "", description: "", priority: 1 }
}

/// The printer of a kind, `None` when it prints its name and age.
#[expect(clippy::too_many_lines, reason = "one arm per kind; splitting hides the table")]
pub(super) fn of(api_version: &str, kind: &str) -> Option<Printer> {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let (columns, cells): (Vec<Column<'static>>, Cells) = match (group, kind) {
        ("", "Namespace") => (vec![NAME, text("Status"), AGE], namespace),
        ("", "Pod") => (
            vec![
                NAME,
                text("Ready"),
                text("Status"),
                text("Restarts"),
                AGE,
                wide("IP"),
                wide("Node"),
                wide("Nominated Node"),
                wide("Readiness Gates"),
            ],
            pod,
        ),
        ("", "Service") => (
            vec![NAME, text("Type"), text("Cluster-IP"), text("External-IP"), text("Port(s)"), AGE, wide("Selector")],
            service,
        ),
        ("", "ConfigMap") => (vec![NAME, text("Data"), AGE], config_map),
        ("", "Secret") => (vec![NAME, text("Type"), text("Data"), AGE], secret),
        ("", "ServiceAccount") => (vec![NAME, text("Secrets"), AGE], service_account),
        ("", "Node") => (
            vec![
                NAME,
                text("Status"),
                text("Roles"),
                AGE,
                text("Version"),
                wide("Internal-IP"),
                wide("External-IP"),
                wide("OS-Image"),
                wide("Kernel-Version"),
                wide("Container-Runtime"),
            ],
            node,
        ),
        ("", "PersistentVolumeClaim") => (
            vec![
                NAME,
                text("Status"),
                text("Volume"),
                text("Capacity"),
                text("Access Modes"),
                text("StorageClass"),
                text("VolumeAttributesClass"),
                AGE,
                wide("VolumeMode"),
            ],
            volume_claim,
        ),
        ("" | "events.k8s.io", "Event") => (
            vec![
                text("Last Seen"),
                text("Type"),
                text("Reason"),
                text("Object"),
                wide("Subobject"),
                wide("Source"),
                text("Message"),
                wide("First Seen"),
                wide("Count"),
                Column { priority: 1, ..NAME },
            ],
            event,
        ),
        ("apps", "Deployment") => (
            vec![
                NAME,
                text("Ready"),
                number("Up-to-date"),
                number("Available"),
                AGE,
                wide("Containers"),
                wide("Images"),
                wide("Selector"),
            ],
            deployment,
        ),
        ("apps", "ReplicaSet") => (
            vec![
                NAME,
                number("Desired"),
                number("Current"),
                number("Ready"),
                AGE,
                wide("Containers"),
                wide("Images"),
                wide("Selector"),
            ],
            replica_set,
        ),
        ("apps", "StatefulSet") => (vec![NAME, text("Ready"), AGE, wide("Containers"), wide("Images")], stateful_set),
        ("apps", "DaemonSet") => (
            vec![
                NAME,
                number("Desired"),
                number("Current"),
                number("Ready"),
                number("Up-to-date"),
                number("Available"),
                text("Node Selector"),
                AGE,
                wide("Containers"),
                wide("Images"),
                wide("Selector"),
            ],
            daemon_set,
        ),
        ("batch", "Job") => (
            vec![
                NAME,
                text("Status"),
                text("Completions"),
                text("Duration"),
                AGE,
                wide("Containers"),
                wide("Images"),
                wide("Selector"),
            ],
            job,
        ),
        ("batch", "CronJob") => (
            vec![
                NAME,
                text("Schedule"),
                text("Timezone"),
                Column { r#type: "boolean", ..text("Suspend") },
                number("Active"),
                text("Last Schedule"),
                AGE,
                wide("Containers"),
                wide("Images"),
                wide("Selector"),
            ],
            cron_job,
        ),
        ("autoscaling", "HorizontalPodAutoscaler") => {
            (vec![NAME, text("Reference"), text("MinPods"), text("MaxPods"), text("Replicas"), AGE], autoscaler)
        }
        ("policy", "PodDisruptionBudget") => (
            vec![NAME, text("Min Available"), text("Max Unavailable"), number("Allowed Disruptions"), AGE],
            disruption_budget,
        ),
        ("networking.k8s.io", "NetworkPolicy") => (vec![NAME, text("Pod-Selector"), AGE], network_policy),
        ("networking.k8s.io", "Ingress") => {
            (vec![NAME, text("Class"), text("Hosts"), text("Address"), text("Ports"), AGE], ingress)
        }
        ("discovery.k8s.io", "EndpointSlice") => {
            (vec![NAME, text("AddressType"), text("Ports"), text("Endpoints"), AGE], endpoint_slice)
        }
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole")
        | ("apiextensions.k8s.io", "CustomResourceDefinition") => (vec![NAME, text("Created At")], dated),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            (vec![NAME, text("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")], role_binding)
        }
        ("coordination.k8s.io", "Lease") => (vec![NAME, text("Holder"), AGE], lease),
        _ => return None,
    };
    Some(Printer { columns, cells })
}

const NONE: &str = "<none>";
const UNSET: &str = "<unset>";

fn string(object: &Value, pointer: &str) -> Option<String> {
    object.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn string_or(object: &Value, pointer: &str, otherwise: &str) -> Value {
    Value::String(string(object, pointer).unwrap_or_else(|| otherwise.to_owned()))
}

fn integer(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn size(object: &Value, member: &str) -> usize {
    match object.get(member) {
        Some(Value::Object(members)) => members.len(),
        Some(Value::Array(items)) => items.len(),
        _ => 0,
    }
}

/// A scalar as text.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Texts with commas between them, or what is printed when there are none.
fn joined(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<_> = texts.collect();
    if texts.is_empty() { NONE.to_owned() } else { texts.join(",") }
}

/// One text member of each item.
fn each(object: &Value, pointer: &str, member: &str) -> String {
    joined(items(object, pointer).iter().filter_map(|item| item.get(member)).map(shown))
}

/// A label selector, or the plain map that older kinds have.
fn selector(object: &Value, pointer: &str) -> String {
    let Some(selector) = object.pointer(pointer).and_then(Value::as_object) else { return NONE.to_owned() };
    let is_label_selector = selector.keys().all(|name| name == "matchLabels" || name == "matchExpressions");
    let labels =
        if is_label_selector { selector.get("matchLabels").and_then(Value::as_object) } else { Some(selector) };
    let equalities =
        labels.into_iter().flatten().map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).filter(|_| is_label_selector);
    let expressions = expressions.into_iter().flatten().map(|expression| {
        let key = expression.get("key").and_then(Value::as_str).unwrap_or_default();
        let values: Vec<_> = items(expression, "/values").iter().map(shown).collect();
        match expression.get("operator").and_then(Value::as_str) {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        }
    });
    joined(equalities.into_iter().chain(expressions))
}

/// Containers, images and selector: the wide columns of everything that runs pods.
fn workload(object: &Value, pod_spec: &str) -> [Value; 2] {
    let containers = format!("{pod_spec}/containers");
    [json!(each(object, &containers, "name")), json!(each(object, &containers, "image"))]
}

fn namespace(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), string_or(object, "/status/phase", ""), created(object, now)]
}

fn pod(object: &Value, now: Timestamp) -> Vec<Value> {
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

fn service(object: &Value, now: Timestamp) -> Vec<Value> {
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

fn config_map(object: &Value, now: Timestamp) -> Vec<Value> {
    let count = size(object, "data") + size(object, "binaryData");
    vec![name(object), json!(count.to_string()), created(object, now)]
}

fn secret(object: &Value, now: Timestamp) -> Vec<Value> {
    let count = size(object, "data").to_string();
    vec![name(object), string_or(object, "/type", "Opaque"), json!(count), created(object, now)]
}

fn service_account(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), json!(size(object, "secrets").to_string()), created(object, now)]
}

fn node(object: &Value, now: Timestamp) -> Vec<Value> {
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

fn volume_claim(object: &Value, now: Timestamp) -> Vec<Value> {
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
fn event(object: &Value, now: Timestamp) -> Vec<Value> {
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

fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
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

fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
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

fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let ready = format!("{}/{}", integer(object, "/status/readyReplicas"), integer(object, "/spec/replicas"));
    let mut cells = vec![name(object), json!(ready), created(object, now)];
    cells.extend(workload(object, "/spec/template/spec"));
    cells
}

fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
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

fn job(object: &Value, now: Timestamp) -> Vec<Value> {
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

fn cron_job(object: &Value, now: Timestamp) -> Vec<Value> {
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

fn autoscaler(object: &Value, now: Timestamp) -> Vec<Value> {
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

fn disruption_budget(object: &Value, now: Timestamp) -> Vec<Value> {
    let bound = |pointer| json!(object.pointer(pointer).map_or_else(|| "N/A".to_owned(), shown));
    vec![
        name(object),
        bound("/spec/minAvailable"),
        bound("/spec/maxUnavailable"),
        json!(integer(object, "/status/disruptionsAllowed")),
        created(object, now),
    ]
}

fn network_policy(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), json!(selector(object, "/spec/podSelector")), created(object, now)]
}

fn ingress(object: &Value, now: Timestamp) -> Vec<Value> {
    let hosts: Vec<_> = items(object, "/spec/rules").iter().filter_map(|rule| string(rule, "/host")).collect();
    let address: Vec<_> = items(object, "/status/loadBalancer/ingress")
        .iter()
        .filter_map(|entry| string(entry, "/ip").or_else(|| string(entry, "/hostname")))
        .collect();
    let ports = if items(object, "/spec/tls").is_empty() { "80" } else { "80, 443" };
    vec![
        name(object),
        string_or(object, "/spec/ingressClassName", NONE),
        json!(if hosts.is_empty() { "*".to_owned() } else { hosts.join(",") }),
        json!(address.join(",")),
        json!(ports),
        created(object, now),
    ]
}

fn endpoint_slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let addresses = items(object, "/endpoints").iter().flat_map(|endpoint| items(endpoint, "/addresses")).map(shown);
    vec![
        name(object),
        string_or(object, "/addressType", ""),
        json!(each(object, "/ports", "port").replace(NONE, UNSET)),
        json!(joined(addresses).replace(NONE, UNSET)),
        created(object, now),
    ]
}

/// Kinds that print when they were created instead of how long ago.
fn dated(object: &Value, _now: Timestamp) -> Vec<Value> {
    vec![name(object), string_or(object, "/metadata/creationTimestamp", age::UNKNOWN)]
}

fn role_binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let kind = string(object, "/roleRef/kind").unwrap_or_default();
    let role = string(object, "/roleRef/name").unwrap_or_default();
    let subjects = |kind: &str| {
        let names: Vec<_> = items(object, "/subjects")
            .iter()
            .filter(|subject| subject.get("kind").and_then(Value::as_str) == Some(kind))
            .map(|subject| {
                let name = string(subject, "/name").unwrap_or_default();
                string(subject, "/namespace").map_or_else(|| name.clone(), |namespace| format!("{namespace}/{name}"))
            })
            .collect();
        json!(names.join(", "))
    };
    vec![
        name(object),
        json!(format!("{kind}/{role}")),
        created(object, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

fn lease(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), string_or(object, "/spec/holderIdentity", ""), created(object, now)]
}
