//! Reading a Workflow back: any JSON gives an observation, and a run that goes on never seems to go back.

use openchoreo_build::ArgoWorkflows;
use openchoreo_core::extension::{BuildEngine, BuildPhase, BuildStep};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::laptop::{IMAGE, run_status};

fn observe(run: &Value) -> openchoreo_core::extension::BuildObservation {
    ArgoWorkflows::default().observe(run)
}

fn run(status: &Value) -> Value {
    json!({ "metadata": { "name": "run" }, "status": status })
}

#[test]
fn each_step_is_read_with_its_phase_and_what_it_gives() {
    let seen = observe(&run(&run_status("Running", ["Succeeded", "Running", ""], Some("metadata: {}"))));
    assert_eq!(seen.phase, BuildPhase::Running);
    let phases: Vec<_> = seen.steps.values().map(|(phase, _)| *phase).collect();
    assert_eq!(phases, [BuildPhase::Succeeded, BuildPhase::Running, BuildPhase::Queued]);
    assert_eq!((seen.descriptor.as_deref(), seen.image), (Some("metadata: {}"), None));
    let seen = observe(&run(&run_status("Succeeded", ["Succeeded"; 3], None)));
    assert_eq!(seen.image.as_deref(), Some(IMAGE));
}

#[test]
fn of_retried_steps_the_one_that_sums_up_counts_and_otherwise_the_latest() {
    let node = |phase: &str, type_: &str, started: &str| json!({ "templateName": "clone-step", "phase": phase, "type": type_, "startedAt": started });
    let clone_of =
        |nodes: Value| observe(&run(&json!({ "phase": "Running", "nodes": nodes }))).steps[&BuildStep::Clone].0;
    let latest = json!({
        "b": node("Failed", "Pod", "2026-01-01T00:00:01Z"),
        "a": node("Running", "Pod", "2026-01-01T00:00:01.5Z"),
    });
    assert_eq!(clone_of(latest), BuildPhase::Running);
    let equal = json!({
        "a": node("Failed", "Pod", "2026-01-01T00:00:01Z"),
        "b": node("Running", "Pod", "2026-01-01T00:00:01Z"),
    });
    assert_eq!(clone_of(equal), BuildPhase::Running);
    let summed_up = json!({
        "a": node("Running", "Retry", "2026-01-01T00:00:01Z"),
        "b": node("Failed", "Pod", "2026-01-01T00:00:02Z"),
    });
    assert_eq!(clone_of(summed_up), BuildPhase::Running);
}

#[test]
fn the_message_of_the_failed_step_speaks_for_a_run_that_says_nothing() {
    let seen = observe(&run(&run_status("Failed", ["Failed", "", ""], None)));
    assert_eq!((seen.phase, seen.message.as_str()), (BuildPhase::Failed, "Error (exit code 128)"));
    let seen = observe(&run(&json!({ "phase": "Error", "message": "template not found" })));
    assert_eq!((seen.phase, seen.message.as_str()), (BuildPhase::Failed, "template not found"));
}

#[test]
fn a_simulated_run_is_known_by_its_annotation() {
    let mut run = run(&run_status("Running", ["Running", "", ""], None));
    assert!(!observe(&run).simulated);
    run["metadata"]["annotations"] = json!({ "openchoreo.dev/simulated": "true" });
    assert!(observe(&run).simulated);
}

/// JSON of any shape, in which the names that are looked for are frequent.
fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "Running",
        "Succeeded",
        "Failed",
        "clone-step",
        "push-step",
        "image",
        "workload",
        "Retry",
        "2026-01-01T00:00:00Z",
        "",
    ]);
    let names = prop::sample::select(vec![
        "status",
        "nodes",
        "phase",
        "templateName",
        "outputs",
        "parameters",
        "name",
        "value",
        "metadata",
        "annotations",
        "openchoreo.dev/simulated",
        "startedAt",
        "type",
        "message",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let names = names.clone();
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

/// The states that a run goes through, step by step.
fn stages() -> Vec<(&'static str, [&'static str; 3])> {
    vec![
        ("", ["", "", ""]),
        ("Pending", ["Pending", "", ""]),
        ("Running", ["Running", "", ""]),
        ("Running", ["Succeeded", "Pending", ""]),
        ("Running", ["Succeeded", "Running", ""]),
        ("Running", ["Succeeded", "Succeeded", "Running"]),
        ("Succeeded", ["Succeeded", "Succeeded", "Succeeded"]),
    ]
}

proptest! {
    #[test]
    fn any_json_is_read_back_and_always_alike(run in any_json()) {
        prop_assert_eq!(observe(&run), observe(&run));
    }

    #[test]
    fn any_status_is_read_back(status in any_json(), nodes in any_json()) {
        let _ = observe(&run(&status));
        let _ = observe(&run(&json!({ "phase": "Running", "nodes": nodes })));
        let _ = observe(&run(&json!({ "phase": "Succeeded", "nodes": { "a": nodes } })));
    }

    #[test]
    fn a_run_that_goes_on_never_seems_to_go_back(earlier in 0..7usize, later in 0..7usize) {
        let at = |index: usize| {
            let (phase, steps) = stages()[index];
            observe(&run(&run_status(phase, steps, None)))
        };
        let (earlier, later) = (at(earlier.min(later)), at(later.max(earlier)));
        prop_assert!(earlier.phase <= later.phase);
        for (step, (phase, _)) in &earlier.steps {
            prop_assert!(*phase <= later.steps[step].0, "{:?}", step);
        }
    }
}
