//! Gateway API: gateways, the routes attached to them, and grants across namespaces.

mod gateway;
mod http_route;
mod reference;
mod reference_grant;

pub use gateway::{
    AllowedRoutes, Gateway, GatewayAddress, GatewayClass, GatewayClassSpec, GatewayClassStatus, GatewayInfrastructure,
    GatewaySpec, GatewayStatus, Listener, ListenerStatus, ListenerTls, RouteGroupKind, RouteNamespaces,
};
pub use http_route::{
    HTTPRoute, HttpBackendRef, HttpHeader, HttpHeaderMatch, HttpHeaderModifier, HttpPathMatch, HttpPathModifier,
    HttpRedirect, HttpRouteFilter, HttpRouteMatch, HttpRouteRule, HttpRouteSpec, HttpRouteStatus, HttpRouteTimeouts,
    HttpUrlRewrite, RouteParentStatus, filter_type, path_match,
};
pub use reference::{LabelExpression, LabelSelector, LocalObjectRef, ParametersRef, ParentRef, SecretObjectRef};
pub use reference_grant::{ReferenceGrant, ReferenceGrantFrom, ReferenceGrantSpec, ReferenceGrantTo};
