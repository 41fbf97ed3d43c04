//! Failures as the API tells them: each is a `Status` object with code, reason, message and details.
//!
//! The texts are those of Kubernetes, since people and programs search for them.

use serde_json::{Map, Value, json};

use crate::registry::Kind;
use crate::schema::{FieldError, FieldErrorKind};

/// A refused request.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) details: Map<String, Value>,
}

impl ApiError {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Map::new() }
    }

    fn about(mut self, kind: &Kind, name: &str) -> Self {
        if !name.is_empty() {
            self.details.insert("name".into(), name.into());
        }
        if !kind.group.is_empty() {
            self.details.insert("group".into(), kind.group.clone().into());
        }
        self.details.insert("kind".into(), kind.plural.clone().into());
        self
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.resource)).about(kind, name)
    }

    /// The path leads to no served resource.
    pub(crate) fn no_such_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", kind.resource)).about(kind, name)
    }

    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.resource);
        Self::new(409, "Conflict", message).about(kind, name)
    }

    pub(crate) fn modified(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    /// Fields of an apply belong to other managers; each conflict is (manager, field).
    pub(crate) fn apply_conflict<'a>(conflicts: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Self {
        let count = conflicts.len();
        let causes: Vec<(String, &str)> =
            conflicts.map(|(manager, field)| (format!("conflict with \"{manager}\""), field)).collect();
        let plural = if count == 1 { "conflict" } else { "conflicts" };
        let listed = match causes.as_slice() {
            [(with, field)] => format!("{with}: {field}"),
            several => {
                let lines: Vec<String> = several.iter().map(|(with, field)| format!("{with}: {field}")).collect();
                format!("conflicts:\n- {}", lines.join("\n- "))
            }
        };
        let mut error = Self::new(409, "Conflict", format!("Apply failed with {count} {plural}: {listed}"));
        let causes = causes
            .into_iter()
            .map(|(message, field)| json!({"reason": "FieldManagerConflict", "message": message, "field": field}));
        error.details.insert("causes".into(), causes.collect());
        error
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, errors: &[FieldError]) -> Self {
        let texts: Vec<String> = errors.iter().map(FieldError::to_string).collect();
        let listed = match texts.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let subject = if kind.group.is_empty() { kind.kind.clone() } else { format!("{}.{}", kind.kind, kind.group) };
        let mut error = Self::new(422, "Invalid", format!("{subject} \"{name}\" is invalid: {listed}"));
        if !name.is_empty() {
            error.details.insert("name".into(), name.into());
        }
        if !kind.group.is_empty() {
            error.details.insert("group".into(), kind.group.clone().into());
        }
        error.details.insert("kind".into(), kind.kind.clone().into());
        let causes = errors.iter().zip(&texts).map(|(one, text)| {
            let message = text.strip_prefix(&format!("{}: ", one.path)).unwrap_or(text);
            json!({"reason": one.kind.cause(), "message": message, "field": one.path})
        });
        error.details.insert("causes".into(), causes.collect());
        error
    }

    /// One field is wrong.
    pub(crate) fn invalid_field(
        kind: &Kind,
        name: &str,
        field_kind: FieldErrorKind,
        path: &str,
        detail: impl Into<String>,
    ) -> Self {
        Self::invalid(kind, name, &[FieldError { kind: field_kind, path: path.into(), detail: detail.into() }])
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", kind.resource);
        Self::new(403, "Forbidden", message).about(kind, name)
    }

    /// An authorizer said no to a request that names no stored object.
    pub(crate) fn forbidden_request(why: &str) -> Self {
        Self::new(403, "Forbidden", format!("forbidden: {why}"))
    }

    /// The namespace is being deleted, so nothing new may be made in it.
    pub(crate) fn namespace_terminating(kind: &Kind, name: &str, namespace: &str) -> Self {
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut error = Self::forbidden(kind, name, &why);
        let cause = json!({
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        });
        error.details.insert("causes".into(), json!([cause]));
        error
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn method_not_allowed(method: &str) -> Self {
        let message = format!("the server does not allow this method on the requested resource ({method})");
        Self::new(405, "MethodNotAllowed", message)
    }

    pub(crate) fn not_acceptable() -> Self {
        let message = "only the following media types are accepted: application/json, application/yaml";
        Self::new(406, "NotAcceptable", message)
    }

    pub(crate) fn unsupported_media_type(given: &str, accepted: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format ({given}) - accepted media types include: {accepted}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// A watch or a page asks for a revision whose history is gone.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// The asked revision lies in the future.
    pub(crate) fn too_large_revision(asked: u64, current: u64) -> Self {
        let mut error = Self::new(504, "Timeout", format!("Too large resource version: {asked}, current: {current}"));
        error.details.insert("retryAfterSeconds".into(), 1.into());
        let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        error.details.insert("causes".into(), json!([cause]));
        error
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// The body that is sent.
    pub(crate) fn to_status(&self) -> Value {
        let mut status = json!({
            "apiVersion": "v1",
            "kind": "Status",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        });
        if !self.details.is_empty() {
            crate::value::set(&mut status, &["details"], self.details.clone());
        }
        status
    }
}
