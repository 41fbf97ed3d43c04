//! `delete`: asks for the deletion of objects and waits until they are gone.

use std::process::ExitCode;
use std::time::Duration;

use kube::api::{Api, DeleteParams, DynamicObject};
use kube::runtime::conditions;
use kube::runtime::wait::await_condition;
use serde_json::Value;

use super::resolve::{Lookup, resolve};
use crate::args::DeleteArgs;
use crate::cluster::{Cluster, Kind};
use crate::error::CliError;
use crate::io::Io;
use crate::manifest::{load, sort_for_creation};

/// After this time people want to know what they are waiting for.
const SILENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run(args: DeleteArgs, cluster: &mut Cluster, io: &mut Io) -> Result<ExitCode, CliError> {
    let targets = targets(&args, cluster, io).await?;
    let mut code = ExitCode::SUCCESS;
    let mut leaving = Vec::new();
    for target in targets {
        match target.delete(cluster).await {
            Ok(uid) => {
                io.line(&format!("{} \"{}\" deleted", target.kind.printed(), target.name))?;
                leaving.extend(uid.map(|uid| (target, uid)));
            }
            Err(CliError::NotFound { .. }) if args.ignore_not_found => {}
            Err(error @ CliError::Unreachable { .. }) => return Err(error),
            Err(error) => code = io.fail(&error),
        }
    }
    if args.wait {
        let deadline = (args.timeout > 0).then(|| tokio::time::Instant::now() + Duration::from_secs(args.timeout));
        for (target, uid) in leaving {
            target.wait(&uid, deadline, args.timeout, cluster, io).await?;
        }
    }
    Ok(code)
}

/// One object to delete.
#[derive(Clone, Debug)]
struct Target {
    kind: Kind,
    name: String,
    namespace: Option<String>,
}

/// What the arguments name; from manifests in the opposite of the order of creation.
async fn targets(args: &DeleteArgs, cluster: &mut Cluster, io: &mut Io) -> Result<Vec<Target>, CliError> {
    let Some(kind) = &args.kind else {
        let manifests = load(&args.manifests, io).await?;
        let mut manifests = resolve(manifests, Lookup::Server(cluster)).await?;
        sort_for_creation(&mut manifests);
        return Ok(manifests
            .into_iter()
            .rev()
            .map(|resolved| {
                let own = resolved.manifest.namespace().map(str::to_owned);
                let namespace = cluster.namespace_for(&resolved.kind).map(|default| own.unwrap_or(default));
                Target { name: resolved.manifest.name().to_owned(), namespace, kind: resolved.kind }
            })
            .collect());
    };
    let (kind, own_name) = match kind.split_once('/') {
        Some((kind, name)) => (kind, Some(name.to_owned())),
        None => (kind.as_str(), None),
    };
    let names: Vec<String> = own_name.into_iter().chain(args.names.iter().cloned()).collect();
    if names.is_empty() {
        return Err(CliError::usage("no name given", "write for example `choreoctl delete component shop`"));
    }
    let kind = cluster.kind_called(kind).await?;
    let namespace = cluster.namespace_for(&kind);
    Ok(names.into_iter().map(|name| Target { kind: kind.clone(), name, namespace: namespace.clone() }).collect())
}

impl Target {
    fn objects(&self, cluster: &Cluster) -> Api<DynamicObject> {
        cluster.objects(&self.kind, self.namespace.as_deref())
    }

    fn describe(&self) -> String {
        format!("{} `{}`", self.kind.singular, self.name)
    }

    /// Asks for the deletion. Returns the identity of the object when it is still there.
    async fn delete(&self, cluster: &Cluster) -> Result<Option<String>, CliError> {
        let objects = self.objects(cluster);
        let parameters = DeleteParams::background();
        match objects.delete(&self.name, &parameters).await {
            Ok(answer) => Ok(answer.either(
                |object| object.metadata.uid,
                |status| status.details.map(|details| details.uid).filter(|uid| !uid.is_empty()),
            )),
            Err(kube::Error::Api(status)) if status.code == 404 && status.details.is_some() => {
                Err(cluster.not_found(&self.kind, &self.name, self.namespace.as_deref()).await)
            }
            Err(source) => Err(cluster.error(format!("delete {}", self.describe()), &self.kind, source)),
        }
    }

    /// Waits until that very object is gone; a new one of the same name does not count.
    async fn wait(
        &self,
        uid: &str,
        deadline: Option<tokio::time::Instant>,
        timeout: u64,
        cluster: &Cluster,
        io: &mut Io,
    ) -> Result<(), CliError> {
        let gone = await_condition(self.objects(cluster), &self.name, conditions::is_deleted(uid));
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let silence = tokio::time::sleep(SILENCE);
        tokio::pin!(gone, late, silence);
        let mut is_announced = false;
        loop {
            tokio::select! {
                result = &mut gone => {
                    return result.map(drop).map_err(|error| CliError::Refused {
                        act: format!("wait for the deletion of {}", self.describe()),
                        reason: error.to_string(),
                        hint: None,
                    });
                }
                () = &mut silence, if !is_announced => {
                    is_announced = true;
                    let reason = self.reason(cluster).await;
                    io.note(&format!("waiting until {} is gone{}", self.describe(), reason.map(|reason| format!(": {reason}")).unwrap_or_default()))?;
                }
                () = &mut late => {
                    return Err(CliError::Timeout {
                        what: format!("the deletion of {}", self.describe()),
                        seconds: timeout,
                        hint: self.reason(cluster).await,
                    });
                }
            }
        }
    }

    /// What keeps the object: what the platform says, or else its finalizers.
    async fn reason(&self, cluster: &Cluster) -> Option<String> {
        let object = self.objects(cluster).get_opt(&self.name).await.ok().flatten()?;
        let ready = object
            .data
            .pointer("/status/conditions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .find(|condition| condition.get("type").and_then(Value::as_str) == Some("Ready"));
        let message = ready.and_then(|condition| condition.get("message")).and_then(Value::as_str);
        let finalizers = object.metadata.finalizers.filter(|finalizers| !finalizers.is_empty());
        match message.filter(|message| !message.is_empty()) {
            Some(message) => Some(message.to_owned()),
            None => finalizers.map(|finalizers| format!("finalizers {}", crate::error::quoted(&finalizers))),
        }
    }
}
