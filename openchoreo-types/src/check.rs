//! Checks of what is said in manifests and in descriptors of repositories alike: schedules, paths and ports.
//!
//! Whoever reads either asks here, so that nothing that a build accepts is refused when it is deployed. Each check says
//! what is wrong and what would be right, and nothing of where: callers add object and field.

use std::ops::RangeInclusive;

use crate::common::EndpointType;
use crate::spelling;

/// The longest path, in bytes: what a match of Gateway API takes (`HTTPPathMatch.value`).
pub const PATH_LIMIT: usize = 1024;
/// The longest schedule, in bytes.
const SCHEDULE_LIMIT: usize = 1024;
/// The longest name of a time zone, in bytes; the longest of the database has some thirty.
const ZONE_LIMIT: usize = 64;
/// The names of the time zone database, one a line, as the API server of Kubernetes 1.36 brings it.
const TIME_ZONES: &str = include_str!("time_zones.txt");

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
    if text.len() > SCHEDULE_LIMIT {
        return Err(format!(
            "is longer than {SCHEDULE_LIMIT} bytes; a schedule has five fields, such as `*/15 * * * *`"
        ));
    }
    if NAMED.contains(&text) {
        return Ok(());
    }
    if text.starts_with("@every") {
        return Err(format!("`{text}` counts from no certain time; write it in five fields, such as `*/15 * * * *`"));
    }
    if text.starts_with('@') {
        return Err(format!("`{text}` is not a schedule; known names are {}", NAMED.join(", ")));
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return Err(format!(
            "`{text}` has {} fields; a schedule has five fields: minute, hour, day, month, weekday",
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

/// Checks the name of a time zone against those of the database that Kubernetes brings. A zone that came into the
/// database later is not known here.
///
/// # Errors
/// What is wrong, with the zone that was probably meant.
pub fn time_zone(name: &str) -> Result<(), String> {
    if name.len() > ZONE_LIMIT {
        return Err(format!("is longer than {ZONE_LIMIT} bytes; use an IANA name such as `Europe/Zurich`"));
    }
    if TIME_ZONES.lines().any(|zone| zone == name) {
        return Ok(());
    }
    Err(match spelling::nearest(name, TIME_ZONES.lines()) {
        Some(meant) => format!("`{name}` is not a time zone; was `{meant}` meant?"),
        None => format!("`{name}` is not a time zone; use an IANA name such as `Europe/Zurich`"),
    })
}

/// Checks a path as every gateway reads it: absolute, without empty or dot segments, and without encoding, since one that
/// a gateway would normalize differently than we do could slip past a rule.
///
/// # Errors
/// What is wrong.
pub fn path(path: &str) -> Result<(), String> {
    if path.len() > PATH_LIMIT {
        return Err(format!(
            "holds a path of {} bytes; a gateway takes at most {PATH_LIMIT}, so choose a shorter one",
            path.len()
        ));
    }
    if !path.starts_with('/') {
        return Err(format!("`{path}` does not begin with `/`"));
    }
    if let Some(wrong) = path.chars().find(|c| !c.is_ascii_alphanumeric() && !"-._~!$&'()*+,;=:@/%".contains(*c)) {
        return Err(format!("`{path}` holds `{wrong}`, which a path may not hold"));
    }
    if path.contains('%') {
        return Err(format!("`{path}` is percent-encoded; write a path that needs no encoding"));
    }
    let mut segments = path.strip_suffix('/').unwrap_or(path).split('/').skip(1);
    match segments.find(|segment| segment.is_empty() || *segment == "." || *segment == "..") {
        Some(segment) => Err(format!("`{path}` has the segment `{segment}`; write it without `..`, `.` and `//`")),
        None => Ok(()),
    }
}

/// A port number, checked.
///
/// # Errors
/// What is wrong.
pub fn port(number: i64) -> Result<u16, String> {
    let port = u16::try_from(number).ok().filter(|port| *port != 0);
    port.ok_or_else(|| format!("is {number}; a port is between 1 and 65535"))
}

/// Checks that endpoints which share a port speak what one port can: gateways must know of gRPC from the first byte.
///
/// # Errors
/// Which endpoint cannot share its port, by its place among them, and what is wrong with its type.
pub fn shared_ports(endpoints: impl IntoIterator<Item = (i64, EndpointType)>) -> Result<(), (usize, String)> {
    let mut seen: Vec<(i64, bool)> = Vec::new();
    for (index, (port, type_)) in endpoints.into_iter().enumerate() {
        let is_grpc = match type_ {
            // Another protocol has ports of its own.
            EndpointType::Udp => continue,
            EndpointType::Grpc => true,
            EndpointType::Http
            | EndpointType::Rest
            | EndpointType::GraphQl
            | EndpointType::Websocket
            | EndpointType::Tcp => false,
        };
        match seen.iter().find(|(known, _)| *known == port) {
            None => seen.push((port, is_grpc)),
            Some((_, known)) if *known == is_grpc => {}
            Some(_) => {
                return Err((
                    index,
                    format!("port {port} is gRPC for one endpoint and not for another; use two ports"),
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_those_of_cron_jobs() {
        for good in ["* * * * *", "*/5 0-6 1,15 JAN-MAR mon", "@daily", "0 0 31 12 6", "5/10 * * * ?"] {
            assert_eq!(cron(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "@reboot",
            "@every 5m",
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
    fn time_zones_are_names() {
        for good in ["Europe/Zurich", "Etc/UTC", "Etc/GMT+5", "America/Port-au-Prince"] {
            assert_eq!(time_zone(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "local",
            "Local",
            "Europe/Zürich",
            "Europe Zurich",
            "Europe/Atlantis",
            "europe/zurich",
            &"Z".repeat(65),
        ] {
            assert!(time_zone(bad).is_err(), "{bad}");
        }
        let told = time_zone("Europe/Zurch").unwrap_err();
        assert!(told.contains("`Europe/Zurich`"), "{told}");
    }

    #[test]
    fn a_path_that_gateways_read_differently_is_refused() {
        let long = format!("/{}", "a".repeat(PATH_LIMIT));
        for bad in [
            "", "api", "/a//b", "/a/./b", "/a/../b", "/..", "/a%2fb", "/a b", "/a#b", "/ä", "/a?b", "/{id}", "//",
            &long,
        ] {
            assert!(path(bad).is_err(), "{bad}");
        }
        for good in ["/", "/a", "/a/", "/a.b/~c/v1.0"] {
            assert_eq!(path(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn ports_are_numbers_that_endpoints_can_share() {
        use EndpointType::{Grpc, Http, Rest, Udp};
        assert_eq!((port(1), port(65_535)), (Ok(1), Ok(65_535)));
        assert!(port(0).is_err() && port(65_536).is_err() && port(-1).is_err());
        assert_eq!(shared_ports([(80, Http), (80, Rest), (80, Udp), (81, Grpc), (81, Grpc)]), Ok(()));
        let refused = shared_ports([(80, Http), (81, Grpc), (80, Grpc)]);
        assert!(matches!(refused, Err((2, _))), "{refused:?}");
    }
}
