//! Writes what a gateway controller writes: statuses of classes, Gateways, routes and policies, and each Gateway's proxy
//! Service.
//!
//! Everything is computed from the snapshot and compared with what is there, so a settled cluster costs no request.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::{Api, Client, Resource};
use serde_json::{Value, json};

use super::super::conditions::{WantedCondition, settle};
use super::super::{FIELD_MANAGER, SIMULATED_ANNOTATION};
use super::attachment::{Attachment, Snapshot};
use super::model::{
    ENVOY_GROUP, Gateway, GatewayClass, HttpRoute, Key, Policy, gateway_classes, gateways, http_routes,
    security_policies, traffic_policies,
};
use super::observation::{Observation, Pending};
use super::policies::{Ancestor, PolicyKind, Targets, ancestors};

/// Which listeners every known route is attached to; kept between passes, so that counting needs no new evaluation.
pub(super) type Attached = BTreeMap<Key, Vec<(Key, String)>>;

/// Brings everything that `pending` touches to its wanted state. One object that cannot be written does not keep the
/// others from it; the first failure is reported at the end.
pub(super) async fn pass(
    client: &Client,
    observation: &Observation,
    pending: &Pending,
    attached: &mut Attached,
) -> Result<(), kube::Error> {
    let snapshot = observation.snapshot();
    let now = Timestamp::now();
    let mut outcome = Ok(());
    for class in snapshot.classes.values().filter(|class| class.spec.controller_name == snapshot.controller_name) {
        outcome = outcome.and(write_class(client, class, now).await);
    }
    attached.retain(|key, _| snapshot.routes.contains_key(key));
    for (key, route) in snapshot.routes.iter().filter(|(key, route)| pending.touches(key, route)) {
        let attachments = snapshot.attachments(route);
        let listeners = attachments
            .iter()
            .flat_map(|one| one.listeners.iter().map(|(name, _)| (one.gateway.clone(), name.clone())))
            .collect();
        attached.insert(key.clone(), listeners);
        outcome = outcome.and(write_route(client, key, route, &attachments, &snapshot, now).await);
    }
    let kinds = [(PolicyKind::Security, security_policies()), (PolicyKind::Traffic, traffic_policies())];
    for (kind, resource) in kinds {
        outcome = outcome.and(write_policies(client, kind, &resource, &snapshot, pending, now).await);
    }
    let mut counts: BTreeMap<(&Key, &str), usize> = BTreeMap::new();
    for (gateway, listener) in attached.values().flatten() {
        *counts.entry((gateway, listener)).or_default() += 1;
    }
    let ours = snapshot.gateways.iter().filter(|(_, gateway)| {
        // A Gateway on its way out gets no new Service.
        snapshot.is_ours(gateway) && gateway.metadata.deletion_timestamp.is_none()
    });
    for (key, gateway) in ours {
        let proxy = proxy_service(gateway, key, observation);
        let written = match write_proxy(client, &proxy, &snapshot).await {
            Ok(address) => {
                let count = |listener: &str| counts.get(&(key, listener)).copied().unwrap_or(0);
                write_gateway(client, key, gateway, address, count, now).await
            }
            Err(error) => Err(error),
        };
        outcome = outcome.and(written);
    }
    outcome
}

async fn write_class(client: &Client, class: &GatewayClass, now: Timestamp) -> Result<(), kube::Error> {
    let existing = class.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let wanted = [WantedCondition::new("Accepted", true, "Accepted", "the class is accepted")];
    let conditions = settle(existing, &wanted, class.metadata.generation.unwrap_or(0), now);
    if existing == conditions {
        return Ok(());
    }
    let status = json!({ "conditions": conditions });
    write_status(client, &gateway_classes(), &Key::of(&class.metadata), &status).await
}

async fn write_route(
    client: &Client,
    key: &Key,
    route: &HttpRoute,
    attachments: &[Attachment],
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let existing = route.status.as_ref().map(|status| status.parents.as_slice()).unwrap_or_default();
    let parents = parents(existing, route, attachments, &snapshot.controller_name, now);
    if existing == parents {
        return Ok(());
    }
    write_status(client, &http_routes(), key, &json!({ "parents": parents })).await
}

/// The entries of a route's status: those of other controllers as they are, and ours anew.
fn parents(
    existing: &[Value],
    route: &HttpRoute,
    attachments: &[Attachment],
    controller_name: &str,
    now: Timestamp,
) -> Vec<Value> {
    let entries = attachments.iter().map(|one| ("parentRef", parent_value(one), one.conditions.as_slice()));
    merged(existing, entries, route.metadata.generation.unwrap_or(0), controller_name, now)
}

/// A list of reports by controller: entries of others first, as they are, then ours, each given by the name of its
/// reference, the reference, and its conditions.
fn merged<'c>(
    existing: &[Value],
    entries: impl Iterator<Item = (&'static str, Value, &'c [WantedCondition])>,
    generation: i64,
    controller_name: &str,
    now: Timestamp,
) -> Vec<Value> {
    let (ours, others): (Vec<&Value>, Vec<&Value>) =
        existing.iter().partition(|entry| entry["controllerName"] == controller_name);
    let ours = entries.map(|(name, reference, conditions)| {
        let known: Vec<Condition> = ours
            .iter()
            .find(|entry| entry[name] == reference)
            .and_then(|entry| serde_json::from_value(entry["conditions"].clone()).ok())
            .unwrap_or_default();
        json!({
            name: reference,
            "controllerName": controller_name,
            "conditions": settle(&known, conditions, generation, now),
        })
    });
    others.into_iter().cloned().chain(ours).collect()
}

fn parent_value(attachment: &Attachment) -> Value {
    let parent = &attachment.parent;
    let mut value = json!({
        "group": parent.group.as_deref().unwrap_or(super::model::GATEWAY_GROUP),
        "kind": parent.kind.as_deref().unwrap_or("Gateway"),
        "name": parent.name,
    });
    if let Some(namespace) = &parent.namespace {
        value["namespace"] = json!(namespace);
    }
    if let Some(section) = &parent.section_name {
        value["sectionName"] = json!(section);
    }
    if let Some(port) = parent.port {
        value["port"] = json!(port);
    }
    value
}

/// Writes the statuses of the policies of one kind that are touched.
async fn write_policies(
    client: &Client,
    kind: PolicyKind,
    resource: &ApiResource,
    snapshot: &Snapshot,
    pending: &Pending,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let policies = kind.policies(snapshot);
    let namespaces = pending.namespaces_of_policies().map(|mut namespaces| {
        if !namespaces.is_empty() {
            // A route may override what is said for its Gateway, in whatever namespace that is.
            namespaces.extend(snapshot.gateways.keys().map(|gateway| gateway.namespace.as_str()));
        }
        namespaces
    });
    let touched: Vec<(&Key, &Arc<Policy>)> = policies
        .iter()
        .filter(|(key, _)| namespaces.as_ref().is_none_or(|namespaces| namespaces.contains(key.namespace.as_str())))
        .collect();
    if touched.is_empty() {
        return Ok(());
    }
    let targets = Targets::of(policies, snapshot);
    let mut outcome = Ok(());
    for (key, policy) in touched {
        let existing = policy.status.as_ref().map(|status| status.ancestors.as_slice()).unwrap_or_default();
        let reports = ancestors(kind, key, &targets, snapshot);
        let wanted = reported(existing, policy, &reports, &snapshot.controller_name, now);
        if existing != wanted {
            outcome = outcome.and(write_status(client, resource, key, &json!({ "ancestors": wanted })).await);
        }
    }
    outcome
}

/// The entries of a policy's status: those of other controllers as they are, and ours anew.
fn reported(
    existing: &[Value],
    policy: &Policy,
    reports: &[Ancestor],
    controller_name: &str,
    now: Timestamp,
) -> Vec<Value> {
    let entries = reports.iter().map(|report| ("ancestorRef", report.reference.clone(), report.conditions.as_slice()));
    merged(existing, entries, policy.metadata.generation.unwrap_or(0), controller_name, now)
}

/// The Service in front of a Gateway's proxy, named and typed by the EnvoyProxy that the Gateway refers to. Without
/// one it has the Gateway's name and type `LoadBalancer`.
fn proxy_service(gateway: &Gateway, key: &Key, observation: &Observation) -> Service {
    let reference = gateway.spec.infrastructure.parameters_ref.as_ref();
    let settings = reference
        .filter(|reference| reference.group == ENVOY_GROUP && reference.kind == "EnvoyProxy")
        .and_then(|reference| observation.proxy(&Key::new(&key.namespace, &reference.name)))
        .map(|proxy| proxy.spec.provider.kubernetes.envoy_service.clone())
        .unwrap_or_default();
    let owners = json!({
        "gateway.envoyproxy.io/owning-gateway-name": key.name,
        "gateway.envoyproxy.io/owning-gateway-namespace": key.namespace,
    });
    let mut annotations = settings.annotations;
    annotations.insert(SIMULATED_ANNOTATION.to_owned(), "true".to_owned());
    let ports: BTreeMap<i32, Value> = gateway
        .spec
        .listeners
        .iter()
        .map(|listener| {
            let port = listener.port;
            (port, json!({ "name": format!("port-{port}"), "port": port, "protocol": "TCP", "targetPort": port }))
        })
        .collect();
    let owner = gateway.controller_owner_ref(&gateways());
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": settings.name.unwrap_or_else(|| key.name.clone()),
            "namespace": key.namespace,
            "labels": owners,
            "annotations": annotations,
            "ownerReferences": owner.into_iter().collect::<Vec<_>>(),
        },
        "spec": {
            "type": settings.kind.unwrap_or_else(|| "LoadBalancer".to_owned()),
            "selector": owners,
            "ports": ports.into_values().collect::<Vec<_>>(),
        },
    });
    serde_json::from_value(service).unwrap_or_default()
}

/// Applies the proxy's Service unless it is there already; the result is the address that it has, if any.
async fn write_proxy(client: &Client, wanted: &Service, snapshot: &Snapshot) -> Result<Option<String>, kube::Error> {
    let key = Key::of(&wanted.metadata);
    let existing = snapshot.services.get(&key);
    if !existing.is_some_and(|existing| is_as_wanted(existing, wanted)) {
        let services: Api<Service> = Api::namespaced(client.clone(), &key.namespace);
        services.patch(&key.name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(wanted)).await?;
    }
    Ok(existing.and_then(|service| address(service)))
}

/// Whether the parts of the Service that we write are as they should be; the server adds more.
fn is_as_wanted(existing: &Service, wanted: &Service) -> bool {
    let facts = |service: &Service| {
        let spec = service.spec.clone().unwrap_or_default();
        let ports: Vec<i32> = spec.ports.unwrap_or_default().iter().map(|port| port.port).collect();
        let owners = service.metadata.owner_references.as_ref().and_then(|owners| Some(owners.first()?.uid.clone()));
        (spec.type_, spec.selector, ports, owners)
    };
    let annotation = |service: &Service| {
        service.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(SIMULATED_ANNOTATION))
    };
    facts(existing) == facts(wanted) && annotation(existing)
}

fn address(service: &Service) -> Option<String> {
    let ingress = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref())
        .and_then(|balancer| balancer.ingress.as_ref())
        .and_then(|ingress| ingress.first())
        .and_then(|first| first.ip.clone().or_else(|| first.hostname.clone()));
    let spec = service.spec.as_ref();
    match spec.and_then(|spec| spec.type_.as_deref()) {
        Some("LoadBalancer") => ingress,
        _ => spec.and_then(|spec| spec.cluster_ip.clone()).filter(|address| !address.is_empty() && address != "None"),
    }
}

async fn write_gateway(
    client: &Client,
    key: &Key,
    gateway: &Gateway,
    address: Option<String>,
    attached: impl Fn(&str) -> usize,
    now: Timestamp,
) -> Result<(), kube::Error> {
    let existing = gateway.status.clone().unwrap_or_default();
    let status = gateway_status(gateway, &existing, address, attached, now);
    // Fields that others keep in the status are none of our business.
    let unchanged = status.as_object().into_iter().flatten().all(|(field, value)| existing.get(field) == Some(value));
    if unchanged {
        return Ok(());
    }
    write_status(client, &gateways(), key, &status).await
}

fn gateway_status(
    gateway: &Gateway,
    existing: &Value,
    address: Option<String>,
    attached: impl Fn(&str) -> usize,
    now: Timestamp,
) -> Value {
    let generation = gateway.metadata.generation.unwrap_or(0);
    let conditions_in = |value: Option<&Value>| -> Vec<Condition> {
        value.and_then(|value| serde_json::from_value(value.get("conditions")?.clone()).ok()).unwrap_or_default()
    };
    let programmed = match &address {
        Some(_) => {
            WantedCondition::new("Programmed", true, "Programmed", "no proxy runs; requests are answered in its place")
        }
        None => {
            WantedCondition::new("Programmed", false, "AddressNotAssigned", "the proxy's service has no address yet")
        }
    };
    let accepted = WantedCondition::new("Accepted", true, "Accepted", "the gateway is accepted");
    let listeners: Vec<Value> = gateway
        .spec
        .listeners
        .iter()
        .map(|listener| {
            let supported = matches!(listener.protocol.as_str(), "HTTP" | "HTTPS");
            let known = existing.get("listeners").and_then(Value::as_array).into_iter().flatten();
            let known = conditions_in(known.clone().find(|known| known["name"] == listener.name));
            let accepted = if supported {
                WantedCondition::new("Accepted", true, "Accepted", "the listener is accepted")
            } else {
                WantedCondition::new("Accepted", false, "UnsupportedProtocol", "only HTTP and HTTPS are simulated")
            };
            let wanted = [
                accepted,
                WantedCondition::new("ResolvedRefs", true, "ResolvedRefs", "certificates are not read"),
                WantedCondition { holds: programmed.holds && supported, ..programmed.clone() },
            ];
            let kinds = if supported {
                json!([{ "group": super::model::GATEWAY_GROUP, "kind": "HTTPRoute" }])
            } else {
                json!([])
            };
            json!({
                "name": listener.name,
                "attachedRoutes": attached(&listener.name),
                "supportedKinds": kinds,
                "conditions": settle(&known, &wanted, generation, now),
            })
        })
        .collect();
    let addresses: Vec<Value> = address
        .into_iter()
        .map(|address| {
            let kind = if address.parse::<std::net::IpAddr>().is_ok() { "IPAddress" } else { "Hostname" };
            json!({ "type": kind, "value": address })
        })
        .collect();
    json!({
        "addresses": addresses,
        "conditions": settle(&conditions_in(Some(existing)), &[accepted, programmed], generation, now),
        "listeners": listeners,
    })
}

/// Merges a status. An object that went away in the meantime is no error.
async fn write_status(client: &Client, resource: &ApiResource, key: &Key, status: &Value) -> Result<(), kube::Error> {
    let api: Api<DynamicObject> = if key.namespace.is_empty() {
        Api::all_with(client.clone(), resource)
    } else {
        Api::namespaced_with(client.clone(), &key.namespace, resource)
    };
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    match api.patch_status(&key.name, &params, &Patch::Merge(json!({ "status": status }))).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::attachment::tests::{route, snapshot};
    use super::*;

    fn gateway() -> Arc<Gateway> {
        Arc::clone(&snapshot().gateways[&Key::new("system", "public")])
    }

    #[test]
    fn entries_of_other_controllers_stay_and_ours_settle() {
        let (snapshot, route) = (snapshot(), route(json!({})));
        let foreign = json!({ "controllerName": "other", "parentRef": { "name": "x" }, "conditions": [] });
        let attachments = snapshot.attachments(&route);
        let first = parents(
            std::slice::from_ref(&foreign),
            &route,
            &attachments,
            &snapshot.controller_name,
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(first.len(), 2);
        assert_eq!(first[0], foreign);
        assert_eq!(first[1]["parentRef"]["namespace"], "system");
        assert!(first[1]["conditions"][0]["message"].as_str().unwrap().starts_with("simulated: "));
        let later = Timestamp::from_second(60).unwrap();
        assert_eq!(parents(&first, &route, &attachments, &snapshot.controller_name, later), first);
        assert_eq!(parents(&first, &route, &[], &snapshot.controller_name, later), [foreign]);
    }

    #[test]
    fn a_gateway_is_programmed_when_its_service_has_an_address() {
        let waiting = gateway_status(&gateway(), &Value::Null, None, |_| 0, Timestamp::UNIX_EPOCH);
        assert_eq!(waiting["conditions"][1]["reason"], "AddressNotAssigned");
        let ready = gateway_status(&gateway(), &waiting, Some("127.0.0.1".to_owned()), |_| 3, Timestamp::UNIX_EPOCH);
        assert_eq!(ready["conditions"][1]["status"], "True");
        assert_eq!(ready["listeners"][0]["attachedRoutes"], 3);
        assert_eq!(ready["addresses"], json!([{ "type": "IPAddress", "value": "127.0.0.1" }]));
    }
}
