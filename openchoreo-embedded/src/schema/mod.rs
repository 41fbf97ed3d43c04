//! Structural schemas: what the server knows about the shape of one kind at one version.
//!
//! A [`Schema`] prunes unknown members, fills in defaults and validates objects; server-side apply, strategic merge
//! patch and the OpenAPI documents read it too. Schemas of custom kinds come from their definitions and must be
//! structural; schemas of built-in kinds are generated from the `k8s-openapi` types. The module works on JSON values
//! and knows neither requests nor storage, and it never rewrites a valid value: quantities, times and durations stay
//! as they were written.
//!
//! ```
//! use openchoreo_embedded::schema::Schema;
//! use serde_json::json;
//!
//! let schema = Schema::parse(&json!({
//!     "type": "object",
//!     "properties": {"spec": {"type": "object", "properties": {"replicas": {"type": "integer", "default": 1}}}}
//! }))?;
//! let mut object = json!({"spec": {"replicsa": 2}});
//! assert_eq!(schema.prune(&mut object), ["spec.replicsa"]);
//! schema.apply_defaults(&mut object);
//! assert_eq!(object, json!({"spec": {"replicas": 1}}));
//! assert!(schema.validate(&object, None).is_empty());
//! # Ok::<(), openchoreo_embedded::schema::SchemaError>(())
//! ```

mod builtin;
mod defaults;
mod error;
mod formats;
mod merging;
pub(crate) mod node;
mod parse;
mod prune;
mod rules;
mod validate;

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

pub(crate) use builtin::object_meta_source;
pub use error::{FieldError, FieldErrorKind, SchemaError};

use node::{Kind, Node};

/// The structural schema of one kind at one version, for whole objects including their metadata.
pub struct Schema {
    pub(crate) root: Node,
    source: Value,
}

/// A schema is too large to print; nothing in it says which kind it is of.
impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema").finish_non_exhaustive()
    }
}

impl Schema {
    /// Reads the schema of a custom resource definition (`openAPIV3Schema`).
    ///
    /// # Errors
    ///
    /// When the schema is not structural: a member without a type, a keyword that definitions must not use, a logical
    /// junctor that adds structure, list keys that items do not have, or a default that is itself invalid.
    pub fn parse(open_api_v3_schema: &Value) -> Result<Self, SchemaError> {
        Ok(Self { root: parse::custom(open_api_v3_schema)?, source: open_api_v3_schema.clone() })
    }

    /// The schema of a built-in kind, `None` for kinds that are not built in. Generated once, then shared.
    pub fn builtin(api_version: &str, kind: &str) -> Option<Arc<Self>> {
        builtin::schema(api_version, kind)
    }

    /// A schema that keeps and accepts everything outside of metadata.
    pub fn untyped() -> Arc<Self> {
        static UNTYPED: OnceLock<Arc<Schema>> = OnceLock::new();
        UNTYPED
            .get_or_init(|| {
                let mut root = Node { kind: Some(Kind::Object), ..Node::untyped() };
                parse::complete_root(&mut root);
                Arc::new(Self { root, source: json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}) })
            })
            .clone()
    }

    /// Drops members the schema does not know, and returns their paths, as `spec.ports[0].nmae`.
    pub fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut dropped = Vec::new();
        prune::prune(&self.root, object, "", &mut dropped);
        dropped
    }

    /// Fills in declared defaults inside objects that are present, and drops each `null` that the schema does not
    /// allow.
    pub fn apply_defaults(&self, object: &mut Value) {
        defaults::apply_defaults(&self.root, object);
    }

    /// Checks an object: its structure, and when that is valid its rules, over the old object where there is one.
    ///
    /// Unchanged values are judged like changed ones (Kubernetes lets an unchanged invalid value pass on update).
    pub fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut findings = Vec::new();
        validate::structure(&self.root, object, "", &mut findings);
        if findings.is_empty() {
            validate::rules(&self.root, object, old, "", &mut findings);
        }
        findings
    }

    /// The JSON the schema was read from, for OpenAPI documents.
    pub fn open_api(&self) -> &Value {
        &self.source
    }
}

/// Appends a member's name to a path.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
