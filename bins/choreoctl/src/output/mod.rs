//! Answers as text: tables, YAML, JSON and names.

mod table;

use openchoreo_types::yaml;
use serde_json::Value;

use crate::error::CliError;

pub(crate) use table::{Columns, Table, TablePrinter};

/// An object or list as YAML.
pub(crate) fn to_yaml(value: &Value) -> Result<String, CliError> {
    let text = yaml::to_string(value).map_err(|error| CliError::Format { reason: error.to_string() })?;
    Ok(if text.ends_with('\n') { text } else { text + "\n" })
}

/// An object or list as JSON.
pub(crate) fn to_json(value: &Value) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| CliError::Format { reason: error.to_string() })?;
    Ok(text + "\n")
}

/// Drops what only machines read.
pub(crate) fn without_managed_fields(mut object: Value) -> Value {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    object
}
