//! Addresses: how people write down where an endpoint answers.

use openchoreo_core::naming::Hostname;
use openchoreo_types::common::EndpointType;
use openchoreo_types::foreign::gateway_api::Gateway;

/// The address of a host at a gateway: that of its HTTPS listener, or of its HTTP listener where it has no other.
/// Of a gateway that is not there, HTTPS is expected.
pub(super) fn at_gateway(gateway: Option<&Gateway>, hostname: &Hostname, path: &str) -> String {
    let listeners = gateway.map(|gateway| gateway.spec.listeners.as_slice()).unwrap_or_default();
    let port = |protocol: &str| listeners.iter().find(|l| l.protocol == protocol).map(|listener| listener.port);
    let (scheme, port, default) = match (port("HTTPS"), port("HTTP")) {
        (None, Some(port)) => ("http", port, 80),
        (https, _) => ("https", https.unwrap_or(443), 443),
    };
    if port == default { format!("{scheme}://{hostname}{path}") } else { format!("{scheme}://{hostname}:{port}{path}") }
}

/// The address of a Service within its cluster.
pub(super) fn in_cluster(type_: EndpointType, service: &str, namespace: &str, port: i32, base_path: &str) -> String {
    let scheme = match type_ {
        EndpointType::Http | EndpointType::Rest | EndpointType::GraphQl => "http",
        EndpointType::Websocket => "ws",
        EndpointType::Grpc => "grpc",
        EndpointType::Tcp => "tcp",
        EndpointType::Udp => "udp",
    };
    let path = match (type_, base_path) {
        (EndpointType::Grpc | EndpointType::Tcp | EndpointType::Udp, _) | (_, "/") => "",
        (_, path) => path,
    };
    format!("{scheme}://{service}.{namespace}:{port}{path}")
}
