//! What several kinds share.

mod application;
mod build;
mod cluster;
pub(crate) mod condition;
mod endpoint;
mod observer;
mod owner;
mod plane;
mod policy;
pub(crate) mod probe;

pub use application::{
    Application, EnvironmentSource, EnvironmentVariable, FileMount, FileMountSource, HorizontalScaling, KeyRef,
    KeySource, MountRef, NameRef, Probes, ResourceLimits, ScaleToZero, Scaling, Task, TaskSchedule,
};
pub use build::{BuildConfiguration, BuildpackBuild, DockerBuild, TemplateParameter, TemplateRef, buildpack};
pub use cluster::{
    AuthSource, ClusterAuth, ClusterConnection, ClusterCredentials, ClusterSpecError, ClusterTls, CredentialValue,
    KubernetesCluster, MaterialSource, MtlsAuth, SecretRef, ValueFrom,
};
pub use endpoint::{
    BackendRef, BackendRefType, ComponentBackend, EndpointSpec, EndpointType, NetworkVisibilities, TargetBackend,
    Visibility,
};
pub use observer::{BasicCredentials, ObserverApi, ObserverAuthentication};
pub use owner::{OwnerRef, ProjectOwner};
pub use plane::{PlaneConnection, PlaneKind, PlaneRef};
pub use policy::{
    ApiKeyPolicy, ApiKeySource, ApiType, BasicAuthPolicy, BasicAuthUser, ClaimToHeader, CorsPolicy,
    GraphQlAuthorization, GraphQlOperation, GrpcAuthorization, GrpcMethod, GrpcService, HttpMethod, JwtRules,
    OAuth2Policy, OperationAuthorization, OperationLimits, Policy, PolicySpec, RateLimitPolicy, RequestLimit,
    RequiredClaim, RestAuthorization, RestOperation, RestOperationLimit, policy_type,
};
