//! Tokens of service accounts: a secret of their type is filled in, and its token logs in until the secret is gone.
//!
//! Tokens are opaque random text, not signed documents: only this server can check them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::auth::TokenSource;
use crate::lifecycle::delete;
use crate::state::{Change, State};
use crate::store::{Object, ObjectKey, ObjectRef};
use crate::value;

const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: [&str; 3] = ["metadata", "annotations", "kubernetes.io/service-account.name"];
const ACCOUNT_UID: [&str; 3] = ["metadata", "annotations", "kubernetes.io/service-account.uid"];

pub(super) fn react(state: &mut State, change: &Change) {
    match &*change.target.resource {
        "secrets" => {
            let before = change.before.as_ref().and_then(token);
            let after = change.after.as_ref().and_then(token);
            if before != after {
                if let Some(before) = before {
                    state.tokens.remove(&before);
                }
                if let Some(after) = after {
                    state.tokens.insert(after, TokenSource::Secret(change.target.clone()));
                }
            }
            if change.after.is_some() {
                fill(state, &change.target);
            }
        }
        "serviceaccounts" if change.before.is_none() || change.after.is_none() => {
            let namespace = change.target.key.namespace.as_str();
            let secrets: Vec<ObjectRef> = state
                .store
                .list("secrets", Some(namespace), None)
                .filter(|(_, secret)| value::text(secret, &["type"]) == Some(TYPE))
                .filter(|(_, secret)| value::text(secret, &ACCOUNT) == Some(&change.target.key.name))
                .map(|(key, _)| ObjectRef { resource: "secrets".into(), key: key.clone() })
                .collect();
            for secret in secrets {
                if change.after.is_some() {
                    fill(state, &secret);
                } else {
                    delete::begin(state, &secret, None);
                }
            }
        }
        _ => {}
    }
}

/// Writes the certificate authority into the secrets that are filled in already.
pub(super) fn publish_authority(state: &mut State) {
    let known = state.store.list("secrets", None, None).filter(|(_, secret)| token(secret).is_some());
    let outdated: Vec<(ObjectKey, Value)> = known.map(|(key, secret)| (key.clone(), Value::clone(secret))).collect();
    for (key, mut secret) in outdated {
        value::set(&mut secret, &["data", "ca.crt"], STANDARD.encode(&state.authority));
        state.put(&ObjectRef { resource: "secrets".into(), key }, secret);
    }
}

/// The token that a secret of the type holds.
fn token(secret: &Object) -> Option<String> {
    if value::text(secret, &["type"]) != Some(TYPE) {
        return None;
    }
    let encoded = value::text(secret, &["data", "token"])?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

/// Writes into a secret what its type promises, once its account exists.
fn fill(state: &mut State, target: &ObjectRef) {
    let Some(secret) = state.get(target).map(Arc::clone) else { return };
    if value::text(&secret, &["type"]) != Some(TYPE) || value::is_deleting(&secret) || token(&secret).is_some() {
        return;
    }
    let Some(account) = value::text(&secret, &ACCOUNT) else { return };
    let key = ObjectKey::new(target.key.namespace.as_str(), account);
    let Some(uid) = state.store.get("serviceaccounts", &key).and_then(|account| value::meta(account, "uid")) else {
        return;
    };
    let mut next = Value::clone(&secret);
    value::set(&mut next, &ACCOUNT_UID, uid);
    for (member, text) in
        [("token", random_token()), ("ca.crt", state.authority.clone()), ("namespace", target.key.namespace.clone())]
    {
        value::set(&mut next, &["data", member], STANDARD.encode(text));
    }
    state.put(target, next);
}

/// Unguessable text.
pub(crate) fn random_token() -> String {
    let parts = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
    parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part.as_bytes())).collect()
}
