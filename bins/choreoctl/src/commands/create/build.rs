//! `create build`: a run of a component's build, from the component's own build section.

use kube::api::Api;
use openchoreo_types::common::OwnerRef;
use openchoreo_types::labels;
use openchoreo_types::v1alpha1::{Build, BuildRepository, BuildRevision, BuildSpec, Component};

use super::objects::with_labels;
use crate::args::CreateBuild;
use crate::cluster::{Cluster, Kind};
use crate::error::CliError;
use crate::io::Io;

/// The Build of the component as it is now; only branch and commit may differ.
pub(super) async fn make(args: &CreateBuild, cluster: &Cluster, io: &mut Io) -> Result<Build, CliError> {
    let kind = Kind::of::<Component>();
    let namespace = cluster.namespace();
    let components: Api<Component> = Api::namespaced(cluster.client(), namespace);
    let component = components
        .get_opt(&args.component)
        .await
        .map_err(|source| cluster.error(format!("read component `{}`", args.component), &kind, source))?;
    let Some(component) = component else {
        return Err(cluster.not_found(&kind, &args.component, Some(namespace)).await);
    };
    let suffix = io.random();
    build_of(&component, args, suffix)
        .ok_or_else(|| CliError::NoBuildSection { name: args.component.clone(), namespace: namespace.to_owned() })
}

/// Pure part of [`make`]; none when the component has no build section.
fn build_of(component: &Component, args: &CreateBuild, suffix: u32) -> Option<Build> {
    let section = component.spec.build.as_ref()?;
    let name = args.name.clone().unwrap_or_else(|| format!("{}-build-{suffix:08x}", args.component));
    let branch = args.branch.clone().unwrap_or_else(|| section.repository.revision.branch.clone());
    let project = component.spec.owner.project_name.as_str();
    let spec = BuildSpec {
        owner: OwnerRef { project_name: project.to_owned(), component_name: args.component.clone() },
        repository: BuildRepository {
            url: section.repository.url.clone(),
            revision: BuildRevision {
                branch: Some(branch).filter(|branch| !branch.is_empty()),
                commit: args.commit.clone(),
            },
            app_path: section.repository.app_path.clone(),
        },
        template_ref: section.template_ref.clone(),
    };
    let added = [
        (labels::PROJECT, project),
        (labels::COMPONENT, args.component.as_str()),
        (labels::DEPLOYMENT_TRACK, args.deployment_track.as_str()),
    ];
    Some(with_labels(Build::new(name, spec), added))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use openchoreo_types::yaml;

    use super::*;
    use crate::args::{Cli, Command, CreateKind};

    const COMPONENT: &str = "
apiVersion: openchoreo.dev/v1alpha1
kind: Component
metadata: {name: web}
spec:
  owner: {projectName: shop}
  type: Service
  build:
    repository: {url: 'https://example.com/web.git', revision: {branch: main}, appPath: /src}
    templateRef: {name: docker, parameters: [{name: docker-context, value: /}]}
";

    fn args(more: &[&str]) -> CreateBuild {
        let cli = Cli::parse_from(["choreoctl", "create", "build", "--component", "web"].iter().chain(more));
        let Command::Create(create) = cli.command else { panic!("not a create command") };
        match create.kind {
            CreateKind::Build(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_build_takes_everything_from_its_component() {
        let component: Component = yaml::from_str(COMPONENT).unwrap();
        let build = build_of(&component, &args(&[]), 0xab).unwrap();
        let expected: Build = yaml::from_str(
            "
apiVersion: openchoreo.dev/v1alpha1
kind: Build
metadata:
  name: web-build-000000ab
  labels:
    openchoreo.dev/project: shop
    openchoreo.dev/component: web
    openchoreo.dev/deployment-track: default
spec:
  owner: {projectName: shop, componentName: web}
  repository: {url: 'https://example.com/web.git', revision: {branch: main}, appPath: /src}
  templateRef: {name: docker, parameters: [{name: docker-context, value: /}]}
",
        )
        .unwrap();
        assert_eq!(build, expected);
    }

    #[test]
    fn branch_commit_name_and_track_can_be_chosen() {
        let component: Component = yaml::from_str(COMPONENT).unwrap();
        let chosen = ["--branch", "next", "--commit", "abc", "--name", "mine", "--deployment-track", "v2"];
        let build = build_of(&component, &args(&chosen), 0).unwrap();
        let revision = &build.spec.repository.revision;
        assert_eq!((revision.branch.as_deref(), revision.commit.as_deref()), (Some("next"), Some("abc")));
        assert_eq!(build.metadata.name.as_deref(), Some("mine"));
        assert_eq!(build.metadata.labels.unwrap()[labels::DEPLOYMENT_TRACK], "v2");
    }

    #[test]
    fn a_component_without_a_build_section_has_no_build() {
        let component: Component = yaml::from_str("{spec: {owner: {projectName: shop}, type: Service}}").unwrap();
        assert_eq!(build_of(&component, &args(&[]), 0), None);
    }
}
