//! Which policy is in force where, and what a policy's status says about it.
//!
//! The most specific target decides alone: a rule of a route, then the route, then a listener, then the Gateway; nothing
//! is merged. Of policies with one target the oldest is in force and the others are conflicted. What a policy names and
//! is not there has no part in this, as in Envoy Gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::conditions::WantedCondition;
use super::attachment::Snapshot;
use super::model::{GATEWAY_GROUP, HttpRoute, Key, Policy};
use super::protection::{Guard, InForce, Limits, References, Security, client_problem, extension_problem};

/// What a policy may apply to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// One named rule of a route.
    Rule(Key, String),
    Route(Key),
    /// One listener of a Gateway.
    Listener(Key, String),
    Gateway(Key),
}

/// A target as it is written: whether the section that it names is there is not known.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    group: Option<String>,
    kind: String,
    name: String,
    section_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SelectorSpec {
    group: Option<String>,
    kind: String,
    #[serde(default)]
    namespaces: Option<Value>,
}

/// The targets of all policies of one kind.
#[derive(Debug, Default)]
pub(super) struct Targets {
    in_force: BTreeMap<Target, Key>,
    /// Every target of a policy, with what keeps the policy from it.
    of_policy: BTreeMap<Key, BTreeMap<Target, Result<(), Objection>>>,
}

/// What keeps a policy from its target.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Objection {
    /// An older policy is there.
    Conflicted,
    /// The object is there, and has no such section.
    NoSection,
}

impl Targets {
    /// Finds the targets of the policies of a kind.
    pub(super) fn of(policies: &BTreeMap<Key, Arc<Policy>>, snapshot: &Snapshot) -> Self {
        let mut by_age: Vec<(&Key, &Arc<Policy>)> = policies.iter().collect();
        by_age.sort_by_key(|(key, policy)| (policy.metadata.creation_timestamp.as_ref().map(|time| time.0), *key));
        let mut targets = Self::default();
        for (key, policy) in by_age {
            let mut of_policy = BTreeMap::new();
            for target in written_targets(key, &policy.spec, snapshot) {
                let taken = targets.in_force.get(&target).is_some_and(|other| other != key);
                let outcome = if !has_section(&target, snapshot) {
                    Err(Objection::NoSection)
                } else if taken {
                    Err(Objection::Conflicted)
                } else {
                    targets.in_force.insert(target.clone(), key.clone());
                    Ok(())
                };
                of_policy.insert(target, outcome);
            }
            targets.of_policy.insert(key.clone(), of_policy);
        }
        targets
    }

    /// The policy that is in force for a rule of a route on a listener.
    fn governing(&self, route: &Key, rule: Option<&str>, gateway: &Key, listener: &str) -> Option<&Key> {
        let of_rule = rule.and_then(|rule| self.in_force.get(&Target::Rule(route.clone(), rule.to_owned())));
        of_rule
            .or_else(|| self.in_force.get(&Target::Route(route.clone())))
            .or_else(|| self.in_force.get(&Target::Listener(gateway.clone(), listener.to_owned())))
            .or_else(|| self.in_force.get(&Target::Gateway(gateway.clone())))
    }

    /// What else is in force in the place of a policy at a target, in words.
    fn overriders(&self, target: &Target, snapshot: &Snapshot) -> Option<String> {
        let more_specific = |other: &&Target| match (target, *other) {
            (Target::Route(route), Target::Rule(of, _)) => route == of,
            (Target::Gateway(gateway), Target::Listener(of, _)) => gateway == of,
            (
                Target::Gateway(gateway) | Target::Listener(gateway, _),
                Target::Rule(route, _) | Target::Route(route),
            ) => snapshot.routes.get(route).is_some_and(|route| attaches(route, gateway)),
            _ => false,
        };
        let names: Vec<String> = self.in_force.keys().filter(more_specific).map(Target::to_string).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rule(route, rule) => write!(formatter, "rule `{rule}` of route {route}"),
            Self::Route(route) => write!(formatter, "route {route}"),
            Self::Listener(gateway, listener) => write!(formatter, "listener `{listener}` of gateway {gateway}"),
            Self::Gateway(gateway) => write!(formatter, "gateway {gateway}"),
        }
    }
}

fn attaches(route: &HttpRoute, gateway: &Key) -> bool {
    let namespace = route.metadata.namespace.as_deref().unwrap_or_default();
    let parents = route.spec.parent_refs.iter();
    parents.filter_map(|parent| super::attachment::parent_gateway(parent, namespace)).any(|parent| parent == *gateway)
}

fn has_section(target: &Target, snapshot: &Snapshot) -> bool {
    match target {
        Target::Rule(route, rule) => snapshot
            .routes
            .get(route)
            .is_some_and(|route| route.spec.rules.iter().any(|known| known.name.as_ref() == Some(rule))),
        Target::Listener(gateway, listener) => snapshot
            .gateways
            .get(gateway)
            .is_some_and(|gateway| gateway.spec.listeners.iter().any(|known| known.name == *listener)),
        Target::Route(_) | Target::Gateway(_) => true,
    }
}

/// The targets that a policy names and that are there. Each entry is read by itself, so that one that is malformed does
/// not keep the policy from the others.
fn written_targets(key: &Key, spec: &Value, snapshot: &Snapshot) -> BTreeSet<Target> {
    let list = |name: &str| spec.get(name).and_then(Value::as_array).into_iter().flatten();
    let references = spec.get("targetRef").into_iter().chain(list("targetRefs"));
    let mut targets: BTreeSet<Target> = references
        .filter_map(|reference| Reference::deserialize(reference).ok())
        .filter_map(|reference| {
            let target = Key::new(&key.namespace, &reference.name);
            let is_ours = is_gateway_api(reference.group.as_deref());
            match (reference.kind.as_str(), reference.section_name) {
                ("HTTPRoute", Some(rule)) => Some(Target::Rule(target, rule)),
                ("HTTPRoute", None) => Some(Target::Route(target)),
                ("Gateway", Some(listener)) => Some(Target::Listener(target, listener)),
                ("Gateway", None) => Some(Target::Gateway(target)),
                _ => None,
            }
            .filter(|target| is_ours && exists(target, snapshot))
        })
        .collect();
    for selector in list("targetSelectors") {
        targets.extend(selected(key, selector, snapshot));
    }
    targets
}

fn is_gateway_api(group: Option<&str>) -> bool {
    group.is_none_or(|group| group == GATEWAY_GROUP)
}

fn exists(target: &Target, snapshot: &Snapshot) -> bool {
    match target {
        Target::Rule(route, _) | Target::Route(route) => snapshot.routes.contains_key(route),
        Target::Listener(gateway, _) | Target::Gateway(gateway) => {
            snapshot.gateways.get(gateway).is_some_and(|gateway| snapshot.is_ours(gateway))
        }
    }
}

/// The targets that a selector finds. One that cannot be read finds everything of its kind that it might.
fn selected(key: &Key, selector: &Value, snapshot: &Snapshot) -> Vec<Target> {
    let Ok(spec) = SelectorSpec::deserialize(selector) else {
        return Vec::new();
    };
    if !is_gateway_api(spec.group.as_deref()) {
        return Vec::new();
    }
    let labels = LabelSelector::deserialize(selector).ok().and_then(|labels| Selector::try_from(labels).ok());
    // Grants for targets elsewhere are not evaluated; a policy that asks for them reaches all that it could.
    let anywhere = spec.namespaces.as_ref().is_some_and(|namespaces| namespaces["from"] != "Same");
    let fits = |found: &Key, object: &BTreeMap<String, String>| {
        (anywhere || found.namespace == key.namespace) && labels.as_ref().is_none_or(|labels| labels.matches(object))
    };
    match spec.kind.as_str() {
        "HTTPRoute" => {
            let routes = snapshot.routes.iter().filter(|(found, route)| fits(found, route.labels()));
            routes.map(|(found, _)| Target::Route(found.clone())).collect()
        }
        "Gateway" => {
            let gateways = snapshot.gateways.iter().filter(|(found, gateway)| fits(found, gateway.labels()));
            let targets = gateways.map(|(found, _)| Target::Gateway(found.clone()));
            targets.filter(|target| exists(target, snapshot)).collect()
        }
        _ => Vec::new(),
    }
}

/// Policies of a kind that is not evaluated, except for whether it may decide about requests.
#[derive(Debug)]
struct Other<'s> {
    kind: &'static str,
    policies: &'s BTreeMap<Key, Arc<Policy>>,
    targets: Targets,
    problem: fn(&Value) -> Option<String>,
}

/// All policies as they are in force, each read once.
#[derive(Debug)]
pub(super) struct Policies<'s> {
    snapshot: &'s Snapshot,
    security: Targets,
    traffic: Targets,
    others: [Other<'s>; 2],
    read_security: BTreeMap<Key, InForce<Security>>,
    read_limits: BTreeMap<Key, InForce<Limits>>,
}

impl<'s> Policies<'s> {
    pub(super) fn of(snapshot: &'s Snapshot) -> Self {
        let other =
            |kind, policies, problem| Other { kind, policies, targets: Targets::of(policies, snapshot), problem };
        Self {
            snapshot,
            others: [
                other("ClientTrafficPolicy", &snapshot.client_policies, client_problem),
                other("EnvoyExtensionPolicy", &snapshot.extension_policies, extension_problem),
            ],
            security: Targets::of(&snapshot.security_policies, snapshot),
            traffic: Targets::of(&snapshot.traffic_policies, snapshot),
            read_security: BTreeMap::new(),
            read_limits: BTreeMap::new(),
        }
    }

    /// What protects a rule of a route on some listeners of a Gateway.
    pub(super) fn guard(&mut self, route: &Key, rule: Option<&str>, gateway: &Key, listeners: &[&str]) -> Guard {
        let governing = |targets: &Targets| {
            let each: Vec<Option<Key>> =
                listeners.iter().map(|listener| targets.governing(route, rule, gateway, listener).cloned()).collect();
            let first = each.first().cloned().flatten();
            // A socket stands for all of the listeners, so it cannot hold a request to the policy of one.
            if each.iter().all(|one| *one == first) { Ok(first) } else { Err(each.into_iter().flatten().next()) }
        };
        let differing = || "listeners of one protocol that have different policies are not evaluated".to_owned();
        let security = match governing(&self.security) {
            Ok(key) => key.map(|key| (key.clone(), self.security(&key))),
            Err(key) => key.map(|key| (key, Arc::new(Err(differing())))),
        };
        let limits = match governing(&self.traffic) {
            Ok(key) => key.map(|key| (key.clone(), self.limits(&key))),
            Err(key) => key.map(|key| (key, Arc::new(Err(differing())))),
        };
        let other = self.others.iter().find_map(|other| {
            let governing = listeners.iter().filter_map(|at| other.targets.governing(route, rule, gateway, at));
            let mut problems = governing.filter_map(|key| {
                let problem = (other.problem)(&other.policies.get(key)?.spec)?;
                Some((other.kind, key.clone(), problem))
            });
            problems.next()
        });
        Guard { security, limits, other }
    }

    fn security(&mut self, key: &Key) -> InForce<Security> {
        let snapshot = self.snapshot;
        let read = || Arc::new(read_security(key, snapshot));
        Arc::clone(self.read_security.entry(key.clone()).or_insert_with(read))
    }

    fn limits(&mut self, key: &Key) -> InForce<Limits> {
        let snapshot = self.snapshot;
        let read = || Arc::new(read_limits(key, snapshot));
        Arc::clone(self.read_limits.entry(key.clone()).or_insert_with(read))
    }
}

fn read_security(key: &Key, snapshot: &Snapshot) -> Result<Security, String> {
    let policy = snapshot.security_policies.get(key).ok_or("it is gone")?;
    let references =
        References { namespace: &key.namespace, secrets: &snapshot.secrets, config_maps: &snapshot.config_maps };
    Security::read(&policy.spec, &references)
}

fn read_limits(key: &Key, snapshot: &Snapshot) -> Result<Limits, String> {
    Limits::read(&snapshot.traffic_policies.get(key).ok_or("it is gone")?.spec)
}

/// A kind of policies, as far as statuses differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PolicyKind {
    Security,
    Traffic,
}

impl PolicyKind {
    pub(super) fn policies(self, snapshot: &Snapshot) -> &BTreeMap<Key, Arc<Policy>> {
        match self {
            Self::Security => &snapshot.security_policies,
            Self::Traffic => &snapshot.traffic_policies,
        }
    }

    /// Why a policy cannot be in force.
    fn problem(self, key: &Key, snapshot: &Snapshot) -> Option<String> {
        match self {
            Self::Security => read_security(key, snapshot).err(),
            Self::Traffic => read_limits(key, snapshot).err(),
        }
    }
}

/// What one Gateway says about a policy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ancestor {
    /// The reference, as a status holds it.
    pub(super) reference: Value,
    pub(super) conditions: Vec<WantedCondition>,
}

/// What the Gateways that are ours say about a policy, in the order of their names.
pub(super) fn ancestors(kind: PolicyKind, key: &Key, targets: &Targets, snapshot: &Snapshot) -> Vec<Ancestor> {
    let mut reports: BTreeMap<(Key, Option<String>), Report> = BTreeMap::new();
    let problem =
        kind.problem(key, snapshot).map(|problem| WantedCondition::new("Accepted", false, "Invalid", problem));
    for (target, outcome) in targets.of_policy.get(key).into_iter().flatten() {
        let objection = match outcome {
            Err(Objection::Conflicted) => {
                let message = format!("an older policy applies to {target}");
                Some(WantedCondition::new("Accepted", false, "Conflicted", message))
            }
            Err(Objection::NoSection) => {
                Some(WantedCondition::new("Accepted", false, "TargetNotFound", format!("there is no {target}")))
            }
            Ok(()) => problem.clone(),
        };
        let overriders = outcome.is_ok().then(|| targets.overriders(target, snapshot)).flatten();
        for ancestor in ancestors_of(target, snapshot) {
            let report = reports.entry(ancestor).or_default();
            report.refusal = report.refusal.take().or_else(|| objection.clone());
            report.overridden.extend(overriders.clone());
        }
    }
    reports.into_iter().map(|((gateway, section), report)| report.about(reference(&gateway, section))).collect()
}

/// What there is to say to one Gateway about a policy.
#[derive(Debug, Default)]
struct Report {
    refusal: Option<WantedCondition>,
    /// What other policies apply to in its place.
    overridden: BTreeSet<String>,
}

impl Report {
    fn about(self, reference: Value) -> Ancestor {
        let accepted = || WantedCondition::new("Accepted", true, "Accepted", "the policy is accepted");
        let mut conditions = vec![self.refusal.unwrap_or_else(accepted)];
        if !self.overridden.is_empty() {
            let names = self.overridden.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!("other policies apply to {names}");
            conditions.push(WantedCondition::new("Overridden", true, "Overridden", message));
        }
        Ancestor { reference, conditions }
    }
}

/// The Gateways through which a target is reached, each with the listener that the way leads over, where one is named.
fn ancestors_of(target: &Target, snapshot: &Snapshot) -> BTreeSet<(Key, Option<String>)> {
    match target {
        Target::Gateway(gateway) => BTreeSet::from([(gateway.clone(), None)]),
        Target::Listener(gateway, listener) => BTreeSet::from([(gateway.clone(), Some(listener.clone()))]),
        Target::Rule(route, _) | Target::Route(route) => {
            let attachments = snapshot.routes.get(route).map(|route| snapshot.attachments(route)).unwrap_or_default();
            attachments.into_iter().map(|one| (one.gateway, one.parent.section_name)).collect()
        }
    }
}

fn reference(gateway: &Key, section: Option<String>) -> Value {
    let mut reference = json!({
        "group": GATEWAY_GROUP, "kind": "Gateway", "namespace": gateway.namespace, "name": gateway.name,
    });
    if let Some(section) = section {
        reference["sectionName"] = json!(section);
    }
    reference
}
