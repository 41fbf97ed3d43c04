//! Which Secrets of its cell a component may use.

use openchoreo_types::v1alpha1 as oc;

use crate::lab::{Lab, artifact, component, platform, verdict};

const GROUP: &str = "
apiVersion: openchoreo.dev/v1alpha1
kind: ConfigurationGroup
metadata: {name: database, namespace: acme}
spec: {configurations: [{key: password, values: [{environment: development, vaultKey: secret/acme/database}]}]}
";

/// Every way in which an application section can name a Secret.
fn references(secret: &str) -> [String; 4] {
    [
        format!("env: [{{key: A, valueFrom: {{secretRef: {{name: {secret}, key: password}}}}}}]"),
        format!("envFrom: [{{secretRef: {{name: {secret}}}}}]"),
        format!("fileMounts: [{{mountPath: /a, valueFrom: {{secretRef: {{name: {secret}, key: password}}}}}}]"),
        format!("fileMountsFrom: [{{secretRef: {{name: {secret}, mountPath: /a}}}}]"),
    ]
}

/// Component `pay` with a secret of its own, beside component `cart` of the same project.
fn cell() -> (Lab, String) {
    let platform = platform();
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(GROUP);
    let uses = "env: [{key: A, valueFrom: {configurationGroupRef: {name: database, key: password}}}]";
    lab.apply(&component("acme", "cart"));
    lab.apply(&component("acme", "pay"));
    lab.apply(&artifact("acme", "pay", "pay-v1", uses));
    let kept = lab.of_kind("acme", "SecretProviderClass");
    let name = kept[0].pointer("/spec/secretObjects/0/secretName").and_then(|name| name.as_str()).expect("a name");
    (lab, name.to_owned())
}

fn workload(lab: &Lab, component: &str) -> Option<serde_json::Value> {
    let of = |object: &serde_json::Value| object["metadata"]["labels"]["component-name"] == component;
    lab.of_kind("acme", "Deployment").into_iter().find(of)
}

#[test]
fn a_component_cannot_use_what_the_platform_keeps_for_another() {
    let (mut lab, kept) = cell();
    let before = workload(&lab, "cart");
    for written in references(&kept) {
        lab.apply(&artifact("acme", "cart", "cart-v1", &written));
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"), "{written}");
        let message = lab.message("acme", "cart-development", "Ready");
        for part in ["`cart-v1`", "secretRef.name", kept.as_str(), "`configurationGroupRef`"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(workload(&lab, "cart"), before, "{written}");
    }
}

#[test]
fn what_another_component_will_have_is_refused_before_it_is_there() {
    let (mut lab, kept) = cell();
    lab.delete::<oc::Component>("acme", "pay");
    assert_eq!(lab.of_kind("acme", "SecretProviderClass").len(), 0);
    lab.apply(&artifact("acme", "cart", "cart-v1", &references(&kept)[1]));
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"));
}

#[test]
fn a_component_uses_its_own_secrets_and_those_that_people_put_there() {
    let (mut lab, kept) = cell();
    for written in references(&kept) {
        // That the group is used is what keeps its Secret there.
        let group = "envFrom: [{configurationGroupRef: {name: database}}";
        let written = match written.strip_prefix("envFrom: [") {
            Some(rest) => format!("{group}, {rest}"),
            None => format!("{group}], {written}"),
        };
        lab.apply(&artifact("acme", "pay", "pay-v1", &written));
        assert_eq!(lab.ready("acme", "pay-development").1, "DeploymentProgressing", "{written}");
        assert!(workload(&lab, "pay").is_some_and(|object| object.to_string().contains(&kept)), "{written}");
    }
    for name in ["tls-certificate", "db", "redis-credentials-2024", "cart-main"] {
        for written in references(name) {
            lab.apply(&artifact("acme", "cart", "cart-v1", &written));
            assert_eq!(lab.ready("acme", "cart-development").1, "DeploymentProgressing", "{written}");
            assert!(workload(&lab, "cart").is_some_and(|object| object.to_string().contains(name)), "{written}");
        }
    }
}
