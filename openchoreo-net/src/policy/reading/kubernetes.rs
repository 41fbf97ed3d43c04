//! NetworkPolicies of Kubernetes, read back.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use openchoreo_core::isolation::Direction;
use openchoreo_core::kind::ObjectKey;
use openchoreo_core::reach::{Namespaces, Passage, Peers, PortRange, Selection};
use serde::Deserialize;
use serde_json::Value;

use super::{Allowed, Block, Reading, Selector, ports, together};

/// What the NetworkPolicies of a namespace let through.
pub(in crate::policy) fn read(policies: &[(ObjectKey, Value)]) -> Vec<Passage> {
    together(policies, |policy| {
        let spec = Spec::deserialize(policy.get("spec").unwrap_or(&Value::Null)).map_err(|error| error.to_string())?;
        spec.read()
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    pod_selector: Option<Selector>,
    policy_types: Option<Vec<String>>,
    ingress: Option<Vec<Ingress>>,
    egress: Option<Vec<Egress>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ingress {
    from: Option<Vec<Peer>>,
    ports: Option<Vec<Port>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Egress {
    to: Option<Vec<Peer>>,
    ports: Option<Vec<Port>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Peer {
    ip_block: Option<Block>,
    namespace_selector: Option<Selector>,
    pod_selector: Option<Selector>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Port {
    protocol: Option<String>,
    port: Option<IntOrString>,
    end_port: Option<u16>,
}

impl Spec {
    fn read(self) -> Result<Reading, String> {
        let mut closes = BTreeSet::new();
        match self.policy_types {
            Some(types) => {
                for type_ in types {
                    closes.insert(match type_.as_str() {
                        "Ingress" => Direction::In,
                        "Egress" => Direction::Out,
                        other => return Err(format!("the type `{other}`")),
                    });
                }
            }
            None => {
                closes.insert(Direction::In);
                closes.extend(self.egress.as_ref().map(|_| Direction::Out));
            }
        }
        let ingress = self.ingress.into_iter().flatten().map(|Ingress { from, ports }| (Direction::In, from, ports));
        let egress = self.egress.into_iter().flatten().map(|Egress { to, ports }| (Direction::Out, to, ports));
        let mut allows = Vec::new();
        // Rules of a direction that the policy does not close have no part in it.
        for (direction, peers, ports) in ingress.chain(egress).filter(|(direction, ..)| closes.contains(direction)) {
            let ports = ports.into_iter().flatten().map(Port::read).collect::<Result<BTreeSet<_>, _>>()?;
            let peers = peers.unwrap_or_default();
            // No peers are everybody.
            if peers.is_empty() {
                allows.push(Allowed { direction, peers: Peers::Everybody, ports: ports.clone() });
            }
            for peer in peers {
                allows.push(Allowed { direction, peers: peer.read()?, ports: ports.clone() });
            }
        }
        Ok(Reading { pods: self.pod_selector.unwrap_or_default().read()?, closes, allows })
    }
}

impl Peer {
    fn read(self) -> Result<Peers, String> {
        if let Some(block) = self.ip_block {
            if self.namespace_selector.is_some() || self.pod_selector.is_some() {
                return Err("a peer with a block of addresses and a selector".to_owned());
            }
            return Ok(Peers::Addresses { block: block.read()?, of_cluster: true });
        }
        let labels = self.pod_selector.clone().map(Selector::read).transpose()?.unwrap_or_else(Selection::default);
        let namespaces = match (self.namespace_selector, self.pod_selector) {
            (None, None) => return Err("a peer that names nobody".to_owned()),
            (None, Some(_)) => Namespaces::Same,
            (Some(namespaces), _) => Namespaces::Selected(namespaces.read()?),
        };
        Ok(Peers::Pods { namespaces, labels })
    }
}

impl Port {
    fn read(self) -> Result<PortRange, String> {
        let protocol = Some(self.protocol.unwrap_or_else(|| "TCP".to_owned()));
        let number = |number: i32| u16::try_from(number).map_err(|_| format!("the port {number}"));
        match (self.port, self.end_port) {
            (None, None) => Ok(ports(protocol, 0, u16::MAX)),
            (Some(IntOrString::Int(first)), last) => {
                let first = number(first)?;
                Ok(ports(protocol, first, last.unwrap_or(first)))
            }
            (Some(IntOrString::String(name)), _) => Err(format!("the port `{name}`, whose number its pods decide")),
            (None, Some(_)) => Err("a range of ports without a begin".to_owned()),
        }
    }
}
