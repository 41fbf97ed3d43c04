//! The Service in front of a workload: inside the cluster only; what is public is a matter of routes.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use openchoreo_core::extension::WorkloadContext;
use openchoreo_core::naming::ResourceName;

use super::metadata;
use super::ports::WorkloadPort;
use super::style::WorkloadStyle;

/// The Service of a workload; nothing where it listens nowhere, since a Service must have a port.
pub fn service(
    cx: &WorkloadContext<'_>,
    name: &ResourceName,
    ports: &[WorkloadPort],
    style: WorkloadStyle,
) -> Option<Service> {
    if ports.is_empty() {
        return None;
    }
    let ports = ports.iter().map(|port| ServicePort {
        name: Some(port.name.clone()),
        port: port.port,
        target_port: Some(IntOrString::Int(port.port)),
        protocol: Some(port.protocol.to_owned()),
        app_protocol: port.app_protocol.map(str::to_owned),
        ..ServicePort::default()
    });
    Some(Service {
        metadata: metadata(cx, name.as_str()),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(style.selector(cx.labels)),
            ports: Some(ports.collect()),
            ..ServiceSpec::default()
        }),
        status: None,
    })
}
