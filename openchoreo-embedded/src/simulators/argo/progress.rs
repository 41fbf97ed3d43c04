//! The next state of a Workflow, as a pure function of its present state, its template and the time.
//!
//! A failure can be tried on purpose: a run whose parameter `git-repo` contains `simulate-failure` fails in its first
//! step. Simulated values follow from the arguments alone, so the same build gives the same image.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::hash::short_hex;
use super::ArgoSettings;
use super::template::{Step, arguments, step_groups};

/// The text in a repository's address that makes a run fail.
const FAILURE_MARK: &str = "simulate-failure";

/// What a Workflow refers to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Template {
    /// The specification to run.
    Found(Value),
    /// There is none; the message says which.
    Missing(String),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Progress {
    /// The status to merge into the Workflow's.
    pub(super) status: Option<Value>,
    /// When to look again although nothing changes.
    pub(super) look_again: Option<Duration>,
}

/// Whether the Workflow has ended.
pub(super) fn is_finished(workflow: &Value) -> bool {
    is_final_phase(workflow.pointer("/status/phase").and_then(Value::as_str))
}

/// Whether a phase is one that a Workflow never leaves.
pub(super) fn is_final_phase(phase: Option<&str>) -> bool {
    matches!(phase, Some("Succeeded" | "Failed" | "Error"))
}

/// Moves a Workflow that has not ended by at most one step.
pub(super) fn advance(
    name: &str,
    workflow: &Value,
    template: &Template,
    settings: &ArgoSettings,
    now: Timestamp,
) -> Progress {
    let groups = match template {
        Template::Missing(message) => return error(message, now),
        Template::Found(spec) => step_groups(spec).map(|groups| (spec, groups)),
    };
    let (spec, groups) = match groups {
        Ok(found) => found,
        Err(message) => return error(&format!("invalid spec: {message}"), now),
    };
    let arguments = arguments(spec, workflow.get("spec").unwrap_or(&Value::Null));
    let run = Run { name, workflow, entrypoint: spec.get("entrypoint"), settings, arguments, now };
    run.advance(&groups)
}

fn error(message: &str, now: Timestamp) -> Progress {
    let status = json!({ "phase": "Error", "message": message, "startedAt": time(now), "finishedAt": time(now) });
    Progress { status: Some(status), look_again: None }
}

struct Run<'a> {
    name: &'a str,
    workflow: &'a Value,
    entrypoint: Option<&'a Value>,
    settings: &'a ArgoSettings,
    arguments: BTreeMap<String, String>,
    now: Timestamp,
}

impl Run<'_> {
    fn advance(&self, groups: &[Vec<Step>]) -> Progress {
        let mut nodes = Map::new();
        let mut look_again = None;
        let mut failed_child = None;
        let mut unfinished = false;
        for (index, group) in groups.iter().enumerate() {
            let states: Vec<StepState> = group.iter().map(|step| self.state_of(index, step)).collect();
            if states.iter().all(|state| *state == StepState::Ended) {
                continue;
            }
            unfinished = true;
            for (step, state) in group.iter().zip(states) {
                match state {
                    StepState::Ended => {}
                    StepState::NotStarted => {
                        nodes.insert(self.node_id(index, step), self.started(index, step));
                        look_again = Some(self.settings.step_duration);
                    }
                    StepState::Running { left } if left.is_zero() => {
                        let fails = index == 0 && self.fails_on_purpose();
                        if fails {
                            failed_child = Some(self.node_id(index, step));
                        }
                        nodes.insert(self.node_id(index, step), self.ended(step, fails));
                        // The write brings the Workflow back at once; this is only for a write that changes nothing.
                        look_again = Some(Duration::ZERO);
                    }
                    StepState::Running { left } => look_again = Some(left),
                }
            }
            break;
        }
        if let Some(child) = failed_child {
            let message = format!("simulated: child '{child}' failed");
            return self.finished("Failed", Some(message), nodes);
        }
        if !unfinished {
            return self.finished("Succeeded", None, nodes);
        }
        if nodes.is_empty() {
            return Progress { status: None, look_again };
        }
        let done = groups.iter().flatten().count();
        let mut status = json!({ "phase": "Running", "startedAt": self.started_at(), "progress": self.progress(groups, &nodes, done) });
        nodes.entry(self.name).or_insert_with(|| self.root("Running"));
        status["nodes"] = Value::Object(nodes);
        Progress { status: Some(status), look_again }
    }

    /// `done/all` in steps, as Argo shows it.
    fn progress(&self, groups: &[Vec<Step>], changed: &Map<String, Value>, all: usize) -> String {
        let done = groups
            .iter()
            .enumerate()
            .flat_map(|(index, group)| group.iter().map(move |step| self.node_id(index, step)))
            .filter(|id| changed.get(id).or_else(|| self.node(id)).is_some_and(|node| node["phase"] == "Succeeded"))
            .count();
        format!("{done}/{all}")
    }

    fn finished(&self, phase: &str, message: Option<String>, mut nodes: Map<String, Value>) -> Progress {
        let mut root = self.root(phase);
        root["finishedAt"] = json!(time(self.now));
        nodes.insert(self.name.to_owned(), root);
        let mut status = json!({
            "phase": phase,
            "startedAt": self.started_at(),
            "finishedAt": time(self.now),
            "nodes": nodes,
            "conditions": [{ "type": "Completed", "status": "True" }],
        });
        if let Some(message) = message {
            status["message"] = json!(message);
        }
        Progress { status: Some(status), look_again: None }
    }

    fn root(&self, phase: &str) -> Value {
        json!({
            "id": self.name,
            "name": self.name,
            "displayName": self.name,
            "templateName": self.entrypoint,
            "type": "Steps",
            "phase": phase,
            "startedAt": self.started_at(),
        })
    }

    fn started(&self, index: usize, step: &Step) -> Value {
        json!({
            "id": self.node_id(index, step),
            "name": self.node_name(index, step),
            "displayName": step.name,
            "templateName": step.template,
            "type": "Pod",
            "phase": "Running",
            "message": "simulated: no container runs",
            "startedAt": time(self.now),
        })
    }

    /// The part of a node that its end changes.
    fn ended(&self, step: &Step, fails: bool) -> Value {
        if fails {
            let message = "simulated: the repository asks for a failure";
            return json!({ "phase": "Failed", "message": message, "finishedAt": time(self.now) });
        }
        let outputs: Vec<Value> = step
            .outputs
            .iter()
            .map(|(name, default)| json!({ "name": name, "value": self.output(name, default.as_deref()) }))
            .collect();
        let mut node = json!({ "phase": "Succeeded", "finishedAt": time(self.now), "outputs": { "exitCode": "0" } });
        if !outputs.is_empty() {
            node["outputs"]["parameters"] = Value::Array(outputs);
        }
        node
    }

    fn output(&self, name: &str, default: Option<&str>) -> String {
        match name {
            "git-revision" => self.revision(),
            "image" => {
                let registry = self.argument("registry").unwrap_or(&self.settings.registry);
                let image = self.argument("image-name").unwrap_or("image");
                let tag = self.argument("image-tag").unwrap_or("default");
                format!("{registry}/{image}:{tag}-{}", self.revision())
            }
            _ => default.unwrap_or("simulated").to_owned(),
        }
    }

    /// The start of the commit that was asked for, or a digest in its place.
    fn revision(&self) -> String {
        let commit = self.argument("commit").unwrap_or_default();
        match commit.get(..8) {
            Some(start) if start.bytes().all(|byte| byte.is_ascii_hexdigit()) => start.to_ascii_lowercase(),
            _ => {
                let branch = self.argument("branch").unwrap_or_default();
                short_hex(&[commit, branch, self.argument("git-repo").unwrap_or_default()])
            }
        }
    }

    fn fails_on_purpose(&self) -> bool {
        self.argument("git-repo").is_some_and(|repository| repository.contains(FAILURE_MARK))
    }

    /// An argument that is set and not empty.
    fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn node_name(&self, index: usize, step: &Step) -> String {
        format!("{}[{index}].{}", self.name, step.name)
    }

    fn node_id(&self, index: usize, step: &Step) -> String {
        format!("{}-{}-{}", self.name, step.template, short_hex(&[&self.node_name(index, step)]))
    }

    fn node(&self, id: &str) -> Option<&Value> {
        self.workflow.pointer("/status/nodes").and_then(|nodes| nodes.get(id))
    }

    fn state_of(&self, index: usize, step: &Step) -> StepState {
        let Some(node) = self.node(&self.node_id(index, step)) else {
            return StepState::NotStarted;
        };
        if is_final_phase(node["phase"].as_str()) {
            return StepState::Ended;
        }
        let started = node["startedAt"].as_str().and_then(|text| text.parse::<Timestamp>().ok()).unwrap_or(self.now);
        let elapsed = Duration::try_from(self.now.duration_since(started)).unwrap_or_default();
        StepState::Running { left: self.settings.step_duration.saturating_sub(elapsed) }
    }

    fn started_at(&self) -> Value {
        self.workflow.pointer("/status/startedAt").cloned().unwrap_or_else(|| json!(time(self.now)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StepState {
    NotStarted,
    Running { left: Duration },
    Ended,
}

/// A time with milliseconds, where Argo has seconds: simulated steps may be shorter than a second.
fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ArgoSettings {
        ArgoSettings { step_duration: Duration::from_secs(10), registry: "registry.test".to_owned() }
    }

    fn template() -> Template {
        Template::Found(json!({
            "entrypoint": "build-workflow",
            "arguments": { "parameters": [{ "name": "image-tag", "value": "default" }] },
            "templates": [
                { "name": "build-workflow", "steps": [
                    [{ "name": "clone-step", "template": "clone-step" }],
                    [{ "name": "push-step", "template": "push-step" }],
                ] },
                { "name": "clone-step", "outputs": { "parameters": [
                    { "name": "git-revision", "valueFrom": { "path": "/r" } },
                    { "name": "workload", "valueFrom": { "path": "/w", "default": "" } },
                    { "name": "other" },
                ] } },
                { "name": "push-step", "outputs": { "parameters": [{ "name": "image" }] } },
            ],
        }))
    }

    fn workflow(repository: &str, commit: &str) -> Value {
        let parameter = |name: &str, value: &str| json!({ "name": name, "value": value });
        json!({ "spec": { "arguments": { "parameters": [
            parameter("git-repo", repository),
            parameter("commit", commit),
            parameter("branch", "main"),
            parameter("image-name", "shop-web"),
        ] } } })
    }

    fn merge(target: &mut Value, changes: Value) {
        match (target, changes) {
            (Value::Object(target), Value::Object(changes)) => {
                for (key, value) in changes {
                    merge(target.entry(key).or_insert(Value::Null), value);
                }
            }
            (target, value) => *target = value,
        }
    }

    /// Advances until the Workflow ends; returns the phases on the way and the final state.
    fn run(mut workflow: Value, template: &Template) -> (Vec<String>, Value) {
        let mut now = Timestamp::UNIX_EPOCH;
        let mut phases = Vec::new();
        for _ in 0..20 {
            if is_finished(&workflow) {
                return (phases, workflow);
            }
            let progress = advance("build-1", &workflow, template, &settings(), now);
            if let Some(status) = progress.status {
                let summary = workflow_summary(&status);
                merge(&mut workflow, json!({ "status": status }));
                phases.push(summary);
            }
            now += progress.look_again.unwrap_or_default();
        }
        panic!("the workflow does not end: {workflow}");
    }

    fn workflow_summary(status: &Value) -> String {
        status["phase"].as_str().unwrap().to_owned()
    }

    fn node<'a>(workflow: &'a Value, template: &str) -> &'a Value {
        let nodes = workflow["status"]["nodes"].as_object().unwrap();
        nodes.values().find(|node| node["templateName"] == template).unwrap()
    }

    #[test]
    fn steps_run_in_order_and_the_workflow_succeeds() {
        let (phases, workflow) = run(workflow("https://git.test/web", "0123456789abcdef"), &template());
        assert_eq!(phases, ["Running", "Running", "Running", "Running", "Succeeded"]);
        let clone = node(&workflow, "clone-step");
        assert_eq!(clone["phase"], "Succeeded");
        assert_eq!(clone["displayName"], "clone-step");
        let started = clone["finishedAt"].as_str().unwrap();
        assert!(node(&workflow, "push-step")["startedAt"].as_str().unwrap() >= started);
        assert_eq!(
            node(&workflow, "push-step")["outputs"]["parameters"],
            json!([{ "name": "image", "value": "registry.test/shop-web:default-01234567" }])
        );
        assert_eq!(
            clone["outputs"]["parameters"],
            json!([
                { "name": "git-revision", "value": "01234567" },
                { "name": "other", "value": "simulated" },
                { "name": "workload", "value": "" },
            ])
        );
    }

    #[test]
    fn a_running_step_is_not_ended_before_its_time() {
        let mut workflow = workflow("https://git.test/web", "");
        let first = advance("build-1", &workflow, &template(), &settings(), Timestamp::UNIX_EPOCH);
        merge(&mut workflow, json!({ "status": first.status }));
        let later = Timestamp::from_second(4).unwrap();
        let second = advance("build-1", &workflow, &template(), &settings(), later);
        assert_eq!(second, Progress { status: None, look_again: Some(Duration::from_secs(6)) });
    }

    #[test]
    fn without_a_commit_the_revision_is_a_digest_that_stays_the_same() {
        let image = |branch_repository: &str| {
            let (_, workflow) = run(workflow(branch_repository, ""), &template());
            node(&workflow, "push-step")["outputs"]["parameters"][0]["value"].as_str().unwrap().to_owned()
        };
        assert_eq!(image("https://git.test/web"), image("https://git.test/web"));
        assert_ne!(image("https://git.test/web"), image("https://git.test/other"));
    }

    #[test]
    fn a_repository_can_ask_for_a_failure() {
        let (phases, workflow) = run(workflow("https://git.test/simulate-failure", ""), &template());
        assert_eq!(phases, ["Running", "Failed"]);
        assert_eq!(node(&workflow, "clone-step")["phase"], "Failed");
        assert!(workflow["status"]["message"].as_str().unwrap().starts_with("simulated: child"));
        assert_eq!(workflow["status"]["nodes"].as_object().unwrap().len(), 2);
    }

    #[test]
    fn a_missing_template_is_an_error_as_argo_says_it() {
        let missing = Template::Missing("clusterworkflowtemplates.argoproj.io \"docker\" not found".to_owned());
        let (phases, workflow) = run(workflow("https://git.test/web", ""), &missing);
        assert_eq!(phases, ["Error"]);
        assert_eq!(workflow["status"]["message"], "clusterworkflowtemplates.argoproj.io \"docker\" not found");
    }
}
