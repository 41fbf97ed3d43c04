//! The shipped engines keep the contract, and the contract notices engines that do not.

use k8s_openapi::api::core::v1::Namespace;
use openchoreo_build::testing::engine_contract;
use openchoreo_build::{ArgoSettings, ArgoWorkflows, builtin_engines};
use openchoreo_core::extension::{BuildContext, BuildEngine, BuildObservation, BuildPhase, RenderError};
use openchoreo_core::kind::Kind;
use openchoreo_core::plan::Rendered;
use serde_json::Value;

#[test]
fn every_shipped_engine_keeps_the_contract() {
    let settings = ArgoSettings {
        clone_image: Some("alpine/git".into()),
        build_image: Some("buildah".into()),
        registry: Some("registry.example.com".into()),
        registry_insecure: Some(true),
        ..ArgoSettings::default()
    };
    for settings in [ArgoSettings::default(), settings] {
        for engine in builtin_engines(settings) {
            assert_eq!(engine_contract(&*engine), Vec::<String>::new(), "engine `{}`", engine.id());
        }
    }
}

/// Runs every build under one name in a namespace of its own choice, and takes all for done.
#[derive(Debug)]
struct Careless(ArgoWorkflows);

impl BuildEngine for Careless {
    fn id(&self) -> &str {
        "careless"
    }
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<Namespace>()]
    }
    fn prerequisites(&self, _: &BuildContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        Ok(Vec::new())
    }
    fn run(&self, cx: &BuildContext<'_>) -> Result<Rendered, RenderError> {
        let run = self.0.run(cx)?;
        let mut object = run.json();
        object["metadata"]["name"] = "run".into();
        object["metadata"]["namespace"] = "builds".into();
        object["spec"] = Value::Null;
        Ok(Rendered::of_json(run.kind(), object))
    }
    fn observe(&self, _: &Value) -> BuildObservation {
        BuildObservation { phase: BuildPhase::Succeeded, ..BuildObservation::default() }
    }
}

#[test]
fn the_contract_names_everything_that_a_careless_engine_breaks() {
    let violations = engine_contract(&Careless(ArgoWorkflows::default())).join("\n");
    for part in [
        "`kinds` does not have it",
        "lack Namespace",
        "not in namespace",
        "runs of one name",
        "in one namespace",
        "one image",
        "not as Queued",
        "read back as Succeeded",
    ] {
        assert!(violations.contains(part), "`{part}` is missing in:\n{violations}");
    }
}
