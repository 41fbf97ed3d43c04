//! Which names and metadata are well formed, with the texts that Kubernetes refuses the others with.

use serde_json::Value;

use crate::schema::{FieldError, FieldErrorKind};
use crate::selector::{is_label_value, is_qualified_name};
use crate::value;

/// The rule for the names of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// Dot-separated labels, at most 253 bytes.
    Subdomain,
    /// One label of at most 63 bytes.
    Label,
    /// One label of at most 63 bytes that begins with a letter (RFC 1035).
    ServiceLabel,
    /// Anything that can be one segment of a path.
    PathSegment,
}

const LABEL_TEXT: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
    start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SERVICE_TEXT: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_TEXT: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
    '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_VALUE_TEXT: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
    '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
    for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED_NAME_TEXT: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start \
    and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

const ANNOTATIONS_LIMIT: usize = 256 * 1024;

/// Whether a text is a DNS label, leaving its length aside.
pub(crate) fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge)
        && bytes.iter().all(|byte| edge(byte) || *byte == b'-')
}

impl NameRule {
    /// Why a name breaks the rule.
    pub(crate) fn objection(self, name: &str) -> Option<String> {
        let (limit, good, text) = match self {
            Self::Subdomain => (253, name.split('.').all(is_label), SUBDOMAIN_TEXT),
            Self::Label => (63, is_label(name), LABEL_TEXT),
            Self::ServiceLabel => {
                (63, is_label(name) && name.starts_with(|first: char| first.is_ascii_lowercase()), SERVICE_TEXT)
            }
            Self::PathSegment => {
                let good = !matches!(name, "." | "..") && !name.contains(['/', '%']);
                (usize::MAX, good, "may not be '.' or '..' or contain '/' or '%'")
            }
        };
        if name.len() > limit {
            Some(format!("must be no more than {limit} characters"))
        } else if !good {
            Some(text.to_owned())
        } else {
            None
        }
    }
}

/// Checks `metadata` of an object whose name and namespace are settled.
pub(crate) fn check_metadata(object: &Value, rule: NameRule) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut refuse = |kind, path: String, detail: String| errors.push(FieldError { kind, path, detail });
    let name = value::name(object);
    if name.is_empty() {
        refuse(FieldErrorKind::Required, "metadata.name".into(), "name or generateName is required".into());
    } else if let Some(why) = rule.objection(name) {
        refuse(FieldErrorKind::Invalid, "metadata.name".into(), invalid(name, &why));
    }
    let entries = |member| value::at(object, &["metadata", member]).and_then(Value::as_object).into_iter().flatten();
    for (key, label) in entries("labels") {
        let label = label.as_str().unwrap_or_default();
        if !is_qualified_name(key) {
            refuse(FieldErrorKind::Invalid, "metadata.labels".into(), invalid(key, QUALIFIED_NAME_TEXT));
        }
        if label.len() > 63 {
            refuse(FieldErrorKind::Invalid, "metadata.labels".into(), invalid(label, "must be no more than 63 bytes"));
        } else if !is_label_value(label) {
            refuse(FieldErrorKind::Invalid, "metadata.labels".into(), invalid(label, LABEL_VALUE_TEXT));
        }
    }
    let mut annotations_size = 0;
    for (key, annotation) in entries("annotations") {
        annotations_size += key.len() + annotation.as_str().map_or(0, str::len);
        if !is_qualified_name(&key.to_lowercase()) {
            refuse(FieldErrorKind::Invalid, "metadata.annotations".into(), invalid(key, QUALIFIED_NAME_TEXT));
        }
    }
    if annotations_size > ANNOTATIONS_LIMIT {
        let detail = format!("may not be more than {ANNOTATIONS_LIMIT} bytes");
        refuse(FieldErrorKind::TooLong, "metadata.annotations".into(), detail);
    }
    for finalizer in value::strings(object, &["metadata", "finalizers"]) {
        if !is_qualified_name(finalizer) {
            refuse(FieldErrorKind::Invalid, "metadata.finalizers".into(), invalid(finalizer, QUALIFIED_NAME_TEXT));
        }
    }
    for (index, owner) in value::list(object, &["metadata", "ownerReferences"]).iter().enumerate() {
        for member in ["apiVersion", "kind", "name", "uid"] {
            if value::text(owner, &[member]).is_none_or(str::is_empty) {
                let path = format!("metadata.ownerReferences[{index}].{member}");
                refuse(FieldErrorKind::Invalid, path, format!("{}: must not be empty", "\"\""));
            }
        }
    }
    errors
}

/// The detail of an invalid value as Kubernetes writes it.
pub(crate) fn invalid(value: &str, why: &str) -> String {
    format!("{value:?}: {why}")
}
