//! How objects are read and written.

use openchoreo_types::v1alpha1 as oc;
use openchoreo_types::{PlatformKind, PlatformStatus};
use serde_json::{Value, json};

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

#[test]
fn a_missing_or_null_spec_is_the_default() {
    for document in [
        json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Component", "metadata": {"name": "a"}}),
        json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Component", "metadata": {"name": "a"}, "spec": null}),
        json!({"metadata": {"name": "a"}}),
    ] {
        assert_eq!(read::<oc::Component>(&document).spec, oc::ComponentSpec::default());
    }
}

#[test]
fn an_object_of_another_kind_is_refused() {
    for document in [
        json!({"apiVersion": "openchoreo.dev/v1alpha1", "kind": "Environment", "spec": {}}),
        json!({"apiVersion": "apps/v1", "kind": "Organization", "spec": {}}),
    ] {
        let error = serde_json::from_value::<oc::Organization>(document).unwrap_err().to_string();
        assert!(error.starts_with("expected "), "{error}");
    }
}

#[test]
fn kind_and_version_are_written() {
    let written = serde_json::to_value(oc::Organization::new("acme", oc::OrganizationSpec::default())).unwrap();
    assert_eq!(
        written,
        json!({
            "apiVersion": "openchoreo.dev/v1alpha1", "kind": "Organization",
            "metadata": {"name": "acme"}, "spec": {},
        })
    );
}

#[test]
fn zero_values_of_other_clients_are_read_as_absent() {
    let owner = json!({"projectName": "p"});
    let zero = json!({"url": "", "revision": {"branch": ""}, "appPath": ""});
    let component: oc::Component = read(&json!({
        "spec": {"owner": owner, "type": "Service", "build": {"repository": zero, "templateRef": {"name": ""}}},
    }));
    assert_eq!(component.spec.build, None);

    let environment: oc::Environment =
        read(&json!({"spec": {"gateway": {"dnsPrefix": "", "security": {"remoteJwks": {"uri": ""}}}}}));
    assert_eq!(environment.spec, oc::EnvironmentSpec::default());

    let build: oc::Build = read(&json!({"status": {"imageStatus": {"image": ""}}}));
    assert_eq!(build.status.unwrap().image_status, None);

    let observer = json!({"url": "", "authentication": {"basicAuth": {"username": "", "password": ""}}});
    let plane: oc::BuildPlane =
        read(&json!({"spec": {"observer": observer, "kubernetesCluster": {"server": "https://a"}}}));
    assert_eq!(plane.spec.observer, None);
}

#[test]
fn null_lists_and_flags_are_read_as_empty() {
    let pipeline: oc::DeploymentPipeline = read(&json!({
        "spec": {"promotionPaths": [
            {"sourceEnvironmentRef": "a", "targetEnvironmentRefs": null},
            {"sourceEnvironmentRef": "b", "targetEnvironmentRefs": [{"name": "c", "requiresApproval": null}]},
        ]},
    }));
    assert!(pipeline.spec.promotion_paths[0].target_environment_refs.is_empty());
    assert!(!pipeline.spec.promotion_paths[1].target_environment_refs[0].requires_approval);
}

#[test]
fn what_is_unset_is_not_written() {
    let status = serde_json::to_value(oc::DeploymentStatus::default()).unwrap();
    assert_eq!(status, json!({}));
    let spec = serde_json::to_value(oc::EnvironmentSpec::default()).unwrap();
    assert_eq!(spec, json!({}));
}

#[test]
fn a_component_type_keeps_what_it_does_not_know() {
    for text in ["Service", "WebApplication", "ScheduledTask", "APIProxy", "service/go", ""] {
        assert_eq!(oc::ComponentType::from(text).as_str(), text);
    }
    assert_eq!(oc::ComponentType::from("service"), oc::ComponentType::Other("service".into()));
}

#[test]
fn conditions_are_reached_through_the_trait() {
    let mut project = oc::Project::default();
    assert!(project.conditions().is_empty());
    let condition = read(&json!({
        "type": "Ready", "status": "True", "reason": "ProjectReady", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }));
    let status = project.status_mut().get_or_insert_default();
    status.set_conditions(vec![condition]);
    status.set_observed_generation(3);
    assert_eq!(project.condition("Ready").map(|ready| ready.reason.as_str()), Some("ProjectReady"));
    assert_eq!(project.condition("Synced"), None);
    assert_eq!(project.status().and_then(PlatformStatus::observed_generation), Some(3));
}
