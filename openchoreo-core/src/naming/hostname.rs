//! The hostname scheme: under which DNS name an endpoint answers.
//!
//! [`HostnameScheme`] is an extension point like [`NamingScheme`](super::NamingScheme). [`DefaultHostnames`] gives every
//! component in every environment a label of its own under the domain; [`UpstreamHostnames`] gives upstream's names.
//! Which domain an endpoint belongs under, and on which gateways it is published, is decided by the caller.

use std::fmt;

use super::generate::{Readable, is_digest_group, paired, require_parts, sanitize};
use super::hash::{digest8, digest16};
use super::identity::EndpointId;
use super::names::{Hostname, LABEL_LIMIT, NameError};

/// From where a host can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Visibility {
    /// From anywhere.
    Public,
    /// From within the organization.
    Organization,
}

/// What a hostname depends on besides the identity of the endpoint.
#[derive(Clone, Copy, Debug)]
pub struct HostContext<'a> {
    /// The domain, or virtual host, that the gateway serves.
    pub domain: &'a str,
    /// From where the host can be reached.
    pub visibility: Visibility,
    /// The type of the component, as its `spec.type` has it.
    pub component_type: &'a str,
    /// The DNS prefix of the environment's gateway, if it has one.
    pub dns_prefix: Option<&'a str>,
}

/// Gives endpoints their hostnames.
pub trait HostnameScheme: fmt::Debug + Send + Sync {
    /// Whether two components, or one component in two environments, never share a hostname. A scheme that tells them
    /// apart by path instead says `false`.
    fn is_injective(&self) -> bool {
        true
    }

    /// The hostname of an endpoint.
    ///
    /// # Errors
    ///
    /// When no valid hostname can be made of the identity and the context.
    fn hostname(&self, endpoint: &EndpointId<'_>, context: &HostContext<'_>) -> Result<Hostname, NameError>;
}

const HOSTNAME: &str = "hostname";

/// The default: `<organization>-<project>-<component>-<8 digits>-<environment>.<domain>`.
///
/// For example `default-org-default-project-hello-world-<8 digits>-development.choreoapps.localhost`. One label of at
/// most 63 bytes, so that one wildcard certificate serves the domain. The digits come from organization, project and
/// component, so a component keeps them through its environments. All endpoints of a component share the host and
/// differ by path.
///
/// When a part had to be cut or changed, or the environment has a piece that could be taken for digits, a second group
/// of eight follows the first and both come from the environment too:
/// `<organization>-<project>-<component>-<8 digits>-<8 digits>-<environment>`. Without the second rule, a component
/// `a-0123abcd` in an environment could take the host of component `a` in an environment `89abcdef-development`.
///
/// ```
/// use openchoreo_core::naming::{ComponentId, DefaultHostnames, HostContext, HostnameScheme, Visibility};
///
/// let endpoint = ComponentId::new("acme", "shop", "cart").endpoint("development", "http");
/// let context = HostContext {
///     domain: "choreoapps.localhost",
///     visibility: Visibility::Public,
///     component_type: "Service",
///     dns_prefix: None,
/// };
/// let host = DefaultHostnames.hostname(&endpoint, &context)?;
/// assert!(host.as_str().starts_with("acme-shop-cart-"));
/// assert!(host.as_str().ends_with("-development.choreoapps.localhost"));
/// # Ok::<(), openchoreo_core::naming::NameError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultHostnames;

impl HostnameScheme for DefaultHostnames {
    fn hostname(&self, endpoint: &EndpointId<'_>, context: &HostContext<'_>) -> Result<Hostname, NameError> {
        let domain = Hostname::try_from(context.domain)?;
        // A long domain leaves the label less than a label may have.
        let limit = LABEL_LIMIT.min(Hostname::LIMIT.saturating_sub(domain.as_str().len() + 1));
        let label = default_label(endpoint, limit)?;
        format!("{label}.{domain}").try_into()
    }
}

fn default_label(endpoint: &EndpointId<'_>, limit: usize) -> Result<String, NameError> {
    let EndpointId { component, environment, .. } = *endpoint;
    let identity = [component.organization, component.project, component.component, environment];
    require_parts(HOSTNAME, &identity)?;
    let mut readable = Readable::new(&identity);
    let names_environment = !sanitize(environment).is_empty();
    if readable.faithful && !environment.split('-').any(is_digest_group) {
        let digest = digest8(&[component.organization, component.project, component.component]);
        let label = label_of(&readable, &digest, names_environment);
        if label.len() <= limit {
            return Ok(label);
        }
    }
    let digest = paired(&digest16(&identity));
    let room = readable.room(HOSTNAME, limit, digest.len() + 1)?;
    readable.cut(room);
    Ok(label_of(&readable, &digest, names_environment))
}

/// Joins the texts with the digest before the environment, which is the last text if it is readable at all.
fn label_of(readable: &Readable, digest: &str, names_environment: bool) -> String {
    let mut pieces: Vec<&str> = readable.texts.iter().map(String::as_str).collect();
    let environment = if names_environment { pieces.pop() } else { None };
    pieces.push(digest);
    pieces.extend(environment);
    pieces.join("-")
}

/// Upstream's hostnames.
///
/// A web application gets `<component>-<environment>.<web application domain>`, whatever the gateway; every other
/// component gets `<DNS prefix of the environment>.<virtual host>`, which all of them share and tell apart by path.
/// `component` and `environment` are the names of the objects. Two components with one object name in two
/// organizations, or with their boundaries moved (`a-b`, `c` and `a`, `b-c`), share a host; that is why this is a choice.
#[derive(Clone, Debug)]
pub struct UpstreamHostnames {
    /// The domain of web applications.
    pub web_application_domain: String,
}

impl UpstreamHostnames {
    /// The domain that upstream has written into its code.
    pub const WEB_APPLICATION_DOMAIN: &str = "choreoapps.localhost";
}

impl Default for UpstreamHostnames {
    fn default() -> Self {
        Self { web_application_domain: Self::WEB_APPLICATION_DOMAIN.to_owned() }
    }
}

impl HostnameScheme for UpstreamHostnames {
    fn is_injective(&self) -> bool {
        false
    }

    fn hostname(&self, endpoint: &EndpointId<'_>, context: &HostContext<'_>) -> Result<Hostname, NameError> {
        let component = endpoint.component.component;
        if context.component_type == "WebApplication" {
            require_parts(HOSTNAME, &[component, endpoint.environment])?;
            return format!("{component}-{}.{}", endpoint.environment, self.web_application_domain).try_into();
        }
        let Some(prefix) = context.dns_prefix.filter(|prefix| !prefix.is_empty()) else {
            return Err(NameError::Missing {
                what: HOSTNAME,
                value: component.to_owned(),
                setting: "the `dnsPrefix` of the environment's gateway",
            });
        };
        format!("{prefix}.{}", context.domain).try_into()
    }
}
