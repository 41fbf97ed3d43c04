//! What differs between clusters: where names are resolved, where machines and gateways are, what is private.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::range::AddressRange;
use crate::naming::{LabelKey, LabelValue, NamespaceName};

/// Label that Envoy Gateway puts on the pods of its proxies: the name of the Gateway that they serve.
pub const GATEWAY_PODS_LABEL: &str = "gateway.envoyproxy.io/owning-gateway-name";
/// The port of name services (RFC 1035).
pub(super) const NAMES: u16 = 53;

/// Addresses that nothing of a tenant may ever reach: link-local ones (RFC 3927, RFC 4291), where clouds tell machines
/// their credentials, and those at which single clouds do the same elsewhere.
pub(crate) const METADATA: [AddressRange; 7] = [
    AddressRange::v4([169, 254, 0, 0], 16),
    AddressRange::v6([0xfe80, 0], 0, 10),
    // Azure, Alibaba Cloud, Oracle Cloud (classic), AWS and Google Cloud by IPv6; each by its own documents.
    AddressRange::v4([168, 63, 129, 16], 32),
    AddressRange::v4([100, 100, 100, 200], 32),
    AddressRange::v4([192, 0, 0, 192], 32),
    AddressRange::v6([0xfd00, 0x0ec2], 0, 32),
    AddressRange::v6([0xfd20, 0x00ce], 0x0254, 128),
];

/// Ranges for private use: RFC 1918, shared address space (RFC 6598), RFC 4193.
const PRIVATE: [AddressRange; 5] = [
    AddressRange::v4([10, 0, 0, 0], 8),
    AddressRange::v4([100, 64, 0, 0], 10),
    AddressRange::v4([172, 16, 0, 0], 12),
    AddressRange::v4([192, 168, 0, 0], 16),
    AddressRange::v6([0xfc00, 0], 0, 7),
];

/// What the isolation of cells and builds must know of the clusters that they run in.
///
/// The defaults fit a cluster whose name service is CoreDNS in `kube-system` and whose gateways are Envoy Gateway's.
/// Whatever a setting leaves out is closed, except where its text says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// The pods that resolve names. OpenShift's are
    /// `openshift-dns/dns.operator.openshift.io/daemonset-dns=default:5353`.
    pub name_services: Vec<NameService>,
    /// Addresses that resolve names on port 53 and are no pods: those of NodeLocal DNSCache are `169.254.20.10` and the
    /// cluster address of the name service. Empty by default.
    pub name_addresses: Vec<IpAddr>,
    /// Ranges that are not the world outside: those of Services and machines of clusters, and of whatever else tenants
    /// must not reach by address. Those of pods, and what clouds keep credentials at, are closed besides. All ranges for
    /// private use by default; a cluster whose machines have public addresses must add those.
    pub private_ranges: Vec<AddressRange>,
    /// Ranges of the pods of clusters, which nobody reaches by address. Empty by default, since most are private. Name
    /// them where pods have public addresses, and where plugins take an address for the pod that has it (Calico does):
    /// else builds reach every pod through `build_ranges`, those of a shared gateway too.
    pub pod_ranges: Vec<AddressRange>,
    /// Ranges that the machines of the cluster have, from which probes come. The machine of a pod may always reach it;
    /// name them where plugins ask for more. Dialects that know machines by other means need none. Empty by default.
    pub machine_ranges: Vec<AddressRange>,
    /// Label of the pods of a gateway; its value is the gateway's name. Nothing where pods of gateways are not labelled:
    /// then all pods of the namespace of the gateways are the gateways, and count as shared.
    pub gateway_pods_label: Option<String>,
    /// TCP ports of the pods of gateways that cells may call. By default those of listeners on 80, 443, 8080 and 8443,
    /// and what Envoy Gateway makes of the first two (10 000 more); its ports for administration are not among them.
    pub gateway_ports: Vec<u16>,
    /// Whether cells and builds may call an internal gateway that organizations share. A gateway cannot tell from which
    /// cell a request comes, so the workloads of one organization could ask it, by the name of a host, for what another
    /// shows to itself only. Off by default; turn it on where every plane serves one organization, or give each a gateway
    /// of its own.
    pub cells_call_shared_gateway: bool,
    /// Whether builds may reach pods and machines of their own cluster, but not its gateways: the build engine's part in
    /// each pod reports to the API, and registries often run beside. On by default. Where it is off, the API and the
    /// registry must be outside or in `build_ranges`.
    pub builds_reach_cluster: bool,
    /// Ranges for private use that builds may reach, since registries and source code are often there. All by default.
    pub build_ranges: Vec<AddressRange>,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            name_services: vec![NameService::default()],
            name_addresses: Vec::new(),
            private_ranges: PRIVATE.to_vec(),
            pod_ranges: Vec::new(),
            machine_ranges: Vec::new(),
            gateway_pods_label: Some(GATEWAY_PODS_LABEL.to_owned()),
            gateway_ports: vec![80, 443, 8080, 8443, 10080, 10443],
            cells_call_shared_gateway: false,
            builds_reach_cluster: true,
            build_ranges: PRIVATE.to_vec(),
        }
    }
}

/// Pods that resolve names, over UDP and TCP.
///
/// As text: `<namespace>[/<key>=<value>[,<key>=<value>]...][:<port>]`, with port 53 where none is given.
///
/// ```
/// use openchoreo_core::isolation::NameService;
/// let openshift: NameService = "openshift-dns/dns.operator.openshift.io/daemonset-dns=default:5353".parse()?;
/// assert_eq!((openshift.namespace.as_str(), openshift.port), ("openshift-dns", 5353));
/// assert_eq!(NameService::default().to_string(), "kube-system/k8s-app=kube-dns:53");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameService {
    /// Their namespace.
    pub namespace: String,
    /// Their labels; all pods of the namespace where there are none.
    pub labels: BTreeMap<String, String>,
    /// The port that the pods listen on, which need not be that of their Service.
    pub port: u16,
}

impl Default for NameService {
    fn default() -> Self {
        let labels = BTreeMap::from([("k8s-app".to_owned(), "kube-dns".to_owned())]);
        Self { namespace: "kube-system".to_owned(), labels, port: NAMES }
    }
}

/// A text that is no name service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name service: give `NAMESPACE[/KEY=VALUE[,KEY=VALUE]...][:PORT]`")]
pub struct NameServiceError(String);

impl FromStr for NameService {
    type Err = NameServiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NameServiceError(text.to_owned());
        let (pods, port) = text.rsplit_once(':').map_or((text, None), |(pods, port)| (pods, Some(port)));
        let port = port.map_or(Ok(NAMES), str::parse).ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        let (namespace, labels) = pods.split_once('/').map_or((pods, None), |(pods, labels)| (pods, Some(labels)));
        let namespace = NamespaceName::try_from(namespace).map_err(|_| wrong())?.into_string();
        let labels = labels.into_iter().flat_map(|labels| labels.split(','));
        let labels = labels.map(label).collect::<Option<_>>().ok_or_else(wrong)?;
        Ok(Self { namespace, labels, port })
    }
}

/// A label as text: `<key>=<value>`.
fn label(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=')?;
    let (key, value) = (LabelKey::try_from(key).ok()?, LabelValue::try_from(value).ok()?);
    Some((key.into_string(), value.into_string()))
}

impl fmt::Display for NameService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.namespace)?;
        for (index, (key, value)) in self.labels.iter().enumerate() {
            write!(f, "{}{key}={value}", if index == 0 { "/" } else { "," })?;
        }
        write!(f, ":{}", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_service_is_read_and_written_alike() {
        for (text, expected) in [
            ("kube-system", "kube-system:53"),
            ("kube-system:5353", "kube-system:5353"),
            ("dns/b=2,example.com/a=", "dns/b=2,example.com/a=:53"),
        ] {
            assert_eq!(text.parse::<NameService>().map(|service| service.to_string()).as_deref(), Ok(expected));
        }
        for wrong in
            ["", ":53", "dns:0", "dns:70000", "dns/", "dns/a", "dns/=b", "dns/a=b,", "Dns", "dns/a=b/c", "dns/a b=c"]
        {
            assert!(wrong.parse::<NameService>().is_err(), "{wrong}");
        }
    }
}
