//! The Workflow of a build: its arguments in a fixed order, what the platform decides first.

use std::collections::BTreeSet;

use kube::core::ObjectMeta;
use openchoreo_core::extension::{BuildContext, RenderError};
use openchoreo_core::labels::plane;
use openchoreo_core::naming::hash::digest8;
use openchoreo_core::plan::Rendered;
use openchoreo_core::planners::DEFAULT_TRACK;
use openchoreo_types::foreign::argo::{Arguments, Parameter, Workflow, WorkflowSpec, WorkflowTemplateRef};
use serde_json::json;

use super::ArgoSettings;

/// Arguments that the platform decides. A build may not give them itself: they say where an image goes and what runs
/// with the rights of a build.
const RESERVED: [&str; 12] = [
    "project-name",
    "component-name",
    "git-repo",
    "app-path",
    "image-name",
    "image-tag",
    "commit",
    "branch",
    "registry",
    "registry-insecure",
    "clone-image",
    "build-image",
];

/// The branch that is built where neither commit nor branch is given.
const DEFAULT_BRANCH: &str = "main";

/// The most of a track's name in the tag of an image, which leaves room for the Build's own part and for the revision that
/// the template appends.
const TRACK_LIMIT: usize = 100;

pub(super) fn render(cx: &BuildContext<'_>, settings: &ArgoSettings) -> Result<Rendered, RenderError> {
    let name = cx.naming.workflow(&cx.id).map_err(RenderError::naming("the Workflow"))?;
    let template = &cx.build.spec.template_ref.name;
    if template.is_empty() {
        let problem = "is empty; name a ClusterWorkflowTemplate of the build plane, such as `docker`";
        return Err(field(cx, "spec.templateRef.name", problem));
    }
    let parameters = arguments(cx, settings)?
        .into_iter()
        .map(|(name, value)| Parameter { name, value: Some(value), ..Parameter::default() })
        .collect();
    let workflow = Workflow {
        metadata: ObjectMeta {
            name: Some(name.into_string()),
            namespace: Some(cx.namespace.to_string()),
            labels: Some(cx.labels.clone()),
            ..ObjectMeta::default()
        },
        spec: WorkflowSpec {
            workflow_template_ref: Some(WorkflowTemplateRef { name: template.clone(), cluster_scope: true }),
            service_account_name: Some(settings.service_account.clone()),
            arguments: Some(Arguments { parameters, ..Arguments::default() }),
            extra: [("podMetadata".to_owned(), json!({ "labels": cx.labels }))].into(),
            ..WorkflowSpec::default()
        },
        status: None,
    };
    Ok(Rendered::new(&workflow))
}

fn arguments(cx: &BuildContext<'_>, settings: &ArgoSettings) -> Result<Vec<(String, String)>, RenderError> {
    let repository = &cx.build.spec.repository;
    let revision = &repository.revision;
    let image = cx.naming.image(&cx.id.component).map_err(RenderError::naming("the image"))?;
    let commit = revision.commit.as_deref().unwrap_or_default();
    let branch = match (commit, revision.branch.as_deref().unwrap_or_default()) {
        ("", "") => DEFAULT_BRANCH,
        ("", branch) => branch,
        // The commit wins.
        (_, _) => "",
    };
    if repository.url.is_empty() {
        return Err(field(cx, "spec.repository.url", "is empty; give the URL of a Git repository"));
    }
    for (path, value) in [
        ("spec.repository.url", repository.url.as_str()),
        ("spec.repository.revision.commit", commit),
        ("spec.repository.revision.branch", branch),
        ("spec.repository.appPath", repository.app_path.as_str()),
    ] {
        // Git would take such a value for an option.
        if value.starts_with('-') {
            return Err(field(cx, path, "must not start with `-`"));
        }
        if value.chars().any(char::is_control) {
            return Err(field(cx, path, "must not hold control characters"));
        }
    }
    if repository.app_path.split('/').any(|segment| segment == "..") {
        return Err(field(cx, "spec.repository.appPath", "must not lead out of the repository with `..`"));
    }
    let fixed = [
        ("project-name", cx.id.component.project),
        ("component-name", cx.id.component.component),
        ("git-repo", &repository.url),
        ("app-path", &repository.app_path),
        ("image-name", &image),
        ("image-tag", &image_tag(cx)),
        ("commit", commit),
        ("branch", branch),
    ];
    let insecure = settings.registry_insecure.map(|insecure| insecure.to_string());
    let chosen = [
        ("registry", cx.registry.or(settings.registry.as_deref())),
        ("registry-insecure", insecure.as_deref()),
        ("clone-image", settings.clone_image.as_deref()),
        ("build-image", settings.build_image.as_deref()),
    ];
    let chosen = chosen.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut arguments: Vec<_> =
        fixed.into_iter().chain(chosen).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut seen: BTreeSet<&str> = RESERVED.into();
    for (index, parameter) in cx.build.spec.template_ref.parameters.iter().enumerate() {
        if !seen.insert(&parameter.name) {
            let problem = if RESERVED.contains(&parameter.name.as_str()) {
                format!("`{}` is decided by the platform; leave it out", parameter.name)
            } else {
                format!("`{}` is given twice; leave one out", parameter.name)
            };
            return Err(field(cx, &format!("spec.templateRef.parameters[{index}].name"), &problem));
        }
        arguments.push((parameter.name.clone(), parameter.value.clone()));
    }
    Ok(arguments)
}

/// The tag of the image: the track's name as far as a tag may hold it, and a part of the Build's own. Two Builds of one
/// commit may give different images, and pods are replaced only where the reference of their image changes.
fn image_tag(cx: &BuildContext<'_>) -> String {
    let track = cx.labels.get(plane::DEPLOYMENT_TRACK_NAME).map(String::as_str).unwrap_or_default();
    let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '-' };
    let tag: String = track.chars().map(allowed).take(TRACK_LIMIT).collect();
    let tag = tag.trim_matches(['-', '.']);
    let track = if tag.is_empty() { DEFAULT_TRACK } else { tag };
    // A Build that was made anew under its name is another one.
    let uid = cx.build.metadata.uid.as_deref().unwrap_or_default();
    format!("{track}-{}", digest8(&[cx.id.build, uid]))
}

fn field(cx: &BuildContext<'_>, path: &str, problem: &str) -> RenderError {
    RenderError::field(format!("Build `{}`", cx.id.build), path, problem)
}
