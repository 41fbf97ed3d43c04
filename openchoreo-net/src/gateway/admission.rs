//! Whom routes let in, read back from what is in a plane: HTTPRoutes, and Envoy Gateway's SecurityPolicies.
//!
//! By Gateway API and Envoy Gateway the most specific policy decides alone: that of a rule of a route, then of the
//! route, then of the Gateway; of several with one target the oldest. A policy is read in full or not at all, and what
//! is not understood may be open ([`Unclear`]). Cross-origin rules, which browsers keep, and limits protect nothing.

use std::collections::{BTreeMap, BTreeSet};

use openchoreo_core::kind::{ObjectKey, PlaneKey};
use openchoreo_core::labels;
use openchoreo_core::reach::{
    Admission, Backend, Demand, EndpointName, Issuer, Path, Protection, Requests, Rule, Unclear,
};
use openchoreo_core::world::{Select, World};
use openchoreo_types::foreign::envoy_gateway::SecurityPolicy;
use openchoreo_types::foreign::gateway_api::{HTTPRoute, path_match};
use openchoreo_types::v1alpha1::Endpoint;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

/// Whom the routes of a plane let in; `protects` says whether the gateway heeds SecurityPolicies.
pub(super) fn admissions(world: &World, plane: &PlaneKey, protects: bool) -> Vec<Admission> {
    let policies = if protects { Policies::of(world, plane) } else { Policies::default() };
    let routes = world.list(plane, &Select::of::<HTTPRoute>());
    routes.into_iter().flat_map(|(key, live)| of_route(&policies, &key, &live.json())).collect()
}

/// An entry for each gateway, host and match of a route.
fn of_route(policies: &Policies, key: &ObjectKey, route: &Value) -> Vec<Admission> {
    let mut found = Vec::new();
    let (endpoint, written) = (endpoint_of(route), written_by(route));
    let everywhere = [Value::Null];
    let or_one = |list: &'static str, of: &Value| match items(of, list) {
        [] => everywhere.to_vec(),
        some => some.to_vec(),
    };
    let spec = route.get("spec").unwrap_or(&Value::Null);
    for parent in or_one("parentRefs", spec) {
        let gateway = gateway_of(&parent, &key.namespace);
        for rule in items(spec, "rules") {
            let (protection, policy) = policies.protection(key, rule, gateway.as_ref());
            let causes: Vec<ObjectKey> =
                written.iter().cloned().chain([key.clone()]).chain(policy.into_iter().cloned()).collect();
            let backends = backends(rule, &key.namespace);
            for (host, one) in pairs(&or_one("hostnames", spec), &or_one("matches", rule)) {
                let (requests, problem) = requests(&parent, &host, &one);
                let protection = match problem {
                    // One that leads nowhere still stands before others.
                    _ if backends.is_empty() => Protection::Closed,
                    Some(problem) => Protection::unclear(Unclear::new(format!("{key}: {problem}"), &one.to_string())),
                    None => protection.clone(),
                };
                found.push(Admission {
                    gateway: gateway.clone(),
                    requests,
                    backends: backends.clone(),
                    protection,
                    endpoint: endpoint.clone(),
                    causes: causes.clone(),
                });
            }
        }
    }
    found
}

fn pairs<A: Clone, B: Clone>(left: &[A], right: &[B]) -> Vec<(A, B)> {
    left.iter().flat_map(|one| right.iter().map(move |other| (one.clone(), other.clone()))).collect()
}

/// The Gateway that a reference names; nothing where it names something else.
fn gateway_of(parent: &Value, namespace: &str) -> Option<(String, String)> {
    let is = |member: &str, usual: &str| parent.get(member).is_none_or(|value| value.is_null() || value == usual);
    let name = text(parent, "name").filter(|_| is("group", GATEWAY_GROUP) && is("kind", "Gateway"))?;
    Some((text(parent, "namespace").unwrap_or(namespace).to_owned(), name.to_owned()))
}

/// Where a rule sends requests, and copies of them; nothing at all where it answers itself.
fn backends(rule: &Value, namespace: &str) -> BTreeSet<Backend> {
    let filters = items(rule, "filters");
    let is_redirect = |filter: &Value| text(filter, "type") == Some("RequestRedirect");
    let served =
        items(rule, "backendRefs").iter().filter(|backend| backend.get("weight").is_none_or(|weight| *weight != 0));
    let copied = filters.iter().filter_map(|filter| filter.get("requestMirror")?.get("backendRef"));
    let served = served.filter(|_| !filters.iter().any(is_redirect));
    let read = |backend: &Value| Backend {
        kind: text(backend, "kind").unwrap_or("Service").to_owned(),
        namespace: text(backend, "namespace").unwrap_or(namespace).to_owned(),
        name: text(backend, "name").unwrap_or_default().to_owned(),
        port: backend.get("port").and_then(Value::as_i64),
    };
    served.chain(copied).map(read).collect()
}

/// The requests of a match at a parent of its route, and what is not understood of it.
fn requests(parent: &Value, host: &Value, one: &Value) -> (Requests, Option<String>) {
    let mut problem = None;
    let path = one.get("path").unwrap_or(&Value::Null);
    let value = text(path, "value").unwrap_or("/").to_owned();
    let path = match text(path, "type") {
        None | Some(path_match::PATH_PREFIX) => Path::Prefix(value),
        Some(path_match::EXACT) => Path::Exact(value),
        Some(path_match::REGULAR_EXPRESSION) => Path::Expression(value),
        Some(other) => {
            problem = Some(format!("a path of type `{other}`"));
            Path::Prefix("/".to_owned())
        }
    };
    let unknown = one.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let mut unknown = unknown.filter(|name| !["path", "method", "headers", "queryParams"].contains(name));
    if let Some(name) = unknown.next() {
        problem = Some(format!("`{name}` of a match"));
    }
    let conditions =
        [("headers", "header"), ("queryParams", "query parameter")].into_iter().flat_map(|(list, what)| {
            items(one, list).iter().map(move |condition| {
                let is = if text(condition, "type") == Some(path_match::REGULAR_EXPRESSION) { "like" } else { "of" };
                let of = |member| text(condition, member).unwrap_or_default();
                format!("{what} `{}` {is} `{}`", of("name"), of("value"))
            })
        });
    let port = parent.get("port").and_then(Value::as_i64).map(|port| format!("port `{port}`"));
    let requests = Requests {
        listener: text(parent, "sectionName").map(str::to_owned),
        host: host.as_str().unwrap_or_default().to_ascii_lowercase(),
        path,
        method: text(one, "method").map(str::to_owned),
        // What is not understood may leave some of them out, so that nothing certainly comes here.
        conditions: conditions.chain(port).chain(problem.clone()).collect(),
    };
    (requests, problem)
}

/// The endpoint that a route is claimed for.
fn endpoint_of(route: &Value) -> Option<EndpointName> {
    let mut parts = annotation(route, labels::ROUTE_CLAIMED_FOR)?.splitn(5, '/').map(str::to_owned);
    Some(EndpointName {
        organization: parts.next()?,
        project: parts.next()?,
        component: parts.next()?,
        environment: parts.next()?,
        endpoint: parts.next()?,
    })
}

/// The Endpoint that a route was made for.
fn written_by(route: &Value) -> Option<ObjectKey> {
    let mut parts = annotation(route, labels::OWNED_BY)?.splitn(3, '/');
    let (kind, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    (kind == "Endpoint").then(|| ObjectKey::of::<Endpoint>(namespace, name))
}

fn annotation<'r>(route: &'r Value, key: &str) -> Option<&'r str> {
    route.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

fn text<'v>(object: &'v Value, member: &str) -> Option<&'v str> {
    object.get(member)?.as_str()
}

fn items<'v>(object: &'v Value, member: &str) -> &'v [Value] {
    object.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What a policy may be for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// A rule of a route, by its name.
    Rule(String, String, String),
    Route(String, String),
    Gateway(String, String),
}

/// The SecurityPolicies of a plane, by what they are in force for.
#[derive(Debug, Default)]
struct Policies {
    in_force: BTreeMap<Target, (ObjectKey, Protection)>,
    /// Those that may be for any route of a namespace, or with an empty one for any route.
    anywhere: BTreeMap<String, (ObjectKey, Protection)>,
    /// Those that are for one listener of a Gateway.
    listeners: BTreeMap<(String, String), (ObjectKey, Protection)>,
}

impl Policies {
    fn of(world: &World, plane: &PlaneKey) -> Self {
        let mut all: Vec<(String, ObjectKey, Value)> = world
            .list(plane, &Select::of::<SecurityPolicy>())
            .into_iter()
            .map(|(key, live)| {
                let mut policy = live.json();
                let made = policy["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
                (made, key, policy["spec"].take())
            })
            .collect();
        all.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
        let mut policies = Self::default();
        for (_, key, spec) in all {
            policies.add(&key, &spec);
        }
        policies
    }

    fn add(&mut self, key: &ObjectKey, spec: &Value) {
        let protection = protection_of(key, spec);
        let held = || (key.clone(), protection.clone());
        let unclear = |what: String| (key.clone(), Protection::unclear(Unclear::new(what, &spec.to_string())));
        let single = spec.get("targetRef").filter(|target| !target.is_null());
        let is_of_group = |target: &&Value| target.get("group").is_none_or(|group| group == GATEWAY_GROUP);
        for target in single.into_iter().chain(items(spec, "targetRefs")).filter(is_of_group) {
            let (namespace, name) = (key.namespace.clone(), text(target, "name").unwrap_or_default().to_owned());
            match (text(target, "kind").unwrap_or_default(), text(target, "sectionName")) {
                ("HTTPRoute", Some(rule)) => {
                    self.in_force.entry(Target::Rule(namespace, name, rule.to_owned())).or_insert_with(held);
                }
                ("HTTPRoute", None) => {
                    self.in_force.entry(Target::Route(namespace, name)).or_insert_with(held);
                }
                ("Gateway", None) => {
                    self.in_force.entry(Target::Gateway(namespace, name)).or_insert_with(held);
                }
                ("Gateway", Some(listener)) => {
                    let what = format!("{key} is for listener `{listener}` only");
                    self.listeners.entry((namespace, name)).or_insert_with(|| unclear(what));
                }
                _ => {}
            }
        }
        if !items(spec, "targetSelectors").is_empty() {
            let is_elsewhere = items(spec, "targetSelectors").iter().any(|one| one.get("namespaces").is_some());
            let namespace = if is_elsewhere { String::new() } else { key.namespace.clone() };
            let what = format!("{key} chooses what it is for by labels");
            self.anywhere.entry(namespace).or_insert_with(|| unclear(what));
        }
    }

    /// What protects a rule of a route at a gateway, and by which policy.
    fn protection(
        &self,
        route: &ObjectKey,
        rule: &Value,
        gateway: Option<&(String, String)>,
    ) -> (Protection, Option<&ObjectKey>) {
        let (namespace, name) = (route.namespace.clone(), route.name.clone());
        let of_rule = text(rule, "name")
            .and_then(|rule| self.in_force.get(&Target::Rule(namespace.clone(), name.clone(), rule.to_owned())));
        let of_gateway = || gateway.and_then(|at| self.in_force.get(&Target::Gateway(at.0.clone(), at.1.clone())));
        let found = self
            .anywhere
            .get(&namespace)
            .or_else(|| self.anywhere.get(""))
            .or(of_rule)
            .or_else(|| self.in_force.get(&Target::Route(namespace.clone(), name.clone())))
            .or_else(|| gateway.and_then(|at| self.listeners.get(at)))
            .or_else(of_gateway);
        found.map_or((Protection::none(), None), |(key, protection)| (protection.clone(), Some(key)))
    }
}

/// The specification of a SecurityPolicy, as far as it is understood: in full.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    #[serde(rename = "targetRef")]
    _target_ref: Option<IgnoredAny>,
    #[serde(rename = "targetRefs")]
    _target_refs: Option<IgnoredAny>,
    #[serde(rename = "targetSelectors")]
    _target_selectors: Option<IgnoredAny>,
    #[serde(rename = "cors")]
    _cors: Option<IgnoredAny>,
    jwt: Option<JwtSpec>,
    api_key_auth: Option<ApiKeySpec>,
    basic_auth: Option<BasicAuthSpec>,
    authorization: Option<AuthorizationSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JwtSpec {
    optional: Option<bool>,
    providers: Vec<ProviderSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProviderSpec {
    name: String,
    issuer: Option<String>,
    audiences: Option<Vec<String>>,
    #[serde(rename = "remoteJWKS")]
    remote: RemoteSpec,
    #[serde(rename = "claimToHeaders")]
    _claim_to_headers: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoteSpec {
    uri: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ApiKeySpec {
    credential_refs: Vec<SecretSpec>,
    #[serde(rename = "extractFrom")]
    _extract_from: IgnoredAny,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BasicAuthSpec {
    users: SecretSpec,
}

#[derive(Debug, Deserialize)]
struct SecretSpec {
    name: String,
    namespace: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthorizationSpec {
    default_action: Option<String>,
    rules: Option<Vec<RuleSpec>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSpec {
    #[serde(rename = "name")]
    _name: Option<String>,
    action: String,
    principal: PrincipalSpec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalSpec {
    #[serde(rename = "clientCIDRs")]
    addresses: Option<BTreeSet<String>>,
    jwt: Option<PrincipalJwt>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalJwt {
    provider: String,
    scopes: Option<BTreeSet<String>>,
    claims: Option<Vec<ClaimSpec>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClaimSpec {
    name: String,
    value_type: Option<String>,
    values: BTreeSet<String>,
}

/// What a SecurityPolicy asks of requests.
fn protection_of(key: &ObjectKey, spec: &Value) -> Protection {
    let read = Spec::deserialize(spec).map_err(|error| error.to_string()).and_then(|spec| spec.read(&key.namespace));
    read.unwrap_or_else(|problem| Protection::unclear(Unclear::new(format!("{key}: {problem}"), &spec.to_string())))
}

impl Spec {
    fn read(self, namespace: &str) -> Result<Protection, String> {
        let secret =
            |secret: &SecretSpec| format!("{}/{}", secret.namespace.as_deref().unwrap_or(namespace), secret.name);
        let mut demands = BTreeSet::new();
        let mut issuers = BTreeMap::new();
        if let Some(JwtSpec { optional, providers }) = self.jwt {
            for ProviderSpec { name, issuer, audiences, remote, .. } in providers {
                let audiences = audiences.unwrap_or_default().into_iter().collect();
                issuers.insert(name, Issuer { keys: remote.uri, issuer, audiences });
            }
            if optional != Some(true) {
                demands.insert(Demand::Token(issuers.values().cloned().collect()));
            }
        }
        if let Some(keys) = self.api_key_auth {
            demands.insert(Demand::ApiKey(keys.credential_refs.iter().map(secret).collect()));
        }
        if let Some(basic) = self.basic_auth {
            demands.insert(Demand::Password(secret(&basic.users)));
        }
        if let Some(AuthorizationSpec { default_action, rules }) = self.authorization {
            let rules = rules.unwrap_or_default();
            let is_open = match default_action.as_deref() {
                None | Some("Deny") => false,
                Some("Allow") => true,
                Some(other) => return Err(format!("the default action `{other}`")),
            };
            match rules.as_slice() {
                [] if is_open => {}
                [] => return Ok(Protection::Closed),
                _ if is_open => return Err("rules beside a default that lets everybody in".to_owned()),
                _ => {
                    let rules = rules.into_iter().map(|rule| rule.read(&issuers)).collect::<Result<_, _>>()?;
                    demands.insert(Demand::OneOf(rules));
                }
            }
        }
        Ok(Protection::Demands(demands))
    }
}

impl RuleSpec {
    fn read(self, issuers: &BTreeMap<String, Issuer>) -> Result<Rule, String> {
        if self.action != "Allow" {
            return Err(format!("a rule with the action `{}`", self.action));
        }
        let mut rule = Rule { addresses: self.principal.addresses.unwrap_or_default(), ..Rule::default() };
        if let Some(PrincipalJwt { provider, scopes, claims }) = self.principal.jwt {
            let issuer = issuers.get(&provider).cloned();
            rule.issuer = Some(issuer.ok_or_else(|| format!("the provider `{provider}`, which is none"))?);
            rule.scopes = scopes.unwrap_or_default();
            for ClaimSpec { name, value_type, values } in claims.unwrap_or_default() {
                if value_type.as_deref().is_some_and(|type_| type_ != "String") {
                    return Err(format!("a list in claim `{name}`"));
                }
                if rule.claims.insert(name.clone(), values).is_some() {
                    return Err(format!("claim `{name}` twice"));
                }
            }
        }
        if rule == Rule::default() {
            return Err("a rule that asks for nothing".to_owned());
        }
        Ok(rule)
    }
}
