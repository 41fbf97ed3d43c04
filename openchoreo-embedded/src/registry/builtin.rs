//! The table of kinds that every server has.
//!
//! Enough for controllers and `kubectl` to feel at home; not all of Kubernetes. Stored here means stored: nothing in
//! this server schedules pods, enforces roles or calls the webhooks that are registered.

use super::{Kind, ScalePaths};
use crate::lifecycle::names::NameRule;
use crate::schema::Schema;

/// What distinguishes one built-in kind from another.
struct Row {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    traits: &'static [Trait],
    selectable: &'static [&'static str],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trait {
    Cluster,
    Status,
    Generation,
    Scale,
    All,
    Review,
}

use Trait::{All, Cluster, Generation, Review, Scale, Status};

const fn row(
    api: (&'static str, &'static str),
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    traits: &'static [Trait],
) -> Row {
    Row { group: api.0, version: api.1, kind, plural, short, traits, selectable: &[] }
}

const fn selectable(mut row: Row, paths: &'static [&'static str]) -> Row {
    row.selectable = paths;
    row
}

const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const BATCH: (&str, &str) = ("batch", "v1");
const NETWORKING: (&str, &str) = ("networking.k8s.io", "v1");
const RBAC: (&str, &str) = ("rbac.authorization.k8s.io", "v1");
const AUTHENTICATION: (&str, &str) = ("authentication.k8s.io", "v1");
const AUTHORIZATION: (&str, &str) = ("authorization.k8s.io", "v1");
const ADMISSION: (&str, &str) = ("admissionregistration.k8s.io", "v1");

const ROWS: &[Row] = &[
    selectable(row(CORE, "Namespace", "namespaces", &["ns"], &[Cluster, Status]), &["status.phase"]),
    row(CORE, "ConfigMap", "configmaps", &["cm"], &[]),
    selectable(row(CORE, "Secret", "secrets", &[], &[]), &["type"]),
    selectable(row(CORE, "Service", "services", &["svc"], &[Status, All]), &["spec.clusterIP", "spec.type"]),
    row(CORE, "ServiceAccount", "serviceaccounts", &["sa"], &[]),
    row(CORE, "Endpoints", "endpoints", &["ep"], &[]),
    selectable(
        row(CORE, "Event", "events", &["ev"], &[]),
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
    ),
    selectable(
        row(CORE, "Pod", "pods", &["po"], &[Status, Generation, All]),
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
    ),
    selectable(row(CORE, "Node", "nodes", &["no"], &[Cluster, Status]), &["spec.unschedulable"]),
    row(CORE, "PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"], &[Status]),
    row(CORE, "PersistentVolume", "persistentvolumes", &["pv"], &[Cluster, Status]),
    row(CORE, "ResourceQuota", "resourcequotas", &["quota"], &[Status]),
    row(CORE, "LimitRange", "limitranges", &["limits"], &[]),
    row(APPS, "Deployment", "deployments", &["deploy"], &[Status, Generation, Scale, All]),
    selectable(
        row(APPS, "ReplicaSet", "replicasets", &["rs"], &[Status, Generation, Scale, All]),
        &["status.replicas"],
    ),
    row(APPS, "StatefulSet", "statefulsets", &["sts"], &[Status, Generation, Scale, All]),
    row(APPS, "DaemonSet", "daemonsets", &["ds"], &[Status, Generation, All]),
    row(APPS, "ControllerRevision", "controllerrevisions", &[], &[]),
    selectable(row(BATCH, "Job", "jobs", &[], &[Status, Generation, All]), &["status.successful"]),
    row(BATCH, "CronJob", "cronjobs", &["cj"], &[Status, Generation, All]),
    row(NETWORKING, "NetworkPolicy", "networkpolicies", &["netpol"], &[Generation]),
    row(NETWORKING, "Ingress", "ingresses", &["ing"], &[Status, Generation]),
    row(NETWORKING, "IngressClass", "ingressclasses", &[], &[Cluster, Generation]),
    row(RBAC, "Role", "roles", &[], &[]),
    row(RBAC, "RoleBinding", "rolebindings", &[], &[]),
    row(RBAC, "ClusterRole", "clusterroles", &[], &[Cluster]),
    row(RBAC, "ClusterRoleBinding", "clusterrolebindings", &[], &[Cluster]),
    row(("coordination.k8s.io", "v1"), "Lease", "leases", &[], &[]),
    row(("discovery.k8s.io", "v1"), "EndpointSlice", "endpointslices", &[], &[Generation]),
    row(("events.k8s.io", "v1"), "Event", "events", &["ev"], &[]),
    row(("storage.k8s.io", "v1"), "StorageClass", "storageclasses", &["sc"], &[Cluster]),
    row(("scheduling.k8s.io", "v1"), "PriorityClass", "priorityclasses", &["pc"], &[Cluster, Generation]),
    row(("autoscaling", "v2"), "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"], &[Status, All]),
    row(("policy", "v1"), "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"], &[Status, Generation]),
    row(
        ("apiextensions.k8s.io", "v1"),
        "CustomResourceDefinition",
        "customresourcedefinitions",
        &["crd", "crds"],
        &[Cluster, Status, Generation],
    ),
    row(ADMISSION, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", &[], &[Cluster, Generation]),
    row(ADMISSION, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", &[], &[Cluster, Generation]),
    row(AUTHENTICATION, "TokenReview", "tokenreviews", &[], &[Cluster, Review]),
    row(AUTHENTICATION, "SelfSubjectReview", "selfsubjectreviews", &[], &[Cluster, Review]),
    row(AUTHORIZATION, "SubjectAccessReview", "subjectaccessreviews", &[], &[Cluster, Review]),
    row(AUTHORIZATION, "SelfSubjectAccessReview", "selfsubjectaccessreviews", &[], &[Cluster, Review]),
    row(AUTHORIZATION, "SelfSubjectRulesReview", "selfsubjectrulesreviews", &[], &[Cluster, Review]),
    row(AUTHORIZATION, "LocalSubjectAccessReview", "localsubjectaccessreviews", &[], &[Review]),
];

pub(super) fn kinds() -> impl Iterator<Item = Kind> {
    ROWS.iter().map(kind)
}

fn kind(row: &Row) -> Kind {
    let has = |wanted: Trait| row.traits.contains(&wanted);
    let api_version = join(row.group, row.version);
    let resource = if row.group.is_empty() { row.plural.to_owned() } else { format!("{}.{}", row.plural, row.group) };
    // The two groups of events are two views of the same objects, stored as the core group writes them.
    let (storage, storage_version) = match resource.as_str() {
        "events.events.k8s.io" => ("events", "v1"),
        own => (own, api_version.as_str()),
    };
    Kind {
        group: row.group.to_owned(),
        version: row.version.to_owned(),
        kind: row.kind.to_owned(),
        list_kind: format!("{}List", row.kind),
        plural: row.plural.to_owned(),
        singular: row.kind.to_lowercase(),
        short_names: owned(row.short),
        categories: if has(All) { vec!["all".to_owned()] } else { Vec::new() },
        namespaced: !has(Cluster),
        storage: storage.into(),
        storage_version: storage_version.to_owned(),
        name_rule: name_rule(row),
        generation: has(Generation),
        status: has(Status),
        scale: has(Scale).then(|| ScalePaths {
            replicas: "spec.replicas".into(),
            status_replicas: "status.replicas".into(),
            selector: Some("spec.selector".into()),
        }),
        schema: Schema::builtin(&api_version, row.kind).unwrap_or_else(Schema::untyped),
        columns: None,
        selectable: owned(row.selectable),
        custom: false,
        review: has(Review),
        since: 0,
        api_version,
        resource,
    }
}

fn name_rule(row: &Row) -> NameRule {
    match (row.group, row.kind) {
        ("", "Namespace") => NameRule::Label,
        ("", "Service") => NameRule::ServiceLabel,
        ("rbac.authorization.k8s.io", _) => NameRule::PathSegment,
        _ => NameRule::Subdomain,
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// `version` for the core group, `group/version` for others.
pub(super) fn join(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}
