//! Printers of built-in kinds: the columns and cells that the API server of Kubernetes gives them.

mod core;
mod fields;
mod others;
mod workloads;

use jiff::Timestamp;
use serde_json::Value;

use super::{AGE, Column, NAME};

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
        ("", "Namespace") => (vec![NAME, text("Status"), AGE], core::namespace),
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
            core::pod,
        ),
        ("", "Service") => (
            vec![NAME, text("Type"), text("Cluster-IP"), text("External-IP"), text("Port(s)"), AGE, wide("Selector")],
            core::service,
        ),
        ("", "ConfigMap") => (vec![NAME, text("Data"), AGE], core::config_map),
        ("", "Secret") => (vec![NAME, text("Type"), text("Data"), AGE], core::secret),
        ("", "ServiceAccount") => (vec![NAME, text("Secrets"), AGE], core::service_account),
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
            core::node,
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
            core::volume_claim,
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
            core::event,
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
            workloads::deployment,
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
            workloads::replica_set,
        ),
        ("apps", "StatefulSet") => {
            (vec![NAME, text("Ready"), AGE, wide("Containers"), wide("Images")], workloads::stateful_set)
        }
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
            workloads::daemon_set,
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
            workloads::job,
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
            workloads::cron_job,
        ),
        ("autoscaling", "HorizontalPodAutoscaler") => (
            vec![NAME, text("Reference"), text("MinPods"), text("MaxPods"), text("Replicas"), AGE],
            workloads::autoscaler,
        ),
        ("policy", "PodDisruptionBudget") => (
            vec![NAME, text("Min Available"), text("Max Unavailable"), number("Allowed Disruptions"), AGE],
            workloads::disruption_budget,
        ),
        ("networking.k8s.io", "NetworkPolicy") => (vec![NAME, text("Pod-Selector"), AGE], others::network_policy),
        ("networking.k8s.io", "Ingress") => {
            (vec![NAME, text("Class"), text("Hosts"), text("Address"), text("Ports"), AGE], others::ingress)
        }
        ("discovery.k8s.io", "EndpointSlice") => {
            (vec![NAME, text("AddressType"), text("Ports"), text("Endpoints"), AGE], others::endpoint_slice)
        }
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole")
        | ("apiextensions.k8s.io", "CustomResourceDefinition") => (vec![NAME, text("Created At")], others::dated),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => (
            vec![NAME, text("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")],
            others::role_binding,
        ),
        ("coordination.k8s.io", "Lease") => (vec![NAME, text("Holder"), AGE], others::lease),
        _ => return None,
    };
    Some(Printer { columns, cells })
}
