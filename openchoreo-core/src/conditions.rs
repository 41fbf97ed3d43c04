//! Conditions computed from typed outcomes, in one place.
//!
//! A reason is a variant of an enum, and the variant fixes both the condition it speaks of and its status: a failure
//! that carries the reason of a success cannot be written down. All conditions have positive polarity: True is good.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde::Serialize;
use serde_json::Value;

/// The condition every object of ours shows.
pub const READY: &str = "Ready";

/// The three states of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum ConditionStatus {
    /// As it should be.
    True,
    /// Not as it should be; the message says what would help.
    False,
    /// Not known yet, or no longer.
    Unknown,
}

impl ConditionStatus {
    /// As written in a condition.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// One row of the table of reasons in the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReasonInfo {
    /// Kind whose condition it is; `*` for reasons any kind may show.
    pub kind: &'static str,
    /// Condition type.
    pub condition: &'static str,
    /// Status that the reason stands for.
    pub status: ConditionStatus,
    /// Reason as written in the condition.
    pub reason: &'static str,
    /// What it means, and what helps.
    pub meaning: &'static str,
}

/// A reason of a condition: a variant of an enum made by [`reasons!`](crate::reasons).
pub trait Reason: Copy {
    /// The row of this reason in the documents.
    fn info(self) -> ReasonInfo;
}

/// Declares an enum of condition reasons: `Variant => Condition = Status, "meaning"`.
///
/// ```
/// openchoreo_core::reasons! {
///     /// Why a Widget is or is not ready.
///     pub enum WidgetReason for "Widget" {
///         WidgetReady => Ready = True, "all is well",
///         PartMissing => Ready = False, "a part it needs does not exist",
///     }
/// }
/// use openchoreo_core::conditions::Reason;
/// assert_eq!(WidgetReason::PartMissing.info().status.as_str(), "False");
/// assert_eq!(WidgetReason::ALL.len(), 2);
/// ```
#[macro_export]
macro_rules! reasons {
    ($(#[$meta:meta])* $vis:vis enum $name:ident for $kind:literal {
        $($variant:ident => $condition:ident = $status:ident, $meaning:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name {
            $(#[doc = $meaning] $variant,)+
        }

        impl $name {
            /// The rows of these reasons in the documents, in the order of their declaration.
            $vis const ALL: &'static [$crate::conditions::ReasonInfo] = &[$($crate::conditions::ReasonInfo {
                kind: $kind,
                condition: stringify!($condition),
                status: $crate::conditions::ConditionStatus::$status,
                reason: stringify!($variant),
                meaning: $meaning,
            },)+];
        }

        impl $crate::conditions::Reason for $name {
            fn info(self) -> $crate::conditions::ReasonInfo {
                match self {
                    $(Self::$variant => $crate::conditions::ReasonInfo {
                        kind: $kind,
                        condition: stringify!($condition),
                        status: $crate::conditions::ConditionStatus::$status,
                        reason: stringify!($variant),
                        meaning: $meaning,
                    },)+
                }
            }
        }
    };
}

/// One verdict on one aspect of an object: a typed reason and a message for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The reason, which fixes condition and status.
    pub reason: ReasonInfo,
    /// What happened, to which object, and what would help.
    pub message: String,
}

impl Finding {
    /// A verdict with its message.
    pub fn new(reason: impl Reason, message: impl Into<String>) -> Self {
        Self { reason: reason.info(), message: message.into() }
    }
}

/// The longest message of a condition, in bytes (apimachinery's limit on `Condition.message`).
const MESSAGE_LIMIT: usize = 32_768;

/// Merges findings over the conditions an object shows now: one condition a type, in the order of the findings;
/// a transition time moves only when the status of its condition does; a type no finding speaks of is dropped.
/// Of several findings on one condition the worst wins (False over Unknown over True), the first of equals.
pub fn merge(previous: &[Condition], findings: &[Finding], generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    let mut merged: Vec<(&Finding, u8)> = Vec::with_capacity(findings.len());
    for finding in findings {
        let rank = match finding.reason.status {
            ConditionStatus::False => 0,
            ConditionStatus::Unknown => 1,
            ConditionStatus::True => 2,
        };
        match merged.iter_mut().find(|(seen, _)| seen.reason.condition == finding.reason.condition) {
            Some(seen) if rank < seen.1 => *seen = (finding, rank),
            Some(_) => {}
            None => merged.push((finding, rank)),
        }
    }
    merged
        .into_iter()
        .map(|(finding, _)| {
            let status = finding.reason.status.as_str();
            let unchanged = previous.iter().find(|old| old.type_ == finding.reason.condition && old.status == status);
            Condition {
                type_: finding.reason.condition.to_owned(),
                status: status.to_owned(),
                reason: finding.reason.reason.to_owned(),
                message: cut(&finding.message, MESSAGE_LIMIT),
                observed_generation: generation,
                last_transition_time: unchanged.map_or_else(|| Time(now), |old| old.last_transition_time.clone()),
            }
        })
        .collect()
}

/// The conditions that a status shows; none where they cannot be read.
pub(crate) fn shown(status: Option<&Value>) -> Vec<Condition> {
    let list = status.and_then(|status| status.get("conditions")).cloned().unwrap_or_default();
    serde_json::from_value(list).unwrap_or_default()
}

/// The most entries of a list that a message names.
const NAMED_IN_A_MESSAGE: usize = 20;

/// A list for a message, with what stands between its entries: all of a short one, and of a long one as many entries as
/// people read, with the number of the others. What somebody wrote in thousands must not fill a status.
pub fn listed<T: std::fmt::Display>(entries: impl IntoIterator<Item = T>, between: &str) -> String {
    let mut entries = entries.into_iter();
    let named: Vec<String> = entries.by_ref().take(NAMED_IN_A_MESSAGE).map(|entry| entry.to_string()).collect();
    let text = named.join(between);
    match entries.count() {
        0 => text,
        more => format!("{text} … and {more} more"),
    }
}

/// At most `limit` bytes of a text, cut at a character.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

crate::reasons! {
    /// Reasons any kind may show, since they come from the engine or from where the object stands.
    pub enum CommonReason for "*" {
        NamespaceNotInOrganization => Ready = False, "the namespace belongs to no organization: it is neither an Organization's own nor labelled `openchoreo.dev/organization` by an administrator, or that Organization does not exist; what runs is kept",
        OrganizationDeleting => Ready = False, "the organization of the namespace is being deleted, and what belongs to it with it",
        LabelContradiction => Ready = False, "a label of the object names another organization or project than the namespace it is in",
        DuplicateIdentity => Ready = False, "another object claims the same organization, project and name, and was there first",
        ParentNotFound => Ready = False, "an object that this one refers to does not exist; it is waited for",
        InvalidName => Ready = False, "a name is not valid or too long for what must be made from it",
        PlaneNotConnected => Ready = Unknown, "the plane that holds the objects is not connected yet",
        PlaneUnreachable => Ready = False, "the plane that holds the objects does not answer, or refuses the credentials; see the DataPlane or BuildPlane",
        PlaneNotFound => Ready = False, "the DataPlane or BuildPlane does not exist or is being deleted",
        ApplyFailed => Ready = False, "the API refused an object of the plan; the message is its answer, and it is tried again",
        Deleting => Ready = False, "the object is being deleted and what it owns is being removed",
        InvalidObject => Ready = False, "the object cannot be read as its kind",
        PlannerFailed => Ready = False, "the platform's planner of the kind has a fault; the message names it, and nothing is changed meanwhile",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::reasons! {
        enum ThingReason for "Thing" {
            Good => Ready = True, "good",
            Bad => Ready = False, "bad",
            Foggy => Ready = Unknown, "foggy",
            Seen => Seen = True, "seen",
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a small timestamp")
    }

    #[test]
    fn a_transition_time_moves_only_with_the_status() {
        let first = merge(&[], &[Finding::new(ThingReason::Bad, "one")], Some(1), at(10));
        let second = merge(&first, &[Finding::new(ThingReason::Bad, "two")], Some(2), at(20));
        assert_eq!(second[0].last_transition_time, Time(at(10)));
        assert_eq!((second[0].message.as_str(), second[0].observed_generation), ("two", Some(2)));
        assert_eq!(ThingReason::ALL.len(), 4);
        let third = merge(&second, &[Finding::new(ThingReason::Good, "")], Some(2), at(30));
        assert_eq!(third[0].last_transition_time, Time(at(30)));
    }

    #[test]
    fn the_worst_finding_of_a_condition_wins_and_merging_twice_is_merging_once() {
        let findings = [
            Finding::new(ThingReason::Seen, ""),
            Finding::new(ThingReason::Good, ""),
            Finding::new(ThingReason::Foggy, ""),
            Finding::new(ThingReason::Bad, "why"),
        ];
        let once = merge(&[], &findings, None, at(1));
        assert_eq!(
            once.iter().map(|c| (c.type_.as_str(), c.reason.as_str())).collect::<Vec<_>>(),
            [("Seen", "Seen"), ("Ready", "Bad")]
        );
        assert_eq!(merge(&once, &findings, None, at(9)), once);
    }

    #[test]
    fn a_long_list_is_cut_and_says_how_much_more_there_is() {
        assert_eq!(listed(["a", "b"], ", "), "a, b");
        assert_eq!(listed(Vec::<String>::new(), ", "), "");
        let long = listed(0..1_000_000, ", ");
        assert!(long.starts_with("0, 1, 2, ") && long.ends_with(", 19 … and 999980 more"), "{long}");
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let long = "é".repeat(20_000);
        let merged = merge(&[], &[Finding::new(ThingReason::Bad, long)], None, at(1));
        assert!(merged[0].message.len() <= MESSAGE_LIMIT);
    }
}
