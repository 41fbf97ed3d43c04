//! Checks of what Kubernetes would refuse only after half of a workload has been applied, or what no container starts
//! with.
//!
//! Each says what is wrong, and nothing of where: callers add object and field. What descriptors in repositories may say
//! too is checked by [`openchoreo_types::check`]. That an API server takes what passes here, and refuses what does not, is
//! tried against a real one by the end-to-end suite, with [`crate::testing`].

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Probe;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use openchoreo_types::check;

/// The most bytes of data that a ConfigMap may hold; what a container is given in other ways is held to the same, so that
/// what runs it can be stored.
pub const SIZE_LIMIT: usize = 1024 * 1024;
/// The most bytes that data may take on its way, where characters are written as escapes: what an API server reads of one
/// request is 3 MiB.
const SENT_LIMIT: usize = 2_900 * 1024;

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

/// Checks the data of a ConfigMap for its size.
///
/// # Errors
/// How large it is.
pub fn config_map_size<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
    let (mut stored, mut sent) = (0_usize, 0_usize);
    for value in values {
        stored = stored.saturating_add(value.len());
        sent = sent.saturating_add(value.chars().map(escaped_len).sum());
    }
    size(stored)?;
    if sent > SENT_LIMIT {
        return Err(format!(
            "takes {sent} bytes as JSON, more than the {SENT_LIMIT} of one request; put what is not text into the image"
        ));
    }
    Ok(())
}

/// Checks the size of what becomes one object.
///
/// # Errors
/// How large it is.
pub fn size(bytes: usize) -> Result<(), String> {
    if bytes > SIZE_LIMIT {
        return Err(format!(
            "is {bytes} bytes in all, more than the {SIZE_LIMIT} that one object may hold; make it smaller or split it"
        ));
    }
    Ok(())
}

/// The bytes of a character in a JSON text.
fn escaped_len(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c.is_ascii_control() => 6,
        c => c.len_utf8(),
    }
}

/// Checks a limit on how many old revisions are kept.
///
/// # Errors
/// What is wrong.
pub fn history_limit(limit: i32) -> Result<(), String> {
    if limit < 0 {
        return Err(format!("is {limit}; give the number of old revisions to keep, 0 or more"));
    }
    Ok(())
}

/// What a probe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeRole {
    /// Whether the container gets traffic.
    Readiness,
    /// Whether the container is started anew.
    Liveness,
}

/// Checks a probe of a container with ports of these names. It asks the pod itself: one that named a host would have the
/// node ask whatever an author likes.
///
/// # Errors
/// The field in the probe, and what is wrong with it.
pub fn probe(probe: &Probe, role: ProbeRole, port_names: &BTreeSet<&str>) -> Result<(), (String, String)> {
    handler(probe, port_names)?;
    let counts = [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ];
    for (field, count) in counts {
        if let Some(count) = count.filter(|count| *count < 0) {
            return wrong(field, format!("is {count}; give a number above 0, or leave it out"));
        }
    }
    match (role, probe.success_threshold, probe.termination_grace_period_seconds) {
        (ProbeRole::Liveness, Some(count), _) if count > 1 => {
            wrong("successThreshold", format!("is {count}; a liveness probe needs one success, so leave it out"))
        }
        (ProbeRole::Liveness, _, Some(seconds)) if seconds <= 0 => {
            wrong("terminationGracePeriodSeconds", format!("is {seconds}; give a number above 0, or leave it out"))
        }
        (ProbeRole::Readiness, _, Some(_)) => {
            wrong("terminationGracePeriodSeconds", "is for liveness probes; leave it out".to_owned())
        }
        (ProbeRole::Liveness | ProbeRole::Readiness, ..) => Ok(()),
    }
}

fn handler(probe: &Probe, port_names: &BTreeSet<&str>) -> Result<(), (String, String)> {
    let given: Vec<&str> = [
        ("exec", probe.exec.is_some()),
        ("grpc", probe.grpc.is_some()),
        ("httpGet", probe.http_get.is_some()),
        ("tcpSocket", probe.tcp_socket.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, is_given)| is_given.then_some(name))
    .collect();
    match given.as_slice() {
        [_] => {}
        [] => {
            return wrong("", "says nothing to ask; give one of `exec`, `grpc`, `httpGet` and `tcpSocket`".to_owned());
        }
        several => return wrong("", format!("gives `{}`; keep one of them", several.join("` and `"))),
    }
    let named = |field: &str, host: Option<&String>| match host.filter(|host| !host.is_empty()) {
        None => Ok(()),
        Some(host) => wrong(
            field,
            format!("is `{host}`; leave it out, since the pod itself is asked. A header `Host` names a virtual host"),
        ),
    };
    if probe.exec.as_ref().is_some_and(|exec| exec.command.as_ref().is_none_or(Vec::is_empty)) {
        return wrong("exec.command", "is empty; give the command to run in the container".to_owned());
    }
    if let Some(grpc) = &probe.grpc {
        check::port(grpc.port.into()).map_err(|problem| ("grpc.port".to_owned(), problem))?;
    }
    if let Some(socket) = &probe.tcp_socket {
        probed_port(&socket.port, port_names).map_err(|problem| ("tcpSocket.port".to_owned(), problem))?;
        named("tcpSocket.host", socket.host.as_ref())?;
    }
    let Some(http) = &probe.http_get else { return Ok(()) };
    probed_port(&http.port, port_names).map_err(|problem| ("httpGet.port".to_owned(), problem))?;
    named("httpGet.host", http.host.as_ref())?;
    if let Some(scheme) = http.scheme.as_deref().filter(|scheme| !matches!(*scheme, "" | "HTTP" | "HTTPS")) {
        return wrong("httpGet.scheme", format!("is `{scheme}`; use `HTTP` or `HTTPS`"));
    }
    for (index, header) in http.http_headers.iter().flatten().enumerate() {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if header.name.is_empty() || !header.name.bytes().all(fits) {
            let problem = format!("`{}` cannot name a header; use ASCII letters, digits and `-`", header.name);
            return wrong(&format!("httpGet.httpHeaders[{index}].name"), problem);
        }
    }
    Ok(())
}

/// Checks the port that a probe asks: a number, or the name of a port of the container.
fn probed_port(port: &IntOrString, names: &BTreeSet<&str>) -> Result<(), String> {
    match port {
        IntOrString::Int(number) => check::port((*number).into()).map(drop),
        IntOrString::String(name) if names.contains(name.as_str()) => Ok(()),
        IntOrString::String(name) => Err(format!("`{name}` is no port of the container; give its number")),
    }
}

fn wrong(field: &str, problem: String) -> Result<(), (String, String)> {
    Err((field.to_owned(), problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_config_maps() {
        for good in ["a", "A-b_c.9", ".env", "a..b", &"k".repeat(253)] {
            assert_eq!(configuration_key(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "..env", "a/b", "a b", "é", &"k".repeat(254)] {
            assert!(configuration_key(bad).is_err(), "{bad}");
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
