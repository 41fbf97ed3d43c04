//! The credentials of a plane: from files or a kubeconfig into a Secret that the plane refers to.
//!
//! Private keys never stand in the plane itself: who may read planes need not be able to log in to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::config::{AuthInfo, Kubeconfig};
use openchoreo_types::common::{ClusterAuth, ClusterTls, KubernetesCluster, MtlsAuth, SecretRef, ValueFrom};
use openchoreo_types::labels::{PLANE_CREDENTIALS, annotations};
use serde_json::Value;

use crate::args::ClusterArgs;
use crate::cluster::kubeconfig::context_name;
use crate::error::CliError;
use crate::install::server_host;

const CA: &str = "ca.crt";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const TOKEN: &str = "token";

/// How to reach a plane, in the two parts that are stored.
pub(super) struct Connection {
    pub(super) cluster: KubernetesCluster,
    pub(super) secret: Secret,
}

/// Reads what the flags name. The Secret is named after the plane, and may be sent to its server only.
pub(super) fn read(args: &ClusterArgs, plane: &str) -> Result<Connection, CliError> {
    let (server, data) = match &args.from_kubeconfig {
        Some(path) => from_kubeconfig(args, path)?,
        None => (args.server.clone().unwrap_or_default(), from_files(args)?),
    };
    if !data.contains_key(CERTIFICATE) && !data.contains_key(TOKEN) {
        return Err(CliError::usage(
            "there are no credentials for the cluster",
            "give `--client-cert` with `--client-key`, `--token-file`, or `--from-kubeconfig`",
        ));
    }
    let secret_name = format!("{plane}-credentials");
    let refer = |key: &str| {
        data.contains_key(key).then(|| ValueFrom {
            value: None,
            secret_ref: Some(SecretRef::Key { name: secret_name.clone(), key: Some(key.to_owned()) }),
        })
    };
    let mtls = refer(CERTIFICATE).zip(refer(KEY)).map(|(client_cert, client_key)| MtlsAuth { client_cert, client_key });
    let host = server_host(&server);
    let cluster = KubernetesCluster {
        server: Some(server),
        tls: refer(CA).map(|ca| ClusterTls { ca: Some(ca) }),
        auth: Some(ClusterAuth { mtls, bearer_token: refer(TOKEN) }),
        ..KubernetesCluster::default()
    };
    let mut secret = Secret { type_: Some("Opaque".to_owned()), data: Some(data), ..Secret::default() };
    secret.metadata.name = Some(secret_name);
    secret.metadata.labels = Some([(PLANE_CREDENTIALS.to_owned(), "true".to_owned())].into());
    secret.metadata.annotations = Some([(annotations::PLANE_SERVER.to_owned(), host)].into());
    Ok(Connection { cluster, secret })
}

type Material = BTreeMap<String, ByteString>;

fn from_files(args: &ClusterArgs) -> Result<Material, CliError> {
    let files =
        [(CA, &args.ca_cert), (CERTIFICATE, &args.client_cert), (KEY, &args.client_key), (TOKEN, &args.token_file)];
    let mut material = Material::new();
    for (key, path) in files {
        if let Some(path) = path {
            let bytes = read_file(path)?;
            // Editors end files with a line break, tokens do not.
            let bytes = if key == TOKEN { bytes.trim_ascii().to_vec() } else { bytes };
            material.insert(key.to_owned(), ByteString(bytes));
        }
    }
    Ok(material)
}

fn from_kubeconfig(args: &ClusterArgs, path: &Path) -> Result<(String, Material), CliError> {
    let shown = path.display().to_string();
    let kubeconfig = Kubeconfig::read_from(path)
        .map_err(|source| CliError::Kubeconfig { path: shown.clone(), source: Box::new(source) })?;
    let context = context_name(&kubeconfig, args.from_context.as_deref())?;
    let incomplete =
        |reason: &str| CliError::Credentials { path: shown.clone(), user: context.clone(), reason: reason.to_owned() };
    let named = kubeconfig.contexts.iter().find(|named| named.name == context);
    let chosen = named.and_then(|named| named.context.as_ref()).ok_or_else(|| incomplete("the context is empty"))?;
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == chosen.cluster);
    let cluster =
        cluster.and_then(|named| named.cluster.as_ref()).ok_or_else(|| incomplete("its cluster is not there"))?;
    let user = kubeconfig.auth_infos.iter().find(|named| Some(&named.name) == chosen.user.as_ref());
    let user = user.and_then(|named| named.auth_info.as_ref()).ok_or_else(|| incomplete("its user is not there"))?;

    let mut material = Material::new();
    let authority = &cluster.certificate_authority;
    insert(&mut material, CA, cluster.certificate_authority_data.as_deref(), authority.as_deref(), &shown)?;
    let user_name = chosen.user.clone().unwrap_or_default();
    add_user(&mut material, user, &user_name, &shown)?;
    let server =
        args.server.clone().or_else(|| cluster.server.clone()).ok_or_else(|| incomplete("it has no server"))?;
    Ok((server, material))
}

fn add_user(material: &mut Material, user: &AuthInfo, name: &str, kubeconfig: &str) -> Result<(), CliError> {
    let refused = |reason: &str| CliError::Credentials {
        path: kubeconfig.to_owned(),
        user: name.to_owned(),
        reason: reason.to_owned(),
    };
    // Secrets of a kubeconfig have a type that shows them to serializers only.
    let fields = serde_json::to_value(user).map_err(|_| refused("it cannot be read"))?;
    let text = |field: &str| fields.get(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    insert(material, CERTIFICATE, text("client-certificate-data"), text("client-certificate"), kubeconfig)?;
    insert(material, KEY, text("client-key-data"), text("client-key"), kubeconfig)?;
    if let Some(token) = text("token") {
        material.insert(TOKEN.to_owned(), ByteString(token.as_bytes().to_vec()));
    } else if let Some(path) = text("tokenFile") {
        let token = read_file(Path::new(path))?.trim_ascii().to_vec();
        material.insert(TOKEN.to_owned(), ByteString(token));
    }
    match (material.contains_key(CERTIFICATE), material.contains_key(KEY), material.contains_key(TOKEN)) {
        (true, true, _) | (false, false, true) => Ok(()),
        (true, false, _) => Err(refused("a client certificate without its key")),
        (false, true, _) => Err(refused("a client key without its certificate")),
        (false, false, false) if user.exec.is_some() || user.auth_provider.is_some() => {
            Err(refused("it logs in with a program"))
        }
        (false, false, false) if user.password.is_some() => Err(refused("it logs in with a password")),
        (false, false, false) => Err(refused("there is neither a client certificate nor a token")),
    }
}

/// Takes inline data, else the file.
fn insert(
    material: &mut Material,
    key: &str,
    data: Option<&str>,
    path: Option<&str>,
    kubeconfig: &str,
) -> Result<(), CliError> {
    let bytes = match (data, path) {
        (Some(data), _) => BASE64_STANDARD.decode(data).map_err(|_| CliError::Credentials {
            path: kubeconfig.to_owned(),
            user: key.to_owned(),
            reason: "the data is not base64".to_owned(),
        })?,
        (None, Some(path)) => read_file(Path::new(path))?,
        (None, None) => return Ok(()),
    };
    material.insert(key.to_owned(), ByteString(bytes));
    Ok(())
}

fn read_file(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::ReadFile { path: path.display().to_string(), source })
}
