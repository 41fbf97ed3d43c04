//! The defaults of built-in kinds that controllers and people read back.
//!
//! A deliberate selection: a real API server fills in some two hundred fields of a pod template. Not defaulted here are
//! termination and DNS policies, probe thresholds, security contexts, volume modes, revision history limits and node
//! ports. Objects are otherwise stored as they were written.

use serde_json::{Value, json};

use crate::value::{at, mapping, remove, set, set_default, text};

/// Fills in the defaults of one object.
pub(crate) fn apply(api_version: &str, kind: &str, object: &mut Value) {
    match (api_version, kind) {
        ("v1", "Namespace") => {
            let name = crate::value::name(object).to_owned();
            set(object, &["metadata", "labels", "kubernetes.io/metadata.name"], name);
        }
        ("v1", "Secret") => secret(object),
        ("v1", "Service") => service(object),
        ("v1", "Pod") => {
            if let Some(spec) = object.get_mut("spec") {
                pod_spec(spec, "Always");
            }
        }
        ("v1", "PersistentVolumeClaim") => set_default(object, &["spec", "volumeMode"], "Filesystem"),
        ("apps/v1", "Deployment") => {
            set_default(object, &["spec", "replicas"], 1);
            set_default(object, &["spec", "strategy", "type"], "RollingUpdate");
            if text(object, &["spec", "strategy", "type"]) == Some("RollingUpdate") {
                set_default(object, &["spec", "strategy", "rollingUpdate", "maxSurge"], "25%");
                set_default(object, &["spec", "strategy", "rollingUpdate", "maxUnavailable"], "25%");
            }
            set_default(object, &["spec", "progressDeadlineSeconds"], 600);
            template(object, &["spec"], "Always");
        }
        ("apps/v1", "ReplicaSet" | "StatefulSet") => {
            set_default(object, &["spec", "replicas"], 1);
            template(object, &["spec"], "Always");
        }
        ("apps/v1", "DaemonSet") => template(object, &["spec"], "Always"),
        ("batch/v1", "Job") => {
            job_spec(object, &["spec"]);
        }
        ("batch/v1", "CronJob") => {
            set_default(object, &["spec", "concurrencyPolicy"], "Allow");
            set_default(object, &["spec", "suspend"], false);
            set_default(object, &["spec", "successfulJobsHistoryLimit"], 3);
            set_default(object, &["spec", "failedJobsHistoryLimit"], 1);
            template(object, &["spec", "jobTemplate", "spec"], "Never");
        }
        ("networking.k8s.io/v1", "NetworkPolicy") => network_policy(object),
        ("storage.k8s.io/v1", "StorageClass") => {
            set_default(object, &["reclaimPolicy"], "Delete");
            set_default(object, &["volumeBindingMode"], "Immediate");
        }
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition") => super::custom::apply_defaults(object),
        _ => {}
    }
}

/// Write-only text moves into the encoded data.
fn secret(object: &mut Value) {
    use base64::Engine as _;
    if let Some(Value::Object(plain)) = remove(object, &["stringData"]) {
        for (key, text) in plain {
            if let Value::String(text) = text {
                set(object, &["data", &key], base64::engine::general_purpose::STANDARD.encode(text));
            }
        }
    }
    set_default(object, &["type"], "Opaque");
}

fn service(object: &mut Value) {
    set_default(object, &["spec", "type"], "ClusterIP");
    set_default(object, &["spec", "sessionAffinity"], "None");
    if text(object, &["spec", "type"]) == Some("ExternalName") {
        return;
    }
    set_default(object, &["spec", "internalTrafficPolicy"], "Cluster");
    set_default(object, &["spec", "ipFamilyPolicy"], "SingleStack");
    set_default(object, &["spec", "ipFamilies"], json!(["IPv4"]));
    if matches!(text(object, &["spec", "type"]), Some("LoadBalancer" | "NodePort")) {
        set_default(object, &["spec", "externalTrafficPolicy"], "Cluster");
    }
    if text(object, &["spec", "type"]) == Some("LoadBalancer") {
        set_default(object, &["spec", "allocateLoadBalancerNodePorts"], true);
    }
    each(object, &["spec", "ports"], |port| {
        set_default(port, &["protocol"], "TCP");
        if let Some(number) = port.get("port").cloned() {
            set_default(port, &["targetPort"], number);
        }
    });
}

fn network_policy(object: &mut Value) {
    if at(object, &["spec", "policyTypes"]).is_none() && object.get("spec").is_some() {
        let has_egress = at(object, &["spec", "egress"]).is_some();
        let types = if has_egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
        set(object, &["spec", "policyTypes"], types);
    }
    for direction in ["ingress", "egress"] {
        each(object, &["spec", direction], |rule| {
            each(rule, &["ports"], |port| set_default(port, &["protocol"], "TCP"));
        });
    }
}

fn job_spec(object: &mut Value, path: &[&str]) {
    if let Some(spec) = member(object, path) {
        set_default(spec, &["parallelism"], 1);
        set_default(spec, &["completions"], 1);
        set_default(spec, &["backoffLimit"], 6);
        set_default(spec, &["completionMode"], "NonIndexed");
        set_default(spec, &["suspend"], false);
    }
    template(object, path, "Never");
}

fn template(object: &mut Value, path: &[&str], restart: &str) {
    if let Some(spec) = member(object, path).and_then(|spec| member(spec, &["template", "spec"])) {
        pod_spec(spec, restart);
    }
}

fn pod_spec(spec: &mut Value, restart: &str) {
    if spec.is_null() {
        mapping(spec);
    }
    set_default(spec, &["restartPolicy"], restart);
    set_default(spec, &["dnsPolicy"], "ClusterFirst");
    set_default(spec, &["schedulerName"], "default-scheduler");
    set_default(spec, &["terminationGracePeriodSeconds"], 30);
    for member in ["initContainers", "containers"] {
        each(spec, &[member], |container| {
            let latest = text(container, &["image"]).is_some_and(|image| {
                let last = image.rsplit('/').next().unwrap_or(image);
                last.ends_with(":latest") || !last.contains([':', '@'])
            });
            set_default(container, &["imagePullPolicy"], if latest { "Always" } else { "IfNotPresent" });
            each(container, &["ports"], |port| set_default(port, &["protocol"], "TCP"));
        });
    }
}

fn member<'v>(object: &'v mut Value, path: &[&str]) -> Option<&'v mut Value> {
    path.iter().try_fold(object, |value, name| value.get_mut(*name))
}

fn each(object: &mut Value, path: &[&str], change: impl Fn(&mut Value)) {
    for element in member(object, path).and_then(Value::as_array_mut).into_iter().flatten() {
        change(element);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fill_gaps_and_leave_what_was_written() {
        let cases = [
            (
                json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}, {"port": 53, "protocol": "UDP", "targetPort": "dns"}]}}),
                "/spec/ports",
                json!([{"port": 80, "protocol": "TCP", "targetPort": 80}, {"port": 53, "protocol": "UDP", "targetPort": "dns"}]),
            ),
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 0}}),
                "/spec/replicas",
                json!(0),
            ),
            (json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {}}), "/spec/replicas", json!(1)),
            (json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "b"}}), "/data/a", json!("Yg==")),
            (
                json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"egress": [{"ports": [{"port": 1}]}]}}),
                "/spec",
                json!({"egress": [{"ports": [{"port": 1, "protocol": "TCP"}]}], "policyTypes": ["Ingress", "Egress"]}),
            ),
            (
                json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "host:5000/a"}, {"image": "b:1"}]}}),
                "/spec/containers",
                json!([{"image": "host:5000/a", "imagePullPolicy": "Always"}, {"image": "b:1", "imagePullPolicy": "IfNotPresent"}]),
            ),
        ];
        for (mut object, path, expected) in cases {
            let (api_version, kind) = (object["apiVersion"].to_string(), object["kind"].to_string());
            apply(api_version.trim_matches('"'), kind.trim_matches('"'), &mut object);
            assert_eq!(object.pointer(path), Some(&expected), "{object}");
        }
    }
}
