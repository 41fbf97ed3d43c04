//! What must hold, whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::labels::{self, Installation, Owner};
use openchoreo_core::simulation::{CONTROL, Server, Stage, Violation, is_going};
use openchoreo_types::v1alpha1::{Build, Deployment, Endpoint};
use serde_json::{Value, json};

use crate::manifests::GUARDED;

/// Whose objects are ours.
pub(crate) const INSTALLATION: &str = "simulated";
/// The clusters beside the control plane.
pub(crate) const CLUSTERS: [&str; 2] = ["one", "two"];
/// Annotations that tell of times and uids, and so differ from run to run.
const OF_A_RUN: [&str; 3] = [labels::ARTIFACT_SINCE, labels::WANTED_DIGEST, "openchoreo.dev/route-claimed-since"];

/// Whether an object is the platform's.
pub(crate) fn is_ours(object: &Value) -> bool {
    object["metadata"]["labels"].get(labels::OWNER).is_some()
}

/// Watches that what objects had in clusters goes before they do.
#[derive(Debug, Default)]
pub(crate) struct Cleaning {
    /// How much of the control plane's history was looked at.
    looked: usize,
}

impl Cleaning {
    /// Begins after what has happened so far.
    pub(crate) fn after(control: &Server) -> Self {
        Self { looked: control.history.len() }
    }

    /// Looks at what is gone since the last look.
    pub(crate) fn look(&mut self, stage: &Stage) -> Result<(), Violation> {
        let Some(control) = stage.servers.get(CONTROL) else { return Ok(()) };
        let kinds = [Kind::of::<Deployment>(), Kind::of::<Endpoint>(), Kind::of::<Build>()];
        for gone in control.history.iter().skip(self.looked).filter(|happened| happened.is_gone) {
            let key = &gone.key;
            let Some(kind) = kinds.into_iter().find(|kind| *kind == key.kind) else { continue };
            let owner = Owner::object(kind.kind, key.namespace.as_str(), key.name.as_str());
            let label = owner.label_value(&Installation::new(INSTALLATION));
            for name in CLUSTERS {
                let objects = stage.servers.get(name).into_iter().flat_map(|server| &server.objects);
                let is_its =
                    |(_, object): &(&ObjectKey, &Value)| object["metadata"]["labels"][labels::OWNER] == label.as_str();
                if let Some((left, _)) = objects.into_iter().find(is_its) {
                    return Err(Violation::new("cleaned", format!("{key} is gone, and left {left} in {name}")));
                }
            }
        }
        self.looked = control.history.len();
        Ok(())
    }
}

/// What must hold in the clusters at every moment.
pub(crate) fn nothing_is_open(stage: &Stage) -> Result<(), Violation> {
    for name in CLUSTERS {
        let Some(server) = stage.servers.get(name) else { continue };
        no_workload_is_open(name, server)?;
        no_guarded_route_is_open(name, server)?;
    }
    Ok(())
}

/// No workload stands in a namespace without policies. Where the namespace is going, Kubernetes ends pods first.
fn no_workload_is_open(name: &str, server: &Server) -> Result<(), Violation> {
    let isolated: BTreeSet<&str> = server
        .objects
        .keys()
        .filter(|key| key.kind.kind == "NetworkPolicy" || key.kind.kind == "CiliumNetworkPolicy")
        .map(|key| key.namespace.as_str())
        .collect();
    let workloads = server.objects.keys().filter(|key| matches!(key.kind.group, "apps" | "batch" | "argoproj.io"));
    for key in workloads {
        let namespace = server.get(&ObjectKey::of::<Namespace>("", key.namespace.as_str()));
        if !isolated.contains(key.namespace.as_str()) && !namespace.is_some_and(is_going) {
            return Err(Violation::new("isolated", format!("{key} is open to everybody in {name}")));
        }
    }
    Ok(())
}

/// No route of a component that was always guarded stands without what guards it.
fn no_guarded_route_is_open(name: &str, server: &Server) -> Result<(), Violation> {
    let mut guards: BTreeMap<(&str, &str), ()> = BTreeMap::new();
    for (key, policy) in server.objects.iter().filter(|(key, _)| key.kind.kind == "SecurityPolicy") {
        for target in policy["spec"]["targetRefs"].as_array().into_iter().flatten() {
            guards.insert((key.namespace.as_str(), target["name"].as_str().unwrap_or_default()), ());
        }
    }
    for (key, route) in server.objects.iter().filter(|(key, _)| key.kind.kind == "HTTPRoute") {
        let is_guarded = route["metadata"]["labels"]["component-name"] == GUARDED;
        if is_guarded && !guards.contains_key(&(key.namespace.as_str(), key.name.as_str())) {
            return Err(Violation::new("guarded", format!("{key} stands in {name} without a policy")));
        }
    }
    Ok(())
}

/// What a server holds of ours, without what differs from run to run; conditions without their times and words.
pub(crate) fn content(server: &Server) -> BTreeMap<ObjectKey, Value> {
    let mut content = server.content();
    let is_control = server.identity.as_deref() == Some(CONTROL);
    content.retain(|_, object| is_control || is_ours(object));
    for (key, object) in &mut content {
        if key.kind.kind == "Workflow" {
            // Its parameters and a label have the uid of its Build in them.
            *object = json!({});
        }
        let metadata = &mut object["metadata"];
        if let Some(annotations) = metadata["annotations"].as_object_mut() {
            annotations.retain(|name, _| !OF_A_RUN.contains(&name.as_str()));
        }
        for owner in metadata["ownerReferences"].as_array_mut().into_iter().flatten() {
            owner["uid"] = Value::Null;
        }
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let shown = conditions.iter().map(|c| json!([c["type"], c["status"], c["reason"]])).collect::<Vec<_>>();
        object["status"] = shown.into();
    }
    content
}

/// The first differences between what is there and what a fresh start makes.
pub(crate) fn difference(there: &BTreeMap<ObjectKey, Value>, fresh: &BTreeMap<ObjectKey, Value>) -> Option<String> {
    let keys: BTreeSet<&ObjectKey> = there.keys().chain(fresh.keys()).collect();
    let differences = keys.into_iter().filter_map(|key| match (there.get(key), fresh.get(key)) {
        (Some(object), Some(other)) if object != other => Some(format!("{key} {}", unlike(object, other))),
        (Some(_), None) => Some(format!("{key} would not be there after a fresh start")),
        (None, Some(_)) => Some(format!("{key} would be there after a fresh start")),
        _ => None,
    });
    let shown: Vec<String> = differences.take(4).collect();
    (!shown.is_empty()).then(|| shown.join("\n  "))
}

/// The first field in which an object differs from what it would be.
fn unlike(object: &Value, fresh: &Value) -> String {
    let (mut object, mut fresh, mut path) = (object, fresh, String::new());
    while let (Value::Object(ones), Value::Object(others)) = (object, fresh) {
        let mut names = ones.keys().chain(others.keys());
        let Some(name) = names.find(|name| ones.get(*name) != others.get(*name)) else { break };
        path = format!("{path}.{name}");
        (object, fresh) = (ones.get(name).unwrap_or(&Value::Null), others.get(name).unwrap_or(&Value::Null));
    }
    format!("has {object} as {path}, and would have {fresh} after a fresh start")
}
