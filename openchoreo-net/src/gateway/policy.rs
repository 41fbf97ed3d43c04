//! Envoy Gateway's policies: what protects a route, written down for it.
//!
//! Each policy has the name of the route that it protects.

use openchoreo_core::naming::ResourceName;
use openchoreo_core::plan::Rendered;
use openchoreo_types::foreign::envoy_gateway::{
    Authorization, AuthorizationRule, BackendTrafficPolicy, BackendTrafficPolicySpec, Jwt, JwtPrincipal, JwtProvider,
    PolicyTarget, Principal, RateLimit, RateLimitRule, RateLimitRules, RemoteKeySet, SecurityPolicy,
    SecurityPolicySpec,
};

use super::protection::{Operation, Protection, TokenRules};
use super::route::Publication;

/// Name of the one provider of keys in a policy.
const PROVIDER: &str = "default";
const ALLOW: &str = "Allow";
const DENY: &str = "Deny";

/// The policies of a route that everybody may use: cross-origin rules and limits.
pub(super) fn open(publication: &Publication<'_>, name: &ResourceName, protection: &Protection) -> Vec<Rendered> {
    let security =
        protection.cors.as_ref().map(|_| security(publication, name, protection, SecurityPolicySpec::default()));
    let traffic = protection.rate_limit.as_ref().map(|limit| {
        // Counted by each proxy for itself: a count that proxies share needs a service that not every plane has.
        let rules = RateLimitRules { rules: vec![RateLimitRule { limit: limit.clone(), ..RateLimitRule::default() }] };
        Rendered::new(&BackendTrafficPolicy {
            metadata: publication.metadata(name),
            spec: BackendTrafficPolicySpec {
                target_refs: vec![target(name)],
                rate_limit: Some(RateLimit { type_: "Local".to_owned(), local: Some(rules), global: None }),
                ..BackendTrafficPolicySpec::default()
            },
            status: None,
        })
    });
    security.into_iter().chain(traffic).collect()
}

/// The policy of a route that nobody may use.
pub(super) fn deny(publication: &Publication<'_>, name: &ResourceName, protection: &Protection) -> Rendered {
    let authorization = Authorization { default_action: Some(DENY.to_owned()), rules: Vec::new() };
    let spec = SecurityPolicySpec { authorization: Some(authorization), ..SecurityPolicySpec::default() };
    security(publication, name, protection, spec)
}

/// The policy of one operation: a valid token with its scopes.
pub(super) fn tokens(
    publication: &Publication<'_>,
    name: &ResourceName,
    protection: &Protection,
    rules: &TokenRules,
    operation: &Operation,
) -> Rendered {
    let provider = JwtProvider {
        name: PROVIDER.to_owned(),
        issuer: rules.issuer.clone(),
        audiences: rules.audiences.clone(),
        remote_jwks: RemoteKeySet { uri: rules.keys.clone() },
        claim_to_headers: rules.headers.clone(),
    };
    let principal =
        JwtPrincipal { provider: PROVIDER.to_owned(), scopes: operation.scopes.clone(), claims: rules.claims.clone() };
    // A principal must ask for something; where nothing is asked for, a valid token is enough.
    let asks = !principal.scopes.is_empty() || !principal.claims.is_empty();
    let authorization = asks.then(|| Authorization {
        default_action: Some(DENY.to_owned()),
        rules: vec![AuthorizationRule {
            name: None,
            action: ALLOW.to_owned(),
            principal: Principal { jwt: Some(principal), ..Principal::default() },
        }],
    });
    let spec = SecurityPolicySpec {
        jwt: Some(Jwt { optional: false, providers: vec![provider] }),
        authorization,
        ..SecurityPolicySpec::default()
    };
    security(publication, name, protection, spec)
}

fn security(
    publication: &Publication<'_>,
    name: &ResourceName,
    protection: &Protection,
    spec: SecurityPolicySpec,
) -> Rendered {
    Rendered::new(&SecurityPolicy {
        metadata: publication.metadata(name),
        spec: SecurityPolicySpec { target_refs: vec![target(name)], cors: protection.cors.clone(), ..spec },
        status: None,
    })
}

fn target(route: &ResourceName) -> PolicyTarget {
    PolicyTarget {
        group: "gateway.networking.k8s.io".to_owned(),
        kind: "HTTPRoute".to_owned(),
        name: route.to_string(),
        section_name: None,
    }
}
