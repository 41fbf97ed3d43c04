//! How the lists and maps of built-in kinds merge.
//!
//! The generated types know members and types but not this. A list that is not named here is atomic, and a map or
//! object that is not named here is granular, as everywhere in Kubernetes. Both server-side apply (list types) and
//! strategic merge patch (merge keys) read these tables, by way of the `x-kubernetes-*` keywords they add to schemas.

use serde_json::{Map, Value, json};

/// How one list merges.
#[derive(Debug, Clone, Copy)]
enum Merging {
    /// Items are told apart by these members; patches tell them apart by the first alone.
    Keys(&'static [&'static str]),
    /// As `Keys`, but patches tell items apart by another member.
    KeysPatchedBy(&'static [&'static str], &'static str),
    /// Items are distinct scalars.
    Set,
    /// Apply replaces the list; patches merge it by this member.
    PatchOnly(&'static str),
}

use Merging::{Keys, KeysPatchedBy, PatchOnly, Set};

/// Definition (its last segments), member, and how the list merges.
#[rustfmt::skip]
const LISTS: &[(&str, &str, Merging)] = &[
    ("meta.v1.ObjectMeta", "finalizers", Set),
    ("meta.v1.ObjectMeta", "ownerReferences", Keys(&["uid"])),
    ("core.v1.PodSpec", "containers", Keys(&["name"])),
    ("core.v1.PodSpec", "ephemeralContainers", Keys(&["name"])),
    ("core.v1.PodSpec", "initContainers", Keys(&["name"])),
    ("core.v1.PodSpec", "hostAliases", Keys(&["ip"])),
    ("core.v1.PodSpec", "imagePullSecrets", Keys(&["name"])),
    ("core.v1.PodSpec", "resourceClaims", Keys(&["name"])),
    ("core.v1.PodSpec", "schedulingGates", Keys(&["name"])),
    ("core.v1.PodSpec", "topologySpreadConstraints", KeysPatchedBy(&["topologyKey", "whenUnsatisfiable"], "topologyKey")),
    ("core.v1.PodSpec", "volumes", Keys(&["name"])),
    ("core.v1.PodStatus", "conditions", Keys(&["type"])),
    ("core.v1.PodStatus", "hostIPs", PatchOnly("ip")),
    ("core.v1.PodStatus", "podIPs", Keys(&["ip"])),
    ("core.v1.PodStatus", "resourceClaimStatuses", Keys(&["name"])),
    ("core.v1.Container", "env", Keys(&["name"])),
    ("core.v1.Container", "ports", KeysPatchedBy(&["containerPort", "protocol"], "containerPort")),
    ("core.v1.Container", "volumeDevices", Keys(&["devicePath"])),
    ("core.v1.Container", "volumeMounts", Keys(&["mountPath"])),
    ("core.v1.EphemeralContainer", "env", Keys(&["name"])),
    ("core.v1.EphemeralContainer", "ports", KeysPatchedBy(&["containerPort", "protocol"], "containerPort")),
    ("core.v1.EphemeralContainer", "volumeDevices", Keys(&["devicePath"])),
    ("core.v1.EphemeralContainer", "volumeMounts", Keys(&["mountPath"])),
    ("core.v1.ContainerStatus", "allocatedResourcesStatus", Keys(&["name"])),
    ("core.v1.ContainerStatus", "volumeMounts", Keys(&["mountPath"])),
    ("core.v1.ResourceRequirements", "claims", Keys(&["name"])),
    ("core.v1.ServiceSpec", "ports", KeysPatchedBy(&["port", "protocol"], "port")),
    ("core.v1.ServiceStatus", "conditions", Keys(&["type"])),
    ("core.v1.ServiceAccount", "secrets", Keys(&["name"])),
    ("core.v1.NamespaceStatus", "conditions", Keys(&["type"])),
    ("core.v1.NodeSpec", "podCIDRs", Set),
    ("core.v1.NodeStatus", "addresses", Keys(&["type"])),
    ("core.v1.NodeStatus", "conditions", Keys(&["type"])),
    ("core.v1.PersistentVolumeClaimStatus", "conditions", Keys(&["type"])),
    ("apps.v1.DaemonSetStatus", "conditions", Keys(&["type"])),
    ("apps.v1.DeploymentStatus", "conditions", Keys(&["type"])),
    ("apps.v1.ReplicaSetStatus", "conditions", Keys(&["type"])),
    ("apps.v1.StatefulSetStatus", "conditions", Keys(&["type"])),
    ("batch.v1.JobStatus", "conditions", PatchOnly("type")),
    ("autoscaling.v2.HorizontalPodAutoscalerStatus", "conditions", Keys(&["type"])),
    ("policy.v1.PodDisruptionBudgetStatus", "conditions", Keys(&["type"])),
    ("discovery.v1.Endpoint", "addresses", Set),
    ("apiextensions.v1.CustomResourceDefinitionStatus", "conditions", Keys(&["type"])),
    ("admissionregistration.v1.MutatingWebhookConfiguration", "webhooks", Keys(&["name"])),
    ("admissionregistration.v1.ValidatingWebhookConfiguration", "webhooks", Keys(&["name"])),
    ("admissionregistration.v1.MutatingWebhook", "matchConditions", Keys(&["name"])),
    ("admissionregistration.v1.ValidatingWebhook", "matchConditions", Keys(&["name"])),
];

/// Definitions whose objects are one value for the purpose of ownership.
const ATOMIC_OBJECTS: &[&str] = &[
    "meta.v1.LabelSelector",
    "core.v1.ConfigMapKeySelector",
    "core.v1.FileKeySelector",
    "core.v1.LocalObjectReference",
    "core.v1.NodeSelector",
    "core.v1.NodeSelectorTerm",
    "core.v1.ObjectFieldSelector",
    "core.v1.ObjectReference",
    "core.v1.ResourceFieldSelector",
    "core.v1.ScopeSelector",
    "core.v1.SecretKeySelector",
    "core.v1.SecretReference",
    "core.v1.TypedLocalObjectReference",
    "rbac.v1.RoleRef",
    "rbac.v1.Subject",
];

/// Maps inside granular objects that are one value for the purpose of ownership.
const ATOMIC_MAPS: &[(&str, &str)] = &[
    ("core.v1.PodSpec", "nodeSelector"),
    ("core.v1.ServiceSpec", "selector"),
    ("core.v1.ReplicationControllerSpec", "selector"),
];

/// Objects whose patches may say with `$retainKeys` which members stay.
const RETAINING: &[(&str, &str)] =
    &[("apps.v1.DeploymentSpec", "strategy"), ("core.v1.PodSpec", "volumes"), ("core.v1.PodSpec", "resourceClaims")];

/// Members that take part in keys and have a default.
const KEY_DEFAULTS: &[(&str, &str, &str)] =
    &[("core.v1.ContainerPort", "protocol", "TCP"), ("core.v1.ServicePort", "protocol", "TCP")];

/// Adds to one definition what it says about merging.
pub(crate) fn annotate(definition: &str, schema: &mut Map<String, Value>) {
    let is = |name: &str| definition.strip_suffix(name).is_some_and(|front| front.ends_with('.'));
    if ATOMIC_OBJECTS.iter().any(|name| is(name)) {
        schema.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
    }
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    let mut set = |member: &str, keyword: &str, value: Value| {
        if let Some(Value::Object(property)) = properties.get_mut(member) {
            property.insert(keyword.to_owned(), value);
        }
    };
    for (_, member, merging) in LISTS.iter().filter(|(name, ..)| is(name)) {
        let (list_type, keys, merge_key) = match merging {
            Keys(keys) => ("map", *keys, keys.first().copied()),
            KeysPatchedBy(keys, merge_key) => ("map", *keys, Some(*merge_key)),
            Set => ("set", [].as_slice(), None),
            PatchOnly(merge_key) => ("atomic", [].as_slice(), Some(*merge_key)),
        };
        set(member, "x-kubernetes-list-type", json!(list_type));
        if !keys.is_empty() {
            set(member, "x-kubernetes-list-map-keys", json!(keys));
        }
        set(member, "x-kubernetes-patch-strategy", json!("merge"));
        if let Some(merge_key) = merge_key {
            set(member, "x-kubernetes-patch-merge-key", json!(merge_key));
        }
    }
    for (_, member) in ATOMIC_MAPS.iter().filter(|(name, _)| is(name)) {
        set(member, "x-kubernetes-map-type", json!("atomic"));
    }
    for (_, member) in RETAINING.iter().filter(|(name, _)| is(name)) {
        let strategy = if LISTS.iter().any(|(name, list, _)| is(name) && list == member) {
            "merge,retainKeys"
        } else {
            "retainKeys"
        };
        set(member, "x-kubernetes-patch-strategy", json!(strategy));
    }
    for (_, member, default) in KEY_DEFAULTS.iter().filter(|(name, ..)| is(name)) {
        set(member, "default", json!(default));
    }
}
