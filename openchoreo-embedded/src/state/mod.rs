//! All mutable state behind one lock: the store, the served kinds, and what derives from stored objects.
//!
//! Every change goes through [`State::put`] or [`State::remove`], which queue it for the controllers; whoever changed
//! something calls [`State::settle`] before giving the lock back, so that readers never see a half-finished reaction.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::auth::TokenSource;
use crate::clock::Clock;
use crate::controllers;
use crate::registry::Registry;
use crate::store::{Object, ObjectKey, ObjectRef, Store};
use crate::value;

/// A committed write that controllers have yet to see.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) target: ObjectRef,
    pub(crate) before: Option<Object>,
    /// Absent when the object was removed.
    pub(crate) after: Option<Object>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    /// The certificate authority that clients of this server trust, in PEM.
    pub(crate) authority: String,
    /// Service-account tokens.
    pub(crate) tokens: BTreeMap<String, TokenSource>,
    addresses: BTreeSet<u32>,
    changes: VecDeque<Change>,
}

/// The first and last address of the range that services get their addresses from, 10.96.0.0/12.
const SERVICE_ADDRESSES: (u32, u32) = (0x0A60_0000, 0x0A6F_FFFF);

impl State {
    /// A server's state at its start, with the objects that every cluster has.
    pub(crate) fn new(clock: Clock, history_length: usize) -> Self {
        let mut state = Self {
            store: Store::new(history_length),
            registry: Registry::builtin(),
            clock,
            authority: String::new(),
            tokens: BTreeMap::new(),
            addresses: BTreeSet::new(),
            changes: VecDeque::new(),
        };
        for kind in state.registry.iter().filter(|kind| !kind.review) {
            state.store.add_table(&kind.storage);
        }
        for namespace in controllers::namespaces::PERMANENT {
            let object = json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": namespace, "labels": {"kubernetes.io/metadata.name": namespace}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            });
            state.seed("namespaces", object);
        }
        let address = Ipv4Addr::from_bits(SERVICE_ADDRESSES.0 + 1);
        state.addresses.insert(address.to_bits());
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "type": "ClusterIP",
                "clusterIP": address.to_string(),
                "clusterIPs": [address.to_string()],
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
                "sessionAffinity": "None",
                "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack",
                "internalTrafficPolicy": "Cluster",
            },
            "status": {"loadBalancer": {}},
        });
        state.seed("services", service);
        state.settle();
        state
    }

    /// Makes an object on the server's own behalf.
    pub(crate) fn seed(&mut self, resource: &str, mut object: Value) {
        value::set(&mut object, &["metadata", "uid"], uuid::Uuid::new_v4().to_string());
        value::set(&mut object, &["metadata", "creationTimestamp"], self.clock.stamp());
        let target = ObjectRef { resource: resource.into(), key: ObjectKey::of(&object) };
        self.put(&target, object);
    }

    pub(crate) fn get(&self, target: &ObjectRef) -> Option<&Object> {
        self.store.get(&target.resource, &target.key)
    }

    /// Stores a version of an object. The caller has checked that it may.
    pub(crate) fn put(&mut self, target: &ObjectRef, object: Value) -> Option<Object> {
        let before = self.get(target).map(Arc::clone);
        let after = self.store.put(target, object);
        self.changes.push_back(Change { target: target.clone(), before, after: after.clone() });
        after
    }

    /// Removes an object, finalizers or not. The caller has checked that it may.
    pub(crate) fn remove(&mut self, target: &ObjectRef) -> Option<Object> {
        let before = self.get(target).map(Arc::clone);
        let last = self.store.remove(target)?;
        if &*target.resource == "services" {
            let address = value::text(&last, &["spec", "clusterIP"]).and_then(|text| text.parse::<Ipv4Addr>().ok());
            if let Some(address) = address {
                self.addresses.remove(&address.to_bits());
            }
        }
        self.changes.push_back(Change { target: target.clone(), before, after: None });
        Some(last)
    }

    /// Lets the controllers react to all changes, and to those that they make themselves.
    pub(crate) fn settle(&mut self) {
        while let Some(change) = self.changes.pop_front() {
            controllers::react(self, &change);
        }
    }

    /// Gives a service its address. A wanted address that is taken is refused.
    pub(crate) fn assign_address(&mut self, service: &mut Value) -> Result<(), String> {
        if value::text(service, &["spec", "type"]) == Some("ExternalName") {
            return Ok(());
        }
        let address = match value::text(service, &["spec", "clusterIP"]) {
            Some("None") => {
                value::set(service, &["spec", "clusterIPs"], json!(["None"]));
                return Ok(());
            }
            Some(wanted) if !wanted.is_empty() => {
                let address: Ipv4Addr = wanted.parse().map_err(|_| "must be a valid IPv4 address".to_owned())?;
                if self.addresses.contains(&address.to_bits()) {
                    return Err("provided IP is already allocated".to_owned());
                }
                address
            }
            _ => {
                let (first, last) = SERVICE_ADDRESSES;
                // Behind the highest one in use, so that an address is not soon given to another service.
                let next = self.addresses.last().map_or(first + 1, |highest| highest + 1);
                let free = (next..last).chain(first + 1..last).find(|address| !self.addresses.contains(address));
                Ipv4Addr::from_bits(free.ok_or("range is full")?)
            }
        };
        self.addresses.insert(address.to_bits());
        value::set(service, &["spec", "clusterIP"], address.to_string());
        value::set(service, &["spec", "clusterIPs"], json!([address.to_string()]));
        Ok(())
    }
}
