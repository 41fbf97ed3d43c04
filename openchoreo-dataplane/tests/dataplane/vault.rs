//! What configuration groups may name in the secret store.

use openchoreo_core::platform::PlatformSettings;
use openchoreo_dataplane::WorkloadSettings;
use openchoreo_types::v1alpha1 as oc;
use serde_json::Value;

use crate::lab::{Lab, artifact, component, found, platform, platform_with, reason, verdict};

const USES_GROUP: &str = "env: [{key: PASSWORD, valueFrom: {configurationGroupRef: {name: database, key: password}}}]";

/// A group with a secret for an environment.
fn group(vault_key: &str) -> String {
    let vault_key = Value::from(vault_key);
    format!(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: ConfigurationGroup
metadata: {{name: database, namespace: acme}}
spec: {{configurations: [{{key: password, values: [{{environment: development, vaultKey: {vault_key}}}]}}]}}
"
    )
}

/// A component that uses the group, on a platform with a prefix or without.
fn lab_with(prefix: Option<&str>, vault_key: &str) -> Lab {
    let vault_prefix = prefix.map(|prefix| prefix.parse().expect("a prefix"));
    let workloads = WorkloadSettings { vault_prefix, ..WorkloadSettings::default() };
    let platform = if prefix.is_some() { platform_with(PlatformSettings::default(), &workloads) } else { platform() };
    let mut lab = Lab::with_organization(&platform, "acme");
    lab.apply(&group(vault_key));
    lab.apply(&component("acme", "cart"));
    lab.apply(&artifact("acme", "cart", "cart-v1", USES_GROUP));
    lab
}

fn group_ready(lab: &Lab) -> Value {
    found(&lab.control::<oc::ConfigurationGroup>("acme", "database").expect("it exists"), "Ready")
}

#[test]
fn keys_outside_of_the_prefix_are_refused_where_they_are_written_and_where_they_are_used() {
    let prefix = "secret/data/{organization}/{environment}";
    let mut lab = lab_with(Some(prefix), "secret/data/acme/development/database");
    assert_eq!(group_ready(&lab)["reason"], "ConfigurationGroupValid");
    let before = lab.of_kind("acme", "SecretProviderClass");
    assert!(before[0].to_string().contains("secret/data/acme/development/database"), "{before:?}");
    for outside in [
        "secret/data/globex/development/database",
        "secret/data/acme/production/database",
        "secret/data/acme/development",
        "secret/data/acme/developments/database",
        "secret/test/redis/password",
    ] {
        lab.apply(&group(outside));
        let shown = group_ready(&lab);
        assert_eq!((&shown["status"], &shown["reason"]), (&"False".into(), &"VaultKeyOutside".into()), "{outside}");
        assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"), "{outside}");
        let messages =
            [shown["message"].as_str().unwrap_or_default(), &lab.message("acme", "cart-development", "Ready")];
        for message in messages {
            for part in [outside, "`secret/data/acme/development`", "`development`", "configurations[0]"] {
                assert!(message.contains(part), "{part}: {message}");
            }
        }
        assert_eq!(lab.of_kind("acme", "SecretProviderClass"), before, "what runs stays: {outside}");
    }
    lab.apply(&group("secret/data/acme/development/other"));
    assert_eq!(group_ready(&lab)["reason"], "ConfigurationGroupValid");
    assert_ne!(lab.of_kind("acme", "SecretProviderClass"), before);
    assert!(lab.is_at_rest());
}

#[test]
fn keys_that_could_escape_are_refused_whatever_the_prefix() {
    for prefix in [None, Some("secret/data/{organization}")] {
        let mut lab = lab_with(prefix, "secret/data/acme/database");
        let before = lab.of_kind("acme", "SecretProviderClass");
        assert_eq!(before.len(), 1);
        for hostile in [
            "secret/data/acme/../globex/database",
            "secret/data/acme/%2e%2e/globex/database",
            "secret/data/acme//database",
            "/secret/data/acme/database",
            "secret/data/acme/database/",
            "secret/data/acme/database?version=1",
            "secret/data/acme/ .. /database",
            "secret/data/acme/x\n- objectName: y",
        ] {
            lab.apply(&group(hostile));
            assert_eq!(group_ready(&lab)["reason"], "InvalidVaultKey", "{hostile}");
            assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"), "{hostile}");
            assert_eq!(lab.of_kind("acme", "SecretProviderClass"), before, "{hostile}");
        }
    }
}

#[test]
fn a_key_for_several_environments_is_inside_for_each_or_refused() {
    let mut lab = lab_with(Some("kv/{organization}/{environment}"), "kv/acme/development/database");
    lab.apply(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: Environment
metadata: {name: staging, namespace: acme}
spec: {dataPlaneRef: plane}
",
    );
    lab.apply(
        "
apiVersion: openchoreo.dev/v1alpha1
kind: ConfigurationGroup
metadata: {name: database, namespace: acme}
spec:
  environmentGroups: [{name: all, environments: [development, staging]}]
  configurations: [{key: password, values: [{environmentGroupRef: all, vaultKey: kv/acme/development/database}]}]
",
    );
    let shown = group_ready(&lab);
    assert_eq!(shown["reason"], "VaultKeyOutside");
    assert!(shown["message"].as_str().unwrap_or_default().contains("`kv/acme/staging`"), "{shown}");
    assert_eq!(lab.of_kind("acme", "SecretProviderClass").len(), 1, "development may read its own");
}

#[test]
fn a_group_of_the_organization_may_hold_keys_of_its_projects_and_a_component_uses_those_of_its_own() {
    let mut lab = lab_with(Some("kv/{organization}/{project}"), "kv/acme/shop/database");
    assert_eq!(group_ready(&lab)["status"], "True");
    assert_eq!(lab.of_kind("acme", "SecretProviderClass").len(), 1);
    lab.apply(&group("kv/acme/bank/database"));
    assert_eq!(
        reason(&lab.control::<oc::ConfigurationGroup>("acme", "database").expect("it exists"), "Ready").0,
        "True"
    );
    assert_eq!(lab.ready("acme", "cart-development"), verdict("False", "RenderFailed"));
}
