//! What the pods of a cell may do, by platform and environment.

use openchoreo_core::platform::PlatformSettings;
use openchoreo_core::pod_security::PodSecurity;
use openchoreo_dataplane::{WorkloadSettings, WorkloadStyle};
use openchoreo_types::v1alpha1 as oc;
use serde_json::{Value, json};

use crate::lab::{Lab, component, platform, platform_with, reason, verdict};

fn environment(level: Option<&str>) -> String {
    let annotations = level.map(|level| format!(", annotations: {{openchoreo.dev/pod-security: '{level}'}}"));
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata: {{name: development, namespace: acme{}}}
spec: {{dataPlaneRef: plane}}
",
        annotations.unwrap_or_default()
    )
}

/// The levels that the cell's namespace enforces and warns of.
fn levels(lab: &Lab) -> [Value; 2] {
    let namespace = lab.of_kind("acme", "Namespace").remove(0);
    let label = |mode: &str| namespace["metadata"]["labels"][format!("pod-security.kubernetes.io/{mode}")].clone();
    assert_eq!(label("warn"), label("audit"));
    [label("enforce"), label("warn")]
}

fn template(lab: &Lab) -> Value {
    lab.of_kind("acme", "Deployment").remove(0)["spec"]["template"].clone()
}

fn environment_ready(lab: &Lab) -> (String, String) {
    reason(&lab.control::<oc::Environment>("acme", "development").expect("it exists"), "Ready")
}

#[test]
fn an_environment_that_is_restricted_has_pods_that_are_admitted() {
    let mut lab = Lab::with_organization(&platform(), "acme");
    lab.apply(&component("acme", "cart"));
    assert_eq!(levels(&lab), ["baseline", "restricted"]);
    let before = template(&lab);
    lab.apply(&environment(Some("baseline")));
    assert_eq!((levels(&lab), template(&lab)), ([json!("baseline"), json!("restricted")], before.clone()));
    lab.apply(&environment(Some("restricted")));
    assert_eq!(levels(&lab), ["restricted", "restricted"]);
    let pod = &template(&lab)["spec"];
    assert_eq!(pod["securityContext"], json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container, &json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}));
    assert!(lab.is_at_rest());
    lab.apply(&environment(None));
    assert_eq!((levels(&lab), template(&lab)), ([json!("baseline"), json!("restricted")], before));
}

#[test]
fn a_wider_level_of_the_platform_changes_the_namespace_and_no_pod() {
    let settings = PlatformSettings { pod_security: PodSecurity::Privileged, ..PlatformSettings::default() };
    let wide = platform_with(settings, &WorkloadSettings::default());
    let mut lab = Lab::with_organization(&wide, "acme");
    lab.apply(&component("acme", "cart"));
    assert_eq!(levels(&lab), ["privileged", "privileged"]);
    let before = template(&lab);
    lab.apply(&environment(Some("baseline")));
    assert_eq!((levels(&lab), template(&lab)), ([json!("baseline"), json!("restricted")], before));
}

#[test]
fn a_level_that_is_none_or_wider_is_named_and_what_runs_stays() {
    let mut lab = Lab::with_organization(&platform(), "acme");
    lab.apply(&component("acme", "cart"));
    lab.apply(&environment(Some("restricted")));
    let before = (levels(&lab), template(&lab));
    for wrong in ["", "Restricted", "strict", "privileged"] {
        lab.apply(&environment(Some(wrong)));
        assert_eq!(environment_ready(&lab), verdict("False", "PodSecurityInvalid"), "{wrong}");
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"), "{wrong}");
        let told = lab.message("acme", "cart-development", "Ready");
        for part in ["Environment `development`", "openchoreo.dev/pod-security", "`baseline` or `restricted`"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!((levels(&lab), template(&lab)), before, "{wrong}");
    }
    lab.apply(&environment(Some("restricted")));
    assert_eq!(environment_ready(&lab).0, "True");
}

#[test]
fn pods_as_upstream_writes_them_are_confined_only_where_they_must_be() {
    let workloads = WorkloadSettings { style: WorkloadStyle::Upstream, ..WorkloadSettings::default() };
    let mut lab = Lab::with_organization(&platform_with(PlatformSettings::default(), &workloads), "acme");
    lab.apply(&component("acme", "cart"));
    assert_eq!(levels(&lab), ["baseline", "restricted"]);
    assert_eq!(template(&lab)["spec"]["securityContext"], Value::Null);
    lab.apply(&environment(Some("restricted")));
    let pod = &template(&lab)["spec"];
    assert_eq!(pod["securityContext"], json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container, &json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}));
}
