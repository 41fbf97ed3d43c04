//! Build: one run that turns a revision of the source into an image.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{OwnerRef, PlaneRef, TemplateRef, condition};
use crate::kind::{platform_kind, platform_status};
use crate::wire;

platform_kind! {
    /// One run that turns a revision of a component's source into an image.
    pub Build(builds, build, Namespaced) {
        spec: BuildSpec,
        status: BuildStatus,
        short_names: [],
        columns: [
            ("Component", "string", ".spec.owner.componentName"),
            ("Image", "string", ".status.imageStatus.image"),
            ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status"),
            ("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ],
    }
}

/// What to build.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuildSpec {
    /// The project and the component that the build is for.
    pub owner: OwnerRef,
    /// Where the source is.
    pub repository: BuildRepository,
    /// The build template, and the arguments for it.
    pub template_ref: TemplateRef,
}

/// Where the source of a build is.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuildRepository {
    /// URL of the Git repository.
    pub url: String,
    /// What to check out.
    pub revision: BuildRevision,
    /// Path of the component in the repository.
    pub app_path: String,
}

/// What to check out. The commit wins over the branch.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuildRevision {
    /// The branch.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit.
    #[serde(default, deserialize_with = "wire::text", skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// What the platform knows about a build.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuildStatus {
    /// What is known about the object, one entry a type.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "condition::list_schema")]
    pub conditions: Vec<Condition>,
    /// The generation of the object that this status was computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The image that came out of the build.
    #[serde(default, deserialize_with = "wire::zero_as_none", skip_serializing_if = "Option::is_none")]
    pub image_status: Option<BuiltImage>,
    /// Planes that hold objects of this one: what deletion must clean.
    #[serde(default, deserialize_with = "wire::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub planes: Vec<PlaneRef>,
}

platform_status!(BuildStatus);

/// The image that came out of a build.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct BuiltImage {
    /// Reference of the image.
    pub image: String,
}
