//! What the Ready condition of an Endpoint may say.

openchoreo_core::reasons! {
    /// Why an Endpoint is or is not ready.
    pub enum EndpointReason for "Endpoint" {
        RouteAccepted => Ready = True, "the gateway serves every route of the endpoint",
        ReachableInProject => Ready = True, "nobody wrote a wider visibility: the endpoint is reachable within its project, and has no route",
        RoutePending => Ready = Unknown, "the gateway has not answered yet, or the deployment's workload is not there yet",
        RouteRefused => Ready = False, "the gateway does not serve a route or what protects it; the message is its answer",
        GatewayNotFound => Ready = False, "the data plane has no Gateway for the visibility; it is waited for",
        GatewayKindNotServed => Ready = False, "the data plane does not serve a kind that routes need; install the gateway's CustomResourceDefinitions",
        GatewayUnknown => Ready = False, "the data plane names a gateway that the platform does not have; what was published stays",
        NoGateway => Ready = False, "the platform was built without a gateway, so nothing can be published",
        RouteNotRendered => Ready = False, "the route, or what protects it, cannot be rendered; it is not published",
        NotSupported => Ready = False, "the gateway cannot express what the endpoint asks for, or the component is a scheduled task; it is not published",
        RouteConflict => Ready = False, "an older endpoint of the same component has the same address; give one another base path",
        HostnameTaken => Ready = False, "an older endpoint of another component has the host; the hostname scheme cannot tell them apart",
        DeploymentNotFound => Ready = False, "the Deployment that the labels name does not exist or is being deleted; routes stay only while its workload is there without it",
        ParentDeleting => Ready = False, "the component, environment or data plane is being deleted; the routes are removed",
    }
}
