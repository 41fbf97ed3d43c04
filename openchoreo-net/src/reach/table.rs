//! What gateways let in, to be looked up by requests: those that may overlap are found without a look at all others.

use std::collections::{BTreeMap, BTreeSet};

use openchoreo_core::kind::PlaneKey;
use openchoreo_core::reach::{Admission, Requests};

use super::Who;

/// The plane and the gateway of an admission, and whom that serves.
pub(super) type Place<'r> = (&'r PlaneKey, &'r Who, Option<&'r (String, String)>);

/// All admissions, by place.
#[derive(Debug, Default)]
pub(super) struct Table<'r>(BTreeMap<Place<'r>, Entries<'r>>);

/// The admissions of one place, by host and by the first segment of their paths, where that is certain.
#[derive(Debug, Default)]
pub(super) struct Entries<'r> {
    by_host: BTreeMap<&'r str, BTreeMap<Option<String>, Vec<&'r Admission>>>,
    /// Hosts that stand for several.
    wide: BTreeSet<&'r str>,
    all: BTreeSet<&'r Admission>,
}

impl<'r> Table<'r> {
    pub(super) fn of(admissions: &'r BTreeSet<(PlaneKey, Who, Admission)>) -> Self {
        let mut table = Self::default();
        for (plane, who, admission) in admissions {
            let entries = table.0.entry((plane, who, admission.gateway.as_ref())).or_default();
            let host = admission.requests.host.as_str();
            entries.wide.extend(is_wide(host).then_some(host));
            let of_host = entries.by_host.entry(host).or_default();
            of_host.entry(admission.requests.first_segment()).or_default().push(admission);
            entries.all.insert(admission);
        }
        table
    }

    pub(super) fn places(&self) -> impl Iterator<Item = (&Place<'r>, &Entries<'r>)> {
        self.0.iter()
    }

    pub(super) fn at(&self, place: &Place<'r>) -> Option<&Entries<'r>> {
        self.0.get(place)
    }
}

impl<'r> Entries<'r> {
    pub(super) fn all(&self) -> impl Iterator<Item = &'r Admission> {
        self.all.iter().copied()
    }

    pub(super) fn holds(&self, admission: &Admission) -> bool {
        self.all.contains(admission)
    }

    /// Those that may serve one of some requests: each but those that another certainly stands before, for all of them.
    pub(super) fn serving(&self, requests: &Requests) -> Vec<&'r Admission> {
        let found = self.overlapping(requests);
        let covering: Vec<&Requests> =
            found.iter().map(|admission| &admission.requests).filter(|own| own.covers(requests)).collect();
        let is_beaten = |own: &Requests| covering.iter().any(|first| first.are_served_before(own));
        found.iter().filter(|admission| !is_beaten(&admission.requests)).copied().collect()
    }

    /// Those that fit one of some requests.
    pub(super) fn overlapping(&self, requests: &Requests) -> Vec<&'r Admission> {
        let segment = requests.first_segment();
        let near = |of_host: &BTreeMap<Option<String>, Vec<&'r Admission>>| -> Vec<&'r Admission> {
            match &segment {
                Some(_) => {
                    [&segment, &None].into_iter().filter_map(|key| of_host.get(key)).flatten().copied().collect()
                }
                None => of_host.values().flatten().copied().collect(),
            }
        };
        let host = requests.host.as_str();
        let candidates: Vec<&'r Admission> = if is_wide(host) {
            self.by_host.values().flat_map(near).collect()
        } else {
            let hosts = self.wide.iter().copied().chain([host]);
            hosts.filter_map(|host| self.by_host.get(host)).flat_map(near).collect()
        };
        candidates.into_iter().filter(|admission| admission.requests.overlaps(requests)).collect()
    }
}

fn is_wide(host: &str) -> bool {
    host.is_empty() || host.starts_with('*')
}
