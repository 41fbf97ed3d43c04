//! Ports of a workload: what its endpoint templates say that it listens on.

use openchoreo_core::extension::RenderError;
use openchoreo_types::check;
use openchoreo_types::common::{BackendRefType, EndpointType};
use openchoreo_types::v1alpha1::EndpointTemplate;

/// A port that a workload listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadPort {
    /// Its name on container and Service, such as `ep-8080-tcp`.
    pub name: String,
    /// Its number.
    pub port: i32,
    /// `TCP` or `UDP`.
    pub protocol: &'static str,
    /// What gateways must know to speak to it; only of gRPC, which needs HTTP/2 from the first byte.
    pub app_protocol: Option<&'static str>,
}

const HTTP2_WITHOUT_TLS: &str = "kubernetes.io/h2c";

/// The ports that endpoint templates name, each once, in the order in which they are named first.
///
/// # Errors
/// A port is missing or no port number, or is both gRPC and something else.
pub fn workload_ports(object: &str, templates: &[EndpointTemplate]) -> Result<Vec<WorkloadPort>, RenderError> {
    let mut ports: Vec<WorkloadPort> = Vec::new();
    let mut listening = Vec::new();
    let field = |index: usize, rest: &str| format!("spec.configuration.endpointTemplates[{index}].spec.{rest}");
    for (index, template) in templates.iter().enumerate() {
        let backend = &template.spec.backend_ref;
        match backend.type_ {
            BackendRefType::Target => continue,
            BackendRefType::ComponentRef => {}
        }
        let Some(component) = &backend.component_ref else {
            let problem = "is missing; give the port that the component listens on";
            return Err(RenderError::field(object, field(index, "backendRef.componentRef"), problem));
        };
        check::port(component.port.into())
            .map_err(|problem| RenderError::field(object, field(index, "backendRef.componentRef.port"), problem))?;
        listening.push((index, i64::from(component.port), template.spec.type_));
        let (protocol, suffix) = match template.spec.type_ {
            EndpointType::Udp => ("UDP", "udp"),
            EndpointType::Http
            | EndpointType::Rest
            | EndpointType::GraphQl
            | EndpointType::Websocket
            | EndpointType::Grpc
            | EndpointType::Tcp => ("TCP", "tcp"),
        };
        let app_protocol = (template.spec.type_ == EndpointType::Grpc).then_some(HTTP2_WITHOUT_TLS);
        if !ports.iter().any(|known| known.port == component.port && known.protocol == protocol) {
            let name = format!("ep-{}-{suffix}", component.port);
            ports.push(WorkloadPort { name, port: component.port, protocol, app_protocol });
        }
    }
    let shared = listening.iter().map(|(_, port, type_)| (*port, *type_));
    check::shared_ports(shared).map_err(|(position, problem)| {
        let index = listening.get(position).map_or(position, |(index, _, _)| *index);
        RenderError::field(object, field(index, "type"), problem)
    })?;
    Ok(ports)
}
