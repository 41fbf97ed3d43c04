//! The schema of a health check.
//!
//! The type is the one of Kubernetes, whose own schema carries pages of documentation and lacks the details that make
//! server-side apply work.

use schemars::{Schema, SchemaGenerator, json_schema};

/// The schema of a probe, without documentation of its fields: they are those of any container.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    let seconds = || serde_json::json!({"type": "integer", "format": "int32"});
    let port =
        || serde_json::json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]});
    json_schema!({
        "type": "object",
        "properties": {
            "exec": {
                "type": "object",
                "properties": {
                    "command": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
                },
            },
            "failureThreshold": seconds(),
            "grpc": {
                "type": "object",
                "required": ["port"],
                "properties": {
                    "port": seconds(),
                    "service": {"type": "string", "default": ""},
                },
            },
            "httpGet": {
                "type": "object",
                "required": ["port"],
                "properties": {
                    "host": {"type": "string"},
                    "httpHeaders": {
                        "type": "array",
                        "x-kubernetes-list-type": "atomic",
                        "items": {
                            "type": "object",
                            "required": ["name", "value"],
                            "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
                        },
                    },
                    "path": {"type": "string"},
                    "port": port(),
                    "scheme": {"type": "string"},
                },
            },
            "initialDelaySeconds": seconds(),
            "periodSeconds": seconds(),
            "successThreshold": seconds(),
            "tcpSocket": {
                "type": "object",
                "required": ["port"],
                "properties": {"host": {"type": "string"}, "port": port()},
            },
            "terminationGracePeriodSeconds": {"type": "integer", "format": "int64"},
            "timeoutSeconds": seconds(),
        },
    })
}
