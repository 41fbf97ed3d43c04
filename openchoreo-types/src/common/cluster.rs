//! A remote cluster and the credentials for it, in two shapes, and one normal form for whoever connects.
//!
//! The first shape is `server`, `tls` and `auth`; the second is `credentials`. A value may be written down or kept in a
//! Secret in either. Reading Secrets, decoding certificates and connecting are other people's jobs: this module only
//! says what was meant, or which field is wrong and what to write instead.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::wire;

/// A Kubernetes cluster and how to log in to it: either `server` with `auth` and maybe `tls`, or `credentials`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "has(self.server) != has(self.credentials)",
        "message": "set either `server` with `auth`, or `credentials`: exactly one of the two",
    },
    {
        "rule": "!has(self.credentials) || (!has(self.auth) && !has(self.tls))",
        "message": "`auth` and `tls` belong to `server`; with `credentials`, write certificates and the token into it",
    },
    {
        "rule": "!has(self.server) || (has(self.auth) && (has(self.auth.mtls) || has(self.auth.bearerToken)))",
        "message": "with `server`, set `auth.mtls` or `auth.bearerToken`",
    },
]))]
pub struct KubernetesCluster {
    /// A name for the cluster, for people.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// URL of the API server. Excludes `credentials`.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// How to know the API server at `server`.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClusterTls>,
    /// How to log in at `server`.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub auth: Option<ClusterAuth>,
    /// URL and credentials in one place. Excludes `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<ClusterCredentials>,
}

/// How to know an API server.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClusterTls {
    /// Certificates of the authorities that may vouch for the API server; those of the system when absent. Inline: PEM
    /// text in base64. The default key in a Secret is `ca.crt`.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub ca: Option<ValueFrom>,
}

/// How to log in to an API server. A client certificate wins over a token.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClusterAuth {
    /// Log in with a client certificate.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub mtls: Option<MtlsAuth>,
    /// Log in with a token, written as it is. The default key in a Secret is `token`.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub bearer_token: Option<ValueFrom>,
}

/// A client certificate and its key.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MtlsAuth {
    /// The certificate. Inline: PEM text in base64. The default key in a Secret is `tls.crt`.
    pub client_cert: ValueFrom,
    /// The private key of the certificate. Inline: PEM text in base64. The default key in a Secret is `tls.key`.
    pub client_key: ValueFrom,
}

/// URL of an API server and the credentials for it: a token, or a client certificate and its key.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("anyOf" = [{"required": ["clientCert", "clientKey"]}, {"required": ["token"]}]))]
pub struct ClusterCredentials {
    /// URL of the API server.
    #[serde(rename = "apiServerURL")]
    #[schemars(length(min = 1))]
    pub api_server_url: String,
    /// Certificates of the authorities that may vouch for the API server; those of the system when absent. Text, or an
    /// object with `value` or `secretRef`, whose default key is `ca.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_schema")]
    pub ca_cert: Option<CredentialValue>,
    /// The client certificate. Text, or an object with `value` or `secretRef`, whose default key is `tls.crt`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_schema")]
    pub client_cert: Option<CredentialValue>,
    /// The private key of the certificate. Text, or an object with `value` or `secretRef`, whose default key is
    /// `tls.key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_schema")]
    pub client_key: Option<CredentialValue>,
    /// A token to log in with. Text, or an object with `value` or `secretRef`, whose default key is `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_schema")]
    pub token: Option<CredentialValue>,
}

/// A value, written down or kept in a Secret. The written one wins.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ValueFrom {
    /// The value itself.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The Secret that holds the value, in the namespace of the object that this is written in: its name, or an object
    /// with `name` and `key`.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "open_schema")]
    pub secret_ref: Option<SecretRef>,
}

impl fmt::Debug for ValueFrom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ValueFrom")
            .field("value", &self.value.as_ref().map(|_| Hidden))
            .field("secret_ref", &self.secret_ref)
            .finish()
    }
}

/// Stands for a value that may be a private key or a token, in debug output.
struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// A Secret, or one key of it.
///
/// API servers cannot check a field that is either text or an object, so whatever was written is kept, and
/// [`KubernetesCluster::connection`] reports what makes no sense.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(untagged)]
pub enum SecretRef {
    /// Name of the Secret; the key follows from the field that refers to it.
    Name(String),
    /// Name of the Secret, and the key in it.
    Key {
        /// Name of the Secret.
        name: String,
        /// The key in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// Neither of the two.
    Unreadable(Value),
}

impl Default for SecretRef {
    fn default() -> Self {
        Self::Name(String::new())
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(match &value {
            Value::String(name) => Self::Name(name.clone()),
            Value::Object(fields) => match (fields.get("name"), fields.get("key"), fields.len()) {
                (Some(Value::String(name)), None, 1) => Self::Key { name: name.clone(), key: None },
                (Some(Value::String(name)), Some(Value::String(key)), 2) => {
                    Self::Key { name: name.clone(), key: Some(key.clone()) }
                }
                _ => Self::Unreadable(value),
            },
            _ => Self::Unreadable(value),
        })
    }
}

/// A credential: text, or an object that says where the text is. See [`SecretRef`] for why anything is accepted.
#[derive(Serialize, Clone, PartialEq)]
#[serde(untagged)]
pub enum CredentialValue {
    /// The value itself.
    Inline(String),
    /// Where the value is.
    From(ValueFrom),
    /// Neither of the two.
    Unreadable(Value),
}

impl fmt::Debug for CredentialValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(_) => formatter.debug_tuple("Inline").field(&Hidden).finish(),
            Self::From(from) => formatter.debug_tuple("From").field(from).finish(),
            Self::Unreadable(_) => formatter.debug_tuple("Unreadable").field(&Hidden).finish(),
        }
    }
}

impl<'de> Deserialize<'de> for CredentialValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(match &value {
            Value::String(text) => Self::Inline(text.clone()),
            Value::Object(fields) if fields.keys().all(|key| key == "value" || key == "secretRef") => {
                ValueFrom::deserialize(&value).map_or(Self::Unreadable(value), Self::From)
            }
            _ => Self::Unreadable(value),
        })
    }
}

fn open_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}

/// How to reach a cluster, whichever way it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterConnection<'a> {
    /// URL of the API server.
    pub server: &'a str,
    /// Authorities that may vouch for it; those of the system when absent.
    pub ca: Option<MaterialSource<'a>>,
    /// How to log in.
    pub auth: AuthSource<'a>,
}

/// How to log in to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthSource<'a> {
    /// With a client certificate.
    Mtls {
        /// The certificate.
        cert: MaterialSource<'a>,
        /// Its private key.
        key: MaterialSource<'a>,
    },
    /// With a token.
    Token(MaterialSource<'a>),
}

/// Where a certificate, a key or a token is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MaterialSource<'a> {
    /// Written down, as it stands in the manifest.
    Inline(&'a str),
    /// In a Secret beside the object.
    Secret {
        /// Name of the Secret.
        name: &'a str,
        /// The key in it.
        key: &'a str,
    },
}

impl fmt::Debug for MaterialSource<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(_) => formatter.debug_tuple("Inline").field(&Hidden).finish(),
            Self::Secret { name, key } => {
                formatter.debug_struct("Secret").field("name", name).field("key", key).finish()
            }
        }
    }
}

/// What is wrong with a cluster's description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterSpecError {
    /// Nothing says where the cluster is.
    #[error("`spec.kubernetesCluster` names no cluster: set `server` with `auth`, or `credentials`")]
    NoServer,
    /// Both shapes are there.
    #[error(
        "`spec.kubernetesCluster` has two shapes at once: keep either `server` with `auth` and `tls`, or `credentials`"
    )]
    TwoShapes,
    /// Nothing says how to log in.
    #[error("`{field}` has no credentials: {remedy}")]
    NoCredentials {
        /// The field that lacks them.
        field: &'static str,
        /// What to write.
        remedy: &'static str,
    },
    /// A field that is needed has no value.
    #[error("`{field}` is empty: write the value, or name a Secret in `secretRef`")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// A field holds something else than text or a reference to it.
    #[error(
        "`{field}` cannot be read: write text, or an object with either `value` or `secretRef` \
         (the name of a Secret, or `name` and `key`)"
    )]
    Unreadable {
        /// The field.
        field: &'static str,
    },
}

/// One credential field: where it is, for messages, and the key that a Secret holds it under.
#[derive(Clone, Copy)]
struct Field {
    path: &'static str,
    secret_key: &'static str,
}

const TLS_CA: Field = Field { path: "spec.kubernetesCluster.tls.ca", secret_key: "ca.crt" };
const MTLS_CERT: Field = Field { path: "spec.kubernetesCluster.auth.mtls.clientCert", secret_key: "tls.crt" };
const MTLS_KEY: Field = Field { path: "spec.kubernetesCluster.auth.mtls.clientKey", secret_key: "tls.key" };
const BEARER_TOKEN: Field = Field { path: "spec.kubernetesCluster.auth.bearerToken", secret_key: "token" };
const CA_CERT: Field = Field { path: "spec.kubernetesCluster.credentials.caCert", secret_key: "ca.crt" };
const CLIENT_CERT: Field = Field { path: "spec.kubernetesCluster.credentials.clientCert", secret_key: "tls.crt" };
const CLIENT_KEY: Field = Field { path: "spec.kubernetesCluster.credentials.clientKey", secret_key: "tls.key" };
const TOKEN: Field = Field { path: "spec.kubernetesCluster.credentials.token", secret_key: "token" };

impl Field {
    /// The source that a value or reference stands for; none when it is empty.
    fn of_value_from(self, from: &ValueFrom) -> Result<Option<MaterialSource<'_>>, ClusterSpecError> {
        if let Some(value) = from.value.as_deref().filter(|value| !value.is_empty()) {
            return Ok(Some(MaterialSource::Inline(value)));
        }
        match &from.secret_ref {
            None => Ok(None),
            Some(SecretRef::Unreadable(_)) => Err(ClusterSpecError::Unreadable { field: self.path }),
            Some(SecretRef::Name(name) | SecretRef::Key { name, .. }) if name.is_empty() => Ok(None),
            Some(SecretRef::Name(name)) => Ok(Some(MaterialSource::Secret { name, key: self.secret_key })),
            Some(SecretRef::Key { name, key }) => {
                Ok(Some(MaterialSource::Secret { name, key: key.as_deref().unwrap_or(self.secret_key) }))
            }
        }
    }

    /// The source that a field of the second shape stands for; none when it is absent or empty.
    fn of_credential(self, value: Option<&CredentialValue>) -> Result<Option<MaterialSource<'_>>, ClusterSpecError> {
        match value {
            None => Ok(None),
            Some(CredentialValue::Inline(text)) if text.is_empty() => Ok(None),
            Some(CredentialValue::Inline(text)) => Ok(Some(MaterialSource::Inline(text))),
            Some(CredentialValue::From(from)) => self.of_value_from(from),
            Some(CredentialValue::Unreadable(_)) => Err(ClusterSpecError::Unreadable { field: self.path }),
        }
    }

    fn empty(self) -> ClusterSpecError {
        ClusterSpecError::Empty { field: self.path }
    }
}

impl KubernetesCluster {
    /// How to reach the cluster, whichever of the two shapes was written.
    ///
    /// # Errors
    ///
    /// When neither or both shapes are there, when there is nothing to log in with, or when a field is empty or
    /// unreadable. The message names the field and what to write.
    pub fn connection(&self) -> Result<ClusterConnection<'_>, ClusterSpecError> {
        match (self.server.as_deref().filter(|server| !server.is_empty()), &self.credentials) {
            (Some(_), Some(_)) => Err(ClusterSpecError::TwoShapes),
            (Some(server), None) => self.connection_to(server),
            (None, Some(_)) if self.auth.is_some() || self.tls.is_some() => Err(ClusterSpecError::TwoShapes),
            (None, Some(credentials)) => credentials.connection(),
            (None, None) => Err(ClusterSpecError::NoServer),
        }
    }

    fn connection_to<'a>(&'a self, server: &'a str) -> Result<ClusterConnection<'a>, ClusterSpecError> {
        let ca = match self.tls.as_ref().and_then(|tls| tls.ca.as_ref()) {
            Some(ca) => TLS_CA.of_value_from(ca)?,
            None => None,
        };
        let auth = match &self.auth {
            Some(ClusterAuth { mtls: Some(mtls), .. }) => AuthSource::Mtls {
                cert: MTLS_CERT.of_value_from(&mtls.client_cert)?.ok_or_else(|| MTLS_CERT.empty())?,
                key: MTLS_KEY.of_value_from(&mtls.client_key)?.ok_or_else(|| MTLS_KEY.empty())?,
            },
            Some(ClusterAuth { bearer_token: Some(token), .. }) => {
                AuthSource::Token(BEARER_TOKEN.of_value_from(token)?.ok_or_else(|| BEARER_TOKEN.empty())?)
            }
            _ => {
                return Err(ClusterSpecError::NoCredentials {
                    field: "spec.kubernetesCluster.auth",
                    remedy: "set `mtls.clientCert` and `mtls.clientKey`, or `bearerToken`",
                });
            }
        };
        Ok(ClusterConnection { server, ca, auth })
    }
}

impl ClusterCredentials {
    fn connection(&self) -> Result<ClusterConnection<'_>, ClusterSpecError> {
        if self.api_server_url.is_empty() {
            return Err(ClusterSpecError::NoServer);
        }
        let ca = CA_CERT.of_credential(self.ca_cert.as_ref())?;
        let cert = CLIENT_CERT.of_credential(self.client_cert.as_ref())?;
        let key = CLIENT_KEY.of_credential(self.client_key.as_ref())?;
        let token = TOKEN.of_credential(self.token.as_ref())?;
        let auth = match (cert, key, token) {
            (Some(cert), Some(key), _) => AuthSource::Mtls { cert, key },
            // Half a certificate beside a token is a slip that would otherwise stay unseen.
            (Some(_), None, _) => return Err(CLIENT_KEY.empty()),
            (None, Some(_), _) => return Err(CLIENT_CERT.empty()),
            (None, None, Some(token)) => AuthSource::Token(token),
            (None, None, None) => {
                return Err(ClusterSpecError::NoCredentials {
                    field: "spec.kubernetesCluster.credentials",
                    remedy: "set `clientCert` and `clientKey`, or `token`",
                });
            }
        };
        Ok(ClusterConnection { server: &self.api_server_url, ca, auth })
    }
}
