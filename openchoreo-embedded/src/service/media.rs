//! Media types: which form of an answer the client wants, and what form its body has.

use http::{HeaderMap, Response, StatusCode, header};
use serde_json::{Value, json};

use super::request::Query;
use super::{ResponseBody, json_response, response};
use crate::clock::Clock;
use crate::error::ApiError;
use crate::registry::Kind;
use crate::store::Object;
use crate::table::{self, IncludeObject, TableContext};

/// What an object is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Object,
    /// `PartialObjectMetadata`.
    Metadata,
    Table(IncludeObject),
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Yaml,
}

/// One alternative of an `Accept` header.
#[derive(Debug)]
pub(super) struct Accepted<'a> {
    pub(super) media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl Accepted<'_> {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn encoding(&self) -> Option<Encoding> {
        match self.media {
            "application/json" | "application/*" | "*/*" | "text/*" => Some(Encoding::Json),
            "application/yaml" => Some(Encoding::Yaml),
            _ => None,
        }
    }
}

/// The alternatives in the order that the client prefers them.
pub(super) fn accepted(headers: &HeaderMap) -> Vec<Accepted<'_>> {
    let texts = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .filter_map(|alternative| {
            let mut parts = alternative.split(';').map(str::trim);
            let media = parts.next().filter(|media| !media.is_empty())?;
            Some(Accepted { media, parameters: parts.filter_map(|part| part.split_once('=')).collect() })
        })
        .collect()
}

/// Chooses the first alternative that the server can serve.
pub(super) fn negotiate(headers: &HeaderMap, query: &Query) -> Result<(View, Encoding), ApiError> {
    let alternatives = accepted(headers);
    if alternatives.is_empty() {
        return Ok((View::Object, Encoding::Json));
    }
    for accepted in &alternatives {
        let Some(encoding) = accepted.encoding() else { continue };
        match accepted.parameter("as") {
            None => return Ok((View::Object, encoding)),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => return Ok((View::Metadata, encoding)),
            Some("Table") if accepted.parameter("v") == Some("v1") => {
                let include = match query.get("includeObject") {
                    Some("None") => IncludeObject::None,
                    Some("Object") => IncludeObject::Object,
                    _ => IncludeObject::Metadata,
                };
                return Ok((View::Table(include), encoding));
            }
            Some(_) => {}
        }
    }
    Err(ApiError::not_acceptable())
}

/// An object as its reader wants to see it, as JSON text.
pub(super) fn object_text(view: View, kind: &Kind, object: &Object, clock: &Clock) -> Vec<u8> {
    match view {
        View::Object => object.json().to_vec(),
        View::Metadata => metadata_of(object).to_string().into_bytes(),
        View::Table(include_object) => {
            let list_meta = json!({"resourceVersion": object.pointer("/metadata/resourceVersion")});
            table_of(kind, &[object], list_meta, include_object, clock).to_string().into_bytes()
        }
    }
}

/// A list as its reader wants to see it, as JSON text.
pub(super) fn list_text(view: View, kind: &Kind, objects: &[Object], list_meta: Value, clock: &Clock) -> Vec<u8> {
    match view {
        View::Object => {
            let head = json!({"apiVersion": kind.api_version, "kind": kind.list_kind, "metadata": list_meta});
            let mut text = head.to_string().into_bytes();
            text.pop();
            text.extend_from_slice(b",\"items\":[");
            for (index, object) in objects.iter().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                text.extend_from_slice(object.json());
            }
            text.extend_from_slice(b"]}");
            text
        }
        View::Metadata => {
            let items: Vec<Value> = objects.iter().map(|object| metadata_of(object)).collect();
            let list = json!({
                "apiVersion": "meta.k8s.io/v1",
                "kind": "PartialObjectMetadataList",
                "metadata": list_meta,
                "items": items,
            });
            list.to_string().into_bytes()
        }
        View::Table(include_object) => {
            let objects: Vec<&Object> = objects.iter().collect();
            table_of(kind, &objects, list_meta, include_object, clock).to_string().into_bytes()
        }
    }
}

fn metadata_of(object: &Value) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1",
        "kind": "PartialObjectMetadata",
        "metadata": object.get("metadata"),
    })
}

fn table_of(kind: &Kind, objects: &[&Object], list_meta: Value, include_object: IncludeObject, clock: &Clock) -> Value {
    let context = TableContext { now: clock.now(), columns: kind.columns.as_deref(), include_object };
    let objects: Vec<&Value> = objects.iter().map(|object| -> &Value { object }).collect();
    table::table(&kind.api_version, &kind.kind, &objects, list_meta, &context)
}

/// Sends JSON text, written anew as YAML if that is wanted.
pub(super) fn send(status: StatusCode, encoding: Encoding, json: Vec<u8>) -> Result<Response<ResponseBody>, ApiError> {
    match encoding {
        Encoding::Json => Ok(response(status, "application/json", json)),
        Encoding::Yaml => {
            let value: Value = serde_json::from_slice(&json).map_err(|error| ApiError::internal(error.to_string()))?;
            let yaml = serde_saphyr::to_string(&value).map_err(|error| ApiError::internal(error.to_string()))?;
            Ok(response(status, "application/yaml", yaml.into_bytes()))
        }
    }
}

/// Sends a document of the server's own.
pub(super) fn send_value(status: StatusCode, value: &Value) -> Response<ResponseBody> {
    json_response(status, value)
}

/// The media type of the body, without parameters.
pub(super) fn content_type(headers: &HeaderMap) -> &str {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim()
}

/// Reads the body of a request that carries an object.
pub(super) fn read_body(headers: &HeaderMap, body: &[u8]) -> Result<Value, ApiError> {
    match content_type(headers) {
        "" | "application/json" => parse_json(body),
        "application/yaml" | "application/x-yaml" => parse_yaml(body),
        "application/vnd.kubernetes.protobuf" => Err(ApiError::unsupported_media_type(
            "application/vnd.kubernetes.protobuf, which this server does not read",
            "application/json, application/yaml",
        )),
        other => Err(ApiError::unsupported_media_type(other, "application/json, application/yaml")),
    }
}

pub(super) fn parse_json(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("the body of the request is not valid JSON: {error}")))
}

pub(super) fn parse_yaml(body: &[u8]) -> Result<Value, ApiError> {
    if body.first() == Some(&b'{') {
        return parse_json(body);
    }
    let refuse = |error: &dyn std::fmt::Display| {
        ApiError::bad_request(format!("the body of the request is not valid YAML: {error}"))
    };
    let text = std::str::from_utf8(body).map_err(|error| refuse(&error))?;
    // Only `true` and `false` are booleans: a name such as `y` or `on` stays text.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| refuse(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn negotiated(accept: &str) -> Option<(View, Encoding)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        negotiate(&headers, &Query::default()).ok()
    }

    #[test]
    fn the_first_alternative_that_the_server_knows_wins() {
        let table = View::Table(IncludeObject::Metadata);
        let cases = [
            ("*/*", Some((View::Object, Encoding::Json))),
            ("application/yaml", Some((View::Object, Encoding::Yaml))),
            ("application/vnd.kubernetes.protobuf, application/json", Some((View::Object, Encoding::Json))),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Some((table, Encoding::Json))),
            ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", Some((View::Object, Encoding::Json))),
            ("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", Some((View::Metadata, Encoding::Json))),
            ("application/vnd.kubernetes.protobuf", None),
        ];
        for (accept, expected) in cases {
            assert_eq!(negotiated(accept), expected, "{accept}");
        }
    }
}
