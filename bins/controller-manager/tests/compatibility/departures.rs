//! The reviewed list of departures.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::Start;
use crate::compare::Difference;

/// The reason of what only a whole object shows: the case records a part, and this is outside of it.
pub(crate) const UNRECORDED: &str = "unrecorded";

/// What `departures.yaml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Departures {
    /// Why, by a short name: a sentence of ARCHITECTURE.md, as it stands there.
    reasons: BTreeMap<String, String>,
    /// The departures of each case; none for a case that comes out as recorded.
    plain: BTreeMap<String, Vec<Listed>>,
    /// The same where what the compatible system runs is taken over.
    compatible: BTreeMap<String, Vec<Listed>>,
}

/// A departure.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) difference: Difference,
    pub(crate) why: String,
}

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Through a map: an absent side is not one that is null.
        let mut map = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let mut text = |name: &str| match map.remove(name) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(serde::de::Error::custom(format!("a departure has no {name}"))),
        };
        let (path, why) = (text("path")?, text("why")?);
        let difference = Difference { path, upstream: map.remove("upstream"), ours: map.remove("ours") };
        match map.keys().next() {
            Some(other) => Err(serde::de::Error::custom(format!("a departure has no member {other}"))),
            None => Ok(Self { difference, why }),
        }
    }
}

impl Departures {
    pub(crate) fn read() -> Self {
        openchoreo_types::yaml::from_str(include_str!("departures.yaml")).expect("a list of departures")
    }

    /// The departures of a case, if the list knows it.
    pub(crate) fn of(&self, case: &str, start: Start) -> Option<&[Listed]> {
        let cases = match start {
            Start::Plain => &self.plain,
            Start::Compatible => &self.compatible,
        };
        cases.get(case).map(Vec::as_slice)
    }

    fn all(&self) -> impl Iterator<Item = (&String, &Vec<Listed>)> {
        self.plain.iter().chain(&self.compatible)
    }

    /// What the list says of cases that do not exist.
    pub(crate) fn unknown_cases<'a>(&self, cases: impl Iterator<Item = &'a str>) -> Vec<String> {
        let cases: BTreeSet<&str> = cases.collect();
        let unknown = self.all().map(|(listed, _)| listed).filter(|listed| !cases.contains(listed.as_str()));
        unknown.map(|listed| format!("{listed}: is listed, and there is no such case")).collect()
    }
}

#[test]
fn every_departure_has_a_reason_that_the_architecture_gives() {
    let departures = Departures::read();
    let used: BTreeSet<&str> = departures.all().flat_map(|(_, listed)| listed).map(|one| one.why.as_str()).collect();
    let known: BTreeSet<&str> = departures.reasons.keys().map(String::as_str).chain([UNRECORDED]).collect();
    assert_eq!(used, known, "the reasons that are used, and those that are given");
    let architecture = include_str!("../../../../ARCHITECTURE.md");
    let (_, differs) = architecture.split_once("\n## Where this differs\n").expect("the section");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (name, sentence) in &departures.reasons {
        assert!(words(differs).contains(&words(sentence)), "`Where this differs` does not say of `{name}`: {sentence}");
    }
}
