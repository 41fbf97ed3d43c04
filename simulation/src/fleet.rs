//! The scenario: who does what, and what must hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_build::ArgoSettings;
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::labels::{self, Installation};
use openchoreo_core::platform::Platform;
use openchoreo_core::simulation::{
    Choices, Happened, Scenario, Server, Stage, Storm, Violation, is_going, key_of, outcome,
};
use serde_json::{Value, json};

use crate::clusters;
use crate::manifests::{self as written, Configuration, DEVELOPMENT, GUARDED, Manifest, Openness, PRODUCTION};
use crate::rules::{self, CLUSTERS, Cleaning, INSTALLATION, is_ours};

/// The registrations, and the cluster that each leads to; `twin` is a second one of `one`.
const PLANES: [(&str, &str); 3] = [("one", "one"), ("twin", "one"), ("two", "two")];
/// A component of which nobody deletes anything, and which so must go on running.
const KEEPER: &str = "keeper";
/// Components to which anything may happen, and the project of each.
const OTHERS: [(&str, &str); 2] = [("other", "shop"), ("worker", "back")];
/// A component that is built.
const BUILT: &str = "built";

/// See the crate.
#[derive(Debug)]
pub struct Fleet {
    platform: Arc<Platform>,
    /// What is there in the end, where that is said from the beginning.
    wish: Option<Vec<Manifest>>,
    /// What people said last.
    last_word: Vec<Manifest>,
    cleaning: Cleaning,
    /// Whether the keeper has run.
    has_run: bool,
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
            cleaning: Cleaning::default(),
            has_run: false,
        }
    }

    /// A storm over it of so many turns.
    pub fn storm(turns: usize) -> Storm {
        let mut storm = Storm { turns, ..Storm::default() };
        storm.core.installation = Some(Installation::new(INSTALLATION));
        storm
    }

    /// What people have in mind, with each component there or not.
    fn word(choices: &mut Choices) -> Vec<Manifest> {
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
    fn edit(stage: &mut Stage) {
        match stage.choices.pick(14) {
            0..=2 => {
                let name = any_component(&mut stage.choices);
                let manifest = any_artifact(name, &mut stage.choices);
                write(stage, manifest);
            }
            3 => remove_some(stage),
            4 => {
                let manifests = Self::word(&mut stage.choices.clone());
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
                let (name, server) = stage.choices.one_of(PLANES);
                let manifest = match stage.choices.pick(4) {
                    0 => written::unusable_data_plane(name),
                    number => written::data_plane(name, server, &format!("token-{number}")),
                };
                write(stage, manifest);
            }
            7 => {
                let plane = stage.choices.one_of(["two", "one", "twin", "nowhere"]);
                write(stage, written::environment(PRODUCTION, plane));
            }
            8 => {
                let name = any_component(&mut stage.choices);
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
}

fn any_component(choices: &mut Choices) -> &'static str {
    choices.one_of([KEEPER, GUARDED, OTHERS[0].0, OTHERS[1].0])
}

fn any_openness(choices: &mut Choices) -> Openness {
    choices.one_of([Openness::Everybody, Openness::Guarded, Openness::Organization, Openness::Project])
}

/// An artifact of a component, as somebody may write it, right or wrong.
fn any_artifact(component: &str, choices: &mut Choices) -> Manifest {
    let all = [Configuration::FromGroup, Configuration::Plain, Configuration::Missing, Configuration::Wrong];
    let configuration = choices.one_of(all);
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
    let name = stage.choices.one_of([GUARDED, OTHERS[0].0, OTHERS[1].0, BUILT]);
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
    let name = stage.choices.one_of(CLUSTERS);
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

/// Whether an object is what the keeper runs in, or its workload.
fn is_keepers(key: &ObjectKey, object: &Value) -> bool {
    key.kind == Kind::of::<Namespace>() || object["metadata"]["labels"]["component-name"] == KEEPER
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
            clusters::furnish(stage.server(name));
        }
        let word = match &self.wish {
            Some(wish) => wish.clone(),
            None => Self::word(&mut stage.choices),
        };
        for manifest in word {
            write(stage, manifest);
        }
    }

    fn disturb(&mut self, stage: &mut Stage) {
        Self::edit(stage);
    }

    fn reacts_to(&self, happened: &Happened) -> bool {
        clusters::reaction(happened).is_some()
    }

    fn react(&mut self, server: &mut Server, happened: &Happened) {
        clusters::react(server, happened);
    }

    fn always(&mut self, stage: &Stage) -> Result<(), Violation> {
        self.cleaning.look(stage)?;
        rules::nothing_is_open(stage)?;
        self.what_runs_keeps_running(stage)
    }

    fn last_word(&mut self, stage: &mut Stage) {
        if self.last_word.is_empty() {
            self.last_word = match &self.wish {
                Some(wish) => wish.clone(),
                None => Self::word(&mut stage.choices),
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
        let made = outcome(&mut fresh, Choices::given(Vec::new()), &storm)?;
        for (name, server) in &made {
            let (there, fresh) =
                (stage.servers.get(name).map(rules::content).unwrap_or_default(), rules::content(server));
            if let Some(difference) = rules::difference(&there, &fresh) {
                return Err(Violation::new("as fresh", format!("in {name}, {difference}")));
            }
        }
        Ok(())
    }
}

impl Fleet {
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
