//! `apply`: sends manifests by server-side apply, so that fields of other managers stay untouched.
//!
//! Everything is checked before anything is sent. An object that the server refuses does not stop the others: what is
//! wrong with all of them is told in one run.

mod wait;

use std::collections::BTreeSet;
use std::process::ExitCode;

use kube::api::{DynamicObject, Patch, PatchParams, ValidationDirective};

use super::FIELD_MANAGER;
use super::resolve::{Lookup, resolve};
use crate::args::{ApplyArgs, DryRun, GlobalArgs};
use crate::cluster::Cluster;
use crate::error::CliError;
use crate::io::Io;
use crate::manifest::{Resolved, load, sort_for_creation};

pub(crate) async fn run(args: ApplyArgs, global: &GlobalArgs, io: &mut Io) -> Result<ExitCode, CliError> {
    if args.manifests.filename.is_empty() {
        return Err(CliError::usage("nothing to apply", "name a file, a folder, a URL or `-` with `-f`"));
    }
    let manifests = load(&args.manifests, io).await?;
    if args.dry_run == Some(DryRun::Client) {
        for resolved in resolve(manifests, Lookup::Nowhere).await? {
            io.line(&format!("{}/{} valid (dry run)", resolved.kind.printed(), resolved.manifest.name()))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut cluster = Cluster::connect(global, io).await?;
    let mut manifests = resolve(manifests, Lookup::Server(&mut cluster)).await?;
    sort_for_creation(&mut manifests);
    let mut run = Run { args: &args, cluster: &cluster, absent_namespaces: BTreeSet::new() };
    let mut code = ExitCode::SUCCESS;
    for (index, resolved) in manifests.iter().enumerate() {
        match run.apply(resolved).await {
            Ok(outcome) => {
                let suffix = if run.is_dry() { " (server dry run)" } else { "" };
                io.line(&format!(
                    "{}/{} {}{suffix}",
                    resolved.kind.printed(),
                    resolved.manifest.name(),
                    outcome.word()
                ))?;
            }
            // A server that is gone is gone for the rest too.
            Err(error @ CliError::Unreachable { .. }) => return Err(error),
            Err(error) => code = io.fail(&error),
        }
        if !run.is_dry() && is_last_definition(&manifests, index) {
            let definitions =
                manifests.get(..=index).unwrap_or_default().iter().filter(|resolved| is_definition(resolved));
            for definition in definitions {
                wait::for_definition(&cluster, definition.manifest.name()).await?;
            }
        }
    }
    Ok(code)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Created,
    Configured,
    Unchanged,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
        }
    }
}

struct Run<'a> {
    args: &'a ApplyArgs,
    cluster: &'a Cluster,
    /// Waited for once, in vain.
    absent_namespaces: BTreeSet<String>,
}

impl Run<'_> {
    fn is_dry(&self) -> bool {
        self.args.dry_run == Some(DryRun::Server)
    }

    async fn apply(&mut self, resolved: &Resolved) -> Result<Outcome, CliError> {
        let act = format!("apply {} `{}`", resolved.kind.singular, resolved.manifest.name());
        match self.send(resolved).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => match missing_namespace(&error) {
                Some(namespace) => {
                    self.wait_for_namespace(&act, &namespace).await?;
                    self.send(resolved).await.map_err(|source| self.cluster.error(act, &resolved.kind, source))
                }
                None => Err(self.cluster.error(act, &resolved.kind, error)),
            },
        }
    }

    async fn send(&self, resolved: &Resolved) -> Result<Outcome, kube::Error> {
        let Resolved { manifest, kind } = resolved;
        let namespace = kind.namespaced.then(|| manifest.namespace().unwrap_or_else(|| self.cluster.namespace()));
        let objects = self.cluster.objects(kind, namespace);
        let before = objects.get_metadata_opt(manifest.name()).await?;
        let parameters = PatchParams {
            dry_run: self.is_dry(),
            force: self.args.force_conflicts,
            field_manager: Some(FIELD_MANAGER.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
        };
        let after: DynamicObject = objects.patch(manifest.name(), &parameters, &Patch::Apply(&manifest.object)).await?;
        Ok(match before {
            None => Outcome::Created,
            Some(before) if before.metadata.resource_version == after.metadata.resource_version => Outcome::Unchanged,
            Some(_) => Outcome::Configured,
        })
    }

    /// Waits for a namespace that an Organization brings. In a dry run nothing will bring it.
    async fn wait_for_namespace(&mut self, act: &str, namespace: &str) -> Result<(), CliError> {
        let absent = |waited_seconds| CliError::NoNamespace {
            act: act.to_owned(),
            namespace: namespace.to_owned(),
            waited_seconds,
        };
        if self.absent_namespaces.contains(namespace) {
            return Err(absent(Some(wait::PATIENCE.as_secs())));
        }
        if self.is_dry() || !wait::organization_exists(self.cluster, namespace).await? {
            return Err(absent(None));
        }
        if wait::for_namespace(self.cluster, namespace).await? {
            return Ok(());
        }
        self.absent_namespaces.insert(namespace.to_owned());
        Err(absent(Some(wait::PATIENCE.as_secs())))
    }
}

/// The namespace that a request failed for, when that is why it failed.
pub(super) fn missing_namespace(error: &kube::Error) -> Option<String> {
    let kube::Error::Api(status) = error else { return None };
    let details = status.details.as_ref()?;
    (status.code == 404 && details.kind == "namespaces").then(|| details.name.clone())
}

fn is_definition(resolved: &Resolved) -> bool {
    resolved.kind.kind == "CustomResourceDefinition"
}

fn is_last_definition(manifests: &[Resolved], index: usize) -> bool {
    manifests.get(index).is_some_and(is_definition) && !manifests.get(index + 1).is_some_and(is_definition)
}
