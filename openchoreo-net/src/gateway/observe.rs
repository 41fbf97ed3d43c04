//! Reads back how a gateway takes its objects.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use openchoreo_core::extension::RouteState;
use openchoreo_core::kind::Kind;
use openchoreo_core::world::Stored;
use openchoreo_types::foreign::envoy_gateway::{BackendTrafficPolicy, SecurityPolicy};
use openchoreo_types::foreign::gateway_api::{HTTPRoute, ParentRef};

/// How a gateway takes a route or what protects it.
pub(super) fn observe(kind: Kind, live: &Stored) -> RouteState {
    if kind == Kind::of::<HTTPRoute>() {
        let route = live.typed::<HTTPRoute>();
        return route
            .map_or_else(|error| RouteState::Refused(format!("unreadable route: {error}")), |r| route_state(&r));
    }
    let status = if kind == Kind::of::<SecurityPolicy>() {
        live.typed::<SecurityPolicy>().ok().and_then(|policy| policy.status.clone())
    } else if kind == Kind::of::<BackendTrafficPolicy>() {
        live.typed::<BackendTrafficPolicy>().ok().and_then(|policy| policy.status.clone())
    } else {
        None
    };
    // Not every gateway reports on policies, so only an objection counts; the route's own report decides the rest.
    let conditions = status.into_iter().flat_map(|status| status.ancestors).flat_map(|ancestor| ancestor.conditions);
    conditions
        .filter(|condition| condition.type_ == "Accepted")
        .find_map(|c| refusal(&c))
        .unwrap_or(RouteState::Accepted)
}

fn route_state(route: &HTTPRoute) -> RouteState {
    let generation = route.metadata.generation;
    let is_ours = |parent: &ParentRef| {
        route.spec.parent_refs.iter().any(|ours| ours.name == parent.name && ours.namespace == parent.namespace)
    };
    let reports = route.status.iter().flat_map(|status| &status.parents).filter(|report| is_ours(&report.parent_ref));
    let mut state = RouteState::Pending;
    for report in reports {
        let current = |condition: &&Condition| generation.is_none() || condition.observed_generation >= generation;
        let find = |type_: &str| report.conditions.iter().filter(current).find(|condition| condition.type_ == type_);
        let (accepted, resolved) = (find("Accepted"), find("ResolvedRefs"));
        if accepted.is_some_and(is_true) && resolved.is_some_and(is_true) {
            return RouteState::Accepted;
        }
        if let Some(refused) = [accepted, resolved].into_iter().flatten().find_map(refusal) {
            state = refused;
        }
    }
    state
}

fn is_true(condition: &Condition) -> bool {
    condition.status == "True"
}

fn refusal(condition: &Condition) -> Option<RouteState> {
    let says = || format!("{}: {}", condition.reason, condition.message);
    (condition.status == "False").then(|| RouteState::Refused(says()))
}
