//! Which listeners a route attaches to, and what its status says: a pure evaluation of Gateway API's rules.
//!
//! Only HTTPRoutes and only Service backends. A parent that does not exist, or belongs to another controller, gets no
//! entry: nobody but that controller may speak for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};

use super::super::conditions::WantedCondition;
use super::model::{
    BackendRef, GATEWAY_GROUP, Gateway, GatewayClass, HttpRoute, HttpRouteFilter, Key, Listener, ParentRef, Policy,
    ReferenceGrant,
};

/// Everything that the evaluation reads, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    /// The controller that is simulated.
    pub(super) controller_name: String,
    pub(super) classes: BTreeMap<String, Arc<GatewayClass>>,
    pub(super) gateways: BTreeMap<Key, Arc<Gateway>>,
    pub(super) routes: BTreeMap<Key, Arc<HttpRoute>>,
    pub(super) grants: Vec<Arc<ReferenceGrant>>,
    pub(super) namespaces: BTreeMap<String, Arc<Namespace>>,
    pub(super) services: BTreeMap<Key, Arc<Service>>,
    pub(super) security_policies: BTreeMap<Key, Arc<Policy>>,
    pub(super) traffic_policies: BTreeMap<Key, Arc<Policy>>,
    pub(super) client_policies: BTreeMap<Key, Arc<Policy>>,
    pub(super) extension_policies: BTreeMap<Key, Arc<Policy>>,
    pub(super) filters: BTreeMap<Key, Arc<HttpRouteFilter>>,
    pub(super) secrets: BTreeMap<Key, Arc<Secret>>,
    pub(super) config_maps: BTreeMap<Key, Arc<ConfigMap>>,
}

/// What became of one parent reference of a route.
#[derive(Debug, Clone)]
pub(super) struct Attachment {
    pub(super) parent: ParentRef,
    pub(super) gateway: Key,
    /// The listeners that take the route, each with the hostnames that both sides agree on. An empty list of
    /// hostnames stands for every host.
    pub(super) listeners: Vec<(String, Vec<String>)>,
    pub(super) conditions: Vec<WantedCondition>,
}

impl Snapshot {
    /// Whether a Gateway is ours to simulate.
    pub(super) fn is_ours(&self, gateway: &Gateway) -> bool {
        self.classes
            .get(&gateway.spec.gateway_class_name)
            .is_some_and(|class| class.spec.controller_name == self.controller_name)
    }

    /// One entry for each parent of the route that is ours.
    pub(super) fn attachments(&self, route: &HttpRoute) -> Vec<Attachment> {
        let resolved = self.resolved_refs(route);
        let namespace = route.metadata.namespace.as_deref().unwrap_or_default();
        route
            .spec
            .parent_refs
            .iter()
            .filter_map(|parent| {
                let gateway_key = parent_gateway(parent, namespace)?;
                let gateway = self.gateways.get(&gateway_key).filter(|gateway| self.is_ours(gateway))?;
                let (listeners, accepted) = self.accepted(route, namespace, parent, gateway);
                let conditions = vec![accepted, resolved.clone()];
                Some(Attachment { parent: parent.clone(), gateway: gateway_key, listeners, conditions })
            })
            .collect()
    }

    fn accepted(
        &self,
        route: &HttpRoute,
        namespace: &str,
        parent: &ParentRef,
        gateway: &Gateway,
    ) -> (Vec<(String, Vec<String>)>, WantedCondition) {
        let refused = |reason, message: String| (Vec::new(), WantedCondition::new("Accepted", false, reason, message));
        if let Some(problem) = unsupported(route) {
            return refused("UnsupportedValue", problem);
        }
        let named: Vec<&Listener> =
            gateway.spec.listeners.iter().filter(|listener| is_meant(parent, listener)).collect();
        if named.is_empty() {
            return refused(
                "NoMatchingParent",
                format!("no listener of gateway `{}` matches the reference", parent.name),
            );
        }
        let home = gateway.metadata.namespace.as_deref().unwrap_or_default();
        let allowing: Vec<&Listener> =
            named.into_iter().filter(|listener| self.allows(listener, home, namespace)).collect();
        if allowing.is_empty() {
            let message = format!("no listener of gateway `{}` allows routes of namespace `{namespace}`", parent.name);
            return refused("NotAllowedByListeners", message);
        }
        let listeners: Vec<(String, Vec<String>)> = allowing
            .into_iter()
            .filter_map(|listener| {
                let hosts = common_hosts(listener.hostname.as_deref(), &route.spec.hostnames)?;
                Some((listener.name.clone(), hosts))
            })
            .collect();
        if listeners.is_empty() {
            let message = format!("no listener of gateway `{}` serves a hostname of the route", parent.name);
            return refused("NoMatchingListenerHostname", message);
        }
        (listeners, WantedCondition::new("Accepted", true, "Accepted", "the route is accepted"))
    }

    fn allows(&self, listener: &Listener, home: &str, namespace: &str) -> bool {
        let kinds = &listener.allowed_routes.kinds;
        if !kinds.is_empty() && !kinds.iter().any(|kind| kind.kind == "HTTPRoute") {
            return false;
        }
        let allowed = &listener.allowed_routes.namespaces;
        match allowed.from.as_deref() {
            Some("All") => true,
            Some("Selector") => allowed.selector.as_ref().is_some_and(|selector| self.selects(selector, namespace)),
            None | Some("Same") => home == namespace,
            Some(_) => false,
        }
    }

    fn selects(&self, selector: &LabelSelector, namespace: &str) -> bool {
        let Ok(selector) = Selector::try_from(selector.clone()) else {
            return false;
        };
        self.namespaces
            .get(namespace)
            .is_some_and(|found| selector.matches(found.metadata.labels.as_ref().unwrap_or(&BTreeMap::new())))
    }

    fn resolved_refs(&self, route: &HttpRoute) -> WantedCondition {
        let problem = route
            .spec
            .rules
            .iter()
            .flat_map(|rule| &rule.backend_refs)
            .find_map(|backend| self.backend(route, backend).err());
        match problem {
            Some((reason, message)) => WantedCondition::new("ResolvedRefs", false, reason, message),
            None => WantedCondition::new("ResolvedRefs", true, "ResolvedRefs", "all backends exist"),
        }
    }

    /// The Service behind a backend reference, or why there is none.
    pub(super) fn backend(
        &self,
        route: &HttpRoute,
        backend: &BackendRef,
    ) -> Result<(Key, Arc<Service>), (&'static str, String)> {
        let group = backend.group.as_deref().unwrap_or_default();
        let kind = backend.kind.as_deref().unwrap_or("Service");
        if !group.is_empty() || kind != "Service" {
            return Err(("InvalidKind", format!("backends of kind `{kind}` are not simulated")));
        }
        let home = route.metadata.namespace.as_deref().unwrap_or_default();
        let namespace = backend.namespace.as_deref().unwrap_or(home);
        let key = Key::new(namespace, &backend.name);
        if namespace != home && !self.is_granted(home, &key) {
            return Err(("RefNotPermitted", format!("no reference grant in `{namespace}` permits service `{key}`")));
        }
        let service =
            self.services.get(&key).ok_or_else(|| ("BackendNotFound", format!("service `{key}` not found")))?;
        let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
        match backend.port {
            None => Err(("UnsupportedValue", format!("the reference to service `{key}` names no port"))),
            Some(port) if !ports.iter().any(|known| known.port == port) => {
                Err(("PortNotFound", format!("service `{key}` has no port {port}")))
            }
            Some(_) => Ok((key, Arc::clone(service))),
        }
    }

    fn is_granted(&self, from: &str, to: &Key) -> bool {
        self.grants.iter().any(|grant| {
            grant.metadata.namespace.as_deref() == Some(&to.namespace)
                && grant
                    .spec
                    .from
                    .iter()
                    .any(|one| one.group == GATEWAY_GROUP && one.kind == "HTTPRoute" && one.namespace == from)
                && grant.spec.to.iter().any(|one| {
                    one.group.is_empty()
                        && one.kind == "Service"
                        && one.name.as_ref().is_none_or(|name| *name == to.name)
                })
        })
    }
}

/// The Gateway that a parent reference names, if it names a Gateway at all.
pub(super) fn parent_gateway(parent: &ParentRef, route_namespace: &str) -> Option<Key> {
    let group = parent.group.as_deref().unwrap_or(GATEWAY_GROUP);
    let kind = parent.kind.as_deref().unwrap_or("Gateway");
    (group == GATEWAY_GROUP && kind == "Gateway")
        .then(|| Key::new(parent.namespace.as_deref().unwrap_or(route_namespace), &parent.name))
}

fn is_meant(parent: &ParentRef, listener: &Listener) -> bool {
    let protocol = matches!(listener.protocol.as_str(), "HTTP" | "HTTPS");
    let section = parent.section_name.as_ref().is_none_or(|section| *section == listener.name);
    let port = parent.port.is_none_or(|port| port == listener.port);
    protocol && section && port
}

/// A value in the route that cannot be evaluated, such as a malformed expression.
fn unsupported(route: &HttpRoute) -> Option<String> {
    route.spec.rules.iter().flat_map(|rule| &rule.matches).find_map(super::routing::unsupported)
}

/// The hostnames on which a listener and a route agree; `None` when there is none. An empty list is every host.
fn common_hosts(listener: Option<&str>, route: &[String]) -> Option<Vec<String>> {
    let listener = listener.filter(|host| !host.is_empty());
    match (listener, route) {
        (None, route) => Some(route.to_vec()),
        (Some(listener), []) => Some(vec![listener.to_owned()]),
        (Some(listener), route) => {
            let common: Vec<String> = route.iter().filter_map(|host| common_host(listener, host)).collect();
            (!common.is_empty()).then_some(common)
        }
    }
}

/// The narrower of two hostnames when one covers the other.
fn common_host(one: &str, other: &str) -> Option<String> {
    if host_covers(one, other) {
        Some(other.to_owned())
    } else if host_covers(other, one) {
        Some(one.to_owned())
    } else {
        None
    }
}

/// Whether a hostname, which may start with `*.`, covers another one. The star stands for one or more labels.
fn host_covers(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let Some(suffix) = pattern.strip_prefix('*') else {
        return false;
    };
    let host = host.strip_prefix('*').unwrap_or(host);
    host.len() > suffix.len()
        && host.get(host.len() - suffix.len()..).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
pub(super) mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    pub(in super::super) fn object<T: DeserializeOwned>(value: Value) -> Arc<T> {
        Arc::new(serde_json::from_value(value).unwrap())
    }

    /// A public gateway for `*.example.test` in `system`, and the service `shop/web` with port 80.
    pub(in super::super) fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot { controller_name: "test/controller".to_owned(), ..Snapshot::default() };
        snapshot.classes.insert(
            "choreo".to_owned(),
            object(json!({ "metadata": { "name": "choreo" }, "spec": { "controllerName": "test/controller" } })),
        );
        snapshot.gateways.insert(
            Key::new("system", "public"),
            object(json!({
                "metadata": { "name": "public", "namespace": "system", "generation": 1 },
                "spec": {
                    "gatewayClassName": "choreo",
                    "listeners": [{
                        "name": "https", "port": 443, "protocol": "HTTPS", "hostname": "*.example.test",
                        "allowedRoutes": { "namespaces": { "from": "All" } },
                    }],
                },
            })),
        );
        for namespace in ["shop", "system"] {
            snapshot.namespaces.insert(
                namespace.to_owned(),
                object(json!({ "metadata": { "name": namespace, "labels": { "team": namespace } } })),
            );
        }
        snapshot.services.insert(
            Key::new("shop", "web"),
            object(json!({
                "metadata": { "name": "web", "namespace": "shop" },
                "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
            })),
        );
        snapshot
    }

    pub(in super::super) fn route(spec: Value) -> Arc<HttpRoute> {
        let mut whole = json!({
            "parentRefs": [{ "name": "public", "namespace": "system" }],
            "hostnames": ["web.example.test"],
            "rules": [{ "backendRefs": [{ "name": "web", "port": 80 }] }],
        });
        if let (Some(whole), Value::Object(spec)) = (whole.as_object_mut(), spec) {
            whole.extend(spec);
        }
        object(json!({ "metadata": { "name": "web", "namespace": "shop" }, "spec": whole }))
    }

    fn reasons(snapshot: &Snapshot, spec: Value) -> Vec<&'static str> {
        let attachments = snapshot.attachments(&route(spec));
        attachments.iter().flat_map(|one| one.conditions.iter().map(|condition| condition.reason)).collect()
    }

    #[test]
    fn routes_are_accepted_or_refused_for_the_reason_that_gateway_api_names() {
        let parent = |extra: Value| {
            let mut parent = json!({ "name": "public", "namespace": "system" });
            if let (Some(parent), Value::Object(extra)) = (parent.as_object_mut(), extra) {
                parent.extend(extra);
            }
            json!({ "parentRefs": [parent] })
        };
        let backend = |backend: Value| json!({ "rules": [{ "backendRefs": [backend] }] });
        let cases: Vec<(Value, &[&str])> = vec![
            (json!({}), &["Accepted", "ResolvedRefs"]),
            (json!({ "hostnames": [] }), &["Accepted", "ResolvedRefs"]),
            (parent(json!({ "sectionName": "https" })), &["Accepted", "ResolvedRefs"]),
            (parent(json!({ "sectionName": "other" })), &["NoMatchingParent", "ResolvedRefs"]),
            (parent(json!({ "port": 80 })), &["NoMatchingParent", "ResolvedRefs"]),
            (json!({ "hostnames": ["web.other.test"] }), &["NoMatchingListenerHostname", "ResolvedRefs"]),
            (parent(json!({ "name": "missing" })), &[]),
            (backend(json!({ "name": "gone", "port": 80 })), &["Accepted", "BackendNotFound"]),
            (backend(json!({ "name": "web", "port": 81 })), &["Accepted", "PortNotFound"]),
            (backend(json!({ "name": "web", "namespace": "other", "port": 80 })), &["Accepted", "RefNotPermitted"]),
            (backend(json!({ "name": "web", "kind": "Bucket" })), &["Accepted", "InvalidKind"]),
            (
                json!({ "rules": [{ "matches": [{ "path": { "type": "RegularExpression", "value": "(" } }] }] }),
                &["UnsupportedValue", "ResolvedRefs"],
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(reasons(&snapshot(), spec.clone()), expected, "{spec}");
        }
    }

    #[test]
    fn a_listener_decides_which_namespaces_may_attach() {
        let cases = [
            (json!({}), "NotAllowedByListeners"),
            (json!({ "from": "Same" }), "NotAllowedByListeners"),
            (json!({ "from": "Selector", "selector": { "matchLabels": { "team": "shop" } } }), "Accepted"),
            (
                json!({ "from": "Selector", "selector": { "matchLabels": { "team": "other" } } }),
                "NotAllowedByListeners",
            ),
            (json!({ "from": "All" }), "Accepted"),
        ];
        for (namespaces, expected) in cases {
            let mut snapshot = snapshot();
            let gateway = snapshot.gateways.get_mut(&Key::new("system", "public")).unwrap();
            Arc::make_mut(gateway).spec.listeners[0].allowed_routes.namespaces =
                serde_json::from_value(namespaces.clone()).unwrap();
            assert_eq!(reasons(&snapshot, json!({}))[0], expected, "{namespaces}");
        }
    }

    #[test]
    fn a_grant_permits_a_backend_in_another_namespace() {
        let mut snapshot = snapshot();
        snapshot.services.insert(
            Key::new("other", "web"),
            object(
                json!({ "metadata": { "name": "web", "namespace": "other" }, "spec": { "ports": [{ "port": 80 }] } }),
            ),
        );
        snapshot.grants.push(object(json!({
            "metadata": { "name": "g", "namespace": "other" },
            "spec": {
                "from": [{ "group": GATEWAY_GROUP, "kind": "HTTPRoute", "namespace": "shop" }],
                "to": [{ "group": "", "kind": "Service" }],
            },
        })));
        let spec = json!({ "rules": [{ "backendRefs": [{ "name": "web", "namespace": "other", "port": 80 }] }] });
        assert_eq!(reasons(&snapshot, spec), ["Accepted", "ResolvedRefs"]);
    }

    #[test]
    fn the_narrower_hostname_is_the_common_one() {
        let cases = [
            ("*.example.test", "a.example.test", Some("a.example.test")),
            ("*.example.test", "a.b.example.test", Some("a.b.example.test")),
            ("*.example.test", "example.test", None),
            ("*.example.test", "*.b.example.test", Some("*.b.example.test")),
            ("a.example.test", "*.example.test", Some("a.example.test")),
            ("a.example.test", "A.example.test", Some("A.example.test")),
            ("a.example.test", "b.example.test", None),
        ];
        for (one, other, expected) in cases {
            assert_eq!(common_host(one, other).as_deref(), expected, "{one} and {other}");
        }
    }
}
