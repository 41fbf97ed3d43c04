//! Documents that say what a server serves: groups, resources, versions, OpenAPI.
//!
//! Pure functions of the registry. The aggregated forms are what today's clients read; the older ones are there for the
//! clients that do not.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Value, json};

use crate::openapi::{self, OpenApiKind};
use crate::registry::{Kind, Registry};

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const PART_VERBS: [&str; 3] = ["get", "patch", "update"];

/// The body of `/version`.
pub(crate) fn version() -> Value {
    json!({
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": "v1.36.0+openchoreo-embedded",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

/// The body of `/api`.
pub(crate) fn core_versions() -> Value {
    json!({"kind": "APIVersions", "apiVersion": "v1", "versions": ["v1"], "serverAddressByClientCIDRs": []})
}

/// The body of `/apis`.
pub(crate) fn groups(registry: &Registry) -> Value {
    let groups: Vec<Value> = registry
        .groups()
        .into_iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, versions)| legacy_group(group, &versions))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// The body of `/apis/<group>`.
pub(crate) fn group(registry: &Registry, group: &str) -> Option<Value> {
    let versions = registry.groups().remove(group)?;
    let mut body = legacy_group(group, &versions);
    crate::value::set(&mut body, &["kind"], "APIGroup");
    crate::value::set(&mut body, &["apiVersion"], "v1");
    Some(body)
}

fn legacy_group(group: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "preferredVersion": versions.first(), "versions": versions})
}

/// The body of `/api/v1` and `/apis/<group>/<version>`.
pub(crate) fn resources(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    for kind in of_version(registry, group, version) {
        let verbs: &[&str] = if kind.review { &["create"] } else { &VERBS };
        let mut resource = json!({
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": verbs,
        });
        for (member, names) in [("shortNames", &kind.short_names), ("categories", &kind.categories)] {
            if !names.is_empty() {
                crate::value::set(&mut resource, &[member], names.clone());
            }
        }
        resources.push(resource);
        for part in parts(kind) {
            let mut resource = json!({
                "name": format!("{}/{}", kind.plural, part.name),
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": part.kind,
                "verbs": part.verbs,
            });
            if part.group_version != (kind.group.as_str(), kind.version.as_str()) {
                crate::value::set(&mut resource, &["group"], part.group_version.0);
                crate::value::set(&mut resource, &["version"], part.group_version.1);
            }
            resources.push(resource);
        }
    }
    if resources.is_empty() {
        return None;
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}))
}

/// The aggregated form of `/api` (with `core`) or `/apis`.
pub(crate) fn aggregated(registry: &Registry, core: bool, form: &str) -> Value {
    let groups: Vec<Value> = registry
        .groups()
        .into_iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .into_iter()
                .map(|version| {
                    let resources: Vec<Value> = of_version(registry, group, version).map(aggregated_resource).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{form}"),
        "metadata": {},
        "items": groups,
    })
}

fn aggregated_resource(kind: &std::sync::Arc<Kind>) -> Value {
    let verbs: &[&str] = if kind.review { &["create"] } else { &VERBS };
    let mut resource = json!({
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": verbs,
    });
    for (member, names) in [("shortNames", &kind.short_names), ("categories", &kind.categories)] {
        if !names.is_empty() {
            crate::value::set(&mut resource, &[member], names.clone());
        }
    }
    let parts: Vec<Value> = parts(kind)
        .map(|part| {
            let (group, version) = part.group_version;
            json!({
                "subresource": part.name,
                "responseKind": {"group": group, "version": version, "kind": part.kind},
                "verbs": part.verbs,
            })
        })
        .collect();
    if !parts.is_empty() {
        crate::value::set(&mut resource, &["subresources"], parts);
    }
    resource
}

/// A subresource.
struct Part<'a> {
    name: &'static str,
    kind: &'a str,
    group_version: (&'a str, &'a str),
    verbs: &'static [&'static str],
}

fn parts(kind: &Kind) -> impl Iterator<Item = Part<'_>> {
    let own = (kind.group.as_str(), kind.version.as_str());
    let status =
        kind.status.then_some(Part { name: "status", kind: &kind.kind, group_version: own, verbs: &PART_VERBS });
    let scale = kind.scale.as_ref().map(|_| Part {
        name: "scale",
        kind: "Scale",
        group_version: ("autoscaling", "v1"),
        verbs: &PART_VERBS,
    });
    let finalize = (kind.resource == "namespaces").then_some(Part {
        name: "finalize",
        kind: &kind.kind,
        group_version: own,
        verbs: &["update"],
    });
    let token = (kind.resource == "serviceaccounts").then_some(Part {
        name: "token",
        kind: "TokenRequest",
        group_version: ("authentication.k8s.io", "v1"),
        verbs: &["create"],
    });
    [finalize, scale, status, token].into_iter().flatten()
}

fn of_version<'r>(
    registry: &'r Registry,
    group: &str,
    version: &str,
) -> impl Iterator<Item = &'r std::sync::Arc<Kind>> {
    registry.iter().filter(move |kind| kind.group == group && kind.version == version)
}

/// The body of `/openapi/v3`. A document's hash changes with the kinds in it.
pub(crate) fn openapi_index(registry: &Registry) -> Value {
    let mut hashes: BTreeMap<String, DefaultHasher> = BTreeMap::new();
    for kind in registry.iter() {
        let path = if kind.group.is_empty() { "api/v1".to_owned() } else { format!("apis/{}", kind.api_version) };
        let hasher = hashes.entry(path).or_default();
        (&kind.plural, kind.since, kind.status).hash(hasher);
        kind.schema.open_api().hash(hasher);
    }
    let groups: Vec<(String, String)> =
        hashes.into_iter().map(|(path, hasher)| (path, format!("{:016X}", hasher.finish()))).collect();
    openapi::index(&groups)
}

/// The body of `/openapi/v3/<path>`.
pub(crate) fn openapi_document(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let kinds: Vec<OpenApiKind<'_>> = of_version(registry, group, version)
        .map(|kind| OpenApiKind {
            kind: &kind.kind,
            plural: &kind.plural,
            namespaced: kind.namespaced,
            status: kind.status,
            strategic_merge: !kind.custom,
            schema: kind.schema.open_api(),
        })
        .collect();
    (!kinds.is_empty()).then(|| openapi::group_document(group, version, &kinds))
}
