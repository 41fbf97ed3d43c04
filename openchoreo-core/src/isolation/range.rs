//! Ranges of addresses, of either family.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses: those that share their leading bits (RFC 4632, RFC 4291). An address of IPv4 that is written as
/// one of IPv6 (`::ffff:10.0.0.1`) is that of IPv4.
///
/// ```
/// use openchoreo_core::isolation::AddressRange;
/// let range: AddressRange = "10.1.2.3/8".parse()?;
/// assert_eq!(range.to_string(), "10.0.0.0/8");
/// assert!(range.holds("10.200.0.1".parse()?) && !range.holds("11.0.0.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    first: IpAddr,
    bits: u8,
}

/// A text that is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of addresses: give an address, or `address/bits`")]
pub struct AddressRangeError(String);

impl AddressRange {
    /// Every address of IPv4.
    pub const ALL_V4: Self = Self { first: IpAddr::V4(Ipv4Addr::UNSPECIFIED), bits: 0 };
    /// Every address of IPv6.
    pub const ALL_V6: Self = Self { first: IpAddr::V6(Ipv6Addr::UNSPECIFIED), bits: 0 };

    pub(super) const fn v4(octets: [u8; 4], bits: u8) -> Self {
        let [a, b, c, d] = octets;
        Self { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits }
    }

    /// A range of IPv6 by the first two and the last of its eight groups; the others are zero.
    pub(super) const fn v6(head: [u16; 2], tail: u16, bits: u8) -> Self {
        let [a, b] = head;
        Self { first: IpAddr::V6(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, tail)), bits }
    }

    /// The range of one address.
    pub fn of(address: IpAddr) -> Self {
        let first = address.to_canonical();
        Self { first, bits: width(first) }
    }

    /// Whether an address is in the range.
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.first.is_ipv4() == address.is_ipv4() && masked(address, self.bits) == self.first
    }

    /// The addresses of IPv6 at which a translator (RFC 6052) serves the range, which is one of IPv4.
    pub(super) fn translated(&self) -> Option<Self> {
        let IpAddr::V4(first) = self.first else { return None };
        let prefix = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0).to_bits();
        let first = Ipv6Addr::from_bits(prefix | u128::from(first.to_bits()));
        Some(Self { first: first.into(), bits: self.bits + MAPPED_BITS })
    }

    /// Whether all of another range is in this one.
    pub fn covers(&self, other: &Self) -> bool {
        self.bits <= other.bits && self.holds(other.first)
    }
}

/// How many bits stand before an address of IPv4 that is written as one of IPv6.
const MAPPED_BITS: u8 = 96;

/// How many bits an address has.
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An address with zeros after its leading bits.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || AddressRangeError(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = bits.map_or(Ok(width(address)), str::parse).map_err(|_| wrong())?;
        if bits > width(address) {
            return Err(wrong());
        }
        let first = masked(address, bits);
        match first.to_canonical() {
            four @ IpAddr::V4(_) if first.is_ipv6() => Ok(Self { first: four, bits: bits - MAPPED_BITS }),
            _ => Ok(Self { first, bits }),
        }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl serde::Serialize for AddressRange {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Ranges without those that others of them cover, each once, in order.
pub(super) fn widest(ranges: impl IntoIterator<Item = AddressRange>) -> Vec<AddressRange> {
    let mut ranges: Vec<_> = ranges.into_iter().collect();
    ranges.sort_unstable();
    ranges.dedup();
    // In order of their first address and then of their size, what covers a range is before it.
    let mut kept: Vec<AddressRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        if !kept.iter().any(|wider| wider.covers(&range)) {
            kept.push(range);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_and_written_alike() {
        for (text, expected) in [
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("fe80::1/10", "fe80::/10"),
            ("::1", "::1/128"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
            ("::ffff:10.1.2.3/64", "::/64"),
        ] {
            assert_eq!(text.parse::<AddressRange>().map(|range| range.to_string()).as_deref(), Ok(expected));
        }
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "a.example", "10.0.0.0/8/8"] {
            assert!(wrong.parse::<AddressRange>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_range_holds_an_address_however_it_is_written() {
        let range: AddressRange = "10.0.0.0/8".parse().unwrap();
        assert!(range.holds("::ffff:10.1.2.3".parse().unwrap()));
        assert!(AddressRange::of("::ffff:10.1.2.3".parse().unwrap()).holds("10.1.2.3".parse().unwrap()));
        assert!(!AddressRange::ALL_V6.holds("::ffff:10.1.2.3".parse().unwrap()));
        let translated = range.translated().map(|range| range.to_string());
        assert_eq!(translated.as_deref(), Some("64:ff9b::a00:0/104"));
        assert_eq!(AddressRange::ALL_V6.translated(), None);
    }

    #[test]
    fn a_wider_range_stands_for_those_within() {
        let ranges = ["10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "fd00::/8", "fc00::/7", "11.0.0.0/8"];
        let kept = widest(ranges.iter().map(|range| range.parse().unwrap()));
        let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
        assert_eq!(kept, ["10.0.0.0/8", "11.0.0.0/8", "fc00::/7"]);
    }
}
