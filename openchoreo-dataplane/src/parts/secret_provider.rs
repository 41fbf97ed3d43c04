//! SecretProviderClasses: the secret settings of each group, read from Vault when a pod starts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use openchoreo_core::extension::WorkloadContext;
use openchoreo_types::foreign::secrets_store::{
    SecretObject, SecretObjectData, SecretProviderClass, SecretProviderClassSpec,
};

use super::settings::{Group, Groups};
use super::{WorkloadSettings, metadata};

/// A SecretProviderClass for each group that has secret settings in the environment.
pub fn secret_provider_classes(
    cx: &WorkloadContext<'_>,
    settings: &WorkloadSettings,
    groups: &Groups<'_>,
) -> Vec<SecretProviderClass> {
    groups.values().filter(|group| group.secret().next().is_some()).map(|group| class(cx, settings, group)).collect()
}

/// The most bytes that one setting takes in a SecretProviderClass.
pub(crate) fn entry_size(key: &str, vault_key: &str) -> usize {
    // In the list for the provider, where a text may be quoted and its escapes escaped once more; and as key of the Secret.
    const AROUND: usize = 128;
    let quoted = |text: &str| text.len().saturating_mul(2).saturating_add(AROUND);
    quoted(key).saturating_mul(2).saturating_add(quoted(vault_key))
}

fn class(cx: &WorkloadContext<'_>, settings: &WorkloadSettings, group: &Group<'_>) -> SecretProviderClass {
    let mut objects = String::new();
    let mut data = Vec::new();
    for (key, vault_key) in group.secret() {
        // Writing to a String cannot fail.
        let _ =
            writeln!(objects, "- objectName: {}\n  secretPath: {}\n  secretKey: value", scalar(key), scalar(vault_key));
        data.push(SecretObjectData { object_name: Some(key.to_owned()), key: Some(key.to_owned()) });
    }
    let parameters = BTreeMap::from([
        ("objects".to_owned(), objects),
        ("roleName".to_owned(), settings.vault_role.clone()),
        ("vaultAddress".to_owned(), settings.vault_address.clone()),
    ]);
    let kept = SecretObject {
        secret_name: Some(group.resource.to_string()),
        type_: Some("Opaque".to_owned()),
        labels: cx.labels.clone(),
        data,
        ..SecretObject::default()
    };
    SecretProviderClass {
        metadata: metadata(cx, group.resource.as_str()),
        spec: SecretProviderClassSpec { provider: Some("vault".to_owned()), parameters, secret_objects: vec![kept] },
    }
}

/// A text as a YAML scalar: bare where every reader takes it for that text, else quoted. A vault key is free text and
/// must not be able to add entries to the list that it is written into.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let bare = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.'))
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if bare { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::scalar;

    #[test]
    fn a_vault_key_cannot_leave_its_place() {
        assert_eq!(scalar("secret/test/redis/password"), "secret/test/redis/password");
        for hostile in ["x\n- objectName: y", "a: b", "#", "", "true", "007", "- a"] {
            assert!(scalar(hostile).starts_with('"') && !scalar(hostile).contains('\n'), "{hostile}");
        }
    }
}
