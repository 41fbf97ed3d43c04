//! What a build needs to know: where the source is, which template runs, how an image is made of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire;

/// The build template that turns a source tree into an image, and the arguments for it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TemplateRef {
    /// The build engine that runs the template; the platform's default engine when absent.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Name of the template in the build plane; for Argo Workflows a ClusterWorkflowTemplate.
    pub name: String,
    /// Arguments for the template.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<TemplateParameter>,
}

impl TemplateRef {
    /// The build engine where none is named.
    pub const DEFAULT_ENGINE: &'static str = "argo";

    /// The build engine that runs the template.
    pub fn engine(&self) -> &str {
        self.engine.as_deref().filter(|engine| !engine.is_empty()).unwrap_or(Self::DEFAULT_ENGINE)
    }
}

/// One argument of a build template.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TemplateParameter {
    /// Name of the parameter.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// How an image is made of a source tree. Fill in one of the members.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuildConfiguration {
    /// Build with a Dockerfile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerBuild>,
    /// Build with a buildpack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buildpack: Option<BuildpackBuild>,
}

/// A build with a Dockerfile.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DockerBuild {
    /// Path of the build context in the repository.
    pub context: String,
    /// Path of the Dockerfile in the repository.
    pub dockerfile_path: String,
}

/// A build with a buildpack.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuildpackBuild {
    /// Name of the buildpack; see `buildpack` for the usual ones.
    pub name: String,
    /// Version of the language that the buildpack should use.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Names of the usual buildpacks. The schema leaves the name open, so that a platform can bring its own.
pub mod buildpack {
    /// Static files of a React application.
    pub const REACT: &str = "React";
    /// Go modules.
    pub const GO: &str = "Go";
    /// Ballerina packages.
    pub const BALLERINA: &str = "Ballerina";
    /// Node.js applications.
    pub const NODE_JS: &str = "Node.js";
    /// Python applications.
    pub const PYTHON: &str = "Python";
    /// Ruby applications.
    pub const RUBY: &str = "Ruby";
    /// PHP applications.
    pub const PHP: &str = "PHP";
}
