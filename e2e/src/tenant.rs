//! An organization with a project of its own, and what a scenario does with it.

use anyhow::{Context as _, ensure};
use choreoctl::request::Answer;
use controller_manager::core::labels::plane::{COMPONENT_NAME, ORGANIZATION_NAME};
use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use openchoreo_types::v1alpha1::{
    Component, DataPlane, DeployableArtifact, Deployment, Endpoint, Organization, Project,
};
use serde_json::{Value, json};

use crate::ground::remote::everywhere;
use crate::ground::{Ground, shown};

/// The environment that new artifacts are deployed to.
pub(crate) const FIRST_ENVIRONMENT: &str = "development";
/// The data plane that the environments name.
pub(crate) const DATA_PLANE: &str = "main";
/// A repository for builds that are simulated.
pub(crate) const NO_REPOSITORY: &str = "https://git.example.com/team/app";

/// An organization, a project, and the namespace of the project's developers.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) organization: String,
    pub(crate) project: String,
    pub(crate) namespace: String,
}

impl Tenant {
    pub(crate) fn new(organization: &str, project: &str) -> Self {
        let namespace = format!("{organization}--{project}");
        Self { organization: organization.to_owned(), project: project.to_owned(), namespace }
    }

    /// The namespaces of the control plane that hold what it wrote.
    pub(crate) fn namespaces(&self) -> [&str; 2] {
        [&self.organization, &self.namespace]
    }

    /// What a platform team writes: organization, environments, pipeline, project, namespaces.
    pub(crate) fn platform(&self) -> Vec<Value> {
        let Self { organization, project, namespace } = self;
        let environment = |name: &str, is_production: bool| {
            let spec = json!({ "dataPlaneRef": DATA_PLANE, "isProduction": is_production });
            written("Environment", organization, name, spec)
        };
        vec![
            self.own_namespace(),
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {
                    "name": namespace,
                    "labels": { "openchoreo.dev/organization": organization, "openchoreo.dev/project": project },
                },
            }),
            json!({
                "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Organization",
                "metadata": { "name": organization }, "spec": {},
            }),
            environment(FIRST_ENVIRONMENT, false),
            environment("production", true),
            written(
                "DeploymentPipeline",
                organization,
                "default-pipeline",
                json!({ "promotionPaths": [{
                    "sourceEnvironmentRef": FIRST_ENVIRONMENT,
                    "targetEnvironmentRefs": [{ "name": "production", "requiresApproval": true }],
                }] }),
            ),
            written("Project", organization, project, json!({ "deploymentPipelineRef": "default-pipeline" })),
        ]
    }

    /// The organization's own namespace.
    pub(crate) fn own_namespace(&self) -> Value {
        let name = &self.organization;
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name, "labels": { "openchoreo.dev/organization": name } },
        })
    }

    /// A web application with a public endpoint.
    pub(crate) fn component(&self, name: &str, repository: &str) -> Value {
        let spec = json!({
            "owner": { "projectName": self.project },
            "type": "WebApplication",
            "build": {
                "repository": { "url": repository, "revision": { "branch": "main" }, "appPath": "/" },
                "templateRef": { "engine": "argo", "name": "docker" },
            },
        });
        let mut component = written("Component", &self.namespace, name, spec);
        component["metadata"]["annotations"] = json!({ "openchoreo.dev/visibility": "public" });
        component
    }

    /// A component that runs an image, as people write it who build it elsewhere: with a track whose object is named
    /// after the component, an artifact and a Deployment.
    pub(crate) fn deployed(
        &self,
        component: &str,
        component_type: &str,
        image: &str,
        configuration: &Value,
    ) -> Vec<Value> {
        let labelled = |kind: &str, name: &str, goes_by: &str, spec: Value| {
            let mut object = written(kind, &self.namespace, name, spec);
            let labels = &mut object["metadata"]["labels"];
            labels["openchoreo.dev/name"] = goes_by.into();
            labels["openchoreo.dev/component"] = component.into();
            if kind != "DeploymentTrack" {
                labels["openchoreo.dev/deployment-track"] = "main".into();
            }
            if kind == "Deployment" {
                labels["openchoreo.dev/environment"] = FIRST_ENVIRONMENT.into();
            }
            object
        };
        let owner = json!({ "owner": { "projectName": self.project }, "type": component_type });
        let artifact =
            json!({ "targetArtifact": { "fromImageRef": { "tag": image } }, "configuration": configuration });
        let deployment = json!({ "deploymentArtifactRef": component });
        vec![
            written("Component", &self.namespace, component, owner),
            labelled("DeploymentTrack", &format!("{component}-main"), "main", json!({ "autoDeploy": false })),
            labelled("DeployableArtifact", component, component, artifact),
            labelled("Deployment", &format!("{component}-{FIRST_ENVIRONMENT}"), "by-hand", deployment),
        ]
    }

    /// Everything up to a component whose endpoint is ready: platform, data plane, component, first build.
    pub(crate) async fn settle(
        &self,
        ground: &Ground,
        component: &str,
        server: Option<String>,
    ) -> anyhow::Result<Endpoint> {
        self.settle_from(ground, component, NO_REPOSITORY, server).await
    }

    /// The same with a component of a repository.
    pub(crate) async fn settle_from(
        &self,
        ground: &Ground,
        component: &str,
        repository: &str,
        server: Option<String>,
    ) -> anyhow::Result<Endpoint> {
        ground.apply(&self.platform()).await?;
        ground.register(&self.organization, DATA_PLANE, server).await?;
        ground.ready::<DataPlane>(&self.organization, DATA_PLANE).await?;
        ground.apply(&[self.component(component, repository)]).await?;
        self.build(ground, component, "first").await?;
        self.published(ground, component).await
    }

    /// Starts a build of the component's branch with `choreoctl create build`.
    pub(crate) async fn build(&self, ground: &Ground, component: &str, name: &str) -> anyhow::Result<()> {
        self.build_with(ground, component, name, &[]).await
    }

    /// Starts a build with further arguments.
    pub(crate) async fn build_with(
        &self,
        ground: &Ground,
        component: &str,
        name: &str,
        more: &[&str],
    ) -> anyhow::Result<()> {
        let name = build_name(component, name);
        let words = ["create", "build", "--component", component, "--namespace", &self.namespace, "--name", &name];
        ground.choreoctl(&[words.as_slice(), more].concat(), "").await.map(drop)
    }

    /// Waits until the only endpoint of a component is ready and has an address.
    pub(crate) async fn published(&self, ground: &Ground, component: &str) -> anyhow::Result<Endpoint> {
        let what = format!("a ready Endpoint of `{}/{component}`", self.namespace);
        ground
            .eventually(&what, async || {
                let [endpoint] =
                    self.endpoints(ground, component).await?.try_into().map_err(|found: Vec<Endpoint>| {
                        anyhow::anyhow!("{} endpoints\n{}", found.len(), listing(&found))
                    })?;
                let status = endpoint.status.as_ref();
                let is_ready = status.is_some_and(|status| {
                    status.address.as_ref().is_some_and(|address| address.starts_with("https://"))
                        && status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
                });
                ensure!(is_ready, "it is\n{}", listing(std::slice::from_ref(&endpoint)));
                Ok(endpoint)
            })
            .await
            .with_context(|| format!("component `{component}` of project `{}`", self.project))
    }

    /// The endpoints of a component.
    pub(crate) async fn endpoints(&self, ground: &Ground, component: &str) -> anyhow::Result<Vec<Endpoint>> {
        let select = ListParams::default().labels(&format!("openchoreo.dev/component={component}"));
        Ok(ground.api::<Endpoint>(&self.namespace).list(&select).await?.items)
    }

    /// The Deployment of a component that the default track made.
    pub(crate) async fn deployment(&self, ground: &Ground, component: &str) -> anyhow::Result<Deployment> {
        let select = ListParams::default().labels(&format!("openchoreo.dev/component={component}"));
        let mut found = ground.api::<Deployment>(&self.namespace).list(&select).await?.items;
        found.pop().with_context(|| format!("component `{component}` has no Deployment"))
    }

    /// The one workload of a component in the data plane.
    pub(crate) async fn workload(&self, ground: &Ground, component: &str) -> anyhow::Result<apps::Deployment> {
        let select = format!("{ORGANIZATION_NAME}={},{COMPONENT_NAME}={component}", self.organization);
        let mut found =
            everywhere::<apps::Deployment>(&ground.data).list(&ListParams::default().labels(&select)).await?.items;
        ensure!(found.len() == 1, "component `{component}` has {} workloads in the data plane", found.len());
        found.pop().context("no workload")
    }

    /// Changes the artifact of a build by a JSON patch.
    pub(crate) async fn edit_artifact(
        &self,
        ground: &Ground,
        component: &str,
        build: &str,
        patch: Value,
    ) -> anyhow::Result<()> {
        let patch = Patch::Json::<()>(serde_json::from_value(patch).context("the patch does not parse")?);
        let api = ground.api::<DeployableArtifact>(&self.namespace);
        api.patch(&build_name(component, build), &PatchParams::default(), &patch)
            .await
            .context("cannot edit the artifact")?;
        Ok(())
    }

    /// Waits until the URL of an endpoint answers as expected.
    pub(crate) async fn answers(
        &self,
        ground: &Ground,
        endpoint: &Endpoint,
        expected: impl Fn(&Answer) -> bool,
    ) -> anyhow::Result<()> {
        let url = endpoint.status.as_ref().and_then(|status| status.address.clone()).unwrap_or_default();
        ground
            .eventually(&format!("an answer from {url}"), async || {
                let answer = ground.ask(&url).await?;
                ensure!(answer.status == 200 && expected(&answer), "it answered {answer:?}");
                Ok(())
            })
            .await
    }

    /// Waits until the data plane holds nothing of it.
    pub(crate) async fn leaves_the_data_plane(&self, ground: &Ground) -> anyhow::Result<()> {
        ground
            .eventually(&format!("no object of organization `{}` in the data plane", self.organization), async || {
                let left = ground.made_for(&self.namespaces()).await?;
                let names: Vec<_> = left.iter().map(|(kind, object)| format!("{kind} {}", object.name_any())).collect();
                ensure!(left.is_empty(), "left: {}", names.join(", "));
                Ok(())
            })
            .await
    }

    /// Deletes everything that is still there, and checks that neither plane holds anything of it.
    pub(crate) async fn clean_up(&self, ground: &Ground) -> anyhow::Result<()> {
        for component in ground.api::<Component>(&self.namespace).list(&ListParams::default()).await? {
            ground.delete::<Component>(&self.namespace, &component.name_any()).await?;
        }
        ground.delete::<Project>(&self.organization, &self.project).await?;
        self.delete_organization(ground).await?;
        self.is_gone(ground).await
    }

    /// Asks for the deletion of the Organization.
    pub(crate) async fn delete_organization(&self, ground: &Ground) -> anyhow::Result<()> {
        let organizations: Api<Organization> = Api::all(ground.control.clone());
        absent(organizations.delete(&self.organization, &DeleteParams::default()).await.map(drop))
    }

    /// Waits until neither plane holds anything of it; its namespaces, which people made, are deleted first.
    pub(crate) async fn is_gone(&self, ground: &Ground) -> anyhow::Result<()> {
        let namespaces: Api<Namespace> = Api::all(ground.control.clone());
        for namespace in self.namespaces() {
            absent(namespaces.delete(namespace, &DeleteParams::default()).await.map(drop))?;
        }
        self.leaves_the_data_plane(ground).await?;
        ground
            .eventually(&format!("nothing of organization `{}` in the control plane", self.organization), async || {
                let left = ground.written_in(&self.namespaces()).await?;
                let text = left.iter().map(|(name, object)| format!("{name}\n{}", status_of(object)));
                ensure!(left.is_empty(), "left:\n{}", text.collect::<Vec<_>>().join("\n"));
                for namespace in self.namespaces() {
                    ensure!(namespaces.get_opt(namespace).await?.is_none(), "namespace `{namespace}` is still there");
                }
                Ok(())
            })
            .await
    }
}

/// The name of a build of a component, and of its artifact.
pub(crate) fn build_name(component: &str, build: &str) -> String {
    format!("{component}-{build}")
}

/// An object of the platform as people write it.
pub(crate) fn written(kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "openchoreo.dev/v1alpha1", "kind": kind,
        "metadata": { "name": name, "namespace": namespace, "labels": { "openchoreo.dev/name": name } },
        "spec": spec,
    })
}

/// Takes "not found" for success.
pub(crate) fn absent(deleted: Result<(), kube::Error>) -> anyhow::Result<()> {
    match deleted {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => Ok(other?),
    }
}

fn listing(endpoints: &[Endpoint]) -> String {
    endpoints.iter().cloned().map(shown).collect::<Vec<_>>().join("---\n")
}

/// What an object shows of itself, for messages.
fn status_of(object: &Value) -> String {
    let parts = json!({
        "finalizers": object.pointer("/metadata/finalizers"),
        "deletionTimestamp": object.pointer("/metadata/deletionTimestamp"),
        "status": object.get("status"),
    });
    openchoreo_types::yaml::to_string(&parts).unwrap_or_default()
}
