//! What every build engine must keep, as a check to run in the tests of an engine.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::ObjectMeta;
use openchoreo_core::extension::{BuildContext, BuildEngine, BuildPhase, RenderError};
use openchoreo_core::kind::ObjectKey;
use openchoreo_core::labels::plane;
use openchoreo_core::naming::{ComponentId, DefaultNaming, NamespaceName, NamingScheme};
use openchoreo_core::plan::Rendered;
use openchoreo_types::v1alpha1::{Build, Component};
use serde_json::{Value, json};

/// Checks an engine against what the platform relies on; gives what it breaks, in words. An engine is sound when the
/// list is empty.
///
/// - Rendering is deterministic, and only of kinds that the engine says it renders.
/// - Prerequisites hold the namespace for builds and are the same for all builds of an organization.
/// - A run is in that namespace, carries the labels of its build, and shares neither name with another build nor
///   namespace and image with another organization.
/// - Reading back is total, deterministic, and a run that nobody has touched is queued.
///
/// ```
/// use openchoreo_build::{ArgoSettings, ArgoWorkflows, testing::engine_contract};
///
/// assert_eq!(engine_contract(&ArgoWorkflows::new(ArgoSettings::default())), Vec::<String>::new());
/// ```
pub fn engine_contract(engine: &dyn BuildEngine) -> Vec<String> {
    let mut violations = Vec::new();
    if engine.id().is_empty() || engine.id().contains(char::is_whitespace) {
        violations.push(format!("the id `{}` is empty or has spaces", engine.id()));
    }
    let mut samples = Vec::new();
    for (organization, build) in [("acme", "one"), ("acme", "two"), ("globex", "one")] {
        match Sample::render(engine, organization, build) {
            Ok(sample) => {
                check_sample(engine, &sample, &mut violations);
                if Sample::render(engine, organization, build).as_ref() != Ok(&sample) {
                    violations.push(format!("build `{build}` of `{organization}` is rendered differently each time"));
                }
                samples.push(sample);
            }
            Err(error) => violations.push(format!("build `{build}` of `{organization}` cannot be rendered: {error}")),
        }
    }
    if let [one, two, foreign] = samples.as_slice() {
        if one.prerequisites != two.prerequisites {
            violations.push("two builds of one organization have different prerequisites".to_owned());
        }
        if one.run.key().name == two.run.key().name {
            violations.push("two builds of one component have runs of one name".to_owned());
        }
        if one.run.key().namespace == foreign.run.key().namespace {
            violations.push("builds of two organizations run in one namespace".to_owned());
        }
        if one.run.json().get("spec") == foreign.run.json().get("spec") {
            violations.push("equal builds of two organizations have equal runs, so they push to one image".to_owned());
        }
    }
    for odd in odd_runs() {
        let observation = engine.observe(&odd);
        if observation != engine.observe(&odd) {
            violations.push(format!("{odd} is read back differently each time"));
        }
        if matches!(observation.phase, BuildPhase::Succeeded | BuildPhase::Failed) {
            violations.push(format!("{odd} is read back as {:?}", observation.phase));
        }
    }
    violations
}

#[derive(Debug, PartialEq)]
struct Sample {
    namespace: NamespaceName,
    prerequisites: Vec<Rendered>,
    run: Rendered,
}

impl Sample {
    fn render(engine: &dyn BuildEngine, organization: &str, build_name: &str) -> Result<Self, RenderError> {
        let id = ComponentId::new(organization, "shop", "cart");
        let namespace = DefaultNaming
            .build_namespace(&id.project().organization())
            .map_err(RenderError::naming("the namespace"))?;
        let meta = |name: &str| ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let mut build = Build { metadata: meta(build_name), ..Build::default() };
        build.spec.repository.url = "https://git.example.com/shop.git".to_owned();
        build.spec.repository.app_path = "/cart".to_owned();
        build.spec.repository.revision.branch = Some("main".to_owned());
        build.spec.template_ref.name = "docker".to_owned();
        let component = Component { metadata: meta("cart"), ..Component::default() };
        let labels: BTreeMap<_, _> = [(plane::ORGANIZATION_NAME, organization), (plane::BUILD_NAME, build_name)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let context = BuildContext {
            id: id.build(build_name),
            namespace: &namespace,
            naming: &DefaultNaming,
            build: &build,
            component: &component,
            registry: Some("registry.example.com"),
            labels: &labels,
        };
        let (prerequisites, run) = (engine.prerequisites(&context)?, engine.run(&context)?);
        let object = run.json();
        let carries = |(key, value): (&String, &String)| {
            object.pointer("/metadata/labels").and_then(|all| all.get(key)).and_then(Value::as_str) == Some(value)
        };
        if !labels.iter().all(carries) {
            return Err(RenderError::field("the run", "metadata.labels", "lacks labels of the build"));
        }
        Ok(Self { namespace, prerequisites, run })
    }
}

fn check_sample(engine: &dyn BuildEngine, sample: &Sample, violations: &mut Vec<String>) {
    let kinds = engine.kinds();
    for rendered in sample.prerequisites.iter().chain([&sample.run]) {
        let key = rendered.key();
        if !kinds.contains(&key.kind) {
            violations.push(format!("a {} is rendered, but `kinds` does not have it", key.kind));
        }
        if key.name.is_empty() {
            violations.push(format!("a {} is rendered without a name", key.kind));
        }
    }
    let wanted = sample.namespace.as_str();
    let is_namespace = |rendered: &Rendered| *rendered.key() == ObjectKey::of::<Namespace>("", wanted);
    if !sample.prerequisites.iter().any(is_namespace) {
        violations.push(format!("the prerequisites lack Namespace `{wanted}`"));
    }
    if sample.run.key().namespace != wanted {
        violations.push(format!("the run is not in namespace `{wanted}`"));
    }
    let phase = engine.observe(&sample.run.json()).phase;
    if phase != BuildPhase::Queued {
        violations.push(format!("a run that nobody has touched is read back as {phase:?}, not as Queued"));
    }
}

fn odd_runs() -> Vec<Value> {
    vec![
        Value::Null,
        json!([]),
        json!("Succeeded"),
        json!({ "status": [] }),
        json!({ "status": { "phase": 7, "nodes": [] } }),
        json!({ "status": { "phase": "Dreaming", "nodes": { "a": null, "b": { "templateName": 3 } } } }),
    ]
}
