//! Envoy Gateway: how its proxies run, and the policies that it adds to Gateway API.

mod policy;
mod proxy;
mod route_filter;
mod security;
mod traffic;

pub use policy::{PolicyAncestorStatus, PolicyStatus, PolicyTarget};
pub use proxy::{EnvoyProxy, EnvoyProxyKubernetes, EnvoyProxyProvider, EnvoyProxySpec, EnvoyService};
pub use route_filter::{
    DirectResponse, DirectResponseBody, HTTPRouteFilter, HttpRouteFilterSpec, PathModifier, RegexReplacement,
    UrlRewrite,
};
pub use security::{
    ApiKeyAuth, Authorization, AuthorizationRule, BasicAuth, ClaimToHeader, Cors, Jwt, JwtClaim, JwtPrincipal,
    JwtProvider, KeyLocation, Principal, RemoteKeySet, SecurityPolicy, SecurityPolicySpec,
};
pub use traffic::{
    BackendTrafficPolicy, BackendTrafficPolicySpec, CircuitBreaker, ClientHeaderMatch, ClientSelector, RateLimit,
    RateLimitRule, RateLimitRules, RateLimitValue, SourceRange,
};
