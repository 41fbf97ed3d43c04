//! Planners that panic, and planners that use what they do not declare.

use serde_json::json;

use super::script::{Script, key, map_key, maps};
use super::wanting::platform;

#[test]
fn a_planner_that_panics_marks_its_own_object_only() {
    let mut script = Script::new(platform(&[]), &["one"]);
    let objects = maps(&[("m", 1)]);
    script.want("bad", json!({ "plane": "one", "objects": objects }));
    script.pass_seconds(1);
    script.want("bad", json!({ "plane": "one", "objects": objects, "trouble": "panics" }));
    script.want("good", json!({ "plane": "one", "objects": maps(&[("n", 1)]) }));
    script.pass_seconds(10);
    let (status, reason, message) = script.ready("bad");
    assert_eq!((status.as_str(), reason.as_str()), ("False", "PlannerFailed"));
    assert!(message.contains("`wanting`"), "{message}");
    assert!(script.server("one").get(&map_key("m")).is_some(), "what runs is kept");
    assert_eq!(script.ready("good").1, "Satisfied");
    assert!(script.server("one").get(&map_key("n")).is_some());
    // Deleted, it waits for a planner that does not panic.
    script.delete(&key("bad"));
    script.pass_seconds(60);
    assert!(script.control().get(&key("bad")).is_some());
    script.want("bad", json!({ "plane": "one", "objects": objects }));
    script.pass_seconds(60);
    assert!(script.control().get(&key("bad")).is_none());
    assert!(script.server("one").get(&map_key("m")).is_none());
}

#[test]
fn reads_and_writes_that_a_planner_does_not_declare_are_noticed() {
    for (trouble, is_noticed) in [("reads", true), ("writes", true), ("none", false)] {
        let mut script = Script::new(platform(&[]), &["one"]);
        script.want("w", json!({ "plane": "one", "trouble": trouble }));
        script.pass_seconds(1);
        let noticed = script.core.undeclared().map(|undeclared| undeclared.to_string());
        assert_eq!(noticed.is_some(), is_noticed, "{trouble}");
        if let Some(message) = noticed {
            assert!(message.contains("`wanting`") && message.contains("Gadget.apps"), "{message}");
        }
    }
}
