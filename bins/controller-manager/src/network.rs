//! Arguments that say what the isolation of cells and builds must know of clusters.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use openchoreo_core::isolation::{AddressRange, GATEWAY_PODS_LABEL, NameService, NetworkSettings};
use openchoreo_core::naming::{DnsSubdomain, LabelKey, LabelValue};

/// What the isolation of cells and builds must know of clusters; `docs/isolation.md` says when to change what.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Isolation of cells and builds")]
pub struct NetworkArgs {
    /// Pods that resolve names, `NAMESPACE[/KEY=VALUE[,KEY=VALUE]...][:PORT]`, with the port that the pods listen on; may
    /// be given several times
    #[arg(long, value_name = "PODS", default_values_t = default_settings().name_services)]
    pub name_service: Vec<NameService>,
    /// Addresses that resolve names on port 53 and are no pods, as NodeLocal DNSCache has them, with commas between them
    #[arg(long, value_name = "ADDRESSES", default_value_t, hide_default_value = true, value_parser = addresses)]
    pub name_addresses: List<IpAddr>,
    /// Ranges that are not the world outside, with commas between them; whoever gives some gives all
    #[arg(long, value_name = "RANGES", default_value_t = List(default_settings().private_ranges), value_parser = ranges)]
    pub private_ranges: List<AddressRange>,
    /// Ranges of the pods of clusters, which nobody reaches by address
    #[arg(long, value_name = "RANGES", default_value_t, hide_default_value = true, value_parser = ranges)]
    pub pod_ranges: List<AddressRange>,
    /// Ranges of the machines of clusters, where network plugins let probes in only by address
    #[arg(long, value_name = "RANGES", default_value_t, hide_default_value = true, value_parser = ranges)]
    pub machine_ranges: List<AddressRange>,
    /// Label of the pods of a gateway, whose value is its name; nothing (`--gateway-pods-label=`) where they have none
    #[arg(long, value_name = "KEY", default_value = GATEWAY_PODS_LABEL, value_parser = label_key)]
    pub gateway_pods_label: GatewayPodsLabel,
    /// TCP ports of the pods of gateways that cells and builds may call, with commas between them
    #[arg(long, value_name = "PORTS", default_value_t = List(default_settings().gateway_ports), value_parser = ports)]
    pub gateway_ports: List<u16>,
    /// Let cells and builds call an internal gateway that organizations share: they can then ask it for what other
    /// organizations show to themselves only
    #[arg(long)]
    pub cells_call_shared_gateway: bool,
    /// Let builds reach pods and machines of their own cluster, but not its gateways
    #[arg(long, value_name = "BOOL", default_value_t = default_settings().builds_reach_cluster, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub builds_reach_cluster: bool,
    /// Private ranges that builds may reach, with commas between them; nothing (`--build-ranges=`) for none
    #[arg(long, value_name = "RANGES", default_value_t = List(default_settings().build_ranges), value_parser = ranges)]
    pub build_ranges: List<AddressRange>,
}

impl NetworkArgs {
    pub(crate) fn settings(&self) -> NetworkSettings {
        NetworkSettings {
            name_services: self.name_service.clone(),
            name_addresses: self.name_addresses.0.clone(),
            private_ranges: self.private_ranges.0.clone(),
            pod_ranges: self.pod_ranges.0.clone(),
            machine_ranges: self.machine_ranges.0.clone(),
            gateway_pods_label: self.gateway_pods_label.0.clone(),
            gateway_ports: self.gateway_ports.0.clone(),
            cells_call_shared_gateway: self.cells_call_shared_gateway,
            builds_reach_cluster: self.builds_reach_cluster,
            build_ranges: self.build_ranges.0.clone(),
        }
    }
}

fn default_settings() -> NetworkSettings {
    NetworkSettings::default()
}

/// Values with commas between them; none are the empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: fmt::Display> fmt::Display for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// A list of what a text must be, which `right` says.
fn list<T: FromStr>(text: &str, right: &str) -> Result<List<T>, String> {
    let items = text.split(',').map(str::trim).filter(|_| !text.is_empty());
    let item = |item: &str| item.parse().map_err(|_| format!("`{item}` is not {right}"));
    items.map(item).collect::<Result<_, _>>().map(List)
}

fn addresses(text: &str) -> Result<List<IpAddr>, String> {
    list(text, "an address: give one of IPv4 or IPv6, or several with commas between them")
}

fn ranges(text: &str) -> Result<List<AddressRange>, String> {
    list(text, "a range of addresses: give an address or `address/bits`, or several with commas between them")
}

fn ports(text: &str) -> Result<List<u16>, String> {
    let ports = list::<NonZeroU16>(text, "a port: give a number from 1 to 65535, or several with commas between them")?;
    Ok(List(ports.0.into_iter().map(NonZeroU16::get).collect()))
}

/// Label of the pods of a gateway; nothing where they have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayPodsLabel(pub Option<String>);

fn label_key(text: &str) -> Result<GatewayPodsLabel, String> {
    if text.is_empty() {
        return Ok(GatewayPodsLabel(None));
    }
    LabelKey::try_from(text).map(|key| GatewayPodsLabel(Some(key.into_string()))).map_err(|error| error.to_string())
}

/// The name of a Gateway, which its pods carry as a label.
pub(crate) fn gateway(text: &str) -> Result<String, String> {
    let is_name = DnsSubdomain::try_from(text).is_ok() && LabelValue::try_from(text).is_ok();
    let wrong = || "a Gateway has a name of at most 63 lower-case letters, digits, `-` and `.`".to_owned();
    is_name.then(|| text.to_owned()).ok_or_else(wrong)
}

/// The name of a Gateway, or of one for each organization.
pub(crate) fn gateway_or_pattern(text: &str) -> Result<String, String> {
    gateway(&text.replace("{organization}", "o")).map_err(|error| format!("{error}, and `{{organization}}` in it"))?;
    Ok(text.to_owned())
}
