//! The log API of a plane.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where logs of a plane are read.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ObserverApi {
    /// Base URL of the API.
    pub url: String,
    /// How to log in to it.
    pub authentication: ObserverAuthentication,
}

/// How to log in to the log API of a plane.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ObserverAuthentication {
    /// User name and password.
    pub basic_auth: BasicCredentials,
}

/// A user name and its password.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BasicCredentials {
    /// The user name.
    pub username: String,
    /// The password, in clear text: restrict who may read the object.
    pub password: String,
}

impl std::fmt::Debug for BasicCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BasicCredentials").field("username", &self.username).finish_non_exhaustive()
    }
}
