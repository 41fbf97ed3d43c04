//! Views of one object in several API versions.
//!
//! Versions of a custom kind differ in name alone (the strategy `None`). Events are the one built-in kind that is served
//! by two groups; their members are renamed. Conversion webhooks are not called.

use serde_json::Value;

use crate::value;

/// Each member of an event in the core group and its counterpart in `events.k8s.io`.
const EVENT_MEMBERS: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// Rewrites an object for another version of its kind.
pub(crate) fn convert(object: &mut Value, api_version: &str) {
    let from = value::text(object, &["apiVersion"]).unwrap_or_default();
    if from == api_version {
        return;
    }
    if value::text(object, &["kind"]) == Some("Event") {
        let to_core = api_version == "v1";
        for (core, events) in EVENT_MEMBERS {
            let (old, new) = if to_core { (events, core) } else { (core, events) };
            if let Some(member) = value::remove(object, &[old]) {
                value::set(object, &[new], member);
            }
        }
    }
    value::set(object, &["apiVersion"], api_version);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_survives_the_way_to_the_other_group_and_back() {
        let original = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "note": "started", "regarding": {"name": "x"},
            "reportingController": "me", "reason": "Started", "type": "Normal",
        });
        let mut event = original.clone();
        convert(&mut event, "v1");
        assert_eq!(event["message"], "started");
        assert_eq!(event["involvedObject"]["name"], "x");
        assert!(event.get("note").is_none());
        convert(&mut event, "events.k8s.io/v1");
        assert_eq!(event, original);
    }
}
