//! Tables and the JSONPath expressions of their columns.

use jiff::Timestamp;
use openchoreo_embedded::table::jsonpath::JsonPath;
use openchoreo_embedded::table::{IncludeObject, PrinterColumn, TableContext, table};
use serde_json::{Value, json};

const NOW: &str = "2026-01-01T01:00:00Z";
const CREATED: &str = "2026-01-01T00:56:40Z";

fn context(columns: Option<&[PrinterColumn]>) -> TableContext<'_> {
    let now: Timestamp = NOW.parse().expect("a time");
    TableContext { now, columns, include_object: IncludeObject::None }
}

/// Headings shown by default and the cells under them.
fn printed(api_version: &str, kind: &str, object: &Value) -> (Vec<String>, Vec<Value>) {
    let table = table(api_version, kind, &[object], json!({}), &context(None));
    let definitions = table["columnDefinitions"].as_array().expect("columns").clone();
    let cells = table["rows"][0]["cells"].as_array().expect("cells").clone();
    assert_eq!(definitions.len(), cells.len(), "{kind}");
    definitions
        .iter()
        .zip(cells)
        .filter(|(definition, _)| definition["priority"] == json!(0))
        .map(|(definition, cell)| (definition["name"].as_str().unwrap_or_default().to_owned(), cell))
        .unzip()
}

#[test]
fn expressions_find_what_kubernetes_finds() {
    let object = json!({
        "metadata": {"labels": {"app.kubernetes.io/name": "x"}},
        "status": {"conditions": [
            {"type": "Ready", "status": "True", "n": 1}, {"type": "Synced", "status": "False", "n": 2}]},
        "list": [1, 2, 3, 4],
    });
    let cases = [
        (r".metadata.labels.app\.kubernetes\.io/name", json!(["x"])),
        (".metadata.labels['app.kubernetes.io/name']", json!(["x"])),
        ("{.status.conditions[?(@.type=='Ready')].status}", json!(["True"])),
        (r#".status.conditions[?(@.type == "Synced")].status"#, json!(["False"])),
        (".status.conditions[?(@.n>1)].type", json!(["Synced"])),
        (".status.conditions[?(@.n<=1)].type", json!(["Ready"])),
        (".status.conditions[?(@.type!='Ready')].type", json!(["Synced"])),
        (".status.conditions[?(@.absent)].type", json!([])),
        (".status.conditions[*].type", json!(["Ready", "Synced"])),
        ("$.list[0]", json!([1])),
        (".list[-1]", json!([4])),
        (".list[-1:]", json!([4])),
        (".list[1:3]", json!([2, 3])),
        (".list[::2]", json!([1, 3])),
        (".list[0,3]", json!([1, 4])),
        (".list[9]", json!([])),
        (".list[-9]", json!([])),
        ("..type", json!(["Ready", "Synced"])),
        (".absent.deep", json!([])),
        (".list[?(@.absent)]", json!([])),
    ];
    for (expression, expected) in cases {
        let path = JsonPath::parse(expression).expect(expression);
        assert_eq!(json!(path.find(&object)), expected, "{expression}");
    }
    assert_eq!(JsonPath::parse("{.}").expect("the whole").find(&object), [&object]);
    for malformed in [".list[", ".list[x]", ".list[?(@.a==)]", ".a..", ".list[1:2:0]"] {
        assert!(JsonPath::parse(malformed).is_err(), "{malformed}");
    }
}

#[test]
fn custom_resources_print_their_declared_columns() {
    let columns: Vec<PrinterColumn> = serde_json::from_value(json!([
        {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"},
        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
        {"name": "Paused", "type": "boolean", "jsonPath": ".spec.paused"},
        {"name": "Hosts", "type": "string", "jsonPath": ".spec.hosts[*]", "priority": 1},
        {"name": "Wrong", "type": "integer", "jsonPath": ".spec.paused"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]))
    .expect("columns");
    let object = json!({
        "metadata": {"name": "x", "creationTimestamp": CREATED},
        "spec": {"replicas": 2, "paused": true, "hosts": ["a", "b"]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    let cx = TableContext { include_object: IncludeObject::Metadata, ..context(Some(&columns)) };
    let table = table("e/v1", "X", &[&object], json!({"resourceVersion": "5"}), &cx);
    assert_eq!(table["rows"][0]["cells"], json!(["x", "True", 2, true, "a b", null, "3m20s"]));
    assert_eq!(table["rows"][0]["object"]["kind"], json!("PartialObjectMetadata"));
    assert_eq!(table["rows"][0]["object"]["metadata"], object["metadata"]);
    assert_eq!(table["metadata"], json!({"resourceVersion": "5"}));
    assert_eq!(table["columnDefinitions"][4]["priority"], json!(1));
    assert_eq!((&table["kind"], &table["apiVersion"]), (&json!("Table"), &json!("meta.k8s.io/v1")));
}

#[test]
fn what_declares_no_columns_prints_name_and_age() {
    let object = json!({"metadata": {"name": "x", "creationTimestamp": CREATED}});
    for columns in [Some([].as_slice()), None] {
        let table = table("e/v1", "X", &[&object], json!({}), &context(columns));
        assert_eq!(table["rows"], json!([{"cells": ["x", "3m20s"]}]));
    }
}

#[test]
fn rows_carry_as_much_of_the_object_as_was_asked_for() {
    let object = json!({"metadata": {"name": "x"}, "data": {}});
    let row = |include_object| {
        let cx = TableContext { include_object, ..context(None) };
        table("v1", "ConfigMap", &[&object], json!({}), &cx)["rows"][0].clone()
    };
    assert_eq!(row(IncludeObject::None).get("object"), None);
    assert_eq!(row(IncludeObject::Object)["object"], object);
    assert_eq!(row(IncludeObject::Metadata)["object"]["metadata"], object["metadata"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one case per kind")]
fn builtin_kinds_print_as_in_a_cluster() {
    let meta = json!({"name": "x", "creationTimestamp": CREATED});
    let cases = [
        ("v1", "Namespace", json!({"status": {"phase": "Active"}}), "Name Status Age", json!(["x", "Active", "3m20s"])),
        ("v1", "ConfigMap", json!({"data": {"a": "1", "b": "2"}}), "Name Data Age", json!(["x", "2", "3m20s"])),
        (
            "v1",
            "Secret",
            json!({"type": "Opaque", "data": {"a": ""}}),
            "Name Type Data Age",
            json!(["x", "Opaque", "1", "3m20s"]),
        ),
        ("v1", "ServiceAccount", json!({}), "Name Secrets Age", json!(["x", "0", "3m20s"])),
        (
            "v1",
            "Service",
            json!({"spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80}, {"port": 53, "nodePort": 30053,
            "protocol": "UDP"}]}}),
            "Name Type Cluster-IP External-IP Port(s) Age",
            json!(["x", "ClusterIP", "10.0.0.1", "<none>", "80/TCP,53:30053/UDP", "3m20s"]),
        ),
        (
            "v1",
            "Service",
            json!({"spec": {"type": "LoadBalancer", "ports": []}}),
            "Name Type Cluster-IP External-IP Port(s) Age",
            json!(["x", "LoadBalancer", "<none>", "<pending>", "<none>", "3m20s"]),
        ),
        (
            "v1",
            "Pod",
            json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}, "status": {"phase": "Running",
            "containerStatuses": [{"ready": true, "restartCount": 2}, {"ready": false, "restartCount": 1,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
            "Name Ready Status Restarts Age",
            json!(["x", "1/2", "CrashLoopBackOff", "3", "3m20s"]),
        ),
        (
            "v1",
            "Pod",
            json!({"spec": {"initContainers": [{}, {}], "containers": [{}]}, "status": {"phase": "Pending",
            "initContainerStatuses": [{"state": {"terminated": {"exitCode": 0}}}, {"state": {"running": {}}}]}}),
            "Name Ready Status Restarts Age",
            json!(["x", "0/1", "Init:1/2", "0", "3m20s"]),
        ),
        (
            "apps/v1",
            "Deployment",
            json!({"spec": {"replicas": 3}, "status": {"readyReplicas": 1, "updatedReplicas": 2,
            "availableReplicas": 1}}),
            "Name Ready Up-to-date Available Age",
            json!(["x", "1/3", 2, 1, "3m20s"]),
        ),
        (
            "apps/v1",
            "ReplicaSet",
            json!({"spec": {"replicas": 3}, "status": {"replicas": 2}}),
            "Name Desired Current Ready Age",
            json!(["x", 3, 2, 0, "3m20s"]),
        ),
        ("apps/v1", "StatefulSet", json!({"spec": {"replicas": 1}}), "Name Ready Age", json!(["x", "0/1", "3m20s"])),
        (
            "batch/v1",
            "Job",
            json!({"spec": {"completions": 1}, "status": {"succeeded": 1,
            "startTime": "2026-01-01T00:57:00Z", "completionTime": "2026-01-01T00:57:08Z",
            "conditions": [{"type": "Complete", "status": "True"}]}}),
            "Name Status Completions Duration Age",
            json!(["x", "Complete", "1/1", "8s", "3m20s"]),
        ),
        (
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "* * * * *"}, "status": {"active": [{}]}}),
            "Name Schedule Timezone Suspend Active Last Schedule Age",
            json!(["x", "* * * * *", "<none>", false, 1, "<none>", "3m20s"]),
        ),
        (
            "v1",
            "Node",
            json!({"metadata": {"labels": {"node-role.kubernetes.io/worker": ""}}, "status": {
            "conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1.36.0"}}}),
            "Name Status Roles Age Version",
            json!(["x", "Ready", "worker", "3m20s", "v1.36.0"]),
        ),
        (
            "v1",
            "Event",
            json!({"type": "Normal", "reason": "Created", "message": "done\n", "lastTimestamp": CREATED,
            "involvedObject": {"kind": "Pod", "name": "p"}}),
            "Last Seen Type Reason Object Message",
            json!(["3m20s", "Normal", "Created", "pod/p", "done"]),
        ),
        (
            "events.k8s.io/v1",
            "Event",
            json!({"type": "Normal", "reason": "Created", "note": "done", "eventTime": CREATED,
            "regarding": {"kind": "Pod", "name": "p"}}),
            "Last Seen Type Reason Object Message",
            json!(["3m20s", "Normal", "Created", "pod/p", "done"]),
        ),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}),
            "Name Pod-Selector Age",
            json!(["x", "a=b", "3m20s"]),
        ),
        (
            "networking.k8s.io/v1",
            "Ingress",
            json!({"spec": {"rules": [{"host": "h"}], "tls": [{}]}}),
            "Name Class Hosts Address Ports Age",
            json!(["x", "<none>", "h", "", "80, 443", "3m20s"]),
        ),
        (
            "v1",
            "PersistentVolumeClaim",
            json!({"status": {"phase": "Bound", "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"]}}),
            "Name Status Volume Capacity Access Modes StorageClass VolumeAttributesClass Age",
            json!(["x", "Bound", "", "1Gi", "RWO", "", "<unset>", "3m20s"]),
        ),
        ("rbac.authorization.k8s.io/v1", "Role", json!({}), "Name Created At", json!(["x", CREATED])),
        (
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            json!({"roleRef": {"kind": "Role", "name": "r"}}),
            "Name Role Age",
            json!(["x", "Role/r", "3m20s"]),
        ),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", json!({}), "Name Created At", json!(["x", CREATED])),
        (
            "coordination.k8s.io/v1",
            "Lease",
            json!({"spec": {"holderIdentity": "h"}}),
            "Name Holder Age",
            json!(["x", "h", "3m20s"]),
        ),
    ];
    for (api_version, kind, mut object, headings, cells) in cases {
        let members = meta.as_object().cloned().unwrap_or_default();
        for (name, value) in members {
            object["metadata"][name] = value;
        }
        let (names, values) = printed(api_version, kind, &object);
        assert_eq!((names.join(" "), json!(values)), (headings.to_owned(), cells), "{kind} {object}");
    }
}
