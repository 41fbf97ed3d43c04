//! Quantities as Kubernetes writes them, and which of two is more.
//!
//! The one place that reads them. What is counted, and how much of it there may be, is decided elsewhere.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The longest quantity, in bytes.
const LENGTH_LIMIT: usize = 32;
/// What Kubernetes counts in: a billionth. Less is rounded up to it.
const PARTS: u128 = 1_000_000_000;
/// The most that Kubernetes counts to; more is taken for this.
const MOST: u128 = (i64::MAX as u128) * PARTS;

/// A quantity such as `500m` or `256Mi`, not negative. Two are equal that are the same amount, however they are written.
///
/// ```
/// use openchoreo_types::quantity::Amount;
///
/// let half: Amount = "500m".parse()?;
/// assert_eq!(half, "0.5".parse()?);
/// assert!(half < "1".parse()? && "1G".parse::<Amount>()? < "1Gi".parse()?);
/// assert_eq!(half.to_string(), "500m");
/// assert!("1mb".parse::<Amount>().is_err());
/// # Ok::<(), openchoreo_types::quantity::NotAQuantity>(())
/// ```
#[derive(Clone, Debug)]
pub struct Amount {
    written: String,
    parts: u128,
}

impl Amount {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether it is a whole number.
    pub fn is_whole(&self) -> bool {
        self.parts.is_multiple_of(PARTS)
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.parts == 0
    }

    /// Whether so many times this is more than another amount.
    pub fn times_exceeds(&self, times: u32, other: &Self) -> bool {
        self.parts.saturating_mul(times.into()) > other.parts
    }
}

impl From<u32> for Amount {
    fn from(count: u32) -> Self {
        Self { written: count.to_string(), parts: u128::from(count) * PARTS }
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Amount {}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts.cmp(&other.parts)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

/// A text that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a quantity; write it like `500m`, `2` or `256Mi`")]
pub struct NotAQuantity(String);

impl FromStr for Amount {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        let parts = if text.len() <= LENGTH_LIMIT { parts(text) } else { None };
        let parts = parts.ok_or_else(|| NotAQuantity(text.to_owned()))?;
        Ok(Self { written: text.to_owned(), parts })
    }
}

/// How many parts a quantity has; nothing where it is none.
fn parts(text: &str) -> Option<u128> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: Vec<u128> =
        whole.chars().chain(fraction.chars()).map(|c| c.to_digit(10).map(u128::from)).collect::<Option<_>>()?;
    if digits.is_empty() {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()?;
    Some(match unit(suffix)? {
        Unit::PowerOfTen(power) => scaled(&digits, point.saturating_add(power).saturating_add(9), 1),
        Unit::Parts(unit) => scaled(&digits, point, unit),
    })
}

/// What the digits of a quantity are multiplied with.
enum Unit {
    PowerOfTen(i32),
    /// So many parts.
    Parts(u128),
}

fn unit(suffix: &str) -> Option<Unit> {
    const DECIMAL: [(&str, i32); 10] =
        [("", 0), ("n", -9), ("u", -6), ("m", -3), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
    const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
    if let Some((_, power)) = DECIMAL.iter().find(|(known, _)| *known == suffix) {
        return Some(Unit::PowerOfTen(*power));
    }
    if let Some((_, bits)) = BINARY.iter().find(|(known, _)| *known == suffix) {
        return Some(Unit::Parts(PARTS << bits));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_exponent = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_exponent.then(|| exponent.parse().ok()).flatten().map(Unit::PowerOfTen)
}

/// Digits with a point after so many of them, which may be outside of them, times a unit; rounded up.
fn scaled(digits: &[u128], point: i32, unit: u128) -> u128 {
    let before = usize::try_from(point).unwrap_or(0);
    let digit = |place: usize| digits.get(place).copied().unwrap_or(0);
    let whole = (0..before).fold(0_u128, |sum, place| sum.saturating_mul(10).saturating_add(digit(place)));
    // From the last digit on, so that each division rounds what is exact but for its own rest.
    let behind = digits.iter().skip(before).rev();
    let fraction = behind.fold(0_u128, |sum, digit| (digit * unit + sum).div_ceil(10));
    let fraction = (point..0).fold(fraction, |sum, _| sum.div_ceil(10));
    whole.saturating_mul(unit).saturating_add(fraction).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for good in ["1", "500m", "0.5", ".5", "5.", "256Mi", "1e3", "2E", "1E-2", "+1Gi"] {
            assert!(good.parse::<Amount>().is_ok(), "{good}");
        }
        for bad in ["", "m", "1mb", "-1", "1.2.3", "1 Gi", "1e", "1e+-1", "1e100", "Mi", ".", &"9".repeat(33)] {
            assert!(bad.parse::<Amount>().is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_equal_however_they_are_written() {
        let same = [
            ("1", "1000m"),
            ("1", "+1.000"),
            ("1", "1e0"),
            ("1k", "1e3"),
            ("1k", "1000"),
            ("1E", "1e18"),
            ("1Ki", "1024"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            (".25", "250m"),
            ("1E-2", "10m"),
            ("007", "7"),
            ("0", "0Ei"),
            // Less than a part is rounded up to it, and there is nothing above the most.
            ("1e-99", "1n"),
            ("0.1n", "1n"),
            ("0.0000000001", "1n"),
            ("0e99", "0"),
            ("1e99", "9223372036854775807"),
            ("99E", "8Ei"),
            ("9999999999999999999999999999999", "1e99"),
            ("0.0009765625Ki", "1"),
            ("1.0000000000000000000000001Ki", "1024000000001n"),
        ];
        for (one, other) in same {
            assert_eq!(amount(one), amount(other), "{one} {other}");
        }
    }

    #[test]
    fn more_is_more() {
        let rising =
            ["0", "1n", "1u", "1m", "999m", "1", "1.000000001", "1e3", "1Ki", "1M", "1Mi", "1G", "1Gi", "1E", "1Ei"];
        for pair in rising.windows(2) {
            assert!(amount(pair[0]) < amount(pair[1]), "{pair:?}");
        }
        assert!(amount("500m").times_exceeds(3, &amount("1")) && !amount("500m").times_exceeds(2, &amount("1")));
        assert!(amount("3").is_whole() && !amount("1500m").is_whole() && amount("0m").is_zero());
    }
}
