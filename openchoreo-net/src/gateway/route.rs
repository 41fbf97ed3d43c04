//! The routes of an endpoint at one visibility, as Gateway API has them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use openchoreo_core::extension::{EndpointContext, RenderError};
use openchoreo_core::labels::{ROUTE_CLAIM, plane};
use openchoreo_core::naming::{LabelValue, ResourceName};
use openchoreo_core::plan::Rendered;
use openchoreo_types::common::{BackendRefType, EndpointType};
use openchoreo_types::foreign::envoy_gateway::{
    HTTPRouteFilter, HttpRouteFilterSpec, PathModifier, RegexReplacement, UrlRewrite,
};
use openchoreo_types::foreign::gateway_api::{
    HTTPRoute, HttpBackendRef, HttpPathMatch, HttpPathModifier, HttpRouteFilter, HttpRouteMatch, HttpRouteRule,
    HttpRouteSpec, HttpUrlRewrite, ParentRef, filter_type, path_match,
};

use super::claim::Claim;
use super::path::{EndpointPath, PathStyle, object_of};
use super::protection::Operation;
use super::{Capabilities, limits};

/// What all objects of an endpoint at one visibility have in common.
#[derive(Debug)]
pub(super) struct Publication<'a> {
    cx: &'a EndpointContext<'a>,
    path: EndpointPath,
    claim: Claim,
    port: i32,
}

impl<'a> Publication<'a> {
    /// Checks that the endpoint can have routes at all.
    pub(super) fn of(cx: &'a EndpointContext<'a>, style: PathStyle, by: Capabilities) -> Result<Self, RenderError> {
        let unsupported = |type_: &str| {
            let what = format!("publishing type `{type_}` (`spec.type` of Endpoint `{}`)", cx.id.endpoint);
            RenderError::Unsupported { what, by: by.name.to_owned() }
        };
        match cx.endpoint.spec.type_ {
            EndpointType::Http | EndpointType::Rest | EndpointType::GraphQl | EndpointType::Websocket => {}
            // A route for HTTP would answer, and then fail at every call.
            EndpointType::Grpc => return Err(unsupported("gRPC")),
            EndpointType::Tcp => return Err(unsupported("TCP")),
            EndpointType::Udp => return Err(unsupported("UDP")),
        }
        let path = EndpointPath::of(cx, style)?;
        let claim = Claim::of(cx, &path.root);
        Ok(Self { cx, claim, path, port: backend_port(cx, by)? })
    }

    /// Name of the route for everything below the endpoint's path.
    pub(super) fn name(&self) -> Result<ResourceName, RenderError> {
        let name = self.cx.naming.route(self.cx.gateway, &self.cx.id);
        name.map_err(RenderError::naming(format!("the route of Endpoint `{}`", self.cx.id.endpoint)))
    }

    /// Name of the route of one operation, and of what protects it.
    pub(super) fn operation_name(&self, operation: &Operation) -> Result<ResourceName, RenderError> {
        let Operation { method, target, .. } = operation;
        let name = self.cx.naming.operation_route(self.cx.gateway, &self.cx.id, method, target);
        name.map_err(RenderError::naming(format!("the route of `{method} {target}` of `{}`", self.cx.id.endpoint)))
    }

    /// The expression that the path of an operation matches.
    pub(super) fn operation_path(&self, operation: &Operation) -> Result<String, RenderError> {
        let path = self.path.operation(&operation.target);
        limits::path(&path, "an expression")
            .map_err(|problem| RenderError::field(object_of(self.cx), operation.field.as_str(), problem))?;
        Ok(path)
    }

    /// The metadata of an object that belongs to a route.
    pub(super) fn metadata(&self, name: &ResourceName) -> ObjectMeta {
        let visibility = (plane::GATEWAY_VISIBILITY.to_owned(), LabelValue::of(self.cx.gateway).into_string());
        ObjectMeta {
            name: Some(name.to_string()),
            namespace: Some(self.cx.namespace.to_string()),
            labels: Some(self.cx.labels.clone().into_iter().chain([visibility]).collect::<BTreeMap<_, _>>()),
            ..ObjectMeta::default()
        }
    }

    /// The route for everything below the endpoint's path.
    pub(super) fn wildcard(&self, name: &ResourceName) -> Rendered {
        let rewrite = HttpRouteFilter {
            type_: filter_type::URL_REWRITE.to_owned(),
            url_rewrite: Some(HttpUrlRewrite {
                path: Some(HttpPathModifier {
                    type_: "ReplacePrefixMatch".to_owned(),
                    replace_prefix_match: Some(self.path.base.clone()),
                    ..HttpPathModifier::default()
                }),
                ..HttpUrlRewrite::default()
            }),
            ..HttpRouteFilter::default()
        };
        let matches = HttpRouteMatch {
            path: Some(path(path_match::PATH_PREFIX, self.path.public.clone())),
            ..HttpRouteMatch::default()
        };
        self.route(name, matches, self.path.rewrites.then_some(rewrite))
    }

    /// The route of one operation, given the expression of its path.
    pub(super) fn operation(&self, name: &ResourceName, operation: &Operation, pattern: String) -> Rendered {
        let rewrite = HttpRouteFilter {
            type_: filter_type::EXTENSION_REF.to_owned(),
            extension_ref: Some(HTTPRouteFilter::reference(name.to_string())),
            ..HttpRouteFilter::default()
        };
        let matches = HttpRouteMatch {
            path: Some(path(path_match::REGULAR_EXPRESSION, pattern)),
            method: Some(operation.method.to_owned()),
            ..HttpRouteMatch::default()
        };
        self.route(name, matches, self.path.rewrites.then_some(rewrite))
    }

    /// What turns the public path of an operation into that of the backend, where they differ.
    pub(super) fn operation_filter(&self, name: &ResourceName, pattern: &str) -> Option<Rendered> {
        let filter = || HTTPRouteFilter {
            metadata: self.metadata(name),
            spec: HttpRouteFilterSpec {
                url_rewrite: Some(UrlRewrite {
                    path: Some(PathModifier {
                        type_: "ReplaceRegexMatch".to_owned(),
                        replace_regex_match: Some(RegexReplacement {
                            pattern: pattern.to_owned(),
                            substitution: r"\1".to_owned(),
                        }),
                    }),
                }),
                ..HttpRouteFilterSpec::default()
            },
        };
        self.path.rewrites.then(|| Rendered::new(&filter()))
    }

    fn route(&self, name: &ResourceName, matches: HttpRouteMatch, filter: Option<HttpRouteFilter>) -> Rendered {
        let mut metadata = self.metadata(name);
        metadata.labels.get_or_insert_default().insert(ROUTE_CLAIM.to_owned(), self.claim.digest.clone());
        metadata.annotations = Some(self.claim.annotations());
        let backend =
            HttpBackendRef { name: self.cx.service.to_string(), port: Some(self.port), ..HttpBackendRef::default() };
        Rendered::new(&HTTPRoute {
            metadata,
            spec: HttpRouteSpec {
                parent_refs: vec![ParentRef {
                    name: self.cx.gateway.to_owned(),
                    namespace: Some(self.cx.gateway_namespace.to_owned()),
                    ..ParentRef::default()
                }],
                hostnames: vec![self.cx.hostname.to_string()],
                rules: vec![HttpRouteRule {
                    matches: vec![matches],
                    filters: filter.into_iter().collect(),
                    backend_refs: vec![backend],
                    ..HttpRouteRule::default()
                }],
            },
            status: None,
        })
    }
}

fn path(type_: &str, value: String) -> HttpPathMatch {
    HttpPathMatch { type_: Some(type_.to_owned()), value: Some(value) }
}

/// The port of the component's Service behind the endpoint of a context.
fn backend_port(cx: &EndpointContext<'_>, by: Capabilities) -> Result<i32, RenderError> {
    let backend = &cx.endpoint.spec.backend_ref;
    if backend.type_ == BackendRefType::Target {
        let what = format!("`spec.backendRef.type` `target` of {}", object_of(cx));
        return Err(RenderError::Unsupported { what, by: by.name.to_owned() });
    }
    let port = backend.component_ref.as_ref().map_or(0, |component| component.port);
    if (1..=i32::from(u16::MAX)).contains(&port) {
        return Ok(port);
    }
    Err(RenderError::field(
        object_of(cx),
        "spec.backendRef.componentRef.port",
        format!("is {port}; write a number from 1 to 65535"),
    ))
}
