//! What is published of an endpoint: its routes at each visibility that someone wrote down, and what the gateway says.
//!
//! Each visibility stands for itself: where one cannot be protected or its host is taken, it is not published, and the
//! other one is.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Namespace, Service};
use openchoreo_core::conditions::Finding;
use openchoreo_core::extension::{EndpointContext, Gateway, RenderError, RouteState, chain, chosen_gateway};
use openchoreo_core::hierarchy::name_of;
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::labels::{self, Owner};
use openchoreo_core::naming::{HostContext, Hostname, Visibility};
use openchoreo_core::plan::Rendered;
use openchoreo_core::planner::PlanContext;
use openchoreo_core::world::Select;
use openchoreo_types::common::BackendRefType;
use openchoreo_types::foreign::gateway_api::{Gateway as GatewayObject, HTTPRoute};
use openchoreo_types::labels::annotations::GATEWAY;
use openchoreo_types::v1alpha1::{Endpoint, component_type};
use serde_json::{Value, json};

use super::placement::Placement;
use super::{EndpointReason, address};
use crate::gateway::{Claim, base_path};

/// What is published of an endpoint, and how that goes.
#[derive(Debug, Default)]
pub(super) struct Publication {
    /// What is wanted in the data plane, in the order in which it is applied.
    pub objects: Vec<Rendered>,
    /// The widest address.
    pub address: Option<String>,
    /// Verdicts.
    pub findings: Vec<Finding>,
}

/// The visibilities that someone wrote down, the widest first. What is not written down is not visible.
pub(super) fn visibilities(endpoint: &Endpoint) -> Vec<Visibility> {
    let Some(written) = &endpoint.spec.network_visibilities else { return Vec::new() };
    let public = written.public.as_ref().is_some_and(|exposure| exposure.enable);
    let organization = written.organization.as_ref().is_some_and(|exposure| exposure.enable);
    let both = [(public, Visibility::Public), (organization, Visibility::Organization)];
    both.into_iter().filter_map(|(enabled, visibility)| enabled.then_some(visibility)).collect()
}

/// The routes that a policy is attached to: they are not published without it.
pub(super) fn targets(policy: &Rendered) -> Vec<ObjectKey> {
    if policy.kind() == Kind::of::<HTTPRoute>() {
        return Vec::new();
    }
    let json = policy.json();
    let references = json.pointer("/spec/targetRefs").and_then(Value::as_array);
    let routes =
        references.into_iter().flatten().filter(|target| target.get("kind").is_some_and(|kind| kind == "HTTPRoute"));
    let names = routes.filter_map(|target| target.get("name")?.as_str());
    names.map(|name| ObjectKey::of::<HTTPRoute>(policy.key().namespace.as_str(), name)).collect()
}

/// Decides what is published of an endpoint in the plane of its placement, which must be usable.
///
/// # Errors
/// Nobody knows by which gateway; what is published stays.
pub(super) fn publish(
    cx: &PlanContext<'_>,
    placement: &Placement,
    endpoint: &Endpoint,
    owner: &Owner,
) -> Result<Publication, Finding> {
    let mut publication = Publication::default();
    let component = &placement.scope.component;
    if component.spec.type_ == component_type::SCHEDULED_TASK {
        let message = format!(
            "Component `{}` is a scheduled task, which listens nowhere; delete the endpoint, or leave its template out of the artifact",
            name_of(&**component)
        );
        publication.find(EndpointReason::NotSupported, message);
        return Ok(publication);
    }
    let visibilities = visibilities(endpoint);
    if visibilities.is_empty() {
        return Ok(within_project(cx, placement, endpoint));
    }
    let gateway = cx.platform().gateway_of(&placement.environment.data_plane);
    let gateway = gateway.map_err(|unknown| Finding::new(EndpointReason::GatewayUnknown, unknown.to_string()))?;
    let Some(gateway) = gateway else {
        publication.find(EndpointReason::NoGateway, "this platform has no gateway to publish endpoints with");
        return Ok(publication);
    };
    let namespace = cx.at(&placement.environment.plane).get::<Namespace>("", placement.namespace.as_str());
    if namespace.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()) {
        publication.find(EndpointReason::RoutePending, waits_for_deployment(placement));
        return Ok(publication);
    }
    for visibility in visibilities {
        let exposure = Exposure { cx, placement, endpoint, owner, gateway, visibility };
        match exposure.render() {
            Ok(route) => {
                if !exposure.observe(&route, &mut publication) {
                    publication.objects.extend(exposure.left_by_another(&route.objects));
                }
                publication.address.get_or_insert(route.address);
                publication.objects.extend(route.objects);
            }
            Err(finding) => {
                publication.findings.push(finding);
                publication.objects.extend(exposure.left_by_another(&[]));
            }
        }
    }
    Ok(publication)
}

impl Publication {
    fn find(&mut self, reason: EndpointReason, message: impl Into<String>) {
        self.findings.push(Finding::new(reason, message));
    }
}

fn waits_for_deployment(placement: &Placement) -> String {
    let Placement { namespace, environment, .. } = placement;
    format!("waits for the deployment: namespace `{namespace}` does not exist in {} yet", environment.plane)
}

/// An endpoint that nobody wrote a visibility for: reachable at its Service.
fn within_project(cx: &PlanContext<'_>, placement: &Placement, endpoint: &Endpoint) -> Publication {
    let mut publication = Publication::default();
    let Placement { namespace, service, .. } = placement;
    let backend = &endpoint.spec.backend_ref;
    let port = backend.component_ref.as_ref().map(|component| component.port);
    let (BackendRefType::ComponentRef, Some(port)) = (backend.type_, port) else {
        let message = "`spec.backendRef` names no port of the component, and other backends are not supported";
        publication.find(EndpointReason::RouteNotRendered, message);
        return publication;
    };
    let base_path = backend.base_path.as_deref().unwrap_or("/");
    let address = address::in_cluster(endpoint.spec.type_, service.as_str(), namespace.as_str(), port, base_path);
    let plane = &placement.environment.plane;
    if cx.at(plane).get::<Service>(namespace.as_str(), service.as_str()).is_some() {
        let message = format!("reachable within the project at {address}; no other visibility is enabled");
        publication.find(EndpointReason::ReachableInProject, message);
    } else {
        let message = format!("waits for the deployment: Service `{service}` does not exist in {plane} yet");
        publication.find(EndpointReason::RoutePending, message);
    }
    publication.address = Some(address);
    publication
}

/// An endpoint at one visibility.
struct Exposure<'e, 'a> {
    cx: &'e PlanContext<'a>,
    placement: &'e Placement,
    endpoint: &'e Endpoint,
    owner: &'e Owner,
    gateway: &'e dyn Gateway,
    visibility: Visibility,
}

/// What is published at one visibility.
struct Route {
    objects: Vec<Rendered>,
    address: String,
}

impl Exposure<'_, '_> {
    /// What gateways are given.
    fn context<'c>(&'c self, gateway: &'c str, hostname: &'c Hostname) -> EndpointContext<'c> {
        EndpointContext {
            id: self.placement.id(),
            namespace: &self.placement.namespace,
            naming: self.cx.platform().naming(),
            endpoint: self.endpoint,
            environment: &self.placement.environment.environment,
            component_type: &self.placement.scope.component.spec.type_,
            visibility: self.visibility,
            gateway,
            gateway_namespace: &self.cx.platform().settings().system_namespace,
            hostname,
            service: &self.placement.service,
            labels: &self.placement.labels,
        }
    }

    /// The objects and the address, unless something speaks against publishing them.
    fn render(&self) -> Result<Route, Finding> {
        let Placement { environment, .. } = self.placement;
        let settings = self.cx.platform().settings();
        let hostname = self.hostname()?;
        let gateway = self.gateway_name();
        let context = self.context(&gateway, &hostname);
        let mut objects = self.gateway.render(&context).map_err(|error| self.not_rendered(&error))?;
        if chosen_gateway(&environment.data_plane).is_some() {
            objects = objects.iter().map(|object| marked(object, self.gateway)).collect();
        }
        let base = base_path(&context).map_err(|error| self.not_rendered(&error))?;
        let here = self.cx.at(&environment.plane);
        if let Some(missing) = objects.iter().map(Rendered::kind).find(|kind| !here.serves(*kind)) {
            let message = format!("{} does not serve {missing}, which this route needs", environment.plane);
            return Err(Finding::new(EndpointReason::GatewayKindNotServed, message));
        }
        let claims: Vec<Claim> = objects.iter().filter_map(|object| Claim::read(&object.json())).collect();
        for claim in &claims {
            self.check_claim(claim, &hostname)?;
        }
        let path = claims.iter().find_map(Claim::prefix).unwrap_or(&base);
        let gateway = here.get::<GatewayObject>(&settings.system_namespace, &gateway);
        let address = address::at_gateway(gateway.as_deref(), &hostname, path);
        Ok(Route { objects, address })
    }

    /// What another gateway serves here until this one does: where a data plane names another gateway than before, both
    /// publish for a while, so that the address answers all the time, and what is edited meanwhile holds for both.
    fn left_by_another(&self, objects: &[Rendered]) -> Vec<Rendered> {
        let platform = self.cx.platform();
        let here = self.cx.at(&self.placement.environment.plane);
        let is_left = |key: &ObjectKey| !objects.iter().any(|object| object.key() == key);
        let left = here.owned_by(self.owner).into_iter().filter(|(key, live)| is_left(key) && !live.is_deleting());
        // By the gateway that it says it is of; what says nothing is of the default.
        let mut by_maker: BTreeMap<Option<String>, BTreeSet<ObjectKey>> = BTreeMap::new();
        for (key, live) in left {
            by_maker.entry(live.annotation(GATEWAY)).or_default().insert(key);
        }
        let Ok(hostname) = self.hostname() else { return Vec::new() };
        let (name, mut kept) = (self.gateway_name(), Vec::new());
        for (mark, left) in by_maker {
            let maker = mark.as_ref().map_or_else(|| platform.gateways().next(), |name| platform.gateway(name));
            let Some(maker) = maker.filter(|maker| maker.name() != self.gateway.name()) else { continue };
            let rendered = maker.render(&self.context(&name, &hostname)).unwrap_or_default();
            let is_free = |object: &Rendered| {
                Claim::read(&object.json()).is_none_or(|claim| self.check_claim(&claim, &hostname).is_ok())
            };
            if rendered.iter().any(|object| left.contains(object.key())) && rendered.iter().all(is_free) {
                let wanted = rendered.into_iter().filter(|object| is_left(object.key()));
                kept.extend(wanted.map(|object| if mark.is_some() { marked(&object, maker) } else { object }));
            }
        }
        kept
    }

    fn gateway_name(&self) -> String {
        self.cx.platform().settings().gateway(self.visibility, self.placement.scope.id().organization)
    }

    fn not_rendered(&self, error: &RenderError) -> Finding {
        let reason = match error {
            RenderError::Unsupported { .. } => EndpointReason::NotSupported,
            _ => EndpointReason::RouteNotRendered,
        };
        Finding::new(reason, format!("not published at visibility `{}`: {}", self.level(), chain(error)))
    }

    fn level(&self) -> &'static str {
        match self.visibility {
            Visibility::Public => "public",
            Visibility::Organization => "organization",
        }
    }

    fn hostname(&self) -> Result<Hostname, Finding> {
        let settings = self.cx.platform().settings();
        let gateway = self.placement.environment.data_plane.spec.gateway.as_ref();
        let domain = match self.visibility {
            Visibility::Public => {
                gateway.and_then(|gateway| gateway.public_virtual_host.as_deref()).unwrap_or(&settings.domain)
            }
            Visibility::Organization => gateway
                .and_then(|gateway| gateway.organization_virtual_host.as_deref())
                .unwrap_or(&settings.internal_domain),
        };
        let environment = &self.placement.environment.environment;
        let context = HostContext {
            domain,
            visibility: self.visibility,
            component_type: &self.placement.scope.component.spec.type_,
            dns_prefix: environment.spec.gateway.as_ref().and_then(|gateway| gateway.dns_prefix.as_deref()),
        };
        let hostname = self.cx.platform().hostnames().hostname(&self.placement.id(), &context);
        let name = name_of(self.endpoint);
        hostname
            .map_err(RenderError::naming(format!("the host of Endpoint `{name}`")))
            .map_err(|e| self.not_rendered(&e))
    }

    /// Looks for an elder route in the plane that takes the same: another component's anywhere on that part of the
    /// host, or the same component's at the same path. Age decides, not who was first to be planned, so that the
    /// outcome is the same after any order of events.
    fn check_claim(&self, ours: &Claim, hostname: &Hostname) -> Result<(), Finding> {
        let plane = &self.placement.environment.plane;
        let select = Select::of::<HTTPRoute>().label(labels::ROUTE_CLAIM, ours.digest.as_str());
        for (_, live) in self.cx.at(plane).list_stored(&select) {
            let is_own = live.has_label(labels::OWNER, &self.cx.label_of(self.owner));
            let Some(theirs) = Claim::read_live(&live).filter(|theirs| !is_own && theirs.is_elder_than(ours)) else {
                continue;
            };
            if !theirs.is_of_same_component_as(ours) {
                // Whose it is may be none of this author's business.
                let message = format!("host `{hostname}` is in use by an older endpoint of another component");
                return Err(Finding::new(EndpointReason::HostnameTaken, message));
            }
            if let (Some(path), Some(same)) = (theirs.prefix(), ours.prefix())
                && path == same
            {
                let elder = theirs.claimant().rsplit('/').next().unwrap_or_default();
                let message = format!("Endpoint `{elder}` is older and has the address `{hostname}{path}`");
                return Err(Finding::new(EndpointReason::RouteConflict, message));
            }
        }
        Ok(())
    }

    /// What the gateway says about what is published; whether it serves all of it.
    fn observe(&self, route: &Route, publication: &mut Publication) -> bool {
        let plane = &self.placement.environment.plane;
        let settings = self.cx.platform().settings();
        let (namespace, gateway) = (&settings.system_namespace, self.gateway_name());
        if self.cx.at(plane).get::<GatewayObject>(namespace, &gateway).is_none() {
            let message = format!("Gateway `{namespace}/{gateway}` does not exist in {plane}");
            publication.find(EndpointReason::GatewayNotFound, message);
            return false;
        }
        let mut serves = true;
        for object in &route.objects {
            let state = self.state(object);
            serves &= state == RouteState::Accepted;
            match state {
                RouteState::Accepted => {}
                RouteState::Pending => {
                    let message = format!("Gateway `{gateway}` has not yet answered for {}", route.address);
                    publication.find(EndpointReason::RoutePending, message);
                }
                RouteState::Refused(why) => {
                    let message = format!("Gateway `{gateway}` refuses {} for {}: {why}", object.kind(), route.address);
                    publication.find(EndpointReason::RouteRefused, message);
                }
            }
        }
        publication.find(EndpointReason::RouteAccepted, self.reachable(&route.address, &gateway));
        serves
    }

    /// Where the endpoint is reachable, and who is kept from it although the visibility names them.
    fn reachable(&self, address: &str, gateway: &str) -> String {
        let platform = self.cx.platform();
        let gateways = platform.settings().gateways(self.placement.scope.id().organization);
        let is_isolating = platform.dialects().next().is_some();
        if self.visibility == Visibility::Public
            || !is_isolating
            || gateways.may_call_internal(&platform.settings().network)
        {
            return format!("reachable at {address}");
        }
        format!(
            "reachable at {address}, but not from cells and builds: organizations share Gateway `{gateway}`, so they may \
             not call it; the platform's operator can permit that, or give each organization a Gateway of its own"
        )
    }

    fn state(&self, object: &Rendered) -> RouteState {
        let live = self.cx.at(&self.placement.environment.plane).stored(object.key());
        // What another gateway made of the same name says nothing of this one.
        let mark = chosen_gateway(&self.placement.environment.data_plane);
        let own = live.filter(|live| live.annotation(GATEWAY).as_deref() == mark);
        own.map_or(RouteState::Pending, |live| self.gateway.observe(object.kind(), &live))
    }
}

/// An object with the name of the gateway that rendered it.
fn marked(object: &Rendered, gateway: &dyn Gateway) -> Rendered {
    let mut json = object.json();
    if !json["metadata"]["annotations"].is_object() {
        json["metadata"]["annotations"] = json!({});
    }
    json["metadata"]["annotations"][GATEWAY] = gateway.name().into();
    Rendered::of_json(object.kind(), json)
}
