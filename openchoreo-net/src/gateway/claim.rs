//! Claims: which part of which host a route takes, so that two endpoints never answer at one address.
//!
//! A claim is written on the route itself: as a label, by which all routes of the same part of a host are found in a
//! plane, and as annotations that say for whom and since when. Whether a claim holds is for the planner to decide.

use std::collections::BTreeMap;

use jiff::Timestamp;
use openchoreo_core::extension::EndpointContext;
use openchoreo_core::labels::{ROUTE_CLAIM, ROUTE_CLAIMED_FOR, ROUTE_CLAIMED_SINCE};
use openchoreo_core::naming::hash::digest16;
use openchoreo_core::world::Stored;
use openchoreo_types::foreign::gateway_api::path_match;
use serde_json::Value;

/// What a route takes, for whom, since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The value of [`ROUTE_CLAIM`].
    pub digest: String,
    since: Option<Timestamp>,
    claimant: String,
    prefix: Option<String>,
}

impl Claim {
    /// The claim that the endpoint of a context makes on a part of its host.
    pub(super) fn of(cx: &EndpointContext<'_>, root: &str) -> Self {
        let component = cx.id.component;
        let parts = [component.organization, component.project, component.component, cx.id.environment, cx.id.endpoint];
        Self {
            digest: digest16(&[cx.gateway, cx.hostname.as_str(), root]),
            since: cx.endpoint.metadata.creation_timestamp.as_ref().map(|time| time.0),
            claimant: parts.join("/"),
            prefix: None,
        }
    }

    /// Its annotations.
    pub(super) fn annotations(&self) -> BTreeMap<String, String> {
        let since = self.since.map(|since| (ROUTE_CLAIMED_SINCE.to_owned(), since.to_string()));
        since.into_iter().chain([(ROUTE_CLAIMED_FOR.to_owned(), self.claimant.clone())]).collect()
    }

    /// Reads the claim of a route, where it has one.
    pub(crate) fn read(route: &Value) -> Option<Self> {
        let metadata = route.get("metadata")?;
        let text = |map: &str, key: &str| metadata.get(map)?.get(key)?.as_str();
        Some(Self {
            digest: text("labels", ROUTE_CLAIM)?.to_owned(),
            since: text("annotations", ROUTE_CLAIMED_SINCE).and_then(|since| since.parse().ok()),
            claimant: text("annotations", ROUTE_CLAIMED_FOR)?.to_owned(),
            prefix: path_prefix(route),
        })
    }

    /// Reads the claim of a live route.
    pub(crate) fn read_live(route: &Stored) -> Option<Self> {
        Self::read(&route.json())
    }

    /// The path below which the route answers; nothing for a route of a single operation.
    pub(crate) fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// For whom it is made.
    pub(crate) fn claimant(&self) -> &str {
        &self.claimant
    }

    /// Whether it was there before another. Claims of one age are told apart by whom they are for.
    pub(crate) fn is_elder_than(&self, other: &Self) -> bool {
        (self.since, &self.claimant) < (other.since, &other.claimant)
    }

    /// Whether both are made for one component in one environment.
    pub(crate) fn is_of_same_component_as(&self, other: &Self) -> bool {
        let component = |claim: &Self| claim.claimant.rsplit_once('/').map(|(component, _)| component.to_owned());
        component(self) == component(other)
    }
}

/// The path prefix that a route matches.
fn path_prefix(route: &Value) -> Option<String> {
    let path = route.pointer("/spec/rules/0/matches/0/path")?;
    let is_prefix = path.get("type").and_then(Value::as_str) == Some(path_match::PATH_PREFIX);
    path.get("value").and_then(Value::as_str).filter(|_| is_prefix).map(str::to_owned)
}
