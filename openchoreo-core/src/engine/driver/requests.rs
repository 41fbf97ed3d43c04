//! Requests: an operation of the core as a request of kube, and the answer as the core knows it.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use kube::Client;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, PropagationPolicy};
use tracing::debug;

use super::metrics::{Metrics, RequestLabels};
use super::watches::{api, read};
use crate::client;
use crate::engine::core::{Answer, Operation, Trouble};
use crate::extension::chain;
use crate::kind::PlaneKey;
use crate::world::Disconnect;

/// Sends a request, and reads its answer.
pub(super) async fn ask(
    client: Client,
    plane: &PlaneKey,
    operation: Operation,
    timeout: Duration,
    metrics: &Metrics,
) -> Answer {
    let (verb, key) = (operation.verb(), operation.key().clone());
    let sent = tokio::time::timeout(timeout, AssertUnwindSafe(send(client, operation)).catch_unwind()).await;
    let answer = match sent {
        Ok(Ok(Ok(answer))) => answer,
        Ok(Ok(Err(error))) => refusal(&error),
        Ok(Err(_)) => {
            Answer::Failed(Trouble { cause: Disconnect::ServerError, message: "the request panicked".to_owned() })
        }
        Err(_) => {
            let message = format!("no answer within {} s", timeout.as_secs());
            Answer::Failed(Trouble { cause: Disconnect::NoAnswer, message })
        }
    };
    let is_ok = matches!(answer, Answer::Object(_) | Answer::Inspected(..) | Answer::Done);
    let name =
        plane.remote().map_or_else(|| "control".to_owned(), |plane| format!("{}/{}", plane.namespace, plane.name));
    metrics.count_request(&RequestLabels { plane: name, verb, result: if is_ok { "ok" } else { "error" } });
    debug!(%verb, %plane, object = %key, ?answer, "request");
    answer
}

async fn send(client: Client, operation: Operation) -> Result<Answer, kube::Error> {
    let key = operation.key().clone();
    let api = api(client, key.kind, &key.namespace);
    let shown = |object: DynamicObject| {
        read(key.kind, object).map_or_else(|| Answer::Refused("the answer has no name".to_owned()), Answer::Object)
    };
    match operation {
        Operation::Get { key } => api.get(&key.name).await.map(shown),
        Operation::Inspect { key } => {
            let object = api.get(&key.name).await?;
            let managers = managers(&object);
            Ok(match shown(object) {
                Answer::Object(live) => Answer::Inspected(live, managers),
                other => other,
            })
        }
        Operation::Apply { key, manager, object, to_status } => {
            let params = PatchParams::apply(&manager).force();
            client::apply(&api, &key.name, &params, &object, to_status).await.map(shown)
        }
        Operation::Patch { key, operations } => match serde_json::from_value(operations) {
            Ok(patch) => api.patch(&key.name, &PatchParams::default(), &Patch::<()>::Json(patch)).await.map(shown),
            Err(error) => Ok(Answer::Refused(error.to_string())),
        },
        Operation::Delete { key, uid } => {
            let params = DeleteParams {
                preconditions: Some(Preconditions {
                    uid: Some(uid).filter(|uid| !uid.is_empty()),
                    resource_version: None,
                }),
                propagation_policy: Some(PropagationPolicy::Background),
                ..DeleteParams::default()
            };
            let answer = api.delete(&key.name, &params).await?;
            Ok(answer.either(shown, |_| Answer::Done))
        }
    }
}

/// The field managers that have written more of an object than its status, by name.
fn managers(object: &DynamicObject) -> Vec<String> {
    let entries = object.metadata.managed_fields.iter().flatten();
    let of_all = entries.filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty());
    let names: BTreeSet<String> = of_all.filter_map(|entry| entry.manager.clone()).collect();
    names.into_iter().collect()
}

fn refusal(error: &kube::Error) -> Answer {
    let kube::Error::Api(status) = error else { return Answer::Failed(trouble(error)) };
    match status.code {
        404 => Answer::NotFound(status.message.clone()),
        409 => Answer::Conflict(status.message.clone()),
        400 | 422 => Answer::Refused(status.message.clone()),
        _ => Answer::Failed(trouble(error)),
    }
}

/// What is wrong, by an error of the client.
pub(super) fn trouble(error: &kube::Error) -> Trouble {
    let (cause, message) = match error {
        kube::Error::Api(status) => {
            let cause = match status.code {
                401 => Disconnect::CredentialsRefused,
                403 => Disconnect::Forbidden,
                _ => Disconnect::ServerError,
            };
            (cause, status.message.clone())
        }
        other => {
            debug!(error = %chain(other), "a request failed");
            let shown = client::Trouble::of(other);
            (shown.cause, shown.text)
        }
    };
    Trouble { cause, message }
}
