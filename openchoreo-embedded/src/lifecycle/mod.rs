//! What a write does to an object between the request and the store: names, identity, defaults, ownership of fields,
//! the separation of specification and status, generations, finalizers.
//!
//! [`create`] and [`update`] are pure; [`write`] runs them against the state with optimistic concurrency; [`delete`]
//! works on the state, since the server deletes on its own behalf too.

mod create;
pub(crate) mod delete;
pub(crate) mod names;
mod update;
pub(crate) mod write;

use serde_json::Value;

use crate::clock::Clock;
use crate::error::ApiError;
use crate::managed_fields::{Manager, Operation};
use crate::registry::Kind;
use crate::value;

/// What happens to fields that a schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldValidation {
    /// The request is refused.
    Strict,
    /// They are dropped with a warning.
    #[default]
    Warn,
    /// They are dropped.
    Ignore,
}

/// The part of an object that a request addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All but the status, where the kind keeps status apart.
    Main,
    Status,
    /// The number of replicas, seen as an object of its own.
    Scale,
    /// The finalizers in the specification of a namespace.
    Finalize,
}

impl Part {
    pub(crate) fn subresource(self) -> Option<&'static str> {
        match self {
            Self::Main => None,
            Self::Status => Some("status"),
            Self::Scale => Some("scale"),
            Self::Finalize => Some("finalize"),
        }
    }
}

/// What a request says about a write besides the object.
#[derive(Debug)]
pub(crate) struct Intent<'a> {
    pub(crate) kind: &'a Kind,
    pub(crate) namespace: &'a str,
    pub(crate) part: Part,
    /// The field manager.
    pub(crate) manager: &'a str,
    pub(crate) field_validation: FieldValidation,
    pub(crate) dry_run: bool,
    pub(crate) clock: &'a Clock,
}

impl Intent<'_> {
    fn manager(&self, operation: Operation) -> Manager<'_> {
        Manager {
            name: self.manager,
            operation,
            api_version: &self.kind.api_version,
            subresource: self.part.subresource(),
            time: self.clock.now(),
        }
    }

    /// Checks that an object is of the addressed kind, writing what it leaves out.
    fn check_type(&self, object: &mut Value) -> Result<(), ApiError> {
        if !object.is_object() {
            return Err(ApiError::bad_request("the body of the request must be an object"));
        }
        for (member, expected) in [("apiVersion", &self.kind.api_version), ("kind", &self.kind.kind)] {
            match value::text(object, &[member]) {
                None | Some("") => value::set(object, &[member], expected.as_str()),
                Some(given) if given == expected => {}
                Some(given) => {
                    return Err(ApiError::bad_request(format!(
                        "the {member} in the data ({given}) does not match the expected {member} ({expected})"
                    )));
                }
            }
        }
        match value::meta(object, "namespace") {
            None if self.kind.namespaced => value::set(object, &["metadata", "namespace"], self.namespace),
            None => {
                value::remove(object, &["metadata", "namespace"]);
            }
            Some(given) if given == self.namespace => {}
            Some(_) => {
                return Err(ApiError::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                ));
            }
        }
        Ok(())
    }

    /// Drops unknown fields; their paths are a refusal, warnings, or nobody's concern.
    fn prune(&self, object: &mut Value, warnings: &mut Vec<String>) -> Result<(), ApiError> {
        let mut unknown: Vec<String> =
            self.kind.schema.prune(object).iter().map(|path| format!("unknown field \"{path}\"")).collect();
        match self.field_validation {
            FieldValidation::Strict if !unknown.is_empty() => {
                let subject = format!("{} in version \"{}\"", self.kind.kind, self.kind.version);
                let listed = unknown.join(", ");
                Err(ApiError::bad_request(format!(
                    "{subject} cannot be handled as a {}: strict decoding error: {listed}",
                    self.kind.kind
                )))
            }
            FieldValidation::Warn => {
                warnings.append(&mut unknown);
                Ok(())
            }
            FieldValidation::Strict | FieldValidation::Ignore => Ok(()),
        }
    }

    fn apply_defaults(&self, object: &mut Value) {
        self.kind.schema.apply_defaults(object);
        if !self.kind.custom {
            crate::registry::defaults::apply(&self.kind.api_version, &self.kind.kind, object);
        }
    }

    /// Everything that can be wrong with a finished object.
    fn validate(&self, object: &Value, live: Option<&Value>) -> Result<(), ApiError> {
        let mut errors = names::check_metadata(object, self.kind.name_rule);
        errors.extend(self.kind.schema.validate(object, live));
        if !self.kind.custom {
            errors.extend(crate::registry::rules::check(&self.kind.api_version, &self.kind.kind, object));
        }
        if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.kind, value::name(object), &errors)) }
    }
}
