//! Ages as `kubectl` prints them: two units while young, one when old.

use jiff::Timestamp;
use serde_json::Value;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// What is printed for a time that is not known.
pub(super) const UNKNOWN: &str = "<unknown>";

/// The age of a time in an object.
pub(super) fn since(time: Option<&Value>, now: Timestamp) -> String {
    match time.and_then(Value::as_str).map(str::parse::<Timestamp>) {
        None => UNKNOWN.to_owned(),
        Some(Err(_)) => "<invalid>".to_owned(),
        Some(Ok(time)) => duration(now.as_second() - time.as_second()),
    }
}

/// A duration in seconds.
pub(super) fn duration(seconds: i64) -> String {
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| {
        if small == 0 { format!("{large}{large_unit}") } else { format!("{large}{large_unit}{small}{small_unit}") }
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(seconds / MINUTE, "m", seconds % MINUTE, "s"),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "m"),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
        691_200..63_072_000 => format!("{}d", seconds / DAY),
        63_072_000..252_288_000 => two(seconds / YEAR, "y", seconds % YEAR / DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn ages_have_two_units_while_young_and_one_when_old() {
        let cases = [
            (-5, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (200, "3m20s"),
            (3_600, "60m"),
            (3 * 3_600, "3h"),
            (3 * 3_600 + 300, "3h5m"),
            (9 * 3_600, "9h"),
            (2 * 86_400, "2d"),
            (2 * 86_400 + 3_600, "2d1h"),
            (9 * 86_400 + 3_600, "9d"),
            (800 * 86_400, "2y70d"),
            (4_000 * 86_400, "10y"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected, "{seconds} s");
        }
    }
}
