//! A whole platform without a cluster, with an organization that can deploy.

use std::sync::Arc;

use openchoreo_core::k8s_openapi::jiff::Timestamp;
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use openchoreo_core::platform::Platform;
use openchoreo_types::foreign::gateway_api::Gateway;
use serde_json::{Value, json};

/// Who deploys what, where.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) organization: &'a str,
    pub(crate) project: &'a str,
    pub(crate) environment: &'a str,
    pub(crate) component: &'a str,
    /// The track as its label calls it.
    pub(crate) track: &'a str,
    /// The Deployment as its label calls it.
    pub(crate) deployment: &'a str,
}

/// A platform at work.
pub(crate) struct Stage<'a> {
    names: Names<'a>,
    pub(crate) offline: Offline,
    pub(crate) plane: PlaneKey,
    /// What the component is annotated with.
    pub(crate) component_annotations: Value,
}

impl<'a> Stage<'a> {
    /// An organization with a plane that answers, an environment and a project.
    pub(crate) fn new(platform: &Arc<Platform>, names: Names<'a>) -> Self {
        let Names { organization, project, environment, .. } = names;
        let plane = PlaneKey::data_plane(organization, "plane");
        let now = Timestamp::from_second(1_700_000_000).expect("a time");
        let mut stage = Self { names, offline: Offline::new(platform, now), plane, component_annotations: json!({}) };
        stage.offline.connect(&stage.plane.clone());
        stage.apply("Organization", organization, &json!({}));
        let hosts = json!({
            "publicVirtualHost": "choreoapis.localhost", "organizationVirtualHost": "internal.choreoapis.localhost",
        });
        let cluster = json!({"server": "https://plane.example", "auth": {"bearerToken": {"value": "token"}}});
        stage.apply("DataPlane", "plane", &json!({"kubernetesCluster": cluster, "gateway": hosts}));
        stage.apply("Environment", environment, &json!({"dataPlaneRef": "plane", "gateway": {"dnsPrefix": "dev"}}));
        let path = json!({"sourceEnvironmentRef": environment, "targetEnvironmentRefs": []});
        stage.apply("DeploymentPipeline", "pipeline", &json!({"promotionPaths": [path]}));
        stage.apply("Project", project, &json!({"deploymentPipelineRef": "pipeline"}));
        stage
    }

    /// A component of a type with an artifact of this configuration, deployed by hand. Its objects are named as the
    /// samples of the compatible system name them: the track's after the component.
    pub(crate) fn deploy(&mut self, component_type: &str, image: &str, configuration: &Value) {
        let Names { project, component, track, environment, deployment, .. } = self.names;
        let spec = json!({"owner": {"projectName": project}, "type": component_type});
        let mut written = self.object("Component", component, &[], &spec);
        written["metadata"]["annotations"] = self.component_annotations.clone();
        self.put(written);
        self.apply_of_component("DeploymentTrack", &self.track_object(), track, &json!({"autoDeploy": false}));
        let target = json!({"fromImageRef": {"tag": image}});
        let spec = json!({"targetArtifact": target, "configuration": configuration});
        self.apply_of_component("DeployableArtifact", component, component, &spec);
        let spec = json!({"deploymentArtifactRef": component});
        let object = self.labelled("Deployment", &format!("{component}-{environment}"), deployment, &spec);
        self.put(object);
        self.settle();
    }

    /// A configuration group of the organization.
    pub(crate) fn group(&mut self, name: &str, spec: &Value) {
        let object = self.object("ConfigurationGroup", name, &[("name", name)], spec);
        self.put(object);
    }

    /// The name of the track's object.
    pub(crate) fn track_object(&self) -> String {
        format!("{}-{}", self.names.component, self.names.track)
    }

    /// Gateways of these names, open at the usual port.
    pub(crate) fn gateways(&mut self, names: &[&str]) {
        for name in names {
            let listener = json!({"name": "https", "port": 443, "protocol": "HTTPS"});
            let object = json!({
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
                "metadata": {"name": name, "namespace": "choreo-system"},
                "spec": {"gatewayClassName": "any", "listeners": [listener]},
            });
            self.offline.put(&self.plane, Kind::of::<Gateway>(), object).expect("a name");
        }
    }

    pub(crate) fn settle(&mut self) {
        self.offline.settle().expect("the platform comes to rest");
    }

    /// Objects of a kind in a plane.
    pub(crate) fn of_kind(&self, plane: &PlaneKey, kind: &str) -> Vec<(ObjectKey, Value)> {
        let all = self.offline.world().all(plane);
        all.into_iter().filter(|(key, _)| key.kind.kind == kind).map(|(key, live)| (key, live.json())).collect()
    }

    fn apply(&mut self, kind: &str, name: &str, spec: &Value) {
        let object = self.object(kind, name, &[], spec);
        self.put(object);
    }

    fn apply_of_component(&mut self, kind: &str, object_name: &str, name: &str, spec: &Value) {
        let object = self.labelled(kind, object_name, name, spec);
        self.put(object);
    }

    fn labelled(&self, kind: &str, object_name: &str, name: &str, spec: &Value) -> Value {
        let Names { organization, project, component, track, environment, .. } = self.names;
        let mut labels =
            vec![("organization", organization), ("project", project), ("component", component), ("name", name)];
        if kind != "DeploymentTrack" {
            labels.push(("deployment-track", track));
        }
        if kind == "Deployment" {
            labels.push(("environment", environment));
        }
        self.object(kind, object_name, &labels, spec)
    }

    fn object(&self, kind: &str, name: &str, labels: &[(&str, &str)], spec: &Value) -> Value {
        let labels: serde_json::Map<String, Value> =
            labels.iter().map(|(key, value)| (format!("openchoreo.dev/{key}"), (*value).into())).collect();
        let mut metadata = json!({"name": name, "labels": labels});
        if kind != "Organization" {
            metadata["namespace"] = self.names.organization.into();
        }
        json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
    }

    fn put(&mut self, object: Value) {
        self.offline.apply(object).expect("a known kind");
    }
}
