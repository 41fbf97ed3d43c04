//! The scenario: who does what, and what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::labels::{self, Installation, Owner};
use openchoreo_core::platform::Platform;
use openchoreo_core::simulation::{
    CONTROL, Choices, Happened, Scenario, Server, Stage, Storm, Violation, is_going, key_of,
};
use openchoreo_types::foreign::gateway_api::Gateway;
use openchoreo_types::v1alpha1::{Build, Deployment, Endpoint};
use serde_json::{Value, json};

use crate::manifests::{self as written, Configuration, DEVELOPMENT, Manifest, Openness, PRODUCTION};

/// The clusters; `twin` is a second registration of `one`.
const CLUSTERS: [&str; 2] = ["one", "two"];
/// The registrations, and the cluster that each leads to.
const PLANES: [(&str, &str); 3] = [("one", "one"), ("twin", "one"), ("two", "two")];
/// A component of which nobody deletes anything, and which so must go on running.
const KEEPER: &str = "keeper";
/// A component that was never meant for callers without a token.
const GUARDED: &str = "guarded";
/// Components to which anything may happen, the project of each, and whether people promote them.
const OTHERS: [(&str, &str); 2] = [("other", "shop"), ("worker", "back")];
/// A component that is built.
const BUILT: &str = "built";
/// Whose objects are ours.
const INSTALLATION: &str = "simulated";
/// Annotations that tell of times and uids, and so differ from run to run.
const OF_A_RUN: [&str; 3] = [labels::ARTIFACT_SINCE, labels::WANTED_DIGEST, "openchoreo.dev/route-claimed-since"];
/// Kinds that hold a finalizer because they have objects in planes.
const CLEANERS: [&str; 3] = ["Deployment", "Endpoint", "Build"];

/// See the crate.
#[derive(Debug)]
pub struct Fleet {
    platform: Arc<Platform>,
    /// What is there in the end, where that is said from the beginning.
    wish: Option<Vec<Manifest>>,
    /// What people said last.
    last_word: Vec<Manifest>,
    /// How much of the control plane's history was looked at.
    looked: usize,
    /// Whether the keeper has run.
    has_run: bool,
    has_promotion: BTreeSet<&'static str>,
}

impl Fleet {
    /// The shipped platform.
    ///
    /// # Errors
    /// It does not fit together.
    pub fn platform() -> anyhow::Result<Arc<Platform>> {
        Ok(Arc::new(controller_manager::default_platform(ArgoSettings::default()).build()?))
    }

    /// A fleet of a platform.
    pub fn new(platform: &Arc<Platform>) -> Self {
        Self {
            platform: Arc::clone(platform),
            wish: None,
            last_word: Vec::new(),
            looked: 0,
            has_run: false,
            has_promotion: BTreeSet::new(),
        }
    }

    /// A storm over it of so many turns.
    pub fn storm(turns: usize) -> Storm {
        let mut storm = Storm { turns, ..Storm::default() };
        storm.core.installation = Some(Installation::new(INSTALLATION));
        storm
    }

    /// What people have in mind, with each component there or not.
    fn word(&self, choices: &mut Choices) -> Vec<Manifest> {
        let mut word = vec![written::namespace(), written::organization()];
        word.extend(PLANES.map(|(name, server)| written::data_plane(name, server, "token")));
        word.push(written::build_plane("two"));
        word.push(written::environment(DEVELOPMENT, "one"));
        word.push(written::environment(PRODUCTION, if choices.percent(30) { "twin" } else { "two" }));
        word.push(written::pipeline(DEVELOPMENT, PRODUCTION));
        word.extend([written::project("shop"), written::project("back"), written::group(choices.pick(2))]);
        let mut add = |name: &str, project: &str, openness: Openness, is_promoted: bool, version: usize| {
            word.extend([written::component(name, project), written::track(name)]);
            word.push(written::artifact(name, version, openness, Configuration::FromGroup));
            word.extend(is_promoted.then(|| written::promotion(name)));
        };
        add(KEEPER, "shop", Openness::Everybody, choices.percent(50), choices.pick(2));
        if !choices.percent(20) {
            let openness = if choices.percent(30) { Openness::Project } else { Openness::Guarded };
            add(GUARDED, "shop", openness, choices.percent(50), choices.pick(2));
        }
        for (name, project) in OTHERS {
            if !choices.percent(40) {
                add(name, project, any_openness(choices), choices.percent(50), choices.pick(2));
            }
        }
        if !choices.percent(50) {
            word.extend([written::component(BUILT, "shop"), written::track(BUILT), written::build(BUILT, 0)]);
        }
        word
    }

    /// Somebody edits what was written, or what is in a cluster.
    fn edit(&mut self, stage: &mut Stage) {
        match stage.choices.pick(14) {
            0..=2 => {
                let name = self.any_component(&mut stage.choices);
                let manifest = any_artifact(name, &mut stage.choices);
                write(stage, manifest);
            }
            3 => remove_some(stage),
            4 => {
                let manifests = self.word(&mut stage.choices.clone());
                let place = stage.choices.pick(manifests.len());
                if let Some(manifest) = manifests.into_iter().nth(place) {
                    write(stage, manifest);
                }
            }
            5 => {
                let manifest = written::group(stage.choices.pick(3));
                if stage.choices.percent(30) { remove(stage, &manifest) } else { write(stage, manifest) }
            }
            6 => {
                let (name, server) = PLANES.get(stage.choices.pick(PLANES.len())).copied().unwrap_or(("one", "one"));
                let manifest = match stage.choices.pick(4) {
                    0 => written::unusable_data_plane(name),
                    number => written::data_plane(name, server, &format!("token-{number}")),
                };
                write(stage, manifest);
            }
            7 => {
                let planes = ["two", "one", "twin", "nowhere"];
                let plane = planes.get(stage.choices.pick(planes.len())).copied().unwrap_or("two");
                write(stage, written::environment(PRODUCTION, plane));
            }
            8 => {
                let name = self.any_component(&mut stage.choices);
                let manifest = written::promotion(name);
                if stage.choices.percent(40) { remove(stage, &manifest) } else { write(stage, manifest) }
            }
            9 => {
                let manifest = written::build(BUILT, stage.choices.pick(2));
                if stage.choices.percent(30) { remove(stage, &manifest) } else { write(stage, manifest) }
            }
            10 => {
                let manifest = written::pipeline(
                    if stage.choices.percent(30) { "nowhere" } else { DEVELOPMENT },
                    if stage.choices.percent(30) { "nowhere" } else { PRODUCTION },
                );
                write(stage, manifest);
            }
            11 => {
                let manifest = written::artifact(KEEPER, 0, Openness::Everybody, Configuration::Plain);
                remove(stage, &manifest);
            }
            _ => touch_by_hand(stage),
        }
    }

    fn any_component(&mut self, choices: &mut Choices) -> &'static str {
        let all = [KEEPER, GUARDED, OTHERS[0].0, OTHERS[1].0];
        let name = all.get(choices.pick(all.len())).copied().unwrap_or(KEEPER);
        self.has_promotion.insert(name);
        name
    }
}

fn any_openness(choices: &mut Choices) -> Openness {
    let all = [Openness::Everybody, Openness::Guarded, Openness::Organization, Openness::Project];
    all.get(choices.pick(all.len())).copied().unwrap_or(Openness::Everybody)
}

/// An artifact of a component, as somebody may write it, right or wrong.
fn any_artifact(component: &str, choices: &mut Choices) -> Manifest {
    let all = [Configuration::FromGroup, Configuration::Plain, Configuration::Missing, Configuration::Wrong];
    let configuration = all.get(choices.pick(all.len())).copied().unwrap_or(Configuration::Plain);
    let openness = match component {
        KEEPER => Openness::Everybody,
        GUARDED if choices.percent(40) => Openness::Project,
        GUARDED => Openness::Guarded,
        _ => any_openness(choices),
    };
    written::artifact(component, choices.pick(3), openness, configuration)
}

fn write(stage: &mut Stage, (kind, object): Manifest) {
    stage.write(kind, object);
}

fn remove(stage: &mut Stage, (kind, object): &Manifest) {
    stage.delete(&key_of(*kind, object));
}

/// Somebody deletes something of a component that may go, or all of it in some order.
fn remove_some(stage: &mut Stage) {
    let names = [GUARDED, OTHERS[0].0, OTHERS[1].0, BUILT];
    let name = names.get(stage.choices.pick(names.len())).copied().unwrap_or(GUARDED);
    let mut parts = vec![
        written::component(name, "shop"),
        written::artifact(name, 0, Openness::Project, Configuration::Plain),
        written::track(name),
        written::promotion(name),
    ];
    if name == "worker" {
        parts.push(written::project("back"));
    }
    for _ in 0..=stage.choices.pick(parts.len()) {
        if parts.is_empty() {
            return;
        }
        let part = parts.remove(stage.choices.pick(parts.len()));
        remove(stage, &part);
    }
}

/// Somebody changes what the platform keeps in a cluster: takes an object away, alters or unmarks it.
fn touch_by_hand(stage: &mut Stage) {
    let name = CLUSTERS.get(stage.choices.pick(CLUSTERS.len())).copied().unwrap_or("one");
    let is_fair_game =
        |(key, object): &(&ObjectKey, &Value)| is_ours(object) && !is_going(object) && !is_keepers(key, object);
    let server = stage.server(name);
    let keys: Vec<ObjectKey> = server.objects.iter().filter(is_fair_game).map(|(key, _)| key.clone()).collect();
    let place = stage.choices.pick(keys.len());
    let Some(key) = keys.get(place).cloned() else { return };
    let how = stage.choices.pick(3);
    stage.note(|| format!("somebody {} {key} in {name}", ["deletes", "alters", "unmarks"].get(how).unwrap_or(&"")));
    let server = stage.server(name);
    match how {
        0 => server.delete(&key),
        1 => {
            if let Some(mut object) = server.get(&key).cloned() {
                if let Some(labels) = object["metadata"]["labels"].as_object_mut() {
                    labels.retain(|label, _| label == labels::OWNER);
                }
                server.write(key.kind, object);
            }
        }
        _ => {
            if let Some(mut object) = server.get(&key).cloned() {
                object["metadata"]["labels"] = json!({});
                server.write(key.kind, object);
            }
        }
    }
}

fn is_ours(object: &Value) -> bool {
    object["metadata"]["labels"].get(labels::OWNER).is_some()
}

/// Whether an object is what the keeper runs in, or its workload.
fn is_keepers(key: &ObjectKey, object: &Value) -> bool {
    key.kind == Kind::of::<Namespace>() || object["metadata"]["labels"]["component-name"] == KEEPER
}

/// Writes what is there before anything of ours: gateways, and what other systems made.
fn furnish(server: &mut Server) {
    server.write(Kind::of::<Namespace>(), json!({ "metadata": { "name": "choreo-system" } }));
    for name in ["choreo-external-gateway", "choreo-internal-gateway"] {
        let listener = json!({ "name": "https", "port": 443, "protocol": "HTTPS" });
        let metadata = json!({ "name": name, "namespace": "choreo-system" });
        let spec = json!({ "gatewayClassName": "choreo", "listeners": [listener] });
        server.write(Kind::of::<Gateway>(), json!({ "metadata": metadata, "spec": spec }));
    }
}

/// What a controller of a cluster makes of an object, as its status.
fn reaction(happened: &Happened) -> Option<Value> {
    if happened.is_gone {
        return None;
    }
    let object = &happened.object;
    let generation = &object["metadata"]["generation"];
    let status = match happened.key.kind.kind {
        "Deployment" if happened.key.kind.group == "apps" => {
            let replicas = object["spec"]["replicas"].as_i64().unwrap_or(1);
            json!({
                "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
                "readyReplicas": replicas, "availableReplicas": replicas,
            })
        }
        "HTTPRoute" => {
            let condition = |type_: &str| {
                json!({
                    "type": type_, "status": "True", "reason": type_, "message": "", "observedGeneration": generation,
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                })
            };
            let conditions = ["Accepted", "ResolvedRefs"].map(condition);
            let parent = &object["spec"]["parentRefs"][0];
            json!({ "parents": [{ "parentRef": parent, "controllerName": "example.com/gateway", "conditions": conditions }] })
        }
        "Workflow" => {
            let node = |template: &str, name: &str, value: &str| {
                json!({
                    "templateName": template, "type": "Pod", "phase": "Succeeded", "startedAt": "2026-01-01T00:00:00Z",
                    "outputs": { "parameters": [{ "name": name, "value": value }] },
                })
            };
            let nodes = json!({
                "0": node("clone-step", "git-revision", "0a1b2c3d"),
                "1": node("build-step", "done", "yes"),
                "2": node("push-step", "image", "registry.example.com/acme/shop/built:0a1b2c3d"),
            });
            json!({ "phase": "Succeeded", "nodes": nodes })
        }
        _ => return None,
    };
    (object["status"] != status).then_some(status)
}

impl Scenario for Fleet {
    fn platform(&self) -> Arc<Platform> {
        Arc::clone(&self.platform)
    }

    fn clusters(&self) -> Vec<String> {
        CLUSTERS.map(str::to_owned).to_vec()
    }

    fn begin(&mut self, stage: &mut Stage) {
        for name in CLUSTERS {
            furnish(stage.server(name));
        }
        let word = match &self.wish {
            Some(wish) => wish.clone(),
            None => self.word(&mut stage.choices),
        };
        for manifest in word {
            write(stage, manifest);
        }
    }

    fn disturb(&mut self, stage: &mut Stage) {
        self.edit(stage);
    }

    fn reacts_to(&self, happened: &Happened) -> bool {
        reaction(happened).is_some()
    }

    fn react(&mut self, server: &mut Server, happened: &Happened) {
        if let Some(status) = reaction(happened)
            && server
                .get(&happened.key)
                .is_some_and(|live| live["metadata"]["generation"] == happened.object["metadata"]["generation"])
        {
            server.write_status(&happened.key, status);
        }
    }

    fn always(&mut self, stage: &Stage) -> Result<(), Violation> {
        self.nothing_is_left_behind(stage)?;
        for name in CLUSTERS {
            let Some(server) = stage.servers.get(name) else { continue };
            no_workload_is_open(name, server)?;
            no_guarded_route_is_open(name, server)?;
        }
        self.what_runs_keeps_running(stage)
    }

    fn last_word(&mut self, stage: &mut Stage) {
        if self.last_word.is_empty() {
            self.last_word = match &self.wish {
                Some(wish) => wish.clone(),
                None => self.word(&mut stage.choices),
            };
        }
        let word = self.last_word.clone();
        let wanted: BTreeSet<ObjectKey> = word.iter().map(|(kind, object)| key_of(*kind, object)).collect();
        let is_written = |key: &ObjectKey, object: &Value| key.kind.group == "openchoreo.dev" && !is_ours(object);
        let control = stage.control();
        let unwanted = control.objects.iter().filter(|(key, object)| is_written(key, object) && !wanted.contains(*key));
        for key in unwanted.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            stage.delete(&key);
        }
        for (kind, object) in word {
            let key = key_of(kind, &object);
            if stage.control().get(&key).is_none_or(|live| !is_going(live)) {
                write(stage, (kind, object));
            }
        }
    }

    fn finally(&mut self, stage: &Stage) -> Result<(), Violation> {
        if self.wish.is_some() {
            return Ok(());
        }
        let mut fresh = Self { wish: Some(self.last_word.clone()), ..Self::new(&self.platform) };
        let storm = Storm { turns: 0, managers: 1, ..Self::storm(0) };
        let made = openchoreo_core::simulation::outcome(&mut fresh, Choices::given(Vec::new()), &storm)?;
        for (name, server) in &made {
            let (there, fresh) = (stage.servers.get(name).map(content).unwrap_or_default(), content(server));
            if let Some(difference) = difference(&there, &fresh) {
                return Err(Violation::new("as fresh", format!("in {name}, {difference}")));
            }
        }
        Ok(())
    }
}

impl Fleet {
    /// What an object had in clusters goes before the object does.
    fn nothing_is_left_behind(&mut self, stage: &Stage) -> Result<(), Violation> {
        let Some(control) = stage.servers.get(CONTROL) else { return Ok(()) };
        let new = control.history.iter().skip(self.looked);
        let gone = new.filter(|happened| happened.is_gone && CLEANERS.contains(&happened.key.kind.kind));
        for happened in gone {
            let key = &happened.key;
            let kinds = [Kind::of::<Deployment>(), Kind::of::<Endpoint>(), Kind::of::<Build>()];
            let Some(kind) = kinds.into_iter().find(|kind| *kind == key.kind) else { continue };
            let owner = Owner::object(kind.kind, key.namespace.as_str(), key.name.as_str());
            let label = owner.label_value(&Installation::new(INSTALLATION));
            for name in CLUSTERS {
                let objects = stage.servers.get(name).into_iter().flat_map(|server| &server.objects);
                let mut left =
                    objects.filter(|(_, object)| object["metadata"]["labels"][labels::OWNER] == label.as_str());
                if let Some((left, _)) = left.next() {
                    return Err(Violation::new("cleaned", format!("{key} is gone, and left {left} in {name}")));
                }
            }
        }
        self.looked = control.history.len();
        Ok(())
    }

    /// What nobody deletes, runs on.
    fn what_runs_keeps_running(&mut self, stage: &Stage) -> Result<(), Violation> {
        let Some(server) = stage.servers.get("one") else { return Ok(()) };
        let runs = server.objects.iter().any(|(key, object)| {
            key.kind.group == "apps"
                && object["metadata"]["labels"]["component-name"] == KEEPER
                && !is_going(object)
                && object["metadata"]["labels"]["environment-name"] == DEVELOPMENT
        });
        if self.has_run && !runs {
            return Err(Violation::new("running", format!("{KEEPER} does not run any more, and nobody deleted it")));
        }
        self.has_run |= runs;
        Ok(())
    }
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
fn content(server: &Server) -> BTreeMap<ObjectKey, Value> {
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
fn difference(there: &BTreeMap<ObjectKey, Value>, fresh: &BTreeMap<ObjectKey, Value>) -> Option<String> {
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
