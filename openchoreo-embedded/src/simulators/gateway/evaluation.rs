//! Decides about requests: by which route a request is served, whether what protects the route lets it in, and where it
//! goes.
//!
//! A pure function over plain objects. Nothing is fetched, no time passes, and whatever the objects hold, the answer is a
//! decision; a route whose protection is not understood lets nobody in.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{HOST, HeaderMap, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::attachment::Snapshot;
use super::listener::GatewayProtocol;
use super::model::Key;
use super::paths::{normalized, with_slashes};
use super::protection::{Call, Circumstances, Passing, Served};
use super::routing::{Entry, RoutingTable};

/// The objects of a cluster that decide about requests.
///
/// ```
/// use http::Request;
/// use jiff::Timestamp;
/// use openchoreo_embedded::simulators::GatewayProtocol;
/// use openchoreo_embedded::simulators::gateway::{Circumstances, KeySets, Objects, RequestCounts};
/// use serde_json::json;
///
/// let objects = [
///     json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "c"},
///         "spec": {"controllerName": "example/controller"}}),
///     json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
///         "metadata": {"name": "public", "namespace": "shop"}, "spec": {"gatewayClassName": "c",
///         "listeners": [{"name": "https", "port": 443, "protocol": "HTTPS"}]}}),
///     json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
///         "spec": {"ports": [{"port": 80}]}}),
///     json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
///         "metadata": {"name": "web", "namespace": "shop"}, "spec": {"parentRefs": [{"name": "public"}],
///         "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}}),
///     json!({"apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "SecurityPolicy",
///         "metadata": {"name": "web", "namespace": "shop"}, "spec": {
///         "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "web"}],
///         "authorization": {"defaultAction": "Deny", "rules": [
///             {"action": "Allow", "principal": {"clientCIDRs": ["10.0.0.0/8"]}}]}}}),
/// ];
/// let rules = Objects::read("example/controller", &objects).rules("shop", "public", GatewayProtocol::Https);
/// let request = Request::get("https://web.example/cart").body(())?;
/// let mut counts = RequestCounts::default();
/// let mut ask = |client: &str| -> Result<_, std::net::AddrParseError> {
///     let (now, verifier) = (Timestamp::UNIX_EPOCH, &KeySets::default());
///     Ok(rules.decide(&request, Circumstances { client: client.parse()?, now, verifier, counts: &mut counts }))
/// };
/// assert_eq!(ask("10.1.1.1")?.destination().map(|to| to.name.as_str()), Some("web"));
/// assert_eq!(ask("192.0.2.1")?.status().map(|status| status.as_u16()), Some(403));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Objects {
    snapshot: Snapshot,
}

impl Objects {
    /// Takes what matters out of objects, for Gateways of a controller. Objects of other kinds do not matter, and objects
    /// that are none of their kind, which no API server would store, are not there.
    #[must_use]
    pub fn read<'a>(controller_name: impl Into<String>, objects: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut snapshot = Snapshot { controller_name: controller_name.into(), ..Snapshot::default() };
        for object in objects {
            let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
            let group = text("apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
            match (group, text("kind")) {
                ("gateway.networking.k8s.io", "GatewayClass") => {
                    if let Some((key, class)) = parsed(object) {
                        snapshot.classes.insert(key.name, class);
                    }
                }
                ("gateway.networking.k8s.io", "Gateway") => snapshot.gateways.extend(parsed(object)),
                ("gateway.networking.k8s.io", "HTTPRoute") => snapshot.routes.extend(parsed(object)),
                ("gateway.networking.k8s.io", "ReferenceGrant") => {
                    snapshot.grants.extend(parsed(object).map(|(_, grant)| grant));
                }
                ("gateway.envoyproxy.io", "SecurityPolicy") => snapshot.security_policies.extend(parsed(object)),
                ("gateway.envoyproxy.io", "BackendTrafficPolicy") => snapshot.traffic_policies.extend(parsed(object)),
                ("gateway.envoyproxy.io", "ClientTrafficPolicy") => snapshot.client_policies.extend(parsed(object)),
                ("gateway.envoyproxy.io", "EnvoyExtensionPolicy") => snapshot.extension_policies.extend(parsed(object)),
                ("gateway.envoyproxy.io", "HTTPRouteFilter") => snapshot.filters.extend(parsed(object)),
                ("", "Namespace") => {
                    if let Some((key, namespace)) = parsed(object) {
                        snapshot.namespaces.insert(key.name, namespace);
                    }
                }
                ("", "Service") => snapshot.services.extend(parsed(object)),
                ("", "Secret") => snapshot.secrets.extend(parsed(object)),
                ("", "ConfigMap") => snapshot.config_maps.extend(parsed(object)),
                _ => {}
            }
        }
        Self { snapshot }
    }

    /// What the Gateway of a name does with the requests of a protocol. Nothing is served where there is no such Gateway,
    /// or where it is another controller's.
    #[must_use]
    pub fn rules(&self, namespace: &str, name: &str, protocol: GatewayProtocol) -> Rules {
        Rules::build(&self.snapshot, &Key::new(namespace, name), protocol)
    }
}

fn parsed<K: DeserializeOwned>(object: &Value) -> Option<(Key, Arc<K>)> {
    let name = |name: &str| object.pointer(name).and_then(Value::as_str).unwrap_or_default();
    let key = Key::new(name("/metadata/namespace"), name("/metadata/name"));
    K::deserialize(object).ok().map(|object| (key, Arc::new(object)))
}

/// What a Gateway does with the requests of one protocol.
#[derive(Debug)]
pub struct Rules {
    pub(super) table: RoutingTable,
    protocol: GatewayProtocol,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The rule that serves the request, if any does.
    pub rule: Option<RouteRule>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Headers that the answer carries, wherever it comes from.
    pub headers: HeaderMap,
}

/// A rule of a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteRule {
    /// Namespace of the route.
    pub namespace: String,
    /// Name of the route.
    pub name: String,
    /// The rule's place in the route.
    pub index: usize,
}

/// Where a request that is let in goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub name: String,
    /// Port of the Service.
    pub port: i32,
    /// The path that the backend sees.
    pub path: String,
}

/// What becomes of a request, in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// No rule serves it: 404.
    NoRoute,
    /// What protects the route does not let it in.
    Refused {
        /// 401, 403, 429, or 500 for a protection that is invalid or not understood.
        status: StatusCode,
        /// The text of the answer.
        text: String,
    },
    /// It asked what a page of another origin may do, and got the answer: 200.
    Preflight,
    /// It is sent elsewhere.
    Redirected {
        /// 301, 302, 303, 307 or 308.
        status: StatusCode,
        /// The new address.
        location: String,
    },
    /// The route answers by itself.
    Answered {
        /// The status.
        status: StatusCode,
        /// The body.
        body: String,
    },
    /// The rule has no backend, or a filter that is not understood: 500.
    Broken {
        /// Why.
        problem: String,
    },
    /// It is let in.
    Forwarded(Destination),
}

impl Decision {
    /// The status of the answer; a backend chooses its own.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match &self.outcome {
            Outcome::NoRoute => Some(StatusCode::NOT_FOUND),
            Outcome::Preflight => Some(StatusCode::OK),
            Outcome::Broken { .. } => Some(StatusCode::INTERNAL_SERVER_ERROR),
            Outcome::Refused { status, .. } | Outcome::Redirected { status, .. } | Outcome::Answered { status, .. } => {
                Some(*status)
            }
            Outcome::Forwarded(_) => None,
        }
    }

    /// Where the request goes, if it is let in.
    #[must_use]
    pub fn destination(&self) -> Option<&Destination> {
        match &self.outcome {
            Outcome::Forwarded(destination) => Some(destination),
            Outcome::NoRoute
            | Outcome::Refused { .. }
            | Outcome::Preflight
            | Outcome::Redirected { .. }
            | Outcome::Answered { .. }
            | Outcome::Broken { .. } => None,
        }
    }
}

impl Rules {
    pub(super) fn build(snapshot: &Snapshot, gateway: &Key, protocol: GatewayProtocol) -> Self {
        Self { table: RoutingTable::build(snapshot, gateway, protocol.listener_protocol()), protocol }
    }

    /// Decides about a request. Its host is that of its URI or else of its header; its path is brought into one form first,
    /// and a client that escaped a slash is sent to the path with the slash.
    pub fn decide<B>(&self, request: &Request<B>, mut circumstances: Circumstances<'_>) -> Decision {
        if let Some(path) = with_slashes(request.uri().path()) {
            let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
            let status = StatusCode::TEMPORARY_REDIRECT;
            let outcome = Outcome::Redirected { status, location: format!("{}{query}", normalized(&path)) };
            return Decision { rule: None, outcome, headers: HeaderMap::new() };
        }
        let path = normalized(request.uri().path());
        let call = self.call(request, &path, circumstances.client);
        self.decide_call(&call, self.table.find(&call), &mut circumstances)
    }

    /// The URLs of the keys that a decision about a request depends on.
    pub(super) fn keys_needed<B>(&self, request: &Request<B>, client: IpAddr) -> Vec<String> {
        let path = normalized(request.uri().path());
        let entry = self.table.find(&self.call(request, &path, client));
        let security = entry.and_then(|entry| entry.guard.security.as_ref());
        let security = security.and_then(|(_, security)| security.as_ref().as_ref().ok());
        security.into_iter().flat_map(|security| security.remote_keys()).map(str::to_owned).collect()
    }

    /// A request as it is looked at, with its normalized path.
    pub(super) fn call<'r, B>(&self, request: &'r Request<B>, path: &'r str, client: IpAddr) -> Call<'r> {
        let in_uri = request.uri().authority().map(http::uri::Authority::as_str);
        let in_header = || request.headers().get(HOST).and_then(|value| value.to_str().ok());
        let authority = in_uri.or_else(in_header).unwrap_or_default();
        Call {
            scheme: self.protocol.scheme(),
            authority,
            host: without_port(authority),
            path,
            query: request.uri().query().unwrap_or_default(),
            method: request.method(),
            headers: request.headers(),
            client,
        }
    }

    /// Decides about a request for which a rule was found.
    pub(super) fn decide_call(
        &self,
        call: &Call<'_>,
        entry: Option<&Entry>,
        circumstances: &mut Circumstances<'_>,
    ) -> Decision {
        let Some(entry) = entry else {
            return Decision { rule: None, outcome: Outcome::NoRoute, headers: HeaderMap::new() };
        };
        let served = served(entry, call);
        let way = if matches!(served, Outcome::Forwarded(_)) { Served::Forwarded } else { Served::Directly };
        let verdict = entry.guard.judge(call, way, &entry.counter, circumstances);
        let mut headers = verdict.headers;
        let outcome = match verdict.passes {
            Ok(Passing::On) => served,
            Ok(Passing::Preflight) => Outcome::Preflight,
            Err(refused) => {
                headers.extend(refused.challenge.map(|challenge| (WWW_AUTHENTICATE, challenge)));
                Outcome::Refused { status: refused.status, text: refused.text }
            }
        };
        let Key { namespace, name } = entry.target.route.clone();
        Decision { rule: Some(RouteRule { namespace, name, index: entry.target.rule }), outcome, headers }
    }
}

/// What the rule does with a request that is let in.
fn served(entry: &Entry, call: &Call<'_>) -> Outcome {
    let filters = match &entry.target.filters {
        Ok(filters) => filters,
        Err(problem) => return Outcome::Broken { problem: problem.clone() },
    };
    if let Some(redirect) = &filters.redirect {
        let status = redirect.status_code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::FOUND);
        return Outcome::Redirected { status, location: entry.redirected(redirect, call) };
    }
    if let Some(answer) = &filters.answer {
        return Outcome::Answered { status: answer.status, body: answer.body.clone() };
    }
    match &entry.target.backend {
        Ok(backend) => Outcome::Forwarded(Destination {
            namespace: backend.key.namespace.clone(),
            name: backend.key.name.clone(),
            port: backend.port,
            path: filters.rewritten(&entry.path, call.path),
        }),
        Err(problem) => Outcome::Broken { problem: problem.clone() },
    }
}

/// The host of an authority; the colons of an address in brackets are not a port's.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_not_part_of_the_host() {
        let cases = [("a.test:8443", "a.test"), ("a.test", "a.test"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]")];
        for (authority, host) in cases {
            assert_eq!(without_port(authority), host);
        }
    }
}
