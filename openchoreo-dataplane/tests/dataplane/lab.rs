//! A platform without a cluster: YAML in, objects out.

use std::sync::Arc;

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::jiff::Timestamp;
use openchoreo_core::extension::{IsolationContext, NetworkPolicyDialect, RenderError};
use openchoreo_core::kind::{Kind, ObjectKey, PlaneKey};
use openchoreo_core::offline::Offline;
use openchoreo_core::plan::Rendered;
use openchoreo_core::platform::{Platform, PlatformSettings};
use openchoreo_core::world::World;
use openchoreo_dataplane::WorkloadSettings;
use openchoreo_types::v1alpha1 as oc;
use serde_json::{Value, json};

/// A platform with the planners and renderers of this crate.
pub(crate) fn platform() -> Arc<Platform> {
    platform_with(PlatformSettings::default(), &WorkloadSettings::default())
}

/// The same with settings of one's own.
pub(crate) fn platform_with(settings: PlatformSettings, workloads: &WorkloadSettings) -> Arc<Platform> {
    Platform::builder()
        .renderers(openchoreo_dataplane::builtin_renderers_with(workloads))
        .planners(openchoreo_dataplane::planners_with(workloads))
        .settings(settings)
        .build()
        .map(Arc::new)
        .expect("the platform fits together")
}

/// One policy for each cell, or none at all.
#[derive(Debug)]
struct Dialect {
    fails: bool,
}

impl NetworkPolicyDialect for Dialect {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<NetworkPolicy>()]
    }

    fn policies(&self, cx: &IsolationContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        if self.fails {
            return Err(RenderError::field("NetworkPolicy `deny`", "spec", "cannot be written"));
        }
        let object = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "deny", "namespace": cx.namespace.as_str(), "labels": cx.labels},
        });
        Ok(vec![Rendered::of_json(Kind::of::<NetworkPolicy>(), object)])
    }
}

/// A platform with a dialect of network policies, which fails or not. A [`Lab`] of it watches that every workload is
/// isolated at every moment.
pub(crate) fn isolating(fails: bool) -> Arc<Platform> {
    Platform::builder()
        .renderers(openchoreo_dataplane::builtin_renderers())
        .planners(openchoreo_dataplane::planners())
        .dialects([Arc::new(Dialect { fails }) as Arc<dyn NetworkPolicyDialect>])
        .build()
        .map(Arc::new)
        .expect("the platform fits together")
}

/// Organization, data plane, environment, pipeline and project: what an administrator writes.
pub(crate) fn administration(organization: &str) -> String {
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: Organization
metadata: {{name: {organization}}}
---
apiVersion: openchoreo.dev/v1alpha1
kind: DataPlane
metadata: {{name: plane, namespace: {organization}}}
spec:
  kubernetesCluster: {{server: 'https://plane.example.com', tls: {{ca: {{value: Y2E=}}}}, auth: {{bearerToken: {{value: token}}}}}}
---
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata: {{name: development, namespace: {organization}}}
spec: {{dataPlaneRef: plane}}
---
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentPipeline
metadata: {{name: pipeline, namespace: {organization}}}
spec: {{promotionPaths: [{{sourceEnvironmentRef: development, targetEnvironmentRefs: []}}]}}
---
apiVersion: openchoreo.dev/v1alpha1
kind: Project
metadata: {{name: shop, namespace: {organization}}}
spec: {{deploymentPipelineRef: pipeline}}
"
    )
}

/// A component with a track, an artifact and a Deployment into `development`: what a developer writes.
pub(crate) fn component(organization: &str, name: &str) -> String {
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: Component
metadata: {{name: {name}, namespace: {organization}}}
spec: {{owner: {{projectName: shop}}, type: Service}}
---
apiVersion: openchoreo.dev/v1alpha1
kind: DeploymentTrack
metadata: {{name: {name}-main, namespace: {organization}, labels: {{openchoreo.dev/component: {name}, openchoreo.dev/name: main}}}}
spec: {{autoDeploy: false}}
---
{}
---
{}
",
        artifact(organization, name, &format!("{name}-v1"), ""),
        deployment(organization, name, &format!("{name}-development"), &format!("{name}-v1"))
    )
}

pub(crate) fn artifact(organization: &str, component: &str, name: &str, application: &str) -> String {
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: DeployableArtifact
metadata: {{name: {name}, namespace: {organization}, labels: {{openchoreo.dev/component: {component}, openchoreo.dev/deployment-track: main}}}}
spec:
  targetArtifact: {{fromImageRef: {{tag: 'registry.example.com/{name}:1'}}}}
  configuration:
    endpointTemplates:
    - metadata: {{name: web}}
      spec: {{type: HTTP, backendRef: {{type: componentRef, componentRef: {{port: 8080}}}}, networkVisibilities: {{public: {{enable: true}}}}}}
    application: {{{application}}}
"
    )
}

pub(crate) fn deployment(organization: &str, component: &str, name: &str, artifact: &str) -> String {
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: Deployment
metadata:
  name: {name}
  namespace: {organization}
  labels: {{openchoreo.dev/component: {component}, openchoreo.dev/deployment-track: main, openchoreo.dev/environment: development}}
spec: {{deploymentArtifactRef: {artifact}}}
"
    )
}

/// The Build `one` of component `cart`, which reports an image.
pub(crate) fn build(image: &str) -> String {
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: Build
metadata: {{name: one, namespace: acme}}
spec:
  owner: {{projectName: shop, componentName: cart}}
  repository: {{url: 'https://example.com/cart', revision: {{commit: abc}}, appPath: .}}
  templateRef: {{name: docker}}
status: {{imageStatus: {{image: '{image}'}}}}
"
    )
}

/// A platform at work.
pub(crate) struct Lab {
    pub(crate) offline: Offline,
}

impl Lab {
    pub(crate) fn new(platform: &Arc<Platform>) -> Self {
        Self { offline: Offline::new(platform, Timestamp::from_second(1_700_000_000).expect("a time")) }
    }

    /// A lab with one organization, its plane connected.
    pub(crate) fn with_organization(platform: &Arc<Platform>, organization: &str) -> Self {
        let mut lab = Self::new(platform);
        lab.connect(organization);
        lab.apply(&administration(organization));
        lab
    }

    pub(crate) fn settle(&mut self) {
        let is_isolating = self.offline.core().platform().dialects().next().is_some();
        let look = |world: &World| assert!(!is_isolating || open(world).is_empty(), "open: {:?}", open(world));
        self.offline.settle_watching(look).expect("the platform comes to rest");
    }

    pub(crate) fn connect(&mut self, organization: &str) {
        self.offline.connect(&plane(organization));
    }

    /// Applies documents and lets the platform come to rest.
    pub(crate) fn apply(&mut self, yaml: &str) {
        for document in yaml.split("\n---\n").filter(|text| !text.trim().is_empty()) {
            let value: Value = openchoreo_types::yaml::from_str(document).expect("YAML");
            self.offline.apply(value).expect("a known kind");
        }
        self.settle();
    }

    pub(crate) fn delete<K>(&mut self, namespace: &str, name: &str)
    where
        K: kube::Resource<DynamicType = ()> + 'static,
        K::Scope: 'static,
    {
        self.offline.delete(&PlaneKey::Control, &ObjectKey::of::<K>(namespace, name));
        self.settle();
    }

    pub(crate) fn control<K>(&self, namespace: &str, name: &str) -> Option<Value>
    where
        K: kube::Resource<DynamicType = ()> + 'static,
        K::Scope: 'static,
    {
        let live = self.offline.world().get(&PlaneKey::Control, &ObjectKey::of::<K>(namespace, name));
        live.map(|live| live.json())
    }

    /// The objects in the plane of an organization, as `<Kind> <name>`.
    pub(crate) fn in_plane(&self, organization: &str) -> Vec<String> {
        let all = self.offline.world().all(&plane(organization));
        all.into_iter().map(|(key, _)| format!("{} {}", key.kind.kind, key.name)).collect()
    }

    /// The objects of a kind in the plane of an organization.
    pub(crate) fn of_kind(&self, organization: &str, kind: &str) -> Vec<Value> {
        let all = self.offline.world().all(&plane(organization));
        all.into_iter().filter(|(key, _)| key.kind.kind == kind).map(|(_, live)| live.json()).collect()
    }

    /// Condition, status and reason of an OpenChoreo Deployment.
    pub(crate) fn condition(&self, namespace: &str, name: &str, type_: &str) -> (String, String) {
        reason(&self.control::<oc::Deployment>(namespace, name).expect("the Deployment exists"), type_)
    }

    /// Message of a condition of an OpenChoreo Deployment.
    pub(crate) fn message(&self, namespace: &str, name: &str, type_: &str) -> String {
        let shown = self.control::<oc::Deployment>(namespace, name).expect("the Deployment exists");
        found(&shown, type_)["message"].as_str().unwrap_or("absent").to_owned()
    }

    pub(crate) fn ready(&self, namespace: &str, name: &str) -> (String, String) {
        self.condition(namespace, name, "Ready")
    }

    /// Reports every Kubernetes Deployment in a plane as running, as a cluster would.
    pub(crate) fn run_workloads(&mut self, organization: &str) {
        for mut live in self.of_kind(organization, "Deployment") {
            let generation = live["metadata"]["generation"].clone();
            live["status"] = json!({
                "observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
            });
            self.offline.put(&plane(organization), Kind::of::<apps::Deployment>(), live);
        }
        self.settle();
    }

    /// Whether planning everything once more takes no request.
    pub(crate) fn is_at_rest(&mut self) -> bool {
        let before = self.offline.requests();
        self.offline.replan_all();
        self.settle();
        self.offline.requests() == before
    }
}

/// The workloads of all planes in whose namespaces there is no policy. Where the namespace is going, Kubernetes ends the
/// pods before it deletes the policies.
fn open(world: &World) -> Vec<ObjectKey> {
    let planes = world.planes().filter(|plane| plane.remote().is_some());
    let of_planes = planes.flat_map(|plane| {
        let isolated = world.keys(plane, Kind::of::<NetworkPolicy>());
        let workloads = world.all(plane).into_iter().map(|(key, _)| key);
        let is_open = move |key: &ObjectKey| {
            let namespace = world.get(plane, &ObjectKey::of::<Namespace>("", key.namespace.as_str()));
            !namespace.is_some_and(|live| live.is_deleting())
                && !isolated.iter().any(|policy| policy.namespace == key.namespace)
        };
        workloads.filter(|key| matches!(key.kind.group, "apps" | "batch")).filter(is_open)
    });
    of_planes.collect()
}

pub(crate) fn plane(organization: &str) -> PlaneKey {
    PlaneKey::data_plane(organization, "plane")
}

/// A condition of an object.
pub(crate) fn found(object: &Value, type_: &str) -> Value {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    conditions.into_iter().find(|condition| condition["type"] == type_).unwrap_or_default()
}

/// Status and reason of a condition.
pub(crate) fn reason(object: &Value, type_: &str) -> (String, String) {
    let found = found(object, type_);
    let text = |name: &str| found[name].as_str().unwrap_or("absent").to_owned();
    (text("status"), text("reason"))
}

/// `(status, reason)` as owned text, to compare with.
pub(crate) fn verdict(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}
