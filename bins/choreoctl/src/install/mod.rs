//! What each plane must hold before the first component: the manifests of `install/`, with settings.
//!
//! The manifests are those that `kubectl apply -f install/...` takes; settings change typed places of them, so nothing
//! here is a template. Applied by server-side apply, they may be applied again at any time.

use std::collections::HashMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::runtime::{conditions, wait::await_condition};
use kube::{Client, ResourceExt, discovery};
use openchoreo_types::labels::{PLANE_CREDENTIALS, annotations};
use openchoreo_types::yaml;
use serde_json::{Value, json};

const CONTROL_PLANE: &str = include_str!("../../../../install/control-plane/00-namespace.yaml");
const DATA_PLANE: [&str; 3] = [
    include_str!("../../../../install/data-plane/00-namespace.yaml"),
    include_str!("../../../../install/data-plane/access.yaml"),
    include_str!("../../../../install/data-plane/gateways.yaml"),
];
const BUILD_PLANE: &str = include_str!("../../../../install/build-plane/docker.yaml");

/// The service account token that the control plane logs in with, as `install/data-plane/access.yaml` names it.
const TOKEN_SECRET: (&str, &str) = ("choreo-system", "choreo-control-plane-token");

/// Field manager of everything that is installed.
const MANAGER: &str = "openchoreo-install";

/// What an installation chooses. The default is what the manifests say.
#[derive(Clone, Debug, Default)]
pub struct InstallSettings {
    /// GatewayClass of the gateways, in place of our own.
    pub gateway_class: Option<String>,
    /// Port of the gateways' HTTPS listener, in place of 443.
    pub gateway_port: Option<u16>,
    /// Certificate and key, in PEM, that the gateways serve: the Secret `choreo-gateway-tls`. Without, the Secret is
    /// the operator's to make.
    pub gateway_certificate: Option<(String, String)>,
    /// Whether to install the CRDs of foreign kinds (Gateway API, Envoy Gateway, Argo Workflows, …), reduced to what
    /// OpenChoreo writes: for planes that have none of these systems.
    pub foreign_crds: bool,
}

/// Why an installation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// A manifest of the installation cannot be read.
    #[error("a manifest of the installation cannot be read")]
    Manifest(#[source] yaml::YamlError),
    /// An API server refuses an object.
    #[error("cannot apply {object}")]
    Apply {
        /// Which object.
        object: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// Something does not happen.
    #[error("{what} did not happen")]
    Wait {
        /// What was waited for.
        what: String,
        /// Why the wait ended.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Applies documents in their order, waiting for CRDs among them to be served.
///
/// # Errors
/// An API server refuses one.
pub async fn apply(client: &Client, documents: Vec<Value>) -> Result<(), InstallError> {
    let mut resources: HashMap<GroupVersionKind, (ApiResource, bool)> = HashMap::new();
    for document in documents {
        let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
        let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
        let gvk = GroupVersionKind::gvk(group, version, text("kind"));
        let name = document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let object = format!("{} `{name}`", gvk.kind);
        let failed = |source: kube::Error| InstallError::Apply { object: object.clone(), source: Box::new(source) };
        let (resource, namespaced) = match resources.get(&gvk) {
            Some(known) => known.clone(),
            None => {
                let (resource, capabilities) = discovery::pinned_kind(client, &gvk).await.map_err(failed)?;
                let known = (resource, capabilities.scope == discovery::Scope::Namespaced);
                resources.insert(gvk.clone(), known.clone());
                known
            }
        };
        let namespace = document.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("default");
        let api: Api<DynamicObject> = if namespaced {
            Api::namespaced_with(client.clone(), namespace, &resource)
        } else {
            Api::all_with(client.clone(), &resource)
        };
        api.patch(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&document)).await.map_err(failed)?;
    }
    Ok(())
}

/// Applies CRDs and waits until they are served.
///
/// # Errors
/// An API server refuses one.
pub async fn apply_crds(client: &Client, crds: &[CustomResourceDefinition]) -> Result<(), InstallError> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in crds {
        let manifest = openchoreo_types::crd_manifest(crd);
        api.patch(&crd.name_any(), &PatchParams::apply(MANAGER).force(), &Patch::Apply(&manifest)).await.map_err(
            |source| InstallError::Apply { object: format!("CRD `{}`", crd.name_any()), source: Box::new(source) },
        )?;
    }
    for crd in crds {
        await_condition(api.clone(), &crd.name_any(), conditions::is_crd_established()).await.map_err(|source| {
            InstallError::Wait { what: format!("serving of CRD `{}`", crd.name_any()), source: Box::new(source) }
        })?;
    }
    Ok(())
}

/// Installs what the control plane needs: the CRDs and the system namespace. The controller manager is run by the
/// caller, or by `install/control-plane/controller-manager.yaml`.
///
/// # Errors
/// The API server refuses an object.
pub async fn control_plane(client: &Client) -> Result<(), InstallError> {
    apply_crds(client, &openchoreo_types::crds()).await?;
    apply(client, yaml::documents(CONTROL_PLANE).map_err(InstallError::Manifest)?).await
}

/// Installs what a data plane that also builds needs: gateways, the control plane's account, build templates.
///
/// # Errors
/// The API server refuses an object.
pub async fn data_plane(client: &Client, settings: &InstallSettings) -> Result<(), InstallError> {
    if settings.foreign_crds {
        apply_crds(client, &openchoreo_types::foreign_crds()).await?;
    }
    let mut documents = Vec::new();
    for manifest in DATA_PLANE.into_iter().chain([BUILD_PLANE]) {
        documents.extend(yaml::documents(manifest).map_err(InstallError::Manifest)?);
    }
    if let Some((certificate, key)) = &settings.gateway_certificate {
        documents.push(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": { "name": "choreo-gateway-tls", "namespace": "choreo-system" },
            "stringData": { "tls.crt": certificate, "tls.key": key },
        }));
    }
    if settings.gateway_class.is_some() {
        documents.retain(|document| document["kind"] != "GatewayClass");
    }
    for document in documents.iter_mut().filter(|document| document["kind"] == "Gateway") {
        if let Some(class) = &settings.gateway_class {
            document["spec"]["gatewayClassName"] = class.as_str().into();
        }
        if let (Some(port), Some(listeners)) =
            (settings.gateway_port, document.pointer_mut("/spec/listeners").and_then(Value::as_array_mut))
        {
            for listener in listeners {
                listener["port"] = port.into();
            }
        }
    }
    apply(client, documents).await
}

/// How a data plane is registered.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Organization whose data plane it is; also the namespace of the registration.
    pub organization: String,
    /// Name of the DataPlane.
    pub name: String,
    /// URL of the data plane's API server, as the controllers reach it.
    pub server: String,
    /// Domain of public hosts.
    pub public_virtual_host: String,
    /// Domain of hosts within the organization.
    pub organization_virtual_host: String,
    /// Registry and repository prefix of images.
    pub registry: String,
}

/// Registers a data plane as any operator would: copies the account's token and CA into a Secret beside a DataPlane
/// that refers to it. The namespace is made if it is not there.
///
/// # Errors
/// The token does not appear, or the control plane refuses an object.
pub async fn register_data_plane(
    control: &Client,
    data: &Client,
    registration: &Registration,
) -> Result<(), InstallError> {
    use k8s_openapi::api::core::v1::Secret;
    let waited = |source: Box<dyn std::error::Error + Send + Sync>| InstallError::Wait {
        what: format!("filling in of Secret `{}/{}`", TOKEN_SECRET.0, TOKEN_SECRET.1),
        source,
    };
    let secrets: Api<Secret> = Api::namespaced(data.clone(), TOKEN_SECRET.0);
    let filled = |secret: Option<&Secret>| {
        secret
            .and_then(|secret| secret.data.as_ref())
            .is_some_and(|data| data.contains_key("token") && data.contains_key("ca.crt"))
    };
    let secret = await_condition(secrets, TOKEN_SECRET.1, filled).await.map_err(|source| waited(Box::new(source)))?;
    let material = secret.and_then(|secret| secret.data).unwrap_or_default();
    let text =
        |key: &str| material.get(key).map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned()).unwrap_or_default();
    let Registration { organization, name, server, .. } = registration;
    let secret_name = format!("{name}-credentials");
    let labels = json!({ "openchoreo.dev/organization": organization, "openchoreo.dev/name": name });
    let reference = |key: &str| json!({ "secretRef": { "name": secret_name, "key": key } });
    let documents = vec![
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": organization, "labels": { "openchoreo.dev/organization": organization } },
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {
                "name": secret_name,
                "namespace": organization,
                // Without these two the Secret is not used: nobody gets a Secret sent anywhere by registering a plane.
                "labels": { PLANE_CREDENTIALS: "true" },
                "annotations": { annotations::PLANE_SERVER: server_host(server) },
            },
            "stringData": { "token": text("token"), "ca.crt": text("ca.crt") },
        }),
        json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "DataPlane",
            "metadata": { "name": name, "namespace": organization, "labels": merged(&labels, "openchoreo.dev/build-plane", "true") },
            "spec": {
                "kubernetesCluster": {
                    "name": name,
                    "credentials": { "apiServerURL": server, "caCert": reference("ca.crt"), "token": reference("token") },
                },
                "registry": { "prefix": registration.registry },
                "gateway": {
                    "publicVirtualHost": registration.public_virtual_host,
                    "organizationVirtualHost": registration.organization_virtual_host,
                },
            },
        }),
    ];
    apply(control, documents).await
}

/// The value of the annotation that says where a Secret with credentials may be sent: host and port of a server's URL.
pub fn server_host(server: &str) -> String {
    let authority = server.parse::<http::Uri>().ok().and_then(|uri| uri.into_parts().authority);
    authority.map(|authority| authority.to_string()).unwrap_or_default()
}

fn merged(labels: &Value, key: &str, value: &str) -> Value {
    let mut labels = labels.clone();
    labels[key] = value.into();
    labels
}
