//! Which hosts planes may have, so that whoever may write a registration cannot make the manager connect anywhere.
//!
//! Refused unless permitted: loopback, link-local addresses and those of cloud metadata services, unspecified and
//! multicast addresses, and names that lead into the cluster that the manager runs in. The literal host is checked
//! before anything is connected ([`PlaneHosts::check`]); what a name resolves to is checked at each connection
//! ([`PlaneHosts::permits_address`]). Addresses of private networks are permitted: most planes have one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::uri::Authority;

use super::ClientError;
use crate::isolation::METADATA;

/// The hosts that planes may have. The default is [`HostPattern::Ordinary`] alone.
///
/// A host is permitted when one pattern permits it, so a list without `*` restricts, and a list with `*` and more
/// extends. As text: patterns with commas between them, such as `*,127.0.0.0/8` or `*.planes.example.com,10.0.0.0/8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaneHosts {
    /// What is permitted.
    pub allow: Vec<HostPattern>,
}

impl Default for PlaneHosts {
    fn default() -> Self {
        Self { allow: vec![HostPattern::Ordinary] }
    }
}

/// One pattern of [`PlaneHosts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// `*`: every host but those that are refused by default.
    Ordinary,
    /// `api.example.com`: this name. What it resolves to must still be an ordinary address, or in a network of the list.
    Name(String),
    /// `*.example.com`: every name below it, on the same terms.
    Below(String),
    /// `10.0.0.0/8` or `10.1.2.3`: the addresses of a network, refused by default or not.
    Network {
        /// The first address.
        address: IpAddr,
        /// How many leading bits count.
        bits: u8,
    },
}

/// A pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a pattern of hosts: give `*`, a name, `*.domain`, an address or `address/bits`")]
pub struct HostPatternError(String);

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || HostPatternError(text.to_owned());
        let is_name = |name: &str| {
            !name.is_empty()
                && name.split('.').all(|label| !label.is_empty())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        };
        if text == "*" {
            return Ok(Self::Ordinary);
        }
        if let Some(below) = text.strip_prefix("*.") {
            return if is_name(below) { Ok(Self::Below(below.to_ascii_lowercase())) } else { Err(wrong()) };
        }
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        if let Ok(address) = address.parse::<IpAddr>() {
            let width = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Ok(width), str::parse).map_err(|_| wrong())?;
            return if bits <= width { Ok(Self::Network { address, bits }) } else { Err(wrong()) };
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if is_name(name) { Ok(Self::Name(name.to_ascii_lowercase())) } else { Err(wrong()) }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordinary => f.write_str("*"),
            Self::Name(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::Network { address, bits } => write!(f, "{address}/{bits}"),
        }
    }
}

impl HostPattern {
    fn names(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Below(domain) => name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Self::Ordinary | Self::Network { .. } => false,
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        match self {
            Self::Network { address: first, bits } => in_network(address, *first, *bits),
            Self::Ordinary | Self::Name(_) | Self::Below(_) => false,
        }
    }
}

impl FromStr for PlaneHosts {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allow = text.split(',').map(|pattern| pattern.trim().parse()).collect::<Result<_, _>>()?;
        Ok(Self { allow })
    }
}

impl fmt::Display for PlaneHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pattern) in self.allow.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{pattern}")?;
        }
        Ok(())
    }
}

impl PlaneHosts {
    /// Ordinary hosts, and this machine: for demos and tests, whose planes listen on loopback.
    pub fn with_loopback() -> Self {
        Self {
            allow: vec![
                HostPattern::Ordinary,
                HostPattern::Name("localhost".to_owned()),
                HostPattern::Network { address: Ipv4Addr::new(127, 0, 0, 0).into(), bits: 8 },
                HostPattern::Network { address: Ipv6Addr::LOCALHOST.into(), bits: 128 },
            ],
        }
    }

    /// Whether a plane may have this server, by what is written in its URL. A name that passes may still resolve to an
    /// address that does not.
    ///
    /// # Errors
    /// The URL is not of the form `https://host[:port][/path]`, or the host is not permitted.
    pub fn check(&self, server: &str) -> Result<(), ClientError> {
        let host = ServerHost::of_url(server)?;
        let reason = match host.address() {
            Some(address) => {
                let is_ordinary = self.allow.contains(&HostPattern::Ordinary);
                match refused_address(address) {
                    _ if self.allow.iter().any(|pattern| pattern.holds(address)) => None,
                    Some(reason) => Some(reason),
                    None if is_ordinary => None,
                    None => Some(NOT_LISTED),
                }
            }
            None => self.refused_name(&host.name),
        };
        match reason {
            None => Ok(()),
            Some(reason) => Err(ClientError::HostRefused { host: host.name, reason }),
        }
    }

    /// Whether a name of a server may resolve to an address. The connection is to be made to this address, without
    /// asking again.
    pub fn permits_address(&self, name: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.allow.iter().any(|pattern| pattern.holds(address)) {
            return true;
        }
        let name = normal(name);
        refused_address(address).is_none()
            && self.allow.iter().any(|pattern| *pattern == HostPattern::Ordinary || pattern.names(&name))
    }

    /// Whether a name is permitted as it stands. Others are resolved without the search domains of the system, which
    /// inside a cluster turn `service.namespace` into a name of the cluster.
    pub fn names(&self, name: &str) -> bool {
        let name = normal(name);
        self.allow.iter().any(|pattern| pattern.names(&name))
    }

    fn refused_name(&self, name: &str) -> Option<&'static str> {
        if self.names(name) {
            return None;
        }
        let is_in_cluster = !name.contains('.')
            || [".svc", ".cluster.local", ".localhost"].iter().any(|end| name.ends_with(end))
            || name.contains(".svc.");
        if is_in_cluster {
            return Some("names of the cluster or machine that the manager runs on are refused by default");
        }
        // Where networks are listed, the addresses of the name decide.
        let is_possible =
            |pattern: &HostPattern| matches!(pattern, HostPattern::Ordinary | HostPattern::Network { .. });
        if self.allow.iter().any(is_possible) { None } else { Some(NOT_LISTED) }
    }
}

const NOT_LISTED: &str = "it is not among the hosts that planes may have";

/// Why an address is refused where no network of a list holds it.
fn refused_address(address: IpAddr) -> Option<&'static str> {
    // Translated addresses are what they are translated to: 64:ff9b::/96.
    if let IpAddr::V6(six) = address
        && let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = six.segments()
    {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return refused_address(Ipv4Addr::new(a, b, c, d).into());
    }
    let is_link_local = match address {
        IpAddr::V4(four) => four.is_link_local(),
        IpAddr::V6(six) => six.is_unicast_link_local(),
    };
    let is_nowhere = match address {
        IpAddr::V4(four) => four.octets().first() == Some(&0) || four.is_broadcast(),
        IpAddr::V6(six) => six.is_unspecified(),
    };
    if address.is_loopback() {
        Some("addresses of the machine that the manager runs on are refused by default")
    } else if is_link_local {
        Some("link-local addresses are refused by default")
    } else if is_nowhere || address.is_multicast() {
        Some("unspecified and multicast addresses are refused by default")
    } else if METADATA.iter().any(|range| range.holds(address)) {
        Some("addresses of metadata services are refused by default")
    } else {
        None
    }
}

fn in_network(address: IpAddr, first: IpAddr, bits: u8) -> bool {
    match (address.to_canonical(), first) {
        (IpAddr::V4(address), IpAddr::V4(first)) => {
            let differing = address.to_bits() ^ first.to_bits();
            differing.leading_zeros() >= u32::from(bits)
        }
        (IpAddr::V6(address), IpAddr::V6(first)) => {
            let differing = address.to_bits() ^ first.to_bits();
            differing.leading_zeros() >= u32::from(bits)
        }
        _ => false,
    }
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The host and port of a server's URL, in the one form in which they are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerHost {
    name: String,
    port: u16,
}

impl ServerHost {
    /// Of `https://host[:port][/path]`.
    pub(super) fn of_url(server: &str) -> Result<Self, ClientError> {
        let host = server
            .parse::<http::Uri>()
            .ok()
            .filter(|uri| uri.scheme_str() == Some("https") && uri.query().is_none())
            .and_then(|uri| Self::of_authority(uri.authority()?));
        host.ok_or_else(|| ClientError::Malformed {
            what: "the server URL",
            problem: format!("`{server}` is not of the form https://host[:port]"),
        })
    }

    /// A login in front of the host, or a character that no host has, makes it none: what people are shown must be what
    /// is connected to.
    fn of_authority(authority: &Authority) -> Option<Self> {
        let text = authority.as_str();
        let is_plain =
            text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']'));
        if !is_plain {
            return None;
        }
        let name = normal(authority.host().trim_start_matches('[').trim_end_matches(']'));
        let port = match text.strip_prefix(authority.host())? {
            "" => 443,
            rest => rest.strip_prefix(':')?.parse().ok()?,
        };
        (!name.is_empty()).then_some(Self { name, port })
    }

    fn address(&self) -> Option<IpAddr> {
        self.name.parse::<IpAddr>().ok().map(|address| address.to_canonical())
    }

    /// Whether an entry of an annotation names this host: `host` for all its ports, or `host:port`.
    pub(super) fn is_named_by(&self, entry: &str) -> bool {
        let same = |name: &str| match (self.address(), name.parse::<IpAddr>()) {
            (Some(own), Ok(other)) => own == other.to_canonical(),
            (None, Err(_)) => self.name == normal(name),
            _ => false,
        };
        if entry.parse::<IpAddr>().is_ok() {
            return same(entry);
        }
        entry.parse::<Authority>().ok().is_some_and(|authority| {
            let name = authority.host().trim_start_matches('[').trim_end_matches(']');
            same(name) && authority.port().is_none_or(|port| port.as_u16() == self.port)
        })
    }
}

impl fmt::Display for ServerHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}
