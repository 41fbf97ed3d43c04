//! Builds run only where they are isolated, by the table for builds.

use std::sync::Arc;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use openchoreo_build::{ArgoSettings, builtin_engines, planners};
use openchoreo_core::extension::{IsolationContext, NetworkPolicyDialect, RenderError};
use openchoreo_core::kind::{Kind, ObjectKey};
use openchoreo_core::plan::Rendered;
use openchoreo_core::platform::{Platform, PlatformSettings};
use serde_json::{Value, json};

use crate::laptop::{Laptop, builds};

/// One policy for each namespace, of the table for builds of organization `acme` and of nothing else.
#[derive(Debug)]
struct OfBuilds;

impl NetworkPolicyDialect for OfBuilds {
    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::of::<NetworkPolicy>()]
    }

    fn policies(&self, cx: &IsolationContext<'_>) -> Result<Vec<Rendered>, RenderError> {
        if *cx.isolation != PlatformSettings::default().isolation_of_builds("acme")? {
            return Err(RenderError::field("the table", "flows", "is another one"));
        }
        let object = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "isolation", "namespace": cx.namespace.as_str(), "labels": cx.labels},
        });
        Ok(vec![Rendered::of_json(Kind::of::<NetworkPolicy>(), object)])
    }
}

fn platform(settings: PlatformSettings) -> Arc<Platform> {
    Platform::builder()
        .build_engines(builtin_engines(ArgoSettings::default()))
        .planners(planners())
        .dialects([Arc::new(OfBuilds) as Arc<dyn NetworkPolicyDialect>])
        .settings(settings)
        .build()
        .map(Arc::new)
        .expect("a platform that fits together")
}

fn policy(laptop: &Laptop) -> Option<Value> {
    laptop.get(&builds(), &ObjectKey::of::<NetworkPolicy>("openchoreo-ci-acme", "isolation"))
}

#[test]
fn the_policies_of_builds_stay_until_the_last_build_leaves() {
    let platform = platform(PlatformSettings::default());
    let mut laptop = Laptop::with_plane(&platform);
    for build in ["one", "two"] {
        laptop.build("acme", build);
    }
    laptop.settle();
    assert_eq!(laptop.workflows(&builds()).len(), 2);
    let labels = policy(&laptop).unwrap()["metadata"]["labels"].clone();
    assert_eq!((&labels["organization-name"], &labels["target"]), (&json!("acme"), &json!("build")));
    laptop.delete_build("one");
    laptop.settle();
    assert!(policy(&laptop).is_some());
    laptop.delete_build("two");
    laptop.settle();
    assert!(policy(&laptop).is_none());
}

#[test]
fn no_build_runs_where_it_cannot_be_isolated() {
    let other_table = PlatformSettings { external_gateway: "other".to_owned(), ..PlatformSettings::default() };
    let no_label = PlatformSettings { external_gateway: "g".repeat(64), ..PlatformSettings::default() };
    for (settings, why) in [(other_table, "is another one"), (no_label, "external gateway")] {
        let platform = platform(settings);
        let mut laptop = Laptop::with_plane(&platform);
        laptop.build("acme", "one");
        laptop.settle();
        assert_eq!(laptop.condition("one", "Ready"), "False/NotIsolated");
        assert!(laptop.message("one", "Ready").contains(why), "{}", laptop.message("one", "Ready"));
        assert!(laptop.workflows(&builds()).is_empty() && laptop.namespaces(&builds()).is_empty());
    }
}

#[test]
fn no_build_runs_in_a_plane_that_understands_no_policy() {
    let platform = platform(PlatformSettings::default());
    let mut laptop = Laptop::with_plane(&platform);
    let engine = platform.build_engine("argo").unwrap();
    let served = engine.kinds().into_iter().map(|kind| [kind.group, kind.version, kind.kind].map(str::to_owned).into());
    laptop.offline.set_served_kinds(&builds(), served.collect());
    laptop.build("acme", "one");
    laptop.settle();
    assert_eq!(laptop.condition("one", "Ready"), "False/NotIsolated");
    assert!(laptop.workflows(&builds()).is_empty() && laptop.namespaces(&builds()).is_empty());
}
