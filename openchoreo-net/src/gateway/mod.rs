//! Gateways: how an endpoint becomes routes, and how the gateway's answer is read back.
//!
//! Both gateways render the same routes; they differ in which policies they can express, which is data
//! ([`Capabilities`]). A visibility with a policy that the gateway cannot express is not rendered at all.

mod admission;
mod claim;
mod limits;
mod observe;
mod path;
mod policy;
mod protection;
mod route;

use openchoreo_core::extension::{EndpointContext, Gateway, RenderError, RouteState};
use openchoreo_core::kind::{Kind, PlaneKey};
use openchoreo_core::plan::Rendered;
use openchoreo_core::reach::Admission;
use openchoreo_core::world::{Stored, World};
use openchoreo_types::foreign::envoy_gateway::{BackendTrafficPolicy, HTTPRouteFilter, SecurityPolicy};
use openchoreo_types::foreign::gateway_api::HTTPRoute;

pub(crate) use claim::Claim;
pub(crate) use path::base_path;
pub use path::{PathStyle, operation_regex};

use protection::protection_of;

/// What a gateway can express besides plain routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// How the gateway is called in messages.
    pub name: &'static str,
    /// Tokens with scopes per operation.
    pub oauth2: bool,
    /// Rules for browsers of other origins.
    pub cors: bool,
    /// A limit on the requests to an endpoint.
    pub rate_limit: bool,
}

/// Publishes endpoints through Envoy Gateway: routes of Gateway API, protected by Envoy Gateway's own policies.
///
/// With an `oauth2` policy, each operation gets a route of its own with the scopes it needs, and whatever is not an
/// operation is met by a route that denies everybody: nothing below the endpoint's path answers unprotected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnvoyGateway {
    /// Where on its host an endpoint begins.
    pub paths: PathStyle,
}

impl EnvoyGateway {
    /// What it can express.
    pub const CAPABILITIES: Capabilities =
        Capabilities { name: "Envoy Gateway", oauth2: true, cors: true, rate_limit: true };

    /// An Envoy Gateway with paths of a style.
    pub const fn with_paths(paths: PathStyle) -> Self {
        Self { paths }
    }
}

impl Gateway for EnvoyGateway {
    fn name(&self) -> &str {
        "envoy"
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![
            Kind::of::<HTTPRoute>(),
            Kind::of::<SecurityPolicy>(),
            Kind::of::<BackendTrafficPolicy>(),
            Kind::of::<HTTPRouteFilter>(),
        ]
    }

    fn render(&self, cx: &EndpointContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        render(cx, self.paths, Self::CAPABILITIES)
    }

    fn observe(&self, kind: Kind, live: &Stored) -> RouteState {
        observe::observe(kind, live)
    }

    fn admissions(&self, world: &World, plane: &PlaneKey) -> Vec<Admission> {
        admission::admissions(world, plane, true)
    }
}

/// Publishes endpoints through any implementation of Gateway API, with nothing but its standard routes.
///
/// It can express no policy, so an endpoint with one is not published by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatewayApi {
    /// Where on its host an endpoint begins.
    pub paths: PathStyle,
}

impl GatewayApi {
    /// What it can express.
    pub const CAPABILITIES: Capabilities =
        Capabilities { name: "plain Gateway API", oauth2: false, cors: false, rate_limit: false };

    /// A plain gateway with paths of a style.
    pub const fn with_paths(paths: PathStyle) -> Self {
        Self { paths }
    }
}

impl Gateway for GatewayApi {
    fn name(&self) -> &str {
        "gateway-api"
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<HTTPRoute>()]
    }

    fn render(&self, cx: &EndpointContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        render(cx, self.paths, Self::CAPABILITIES)
    }

    fn observe(&self, kind: Kind, live: &Stored) -> RouteState {
        observe::observe(kind, live)
    }

    fn admissions(&self, world: &World, plane: &PlaneKey) -> Vec<Admission> {
        admission::admissions(world, plane, false)
    }
}

/// The objects of an endpoint at one visibility: policies and filters first, then the routes that they protect.
fn render(
    cx: &EndpointContext<'_>,
    paths: PathStyle,
    capabilities: Capabilities,
) -> Result<Vec<Rendered>, RenderError> {
    let protection = protection_of(cx, capabilities)?;
    let publication = route::Publication::of(cx, paths, capabilities)?;
    let Some(tokens) = &protection.tokens else {
        let name = publication.name()?;
        let mut objects = policy::open(&publication, &name, &protection);
        objects.push(publication.wildcard(&name));
        return Ok(objects);
    };
    let mut guards = Vec::new();
    let mut routes = Vec::new();
    for operation in &tokens.operations {
        let name = publication.operation_name(operation)?;
        let path = publication.operation_path(operation)?;
        guards.push(policy::tokens(&publication, &name, &protection, tokens, operation));
        guards.extend(publication.operation_filter(&name, &path));
        routes.push(publication.operation(&name, operation, path));
    }
    let name = publication.name()?;
    guards.push(policy::deny(&publication, &name, &protection));
    routes.push(publication.wildcard(&name));
    guards.append(&mut routes);
    Ok(guards)
}
