//! Checks of texts that Kubernetes would refuse only after half of a workload has been applied.
//!
//! Each says what is wrong, and nothing of where: callers add object and field.

use std::ops::RangeInclusive;

/// Checks the name of an environment variable: what Kubernetes and programs take.
///
/// # Errors
/// What is wrong.
pub fn variable_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("is empty; give the name of the variable".to_owned());
    }
    if name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'=') {
        return Ok(());
    }
    Err(format!("`{name}` cannot name a variable; use printable ASCII characters without spaces and `=`"))
}

/// Checks a key of a ConfigMap or Secret.
///
/// # Errors
/// What is wrong.
pub fn configuration_key(key: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !key.is_empty() && key.len() <= 253 && key.bytes().all(allowed) && key != "." && !key.starts_with("..") {
        return Ok(());
    }
    Err(format!(
        "`{key}` cannot be a key; use at most 253 ASCII letters, digits, `-`, `_` and `.`, not beginning with `..`"
    ))
}

/// An absolute path in the container without empty pieces.
///
/// # Errors
/// What is wrong.
pub fn mount_path(path: &str) -> Result<String, String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("`{path}` is not absolute; a mount path begins with `/`"));
    };
    let mut clean = String::with_capacity(path.len());
    for piece in rest.split('/').filter(|piece| !piece.is_empty() && *piece != ".") {
        if piece == ".." {
            return Err(format!("`{path}` leads up with `..`; write the path that is meant"));
        }
        if piece.contains(':') || piece.chars().any(char::is_control) {
            return Err(format!("`{path}` has a `:` or a control character in it, which no mount path may have"));
        }
        clean.push('/');
        clean.push_str(piece);
    }
    if clean.is_empty() {
        return Err(format!("`{path}` is the root of the container; mount into a directory"));
    }
    Ok(clean)
}

/// Checks a quantity as Kubernetes writes it, such as `500m` or `256Mi`, and that it is not negative.
///
/// # Errors
/// What is wrong.
pub fn quantity(text: &str) -> Result<(), String> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let digits = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(digits);
    let has_digit = number.bytes().any(|byte| byte.is_ascii_digit());
    let one_point = number.bytes().filter(|byte| *byte == b'.').count() <= 1;
    let exponent = |rest: &str| {
        let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
    };
    const SUFFIXES: [&str; 16] = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let known = SUFFIXES.contains(&suffix) || suffix.strip_prefix(['e', 'E']).is_some_and(exponent);
    if has_digit && one_point && known {
        return Ok(());
    }
    Err(format!("`{text}` is not a quantity; write it like `500m`, `2` or `256Mi`"))
}

/// Checks a schedule as CronJobs take it: five fields, or a name such as `@daily`.
///
/// # Errors
/// What is wrong.
pub fn cron(text: &str) -> Result<(), String> {
    const NAMED: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
    const FIELDS: [(&str, RangeInclusive<u32>, &[&str]); 5] = [
        ("minute", 0..=59, &[]),
        ("hour", 0..=23, &[]),
        ("day of month", 1..=31, &[]),
        ("month", 1..=12, &MONTHS),
        ("day of week", 0..=6, &DAYS),
    ];
    if text.trim().is_empty() {
        return Err("is empty; give a schedule such as `*/15 * * * *` or `@daily`".to_owned());
    }
    if NAMED.contains(&text) {
        return Ok(());
    }
    if text.starts_with('@') {
        return Err(format!("`{text}` is not a schedule; known names are {}", NAMED.join(", ")));
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!(
            "`{text}` has {} fields; a schedule has five: minute, hour, day, month, weekday",
            fields.len()
        ));
    }
    for (field, (what, range, names)) in fields.iter().zip(FIELDS) {
        if !field.split(',').all(|part| cron_part(part, &range, names)) {
            let (low, high) = (range.start(), range.end());
            return Err(format!(
                "`{field}` of `{text}` is not a {what}; use `*` or values {low} to {high}, with `,`, `-` and `/`"
            ));
        }
    }
    Ok(())
}

fn cron_part(part: &str, range: &RangeInclusive<u32>, names: &[&str]) -> bool {
    let value = |text: &str| {
        let number = if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None };
        let named = || {
            let position = names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
            u32::try_from(position).ok()?.checked_add(*range.start())
        };
        number.or_else(named).filter(|value| range.contains(value))
    };
    let (span, step) = part.split_once('/').map_or((part, None), |(span, step)| (span, Some(step)));
    let step_fits = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0));
    let span_fits = match span.split_once('-') {
        _ if span == "*" || span == "?" => true,
        None => value(span).is_some(),
        Some((from, to)) => matches!((value(from), value(to)), (Some(from), Some(to)) if from <= to),
    };
    step_fits && span_fits
}

/// Checks the name of a time zone as far as it can be checked without a database of zones.
///
/// # Errors
/// What is wrong.
pub fn time_zone(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
    if !name.is_empty() && name.bytes().all(allowed) && !name.eq_ignore_ascii_case("local") {
        return Ok(());
    }
    Err(format!("`{name}` is not a time zone; use an IANA name such as `Europe/Zurich`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for good in ["1", "500m", "0.5", ".5", "256Mi", "1e3", "2E", "1E-2", "+1Gi"] {
            assert_eq!(quantity(good), Ok(()), "{good}");
        }
        for bad in ["", "m", "1mb", "-1", "1.2.3", "1 Gi", "1e", "Mi", "."] {
            assert!(quantity(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn schedules_are_those_of_cron_jobs() {
        for good in ["* * * * *", "*/5 0-6 1,15 JAN-MAR mon", "@daily", "0 0 31 12 6", "5/10 * * * ?"] {
            assert_eq!(cron(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "@reboot",
            "* * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "TZ=UTC * * * * *",
        ] {
            assert!(cron(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mount_paths_are_absolute_and_clean() {
        assert_eq!(mount_path("//etc/./app//config.json").as_deref(), Ok("/etc/app/config.json"));
        for bad in ["", "etc/app", "/", "/a/../b", "/a:b"] {
            assert!(mount_path(bad).is_err(), "{bad}");
        }
    }
}
