//! Checks of texts that Kubernetes would refuse only after half of a workload has been applied.
//!
//! Each says what is wrong, and nothing of where: callers add object and field. What descriptors in repositories may say
//! too is checked by [`openchoreo_types::check`].

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
    fn mount_paths_are_absolute_and_clean() {
        assert_eq!(mount_path("//etc/./app//config.json").as_deref(), Ok("/etc/app/config.json"));
        for bad in ["", "etc/app", "/", "/a/../b", "/a:b"] {
            assert!(mount_path(bad).is_err(), "{bad}");
        }
    }
}
