//! Flags to objects.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::api::Api;
use openchoreo_types::common::AuthSource;
use openchoreo_types::common::MaterialSource;
use openchoreo_types::labels;
use openchoreo_types::v1alpha1::{Build, DataPlane};

use crate::harness::{COMPONENT, Plane};

/// One command a kind, with the object that it makes.
const COMMANDS: &[(&str, &str)] = &[
    ("organization --name acme --display-name ACME", "organization.openchoreo.dev/acme"),
    ("project --name shop", "project.openchoreo.dev/shop"),
    (
        "component --name web --project shop --type Service --git-url https://example.com/web.git --template docker \
         --parameter docker-context=/",
        "component.openchoreo.dev/web",
    ),
    ("environment --name development --dataplane default", "environment.openchoreo.dev/development"),
    (
        "deploymentpipeline --name default-pipeline --environment-order development,production \
         --require-approval production",
        "deploymentpipeline.openchoreo.dev/default-pipeline",
    ),
    ("deploymenttrack --name main --project shop --component web --auto-deploy", "deploymenttrack.openchoreo.dev/main"),
    ("build --component web", "build.openchoreo.dev/web-build-00c0ffee"),
    (
        "deployableartifact --name first --project shop --component web --build web-build-00c0ffee",
        "deployableartifact.openchoreo.dev/first",
    ),
    (
        "deployment --name first --project shop --component web --environment development --deployable-artifact first",
        "deployment.openchoreo.dev/first",
    ),
    (
        "configurationgroup --name settings --value development/LEVEL=debug",
        "configurationgroup.openchoreo.dev/settings",
    ),
];

#[tokio::test]
async fn every_kind_that_can_be_created_is_accepted_by_the_server() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    for (command, object) in COMMANDS {
        let arguments: Vec<&str> =
            ["create"].into_iter().chain(command.split_whitespace()).chain(["-n", "acme"]).collect();
        assert_eq!(plane.run(&arguments).await.success(), format!("{object} created\n"), "{command}");
    }
}

#[tokio::test]
async fn a_dry_run_prints_a_manifest_that_can_be_applied() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    let arguments = ["create", "project", "--name", "shop", "-n", "acme", "--dry-run=client", "-o", "yaml"];
    let yaml = plane.run(&arguments).await.success();
    let out = plane.run_with_input(&["apply", "-f", "-"], &yaml).await.success();
    assert_eq!(out, "project.openchoreo.dev/shop created\n");
}

#[tokio::test]
async fn a_build_knows_its_organization_project_and_component() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    plane.run_with_input(&["apply", "-f", "-"], COMPONENT).await.success();
    plane.run(&["create", "build", "--component", "web", "-n", "acme"]).await.success();
    let builds: Api<Build> = Api::namespaced(plane.client(), "acme");
    let build = builds.get("web-build-00c0ffee").await.unwrap();
    let expected = [
        (labels::COMPONENT, "web"),
        (labels::DEPLOYMENT_TRACK, "default"),
        (labels::NAME, "web-build-00c0ffee"),
        (labels::ORGANIZATION, "acme"),
        (labels::PROJECT, "shop"),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(build.metadata.labels.unwrap(), expected.into());
    assert_eq!(build.spec.repository.url, "https://example.com/web.git");
}

#[tokio::test]
async fn a_component_in_another_namespace_or_without_a_build_section_is_told() {
    let plane = Plane::with_namespaces(&["acme", "other"]).await;
    plane.run_with_input(&["apply", "-f", "-"], COMPONENT).await.success();
    assert_eq!(
        plane.run(&["create", "build", "--component", "web", "-n", "other"]).await.failure(),
        "error: component `web` not found in namespace `other`\n\n\
         hint: one of that name is in namespace `acme`: choose it with `-n`\n"
    );
    plane
        .run(&["create", "component", "--name", "bare", "--project", "p", "--type", "Service", "-n", "acme"])
        .await
        .success();
    let err = plane.run(&["create", "build", "--component", "bare", "-n", "acme"]).await.failure();
    assert!(err.starts_with("error: component `bare` in namespace `acme` has no build section\n"), "{err}");
}

#[tokio::test]
async fn the_credentials_of_a_plane_go_into_a_secret() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    let kubeconfig = plane.kubeconfig();
    let arguments = [
        "create",
        "dataplane",
        "--name",
        "main",
        "-n",
        "acme",
        "--from-kubeconfig",
        kubeconfig.to_str().unwrap(),
        "--public-virtual-host",
        "apps.example.com",
        "--registry",
        "registry.example.com/team",
    ];
    assert_eq!(
        plane.run(&arguments).await.success(),
        "secret/main-credentials created\ndataplane.openchoreo.dev/main created\n"
    );
    let planes: Api<DataPlane> = Api::namespaced(plane.client(), "acme");
    let stored = planes.get("main").await.unwrap();
    let connection = stored.spec.kubernetes_cluster.connection().unwrap();
    assert!(connection.server.starts_with("https://127.0.0.1:"), "{connection:?}");
    let AuthSource::Mtls { cert: MaterialSource::Secret { name, key }, .. } = connection.auth else {
        panic!("{connection:?}")
    };
    let secrets: Api<Secret> = Api::namespaced(plane.client(), "acme");
    let secret = secrets.get(name).await.unwrap();
    let host = connection.server.trim_start_matches("https://");
    assert_eq!(secret.labels()[labels::PLANE_CREDENTIALS], "true");
    assert_eq!(secret.annotations()[labels::annotations::PLANE_SERVER], host);
    let material = secret.data.unwrap();
    assert!(material[key].0.starts_with(b"-----BEGIN CERTIFICATE"));

    let err = plane.run(&arguments).await.failure();
    assert!(err.contains("already exists in namespace `acme`"), "{err}");
}

#[tokio::test]
async fn a_refused_plane_leaves_no_secret_behind() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    let kubeconfig = plane.kubeconfig();
    let arguments =
        |name| ["create", "dataplane", "--name", name, "-n", "acme", "--from-kubeconfig", kubeconfig.to_str().unwrap()];
    plane.run(&arguments("Not-A-Name")).await.failure();
    let taken = "apiVersion: openchoreo.dev/v1alpha1\nkind: DataPlane\nmetadata: {name: taken, namespace: acme}\n\
                 spec: {kubernetesCluster: {server: 'https://a', auth: {bearerToken: {value: t}}}}\n";
    plane.run_with_input(&["apply", "-f", "-"], taken).await.success();
    plane.run(&arguments("taken")).await.failure();
    let secrets: Api<Secret> = Api::namespaced(plane.client(), "acme");
    assert!(secrets.get_opt("taken-credentials").await.unwrap().is_none());
}

#[tokio::test]
async fn credentials_that_cannot_be_stored_are_told_before_anything_is_sent() {
    let plane = Plane::with_namespaces(&["acme"]).await;
    let text = "
clusters: [{name: c, cluster: {server: 'https://c'}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
users: [{name: u, user: {exec: {command: login, apiVersion: client.authentication.k8s.io/v1}}}]
";
    let path = plane.file("other-kubeconfig", text);
    let arguments = ["create", "buildplane", "--name", "main", "-n", "acme", "--from-kubeconfig", &path];
    let err = plane.run(&arguments).await.failure();
    assert!(err.contains("user `u`") && err.contains("it logs in with a program"), "{err}");
}

#[tokio::test]
async fn an_environment_order_makes_sense() {
    let plane = Plane::start().await;
    for (order, approval) in [("a", ""), ("a,a", ""), ("a,b", "c")] {
        let mut arguments = vec!["create", "deploymentpipeline", "--name", "p", "--environment-order", order];
        if !approval.is_empty() {
            arguments.extend(["--require-approval", approval]);
        }
        let outcome = plane.run(&arguments).await;
        assert_eq!(outcome.code, std::process::ExitCode::from(2), "{order} {approval}: {outcome:?}");
    }
}
