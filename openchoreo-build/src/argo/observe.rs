//! Reading a Workflow back. Total: any JSON gives an observation, and equal JSON gives an equal one, however often a
//! step was retried.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use openchoreo_core::extension::{BuildObservation, BuildPhase, BuildStep};
use openchoreo_core::labels::SIMULATED;
use serde_json::Value;

/// The templates that stand for the steps people know, with their steps.
const STEPS: [(&str, BuildStep); 3] =
    [("clone-step", BuildStep::Clone), ("build-step", BuildStep::Build), ("push-step", BuildStep::Push)];

pub(super) fn observe(run: &Value) -> BuildObservation {
    let mut observation = BuildObservation {
        phase: phase(run.pointer("/status/phase")),
        message: text(run.pointer("/status/message")),
        simulated: annotation(run, SIMULATED) == Some("true"),
        ..BuildObservation::default()
    };
    for (template, step) in STEPS {
        let node = latest(run, template);
        let state = node.map_or_else(Default::default, |node| (phase(node.get("phase")), text(node.get("message"))));
        if observation.message.is_empty() && observation.phase == BuildPhase::Failed && state.0 == BuildPhase::Failed {
            observation.message.clone_from(&state.1);
        }
        observation.steps.insert(step, state);
    }
    observation.image = latest(run, "push-step").and_then(|node| output(node, "image"));
    observation.descriptor = latest(run, "clone-step").and_then(|node| output(node, "workload"));
    observation
}

fn phase(phase: Option<&Value>) -> BuildPhase {
    match phase {
        None | Some(Value::Null) => BuildPhase::Queued,
        Some(phase) => match phase.as_str() {
            // A step that is left out since an earlier one failed never starts.
            Some("" | "Pending" | "Omitted" | "Skipped") => BuildPhase::Queued,
            Some("Running") => BuildPhase::Running,
            Some("Succeeded") => BuildPhase::Succeeded,
            Some("Failed" | "Error") => BuildPhase::Failed,
            _ => BuildPhase::Unknown,
        },
    }
}

/// The node that speaks for a template: the one that sums up its retries where there is one, otherwise the one that
/// started last. The id decides between equals.
fn latest<'v>(run: &'v Value, template: &str) -> Option<&'v Value> {
    let nodes = run.pointer("/status/nodes")?.as_object()?;
    let of_template =
        nodes.iter().filter(|(_, node)| node.get("templateName").and_then(Value::as_str) == Some(template));
    let rank = |node: &Value| {
        let sums_up = node.get("type").and_then(Value::as_str) == Some("Retry");
        (sums_up, started_at(node))
    };
    of_template
        .max_by(|(left_id, left), (right_id, right)| (rank(left), left_id).cmp(&(rank(right), right_id)))
        .map(|(_, node)| node)
}

fn started_at(node: &Value) -> Option<Time> {
    // Times are compared as times: some writers have fractions of seconds, some have none.
    serde_json::from_value(node.get("startedAt")?.clone()).ok()
}

fn output(node: &Value, name: &str) -> Option<String> {
    let parameters = node.pointer("/outputs/parameters")?.as_array()?;
    let parameter = parameters.iter().find(|parameter| parameter.get("name").and_then(Value::as_str) == Some(name))?;
    let value = parameter.get("value")?.as_str()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn annotation<'v>(run: &'v Value, name: &str) -> Option<&'v str> {
    run.pointer("/metadata/annotations")?.get(name)?.as_str()
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}
