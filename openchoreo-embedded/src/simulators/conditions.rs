//! Conditions of the usual Kubernetes shape, with transition times that move only when the status moves.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// A condition before it has met what is already written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedCondition {
    pub(super) kind: &'static str,
    pub(super) holds: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl WantedCondition {
    /// A condition whose message says that it is simulated.
    pub(super) fn new(kind: &'static str, holds: bool, reason: &'static str, message: impl AsRef<str>) -> Self {
        Self { kind, holds, reason, message: format!("simulated: {}", message.as_ref()) }
    }
}

/// `True` or `False`, as conditions write them.
pub(super) fn status_text(holds: bool) -> &'static str {
    if holds { "True" } else { "False" }
}

/// The wanted conditions, each with the transition time it already had if its status did not change.
pub(super) fn settle(
    existing: &[Condition],
    wanted: &[WantedCondition],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    wanted
        .iter()
        .map(|want| {
            let status = status_text(want.holds);
            let since = existing
                .iter()
                .find(|known| known.type_ == want.kind && known.status == status)
                .map_or_else(|| Time(now), |known| known.last_transition_time.clone());
            Condition {
                type_: want.kind.to_owned(),
                status: status.to_owned(),
                reason: want.reason.to_owned(),
                message: want.message.clone(),
                observed_generation: Some(generation),
                last_transition_time: since,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transition_time_moves_only_with_the_status() {
        let (first, second) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let good = WantedCondition::new("Accepted", true, "Accepted", "fine");
        let bad = WantedCondition::new("Accepted", false, "NoMatchingParent", "no listener");
        let before = settle(&[], std::slice::from_ref(&good), 1, first);
        let same = settle(&before, &[good], 2, second);
        let changed = settle(&before, &[bad], 2, second);
        assert_eq!(same[0].last_transition_time, Time(first));
        assert_eq!(same[0].observed_generation, Some(2));
        assert_eq!(changed[0].last_transition_time, Time(second));
        assert!(changed[0].message.starts_with("simulated: "));
    }
}
