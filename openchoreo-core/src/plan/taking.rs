//! Whether an object may be taken that is there and carries no mark of the platform's.
//!
//! What somebody else wrote is not applied over: a person may have made it, and would lose what is in it. What the platform
//! made and what lost its label is taken back, as is what another system made whose planes the platform takes over, and
//! what its people say may be taken.

use crate::labels::{self, Owner};
use crate::world::Stored;

/// A system whose planes the platform takes over: what it made is taken as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherSystem {
    /// A label that its objects carry, with its value.
    pub label: (String, String),
    /// The field manager of what carries no label.
    pub manager: String,
}

impl OtherSystem {
    fn has_made(&self, live: &Stored, managers: &[String]) -> bool {
        let is_its_own = !managers.is_empty() && managers.iter().all(|manager| *manager == self.manager);
        is_its_own || live.has_label(&self.label.0, &self.label.1)
    }
}

/// Whether an owner may take an object without the label [`labels::OWNER`].
///
/// # Errors
/// Why not, and what to do.
pub(crate) fn may_take(
    live: &Stored,
    managers: &[String],
    owner: &Owner,
    other: Option<&OtherSystem>,
) -> Result<(), String> {
    let annotations = live.metadata().annotations;
    let is_permitted = annotations.get(labels::ADOPT).is_some_and(|value| value == "true");
    let is_ours = match annotations.get(labels::OWNED_BY) {
        Some(words) => *words == owner.to_string(),
        None => managers.iter().any(|manager| manager.starts_with(labels::MANAGER_PREFIX)),
    };
    if is_permitted || is_ours || other.is_some_and(|other| other.has_made(live, managers)) {
        return Ok(());
    }
    let by = match managers {
        [] => "somebody else".to_owned(),
        managers => managers.iter().map(|manager| format!("`{manager}`")).collect::<Vec<_>>().join(", "),
    };
    Err(format!(
        "it exists and was made by {by}, not by this platform; delete it, or annotate it with {}=true to let the platform \
         have it",
        labels::ADOPT
    ))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::{Value, json};

    use super::*;
    use crate::kind::Kind;

    fn taken(metadata: Value, managers: &[&str], other: bool) -> Result<(), String> {
        let mut object = json!({ "metadata": metadata });
        object["metadata"]["name"] = "m".into();
        let live = Stored::new(Kind::of::<ConfigMap>(), object).expect("it has a name");
        let managers: Vec<String> = managers.iter().map(|manager| (*manager).to_owned()).collect();
        let system = OtherSystem { label: ("made-by".to_owned(), "other".to_owned()), manager: "manager".to_owned() };
        may_take(&live, &managers, &Owner::object("Wanting", "acme", "w"), other.then_some(&system))
    }

    #[test]
    fn what_somebody_else_made_is_not_taken_and_the_message_says_who_and_what_to_do() {
        let refused = taken(json!({}), &["helm", "kubectl-edit"], false).expect_err("it is refused");
        assert!(
            refused.contains("`helm`, `kubectl-edit`") && refused.contains("openchoreo.dev/adopt=true"),
            "{refused}"
        );
        for (metadata, managers, other) in [
            (json!({}), &[][..], true),
            (json!({ "annotations": { labels::ADOPT: "false" } }), &["helm"], false),
            (json!({ "annotations": { labels::OWNED_BY: "Wanting/acme/v" } }), &["openchoreo/wanting"], false),
            (json!({ "labels": { "made-by": "other" } }), &["manager"], false),
            (json!({ "labels": { "made-by": "another" } }), &["manager", "helm"], true),
        ] {
            assert!(taken(metadata.clone(), managers, other).is_err(), "{metadata} by {managers:?}");
        }
    }

    #[test]
    fn what_the_platform_made_or_is_given_is_taken() {
        for (metadata, managers, other) in [
            (json!({ "annotations": { labels::OWNED_BY: "Wanting/acme/w" } }), &["helm"][..], false),
            (json!({}), &["kubectl-label", "openchoreo/endpoint"], false),
            (json!({ "annotations": { labels::ADOPT: "true" } }), &["helm"], false),
            (json!({ "labels": { "made-by": "other" } }), &["manager", "kubectl"], true),
            (json!({}), &["manager"], true),
        ] {
            assert_eq!(taken(metadata.clone(), managers, other), Ok(()), "{metadata} by {managers:?}");
        }
    }
}
