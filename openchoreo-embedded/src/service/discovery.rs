//! Paths that lead to no resource: discovery, health, version, OpenAPI.

use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{Incoming, ResponseBody, json_response, media, response};
use crate::discovery;
use crate::error::ApiError;

/// Whether a path may be read without credentials.
pub(super) fn is_public(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(first, "healthz" | "livez" | "readyz" | "version")
}

pub(super) fn respond(request: &Incoming<'_>, method: &Method, path: &str) -> Result<Response<ResponseBody>, ApiError> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed(method.as_str()));
    }
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let ok = |body: Value| Ok(json_response(StatusCode::OK, &body));
    let state = request.state().read();
    let registry = &state.registry;
    match segments.as_slice() {
        [] => ok(json!({"paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]})),
        ["healthz" | "livez" | "readyz", ..] => {
            Ok(response(StatusCode::OK, "text/plain; charset=utf-8", b"ok".to_vec()))
        }
        ["version"] => ok(discovery::version()),
        [root @ ("api" | "apis")] => {
            let core = *root == "api";
            for accepted in media::accepted(request.headers) {
                let form = accepted.parameter("v");
                if accepted.parameter("as") == Some("APIGroupDiscoveryList")
                    && let Some((form, content_type)) = aggregated_form(form)
                {
                    let mut answer = json_response(StatusCode::OK, &discovery::aggregated(registry, core, form));
                    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
                    return Ok(answer);
                }
            }
            ok(if core { discovery::core_versions() } else { discovery::groups(registry) })
        }
        ["api", version] => {
            discovery::resources(registry, "", version).map_or_else(|| Err(ApiError::no_such_resource()), ok)
        }
        ["apis", group] => discovery::group(registry, group).map_or_else(|| Err(ApiError::no_such_resource()), ok),
        ["apis", group, version] => {
            discovery::resources(registry, group, version).map_or_else(|| Err(ApiError::no_such_resource()), ok)
        }
        ["openapi", "v3"] => ok(discovery::openapi_index(registry)),
        ["openapi", "v3", "api", version] => document(registry, "", version),
        ["openapi", "v3", "apis", group, version] => document(registry, group, version),
        _ => Err(ApiError::no_such_resource()),
    }
}

fn document(
    registry: &crate::registry::Registry,
    group: &str,
    version: &str,
) -> Result<Response<ResponseBody>, ApiError> {
    let document = discovery::openapi_document(registry, group, version).ok_or_else(ApiError::no_such_resource)?;
    Ok(json_response(StatusCode::OK, &document))
}

fn aggregated_form(version: Option<&str>) -> Option<(&'static str, &'static str)> {
    match version {
        Some("v2") => Some(("v2", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")),
        Some("v2beta1") => {
            Some(("v2beta1", "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"))
        }
        _ => None,
    }
}
