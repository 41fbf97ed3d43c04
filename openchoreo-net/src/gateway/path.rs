//! Paths of routes: where an endpoint begins on its host, and the expression that one operation matches.
//!
//! It checks what is written, as descriptors are checked. It knows nothing of policies.

use openchoreo_core::extension::{EndpointContext, RenderError};
use openchoreo_types::check;
use openchoreo_types::v1alpha1::component_type;

use super::limits;

/// Field of the base path.
const BASE_PATH: &str = "spec.backendRef.basePath";

/// Where on its host an endpoint begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathStyle {
    /// At its own base path. Right wherever the hostname scheme gives every component a host of its own.
    #[default]
    BasePath,
    /// At `/<project>/<component>` before the base path, except for web applications; the gateway takes it away again
    /// before it passes a request on. Upstream's way, for hosts that components share.
    ProjectAndComponent,
}

/// The paths of one endpoint at one visibility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointPath {
    /// What this component alone may use of the host: `/`, or `/<project>/<component>`.
    pub root: String,
    /// Path on the backend.
    pub base: String,
    /// Path on the host.
    pub public: String,
    /// Whether the gateway must turn the public path into that of the backend.
    pub rewrites: bool,
}

impl EndpointPath {
    /// The paths of the endpoint of a context.
    pub(crate) fn of(cx: &EndpointContext<'_>, style: PathStyle) -> Result<Self, RenderError> {
        let base = base_path(cx)?;
        let component = cx.id.component;
        let root = match style {
            PathStyle::ProjectAndComponent if cx.component_type != component_type::WEB_APPLICATION => {
                format!("/{}/{}", component.project, component.component)
            }
            PathStyle::ProjectAndComponent | PathStyle::BasePath => "/".to_owned(),
        };
        let public = join(&root, &base);
        limits::path(&public, "the public path")
            .map_err(|problem| RenderError::field(object_of(cx), BASE_PATH, problem))?;
        Ok(Self { root, base, public, rewrites: style == PathStyle::ProjectAndComponent })
    }

    /// The expression that matches one operation, given by its target below the base path. Where the path is
    /// rewritten, its only group is the path on the backend.
    pub(crate) fn operation(&self, target: &str) -> String {
        let on_backend = join(&self.base, target);
        if self.rewrites {
            operation_regex(&self.base, target, &join(&self.root, &on_backend))
        } else {
            format!("^{}$", quote(&on_backend))
        }
    }
}

/// The endpoint's base path, checked and without a slash at its end.
pub(crate) fn base_path(cx: &EndpointContext<'_>) -> Result<String, RenderError> {
    let written = cx.endpoint.spec.backend_ref.base_path.as_deref().unwrap_or("/");
    check::path(written).map_err(|problem| RenderError::field(object_of(cx), BASE_PATH, problem))?;
    let trimmed = written.trim_end_matches('/');
    Ok(if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() })
}

/// How the endpoint of a context is called in messages.
pub(super) fn object_of(cx: &EndpointContext<'_>) -> String {
    format!("Endpoint `{}`", cx.id.endpoint)
}

/// Checks the target of an operation, which may hold `{parameters}`.
pub(crate) fn check_target(target: &str) -> Result<(), String> {
    limits::path(target, "a path")?;
    check::path(&without_parameters(target)?)
}

/// A target without the names of its parameters: two that are equal answer the same requests.
pub(super) fn shape(target: &str) -> String {
    quote(target)
}

/// The path with a letter in the place of each `{parameter}`.
fn without_parameters(path: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let closed = after.split_once('}').filter(|(name, _)| !name.is_empty() && !name.contains(['{', '/']));
        let Some((_, after)) = closed else {
            return Err(format!("`{path}` has a `{{` that begins no `{{parameter}}`"));
        };
        plain.push_str(before);
        plain.push('p');
        rest = after;
    }
    plain.push_str(rest);
    Ok(plain)
}

/// Joins two absolute paths.
fn join(left: &str, right: &str) -> String {
    match (left.trim_end_matches('/'), right) {
        ("", right) => right.to_owned(),
        (left, "/") => left.to_owned(),
        (left, right) => format!("{left}{right}"),
    }
}

/// The expression of an operation on a shared host: what the backend sees is its group.
///
/// ```
/// use openchoreo_net::gateway::operation_regex;
/// let regex = operation_regex("/api", "/books/{id}", "/shop/cart/api/books/{id}");
/// assert_eq!(regex, "^/shop/cart(/api/books/[^/]+)$");
/// ```
pub fn operation_regex(base_path: &str, operation: &str, full_path: &str) -> String {
    let on_backend = join(base_path, operation);
    // The backend's path is the end of the full path; looked for anywhere else, a project named like a path would do.
    match full_path.strip_suffix(&on_backend) {
        Some(before) => format!("^{}({})$", quote(before), quote(&on_backend)),
        None => format!("^{}$", quote(full_path)),
    }
}

/// A path as a regular expression (RE2): literal, except that a `{parameter}` stands for one segment.
fn quote(path: &str) -> String {
    let mut quoted = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(character) = rest.chars().next() {
        let after = rest.get(character.len_utf8()..).unwrap_or_default();
        match after.split_once('}') {
            Some((name, behind)) if character == '{' && !name.is_empty() => {
                quoted.push_str("[^/]+");
                rest = behind;
            }
            _ => {
                if r"\.+*?()|[]{}^$".contains(character) {
                    quoted.push('\\');
                }
                quoted.push(character);
                rest = after;
            }
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_path_with_parameters() {
        for path in ["/{id}", "/a/{id}/b", "/{a}.{b}", "/"] {
            assert_eq!(check_target(path), Ok(()), "{path}");
        }
        for path in ["/{}", "/{a", "/a}", "/{a/b}", "/{{a}}", "a", "/a//b", "/a/../{b}"] {
            assert!(check_target(path).is_err(), "{path}");
        }
    }

    #[test]
    fn an_operation_is_looked_for_at_the_end_of_the_path() {
        assert_eq!(operation_regex("/", "/books", "/books/books/books"), "^/books/books(/books)$");
    }
}
