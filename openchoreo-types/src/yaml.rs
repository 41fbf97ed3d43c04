//! Reading and writing manifests. Nothing else in the workspace knows which YAML library is in use.
//!
//! Comments and the layout of a file that was read are not kept.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// YAML that cannot be read, or a value that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// The text is no YAML, or not what was expected.
    #[error("{}{message}", position(.line, .column))]
    Read {
        /// The line, counted from 1, where known.
        line: Option<u64>,
        /// The column, counted from 1, where known.
        column: Option<u64>,
        /// What is wrong.
        message: String,
    },
    /// The value has no form in YAML.
    #[error("cannot write YAML: {message}")]
    Write {
        /// What is wrong.
        message: String,
    },
}

fn position(line: &Option<u64>, column: &Option<u64>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!("line {line}, column {column}: "),
        (Some(line), None) => format!("line {line}: "),
        (None, _) => String::new(),
    }
}

/// Reads one document.
///
/// # Errors
///
/// When the text is no YAML, holds several documents, or does not fit the type. The error says in which line.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    serde_saphyr::from_str(text).map_err(|error| read_error(&error))
}

/// Reads all documents of a text, without the empty ones.
///
/// # Errors
///
/// When the text is no YAML. The error says in which line.
///
/// ```
/// let documents = openchoreo_types::yaml::documents("kind: A\n---\n# nothing here\n---\nkind: B\n")?;
/// assert_eq!(documents.len(), 2);
/// # Ok::<(), openchoreo_types::yaml::YamlError>(())
/// ```
pub fn documents(text: &str) -> Result<Vec<Value>, YamlError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|error| read_error(&error))?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// Writes one document. The same value always gives the same text; long strings stay on one line.
///
/// # Errors
///
/// When the value has no form in YAML.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, YamlError> {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(value, options)
        .map_err(|error| YamlError::Write { message: error.to_string() })
}

fn read_error(error: &serde_saphyr::Error) -> YamlError {
    let location = error.location();
    YamlError::Read {
        line: location.map(|location| location.line()),
        column: location.map(|location| location.column()),
        message: error.without_snippet().to_string(),
    }
}
