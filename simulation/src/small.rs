//! Small scopes: two things happen to one component and what it needs, in every order.

use std::collections::BTreeMap;
use std::sync::Arc;

use openchoreo_core::kind::ObjectKey;
use openchoreo_core::platform::Platform;
use openchoreo_core::simulation::{
    CONTROL, Choices, Happened, Interruption, Report, Scenario, Server, Stage, Storm, Violation, is_going, key_of,
    outcome, run_small,
};
use serde_json::Value;

use crate::manifests::{self as written, Configuration, DEVELOPMENT, GUARDED, Manifest, Openness, PRODUCTION};
use crate::rules::{self, Cleaning};
use crate::{Fleet, clusters};

/// One thing that somebody does.
#[derive(Clone, Debug)]
enum Act {
    Delete(ObjectKey),
    Write(Manifest),
}

/// A guarded component in two environments of two clusters, and what is done to it.
#[derive(Debug)]
pub struct Small<'s> {
    scope: &'s Scope,
    cleaning: Cleaning,
}

/// All that runs of small scopes have in common: where they begin, and what can be done.
#[derive(Debug)]
pub struct Scope {
    platform: Arc<Platform>,
    manifests: Vec<Manifest>,
    acts: Vec<(String, Act)>,
    /// The servers, when all is written and quiet.
    servers: BTreeMap<String, Server>,
    content: BTreeMap<String, BTreeMap<ObjectKey, Value>>,
    storm: Storm,
}

impl Scope {
    /// Writes everything, and lets it come to rest.
    ///
    /// # Errors
    /// It does not come to rest, or a rule is broken on the way.
    pub fn new(platform: &Arc<Platform>) -> Result<Self, Violation> {
        let manifests = vec![
            written::namespace(),
            written::organization(),
            written::data_plane("one", "one", "token"),
            written::data_plane("two", "two", "token"),
            written::environment(DEVELOPMENT, "one"),
            written::environment(PRODUCTION, "two"),
            written::pipeline(DEVELOPMENT, PRODUCTION),
            written::project("shop"),
            written::group(0),
            written::component(GUARDED, "shop"),
            written::track(GUARDED),
            written::artifact(GUARDED, 0, Openness::Guarded, Configuration::FromGroup),
            written::promotion(GUARDED),
        ];
        let delete = |(kind, object): &Manifest| {
            let key = key_of(*kind, object);
            (format!("delete {key}"), Act::Delete(key))
        };
        let mut acts: Vec<(String, Act)> = manifests.iter().map(delete).collect();
        let edits = [
            ("move production to the cluster of development", written::environment(PRODUCTION, "one")),
            ("move production nowhere", written::environment(PRODUCTION, "nowhere")),
            ("take the credentials out of a registration", written::unusable_data_plane("one")),
            ("rotate a token", written::data_plane("one", "one", "other")),
            ("begin the pipeline nowhere", written::pipeline("nowhere", PRODUCTION)),
            ("change a value", written::group(1)),
            ("name a group that is missing", written::artifact(GUARDED, 0, Openness::Guarded, Configuration::Missing)),
            ("write what no server takes", written::artifact(GUARDED, 0, Openness::Guarded, Configuration::Wrong)),
            ("withdraw the route", written::artifact(GUARDED, 0, Openness::Project, Configuration::FromGroup)),
            ("change the image", written::artifact(GUARDED, 1, Openness::Guarded, Configuration::FromGroup)),
        ];
        acts.extend(edits.map(|(name, manifest)| (name.to_owned(), Act::Write(manifest))));
        let storm = Storm { turns: 0, managers: 1, ..Fleet::storm(0) };
        let mut scope = Self {
            platform: Arc::clone(platform),
            manifests,
            acts,
            servers: BTreeMap::new(),
            content: BTreeMap::new(),
            storm,
        };
        scope.servers = outcome(&mut Small::of(&scope), Choices::given(Vec::new()), &scope.storm)?;
        scope.content = contents(&scope.servers);
        Ok(scope)
    }

    /// What can be done, in words, by number.
    pub fn acts(&self) -> impl Iterator<Item = &str> {
        self.acts.iter().map(|(name, _)| name.as_str())
    }

    /// Runs with interruptions, and gives in how many turns all came to rest.
    pub fn run(&self, interruptions: &[(u64, Interruption)], has_trace: bool) -> (Report, u64) {
        run_small(&mut Small::of(self), &self.servers, interruptions, &self.storm, has_trace)
    }
}

fn contents(servers: &BTreeMap<String, Server>) -> BTreeMap<String, BTreeMap<ObjectKey, Value>> {
    servers.iter().map(|(name, server)| (name.clone(), rules::content(server))).collect()
}

impl<'s> Small<'s> {
    fn of(scope: &'s Scope) -> Self {
        let cleaning = scope.servers.get(CONTROL).map(Cleaning::after).unwrap_or_default();
        Self { scope, cleaning }
    }
}

impl Scenario for Small<'_> {
    fn platform(&self) -> Arc<Platform> {
        Arc::clone(&self.scope.platform)
    }

    fn clusters(&self) -> Vec<String> {
        rules::CLUSTERS.map(str::to_owned).to_vec()
    }

    fn begin(&mut self, stage: &mut Stage) {
        for name in rules::CLUSTERS {
            clusters::furnish(stage.server(name));
        }
        self.last_word(stage);
    }

    fn reacts_to(&self, happened: &Happened) -> bool {
        clusters::reaction(happened).is_some()
    }

    fn react(&mut self, server: &mut Server, happened: &Happened) {
        clusters::react(server, happened);
    }

    fn always(&mut self, stage: &Stage) -> Result<(), Violation> {
        self.cleaning.look(stage)?;
        rules::nothing_is_open(stage)
    }

    fn act(&mut self, stage: &mut Stage, number: usize) {
        match self.scope.acts.get(number).map(|(_, act)| act.clone()) {
            Some(Act::Delete(key)) => stage.delete(&key),
            Some(Act::Write((kind, object))) => stage.write(kind, object),
            None => {}
        }
    }

    /// Everything is written again that is not going.
    fn last_word(&mut self, stage: &mut Stage) {
        for (kind, object) in &self.scope.manifests {
            if stage.control().get(&key_of(*kind, object)).is_none_or(|live| !is_going(live)) {
                stage.write(*kind, object.clone());
            }
        }
    }

    fn finally(&mut self, stage: &Stage) -> Result<(), Violation> {
        let there = contents(&stage.servers);
        for (name, before) in &self.scope.content {
            let now = there.get(name).cloned().unwrap_or_default();
            if let Some(difference) = rules::difference(&now, before) {
                return Err(Violation::new("as before", format!("in {name}, {difference}")));
            }
        }
        Ok(())
    }
}
