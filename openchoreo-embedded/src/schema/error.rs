//! Findings about schemas and objects, worded as Kubernetes words them.
//!
//! Clients match on these texts and print them to people, so the wording is part of the compatible surface. Turning
//! findings into a `Status` is the HTTP layer's job.

use std::fmt;

use serde_json::Value;

/// Why a schema was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {detail}")]
pub struct SchemaError {
    /// Where in the schema, as `openAPIV3Schema.properties[spec].type`.
    pub path: String,
    /// What is wrong there, as `Required value: must not be empty for specified object fields`.
    pub detail: String,
}

/// The class of a [`FieldError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldErrorKind {
    /// A value is wrong.
    Invalid,
    /// A value has the wrong type.
    TypeInvalid,
    /// A value is missing.
    Required,
    /// A value is not one of the supported ones.
    NotSupported,
    /// A value occurs twice in a list of distinct values.
    Duplicate,
    /// A value must not be set.
    Forbidden,
    /// A text is too long.
    TooLong,
    /// A list or map has too many entries.
    TooMany,
}

impl FieldErrorKind {
    /// The machine-readable cause, as in `Status.details.causes[].reason`.
    pub fn cause(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Required => "FieldValueRequired",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
        }
    }

    /// The words that open the text of a finding of this class.
    fn words(self) -> &'static str {
        match self {
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::Required => "Required value",
            Self::NotSupported => "Unsupported value",
            Self::Duplicate => "Duplicate value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
        }
    }
}

/// One finding about one field of an object.
///
/// ```
/// use openchoreo_embedded::schema::{FieldError, FieldErrorKind};
///
/// let error = FieldError { kind: FieldErrorKind::Required, path: "spec.image".into(), detail: String::new() };
/// assert_eq!(error.to_string(), "spec.image: Required value");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The class of the finding.
    pub kind: FieldErrorKind,
    /// The field, as `spec.ports[0].name`; `<nil>` where Kubernetes names none.
    pub path: String,
    /// What follows the words of the class: the value where Kubernetes prints it, then the explanation.
    pub detail: String,
}

impl FieldError {
    pub(crate) fn new(kind: FieldErrorKind, path: &str, detail: impl Into<String>) -> Self {
        Self { kind, path: path.to_owned(), detail: detail.into() }
    }

    /// `Invalid value: <value>: <explanation>`.
    pub(crate) fn invalid(path: &str, value: &Value, explanation: impl fmt::Display) -> Self {
        Self::new(FieldErrorKind::Invalid, path, format!("{}: {explanation}", printed(value)))
    }

    /// The text without the path, as in `Status.details.causes[].message`.
    pub fn body(&self) -> String {
        if self.detail.is_empty() {
            self.kind.words().to_owned()
        } else {
            format!("{}: {}", self.kind.words(), self.detail)
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.body())
    }
}

impl std::error::Error for FieldError {}

/// A value as Kubernetes prints it inside a finding, which for maps and lists is Go's own notation.
pub(crate) fn printed(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("{text:?}"),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(printed).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("{name:?}:{}", printed(value))).collect();
            format!("map[string]interface {{}}{{{}}}", members.join(", "))
        }
    }
}
