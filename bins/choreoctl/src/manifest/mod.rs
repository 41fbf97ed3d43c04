//! Manifests: where they come from, what can be said about them without a server, and the order to send them in.

mod check;
mod order;
mod source;

use std::fmt;

use serde_json::Value;

pub(crate) use check::check;
pub(crate) use order::sort_for_creation;
pub(crate) use source::load;

use crate::cluster::Kind;

/// One object as somebody wrote it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    /// File, URL or `standard input`.
    pub(crate) source: String,
    /// Its place in there, counted from 1.
    pub(crate) document: usize,
    /// The object.
    pub(crate) object: Value,
}

impl Manifest {
    pub(crate) fn api_version(&self) -> &str {
        self.text("/apiVersion")
    }

    pub(crate) fn kind(&self) -> &str {
        self.text("/kind")
    }

    pub(crate) fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// The namespace that it names itself.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.object.pointer("/metadata/namespace").and_then(Value::as_str).filter(|namespace| !namespace.is_empty())
    }

    /// Whether it is of the platform's group, in whatever version.
    pub(crate) fn is_ours(&self) -> bool {
        self.api_version().split_once('/').is_some_and(|(group, _)| group == openchoreo_types::GROUP)
    }

    /// A problem with it.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        let object = match (self.kind(), self.name()) {
            ("", _) => None,
            (kind, "") => Some(kind.to_owned()),
            (kind, name) => Some(format!("{kind} `{name}`")),
        };
        Problem { source: self.source.clone(), document: Some(self.document), object, message: message.into() }
    }

    fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A manifest whose kind is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resolved {
    pub(crate) manifest: Manifest,
    pub(crate) kind: Kind,
}

/// Something that cannot be right about a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// File, URL or `standard input`.
    pub source: String,
    /// Place of the manifest in there, counted from 1; none when the text could not be divided into manifests.
    pub document: Option<usize>,
    /// Kind and name of the object, where known.
    pub object: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.source)?;
        if let Some(document) = self.document {
            write!(formatter, ", document {document}")?;
        }
        if let Some(object) = &self.object {
            write!(formatter, " ({object})")?;
        }
        write!(formatter, ": {}", self.message)
    }
}
