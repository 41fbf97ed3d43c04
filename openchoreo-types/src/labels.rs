//! Keys of labels and annotations, and the values that are the same everywhere.
//!
//! Keys are written nowhere else. What a label means for identity and ownership is decided elsewhere.

/// Organization that an object belongs to.
pub const ORGANIZATION: &str = "openchoreo.dev/organization";
/// Project that an object belongs to.
pub const PROJECT: &str = "openchoreo.dev/project";
/// Component that an object belongs to.
pub const COMPONENT: &str = "openchoreo.dev/component";
/// Deployment track that an object belongs to.
pub const DEPLOYMENT_TRACK: &str = "openchoreo.dev/deployment-track";
/// Build that an object belongs to.
pub const BUILD: &str = "openchoreo.dev/build";
/// Environment that an object belongs to.
pub const ENVIRONMENT: &str = "openchoreo.dev/environment";
/// The object's own name within its parents; may differ from `metadata.name`.
pub const NAME: &str = "openchoreo.dev/name";
/// Deployable artifact that an object belongs to.
pub const DEPLOYABLE_ARTIFACT: &str = "openchoreo.dev/deployable-artifact";
/// Deployment that an object belongs to.
pub const DEPLOYMENT: &str = "openchoreo.dev/deployment";
/// Data plane that an object belongs to.
pub const DATA_PLANE: &str = "openchoreo.dev/dataplane";
/// Marks a plane that also runs builds.
pub const BUILD_PLANE: &str = "openchoreo.dev/build-plane";
/// Marks a Secret that may be used as credentials of planes, with the value `true`; see
/// [`annotations::PLANE_SERVER`] for where it may be sent.
pub const PLANE_CREDENTIALS: &str = "openchoreo.dev/plane-credentials";
/// Who first created an object.
pub const CREATED_BY: &str = "openchoreo.dev/created-by";
/// Who is in charge of an object.
pub const MANAGED_BY: &str = "openchoreo.dev/managed-by";
/// Identifies one manifest of a Release.
pub const RELEASE_RESOURCE_ID: &str = "openchoreo.dev/release-resource-id";
/// UID of the Release that an object comes from.
pub const RELEASE_UID: &str = "openchoreo.dev/release-uid";
/// Name of the Release that an object comes from.
pub const RELEASE_NAME: &str = "openchoreo.dev/release-name";
/// Namespace of the Release that an object comes from.
pub const RELEASE_NAMESPACE: &str = "openchoreo.dev/release-namespace";
/// Kind of a component, as command lines write it.
pub const TYPE: &str = "openchoreo.dev/type";
/// Version of a deployment track, as command lines write it.
pub const VERSION: &str = "openchoreo.dev/version";
/// Artifact of a deployment, as command lines write it.
pub const DEPLOYMENT_ARTIFACT: &str = "openchoreo.dev/deployment-artifact";
/// Role of a node of a cluster.
pub const NODE_ROLE: &str = "openchoreo.dev/noderole";

/// Values of [`MANAGED_BY`].
pub mod managed_by {
    /// Objects of the control plane, such as the namespace of an organization.
    pub const CONTROL_PLANE: &str = "openchoreo-control-plane";
    /// Objects that come from a Release.
    pub const RELEASE_CONTROLLER: &str = "release-controller";
}

/// Keys of annotations.
pub mod annotations {
    /// Name of an object for people.
    pub const DISPLAY_NAME: &str = "openchoreo.dev/display-name";
    /// What an object is for.
    pub const DESCRIPTION: &str = "openchoreo.dev/description";
    /// How far an endpoint that is made for a component may be reached: `project`, `organization` or `public`.
    pub const VISIBILITY: &str = "openchoreo.dev/visibility";
    /// On a DataPlane: the gateway of the platform, by its name, that publishes what is deployed there. On what a
    /// gateway rendered for such a plane: that gateway.
    pub const GATEWAY: &str = "openchoreo.dev/gateway";
    /// On a Component of a platform that writes workloads as upstream does: `full` has its pods written as this platform
    /// does, confined and with all that was written for them. It replaces them.
    pub const POD_TEMPLATE: &str = "openchoreo.dev/pod-template";
    /// Whether a deployment track deploys by itself, as command lines write it.
    pub const AUTO_DEPLOY: &str = "openchoreo.dev/auto-deploy";
    /// On a Secret with [`PLANE_CREDENTIALS`](super::PLANE_CREDENTIALS): the servers that it may be sent to, as `host`
    /// or `host:port`, with commas between several.
    pub const PLANE_SERVER: &str = "openchoreo.dev/plane-server";
    /// On an Environment: the registries, or paths in them, that images must be below to be deployed there, such as
    /// `registry.example.com,ghcr.io/acme`; every registry where it is absent.
    pub const ALLOWED_REGISTRIES: &str = "openchoreo.dev/allowed-registries";
    /// On an Environment: what its pods may do, `baseline` or `restricted`; as the platform says where it is absent.
    pub const POD_SECURITY: &str = "openchoreo.dev/pod-security";
    /// On an Environment: what all pods of a project may use there together, such as `limits.memory=8Gi,pods=50`; as the
    /// platform says where it is absent.
    pub const QUOTA: &str = "openchoreo.dev/quota";
    /// On an Environment: what each container may use there, and what it gets that does not say, such as
    /// `max.memory=2Gi,default.memory=256Mi`; as the platform says where it is absent.
    pub const CONTAINER_LIMITS: &str = "openchoreo.dev/container-limits";
    /// On an object that the platform makes: the planes that it is made for, as `<Kind>/<namespace>/<name>` with commas
    /// between several. It counts until the object's first status.
    pub const PLANES: &str = "openchoreo.dev/planes";
    /// On a Deployment that the platform makes: the cells that it is made for, as `<organization>/<project>/<environment>`
    /// with commas between several. It counts until the Deployment's first status.
    pub const CELLS: &str = "openchoreo.dev/cells";
}

/// Labels of objects in data planes and build planes. They carry no domain.
pub mod plane {
    /// Organization that an object belongs to.
    pub const ORGANIZATION_NAME: &str = "organization-name";
    /// Project that an object belongs to.
    pub const PROJECT_NAME: &str = "project-name";
    /// UID of the project.
    pub const PROJECT_ID: &str = "project-id";
    /// Component that an object belongs to.
    pub const COMPONENT_NAME: &str = "component-name";
    /// UID of the component.
    pub const COMPONENT_ID: &str = "component-id";
    /// Kind of the component.
    pub const COMPONENT_TYPE: &str = "component-type";
    /// Deployment track that an object belongs to.
    pub const DEPLOYMENT_TRACK_NAME: &str = "deployment-track-name";
    /// UID of the deployment track.
    pub const DEPLOYMENT_TRACK_ID: &str = "deployment-track-id";
    /// Environment that an object belongs to.
    pub const ENVIRONMENT_NAME: &str = "environment-name";
    /// UID of the environment.
    pub const ENVIRONMENT_ID: &str = "environment-id";
    /// Deployment that an object belongs to.
    pub const DEPLOYMENT_NAME: &str = "deployment-name";
    /// UID of the deployment.
    pub const DEPLOYMENT_ID: &str = "deployment-id";
    /// Build that an object belongs to.
    pub const BUILD_NAME: &str = "build-name";
    /// UID of the object of the control plane that an object comes from.
    pub const UUID: &str = "uuid";
    /// What an object is part of: see [`target`].
    pub const TARGET: &str = "target";
    /// Who is in charge of an object.
    pub const MANAGED_BY: &str = "managed-by";
    /// The value of [`MANAGED_BY`] for objects of a deployment.
    pub const DEPLOYMENT_CONTROLLER: &str = "choreo-deployment-controller";
    /// Which part of the platform an object belongs to.
    pub const BELONG_TO: &str = "belong-to";
    /// The value of [`BELONG_TO`] for what users run.
    pub const USER_WORKLOADS: &str = "user-workloads";
    /// Which gateway a route is published on.
    pub const GATEWAY_VISIBILITY: &str = "gateway-visibility";

    /// Values of [`TARGET`].
    pub mod target {
        /// A build.
        pub const BUILD: &str = "build";
        /// What runs.
        pub const RUNTIME: &str = "runtime";
        /// What makes it reachable.
        pub const GATEWAY: &str = "gateway";
    }
}

/// Finalizers, one for each kind that must clean up.
pub mod finalizers {
    /// Of an Organization.
    pub const ORGANIZATION: &str = "openchoreo.dev/delete-namespace";
    /// Of a Project.
    pub const PROJECT: &str = "openchoreo.dev/project-cleanup";
    /// Of an Environment.
    pub const ENVIRONMENT: &str = "openchoreo.dev/environment-cleanup";
    /// Of a DataPlane.
    pub const DATA_PLANE: &str = "openchoreo.dev/dataplane-cleanup";
    /// Of a Component.
    pub const COMPONENT: &str = "openchoreo.dev/component-cleanup";
    /// Of a DeploymentTrack.
    pub const DEPLOYMENT_TRACK: &str = "openchoreo.dev/deploymenttrack-cleanup";
    /// Holds a BuildPlane until no Build records objects there.
    pub const BUILD_PLANE: &str = "openchoreo.dev/buildplane-cleanup";
    /// Of a Build.
    pub const BUILD: &str = "openchoreo.dev/build-cleanup";
    /// Of a DeployableArtifact.
    pub const DEPLOYABLE_ARTIFACT: &str = "openchoreo.dev/deployableartifact-cleanup";
    /// Of a Deployment.
    pub const DEPLOYMENT: &str = "openchoreo.dev/data-plane-cleanup";
    /// Of an Endpoint.
    pub const ENDPOINT: &str = "openchoreo.dev/endpoint-deletion";
}
